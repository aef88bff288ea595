//! Charts as they look, at the sizes they have.

use super::canvas::Marks;
use super::draw::draw_with;
use super::*;
use crate::ui::theme::Theme;
use mocolab::text::number;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use std::time::Instant;

/// A falling loss with noise; a spike and a hole where wanted.
fn loss(steps: u64, start: f64, noise: f64) -> Curve {
    let mut curve = Curve::default();
    for step in 1..=steps {
        let random = (step.wrapping_mul(2_654_435_761) % 1000) as f64 / 1000.0 - 0.5;
        curve.push(step, start / (1.0 + 9.0 * step as f64 / steps as f64) + noise * random);
    }
    curve
}

/// A second and a half a step.
fn clock(steps: u64) -> Curve {
    let mut curve = Curve::default();
    (1..=steps).for_each(|step| curve.push(step, step as f64 * 1.5));
    curve
}

fn series<'a>(name: &'a str, curve: &'a Curve, style: Style) -> Series<'a> {
    Series { name, curve: Some(curve), style, baseline: false, pace: Pace::default() }
}

fn plot(series: Vec<Series<'_>>) -> Plot<'_> {
    Plot {
        title: "loss",
        series,
        levels: Vec::new(),
        x: XAxis::default(),
        y: YAxis::default(),
        window: None,
        cursor: None,
        smoothing: 0.0,
        show: number,
    }
}

fn picture(plot: &Plot, marks: Marks, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let rect = Rect::new(0, 0, width, height);
    terminal.draw(|frame| draw_with(plot, marks, Theme::new(true), (frame.buffer_mut(), rect))).unwrap();
    terminal.backend().to_string()
}

fn colour(index: usize) -> Style {
    Theme::new(true).run(index)
}

#[test]
fn one_curve_small_and_large() {
    let (train, val) = (loss(1200, 2.3, 0.1), loss(12, 2.4, 0.0));
    let mut spread = Curve::default();
    val.points().for_each(|(step, value)| spread.push(step * 100, value));
    let mut plot = plot(vec![series("train", &train, colour(0)), series("val", &spread, colour(1))]);
    plot.levels.push(Level { name: "guess", value: 10_f64.ln() });
    insta::assert_snapshot!("small_40x8", picture(&plot, Marks::Braille, 40, 8));
    plot.smoothing = 0.9;
    plot.cursor = Some(500.0);
    insta::assert_snapshot!("large_120x30", picture(&plot, Marks::Braille, 120, 30));
    insta::assert_snapshot!("blocks_80x16", picture(&plot, Marks::Blocks, 80, 16));
    insta::assert_snapshot!("ascii_80x16", picture(&plot, Marks::Ascii, 80, 16));
}

#[test]
fn runs_compared_with_a_baseline() {
    let curves: Vec<Curve> = (0..8_u32).map(|run| loss(2000, 2.0 + f64::from(run) / 4.0, 0.02)).collect();
    let names: Vec<String> = (0..8).map(|run| format!("moco-queue{}", 1 << (run + 8))).collect();
    let all = names.iter().zip(&curves).enumerate();
    let mut plot = plot(all.map(|(index, (name, curve))| series(name, curve, colour(index))).collect());
    plot.series[2].baseline = true;
    plot.cursor = Some(700.0);
    insta::assert_snapshot!("eight_120x24", picture(&plot, Marks::Braille, 120, 24));
    insta::assert_snapshot!("eight_50x10", picture(&plot, Marks::Braille, 50, 10));
    plot.series.truncate(3);
    for series in &mut plot.series {
        series.style = Style::new();
    }
    insta::assert_snapshot!("no_colours_80x16", picture(&plot, Marks::Braille, 80, 16));
}

#[test]
fn spikes_holes_and_what_is_not_above_zero() {
    let mut curve = Curve::default();
    for (step, value) in loss(300, 2.3, 0.05).points() {
        let value = match step {
            1 => 40.0,
            150 => 17.0,
            200..=230 => f64::NAN,
            280 => 0.0,
            _ => value,
        };
        curve.push(step, value);
    }
    let mut plot = plot(vec![series("train", &curve, colour(0))]);
    insta::assert_snapshot!("spiky_80x12", picture(&plot, Marks::Braille, 80, 12));
    plot.y.robust = true;
    insta::assert_snapshot!("robust_80x12", picture(&plot, Marks::Braille, 80, 12));
    plot.y = YAxis { log: true, robust: false };
    plot.x.log = true;
    insta::assert_snapshot!("logarithmic_80x16", picture(&plot, Marks::Braille, 80, 16));
}

#[test]
fn epochs_and_times_along() {
    let (curve, seconds) = (loss(10_000, 2.3, 0.05), clock(10_000));
    let mut plot = plot(vec![series("train", &curve, colour(0))]);
    plot.series[0].pace = Pace { steps_per_epoch: 390, seconds: Some(&seconds), began: 1_764_020_000.0 };
    let mut shown = String::new();
    for by in [By::Epoch, By::Relative, By::Wall(3600)] {
        plot.x.by = by;
        let all = plot.all();
        shown += &picture(&plot, Marks::Braille, 80, 9);
        let window = Window::zoom(None, all, all.value(0.5), 0.01);
        shown += &picture(&Plot { window, cursor: Some(all.value(0.5)), ..plot.clone() }, Marks::Braille, 80, 9);
    }
    insta::assert_snapshot!("along_80x9", shown);
    plot.series[0].pace = Pace::default();
    assert!(picture(&plot, Marks::Braille, 80, 9).contains("1 without times"));
}

#[test]
fn a_window_between_two_points_shows_the_line_through_it() {
    let mut curve = Curve::default();
    curve.push(0, 1.0);
    curve.push(1000, 3.0);
    let mut plot = plot(vec![series("val", &curve, colour(0))]);
    plot.window = Some(Window { from: 400.0, to: 600.0, follow: false });
    let picture = picture(&plot, Marks::Ascii, 60, 10);
    assert!(picture.matches('*').count() > 40, "{picture}");
}

#[test]
fn a_column_is_read_where_it_is_drawn() {
    let curve = loss(1000, 2.0, 0.0);
    let mut plot = plot(vec![series("train", &curve, colour(0))]);
    plot.x.span = Some((0.0, 1000.0));
    let rect = Rect::new(3, 2, 80, 12);
    assert_eq!(place_at(&plot, rect, 3), None, "on the labels");
    let places: Vec<f64> = (0..90).filter_map(|column| place_at(&plot, rect, column)).collect();
    assert!(places.is_sorted() && places[0] < 10.0 && places[places.len() - 1] > 990.0);
    let column = (0..90).find(|column| place_at(&plot, rect, *column).is_some_and(|x| x > 500.0)).unwrap();
    plot.cursor = place_at(&plot, rect, column);
    let mut terminal = Terminal::new(TestBackend::new(90, 20)).unwrap();
    terminal.draw(|frame| draw(&plot, Theme::new(true), frame, rect)).unwrap();
    let buffer = terminal.backend().buffer();
    assert!((3..12).any(|y| buffer[(column, y)].symbol() == "┊"));
}

#[test]
fn eight_long_runs_are_drawn_in_a_moment() {
    let curves: Vec<Curve> = (0..8).map(|run| loss(100_000, 2.0 + f64::from(run), 0.3)).collect();
    let seconds = clock(100_000);
    let pace = Pace { steps_per_epoch: 390, seconds: Some(&seconds), began: 0.0 };
    let all = curves.iter().enumerate().map(|(index, curve)| Series { pace, ..series("run", curve, colour(index)) });
    let mut plot = plot(all.collect());
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
    let rect = Rect::new(0, 0, 200, 50);
    for (by, log, smoothing) in [(By::Step, false, 0.0), (By::Step, true, 0.9), (By::Relative, false, 0.9)] {
        (plot.x, plot.y.robust) = (XAxis { by, log, span: None }, log);
        (plot.smoothing, plot.cursor) = (smoothing, Some(50_000.0));
        let began = Instant::now();
        for _ in 0..50 {
            terminal.draw(|frame| draw(&plot, Theme::new(true), frame, rect)).unwrap();
        }
        println!("{by:?} log {log} smoothing {smoothing}: {:?} a frame", began.elapsed() / 50);
    }
    assert!(terminal.backend().to_string().contains("loss"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 3))]
    #[test]
    fn anything_is_safe_at_any_size(
        values in prop::collection::vec(prop_oneof![any::<f64>(), -5.0..5.0_f64], 0..60),
        logs in any::<[bool; 3]>(),
        by in prop_oneof![Just(By::Step), Just(By::Epoch), Just(By::Relative), Just(By::Wall(-3600))],
        window in prop::option::of((-10.0..100.0_f64, -10.0..100.0_f64, any::<bool>())),
        cursor in prop::option::of(-10.0..1000.0_f64),
    ) {
        let mut curve = Curve::default();
        (0..).zip(&values).for_each(|(step, value)| curve.push(step * step, *value));
        let seconds = clock(300);
        let mut plot = plot(vec![series("a", &curve, colour(0)), series("", &curve, colour(0))]);
        plot.series[0].pace = Pace { steps_per_epoch: 7, seconds: Some(&seconds), began: 1e9 };
        plot.series[1].baseline = true;
        plot.levels = vec![Level { name: "level", value: 1.0 }, Level { name: "none", value: f64::NAN }];
        plot.x = XAxis { by, log: logs[0], span: None };
        plot.y = YAxis { log: logs[1], robust: logs[2] };
        plot.window = window.map(|(from, to, follow)| Window { from, to, follow });
        (plot.cursor, plot.smoothing) = (cursor, if logs[2] { 0.9 } else { 0.0 });
        for (width, height) in (0..24).flat_map(|width| (0..12).map(move |height| (width, height))).chain([(80, 24), (7, 300)]) {
            for marks in [Marks::Braille, Marks::Blocks, Marks::Ascii] {
                picture(&plot, marks, width.max(1), height.max(1));
                let area = Rect::new(0, 0, 90, 30);
                let mut buffer = ratatui::buffer::Buffer::empty(area);
                draw_with(&plot, marks, Theme::new(false), (&mut buffer, Rect::new(80, 25, width, height)));
                let free = (0..30).flat_map(|y| (0..80).map(move |x| (x, y)));
                prop_assert!(free.into_iter().all(|at| buffer[at].symbol() == " "), "drawn outside");
            }
            place_at(&plot, Rect::new(0, 0, width, height), width / 2);
        }
    }
}
