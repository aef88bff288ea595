//! `mocolab bench screen`: how long the screen takes and how many bytes it sends, with runs made up in memory. Times are of this
//! machine; the bars are those of a person who waits, and of a slow line.

use super::model::{Model, Msg, News, Screen, update};
use super::screen::Canvas;
use super::theme::{Look, Theme};
use super::view;
use crate::project::Project;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mocolab::embedding::{About, Answerer, Embedding, Point};
use mocolab::event::{Event, Line, Real, Started, Step};
use mocolab::experiment::DataSource;
use mocolab::run::{Batch, Job, RunDir};
use mocolab::status::Status;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::cell::Cell;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Runs that are live, and laid over each other.
const RUNS: u64 = 8;
/// Frames that are measured of each kind.
const FRAMES: usize = 400;

/// What was measured.
#[derive(Debug, serde::Serialize)]
pub struct Figure {
    /// What.
    pub what: &'static str,
    /// In `unit`.
    pub value: f64,
    /// The most that passes.
    pub bar: f64,
    /// Of both.
    pub unit: &'static str,
}

impl Figure {
    /// It is within its bar.
    pub fn passes(&self) -> bool {
        self.value <= self.bar
    }
}

/// A writer that only counts.
#[derive(Clone, Default)]
struct Count(Rc<Cell<usize>>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A model, and the terminal that it is drawn to.
struct Bench {
    model: Model,
    terminal: Canvas<Count>,
    count: Count,
    steps: u64,
}

impl Bench {
    /// Runs of `points` steps, on a terminal of this size.
    fn new(project: &Project, points: u64, (width, height): (u16, u16)) -> io::Result<Self> {
        let count = Count::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
        let terminal = Terminal::with_options(CrosstermBackend::new(count.clone()), TerminalOptions { viewport })?;
        let terminal = Canvas::new(terminal)?;
        let mut bench = Self { model: Model::new(project, Theme::of(Look::Dark, false)), terminal, count, steps: 0 };
        update(&mut bench.model, Msg::Complete);
        for number in 0..RUNS {
            let about = Started { steps: points * 2, epochs: 100, steps_per_epoch: points / 50, ..Started::default() };
            let first = Line { attempt: 1, seq: 0, t: 0.0, event: Event::Started(Box::new(about)) };
            let lines = std::iter::once(first).chain((1..=points).map(|step| line(number, step))).collect();
            bench.hear(number, lines);
        }
        bench.steps = points;
        Ok(bench)
    }

    fn hear(&mut self, number: u64, lines: Vec<Line>) {
        let job = Some(Job { attempt: 1, devices: vec!["cuda:0".into()], ..Job::default() });
        let batch = Batch { lines, ..Batch::default() };
        let news = News { batch, status: Some(Status::Running), job, ..News::of(run(number)) };
        update(&mut self.model, Msg::News(Box::new(news)));
    }

    /// Every run makes a step.
    fn step(&mut self) {
        self.steps += 1;
        for number in 0..RUNS {
            self.hear(number, vec![line(number, self.steps)]);
        }
    }

    fn press(&mut self, code: KeyCode) {
        update(&mut self.model, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    /// Draws; gives the bytes that were sent.
    fn draw(&mut self) -> io::Result<usize> {
        let before = self.count.0.get();
        self.terminal.draw(|frame| view::draw(&self.model, frame))?;
        Ok(self.count.0.get() - before)
    }

    /// Milliseconds of each of `FRAMES` times `work` and a frame.
    fn times(&mut self, mut work: impl FnMut(&mut Self, usize)) -> io::Result<Vec<f64>> {
        (0..FRAMES)
            .map(|number| {
                let began = Instant::now();
                work(self, number);
                self.draw()?;
                Ok(began.elapsed().as_secs_f64() * 1e3)
            })
            .collect()
    }

    /// Bytes of each of `FRAMES` frames after a step of every run.
    fn bytes(&mut self) -> io::Result<Vec<f64>> {
        self.draw()?;
        (0..FRAMES)
            .map(|_| {
                self.step();
                self.draw().map(|bytes| bytes as f64)
            })
            .collect()
    }
}

fn run(number: u64) -> RunDir {
    RunDir::new(PathBuf::from("/nowhere/runs/bench").join(format!("20261124-10000{number}")))
}

fn line(number: u64, step: u64) -> Line {
    let at = step as f64;
    let wave = (at / 700.0 + number as f64).sin() * 0.1;
    let values =
        [("train/loss", 2.3 / (1.0 + at / 9e3) + wave), ("lr", 0.2 / (1.0 + at / 5e4)), ("images_per_s", 1650.0)];
    let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
    Line { attempt: 1, seq: step, t: at / 10.0, event: Event::Step(Step { step, of: 200_000, epoch: 1, metrics }) }
}

/// The value that `part` of all don't exceed.
fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * part).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Measures with runs of `points` points.
///
/// # Errors
/// Where nothing can be written to a buffer.
pub fn measure(project: &Project, points: u64) -> io::Result<Vec<Figure>> {
    let mut bench = Bench::new(project, points, (200, 50))?;
    bench.press(KeyCode::Char('*'));
    bench.press(KeyCode::Char('4'));
    bench.draw()?;
    let moves = [KeyCode::Char('w'), KeyCode::Char('+'), KeyCode::Char('-'), KeyCode::Char('o')];
    let steps = bench.times(|bench, number| bench.press(moves[number % moves.len()]))?;
    bench.press(KeyCode::Char('a'));
    bench.press(KeyCode::Char('a'));
    let hours = bench.times(|bench, number| bench.press(moves[number % moves.len()]))?;

    let mut bench = Bench::new(project, points, (200, 50))?;
    let keys = ['2', 'j', 'w', '+', '3', '1', 'j', '4', ']', '5', '7', '1', 'k', '/'];
    let pressed = bench.times(|bench, number| {
        bench.step();
        bench.press(KeyCode::Char(keys[number % keys.len()]));
        if number % keys.len() == keys.len() - 1 {
            bench.press(KeyCode::Esc);
        }
    })?;

    let mut bench = Bench::new(project, points, (80, 24))?;
    let list = bench.bytes()?;
    bench.press(KeyCode::Char('2'));
    let shown = bench.bytes()?;
    let still = bench.draw()? as f64;
    let mapped = map_frames(project)?;
    let figure = |what, value, bar, unit| Figure { what, value, bar, unit };
    Ok(vec![
        figure("frame at 200x50, 8 runs over each other, over steps, median", quantile(steps, 0.5), 4.0, "ms"),
        figure("the same over hours, median", quantile(hours, 0.5), 4.0, "ms"),
        figure("8 runs make a step, a key, a frame at 200x50, 99 %", quantile(pressed, 0.99), 16.0, "ms"),
        figure("live frame of the list at 80x24, median", quantile(list.clone(), 0.5), 1500.0, "bytes"),
        figure("live frame of the list at 80x24, most", quantile(list, 1.0), 1500.0, "bytes"),
        figure("live frame of a run at 80x24, median", quantile(shown.clone(), 0.5), 1500.0, "bytes"),
        figure("live frame of a run at 80x24, 99 %", quantile(shown, 0.99), 1500.0, "bytes"),
        figure("frame in which nothing has changed", still, 0.0, "bytes"),
        figure("frame of a map of 60,000 points at 200x50, played, 99 %", quantile(mapped, 0.99), 16.0, "ms"),
    ])
}

/// Milliseconds of frames of two maps of 60,000 points that are played, coloured and zoomed.
fn map_frames(project: &Project) -> io::Result<Vec<f64>> {
    let mut bench = Bench::new(project, 10, (200, 50))?;
    for code in ['j', 'j', '8'] {
        bench.press(KeyCode::Char(code));
    }
    for epoch in [1, 2] {
        let Screen::Map(run) = &bench.model.screen else { return Ok(Vec::new()) };
        let (run, map) = (run.clone(), Ok(Arc::new(made_up(60_000, epoch))));
        update(&mut bench.model, Msg::Map(run, map));
    }
    bench.press(KeyCode::Char('l'));
    bench.press(KeyCode::Char(' '));
    let keys = ['c', '+', 'o', 'n', 'd', '-', ' '];
    bench.times(|bench, number| {
        bench.model.now += 0.002;
        update(&mut bench.model, Msg::Tick);
        if number % 20 == 19 {
            bench.press(KeyCode::Char(keys[number / 20 % keys.len()]));
        }
    })
}

/// A map of points in ten classes.
fn made_up(n: u32, epoch: u64) -> Embedding {
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    let classes: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let point = |image: u32| {
        let (label, ring) = ((image % 10) as u16, (image as f32).sqrt());
        let (turn, around) = (f32::from(label) * 0.628, image as f32 * 2.4);
        let far = 90.0 * epoch as f32;
        let at = [far * turn.cos() + ring * around.cos() / 4.0, far * turn.sin() + ring * around.sin() / 4.0];
        let (answers, shares, near) = ([label, (label + 1) % 10], [0.7, 0.2], std::array::from_fn(|near| near as u32));
        Point { at, image, label, answers, shares, off: 1.0, near }
    };
    let about = About {
        epoch,
        step: epoch,
        data: DataSource::Shapes,
        answers: classes.clone(),
        right: (0..10).collect(),
        classes,
        by: Answerer::Classifier,
        width: 512,
        components: 50,
        kept: 0.9,
        perplexity: 30.0,
        seed: 1,
        from: None,
        divergence: 2.0,
        trustworthiness: None,
        recall: None,
        seconds: 0.0,
    };
    Embedding { about, points: (0..n).map(point).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_measured() {
        let project = Project::at(std::path::Path::new("/nowhere/experiments.toml"), None);
        let figures = measure(&project, 200).unwrap();
        assert!(figures.iter().all(|figure| figure.value.is_finite()), "{figures:?}");
        assert!(figures[4].value > 10.0 && figures[5].value > 10.0, "a step is seen");
        assert!((quantile(vec![3.0, 1.0, 2.0], 0.5) - 2.0).abs() < 1e-12);
    }
}
