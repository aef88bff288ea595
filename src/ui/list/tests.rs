//! A suite in the middle of things: what is shown, what a filter lets through, where the cursor stays.

mod filters;
mod screens;

use super::Search;
use super::{Column, Grouping, ListState, Motion, Row, Rows, Sort, Target};
use crate::sight::Sight;
use crate::ui::theme::Theme;
use crate::ui::view::list::table::{self, Seen};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mocolab::config::{self, Suite};
use mocolab::event::{Alert, Best, Checkpoint, Embedding, Epoch, Event, Line, Real, Started, Step};
use mocolab::run::{Job, RunDir};
use mocolab::status::Status;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

const SUITE: &str = r#"
[experiment.base.supervised]
epochs = 100
[experiment.heads.probe]
from = "base"
classes = ["five", "two"]
epochs = 50
[experiment.moco]
seed = [1, 2, 3]
[experiment.moco.moco]
queue = [6400, 25600]
lr = 0.03
[experiment.probe.probe]
from = "moco.queue-6400.seed-1"
train_fraction = [0.1, 0.5]
"#;

/// 2026-11-25T05:00:00Z
const NOW: f64 = 1_795_582_800.0;

/// A laboratory: what the list sees.
struct Lab {
    suite: Option<Suite>,
    runs: BTreeMap<RunDir, Sight>,
    rows: Rows,
    state: ListState,
}

