//! One run, live: how far it is, all its charts, the end of its log.
//!
//! ```text
//! ● running  quick/20261124-223629  cpu           supervised resnet8, bf16, cifar10
//! epoch 3/6 ██████████▌          48%  step 1053/2106  1:12 left  1650 images/s
//! ─ loss  train 1.23  val 1.31 ─────── macro accuracy  val 61.2% ────────────────
//! ─ learning rate  0.182 ───────────── images/s  1650 ───────────────────────────
//! ─ log ─────────────────────────────────────────────────────────────────────────
//! ```

use super::{bar, fit, log, wrapped};
use crate::sight::Sight;
use crate::ui::board;
use crate::ui::chart::{self, By, Plot};
use crate::ui::log::LogLook;
use crate::ui::look::{self, Look};
use crate::ui::model::Model;
use crate::ui::theme::Theme;
use mocolab::metrics;
use mocolab::run::RunDir;
use mocolab::state::{Depth, RunState};
use mocolab::status::Status;
use mocolab::text::{duration, sanitize};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Least size of a chart that is worth looking at.
const CHART: (u16, u16) = (36, 7);

/// Where the parts of the screen lie.
struct Areas {
    head: Rect,
    trouble: Rect,
    charts: Rect,
    log: Rect,
}

/// What is wrong with the run, and where the parts lie.
fn parts(model: &Model, sight: &Sight, rect: Rect) -> (Paragraph<'static>, Areas) {
    let (said, lines) = wrapped(&trouble(sight).unwrap_or_default(), model.theme.bad(), rect.width);
    let tail = if model.look.alone { 0 } else { (rect.height / 5).min(10) };
    let [head, trouble, charts, log] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(lines),
        Constraint::Fill(1),
        Constraint::Length(tail),
    ])
    .areas(rect);
    (said, Areas { head, trouble, charts, log })
}

/// Draws the screen of a run.
pub fn draw(model: &Model, run: &RunDir, frame: &mut Frame, rect: Rect) {
    let Some(sight) = model.runs.get(run) else { return };
    let theme = model.theme;
    let (said, areas) = parts(model, sight, rect);
    header(sight, theme, frame, areas.head);
    frame.render_widget(said, areas.trouble);
    if sight.state.depth == Depth::Whole || sight.state.attempt == 0 {
        charts(model, sight, frame, areas.charts);
    } else {
        frame.render_widget(Span::styled(" reading the record", theme.faint()), areas.charts);
    }
    if !areas.log.is_empty() {
        log::draw("log", &model.log, &LogLook::default(), theme, (frame, areas.log));
    }
}

fn charts(model: &Model, sight: &Sight, frame: &mut Frame, rect: Rect) {
    let panels = board::panels(&sight.state);
    let chosen = model.look.place(&panels);
    let (above, places) = board_of((panels.len(), chosen), &model.look, rect);
    frame.render_widget(looked(model, (places.len(), panels.len())), above);
    for (at, place) in places {
        let panel = &panels[at];
        let mark = if at == chosen && panels.len() > 1 { "▸ ".to_owned() } else { String::new() };
        let title = format!("{mark}{}", panel.title);
        let plot = look::plot(panel, (&sight.state, pinned(model, sight)), &model.look, model.theme);
        let plot = Plot { title: &title, ..plot };
        chart::draw(&plot, model.theme, frame, place);
    }
}

/// The run that this one is drawn over.
fn pinned<'a>(model: &'a Model, sight: &Sight) -> Option<&'a RunState> {
    let pinned = model.baseline.as_ref().filter(|pinned| **pinned != sight.run)?;
    Some(&model.runs.get(pinned)?.state)
}

/// The line above the charts, and where they lie.
fn board_of(charts: (usize, usize), look: &Look, rect: Rect) -> (Rect, Vec<(usize, Rect)>) {
    let [above, rect] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(rect);
    (above, places(charts, look, rect))
}

/// The chart at `at`, and the place along it.
pub fn chart_at(model: &Model, run: &RunDir, rect: Rect, at: Position) -> Option<(usize, f64)> {
    let sight = model.runs.get(run)?;
    let (_, areas) = parts(model, sight, rect);
    let panels = board::panels(&sight.state);
    let (_, places) = board_of((panels.len(), model.look.place(&panels)), &model.look, areas.charts);
    let (chart, rect) = places.into_iter().find(|(_, rect)| rect.contains(at))?;
    let plot = look::plot(&panels[chart], (&sight.state, pinned(model, sight)), &model.look, model.theme);
    Some((chart, chart::place_at(&plot, rect, at.x)?))
}

