//! The screen of several runs side by side: which page is in front, which metric, what is scrolled to, which run the others
//! are measured by.

/// A page of the screen; where there is room for all, the one that is scrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Page {
    /// The runs and their curves of one metric.
    #[default]
    Curves,
    /// The settings in which they differ.
    Settings,
    /// What each reached, and how seeds spread.
    Bests,
    /// How the classes of two runs differ.
    Classes,
}

impl Page {
    /// All, in the order of the tabs.
    pub const ALL: [Self; 4] = [Self::Curves, Self::Settings, Self::Bests, Self::Classes];

    /// Its name on the tab.
    pub fn word(self) -> &'static str {
        match self {
            Self::Curves => "curves",
            Self::Settings => "settings",
            Self::Bests => "bests",
            Self::Classes => "classes",
        }
    }
}

/// What a table is scrolled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scroll {
    /// The first row shown.
    pub down: usize,
    /// The first column shown.
    pub right: usize,
}

/// The screen of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompareScreen {
    /// The page in front.
    pub page: Page,
    /// The metric whose curves are shown; none before one was chosen, for the first.
    pub metric: Option<String>,
    /// The run that the others are measured by.
    pub baseline: Option<usize>,
    /// What each page is scrolled to, in the order of [`Page::ALL`].
    pub scrolls: [Scroll; Page::ALL.len()],
}

impl CompareScreen {
    /// To the next page, or to the one before; from the last to the first.
    pub fn turn_page(&mut self, forward: bool) {
        self.page = Page::ALL[turned(self.page as usize, Page::ALL.len(), forward)];
    }

    /// To the next of `metrics` metrics, or to the one before.
    pub fn turn_metric(&mut self, metrics: &[String], forward: bool) {
        let here = metrics.iter().position(|metric| Some(metric) == self.metric.as_ref()).unwrap_or(0);
        self.metric = metrics.get(turned(here, metrics.len(), forward)).cloned();
    }

    /// Scrolls the page in front, so far as it has `rows` and `columns`.
    pub fn scroll(&mut self, (down, right): (isize, isize), (rows, columns): (usize, usize)) {
        let moved = |from: usize, by, count: usize| from.saturating_add_signed(by).min(count.saturating_sub(1));
        let scroll = &mut self.scrolls[self.page as usize];
        *scroll = Scroll { down: moved(scroll.down, down, rows), right: moved(scroll.right, right, columns) };
    }

    /// What `page` is scrolled to.
    pub fn scrolled(&self, page: Page) -> Scroll {
        self.scrolls[page as usize]
    }

    /// Measures by the next of `runs` runs; after the last by none, as before the first.
    pub fn turn_baseline(&mut self, runs: usize) {
        self.baseline = match self.baseline {
            None => Some(0),
            Some(run) => Some(run + 1),
        };
        self.baseline = self.baseline.filter(|run| *run < runs);
    }
}

fn turned(place: usize, count: usize, forward: bool) -> usize {
    match place {
        _ if count == 0 => 0,
        place if forward => (place + 1) % count,
        // Those that there were may have become fewer.
        place => (place.min(count) + count - 1) % count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_and_metrics_turn_in_a_circle() {
        let mut screen = CompareScreen::default();
        let pages: Vec<&str> = (0..5)
            .map(|_| {
                let word = screen.page.word();
                screen.turn_page(true);
                word
            })
            .collect();
        assert_eq!(pages, ["curves", "settings", "bests", "classes", "curves"]);
        screen.turn_page(false);
        assert_eq!(screen.page, Page::Curves);
        let metrics = ["lr", "loss", "accuracy"].map(str::to_owned);
        screen.turn_metric(&metrics, false);
        assert_eq!(screen.metric.as_deref(), Some("accuracy"));
        screen.turn_metric(&metrics, true);
        assert_eq!(screen.metric.as_deref(), Some("lr"));
        screen.turn_metric(&[], true);
        assert_eq!(screen.metric, None);
    }

    #[test]
    fn a_page_keeps_what_it_is_scrolled_to() {
        let mut screen = CompareScreen { page: Page::Settings, ..CompareScreen::default() };
        screen.scroll((99, 1), (10, 3));
        screen.turn_page(true);
        screen.scroll((-1, -1), (10, 3));
        assert_eq!(screen.scrolled(Page::Bests), Scroll::default());
        assert_eq!(screen.scrolled(Page::Settings), Scroll { down: 9, right: 1 });
    }

    #[test]
    fn the_baseline_is_set_and_taken_away() {
        let mut screen = CompareScreen::default();
        let turned: Vec<Option<usize>> = (0..4)
            .map(|_| {
                screen.turn_baseline(2);
                screen.baseline
            })
            .collect();
        assert_eq!(turned, [Some(0), Some(1), None, Some(0)]);
    }

    proptest! {
        #[test]
        fn nothing_leads_out_of_what_there_is(moves in prop::collection::vec((-9..9_isize, -9..9_isize, any::<bool>(), 0..5_usize), 0..20)) {
            let mut screen = CompareScreen::default();
            for (down, right, forward, count) in moves {
                screen.turn_page(forward);
                screen.scroll((down, right), (count, count));
                screen.turn_baseline(count);
                let scroll = screen.scrolled(screen.page);
                let last = count.saturating_sub(1);
                prop_assert!(scroll.down <= last && scroll.right <= last);
                prop_assert!(screen.baseline.is_none_or(|run| run < count));
            }
        }
    }
}