/// How a run of the laboratory stands: experiment, id, status, device, hours since its beginning, part done, best.
type Run = (&'static str, &'static str, Status, &'static str, f64, f64, f64);

const RUNS: [Run; 18] = [
    ("base", "20261123-090000", Status::Done, "cuda:0", 44.0, 1.0, 0.8260),
    ("base", "20261122-180000", Status::Crashed, "cuda:0", 59.0, 0.43, 0.7113),
    ("heads.classes-five", "20261124-080000", Status::Done, "cpu", 21.0, 1.0, 0.8770),
    ("heads.classes-two", "20261124-083000", Status::Done, "cpu", 20.5, 1.0, 0.9473),
    ("moco.queue-6400.seed-1", "20261124-090000", Status::Done, "cuda:0", 20.0, 1.0, 0.7561),
    ("moco.queue-6400.seed-2", "20261124-210000", Status::Running, "cuda:0", 8.0, 0.56, 0.6123),
    ("moco.queue-6400.seed-3", "20261124-220000", Status::Stopping, "cuda:1", 7.0, 0.4, 0.5817),
    ("moco.queue-25600.seed-1", "20261124-100000", Status::Failed, "cuda:1", 19.0, 0.07, 0.2210),
    ("moco.queue-25600.seed-1", "20261124-233000", Status::Starting, "cuda:2", 5.5, 0.0, f64::NAN),
    ("moco.queue-25600.seed-2", "20261125-010000", Status::Pausing, "cuda:3", 4.0, 0.25, 0.4409),
    ("moco.queue-25600.seed-3", "20261125-020000", Status::Suspended, "cuda:1", 3.0, 0.12, 0.3380),
    ("probe.train_fraction-0.1", "20261124-120000", Status::Stopped, "cpu", 17.0, 0.5, 0.5301),
    ("probe.train_fraction-0.1", "20261124-130000", Status::Unknown, "cuda:0", 16.0, 0.8, 0.5512),
    ("probe.train_fraction-0.1", "20261125-030000", Status::Queued, "", 0.0, 0.0, f64::NAN),
    ("probe.train_fraction-0.5", "20261125-033000", Status::Held, "", 0.0, 0.0, f64::NAN),
    ("probe.train_fraction-0.5", "20261124-140000", Status::Done, "cpu", 15.0, 1.0, 0.5631),
    ("probe.train_fraction-0.5", "20261125-043000", Status::Running, "cpu", 0.4, 0.31, 0.5398),
    ("tried", "20261110-110000", Status::Stopped, "cuda:0", 354.0, 0.9, 0.6650),
];

fn run_dir(experiment: &str, id: &str) -> RunDir {
    RunDir::new(format!("/nowhere/runs/{experiment}/{id}"))
}

fn target(experiment: &str, id: &str) -> Target {
    Target::Run(run_dir(experiment, id))
}

fn sight(suite: &Suite, (experiment, id, status, device, hours, part, best): Run) -> Sight {
    let mut sight = Sight::unread(run_dir(experiment, id));
    let found = suite.experiments().find(|one| one.name.as_str() == experiment);
    sight.experiment = found.or(suite.experiments().next()).cloned().ok_or_else(String::new);
    sight.status = status;
    if !device.is_empty() {
        let devices = vec![device.to_owned()];
        sight.job = Some(Job { attempt: 1, devices, t: NOW - hours * 3600.0, ..Job::default() });
    }
    let epochs = sight.experiment.as_ref().map_or(10, |experiment| experiment.recipe.epochs());
    if part > 0.0 {
        let headline = if experiment.starts_with("moco") { "val/knn_macro_accuracy" } else { "val/macro_accuracy" };
        let last = (epochs as f64 * part) as u64;
        // A run that stands still has spoken no more for half of its age.
        let pace = hours * 3600.0 / last as f64 * if status.is_live() { 1.0 } else { 0.5 };
        let mut feed =
            |t: f64, event| sight.state.apply(&Line { attempt: 1, seq: 0, t: NOW - hours * 3600.0 + t, event });
        let started = Started { steps: epochs * 10, epochs, steps_per_epoch: 10, ..Started::default() };
        feed(0.0, Event::Started(Box::new(started)));
        for epoch in 1..=last {
            let value = best * (1.0 - 0.8 / (1.0 + 6.0 * epoch as f64 / last as f64)) * 1.12;
            let value = if epoch == last { best } else { value.min(best) };
            let best = [(headline.to_owned(), Best { value, epoch })].into();
            let loss = 2.4 / (1.0 + epoch as f64 / 20.0);
            let metrics = [("train/loss".to_owned(), Real(loss))].into();
            feed(epoch as f64 * pace, Event::Step(Step { step: epoch * 10, of: epochs * 10, epoch, metrics }));
            let metrics = [(headline.to_owned(), Real(value)), ("val/loss".to_owned(), Real(loss * 1.1))].into();
            feed(
                epoch as f64 * pace,
                Event::Epoch(Epoch { epoch, of: epochs, step: epoch * 10, seconds: pace, metrics, best }),
            );
        }
    }
    sight
}

impl Lab {
    /// Eighteen runs in all statuses.
    fn busy() -> Self {
        let suite = config::parse(SUITE, "experiments.toml").unwrap();
        let mut runs: BTreeMap<RunDir, Sight> =
            RUNS.into_iter().map(|run| (run_dir(run.0, run.1), sight(&suite, run))).collect();
        let mut tell = |run: RunDir, tags: &[&str], event: Option<Event>| {
            let sight = runs.get_mut(&run).unwrap();
            sight.notes.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            if let Some(event) = event {
                sight.state.apply(&Line { attempt: 1, seq: 0, t: sight.state.last_seen, event });
            }
        };
        let embedding = Embedding { epoch: 0, method: "tsne".into(), file: "tsne.csv".into() };
        tell(run_dir("base", "20261123-090000"), &["paper"], Some(Event::Embedding(embedding)));
        let checkpoint = Checkpoint { step: 2000, epoch: 200, file: "step".into(), bytes: 1, best: true };
        tell(
            run_dir("moco.queue-6400.seed-1", "20261124-090000"),
            &["paper", "table2"],
            Some(Event::Checkpoint(checkpoint)),
        );
        let alert = Event::Alert(Alert { what: "nan".into(), message: "the loss is no number".into() });
        tell(run_dir("moco.queue-25600.seed-1", "20261124-100000"), &[], Some(alert));
        let mut lab = Self { suite: Some(suite), runs, rows: Rows::default(), state: ListState::default() };
        lab.settle();
        lab
    }

    fn settle(&mut self) {
        self.rows.rebuild(self.suite.as_ref(), &self.runs, &self.state, NOW);
        self.state.settle(&self.rows);
    }

    fn filter(&mut self, text: &str) -> usize {
        Search::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        self.state.search.clear();
        self.state.search.open();
        self.state.search.paste(text);
        self.state.search.press(&KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        self.settle();
        self.rows.shown
    }

    fn type_in(&mut self, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                '↑' => KeyCode::Up,
                '↓' => KeyCode::Down,
                c => KeyCode::Char(c),
            };
            self.state.search.press(&KeyEvent::new(code, KeyModifiers::NONE));
            self.settle();
        }
    }

    fn terminal(&self, width: u16, height: u16, theme: Theme) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let (suite, runs, rows, state) = (self.suite.as_ref(), &self.runs, &self.rows, &self.state);
        let seen = Seen { suite, problem: None, complete: true, runs, rows, state, now: NOW };
        terminal.draw(|frame| table::draw(&seen, theme, frame, frame.area())).unwrap();
        terminal
    }

    fn picture(&self, width: u16, height: u16) -> String {
        self.terminal(width, height, Theme::new(true)).backend().to_string()
    }

    /// The rows as texts.
    fn names(&self) -> Vec<String> {
        let name = |row: &Row| match row {
            Row::Group(group) => format!("{} {}", group.key, group.runs.len()),
            Row::Experiment { label, .. } => format!("({label})"),
            Row::Run { label, .. } => label.clone(),
        };
        self.rows.rows().iter().map(name).collect()
    }
}

