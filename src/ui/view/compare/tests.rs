//! Runs as they would lie there, and how they look side by side.

use super::*;
use crate::sight::Sight;
use mocolab::config;
use mocolab::event::{Best, Epoch, Event, Line as Record, Real, Started};
use mocolab::experiment::Experiment;
use mocolab::run::RunDir;
use mocolab::status::Status;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

const SUITE: &str = r#"
[experiment.moco]
seed = [1, 2, 3]
[experiment.moco.moco]
queue = [6400, 25600]
[experiment.base.supervised]
arch = "resnet8"
"#;

fn experiments() -> Vec<Experiment> {
    config::parse(SUITE, "x").unwrap().experiments().cloned().collect()
}

/// A run of `experiment` that rises to about `height` in 20 epochs and then falls a little.
fn sight(experiment: &Experiment, height: f64, epochs: u64) -> Sight {
    let path = format!("/nowhere/runs/{}/20261124-090000", experiment.name);
    let mut sight = Sight::unread(RunDir::new(path));
    sight.experiment = Ok(experiment.clone());
    sight.status = if epochs < 24 { Status::Running } else { Status::Done };
    let knn = if experiment.recipe.name() == "moco" { "knn_" } else { "" };
    let mut best: BTreeMap<String, Best> = BTreeMap::new();
    let started = Started { steps: 2400, epochs: 24, steps_per_epoch: 100, ..Started::default() };
    sight.state.apply(&Record { attempt: 1, seq: 0, t: 0.0, event: Event::Started(Box::new(started)) });
    for epoch in 1..=epochs {
        let share = height * (1.0 - (-(epoch as f64) / 6.0).exp()) - 0.004 * epoch.saturating_sub(20) as f64;
        let loss = 8.0 - 6.0 * share;
        let values = [
            (format!("val/{knn}macro_accuracy"), share),
            ("val/loss".into(), loss),
            ("test/accuracy".into(), share - 0.01),
            ("train/loss".into(), loss - 0.2),
            ("lr".into(), 0.06),
        ];
        for (name, value) in &values {
            let old = best.get(name).map_or(f64::NAN, |best| best.value);
            if direction(name).is_some_and(|direction| direction.better(*value, old)) {
                best.insert(name.clone(), Best { value: *value, epoch });
            }
        }
        let metrics = values.into_iter().map(|(name, value)| (name, Real(value))).collect();
        let event = Epoch { epoch, of: 24, step: epoch * 100, seconds: 1.0, metrics, best: best.clone() };
        sight.state.apply(&Record { attempt: 1, seq: epoch, t: epoch as f64, event: Event::Epoch(event) });
    }
    sight
}

/// All runs of the suite: three seeds of each queue, and the classifier.
fn all() -> Vec<Sight> {
    let heights = [0.531, 0.538, 0.529, 0.552, 0.561, 0.549, 0.83];
    let runs = experiments().into_iter().zip(heights).enumerate();
    runs.map(|(place, (experiment, height))| sight(&experiment, height, if place == 5 { 17 } else { 24 })).collect()
}

fn terminal(width: u16, height: u16) -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(width, height)).unwrap()
}

fn drawn(sights: &[&Sight], screen: &CompareScreen, theme: Theme, (width, height): (u16, u16)) -> TestBackend {
    let compared = Compared::new(sights);
    let mut terminal = terminal(width, height);
    terminal
        .draw(|frame| {
            let areas = draw(Seen { compared: &compared, screen }, theme, frame, frame.area());
            for (rect, text) in [(areas.chart, " (curves) "), (areas.classes, " (classes) ")] {
                if text != " (classes) " || compared.pair().is_some() {
                    frame.render_widget(part(Line::from(text), theme.faint()), rect);
                }
            }
        })
        .unwrap();
    terminal.backend().clone()
}

fn picture(sights: &[&Sight], screen: &CompareScreen, size: (u16, u16)) -> String {
    drawn(sights, screen, Theme::new(true), size).to_string()
}

fn on(page: Page) -> CompareScreen {
    CompareScreen { page, ..CompareScreen::default() }
}

#[test]
fn two_runs() {
    let all = all();
    let pair = [&all[0], &all[3]];
    let screen = CompareScreen { baseline: Some(0), ..CompareScreen::default() };
    insta::assert_snapshot!("two_120x40", picture(&pair, &screen, (120, 38)));
    insta::assert_snapshot!("two_curves_80x24", picture(&pair, &screen, (80, 22)));
    insta::assert_snapshot!(
        "two_bests_80x24",
        picture(&pair, &CompareScreen { page: Page::Bests, ..screen }, (80, 22))
    );
}

#[test]
fn seven_runs() {
    let all = all();
    let runs: Vec<&Sight> = all.iter().collect();
    insta::assert_snapshot!("seven_120x40", picture(&runs, &on(Page::Curves), (120, 38)));
    insta::assert_snapshot!("seven_curves_80x24", picture(&runs, &on(Page::Curves), (80, 22)));
    insta::assert_snapshot!("seven_settings_80x24", picture(&runs, &on(Page::Settings), (80, 22)));
    insta::assert_snapshot!("seven_bests_80x24", picture(&runs, &on(Page::Bests), (80, 22)));
    insta::assert_snapshot!("seven_classes_80x24", picture(&runs, &on(Page::Classes), (80, 22)));
    let mut far = CompareScreen { page: Page::Settings, baseline: Some(6), ..CompareScreen::default() };
    let compared = Compared::new(&runs);
    let extent = Seen { compared: &compared, screen: &far }.extent();
    far.scroll((30, 3), extent);
    insta::assert_snapshot!("seven_scrolled_80x24", picture(&runs, &far, (80, 22)));
}

