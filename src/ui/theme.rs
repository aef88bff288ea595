//! How things look, by meaning. Every meaning also has a word or a sign, so none is lost without colours.

pub mod ascii;
mod choice;
mod colours;
mod shade;

pub use choice::{Surroundings, Wanted};
pub use shade::LEVELS;

use crate::picture::palette;
use colours::Colours;
use mocolab::status::Status;
use ratatui::style::{Color, Modifier, Style};

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// For a dark ground: green is good, red is bad.
    Dark,
    /// The same for a light ground.
    Light,
    /// Okabe and Ito's colours, which the colour-blind tell apart, for a dark ground.
    OkabeIto,
    /// The same for a light ground.
    OkabeItoLight,
    /// The 16 colours that the terminal itself defines.
    Sixteen,
    /// No colours: bold, dim and reversed only.
    Plain,
}

impl Look {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Dark, Self::Light, Self::OkabeIto, Self::OkabeItoLight, Self::Sixteen, Self::Plain];

    /// The word for it on the command line and in the user's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::OkabeIto => "okabe-ito",
            Self::OkabeItoLight => "okabe-ito-light",
            Self::Sixteen => "16",
            Self::Plain => "none",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Dark => "for a dark ground",
            Self::Light => "for a light ground",
            Self::OkabeIto => "for the colour-blind, on a dark ground",
            Self::OkabeItoLight => "for the colour-blind, on a light ground",
            Self::Sixteen => "the terminal's own 16 colours",
            Self::Plain => "no colours",
        }
    }

    /// The look that a word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|look| look.name() == word)
    }
}

impl std::str::FromStr for Look {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::named(word).ok_or_else(|| format!("there is no theme `{word}`; there are: {}", names.join(", ")))
    }
}

/// Colours that tell runs apart, before they come round.
pub const COLOURS: usize = 8;

/// How meanings look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    look: Look,
    ascii: bool,
    full: bool,
}

impl Theme {
    /// Colours of `look`; signs of ASCII alone where `ascii`.
    pub fn of(look: Look, ascii: bool) -> Self {
        Self { look, ascii, full: false }
    }

    /// With colours or without.
    #[cfg(test)]
    pub fn new(colours: bool) -> Self {
        Self::of(if colours { Look::Dark } else { Look::Plain }, false)
    }

    /// The same, on a terminal that has all colours where `full`.
    pub fn in_full_colour(self, full: bool) -> Self {
        Self { full, ..self }
    }

    /// The colour of a picture's pixel: itself, or the nearest in the palette of 256.
    pub fn pixel(self, colour: [u8; 3]) -> Color {
        let [red, green, blue] = colour;
        if self.full { Color::Rgb(red, green, blue) } else { Color::Indexed(palette(colour)) }
    }

    /// The same signs in the colours of `look`.
    pub fn with(self, look: Look) -> Self {
        Self { look, ..self }
    }

    fn colour(self, pick: impl Fn(&Colours) -> Color) -> Style {
        colours::of(self.look).map_or(Style::new(), |colours| Style::new().fg(pick(colours)))
    }

    /// Names of things, titles.
    #[expect(clippy::unused_self, reason = "every look is asked of the theme")]
    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is only there to guide.
    pub fn faint(self) -> Style {
        match self.look {
            // Bright black, the usual grey of 16, is the ground itself in some palettes.
            Look::Plain | Look::Sixteen => Style::new().add_modifier(Modifier::DIM),
            _ => self.colour(|colours| colours.faint),
        }
    }

    /// Lines around and between parts.
    pub fn border(self) -> Style {
        match self.look {
            Look::Plain | Look::Sixteen => Style::new().add_modifier(Modifier::DIM),
            _ => self.colour(|colours| colours.border),
        }
    }

    /// The chosen row.
    #[expect(clippy::unused_self, reason = "every look is asked of the theme")]
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Marked rows: the sign of the mark, and the count of them.
    pub fn mark(self) -> Style {
        self.colour(|colours| colours.mark).add_modifier(Modifier::BOLD)
    }

    /// Keys in the footer, and letters that fit what is looked for.
    pub fn key(self) -> Style {
        self.colour(|colours| colours.key).add_modifier(Modifier::BOLD)
    }

    /// What went well, or got better.
    pub fn good(self) -> Style {
        self.colour(|colours| colours.good)
    }

    /// What should be looked at.
    pub fn warn(self) -> Style {
        self.colour(|colours| colours.warn)
    }

    /// What went wrong, or got worse.
    pub fn bad(self) -> Style {
        self.colour(|colours| colours.bad).add_modifier(Modifier::BOLD)
    }

    /// The training curve.
    pub fn train(self) -> Style {
        self.colour(|colours| colours.train)
    }

    /// The validation curve.
    pub fn val(self) -> Style {
        self.colour(|colours| colours.val)
    }

    /// The test curve.
    pub fn test(self) -> Style {
        self.colour(|colours| colours.test)
    }

    /// One of several runs: whoever gives each run an index that stays gives it a colour that stays. Eight colours come
    /// round; a letter stands beside them.
    pub fn run(self, index: usize) -> Style {
        self.colour(|colours| colours.runs[index % colours.runs.len()])
    }

    /// One of several classes on a map. Ten colours come round; a letter stands beside each name.
    pub fn class(self, index: usize) -> Style {
        self.colour(|colours| colours.classes[index % colours.classes.len()])
    }

    /// Whether a style can tell classes apart.
    pub fn has_colours(self) -> bool {
        self.look != Look::Plain
    }

    /// Only characters that every terminal has.
    pub fn ascii(self) -> bool {
        self.ascii
    }

    /// A status word.
    pub fn status(self, status: Status) -> Style {
        match status {
            Status::Running | Status::Starting => self.good().add_modifier(Modifier::BOLD),
            Status::Done => self.good(),
            Status::Pausing
            | Status::Stopping
            | Status::Terminating
            | Status::Suspended
            | Status::Stopped
            | Status::Killed => self.warn(),
            Status::Failed | Status::Crashed => self.bad(),
            Status::Unknown => self.test(),
            Status::Queued | Status::Held => self.faint(),
        }
    }
}

#[cfg(test)]
mod tests;
