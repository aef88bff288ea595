//! Several runs side by side: a page at a time, or all where there is room. The curves and the classes are drawn by
//! whoever has them, into the rectangles that [`draw`] leaves free.
//!
//! ```text
//!  [curves] settings bests classes  val/knn_macro_accuracy ↑ 1/6  base A  2 runs
//!  (curves) ──────────────────────────  runs of moco. · best @ epoch, last ──────
//!                                       A ✓ queue-6400    51.21% @20  50.53% done
//!                                       B ✓ queue-25600   53.23% @20  52.59% done
//!                                       settings differing; = as A ──────────────
//!  bests best @ epoch, * best of all ─        A queue-6400   B queue-25600
//!               A          B            queue 6400           25600
//!  val/loss ↓*B 4.9277 @20 4.8062 @20*  bests over seeds mean ± sample std ──────
//!    last       4.9684     4.8447       (classes, of two runs) ──────────────────
//! ```

mod areas;
mod compared;
mod legend;
mod table;
mod tables;

#[cfg(test)]
mod tests;

pub use areas::{Areas, areas};
pub use compared::{Compared, MOST};

use crate::sight::Sight;
use crate::ui::model::compare::{CompareScreen, Page, Scroll};
use crate::ui::theme::Theme;
use crate::ui::view::part;
use mocolab::metrics::{Direction, direction};
use mocolab::text::{number, sanitize};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

/// What is seen: the runs, and how they are looked at.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The runs.
    pub compared: &'a Compared<'a>,
    /// What is in front.
    pub screen: &'a CompareScreen,
}

impl Seen<'_> {
    /// Rows and columns of the page in front: how far [`CompareScreen::scroll`] may go.
    pub fn extent(self) -> (usize, usize) {
        let runs = self.compared.runs.len();
        match self.screen.page {
            Page::Curves => (runs, 0),
            Page::Settings => (self.compared.settings.len(), runs),
            Page::Bests => (tables::best_lines(self), runs),
            Page::Classes => {
                let classes = |sight: &Sight| sight.state.classes.values().map(|classes| classes.confusion.len()).max();
                (self.compared.pair().and_then(|[first, _]| classes(first)).unwrap_or(0), 0)
            }
        }
    }
}

/// Draws all but the curves and the classes, for which it says the rectangles.
pub fn draw(seen: Seen, theme: Theme, frame: &mut Frame, rect: Rect) -> Areas {
    let areas = areas(seen, rect);
    head(seen, theme, frame, areas.head);
    legend::draw(seen, theme, frame, areas.legend);
    let bests = seen.screen.scrolled(Page::Bests);
    if !areas.settings.is_empty() {
        table::draw(&tables::settings(seen, theme), seen.screen.scrolled(Page::Settings), frame, areas.settings);
    }
    if !areas.bests.is_empty() {
        table::draw(&tables::bests(seen, theme), bests, frame, areas.bests);
    }
    if !areas.seeds.is_empty() {
        table::draw(&tables::seeds(seen, theme), Scroll { down: 0, ..bests }, frame, areas.seeds);
    }
    if seen.compared.pair().is_none() && !areas.classes.is_empty() {
        let marked = seen.compared.runs.len();
        let text = format!("classes are compared of exactly two runs; {marked} are marked");
        said(&text, "classes", theme, frame, areas.classes);
    }
    areas
}

/// The tabs, the metric, and what the runs are of.
fn head(seen: Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let Seen { compared, screen } = seen;
    let mut spans = Vec::new();
    for page in Page::ALL {
        let chosen = page == screen.page;
        let text = if chosen { format!(" [{}]", page.word()) } else { format!(" {}", page.word()) };
        spans.push(Span::styled(text, if chosen { theme.title() } else { theme.faint() }));
    }
    if let Some(metric) = compared.metric(screen) {
        let place = compared.place(screen) + 1;
        spans.push(Span::styled(format!("  {}", titled(metric)), theme.title()));
        spans.push(Span::styled(format!(" {place}/{}", compared.metrics.len()), theme.faint()));
    }
    if let Some(run) = compared.baseline(screen) {
        spans.push(Span::styled(format!("  base {}", letter(run)), theme.title()));
    }
    let count = compared.runs.len();
    spans.push(Span::raw(format!("  {count} run{}", if count == 1 { "" } else { "s" })));
    if compared.left_out > 0 {
        spans.push(Span::styled(format!(", {} left out: at most {MOST}", compared.left_out), theme.bad()));
    }
    frame.render_widget(Line::from(spans), rect);
}

/// A sentence in the place of a part that has nothing to show.
fn said(text: &str, title: &'static str, theme: Theme, frame: &mut Frame, rect: Rect) {
    let block = part(Line::styled(format!(" {title} "), theme.title()), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let text = Text::styled(format!(" {text}"), theme.faint());
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), inner);
}

/// How a run is called on this screen: `A` to `Z`.
pub fn letter(run: usize) -> char {
    char::from(b'A' + (run % MOST) as u8)
}

/// A value of `metric`: a share in percent.
fn shown(metric: &str, value: f64) -> String {
    match direction(metric) {
        Some(Direction::Higher) if value.is_finite() => format!("{:.2}%", value * 100.0),
        _ => number(value),
    }
}

/// `metric` with an arrow that points to where it is better.
fn titled(metric: &str) -> String {
    let arrow = match direction(metric) {
        Some(Direction::Higher) => " ↑",
        Some(Direction::Lower) => " ↓",
        None => "",
    };
    format!("{}{arrow}", sanitize(metric))
}
