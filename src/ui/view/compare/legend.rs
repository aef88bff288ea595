//! The runs with their letters: which is which, and what each reached by the metric in front.

use super::table::ending;
use super::{Seen, letter, shown};
use crate::ui::model::compare::Page;
use crate::ui::theme::Theme;
use crate::ui::view::{fit, part};
use mocolab::curve::Curve;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Columns that an entry needs to say all.
const ENTRY: u16 = 52;

/// Lines that the legend of so many runs takes.
pub fn lines(runs: usize, width: u16) -> u16 {
    runs.div_ceil(columns(runs, width)) as u16
}

fn columns(runs: usize, width: u16) -> usize {
    if runs > 4 { usize::from((width / ENTRY).max(1)) } else { 1 }
}

/// Draws the legend.
pub fn draw(seen: Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let runs = &seen.compared.runs;
    let (columns, lines) = (columns(runs.len(), rect.width), lines(runs.len(), rect.width) as usize);
    let height = usize::from(rect.height.saturating_sub(1));
    let first = seen.screen.scrolled(Page::Curves).down.min(lines.saturating_sub(1));
    let mut about = vec!["best @ epoch, last".to_owned()];
    if !seen.compared.beginning.is_empty() {
        about.insert(0, format!("of {}", seen.compared.beginning));
    }
    if height < lines {
        about.push(format!("{}–{} of {lines} rows", first + 1, (first + height).min(lines)));
    }
    let about = format!("{} ", about.join(" · "));
    let title = vec![Span::styled(" runs ", theme.title()), Span::styled(about, theme.faint())];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let width = usize::from(inner.width) / columns;
    let name = runs.iter().map(|run| run.name.width()).max().unwrap_or(0).min(width.saturating_sub(34).max(8));
    for (place, line) in (first..lines).take(usize::from(inner.height)).enumerate() {
        let rect = Rect { y: inner.y + place as u16, height: 1, ..inner };
        let runs = (0..columns).map(|column| column * lines + line).filter(|run| *run < runs.len());
        let spans: Vec<Span> = runs.flat_map(|run| entry(seen, run, (name, width), theme)).collect();
        frame.render_widget(Line::from(spans), rect);
    }
}

/// One run: letter, name, values, status.
fn entry(seen: Seen, run: usize, (name, width): (usize, usize), theme: Theme) -> Vec<Span<'static>> {
    let Seen { compared, screen } = seen;
    let one = &compared.runs[run];
    let metric = compared.metric(screen).unwrap_or_default();
    let best = one.sight.state.best.get(metric.strip_prefix("epoch/").unwrap_or(metric));
    let best = best.map_or("–".to_owned(), |best| format!("{} @{}", shown(metric, best.value), best.epoch));
    let last = one.sight.state.curves.get(metric).and_then(Curve::last);
    let last = last.map_or("–".to_owned(), |(_, value)| shown(metric, value));
    let status = one.sight.status;
    let mut spans = vec![
        Span::styled(format!(" {}", letter(run)), theme.run(seen.compared.colours[run]).patch(theme.title())),
        Span::styled(format!(" {} ", status.symbol()), theme.status(status)),
        Span::raw(fit(&ending(&one.name, name), name, false)),
        Span::raw(format!(" {}", fit(&best, 12, true))),
        Span::styled(format!(" {}", fit(&last, 7, true)), theme.faint()),
    ];
    // What is told last is lost first.
    let used: usize = spans.iter().map(|span| span.content.width()).sum();
    let told = format!(" {status}");
    spans.push(Span::styled(fit(&told, width.saturating_sub(used), false), theme.status(status)));
    spans
}
