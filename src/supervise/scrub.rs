//! Takes known secrets out of a stream of bytes, wherever its pieces are cut.

/// Shorter secrets would tear up ordinary words, and are weak beyond help.
const SHORTEST: usize = 4;

/// Holds back only what could be the beginning of a secret.
pub struct Scrubber {
    /// Longest first, so that a secret that contains another is taken out whole.
    secrets: Vec<Known>,
    held: Vec<u8>,
}

struct Known {
    value: Vec<u8>,
    mark: String,
}

impl Scrubber {
    /// For these secrets, names and values; a name stands where its value was. Of those
    /// with several lines, each line counts too, because commands print them line by line.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all: Vec<Known> = Vec::new();
        for (name, secret) in secrets {
            let lines = secret.lines().map(str::trim).filter(|line| *line != secret);
            all.extend(
                std::iter::once(secret)
                    .chain(lines)
                    .map(|value| Known { value: value.as_bytes().to_vec(), mark: format!("[redacted {name}]") }),
            );
        }
        all.retain(|secret| secret.value.len() >= SHORTEST);
        all.sort_by(|a, b| b.value.len().cmp(&a.value.len()).then_with(|| a.value.cmp(&b.value)));
        all.dedup_by(|a, b| a.value == b.value);
        Self { secrets: all, held: Vec::new() }
    }

    /// A whole text without secrets.
    pub fn clean(&mut self, text: &str) -> String {
        let mut bytes = self.push(text.as_bytes());
        bytes.extend(self.finish());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Takes the next piece, gives what can be passed on.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let buffer = std::mem::take(&mut self.held);
        let mut out = Vec::with_capacity(buffer.len());
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            // A longer secret that may still be coming goes before a shorter one that is
            // already here.
            if self.secrets.iter().any(|secret| secret.value.len() > rest.len() && secret.value.starts_with(rest)) {
                break;
            }
            if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(&secret.value)) {
                out.extend_from_slice(secret.mark.as_bytes());
                rest = rest.get(secret.value.len()..).unwrap_or_default();
            } else if let Some((first, after)) = rest.split_first() {
                out.push(*first);
                rest = after;
            }
        }
        self.held = rest.to_vec();
        out
    }

    /// The stream has ended: what was held back is passed on, secrets taken out.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut out = Vec::new();
        let mut rest = held.as_slice();
        while let Some((first, after)) = rest.split_first() {
            if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(&secret.value)) {
                out.extend_from_slice(secret.mark.as_bytes());
                rest = rest.get(secret.value.len()..).unwrap_or_default();
            } else {
                out.push(*first);
                rest = after;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(secrets: &[&str], pieces: &[&[u8]]) -> String {
        let mut scrubber = Scrubber::new(secrets.iter().map(|secret| ("s", *secret)));
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| scrubber.push(piece)).collect();
        out.extend(scrubber.finish());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn secrets_are_taken_out_across_pieces() {
        assert_eq!(whole(&["hunter22"], &[b"the word is hun", b"ter2", b"2.\n"]), "the word is [redacted s].\n");
        assert_eq!(whole(&["hunter22"], &[b"the word is hunter2"]), "the word is hunter2");
        assert_eq!(whole(&["abcd", "abcdefgh"], &[b"abcdef", b"gh abcd"]), "[redacted s] [redacted s]");
        assert_eq!(whole(&["abcd", "abcdefgh"], &[b"abcdef", b"-"]), "[redacted s]ef-");
        assert_eq!(whole(&["line one\nline two"], &[b"> line two\n"]), "> [redacted s]\n");
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_held_back() {
        let mut scrubber = Scrubber::new([("s", "hunter22")]);
        assert_eq!(scrubber.push(b"Password: "), b"Password: ");
    }

    proptest! {
        #[test]
        fn no_secret_survives_any_cut(secret in "[a-c]{4,7}", before in "[a-c]{0,9}", after in "[a-c]{0,9}", cut in 0usize..24) {
            let text = format!("{before}{secret}{after}");
            let (one, two) = text.as_bytes().split_at(cut.min(text.len()));
            let out = whole(&[&secret], &[one, two]);
            prop_assert!(!out.contains(&secret), "{out}");
            prop_assert!(out.contains("[redacted s]"));
        }
    }
}
