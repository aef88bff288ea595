//! The map of a run's features, and the picture under the cursor.
//!
//! ```text
//!  ● running  base/20261124-223629  epoch 40 of 100  10000 test pictures, 81.2% answered right by its classifier
//!  KL 1.832  trustworthiness 0.970  recall 0.381  perplexity 30  50 of 512 components keep 98.1%
//! ─ map  by class  epochs 10 20 30 ‹40› ─────────────── ─ picture 4711 ──────────
//!      ▄▀▀▄▄      ▄▄█                                    (the picture itself)
//!    ▀▄█▀▀▄  X  ▄▀▀                                      automobile
//!  a airplane  b automobile  c bird …                    ✗ truck 61.0%, then automobile 35.2%
//! ```

mod inspector;
mod legend;
mod plot;

use super::{part, percent};
use crate::sight::Sight;
use crate::ui::map::{Dots, MapScreen, Shown};
use crate::ui::model::Model;
use crate::ui::theme::Theme;
use crate::ui::view::Hit;
use mocolab::embedding::{About, Frame as Sector};
use mocolab::run::RunDir;
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

/// The narrowest that a picture is worth its place beside the map.
const NARROWEST: u16 = 60;

/// Where the parts of the screen lie.
struct Places {
    head: Rect,
    plot: Rect,
    legend: Rect,
    inspector: Rect,
}

fn places(shown: &Shown, rect: Rect) -> Places {
    let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(rect);
    let beside = if body.width >= NARROWEST { (body.width * 3 / 8).clamp(24, 44) } else { 0 };
    let [left, inspector] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(beside)])
        .spacing(u16::from(beside > 0))
        .areas(body);
    let lines = legend::lines(&shown.colouring.names, left.width).min(left.height / 3);
    let [plot, legend] = Layout::vertical([Constraint::Fill(1), Constraint::Length(lines)]).areas(left);
    Places { head, plot, legend, inspector }
}

/// Draws the screen.
pub fn draw(model: &Model, run: &RunDir, frame: &mut Frame, rect: Rect) {
    let (screen, theme, sight) = (&model.map, model.theme, model.runs.get(run));
    let Some(shown) = screen.shown(model.now) else {
        return without(model, run, frame, rect);
    };
    let places = places(&shown, rect);
    let lines = vec![first(run, sight, &shown, theme), second(run, &shown.map.about, screen, theme)];
    frame.render_widget(Text::from(lines), places.head);
    let block = part(title(screen, &shown, theme, places.plot.width), theme.faint());
    let inner = block.inner(places.plot);
    frame.render_widget(block, places.plot);
    plot::draw(screen, &shown, theme, frame.buffer_mut(), inner);
    legend::draw(screen, &shown.colouring.names, theme, frame, places.legend);
    inspector::draw(screen, &shown, theme, frame, places.inspector);
}

/// There is no map to show: why, and what to do.
fn without(model: &Model, run: &RunDir, frame: &mut Frame, rect: Rect) {
    let (screen, theme, sight) = (&model.map, model.theme, model.runs.get(run));
    let mut lines = vec![Line::from(status(run, sight, theme))];
    let key = model.key(crate::ui::keys::Action::Embed);
    let every = sight.and_then(|sight| sight.experiment.as_ref().ok()).map(|it| it.recipe.judging().map_every);
    lines.push(if screen.making.contains(run) {
        Line::styled(" mapping the newest checkpoint", theme.faint())
    } else if let Some(trouble) = &screen.trouble {
        Line::styled(format!(" {}", sanitize(trouble)), theme.bad())
    } else if !screen.listed {
        Line::styled(" reading the maps", theme.faint())
    } else {
        let when = match every {
            Some(0) => "`map_every = 0`: this run makes none by itself".to_owned(),
            Some(every) => format!("one is made every {every} epochs (`map_every`) and at the end"),
            None => "one is made every so many epochs (`map_every`) and at the end".to_owned(),
        };
        Line::styled(format!(" no map yet: {when}; {key} maps the newest checkpoint now"), theme.faint())
    });
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), rect);
}

fn status(run: &RunDir, sight: Option<&Sight>, theme: Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    spans.extend(
        sight.map(|sight| {
            Span::styled(format!(" {} {}", sight.status.symbol(), sight.status), theme.status(sight.status))
        }),
    );
    spans.push(Span::styled(format!("  {}", sanitize(&run.label())), theme.title()));
    spans
}

fn first(run: &RunDir, sight: Option<&Sight>, shown: &Shown, theme: Theme) -> Line<'static> {
    let (map, about) = (shown.map, &shown.map.about);
    let mut spans = status(run, sight, theme);
    let of = sight.map(|sight| sight.state.epochs).filter(|of| *of > 0).map_or(String::new(), |of| format!(" of {of}"));
    spans.push(Span::styled(format!("  epoch {}{of}", about.epoch), theme.test()));
    let right = map.points.iter().filter(|point| map.is_right(point)).count();
    let share = percent(right as f64 / map.points.len().max(1) as f64);
    let text = format!("  {} test pictures, {share} right by {}", map.points.len(), about.by.words());
    spans.push(Span::styled(text, theme.faint()));
    Line::from(spans)
}

