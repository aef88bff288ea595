//! Colours, by meaning. Every meaning also has a word or a sign, so none is lost without them (`NO_COLOR`).

use mocolab::status::Status;
use ratatui::style::{Color, Modifier, Style};

/// The colours of the 256-colour palette nearest to Okabe and Ito's, which the colour-blind tell apart; they stand out on
/// dark and on light ground.
const ORANGE: Color = Color::Indexed(208);
const SKY: Color = Color::Indexed(74);
const GREEN: Color = Color::Indexed(36);
const RED: Color = Color::Indexed(166);
const PURPLE: Color = Color::Indexed(175);
const GREY: Color = Color::Indexed(244);

/// How meanings look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    /// Without colours where `NO_COLOR` is set to anything (no-color.org).
    pub fn from_environment() -> Self {
        Self { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// With colours or without.
    #[cfg(test)]
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { self.plain() }
    }

    /// The terminal's own colours.
    #[expect(clippy::unused_self, reason = "every look is asked of the theme")]
    fn plain(self) -> Style {
        Style::new()
    }

    /// Names of things, titles.
    pub fn title(self) -> Style {
        self.plain().add_modifier(Modifier::BOLD)
    }

    /// What is only there to guide.
    pub fn faint(self) -> Style {
        if self.colours { Style::new().fg(GREY) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// The chosen row.
    pub fn chosen(self) -> Style {
        self.plain().add_modifier(Modifier::REVERSED)
    }

    /// Keys in the footer.
    pub fn key(self) -> Style {
        self.colour(SKY).add_modifier(Modifier::BOLD)
    }

    /// What went wrong.
    pub fn bad(self) -> Style {
        self.colour(RED).add_modifier(Modifier::BOLD)
    }

    /// The training curve.
    pub fn train(self) -> Style {
        self.colour(SKY)
    }

    /// The validation curve.
    pub fn val(self) -> Style {
        self.colour(ORANGE)
    }

    /// The test curve.
    pub fn test(self) -> Style {
        self.colour(PURPLE)
    }

    /// A status word.
    pub fn status(self, status: Status) -> Style {
        match status {
            Status::Running | Status::Starting => self.colour(GREEN).add_modifier(Modifier::BOLD),
            Status::Done => self.colour(GREEN),
            Status::Pausing | Status::Stopping | Status::Suspended | Status::Stopped => self.colour(ORANGE),
            Status::Failed | Status::Crashed => self.bad(),
            Status::Unknown => self.colour(PURPLE),
            Status::Queued | Status::Held => self.faint(),
        }
    }
}
