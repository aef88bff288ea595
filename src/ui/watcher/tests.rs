use super::*;
use crate::ui::model::{Model, update};
use crate::ui::sample_map;
use crate::ui::theme::Theme;
use crate::ui::view;
use mocolab::event::{Event, Finished, Line, Outcome, Real, Started, Step};
use mocolab::metrics::TRAIN_LOSS;
use mocolab::run::{Job, create, host};
use mocolab::state::Depth;
use mocolab::status::Status;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::io::Write;
use std::path::Path;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const SUITE: &str = "[experiment.quick]\ndata = \"shapes\"\n[experiment.quick.supervised]\narch = \"resnet8\"\n";

/// A watcher, what it tells, and the model of one who listens.
struct Story {
    watcher: Watcher,
    told: UnboundedReceiver<Msg>,
    model: Model,
}

impl Story {
    fn new(folder: &Path) -> Self {
        let project = Project::at(&folder.join("experiments.toml"), None);
        let (tell, told) = unbounded_channel();
        let model = Model::new(&project, Theme::new(true));
        Self { watcher: Watcher::new(project, tell), told, model }
    }

    /// Takes in what was told. Returns how many messages that were.
    fn hear(&mut self) -> usize {
        let mut count = 0;
        while let Ok(message) = self.told.try_recv() {
            update(&mut self.model, message);
            count += 1;
        }
        count
    }

    fn look(&mut self) -> usize {
        self.watcher.look_at_all(false).unwrap();
        self.hear()
    }

    fn obey(&mut self, order: Order) {
        self.watcher.obey(order);
        self.watcher.look(|_, _| false).unwrap();
        self.hear();
    }

    fn rest(&mut self) {
        while self.watcher.use_spare_time().unwrap() {}
        self.hear();
    }

    fn state(&self, run: &RunDir) -> (Depth, u64, usize) {
        let state = &self.model.runs[run].state;
        (state.depth, state.step, state.curves.get(TRAIN_LOSS).map_or(0, mocolab::curve::Curve::len))
    }
}

/// A project with some runs, none of which has a record.
fn project(runs: u32) -> (tempfile::TempDir, Vec<RunDir>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("experiments.toml"), SUITE).unwrap();
    let suite = mocolab::config::parse(SUITE, "experiments.toml").unwrap();
    let experiment = suite.experiments().next().unwrap().clone();
    let place = Project::at(&folder.path().join("experiments.toml"), None).runs;
    let snapshot = mocolab::config::snapshot(&experiment);
    let moment: jiff::ZonedDateTime = "2026-11-24T22:36:29[UTC]".parse().unwrap();
    let runs = (0..runs).map(|_| create(&place, &experiment.name, &moment, &snapshot).unwrap()).collect();
    (folder, runs)
}

fn write(run: &RunDir, steps: std::ops::Range<u64>, end: bool) {
    let mut bytes = Vec::new();
    let mut add = |seq: u64, event| bytes.extend(Line { attempt: 1, seq, t: seq as f64, event }.encode());
    if steps.start == 0 {
        let plan = Started { steps: 90_000, epochs: 90, steps_per_epoch: 1000, ..Started::default() };
        add(0, Event::Started(Box::new(plan)));
    }
    for step in steps.start + 1..=steps.end {
        let metrics = [(TRAIN_LOSS.to_owned(), Real(step as f64))].into();
        add(step, Event::Step(Step { step, of: 90_000, epoch: step / 1000 + 1, metrics }));
    }
    if end {
        let (outcome, step) = (Outcome::Done, steps.end);
        add(step + 1, Event::Finished(Finished { outcome, step, cause: None }));
    }
    let mut file = fs::File::options().create(true).append(true).open(run.events()).unwrap();
    file.write_all(&bytes).unwrap();
}

#[test]
fn all_runs_are_told_at_once_and_no_deeper_than_a_list_shows() {
    let (folder, runs) = project(40);
    runs[1..].iter().for_each(|run| write(run, 0..2000, true));
    let mut story = Story::new(folder.path());
    assert_eq!(story.look(), 2, "the experiments, and all runs");
    assert_eq!((story.model.runs.len(), story.state(&runs[7])), (40, (Depth::Glimpse, 2000, 0)));
    let is = |at: usize| story.model.runs[&runs[at]].status;
    assert_eq!((is(0), is(1)), (Status::Queued, Status::Done));
    story.rest();
    assert_eq!(story.state(&runs[7]), (Depth::Summary, 2000, 0));
    assert!(!runs[7].cache().exists(), "so little is read again");
}