#[test]
fn runs_of_one_experiment_are_told_apart_by_their_ids() {
    let mut twice = [all().remove(0), all().remove(0), all().remove(6)];
    twice[1].run = RunDir::new("/nowhere/runs/moco.queue-6400.seed-1/20261125-120000");
    twice[1].status = Status::Failed;
    let compared = Compared::new(&twice.iter().collect::<Vec<_>>());
    let names: Vec<&str> = compared.runs.iter().map(|run| run.name.as_str()).collect();
    let moco = "moco.queue-6400.seed-1";
    assert_eq!(names, [&format!("{moco}/20261124-090000"), &format!("{moco}/20261125-120000"), "base"]);
    let compared = Compared::new(&twice[..2].iter().collect::<Vec<_>>());
    assert_eq!(
        (compared.beginning.as_str(), compared.runs[1].name.as_str()),
        (&*format!("{moco}/"), "20261125-120000")
    );
    assert_eq!((compared.seeds.len(), &compared.seeds[0].seeds[..]), (1, &[1][..]), "one seed, trained twice");
}

#[test]
fn what_is_said_is_counted() {
    let mut all = all();
    all[1].experiment = Err("no".into());
    let runs: Vec<&Sight> = all.iter().collect();
    let compared = Compared::new(&runs);
    let names: Vec<(&str, usize)> =
        compared.seeds.iter().map(|group| (group.name.as_str(), group.runs.len())).collect();
    assert_eq!(names, [("moco.queue-6400", 2), ("moco.queue-25600", 3), ("base", 1)]);
    assert_eq!(compared.not_done(&compared.seeds[1].runs), 1);
    let seed = compared.settings.iter().find(|difference| difference.key == "seed").unwrap();
    let values: Vec<&str> = seed.values.iter().flatten().map(String::as_str).collect();
    assert_eq!(values, ["1", "?", "3", "1", "2", "3", "1"]);
    let unread = CompareScreen { baseline: Some(1), ..CompareScreen::default() };
    let table = tables::settings(Seen { compared: &compared, screen: &unread }, Theme::new(true));
    assert!(table.about.contains("can't be read"));
    assert!(
        table.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.text != "="),
        "nothing is as what isn't known"
    );
    let screen = CompareScreen::default();
    assert_eq!(compared.metric(&screen), Some("val/knn_macro_accuracy"));
    assert_eq!(compared.curves(&screen).map(|(run, _)| run).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let many: Vec<&Sight> = runs.iter().cycle().take(30).copied().collect();
    let compared = Compared::new(&many);
    assert_eq!((compared.runs.len(), compared.left_out, letter(compared.runs.len() - 1)), (26, 4, 'Z'));
}

#[test]
fn no_meaning_needs_a_colour() {
    let all = all();
    let runs: Vec<&Sight> = all.iter().collect();
    for (page, size) in Page::ALL.into_iter().map(|page| (page, (80, 22))).chain([(Page::Curves, (140, 50))]) {
        let screen = CompareScreen { page, baseline: Some(3), ..CompareScreen::default() };
        let plain = drawn(&runs, &screen, Theme::new(false), size);
        assert_eq!(plain.to_string(), picture(&runs, &screen, size), "the same text");
        let reset = ratatui::style::Color::Reset;
        assert!(plain.buffer().content().iter().all(|cell| cell.fg == reset && cell.bg == reset));
    }
}

#[test]
fn any_size_is_safe() {
    let all = all();
    let many: Vec<&Sight> = all.iter().cycle().take(26).collect();
    let foreign = {
        let mut sight = Sight::unread(RunDir::new("/nowhere/runs/x/\x1b[2Ja"));
        sight.state.best.insert("\x1b/loss".into(), Best { value: f64::NAN, epoch: u64::MAX });
        sight.state.curves.insert("\x1b/loss".into(), mocolab::curve::Curve::default());
        sight
    };
    for runs in [&many[..0], &many[..1], &many[5..7], &many[..], &[&all[0], &foreign][..]] {
        for page in Page::ALL {
            let mut screen =
                CompareScreen { page, metric: Some("none such".into()), baseline: Some(1), ..CompareScreen::default() };
            screen.scroll((7, 3), (99, 99));
            for width in [0, 1, 2, 3, 7, 20, 45, 80, 110, 130] {
                for height in [0, 1, 2, 3, 5, 9, 22, 34, 60] {
                    let drawn = drawn(runs, &screen, Theme::new(true), (width, height));
                    assert!(drawn.buffer().content().iter().all(|cell| !cell.symbol().contains('\x1b')));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]
    #[test]
    fn parts_lie_within_and_beside_each_other(runs in 0..7_usize, page in 0..4_usize, width in 0..200_u16, height in 0..80_u16) {
        let all = all();
        let sights: Vec<&Sight> = all.iter().take(runs).collect();
        let (compared, screen) = (Compared::new(&sights), on(Page::ALL[page]));
        let rect = Rect::new(3, 2, width, height);
        let areas = areas(Seen { compared: &compared, screen: &screen }, rect);
        let parts = [areas.head, areas.legend, areas.chart, areas.settings, areas.bests, areas.seeds, areas.classes];
        let parts: Vec<Rect> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        for (place, part) in parts.iter().enumerate() {
            prop_assert_eq!(part.intersection(rect), *part);
            prop_assert!(parts[..place].iter().all(|other| other.intersection(*part).is_empty()), "{:?}", parts);
        }
    }
}
