//! Whose sessions of the past count, where an environment requires some.

use pacenote::app::entry::{Found, Trust, evidence_is_good};
use pacenote::journal::verify::Options;
use pacenote::session::event::Mode;
use pacenote::signature::AllowedSigners;

use super::forge::{Forge, key, list};
use super::{Bench, now};

fn trust(list: Option<&str>, own: &[u8], verified_only: bool) -> Trust {
    let own = own.iter().map(|n| key(*n).public().fingerprint()).collect();
    Trust { signers: list.map(|list| AllowedSigners::parse(list).unwrap()), own, verified_only, now: now() }
}

#[test]
fn sessions_count_by_who_sealed_them_and_where_they_were_found() {
    let (good, mut open) = (Forge::begin(Mode::Live).finish(), Forge::begin(Mode::Live));
    open.note("still going on");
    let rehearsal = Forge::begin(Mode::Rehearsal).finish();
    let mut broken = good.clone();
    broken[200] ^= 1;
    let list = list();
    let (listed, mine, strangers) = (trust(Some(&list), &[], false), trust(None, &[1], false), trust(None, &[4], false));
    let strict = |trust: &Trust| Trust { verified_only: true, ..trust.clone() };
    let (strict_listed, strict_mine) = (strict(&listed), strict(&mine));
    let revoked = trust(Some(&format!("bob@example.com {}", key(4).public().line())), &[], false);
    let cases = [
        ("verified", &good, &listed, [true, true]),
        ("verified, strictly", &good, &strict_listed, [true, true]),
        ("sealed with this user's own key", &good, &mine, [true, false]),
        ("the same, strictly", &good, &strict_mine, [false, false]),
        ("sealed by a stranger", &good, &strangers, [false, false]),
        ("by a key that the list does not have", &good, &revoked, [false, false]),
        ("still open", &open.bytes, &listed, [true, false]),
        ("still open, strictly", &open.bytes, &strict_listed, [false, false]),
        ("a rehearsal", &rehearsal, &listed, [true, false]),
        ("a rehearsal, strictly", &rehearsal, &strict_listed, [true, false]),
        ("broken", &broken, &mine, [false, false]),
    ];
    for (name, bytes, trust, expected) in cases {
        let bench = Bench::new();
        std::fs::write(&bench.path, bytes).unwrap();
        let options = Options { signers: trust.signers.as_ref(), now: trust.now, ..Options::default() };
        let found = pacenote::journal::verify::verify_with(&bench.path, options);
        let counts = [Found::Here, Found::Elsewhere].map(|place| evidence_is_good(&found, place, trust));
        assert_eq!(counts.clone().map(|counts| counts.is_ok()), expected, "{name}: {counts:?}");
        assert!(counts.iter().all(|counts| counts.as_ref().err().is_none_or(|why| why.len() > 20)), "{name}");
    }
}