#[test]
fn what_is_shown_is_read_whole_and_kept_when_it_is_left() {
    let (folder, runs) = project(2);
    for run in &runs {
        write(run, 0..9000, false);
    }
    let mut story = Story::new(folder.path());
    story.look();
    story.obey(Order::Whole([runs[0].clone()].into()));
    assert_eq!(story.state(&runs[0]), (Depth::Whole, 9000, 9000));
    assert_eq!(story.state(&runs[1]), (Depth::Glimpse, 9000, 0));
    write(&runs[0], 9000..9010, false);
    story.look();
    assert_eq!(story.state(&runs[0]), (Depth::Whole, 9010, 9010), "by cursor");
    write(&runs[0], 9010..20_000, false);
    write(&runs[1], 9000..20_000, false);
    story.look();
    assert_eq!(story.state(&runs[0]), (Depth::Whole, 20_000, 20_000), "much at once");
    assert_eq!(story.state(&runs[1]), (Depth::Summary, 20_000, 0));
    story.obey(Order::Follow(None));
    story.obey(Order::Whole([runs[1].clone()].into()));
    assert_eq!(story.state(&runs[0]), (Depth::Summary, 20_000, 0), "its curves are let go");
    story.rest();
    assert!(runs.iter().all(|run| run.cache().join("curves").exists() && run.cache().join("summary").exists()));
    story.obey(Order::Whole([runs[0].clone()].into()));
    assert_eq!(story.state(&runs[0]), (Depth::Whole, 20_000, 20_000), "from the cache");
}

/// Dates all files of a run back, as if nothing had happened for a while.
fn age(run: &RunDir) {
    let before = SystemTime::now() - Duration::from_mins(1);
    for path in [run.path().to_owned(), run.events()] {
        fs::File::open(path).unwrap().set_modified(before).unwrap();
    }
}

#[test]
fn a_run_at_rest_is_left_alone_until_it_is_written_to() {
    let (folder, runs) = project(1);
    write(&runs[0], 0..10, true);
    age(&runs[0]);
    let mut story = Story::new(folder.path());
    story.look();
    let watched = story.watcher.runs.get_mut(&runs[0]).unwrap();
    assert!(!watched.may_be_new(false) && watched.may_be_new(true));
    runs[0].write_job(&Job { attempt: 2, host: host(), ..Job::default() }).unwrap();
    assert!(story.watcher.runs.get_mut(&runs[0]).unwrap().may_be_new(false));
    assert_eq!(story.look(), 1);
    assert_eq!(story.model.runs[&runs[0]].status, Status::Crashed, "attempt 2 has said nothing");
    assert_eq!(story.look(), 0);
}

#[test]
fn runs_that_come_and_go_are_seen_though_folders_at_rest_are_not_listed() {
    let (folder, runs) = project(2);
    let date_back = || {
        let place = runs[0].path().parent().unwrap();
        for path in [place, place.parent().unwrap()] {
            let before = SystemTime::now() - Duration::from_mins(1);
            fs::File::open(path).unwrap().set_modified(before).unwrap();
        }
    };
    date_back();
    let mut story = Story::new(folder.path());
    story.look();
    assert!(story.watcher.folders.is_some());
    fs::remove_dir_all(runs[1].path()).unwrap();
    story.look();
    assert_eq!(story.model.runs.len(), 1);
    assert!(story.watcher.folders.is_none(), "more may go within the same tick");
}

#[test]
fn a_record_that_can_not_be_read_is_said_and_tried_again() {
    let (folder, runs) = project(1);
    fs::create_dir(runs[0].events()).unwrap();
    let mut story = Story::new(folder.path());
    story.look();
    assert!(story.model.runs[&runs[0]].trouble.is_some());
    fs::remove_dir(runs[0].events()).unwrap();
    write(&runs[0], 0..10, true);
    story.look();
    let sight = &story.model.runs[&runs[0]];
    assert_eq!((sight.trouble.as_deref(), sight.status, sight.state.step), (None, Status::Done, 10));
}

