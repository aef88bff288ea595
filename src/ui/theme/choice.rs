//! Which theme is used: the user's word first, then `NO_COLOR`, then what the terminal says of itself.

use super::{Look, Theme};

/// What the user has said, on the command line or in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The colours.
    pub look: Option<Look>,
    /// Signs of ASCII alone.
    pub ascii: Option<bool>,
}

impl Wanted {
    /// This, and `other` where this says nothing.
    pub fn or(self, other: Self) -> Self {
        Self { look: self.look.or(other.look), ascii: self.ascii.or(other.ascii) }
    }
}

/// What the environment says of the terminal. Variables that are not set are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// `NO_COLOR`: no colours where it is anything (no-color.org).
    pub no_color: String,
    /// `COLORTERM`: `truecolor` or `24bit` from terminals that know all colours, whatever they call themselves.
    pub colorterm: String,
    /// `TERM`: the kind of terminal.
    pub term: String,
    /// `COLORFGBG`: ink and ground by number, `15;0`, of terminals that tell.
    pub colorfgbg: String,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
        Self { no_color: set("NO_COLOR"), colorterm: set("COLORTERM"), term: set("TERM"), colorfgbg: set("COLORFGBG") }
    }

    /// The theme, by what is `wanted`, else by `NO_COLOR`, else by what the terminal can show. A light ground is assumed
    /// only where `COLORFGBG` tells of it: no terminal is asked, since an answer that comes late is read as keys.
    pub fn theme(&self, wanted: Wanted) -> Theme {
        let look = wanted.look.unwrap_or_else(|| self.look());
        // The font of the Linux console has neither arrows nor eighths nor Braille.
        let ascii = wanted.ascii.unwrap_or(matches!(self.term.as_str(), "dumb" | "linux"));
        Theme::of(look, ascii).in_full_colour(self.has_all_colours())
    }

    fn look(&self) -> Look {
        if !self.no_color.is_empty() || self.term.is_empty() || self.term == "dumb" || self.term.starts_with("vt") {
            return Look::Plain;
        }
        if !self.has_many_colours() {
            return Look::Sixteen;
        }
        if self.is_light() { Look::Light } else { Look::Dark }
    }

    fn has_all_colours(&self) -> bool {
        matches!(self.colorterm.as_str(), "truecolor" | "24bit")
    }

    fn has_many_colours(&self) -> bool {
        const KINDS: [&str; 9] =
            ["256color", "direct", "kitty", "alacritty", "foot", "wezterm", "ghostty", "contour", "iterm"];
        self.has_all_colours()
            || self.colorterm == "256color"
            || KINDS.iter().any(|kind| self.term.to_lowercase().contains(kind))
    }

    /// White (7) and bright white (15) are light grounds; so are 9 to 14, the bright colours. `default` tells nothing.
    fn is_light(&self) -> bool {
        let ground = self.colorfgbg.rsplit(';').next().and_then(|ground| ground.parse::<u8>().ok());
        ground.is_some_and(|ground| matches!(ground, 7 | 9..=15))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(no_color: &str, colorterm: &str, term: &str, colorfgbg: &str) -> Surroundings {
        let [no_color, colorterm, term, colorfgbg] = [no_color, colorterm, term, colorfgbg].map(str::to_owned);
        Surroundings { no_color, colorterm, term, colorfgbg }
    }

    #[test]
    fn the_terminal_says_how_many_colours_it_has() {
        for (surroundings, look, ascii) in [
            (around("", "", "xterm-256color", ""), Look::Dark, false),
            (around("", "truecolor", "xterm", ""), Look::Dark, false),
            (around("", "", "xterm-kitty", ""), Look::Dark, false),
            (around("", "", "tmux-256color", "0;15"), Look::Light, false),
            (around("", "", "rxvt-unicode-256color", "0;default;7"), Look::Light, false),
            (around("", "", "xterm-256color", "15;default"), Look::Dark, false),
            (around("", "", "xterm-256color", "15;8"), Look::Dark, false),
            (around("", "", "xterm", ""), Look::Sixteen, false),
            (around("", "", "screen", "0;15"), Look::Sixteen, false),
            (around("", "", "linux", ""), Look::Sixteen, true),
            (around("", "", "dumb", ""), Look::Plain, true),
            (around("", "", "vt100", ""), Look::Plain, false),
            (around("", "", "", ""), Look::Plain, false),
            (around("0", "truecolor", "xterm-256color", ""), Look::Plain, false),
        ] {
            let theme = Theme::of(look, ascii).in_full_colour(surroundings.colorterm == "truecolor");
            assert_eq!(surroundings.theme(Wanted::default()), theme, "{surroundings:?}");
        }
    }

    #[test]
    fn the_users_word_counts_more_than_the_surroundings() {
        let surroundings = around("1", "", "dumb", "");
        let file = Wanted { look: Some(Look::OkabeIto), ascii: Some(false) };
        assert_eq!(surroundings.theme(file), Theme::of(Look::OkabeIto, false));
        let line = Wanted { look: Some(Look::Light), ascii: None };
        assert_eq!(surroundings.theme(line.or(file)), Theme::of(Look::Light, false));
    }
}
