#!/bin/sh
# Verifies one pacenote journal with coreutils, sed, grep, jq (1.6 on) and ssh-keygen:
#   sh verify.sh JOURNAL ALLOWED_SIGNERS
# Ends with 0 (intact, sealed, trusted), 1 (broken), 5 (open, unsealed, torn) or 6 (intact,
# signer not trusted), as `pacenote verify` does. It reads one line at a time and is slow.
# It does NOT check: that lines are at most 64 KiB, strings 4 KiB and nesting 100 deep; that
# a signature is made over SHA-256; approvals; `bundle/`; revocation lists; packs. Without its newline, the last
# line of a closed session is "torn" to it, whatever it is.
set -u; export LC_ALL=C
journal=${1:?usage: verify.sh JOURNAL ALLOWED_SIGNERS} signers=${2:-/dev/null}
dir=$(dirname -- "$journal") tmp=$(mktemp -d) || exit 3
trap 'rm -rf -- "$tmp"' EXIT
broken() { echo "$journal: line $n: $1"; exit 1; }
get() { jq -r "$1 // \"\"" "$tmp/line"; }
n=0 offset=0 prev=$(printf '%064d' 0) sid='' stage=empty segment='' who='' key='' mode='' inhand=-9 role=''
size=$(wc -c <"$journal") && whole=$(tr -cd '\n' <"$journal" | wc -c) || exit 3
while [ "$n" -lt "$whole" ]; do
  n=$((n + 1))
  tail -c +$((offset + 1)) "$journal" | head -n 1 >"$tmp/line"
  # One encoding: compact, ASCII, the keys of a record in order, whole numbers below 2^53.
  jq -ac . "$tmp/line" 2>/dev/null | sed 's/\x7f/\\u007f/g' | cmp -s - "$tmp/line" || broken 'not written as the program writes it'
  jq -r 'if (keys_unsorted == ["v","seq","sid","prev","ts","mono_ms","type","data"]) and .v == 1
    and (.ts | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"))
    and (.sid | test("^[a-z0-9_][a-z0-9_-]*$")) and (.type | test("^[a-z0-9._-]+$")) and .mono_ms >= 0 and .seq >= 0
    and ([.. | numbers] | all(. == floor and fabs < 9007199254740992))
    then (.prev, .seq, .sid, .type) else error("no") end' "$tmp/line" >"$tmp/out" 2>/dev/null || broken 'not a record'
  { read -r before && read -r number && read -r of && read -r type; } <"$tmp/out"
  [ "$before" = "$prev" ] || broken 'prev is not the hash of the line before'
  [ "$number" = $((n - 1)) ] || broken 'seq is not the number that comes next'
  [ "$n" = 1 ] && sid=$of; [ "$of" = "$sid" ] || broken "sid is another session's"
  case $stage:$type in
    empty:session.opened | sealing:journal.sealed) stage=open ;;
    empty:* | ended:* | *:session.opened) broken "$type does not stand here" ;;
    closed:seal.intended) stage=closing ;;
    closing:journal.sealed) stage=ended ;;
    closed:* | closing:* | *:journal.sealed) broken "$type does not stand here" ;;
    *:seal.intended) stage=sealing ;;
    *:session.closed) stage=closed ;;
    *) stage=open ;;
  esac
  : >"$tmp/blobs"; grep -q '"blob":' "$tmp/line" && jq -r '.. | objects | select(keys_unsorted == ["blob","bytes","head"]) | "\(.blob) \(.bytes)"' "$tmp/line" >"$tmp/blobs"
  while read -r blob bytes; do
    case $blob in *[!0-9a-f]*) continue ;; esac
    [ "$(wc -c <"$dir/output/$blob" 2>/dev/null)" = "$bytes" ] || broken "the file $blob is missing or changed"
    [ "$(sha256sum <"$dir/output/$blob")" = "$blob  -" ] || broken "the file $blob is changed"
  done <"$tmp/blobs"
  case $type in
    session.opened | session.resumed)
      who=$(get .data.operator.principal) key=$(get .data.operator.key) inhand=$n segment=''
      [ "$type" = session.opened ] && mode=$(get .data.mode) ;;
    seal.intended) jq -c '[.ts, .mono_ms, .data]' "$tmp/line" >"$tmp/announced" ;;
    journal.sealed)
      jq -e '.data | keys_unsorted == ["role","signer","key","namespace"] + (if .role == "segment" then [] else ["issuer"] end)
        + (if .role == "open" then ["segment"] else [] end) + ["bytes","sha256","sig"]' "$tmp/line" >"$tmp/out" || broken 'a seal has other fields'
      jq -c '[.ts, .mono_ms, (.data | del(.bytes, .sha256, .sig))]' "$tmp/line" | cmp -s - "$tmp/announced" || broken 'not what was announced'
      role=$(get .data.role) by=$(get .data.key) want=$key
      case $role:$stage:$((n - inhand)) in
        close:ended:* | open:open:2) ;;
        segment:open:*) want=$segment ;;
        *) broken 'a seal of this kind does not stand here' ;;
      esac
      [ "$(get .data.namespace)" = pacenote-session ] || broken 'the seal is for another purpose'
      [ "$(jq .data.bytes "$tmp/line")" = "$offset" ] || broken 'the seal covers other bytes'
      [ "$(get .data.signer)" = "$who" ] && [ -n "$by" ] && [ "$by" = "$want" ] || broken "the seal is not the operator's"
      head -c "$offset" "$journal" >"$tmp/body"
      [ "$(sha256sum <"$tmp/body")" = "$(get .data.sha256)  -" ] || broken 'the seal names another hash'
      jq -j .data.sig "$tmp/line" >"$tmp/sig"
      { sed -n 1p "$tmp/sig"; sed '1d;$d' "$tmp/sig" | base64 -d | base64 -w 70; sed -n '$p' "$tmp/sig"; } 2>/dev/null | cmp -s - "$tmp/sig" || broken 'the armor is not the canonical one'
      said=$(ssh-keygen -Y check-novalidate -n pacenote-session -s "$tmp/sig" <"$tmp/body" 2>/dev/null) || broken 'the signature is not good'
      case $said in *" $by") ;; *) broken 'the signature is by another key' ;; esac
      [ "$role" = open ] && { get .data.segment >"$tmp/key"; segment=$(ssh-keygen -l -f "$tmp/key" 2>/dev/null | cut -d ' ' -f 2); } ;;
  esac
  prev=$(sha256sum <"$tmp/line" | cut -c 1-64) offset=$((offset + $(wc -c <"$tmp/line")))
done
n=$((n + 1)); [ "$stage" = ended ] && [ "$size" -gt "$offset" ] && broken 'bytes stand behind the end'
[ "$stage" = ended ] || { echo "$journal: intact, but open, unsealed or torn"; exit 5; }
[ "$mode" != rehearsal ] || { echo "$journal: a rehearsal proves nothing"; exit 6; }
ssh-keygen -Y verify -f "$signers" -I "$who" -n pacenote-session -s "$tmp/sig" <"$tmp/body" >"$tmp/out" 2>&1 ||
  { echo "$journal: intact, but the signer is not trusted"; exit 6; }
echo "$journal: verified, sealed by $who"