#[test]
fn experiments_stand_in_the_order_of_the_file_with_their_runs_newest_first() {
    let lab = Lab::busy();
    let names = lab.names();
    assert_eq!(&names[..6], ["base 2", "20261123-090000", "20261122-180000", "heads 2", "classes-five", "classes-two"]);
    assert_eq!(names[10], "queue-25600.seed-1 #2", "two runs of one variant are told apart");
    assert_eq!(names.last().unwrap(), "20261110-110000");
    let Row::Group(tried) = &lab.rows.rows()[names.len() - 2] else { panic!() };
    assert!(tried.former);
}

#[test]
fn what_was_never_run_has_its_place_and_a_filter_is_put_to_it_too() {
    let mut lab = Lab::busy();
    lab.runs.retain(|run, _| !run.label().starts_with("moco") || run.label().contains("seed-2"));
    lab.settle();
    let moco = lab.rows.position(&Target::Group("moco".into())).unwrap();
    let names = lab.names();
    let expected =
        ["moco 2", "(queue-6400.seed-1)", "queue-6400.seed-2", "(queue-6400.seed-3)", "(queue-25600.seed-1)"];
    assert_eq!(&names[moco..moco + 5], expected);
    lab.filter("queue>6400 seed:1");
    assert_eq!(lab.names(), ["moco 0", "(queue-25600.seed-1)"]);
    lab.filter("status:running recipe:moco");
    assert_eq!(lab.names(), ["moco 1", "queue-6400.seed-2"]);
}

#[test]
fn runs_are_sorted_by_any_column_and_what_is_missing_is_last() {
    let mut lab = Lab::busy();
    lab.state.grouping = Grouping::Nothing;
    for _ in 0..6 {
        lab.state.turn_sort(&lab.rows);
    }
    assert_eq!(lab.state.sort, Sort { by: Some(Column::Best), reversed: false });
    lab.settle();
    let names = lab.names();
    assert_eq!(&names[..3], ["heads.classes-two", "heads.classes-five", "base #2"]);
    lab.state.reverse_sort();
    lab.settle();
    let turned = lab.names();
    assert_eq!(turned[0], "moco.queue-25600.seed-1 #1");
    assert_eq!(names[15..], turned[15..], "what has no best yet");
    let columns = Column::sortable(&lab.state.metrics, &lab.rows.settings).count();
    (0..=columns).for_each(|_| lab.state.turn_sort(&lab.rows));
    assert_eq!(lab.state.sort.by, Some(Column::Best), "it turns round");
    lab.state.sort = Sort { by: Some(Column::Setting("queue")), reversed: true };
    lab.state.grouping = Grouping::Experiment;
    lab.settle();
    assert!(lab.names()[0].starts_with("moco") && lab.names()[1].starts_with("queue-25600"));
}

