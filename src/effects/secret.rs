//! Secrets on their way from where they are to where they go.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::Context;
use crate::redact::{Redactor, TooShort};
use crate::session::intent::{Piece, SecretName, SecretText};

/// A secret's value. It can be neither printed nor compared nor serialised; there is no
/// way to it but to ask for it by name.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value that was just asked for or read.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself. Every use of this word is a place to look at in a review.
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

/// Fills in the secrets of a text. Those that could not be taken out of an answer again
/// are refused.
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
    if filled.carries_secret {
        learn(&Redactor::new(), &handed_out(context)).map_err(|short| refused(&short))?;
    }
    Ok(filled)
}

/// Takes every known secret out of a text that goes to people or into the record.
pub(super) fn redacted(text: &str, context: &Context) -> String {
    let redactor = redactor(context);
    redactor.redact(text).unwrap_or_else(|| text.to_owned())
}

/// What knows all secrets an effect can come across, those in the kubeconfig included.
pub(super) fn redactor(context: &Context) -> Redactor {
    let redactor = Redactor::new();
    // One that is too short was refused before anything could print it.
    let _: Result<(), TooShort> = learn(&redactor, &all_known(context));
    redactor
}

/// The secrets a command can come across, names and values, for its supervisor.
///
/// # Errors
/// One sentence, when one of them could not be kept out of the command's output.
pub(super) fn for_command(context: &Context) -> Result<Vec<(String, String)>, String> {
    let known = all_known(context);
    learn(&Redactor::new(), &known).map_err(|short| refused(&short))?;
    Ok(known)
}

fn refused(short: &TooShort) -> String {
    format!("{short}; use a longer one")
}

/// Registers all of them; the error is the first that is too short.
fn learn(redactor: &Redactor, secrets: &[(String, String)]) -> Result<(), TooShort> {
    secrets.iter().map(|(name, value)| redactor.register(name, value)).fold(Ok(()), Result::and)
}

fn handed_out(context: &Context) -> Vec<(String, String)> {
    context.ports.secrets.known().into_iter().map(|(name, secret)| (name, secret.expose().to_owned())).collect()
}

fn all_known(context: &Context) -> Vec<(String, String)> {
    let inline = context.ports.cluster.iter().flat_map(|cluster| cluster.inline_secrets());
    handed_out(context).into_iter().chain(inline.map(|value| ("kubeconfig".to_owned(), value))).collect()
}
