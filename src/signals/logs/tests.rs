use super::*;

#[test]
fn nothing_comes_twice_and_nothing_is_lost() {
    let mut seen = Seen::default();
    let words = |seen: &mut Seen, text: &str| news(text, seen).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    let (one, two) = ("2026-01-01T00:00:01Z", "2026-01-01T00:00:02.5Z");
    assert_eq!(words(&mut seen, &format!("{one} a\n{one} b\n")), ["a", "b"]);
    assert_eq!(words(&mut seen, &format!("{one} a\n{one} b\n")), [""; 0]);
    assert_eq!(words(&mut seen, &format!("{one} a\n{one} b\n{one} c\n{two} d\u{1b}[2J\u{202e}\n")), ["c", "d"]);
    assert_eq!(words(&mut seen, &format!("{one} c\n{two} d\n{two} e\n")), ["e"]);
    assert_eq!(seen, Seen { last: two.into(), lines: 2 });
}