#[test]
fn the_cursor_stays_on_its_run_while_rows_move() {
    let mut lab = Lab::busy();
    let chosen = target("moco.queue-6400.seed-2", "20261124-210000");
    lab.state.choose(&lab.rows, chosen.clone());
    for change in 0..5 {
        match change {
            0 => lab.state.grouping = Grouping::Status,
            1 => lab.state.sort = Sort { by: Some(Column::Best), reversed: true },
            2 => _ = lab.runs.remove(&run_dir("base", "20261122-180000")),
            3 => _ = lab.filter("queue:6400"),
            _ => lab.state.grouping = Grouping::Nothing,
        }
        lab.settle();
        assert_eq!(lab.state.chosen(), Some(&chosen), "{change}");
        assert_eq!(lab.rows.rows()[lab.state.cursor()].target(), chosen, "{change}");
    }
    lab.filter("status:done");
    assert_ne!(lab.state.chosen(), Some(&chosen));
    assert!(lab.state.search.clear());
    lab.settle();
    assert_eq!(lab.state.chosen(), Some(&chosen), "it comes back with its run");
    let at = lab.state.cursor();
    lab.runs.remove(&run_dir("moco.queue-6400.seed-2", "20261124-210000"));
    lab.settle();
    assert_eq!(lab.state.cursor(), at, "where it was, where its run is gone");
}

#[test]
fn a_key_turns_through_what_runs_are_put_together_by() {
    let mut lab = Lab::busy();
    let heads: Vec<String> = (0..6)
        .map(|_| {
            lab.state.turn_grouping();
            lab.settle();
            lab.state.go(&lab.rows, Motion::Last);
            let keys = lab
                .rows
                .rows()
                .iter()
                .filter_map(|row| if let Row::Group(group) = row { Some(&*group.key) } else { None });
            keys.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(heads[0], "running starting pausing stopping failed crashed unknown suspended stopped queued held done");
    assert_eq!(
        heads[1..],
        [
            "supervised moco probe",
            "cpu cuda:0 cuda:1 cuda:2 cuda:3 not launched",
            "paper no tag",
            "",
            "base heads moco probe tried"
        ]
    );
    let run = lab.runs.values().next().unwrap();
    assert!(lab.state.filter().accepts(run, NOW));
}

#[test]
fn groups_fold_and_their_heads_keep_count() {
    let mut lab = Lab::busy();
    lab.state.choose(&lab.rows, target("moco.queue-6400.seed-2", "20261124-210000"));
    lab.state.fold(&lab.rows);
    lab.settle();
    assert_eq!(lab.state.chosen(), Some(&Target::Group("moco".into())));
    let Row::Group(moco) = &lab.rows.rows()[lab.state.cursor()] else { panic!() };
    assert!(moco.folded && moco.runs.len() == 7);
    assert_eq!(moco.counts[0], (Status::Running, 1));
    assert_eq!(moco.best, Some(0.7561));
    lab.state.fold_all(&lab.rows);
    lab.settle();
    assert_eq!(lab.names(), ["base 2", "heads 2", "moco 7", "probe 6", "tried 1"]);
    lab.state.fold_all(&lab.rows);
    lab.settle();
    assert_eq!(lab.names().len(), 18 + 5);
}

#[test]
fn runs_are_marked_one_by_one_by_group_and_all_that_are_shown() {
    let mut lab = Lab::busy();
    lab.state.mark(&lab.rows);
    assert_eq!(lab.state.marks.len(), 2, "a heading stands for its runs");
    lab.state.go(&lab.rows, Motion::By(1));
    lab.state.mark(&lab.rows);
    assert_eq!(lab.state.marks.len(), 1);
    lab.filter("moco");
    lab.state.mark_shown(&lab.rows);
    assert_eq!(lab.state.marks.len(), 8);
    lab.state.mark_shown(&lab.rows);
    assert_eq!(lab.state.marks.len(), 1);
    lab.state.forget(&run_dir("base", "20261122-180000"));
    assert!(lab.state.marks.is_empty());
}
