//! What waits in this machine's queue, why, and what it waits behind.
//!
//! ```text
//! ─ trains here ─────────────────────────────────────────────────────────────────
//!  ● moco.seed-1/20261125-032341   on 0     epoch 12 of 20, 2:05 left
//! ─ waits ───────────────────────────────────────────────────────────────────────
//!  1 moco.seed-2/20261125-032803   on any   behind moco.seed-1/20261125-032341
//!  2 probe.seed-1/20261125-032810  on 0     waits for moco.seed-1/20261125-032341
//! ```

use super::part;
use crate::ui::figures::{first_in_sight, fit};
use crate::ui::model::Model;
use crate::ui::model::queue::Waits;
use mocolab::queue::{Live, Turn};
use mocolab::run::RunDir;
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Draws the screen.
pub fn draw(model: &Model, frame: &mut Frame, rect: Rect) {
    let (waits, live) = model.queued();
    let lines = (live.len().max(1) as u16 + 1).min(rect.height / 2);
    let [above, below] = Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(rect);
    let longest = |names: &mut dyn Iterator<Item = String>| names.map(|name| name.width()).max().unwrap_or(0);
    let name =
        longest(&mut live.iter().map(|(_, live)| live.name.clone()).chain(waits.iter().map(|one| one.name.clone())));
    let name = name.min(usize::from(rect.width) / 2);
    trains(model, &live, name, frame, above);
    let jobs = model.in_slurm();
    let lines = if jobs.is_empty() { 0 } else { (jobs.len() as u16 + 1).min(below.height / 2) };
    let [below, last] = Layout::vertical([Constraint::Fill(1), Constraint::Length(lines)]).areas(below);
    self::waits(model, &waits, name, frame, below);
    if lines > 0 {
        in_slurm(model, &jobs, frame, last);
    }
}

/// What waits in Slurm, and what it says of each.
fn in_slurm(model: &Model, jobs: &[(RunDir, String, String)], frame: &mut Frame, rect: Rect) {
    let title = vec![
        Span::styled(" waits in Slurm ", model.theme.title()),
        Span::styled(format!("{} ", jobs.len()), model.theme.faint()),
    ];
    let block = part(Line::from(title), model.theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let name = jobs.iter().map(|(run, ..)| run.label().width()).max().unwrap_or(0).min(usize::from(rect.width) / 2);
    for ((run, id, why), y) in jobs.iter().zip(inner.y..inner.bottom()) {
        let head = format!("    {}  job {}  ", fit(&sanitize(&run.label()), name, false), fit(id, 9, false));
        let why = fit(&sanitize(why), usize::from(rect.width).saturating_sub(head.width()), false);
        frame.render_widget(Line::from(vec![Span::raw(head), Span::raw(why)]), Rect { y, height: 1, ..inner });
    }
}

fn trains(model: &Model, live: &[(RunDir, Live)], name: usize, frame: &mut Frame, rect: Rect) {
    let block = part(Line::styled(" trains here ", model.theme.title()), model.theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    if live.is_empty() {
        frame.render_widget(Span::styled(" nothing", model.theme.faint()), inner);
    }
    for ((run, live), y) in live.iter().zip(inner.y..inner.bottom()) {
        let sight = model.runs.get(run);
        let (sign, style) =
            sight.map_or((' ', Style::new()), |sight| (sight.status.symbol(), model.theme.status(sight.status)));
        let progress = sight.map_or(String::new(), crate::sight::Sight::progress);
        let row = Line::from(vec![
            Span::styled(format!("  {sign} "), style),
            Span::raw(fit(&sanitize(&live.name), name, false)),
            Span::styled(format!("  on {}  {progress}", fit(&live.devices.join(","), 5, false)), model.theme.faint()),
        ]);
        frame.render_widget(row, Rect { y, height: 1, ..inner });
    }
}

fn waits(model: &Model, waits: &[Waits], name: usize, frame: &mut Frame, rect: Rect) {
    let about = if waits.is_empty() { String::new() } else { format!("{} ", waits.len()) };
    let title = vec![Span::styled(" waits ", model.theme.title()), Span::styled(about, model.theme.faint())];
    let block = part(Line::from(title), model.theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    if waits.is_empty() {
        let text = " nothing: in the dialogue of a start, a run can be left to wait for its turn on a device; \
                    `mocolab start NAME --queue` does the same. What waits starts also when no terminal is open.";
        frame.render_widget(Paragraph::new(text).style(model.theme.faint()).wrap(Wrap { trim: false }), inner);
        return;
    }
    let (height, place) = (usize::from(inner.height), model.queue_place(waits));
    let first = first_in_sight(place, waits.len(), height);
    for ((at, one), y) in waits.iter().enumerate().skip(first).zip(inner.y..inner.bottom()) {
        let rect = Rect { y, height: 1, ..inner };
        frame.render_widget(line(model, (at, one), name, usize::from(inner.width)), rect);
        if at == place {
            frame.buffer_mut().set_style(rect, model.theme.chosen());
        }
    }
}

fn line(model: &Model, (at, one): (usize, &Waits), name: usize, width: usize) -> Line<'static> {
    let why = one.turn.as_ref().map_or("looking for devices".to_owned(), Turn::to_string);
    let style = match &one.turn {
        None => model.theme.faint(),
        Some(Turn::Start(_)) => model.theme.good(),
        Some(turn) if turn.is_stuck() => model.theme.warn(),
        Some(Turn::Wait(_)) => Style::new(),
    };
    let head = format!("{:>3} {}  on {}  ", at + 1, fit(&sanitize(&one.name), name, false), fit(&one.on, 5, false));
    let why = fit(&sanitize(&why), width.saturating_sub(head.width()), false);
    Line::from(vec![Span::raw(head), Span::styled(why, style)])
}
