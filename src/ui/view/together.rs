//! Runs side by side: the tables of [`compare`](super::compare), with the curves and the classes in their places.

use super::classes::difference::{self, Side, Versus};
use super::compare::{self, Areas, Compared, Seen, letter};
use super::{part, percent};
use crate::ui::chart::{self, Plot, Series};
use crate::ui::look;
use crate::ui::model::Model;
use mocolab::metrics::{Direction, direction};
use mocolab::state::Depth;
use mocolab::text::{number, sanitize};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// Draws the screen.
pub fn draw(model: &Model, frame: &mut Frame, rect: Rect) {
    let sights = model.shown_together();
    let compared = Compared::new(&sights);
    let areas = compare::draw(Seen { compared: &compared, screen: &model.compare }, model.theme, frame, rect);
    if sights.iter().any(|sight| sight.state.depth != Depth::Whole && sight.state.attempt > 0) {
        let text = Line::styled(" reading the records", model.theme.faint());
        frame.render_widget(text, areas.chart);
        return;
    }
    curves(model, &compared, frame, areas.chart);
    classes(model, &compared, areas, frame);
}

fn curves(model: &Model, compared: &Compared, frame: &mut Frame, rect: Rect) {
    with_plot(model, compared, |plot| chart::draw(plot, model.theme, frame, rect));
}

/// The place along the chart at `at`.
pub fn place_at(model: &Model, rect: Rect, at: Position) -> Option<f64> {
    let sights = model.shown_together();
    let compared = Compared::new(&sights);
    let rect = compare::areas(Seen { compared: &compared, screen: &model.compare }, rect).chart;
    let place = |plot: &Plot| rect.contains(at).then(|| chart::place_at(plot, rect, at.x)).flatten();
    with_plot(model, &compared, place).flatten()
}

/// Lends the chart of the metric that is looked at, where there is one.
fn with_plot<T>(model: &Model, compared: &Compared, lend: impl FnOnce(&Plot) -> T) -> Option<T> {
    let metric = compared.metric(&model.compare)?;
    let letters: Vec<String> = (0..compared.runs.len()).map(|run| letter(run).to_string()).collect();
    let baseline = compared.baseline(&model.compare);
    let series = compared.curves(&model.compare).map(|(run, curve)| Series {
        name: &letters[run],
        curve: Some(curve),
        style: model.theme.run(compared.colours[run]),
        baseline: baseline == Some(run),
        pace: look::pace(&compared.runs[run].sight.state),
    });
    let show = if direction(metric) == Some(Direction::Higher) { percent } else { number };
    Some(lend(&look::overlay(&sanitize(metric), series.collect(), show, &model.look)))
}

fn classes(model: &Model, compared: &Compared, areas: Areas, frame: &mut Frame) {
    let Some([first, second]) = compared.pair().filter(|_| !areas.classes.is_empty()) else { return };
    // Measured by the baseline where one is chosen, else by the first.
    let [ours, baseline] = if compared.baseline(&model.compare) == Some(1) { [first, second] } else { [second, first] };
    let judged = |split: &str| Some([ours.state.classes.get(split)?, baseline.state.classes.get(split)?]);
    let Some([one, other]) = judged("val").or_else(|| judged("test")) else {
        let block = part(Line::styled(" classes ", model.theme.title()), model.theme.faint());
        let text = Line::styled(" no split was judged by class in both", model.theme.faint());
        frame.render_widget(Paragraph::new(text).block(block), areas.classes);
        return;
    };
    let names = [ours, baseline].map(|sight| sanitize(&sight.run.label()));
    let versus = Versus {
        ours: Side { name: &names[0], classes: one },
        baseline: Side { name: &names[1], classes: other },
        names: ours.state.class_names(),
        place: model.compare.scrolled(crate::ui::model::compare::Page::Classes).down,
    };
    difference::draw(&versus, model.theme, frame, areas.classes);
}
