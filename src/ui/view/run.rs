//! One run, live.
//!
//! ```text
//! ● running  quick/20261124-223629  cpu           supervised resnet8, bf16, cifar10
//! epoch 3/6 ██████████▌          48%  step 1053/2106  1:12 left  1650 images/s
//! ─ loss ───────────────────────────── macro accuracy ──────────────────────────
//! ─ learning rate ───────── images/s ────────── classes (where there is room) ──
//! ─ log ────────────────────────────────────────────────────────────────────────
//! ```

use super::chart::{self, Plot, Series};
use super::{bar, fit, part, percent};
use crate::sight::Sight;
use crate::ui::model::{Model, RunScreen};
use crate::ui::theme::Theme;
use mocolab::metrics::{self, Confusion};
use mocolab::status::Status;
use mocolab::text::{duration, number, sanitize};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Draws the screen of a run.
pub fn draw(model: &Model, screen: &RunScreen, frame: &mut Frame, rect: Rect) {
    let Some(sight) = model.runs.get(&screen.run) else { return };
    let (trouble, lines) = super::wrapped(&trouble(sight).unwrap_or_default(), model.theme.bad(), rect.width);
    let tall = rect.height >= 30;
    let [head, said, charts, small, log] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(lines),
        Constraint::Fill(if tall { 3 } else { 2 }),
        Constraint::Fill(if tall { 2 } else { 1 }),
        Constraint::Fill(1),
    ])
    .areas(rect);
    header(sight, model.theme, frame, head);
    frame.render_widget(trouble, said);
    large(sight, model.theme, frame, charts);
    if tall && rect.width >= 100 {
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1).areas(small);
        smaller(sight, model.theme, frame, left);
        classes(sight, model.theme, frame, right);
    } else {
        smaller(sight, model.theme, frame, small);
    }
    tail(screen, model.theme, frame, log);
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
        Span::styled(format!("  {}", sight.run.label()), theme.title()),
        Span::raw(format!("  {}", sight.devices())),
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
        Status::Crashed => Some("the trainer is gone without a word: killed, or the machine went down; r resumes"),
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

fn large(sight: &Sight, theme: Theme, frame: &mut Frame, rect: Rect) {
    let loss = [("train", metrics::TRAIN_LOSS, theme.train()), ("val", metrics::VAL_LOSS, theme.val())];
    let [val, test] = ["val", "test"].map(|split| sight.state.headline(split));
    let accuracy = [("val", val.as_str(), theme.val()), ("test", test.as_str(), theme.test())];
    let title = if val.contains("knn") { "kNN macro accuracy" } else { "macro accuracy" };
    let guess = sight.state.started.as_ref().and_then(|started| started.chance_loss);
    let loss = Plot { level: guess.map(|loss| ("guess", loss)), ..plot(sight, "loss", &loss, number) };
    pair(&loss, &plot(sight, title, &accuracy, percent), theme, frame, rect);
}

fn smaller(sight: &Sight, theme: Theme, frame: &mut Frame, rect: Rect) {
    let rate = plot(sight, "learning rate", &[("", metrics::LR, theme.train())], number);
    let speed = [("", metrics::IMAGES_PER_S, theme.train())];
    let speed = plot(sight, "images/s", &speed, |speed| format!("{speed:.0}"));
    pair(&rate, &speed, theme, frame, rect);
}

/// A plot of the curves `shown`: name, metric and looks of each.
fn plot<'a>(
    sight: &'a Sight,
    title: &'static str,
    shown: &[(&'static str, &str, Style)],
    show: fn(f64) -> String,
) -> Plot<'a> {
    let curves = &sight.state.curves;
    let series = shown.iter().map(|(name, metric, style)| Series { name, curve: curves.get(*metric), style: *style });
    Plot { title, series: series.collect(), level: None, until: sight.state.step, show }
}

fn pair(left: &Plot, right: &Plot, theme: Theme, frame: &mut Frame, rect: Rect) {
    let [a, b] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1).areas(rect);
    chart::draw(left, theme, frame, a);
    chart::draw(right, theme, frame, b);
}

/// Recall of each class as bars: of the validation split, or the test set where there is none.
fn classes(sight: &Sight, theme: Theme, frame: &mut Frame, rect: Rect) {
    let classes = sight.state.classes.get("val").or_else(|| sight.state.classes.get("test"));
    let about = classes.map(|classes| format!("{}, epoch {} ", classes.split, classes.epoch)).unwrap_or_default();
    let title = vec![Span::styled(" recall of each class ", theme.title()), Span::styled(about, theme.faint())];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let Some(classes) = classes else { return };
    let names = sight.state.class_names();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(8).clamp(4, 16);
    let room = (inner.width as usize).saturating_sub(width + 9);
    let recalls = Confusion::from_counts(classes.confusion.clone()).recalls();
    for (class, recall) in recalls.into_iter().enumerate().take(inner.height as usize) {
        let name = names.get(class).map_or_else(|| format!("class {class}"), |name| sanitize(name));
        let share = recall.unwrap_or(f64::NAN);
        let line = Line::from(vec![
            Span::raw(format!(" {} {} ", fit(&name, width, false), fit(&percent(share), 6, true))),
            Span::styled(bar(share.max(0.0), room), theme.val()),
        ]);
        frame.render_widget(line, Rect { y: inner.y + class as u16, height: 1, ..inner });
    }
}

fn tail(screen: &RunScreen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let place = if screen.up > 0 { format!("{} lines up, G follows ", screen.up) } else { String::new() };
    let title = vec![Span::styled(" log ", theme.title()), Span::styled(place, theme.faint())];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let end = screen.log.len().saturating_sub(screen.up);
    let start = end.saturating_sub(inner.height as usize);
    let text: Vec<Line> = screen.log[start..end].iter().map(|line| Line::from(line.as_str())).collect();
    let paragraph = Paragraph::new(text).wrap(Wrap { trim: false }).block(Block::new().padding(Padding::horizontal(1)));
    // Wrapped lines take more room than there is: the last ones are those to see.
    let hidden = paragraph.line_count(inner.width).saturating_sub(inner.height as usize);
    frame.render_widget(paragraph.scroll((hidden as u16, 0)), inner);
}
