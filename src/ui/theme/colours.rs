//! The colours behind the meanings: of the 256-colour palette, so that a word of colour costs few bytes on the wire. Tests
//! hold them against black and white ground, and against each other in the eyes of the colour-blind.

use super::Look;
use Color::Indexed;
use ratatui::style::Color;

/// The colours of one look.
#[derive(Debug)]
pub(super) struct Colours {
    pub faint: Color,
    pub border: Color,
    pub key: Color,
    pub mark: Color,
    pub good: Color,
    pub warn: Color,
    pub bad: Color,
    pub train: Color,
    pub val: Color,
    pub test: Color,
    /// Hues of Okabe and Ito's eight, moved in lightness until they lie far apart on this ground.
    pub runs: [Color; 8],
    /// Ten classes, side by side on a map, told apart by their hues; letters beside their names tell the colour-blind.
    pub classes: [Color; 10],
}

const RUNS_ON_DARK: [Color; 8] = indexed([153, 209, 85, 133, 226, 33, 178, 245]);
const RUNS_ON_LIGHT: [Color; 8] = indexed([26, 136, 29, 89, 58, 17, 52, 16]);

const CLASSES_ON_DARK: [Color; 10] = indexed([75, 208, 83, 203, 141, 179, 218, 250, 227, 44]);
const CLASSES_ON_LIGHT: [Color; 10] = indexed([26, 166, 28, 160, 91, 94, 162, 240, 100, 30]);

const fn indexed<const N: usize>(indices: [u8; N]) -> [Color; N] {
    let mut colours = [Color::Reset; N];
    let mut at = 0;
    while at < N {
        colours[at] = Indexed(indices[at]);
        at += 1;
    }
    colours
}

const DARK: Colours = Colours {
    faint: Indexed(246),
    border: Indexed(242),
    key: Indexed(81),
    mark: Indexed(221),
    good: Indexed(114),
    warn: Indexed(221),
    bad: Indexed(203),
    train: Indexed(81),
    val: Indexed(215),
    test: Indexed(176),
    runs: RUNS_ON_DARK,
    classes: CLASSES_ON_DARK,
};

const LIGHT: Colours = Colours {
    faint: Indexed(242),
    border: Indexed(245),
    key: Indexed(26),
    mark: Indexed(90),
    good: Indexed(28),
    warn: Indexed(94),
    bad: Indexed(160),
    train: Indexed(26),
    val: Indexed(130),
    test: Indexed(90),
    runs: RUNS_ON_LIGHT,
    classes: CLASSES_ON_LIGHT,
};

const OKABE_ITO: Colours = Colours {
    key: Indexed(74),
    mark: Indexed(227),
    good: Indexed(36),
    warn: Indexed(227),
    bad: Indexed(202),
    train: Indexed(74),
    val: Indexed(214),
    test: Indexed(175),
    ..DARK
};

const OKABE_ITO_LIGHT: Colours = Colours {
    key: Indexed(25),
    mark: Indexed(89),
    good: Indexed(29),
    warn: Indexed(136),
    bad: Indexed(88),
    train: Indexed(25),
    val: Indexed(136),
    test: Indexed(89),
    ..LIGHT
};

const SIXTEEN: Colours = Colours {
    faint: Color::Reset,
    border: Color::Reset,
    key: Color::Cyan,
    mark: Color::Magenta,
    good: Color::Green,
    warn: Color::Yellow,
    bad: Color::Red,
    train: Color::Cyan,
    val: Color::Yellow,
    test: Color::Magenta,
    runs: [
        Color::Cyan,
        Color::Yellow,
        Color::Green,
        Color::Magenta,
        Color::Red,
        Color::Blue,
        Color::LightGreen,
        Color::LightMagenta,
    ],
    classes: [
        Color::Blue,
        Color::LightRed,
        Color::Green,
        Color::Red,
        Color::Magenta,
        Color::LightYellow,
        Color::LightMagenta,
        Color::LightGreen,
        Color::Yellow,
        Color::Cyan,
    ],
};

/// The colours of a look; none where it has none.
pub(super) fn of(look: Look) -> Option<&'static Colours> {
    match look {
        Look::Dark => Some(&DARK),
        Look::Light => Some(&LIGHT),
        Look::OkabeIto => Some(&OKABE_ITO),
        Look::OkabeItoLight => Some(&OKABE_ITO_LIGHT),
        Look::Sixteen => Some(&SIXTEEN),
        Look::Plain => None,
    }
}

/// Red, green and blue of the palette's colours from 16 on, as xterm defines them; those below are the user's own.
#[cfg(test)]
pub(super) fn rgb(index: u8) -> [u8; 3] {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    if index >= 232 {
        return [8 + 10 * (index - 232); 3];
    }
    let cube = index.saturating_sub(16);
    [cube / 36, cube / 6 % 6, cube % 6].map(|level| LEVELS[level as usize])
}

/// Light that a component gives, from 0 to 1 (sRGB).
#[cfg(test)]
pub(super) fn linear(component: u8) -> f64 {
    let share = f64::from(component) / 255.0;
    if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
}

/// Relative luminance, from 0 to 1 (WCAG 2).
#[cfg(test)]
pub(super) fn luminance(index: u8) -> f64 {
    let [red, green, blue] = rgb(index).map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// The contrast ratio of two luminances, from 1 to 21 (WCAG 2).
#[cfg(test)]
pub(super) fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