#[test]
fn a_log_is_read_as_it_grows() {
    let (folder, runs) = project(1);
    fs::write(runs[0].output(), "one\n 10 %\r 20 %").unwrap();
    let mut story = Story::new(folder.path());
    story.look();
    story.obey(Order::Follow(Some(runs[0].clone())));
    let lines = |story: &mut Story| {
        story.watcher.read_log().unwrap();
        match story.told.try_recv() {
            Ok(Msg::Log(_, lines, _)) => lines,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(lines(&mut story), ["one", " 20 %"]);
    fs::write(runs[0].output(), "one\n 10 %\r 20 %\r 30 %\ntwo\n").unwrap();
    assert_eq!(lines(&mut story), ["one", " 30 %", "two"]);
    story.watcher.read_log().unwrap();
    assert!(story.told.try_recv().is_err(), "nothing new");
}

#[test]
fn maps_are_told_once_the_newest_first_and_anew_where_the_screen_has_let_go_of_them() {
    let (folder, runs) = project(2);
    for epoch in [2, 4] {
        runs[0].write_map(epoch * 10, &sample_map(30, epoch).encode(&[]).unwrap()).unwrap();
    }
    let mut story = Story::new(folder.path());
    let told = |story: &mut Story| {
        story.watcher.read_maps().unwrap();
        let mut all = Vec::new();
        while let Ok(message) = story.told.try_recv() {
            all.push(match message {
                Msg::MapSteps(_, steps) => format!("steps {steps:?}"),
                Msg::Map(_, Ok(map)) => format!("map {}", map.about.step),
                Msg::Map(_, Err(trouble)) => format!("trouble {}", trouble.contains("damaged")),
                other => panic!("{other:?}"),
            });
        }
        all
    };
    assert!(told(&mut story).is_empty(), "nothing is wanted");
    let watch = |story: &mut Story, run: Option<&RunDir>| story.watcher.obey(Order::Maps(run.cloned()));
    watch(&mut story, Some(&runs[0]));
    assert_eq!(told(&mut story), ["steps [20, 40]", "map 40", "map 20"]);
    assert!(told(&mut story).is_empty());
    watch(&mut story, None);
    watch(&mut story, Some(&runs[0]));
    assert!(told(&mut story).is_empty(), "the screen still has them");
    let path = runs[0].write_map(60, &sample_map(30, 6).encode(&[]).unwrap()).unwrap();
    runs[0].remove_maps_after(60).unwrap();
    assert_eq!(told(&mut story), ["steps [20, 40, 60]", "map 60"]);
    // Whatever happens between two looks: to another run and back.
    watch(&mut story, Some(&runs[1]));
    watch(&mut story, Some(&runs[0]));
    assert_eq!(told(&mut story).len(), 4);
    runs[0].remove_maps_after(40).unwrap();
    assert!(!path.exists());
    assert_eq!(told(&mut story), ["steps [20, 40]"]);
    fs::write(runs[0].map_files().unwrap()[0].path(), "torn").unwrap();
    watch(&mut story, Some(&runs[1]));
    assert_eq!(told(&mut story), ["steps []"]);
    watch(&mut story, Some(&runs[0]));
    assert_eq!(told(&mut story), ["steps [20, 40]", "map 40", "trouble true"]);
}

/// How long things take, for a person: of a project made by `examples/many-runs`, where `MANY_RUNS` names one; else of
/// a small one. `cargo test --release --bin mocolab -- many_runs --nocapture`
#[test]
fn many_runs_are_opened() {
    let (small, runs) = project(30);
    for run in &runs {
        write(run, 0..3000, true);
    }
    let folder = std::env::var_os("MANY_RUNS").map_or(small.path().to_owned(), PathBuf::from);
    let mut story = Story::new(&folder);
    let timed = |what: &str, story: &mut Story, act: &mut dyn FnMut(&mut Story)| {
        let begun = Instant::now();
        act(story);
        eprintln!("{what}: {:.1} ms, {} resident", begun.elapsed().as_secs_f64() * 1e3, resident());
    };
    let draw = |story: &mut Story| {
        let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
        terminal.draw(|frame| view::draw(&story.model, frame)).unwrap();
    };
    timed("first frame of the list", &mut story, &mut |story| {
        story.look();
        draw(story);
    });
    let last = story.model.runs.keys().next_back().unwrap().clone();
    timed("a run's screen, read anew or from a cache", &mut story, &mut |story| {
        story.obey(Order::Whole([last.clone()].into()));
        draw(story);
    });
    timed("keeping it, and the list read deeper", &mut story, &mut Story::rest);
    timed("back to the list", &mut story, &mut |story| story.obey(Order::Whole(BTreeSet::new())));
    timed("the same run's screen again", &mut story, &mut |story| {
        story.obey(Order::Whole([last.clone()].into()));
        draw(story);
    });
    timed("a look at all", &mut story, &mut |story| assert!(story.look() <= 1));
    timed("another, at rest", &mut story, &mut |story| assert!(story.look() <= 1));
    let eight: BTreeSet<RunDir> = story.model.runs.keys().rev().take(8).cloned().collect();
    timed("eight runs whole", &mut story, &mut |story| story.obey(Order::Whole(eight.clone())));
    let whole = story.model.runs.values().filter(|sight| sight.state.depth == Depth::Whole).count();
    assert_eq!((whole, story.state(&last).0), (8, Depth::Whole));
}

fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or("?".into(), |line| line.trim().to_owned())
}