fn second(run: &RunDir, about: &About, screen: &MapScreen, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut figure = |name: &str, value: String| {
        spans.push(Span::styled(format!(" {name} "), theme.faint()));
        spans.push(Span::raw(value + " "));
    };
    figure("KL", format!("{:.3}", about.divergence));
    if let (Some(trustworthiness), Some(recall)) = (about.trustworthiness, about.recall) {
        figure("trustworthiness", format!("{trustworthiness:.3}"));
        figure("kNN recall", format!("{recall:.3}"));
    }
    figure("perplexity", format!("{}", about.perplexity));
    if screen.making.contains(run) {
        spans.push(Span::styled(" mapping", theme.warn()));
    }
    if let Some(trouble) = &screen.trouble {
        spans.push(Span::styled(format!(" {}", sanitize(trouble)), theme.bad()));
    }
    let text = format!(" {} of {} components keep {}", about.components, about.width, percent(about.kept));
    spans.push(Span::styled(text, theme.faint()));
    Line::from(spans)
}

fn title(screen: &MapScreen, shown: &Shown, theme: Theme, width: u16) -> Line<'static> {
    let mut spans = vec![
        Span::styled(" map ", theme.title()),
        Span::styled(format!(" by {} ", screen.colours().words()), theme.faint()),
    ];
    let epochs: Vec<(u64, u64)> = screen.epochs().collect();
    if epochs.len() > 1 {
        // Those around the one in front.
        let here = epochs.iter().position(|(step, _)| *step == shown.map.about.step).unwrap_or(0);
        let count = usize::from(width.saturating_sub(36) / 4).clamp(3, 7);
        let first = here.saturating_sub(count / 2).min(epochs.len().saturating_sub(count));
        spans.push(Span::styled(if screen.plays() { " playing" } else { " epochs" }, theme.faint()));
        spans.extend((first > 0).then(|| Span::styled(" …", theme.faint())));
        for (place, (_, epoch)) in epochs.iter().enumerate().skip(first).take(count) {
            let style = if place == here { theme.chosen() } else { theme.faint() };
            spans.extend([Span::raw(" "), Span::styled(epoch.to_string(), style)]);
        }
        spans.push(Span::styled(if first + count < epochs.len() { " … " } else { " " }, theme.faint()));
    }
    if screen.nearness() > 1.0 {
        spans.push(Span::styled(format!(" {:.1}x nearer ", screen.nearness()), theme.faint()));
    }
    Line::from(spans)
}

/// Dots of a cell, across and down.
fn dots(screen: &MapScreen, theme: Theme) -> [usize; 2] {
    match screen.dots {
        // Letters stand one in a cell.
        _ if theme.ascii() || !theme.has_colours() => [1, 1],
        Dots::Blocks => [1, 2],
        Dots::Braille => [2, 4],
    }
}

/// What is in sight on the cells of `rect`, and the dots there are. A dot is as high as it is wide only where a cell has two down for each
/// across: letters stand in cells twice as high as wide.
fn sector(screen: &MapScreen, theme: Theme, rect: Rect) -> (Sector, [usize; 2]) {
    let [across, down] = dots(screen, theme);
    let cells = [usize::from(rect.width), usize::from(rect.height)];
    let frame = screen.frame([cells[0], cells[1] * 2]);
    (frame, [cells[0] * across, cells[1] * down])
}

/// What of the map lies at a place of the screen.
pub fn hit(model: &Model, rect: Rect, place: Position) -> Option<Hit> {
    let shown = model.map.shown(model.now)?;
    let places = places(&shown, rect);
    let inner = part(Line::default(), model.theme.faint()).inner(places.plot);
    if inner.contains(place) {
        let (frame, _) = sector(&model.map, model.theme, inner);
        let share = |at: u16, from: u16, of: u16| (f32::from(at - from) + 0.5) / f32::from(of) * 2.0 - 1.0;
        let across = share(place.x, inner.x, inner.width);
        let down = share(place.y, inner.y, inner.height);
        let at = [frame.middle[0] + across * frame.reach[0], frame.middle[1] - down * frame.reach[1]];
        return Some(Hit::Point(at));
    }
    legend::group_at(&shown.colouring.names, places.legend, place).map(Hit::Group)
}

/// What is known of the point under the cursor, a property a line with tabs; nothing where there is none.
pub fn words(model: &Model) -> String {
    let Some(shown) = model.map.shown(model.now) else { return String::new() };
    let Some((place, point)) = shown.chosen.and_then(|place| Some((place, shown.map.points.get(place)?))) else {
        return String::new();
    };
    let map = shown.map;
    let near: Vec<String> =
        map.near(place).map(|near| format!("{} {}", map.points[near].image, map.class(&map.points[near]))).collect();
    format!(
        "picture\t{}\nclass\t{}\nanswer\t{}\t{:.4}\nthen\t{}\t{:.4}\ndistance\t{:.3}\nneighbours\t{}\nepoch\t{}\n",
        point.image,
        map.class(point),
        map.answer(point.answers[0]),
        point.shares[0],
        map.answer(point.answers[1]),
        point.shares[1],
        point.off,
        near.join(", "),
        map.about.epoch
    )
}