/// How the charts are looked at, where that is not as usual, and how many are out of sight.
fn looked(model: &Model, (shown, all): (usize, usize)) -> Line<'static> {
    let mut words: Vec<String> = Vec::new();
    if all > shown {
        words.push(format!("{shown} of {all} charts"));
    }
    words.push(
        match model.look.by {
            By::Step => "over steps",
            By::Epoch => "over epochs",
            By::Relative => "over hours",
            By::Wall(_) => "over the time of day",
        }
        .to_owned(),
    );
    words.extend(model.look.words());
    if let Some(pinned) = &model.baseline {
        words.push(format!("pinned {}", sanitize(&pinned.label())));
    }
    Line::styled(format!(" {}", words.join(" · ")), model.theme.faint())
}

/// Where each of `count` charts lies that there is room for: as many beside and below each other as are still worth
/// looking at, the chosen one among them.
fn places((count, chosen): (usize, usize), look: &Look, rect: Rect) -> Vec<(usize, Rect)> {
    if count == 0 || rect.is_empty() {
        return Vec::new();
    }
    if look.alone {
        return vec![(chosen, rect)];
    }
    let columns = usize::from(rect.width / CHART.0).clamp(1, 4).min(count);
    let rows = usize::from(rect.height / CHART.1).max(1).min(count.div_ceil(columns));
    let page = columns * rows;
    let first = chosen / page * page;
    let shown: Vec<usize> = (first..count.min(first + page)).collect();
    let lines = shown.len().div_ceil(columns);
    let heights = Layout::vertical(vec![Constraint::Fill(1); lines]).split(rect);
    let mut places = Vec::new();
    for (line, charts) in shown.chunks(columns).enumerate() {
        // The last line may hold fewer: they are wider.
        let widths = Layout::horizontal(vec![Constraint::Fill(1); charts.len()]).spacing(1).split(heights[line]);
        places.extend(charts.iter().copied().zip(widths.iter().copied()));
    }
    places
}

fn header(sight: &Sight, theme: Theme, frame: &mut Frame, rect: Rect) {
    let state = &sight.state;
    let about = match (&state.started, &sight.experiment) {
        (Some(started), _) => format!("{} {}, {}, {}", started.recipe, started.arch, started.precision, started.data),
        (None, Ok(experiment)) => format!("{} {}", experiment.recipe.name(), experiment.recipe.subject()),
        (None, Err(error)) => error.clone(),
    };
    let first = Line::from(vec![
        Span::styled(format!(" {} {}", sight.status.symbol(), sight.status), theme.status(sight.status)),
        Span::styled(format!("  {}", sanitize(&sight.run.label())), theme.title()),
        Span::raw(format!("  {}", sanitize(&sight.devices()))),
        Span::styled(format!("  {}", sanitize(&about)), theme.faint()),
    ]);
    let second = if state.attempt == 0 {
        Line::styled(
            if sight.status == Status::Starting { " loading libtorch and the pictures" } else { " no events yet" },
            theme.faint(),
        )
    } else {
        progress(sight, theme)
    };
    frame.render_widget(ratatui::text::Text::from(vec![first, second]), rect);
}

fn progress(sight: &Sight, theme: Theme) -> Line<'static> {
    let state = &sight.state;
    let share = state.progress();
    let mut parts = vec![format!("step {}/{}", state.step, state.steps)];
    if sight.status.is_live() {
        parts.extend(state.seconds_left().map(|left| format!("{} left", duration(left))));
        parts.extend(state.latest.get(metrics::IMAGES_PER_S).map(|speed| format!("{speed:.0} images/s")));
    } else {
        parts.push(format!("took {}", duration(state.last_seen - state.began)));
    }
    if sight.job.as_ref().is_some_and(|job| job.attempt > 1) {
        parts.push(format!("attempt {}", sight.job.as_ref().map_or(state.attempt, |job| job.attempt)));
    }
    Line::from(vec![
        Span::raw(format!(" epoch {}/{} ", state.epoch.min(state.epochs), state.epochs)),
        Span::styled(fit(&bar(share, 20), 20, false), theme.train()),
        Span::raw(format!(" {:.0}%  ", (share * 100.0).floor())),
        Span::styled(parts.join("  "), theme.faint()),
    ])
}

/// The one sentence that matters most where something is wrong.
fn trouble(sight: &Sight) -> Option<String> {
    let crashed = || match sight.status {
        Status::Crashed => Some(
            "the trainer is gone without a word: killed by something else, or the machine went down; it can be resumed",
        ),
        Status::Unknown => Some(
            "it can't be told from here whether it lives: look at the machine; if it is gone, `mocolab resume --force`",
        ),
        _ => None,
    };
    let damaged =
        || (sight.damaged > 0).then(|| format!("{} damaged lines in the record were passed over", sight.damaged));
    let alert = || sight.state.alerts.last().map(|(_, alert)| alert.message.clone());
    let text = sight.trouble.clone().or_else(|| sight.cause().map(str::to_owned));
    let text = text.or_else(|| crashed().map(str::to_owned)).or_else(damaged).or_else(alert);
    text.map(|text| sanitize(text.lines().next().unwrap_or_default()))
}
