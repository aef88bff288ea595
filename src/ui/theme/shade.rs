//! Shades: grounds that grow with a figure, in ten levels, for heat maps. Their hues stay apart for the colour-blind (blue
//! and orange), each grows steadily in lightness from a dark ground of its own, so that they look the same on dark and on
//! light terminals.

use super::{Look, Theme};
use ratatui::style::{Color, Style};

/// The number of shades of a hue; the first is the dark ground of both.
pub const LEVELS: usize = 10;

/// Of the 256-colour palette: from dark to light.
const BLUES: [u8; LEVELS] = [233, 17, 18, 24, 25, 31, 38, 74, 117, 159];
const ORANGES: [u8; LEVELS] = [233, 52, 88, 94, 130, 166, 172, 208, 214, 222];
/// From this level on black reads better than white.
const LIGHT: usize = 6;
const BLACK: Color = Color::Indexed(16);
const WHITE: Color = Color::Indexed(231);
const GREY: Color = Color::Indexed(246);

impl Theme {
    /// Are there shades? Where not, signs and figures have to say all.
    pub fn has_shades(self) -> bool {
        !matches!(self.look, Look::Plain | Look::Sixteen)
    }

    /// The ground of what is right, or better.
    pub fn right(self, level: usize) -> Style {
        self.shade(&BLUES, level)
    }

    /// The ground of what is wrong, or worse.
    pub fn wrong(self, level: usize) -> Style {
        self.shade(&ORANGES, level)
    }

    /// What has got better.
    pub fn better(self) -> Style {
        self.good()
    }

    /// What has got worse.
    pub fn worse(self) -> Style {
        self.warn()
    }

    fn shade(self, hue: &[u8; LEVELS], level: usize) -> Style {
        let level = level.min(LEVELS - 1);
        if !self.has_shades() {
            return Style::new();
        }
        let figure = match level {
            0 => GREY,
            LIGHT.. => BLACK,
            _ => WHITE,
        };
        Style::new().fg(figure).bg(Color::Indexed(hue[level]))
    }
}
