//! One's own settings, and from where each of them is.
//!
//! `<XDG config>/pacenote/config.yaml` is optional and so is everything in it. A mistake
//! in it is an error with its place, never a setting silently left out: someone who wrote
//! `principle:` would otherwise sign under a name they did not choose. What an
//! organisation demands of everyone stands in the [`policy`], which only tightens.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub mod policy;

/// A settings file larger than this is a mistake.
pub(crate) const SIZE_LIMIT: u64 = 1 << 20;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}{}: {message}", path.display(), place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Line and column, where known.
        place: Option<(u64, u64)>,
        /// What.
        message: String,
    },
    /// It must belong to root alone, and does not.
    #[error("{}: {why}", path.display())]
    NotOwned {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no home folder to look in.
    #[error("the home folder is not known: HOME is not set")]
    NoHome,
}

/// Colours of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// As the terminal says it is.
    #[default]
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
}

/// Where a setting is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A settings file.
    File(PathBuf),
    /// An environment variable.
    Environment(&'static str),
    /// An argument.
    Argument(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
        }
    }
}

/// A setting and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// Its value.
    pub value: T,
    /// Where it is from.
    pub source: Source,
}

impl<T> Setting<T> {
    fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// The value from the file where it is there, else the default.
    fn or_default(value: Option<T>, file: &Path, default: T) -> Self {
        match value {
            Some(value) => Self::new(value, Source::File(file.to_owned())),
            None => Self::new(default, Source::Default),
        }
    }
}

/// `config.yaml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    principal: Option<String>,
    ssh_key: Option<PathBuf>,
    allowed_signers: Option<PathBuf>,
    theme: Option<ThemeName>,
    keys: Option<BTreeMap<String, String>>,
    anchors: Option<Vec<String>>,
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who one is, as in `allowed_signers`; else `user@host` is used.
    pub principal: Setting<Option<String>>,
    /// One's own SSH key, for seals and approvals.
    pub ssh_key: Setting<Option<PathBuf>>,
    /// Whose signatures are trusted here.
    pub allowed_signers: Setting<PathBuf>,
    /// Colours of the screen.
    pub theme: Setting<ThemeName>,
    /// Keys other than the usual ones: command to key, as `?` names them.
    pub keys: Setting<BTreeMap<String, String>>,
    /// Places that are told the head of each seal.
    pub anchors: Setting<Vec<String>>,
    /// Where sessions, locks and logs are.
    pub state_dir: Setting<PathBuf>,
}

/// What the environment says about where things are. Read once, so that tests need not
/// change the environment of the process.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `PACENOTE_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process. An empty variable counts as unset, and so does a relative
    /// folder in an XDG variable, as their specification wants it.
    pub fn here() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Self {
            home: path("HOME"),
            config_home: path("XDG_CONFIG_HOME").filter(|p| p.is_absolute()),
            state_home: path("XDG_STATE_HOME").filter(|p| p.is_absolute()),
            state_dir: path("PACENOTE_STATE_DIR"),
        }
    }

    /// `<XDG config>/pacenote`.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn config_folder(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.config_home.clone().map_or_else(|| self.in_home(".config"), Ok)?.join("pacenote"))
    }

    /// The state folder: the argument, else `PACENOTE_STATE_DIR`, else `<XDG state>/pacenote`.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn state_folder(&self, argument: Option<&Path>) -> Result<Setting<PathBuf>, ConfigError> {
        if let Some(path) = argument {
            return Ok(Setting::new(path.to_owned(), Source::Argument("--state-dir")));
        }
        if let Some(path) = &self.state_dir {
            return Ok(Setting::new(path.clone(), Source::Environment("PACENOTE_STATE_DIR")));
        }
        if let Some(path) = &self.state_home {
            return Ok(Setting::new(path.join("pacenote"), Source::Environment("XDG_STATE_HOME")));
        }
        Ok(Setting::new(self.in_home(".local/state")?.join("pacenote"), Source::Default))
    }

    fn in_home(&self, below: &str) -> Result<PathBuf, ConfigError> {
        self.home.as_ref().map(|home| home.join(below)).ok_or(ConfigError::NoHome)
    }
}

impl Config {
    /// Reads the settings. `state_dir` and `theme` are those of the command line.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, wrong, or no home folder. A file that is not there
    /// is none.
    pub fn load(around: &Surroundings, state_dir: Option<&Path>, theme: Option<ThemeName>) -> Result<Self, ConfigError> {
        let folder = around.config_folder()?;
        let path = folder.join("config.yaml");
        let file: File = match read_bounded(&path)? {
            Some(text) => parse_yaml(&path, &text)?,
            None => File::default(),
        };
        let expand = |p: PathBuf| match (p.strip_prefix("~"), &around.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => folder.join(p),
        };
        let theme = match theme {
            Some(theme) => Setting::new(theme, Source::Argument("--theme")),
            None => Setting::or_default(file.theme, &path, ThemeName::default()),
        };
        if file.principal.as_deref().is_some_and(|p| p.trim().is_empty() || p.chars().any(char::is_whitespace)) {
            let message = "`principal` is one word, such as alice@example.com".to_owned();
            return Err(ConfigError::Wrong { path, place: None, message });
        }
        Ok(Self {
            principal: Setting::or_default(file.principal.map(Some), &path, None),
            ssh_key: Setting::or_default(file.ssh_key.map(|p| Some(expand(p))), &path, None),
            allowed_signers: Setting::or_default(file.allowed_signers.map(expand), &path, folder.join("allowed_signers")),
            theme,
            keys: Setting::or_default(file.keys, &path, BTreeMap::new()),
            anchors: Setting::or_default(file.anchors, &path, Vec::new()),
            state_dir: around.state_folder(state_dir)?,
        })
    }
}

