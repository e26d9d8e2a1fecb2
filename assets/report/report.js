// Recomputes the chain of the journal within this page. Uses nothing but this browser:
// no request is made, and the page's policy would refuse one.
"use strict";
(() => {
  const at = id => document.getElementById(id);
  const LONGEST = 65536;
  const SHAPE = /^\{"v":1,"seq":(\d+),"sid":"([a-z0-9_-]+)","prev":"([0-9a-f]{64})","ts":"([0-9T:.Z-]+)","mono_ms":(\d+),"type":"([a-z0-9._-]+)","data":.*\}$/s;

  async function journal() {
    const packed = Uint8Array.from(atob(at("journal").textContent), c => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function hash(bytes) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, b => b.toString(16).padStart(2, "0")).join("");
  }

  // Why a record may not stand where it does; nothing where it may.
  function misplaced(kind, last, closed) {
    if (last === null) return kind === "session.opened" ? "" : "the first record is not session.opened";
    if (kind === "session.opened") return "session.opened stands a second time";
    if (kind === "journal.sealed") return last === "seal.intended" ? "" : "journal.sealed does not follow its seal.intended";
    if (closed === 2) return "a record stands behind the closing seal";
    if (closed === 1 && (kind !== "seal.intended" || last !== "session.closed")) return "a record stands behind session.closed";
    return "";
  }

  async function check(bytes, progress) {
    const text = new TextDecoder("latin1");
    let from = 0, line = 0, head = "0".repeat(64), sid = null, last = null, closed = 0, seals = 0;
    const wrong = what => ({ line, what, records: line - 1, head });
    for (;;) {
      const end = bytes.indexOf(10, from);
      if (end < 0) break;
      line += 1;
      const raw = bytes.subarray(from, end + 1);
      if (raw.length > LONGEST) return wrong("it is longer than 64 KiB");
      const found = SHAPE.exec(text.decode(raw.subarray(0, raw.length - 1)));
      if (!found) return wrong("it is not a record as pacenote writes one");
      const [, seq, session, prev, , , kind] = found;
      try { JSON.parse(found[0]); } catch { return wrong("it is not JSON"); }
      if (prev !== head) return wrong("its prev is not the hash of the line before: a line was changed, removed, moved or put in");
      if (Number(seq) !== line - 1) return wrong("its seq is not the number that comes next");
      if (sid !== null && session !== sid) return wrong("its sid is another session's");
      const place = misplaced(kind, last, closed);
      if (place) return wrong(place);
      if (kind === "session.closed") closed = 1;
      if (kind === "journal.sealed") { seals += 1; if (closed === 1) closed = 2; }
      [sid, last, head, from] = [session, kind, await hash(raw), end + 1];
      if (line % 1000 === 0) progress(line);
    }
    return { line: 0, records: line, head, seals, closed, torn: bytes.length - from };
  }

  function say(kind, text) {
    at("verdict").className = kind;
    at("verdict").textContent = text;
  }

  function verdict(found, whole) {
    if (found.line) {
      return ["bad", `BROKEN. Line ${found.line} is wrong: ${found.what}. The ${found.records} lines before it are in order (head ${found.head}).`];
    }
    if (found.records === 0) return ["bad", "BROKEN. There is no record."];
    if (found.torn && found.closed) return ["bad", `BROKEN. ${found.torn} bytes stand behind the end of a closed session.`];
    if (found.torn) return ["open", `The chain is intact up to record ${found.records - 1}, but the last record was not written to its end (${found.torn} bytes). Head ${found.head}.`];
    if (found.head !== at("head").textContent || whole !== at("whole").textContent) {
      return ["bad", "The chain is intact, but it is not the one this page was made from: the hashes above are others."];
    }
    const seals = found.seals ? `${found.seals} seals stand in it; this button judges NONE of them.` : "There is NO SEAL in it.";
    const chain = `The chain is intact: ${found.records} records, head ${found.head}. ${seals}`;
    return found.closed ? ["good", chain] : ["open", `${chain} The session is NOT CLOSED.`];
  }

  async function verify() {
    at("run-check").disabled = true;
    try {
      if (!globalThis.crypto || !crypto.subtle) throw new Error("this browser offers Web Crypto only to pages from a file or over https");
      say("", "Checking …");
      const bytes = await journal();
      const found = await check(bytes, line => say("", `Checking … line ${line}`));
      say(...verdict(found, await hash(bytes)));
    } catch (error) {
      say("bad", `NOT CHECKED: ${error.message}. Nothing is known about the journal; use pacenote verify.`);
    }
    at("run-check").disabled = false;
  }

  async function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await journal()], { type: "application/x-ndjson" }));
    link.download = "journal.jsonl";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  at("run-check").addEventListener("click", verify);
  at("save-journal").addEventListener("click", save);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
  // A link to the page with #verify presses the button.
  if (location.hash === "#verify") verify();
})();
