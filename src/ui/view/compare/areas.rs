//! Where the parts of the screen lie: a page at a time on 80x24, all at once from 110 columns and 34 lines on.

use super::Seen;
use super::tables::{best_lines, seed_lines};
use crate::ui::model::compare::Page;
use ratatui::layout::{Constraint, Layout, Rect};

/// A rectangle for each part; empty for those that are not in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Areas {
    /// Tabs and metric.
    pub head: Rect,
    /// The runs with their letters.
    pub legend: Rect,
    /// For the curves of one metric.
    pub chart: Rect,
    /// The settings that differ.
    pub settings: Rect,
    /// What each reached.
    pub bests: Rect,
    /// How seeds spread.
    pub seeds: Rect,
    /// For the classes of two runs.
    pub classes: Rect,
}

/// Divides `rect`.
pub fn areas(seen: Seen, rect: Rect) -> Areas {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(rect);
    let areas = Areas { head, ..Areas::default() };
    if rect.width >= 110 && rect.height >= 34 { whole(seen, areas, body) } else { page(seen, areas, body) }
}

fn page(seen: Seen, areas: Areas, body: Rect) -> Areas {
    match seen.screen.page {
        Page::Curves => {
            let wanted = super::legend::lines(seen.compared.runs.len(), body.width) + 1;
            let lines = Constraint::Length(wanted.min(body.height * 2 / 5));
            let [chart, legend] = Layout::vertical([Constraint::Fill(1), lines]).areas(body);
            Areas { legend, chart, ..areas }
        }
        Page::Settings => Areas { settings: body, ..areas },
        Page::Bests => {
            let lines = seed_lines(seen.compared).min(body.height / 2);
            let [bests, seeds] = Layout::vertical([Constraint::Fill(1), Constraint::Length(lines)]).areas(body);
            Areas { bests, seeds, ..areas }
        }
        Page::Classes => Areas { classes: body, ..areas },
    }
}

fn whole(seen: Seen, areas: Areas, body: Rect) -> Areas {
    let compared = seen.compared;
    let [left, right] = Layout::horizontal([Constraint::Fill(6), Constraint::Fill(5)]).spacing(1).areas(body);
    let part = |share: u16, of: u16| body.height * share / of;
    let bests = Constraint::Length((best_lines(seen) as u16 + 2).clamp(3, part(4, 9)));
    let [chart, bests] = Layout::vertical([Constraint::Fill(1), bests]).areas(left);
    let legend = Constraint::Length((super::legend::lines(compared.runs.len(), right.width) + 1).min(part(1, 4)));
    let seeds = Constraint::Length(seed_lines(compared).min(part(1, 3)));
    if compared.pair().is_some() {
        let settings = Constraint::Length((compared.settings.len() as u16 + 2).clamp(3, part(1, 4)));
        let [legend, settings, seeds, classes] =
            Layout::vertical([legend, settings, seeds, Constraint::Fill(1)]).areas(right);
        return Areas { legend, chart, settings, bests, seeds, classes, ..areas };
    }
    let [legend, settings, seeds] = Layout::vertical([legend, Constraint::Fill(1), seeds]).areas(right);
    Areas { legend, chart, settings, bests, seeds, ..areas }
}