/// A small text file; `None` when it is not there.
fn read_bounded(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    match std::fs::File::open(path) {
        Ok(file) => read_text(path, file).map(Some),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(e)),
    }
}

fn read_text(path: &Path, file: std::fs::File) -> Result<String, ConfigError> {
    let mut text = String::new();
    file.take(SIZE_LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    if text.len() as u64 > SIZE_LIMIT {
        let message = format!("larger than {SIZE_LIMIT} bytes");
        return Err(ConfigError::Wrong { path: path.to_owned(), place: None, message });
    }
    Ok(text)
}

/// Parses YAML whose mistakes are reported with their place. An empty file is an empty
/// mapping.
fn parse_yaml<T: serde::de::DeserializeOwned + Default>(path: &Path, text: &str) -> Result<T, ConfigError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map(|l| (l.line(), l.column()));
        ConfigError::Wrong { path: path.to_owned(), place, message: yaml_message(&error) }
    })
}

/// The error's text without its picture of the source and without its place, which are
/// shown in the program's own way.
pub(crate) fn yaml_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or("not valid YAML");
    text.rsplit_once(" at line ").map_or(text, |(message, _)| message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(home: &Path) -> Surroundings {
        Surroundings { home: Some(home.to_owned()), ..Surroundings::default() }
    }

    fn home_with(config: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".config/pacenote")).unwrap();
        std::fs::write(home.path().join(".config/pacenote/config.yaml"), config).unwrap();
        home
    }

    #[test]
    fn everything_has_a_default() {
        for config in [None, Some(""), Some("# nothing yet\n\n")] {
            let home = config.map_or_else(|| tempfile::tempdir().unwrap(), home_with);
            let config = Config::load(&around(home.path()), None, None).unwrap();
            assert_eq!(config.principal, Setting::new(None, Source::Default));
            assert_eq!(config.theme, Setting::new(ThemeName::Auto, Source::Default));
            assert_eq!(config.allowed_signers.value, home.path().join(".config/pacenote/allowed_signers"));
            assert_eq!(config.state_dir.value, home.path().join(".local/state/pacenote"));
        }
    }

    #[test]
    fn the_file_is_read_and_named_as_the_source() {
        let home = home_with(
            "principal: alice@example.com\nssh_key: ~/.ssh/id_ed25519\nallowed_signers: signers\ntheme: light\nkeys: {note: N}\nanchors: [https://anchor.example.com]\n",
        );
        let config = Config::load(&around(home.path()), None, None).unwrap();
        let file = Source::File(home.path().join(".config/pacenote/config.yaml"));
        assert_eq!(config.principal, Setting::new(Some("alice@example.com".into()), file.clone()));
        assert_eq!(config.ssh_key.value, Some(home.path().join(".ssh/id_ed25519")));
        assert_eq!(config.allowed_signers.value, home.path().join(".config/pacenote/signers"));
        assert_eq!(config.theme, Setting::new(ThemeName::Light, file));
        assert_eq!(config.keys.value.get("note").map(String::as_str), Some("N"));
        assert_eq!(config.anchors.value, ["https://anchor.example.com"]);
    }

    #[test]
    fn arguments_win_over_the_environment_and_the_environment_over_files() {
        let home = home_with("theme: light\n");
        let mut around = around(home.path());
        around.state_home = Some("/xdg".into());
        let from = |around: &Surroundings, argument: Option<&str>| {
            Config::load(around, argument.map(Path::new), Some(ThemeName::Dark)).unwrap()
        };
        assert_eq!(from(&around, None).state_dir.value, Path::new("/xdg/pacenote"));
        around.state_dir = Some("/mine".into());
        assert_eq!(from(&around, None).state_dir, Setting::new("/mine".into(), Source::Environment("PACENOTE_STATE_DIR")));
        let config = from(&around, Some("/arg"));
        assert_eq!(config.state_dir, Setting::new("/arg".into(), Source::Argument("--state-dir")));
        assert_eq!(config.theme, Setting::new(ThemeName::Dark, Source::Argument("--theme")));
    }

    #[test]
    fn mistakes_are_errors_with_their_place() {
        let cases = [
            ("theme: dark\nprinciple: alice\n", ":2:1: ", "principle"),
            ("theme: pink\n", ":1:8: ", "pink"),
            ("principal: [a]\n", ":1:12: ", ""),
            ("theme: dark\ntheme: light\n", ":2:1: ", "duplicate"),
            ("principal: alice smith\n", ": ", "one word"),
            ("a: [\n", ":", ""),
            ("just text\n", ":1:1: ", ""),
        ];
        for (text, place, about) in cases {
            let home = home_with(text);
            let error = Config::load(&around(home.path()), None, None).unwrap_err().to_string();
            assert!(error.contains(&format!("config.yaml{place}")) && error.contains(about), "{text:?}: {error}");
            assert!(!error.contains('\n') && !error.contains("at line"), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_folder_in_its_place_and_a_huge_file_are_errors() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".config/pacenote/config.yaml")).unwrap();
        assert!(matches!(Config::load(&around(home.path()), None, None), Err(ConfigError::Unreadable { .. })));
        let home = home_with(&"# x\n".repeat(300_000));
        assert!(matches!(Config::load(&around(home.path()), None, None), Err(ConfigError::Wrong { .. })));
    }

    #[test]
    fn without_a_home_it_says_so() {
        assert!(matches!(Config::load(&Surroundings::default(), None, None), Err(ConfigError::NoHome)));
    }
}
