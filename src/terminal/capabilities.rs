//! What the terminal can show, as its surroundings tell.

use crate::tui::{Depth, ThemeName, Ui};

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The locale is UTF-8.
    pub utf8: bool,
    /// Colours are not wanted (`NO_COLOR`) or not there (`TERM=dumb`, `vt100`).
    pub no_color: bool,
    /// How many colours there are.
    pub depth: Depth,
    /// The terminal can move its cursor at all.
    pub screen: bool,
}

impl Capabilities {
    /// From environment variables, by name.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| get(name).filter(|v| !v.is_empty());
        // The first of these that is set decides (POSIX, "Internationalization Variables").
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default().to_lowercase();
        let term = set("TERM").unwrap_or_default();
        let rich = set("COLORTERM").is_some() || term.contains("256") || term.contains("direct") || known_rich(&term);
        let plain = matches!(term.as_str(), "" | "dumb" | "vt100" | "vt102" | "vt220");
        Self {
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
            no_color: set("NO_COLOR").is_some() || plain,
            depth: if rich { Depth::Indexed } else { Depth::Basic },
            screen: !matches!(term.as_str(), "" | "dumb"),
        }
    }

    /// A fresh [`Ui`] for this terminal. `theme`: what is configured.
    pub fn ui(&self, theme: ThemeName) -> Ui {
        let theme = if self.no_color { ThemeName::None } else { theme };
        Ui::new(theme, self.depth, !self.utf8)
    }
}

/// Terminals with 256 colours whose names do not say so.
fn known_rich(term: &str) -> bool {
    ["alacritty", "foot", "ghostty", "kitty", "wezterm", "contour", "rio"].iter().any(|t| term.contains(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(vars: &[(&str, &str)]) -> Capabilities {
        Capabilities::from_env(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        assert!(found(&[("LANG", "en_GB.UTF-8")]).utf8);
        assert!(found(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]).utf8);
        assert!(!found(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]).utf8);
        assert!(!found(&[]).utf8);
    }

    #[test]
    fn colours_follow_the_environment() {
        assert_eq!(found(&[("TERM", "xterm-256color")]).depth, Depth::Indexed);
        assert_eq!(found(&[("TERM", "linux")]).depth, Depth::Basic);
        assert_eq!(found(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]).depth, Depth::Indexed);
        assert!(found(&[("TERM", "xterm"), ("NO_COLOR", "1")]).no_color);
        assert!(!found(&[("TERM", "xterm"), ("NO_COLOR", "")]).no_color, "an empty NO_COLOR says nothing (no-color.org)");
        assert!(found(&[("TERM", "dumb")]).no_color && !found(&[("TERM", "dumb")]).screen);
    }
}
