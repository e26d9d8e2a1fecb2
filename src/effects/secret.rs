//! Secrets on their way from where they are to where they go.

use futures::future::BoxFuture;

use super::Context;
use crate::session::intent::{Piece, SecretName, SecretText};
use crate::supervise::scrub::Scrubber;

/// A secret's value. It shows itself to nobody who prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place it goes to.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where secrets come from. Whoever implements it registers every value it hands out with
/// the redactor.
pub trait SecretSource: Send + Sync {
    /// The value of a secret; the error says why there is none, without its value.
    fn get<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>>;

    /// All secrets handed out so far, by the names that stand where they are taken out of
    /// a text: none of them may appear in an output.
    fn known(&self) -> Vec<(String, Secret)>;
}

/// A text with its secrets filled in.
pub(super) struct Filled {
    pub text: String,
    pub carries_secret: bool,
}

/// Fills in the secrets of a text.
pub(super) async fn fill(text: &SecretText, context: &Context) -> Result<Filled, String> {
    let mut filled = Filled { text: String::new(), carries_secret: false };
    for piece in &text.0 {
        match piece {
            Piece::Text(text) => filled.text.push_str(text),
            Piece::Secret(name) => {
                filled.text.push_str(context.ports.secrets.get(name).await?.expose());
                filled.carries_secret = true;
            }
        }
    }
    Ok(filled)
}

/// Takes every known secret out of a text that goes to people or into the record.
pub(super) fn redacted(text: &str, context: &Context) -> String {
    scrubber(context).clean(text)
}

/// What knows all secrets an effect can come across, those in the kubeconfig included.
pub(super) fn scrubber(context: &Context) -> Scrubber {
    let known = all_known(context);
    Scrubber::new(known.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The same as names and values, for a supervisor.
pub(super) fn all_known(context: &Context) -> Vec<(String, String)> {
    let known = context.ports.secrets.known().into_iter().map(|(name, secret)| (name, secret.0));
    let inline = context.ports.cluster.iter().flat_map(|cluster| cluster.inline_secrets());
    known.chain(inline.map(|value| ("kubeconfig".to_owned(), value))).collect()
}
