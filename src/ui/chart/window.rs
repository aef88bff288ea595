//! The part of an axis that is shown. None shows all and grows with it; everything here is pure and keeps within all.

use super::Scale;

/// The smallest part of all that a window shows.
const LEAST: f64 = 1e-5;

/// A part of an axis, in its units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its right end stays at the end of all as that moves on.
    pub follow: bool,
}

impl Window {
    /// What is shown of `all`.
    pub fn shown(window: Option<Self>, all: Scale) -> Scale {
        let Some(window) = window else { return all };
        let (Some(from), Some(to)) = (all.part(window.from), all.part(window.to)) else { return all };
        let width = (to - from).clamp(LEAST, 1.0);
        let from = if window.follow { 1.0 - width } else { from.clamp(0.0, 1.0 - width) };
        Scale::new(all.value(from), all.value(from + width), all.log)
    }

    /// Shows `factor` times as much (below 1: closer), with `about` staying where it is on the screen. None where that is
    /// all.
    pub fn zoom(window: Option<Self>, all: Scale, about: f64, factor: f64) -> Option<Self> {
        let shown = Self::shown(window, all);
        let (from, to) = (all.part(shown.low)?, all.part(shown.high)?);
        let about = all.part(about).unwrap_or(1.0).clamp(from, to);
        let width = ((to - from) * factor).max(LEAST);
        let left = (about - from) / (to - from);
        let follows = window.is_none_or(|window| window.follow) && left > 0.99;
        Self::placed(all, about - left * width, width, follows)
    }

    /// Moves by a share of what is shown: to the right where it is above 0. One that comes to the end of all follows it.
    pub fn pan(window: Option<Self>, all: Scale, share: f64) -> Option<Self> {
        let shown = Self::shown(Some(window?), all);
        let (from, to) = (all.part(shown.low)?, all.part(shown.high)?);
        let width = to - from;
        Self::placed(all, from + share * width, width, share > 0.0)
    }

    /// A window of `width` at `from`, both shares of all.
    fn placed(all: Scale, from: f64, width: f64, follow: bool) -> Option<Self> {
        if !width.is_finite() || width >= 1.0 - 1e-9 {
            return None;
        }
        let start = from.clamp(0.0, 1.0 - width);
        let follow = follow && start >= 1.0 - width - 1e-9;
        Some(Self { from: all.value(start), to: all.value(start + width), follow })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(high: f64) -> Scale {
        Scale::new(0.0, high, false)
    }

    fn near(window: Option<Window>, from: f64, to: f64) -> bool {
        window.is_some_and(|window| (window.from - from).abs() < 1e-6 && (window.to - to).abs() < 1e-6)
    }

    #[test]
    fn closer_about_a_place_leaves_it_where_it_is() {
        let once = Window::zoom(None, all(100.0), 25.0, 0.5);
        assert!(near(once, 12.5, 62.5), "{once:?}");
        let twice = Window::zoom(once, all(100.0), 25.0, 0.5);
        assert!(near(twice, 18.75, 43.75), "{twice:?}");
        assert_eq!(Window::zoom(Window::zoom(twice, all(100.0), 25.0, 2.0), all(100.0), 25.0, 2.0), None, "all again");
    }

    #[test]
    fn the_right_end_is_followed_until_one_looks_elsewhere() {
        let end = Window::zoom(None, all(100.0), 100.0, 0.2);
        assert!(near(end, 80.0, 100.0) && end.unwrap().follow);
        let later = Window::shown(end, all(200.0));
        assert!((later.low - 180.0).abs() < 1e-6 && (later.high - 200.0).abs() < 1e-6, "{later:?}");
        let back = Window::pan(end, all(100.0), -0.5);
        assert!(near(back, 70.0, 90.0) && !back.unwrap().follow, "{back:?}");
        let again = Window::pan(back, all(100.0), 3.0);
        assert!(near(again, 80.0, 100.0) && again.unwrap().follow, "{again:?}");
        assert_eq!(Window::pan(None, all(100.0), 0.5), None, "all can't be moved");
    }

    #[test]
    fn a_logarithmic_axis_is_zoomed_in_decades() {
        let window = Window::zoom(None, Scale::new(1.0, 10_000.0, true), 100.0, 0.5);
        assert!(near(window, 10.0, 1000.0), "{window:?}");
    }

    proptest! {
        #[test]
        fn never_outside_all(moves in prop::collection::vec((any::<bool>(), -3.0..3.0_f64, 0.0..1.0_f64), 0..40), log: bool) {
            let all = Scale::new(1.0, 5000.0, log);
            let mut window = None;
            for (zoom, by, at) in moves {
                window = if zoom { Window::zoom(window, all, all.value(at), 2_f64.powf(by)) } else { Window::pan(window, all, by) };
                let shown = Window::shown(window, all);
                prop_assert!(shown.low >= 1.0 - 1e-6 && shown.high <= 5000.0 + 1e-6 && shown.low < shown.high, "{window:?}");
            }
        }
    }
}
