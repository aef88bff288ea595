use super::super::Watch;
use super::*;
use crate::event::{Alert, Best, Checkpoint, Classes, Epoch, Finished, Metrics, Outcome, Real, Started, Step};
use crate::metrics;
use proptest::prelude::*;
use std::fs;

/// What a stretch of a training does: the lines of a made-up record.
#[derive(Debug, Clone)]
enum Act {
    /// So many points, one of ten with a metric of its own.
    Steps(u16),
    /// An epoch with this accuracy, and how the classes fared: so many.
    Epoch(u8, u8),
    Note(u8),
    Checkpoint,
    /// Back to this part of the way, in a new attempt or within one.
    Again(u8, bool),
    /// An attempt that ends before it begins.
    Stillborn,
    /// An end, and a new attempt that takes up the run.
    Ended,
    Acknowledged(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..400_u16).prop_map(Act::Steps),
        3 => (any::<u8>(), 2..20_u8).prop_map(|(value, classes)| Act::Epoch(value, classes)),
        1 => (0..5_u8).prop_map(Act::Note),
        1 => Just(Act::Checkpoint),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(part, new)| Act::Again(part, new)),
        1 => Just(Act::Stillborn),
        1 => Just(Act::Ended),
        1 => any::<u8>().prop_map(Act::Acknowledged),
    ]
}

/// A record in the making.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    attempt: u32,
    seq: u64,
    step: u64,
    epoch: u64,
}

impl Record {
    fn write(&mut self, event: Event) {
        let t = 1000.0 + self.seq as f64 * 0.5;
        self.bytes.extend(Line { attempt: self.attempt, seq: self.seq, t, event }.encode());
        self.seq += 1;
    }

    fn start(&mut self, new: bool) {
        self.attempt += u32::from(new);
        let best = [(metrics::VAL_MACRO.to_owned(), Best { value: 0.5, epoch: self.epoch })].into();
        let plan =
            Started { from_step: self.step, steps: 9000, epochs: 90, steps_per_epoch: 100, ..Started::default() };
        self.write(Event::Started(Box::new(Started { best, ..plan })));
    }

    fn finish(&mut self, outcome: Outcome) {
        self.write(Event::Finished(Finished { outcome, step: self.step, cause: None }));
    }

    fn step(&mut self) {
        self.step += 1;
        let value = |name: &str, value: f64| (name.to_owned(), Real(value));
        let mut metrics: Metrics = [value(metrics::TRAIN_LOSS, 1.0 / self.seq as f64), value(metrics::LR, 0.1)].into();
        if self.step.is_multiple_of(10) {
            metrics.extend([value("gradient_norm", self.seq as f64)]);
        }
        self.write(Event::Step(Step { step: self.step, of: 9000, epoch: self.step / 100 + 1, metrics }));
    }

    fn epoch(&mut self, value: f64, classes: usize) {
        self.epoch += 1;
        let confusion = vec![vec![7; classes]; classes];
        self.write(Event::Classes(Classes { epoch: self.epoch, split: "val".into(), by: String::new(), confusion }));
        let metrics =
            [(metrics::VAL_MACRO.to_owned(), Real(value)), (metrics::TRAIN_LOSS.to_owned(), Real(1.0))].into();
        let best = [(metrics::VAL_MACRO.to_owned(), Best { value, epoch: self.epoch })].into();
        let (epoch, step) = (self.epoch, self.step);
        self.write(Event::Epoch(Epoch { epoch, of: 90, step, seconds: 1.0, metrics, best }));
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Steps(count) => (0..*count).for_each(|_| self.step()),
            Act::Epoch(value, classes) => self.epoch(f64::from(*value) / 255.0, (*classes).into()),
            Act::Note(word) => {
                let said = |what: &str| Alert { what: what.into(), message: format!("word {word}") };
                self.write(Event::Note(said("note")));
                self.write(Event::Alert(said("alert")));
            }
            Act::Checkpoint => {
                let file = format!("step-{}", self.step);
                let (step, epoch) = (self.step, self.epoch);
                self.write(Event::Checkpoint(Checkpoint { step, epoch, file, bytes: 7, best: false }));
            }
            Act::Again(part, new) => {
                self.step = self.step * u64::from(*part) / 255;
                self.start(*new);
            }
            Act::Stillborn => {
                self.attempt += 1;
                self.write(Event::Recovered { bytes: 3 });
                self.write(Event::Finished(Finished { outcome: Outcome::Failed, step: 0, cause: Some("no".into()) }));
                self.start(true);
            }
            Act::Ended => {
                self.finish(Outcome::Paused);
                self.start(true);
            }
            Act::Acknowledged(word) => self.write(Event::Acknowledged { request: format!("{word}") }),
        }
    }
}

fn record(acts: &[Act], end: Option<Outcome>) -> Vec<u8> {
    let mut record = Record::default();
    record.start(true);
    for act in acts {
        record.act(act);
    }
    if let Some(outcome) = end {
        record.finish(outcome);
    }
    record.bytes
}

fn run(bytes: &[u8]) -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path());
    fs::write(run.events(), bytes).unwrap();
    (folder, run)
}

/// The fold of every line, by the slow way.
fn fold(run: &RunDir) -> (RunState, usize) {
    let (mut state, mut reader, mut damaged) = (RunState::default(), Reader::new(run), 0);
    loop {
        let batch = reader.read(50).unwrap();
        batch.lines.iter().for_each(|line| state.apply(line));
        damaged += batch.damaged.len();
        if !batch.more {
            return (state, damaged);
        }
    }
}

/// What any depth tells is what the fold of all tells.
fn agrees(part: &RunState, whole: &RunState) {
    let same = |state: &RunState| {
        let RunState { attempt, began, last_seen, step, steps, epoch, epochs, .. } = *state;
        (attempt, began, last_seen, step, steps, epoch, epochs, state.finished.clone())
    };
    assert_eq!(same(part), same(whole));
    part.latest.iter().for_each(|(name, value)| assert_eq!(Some(value), whole.latest.get(name), "{name}"));
    assert!(part.best.is_empty() || part.best == whole.best);
    assert!(part.last_epoch.is_none() || part.last_epoch == whole.last_epoch);
    assert!(part.acknowledged.is_none() || part.acknowledged == whole.acknowledged);
    assert!(part.started.is_none() || part.started == whole.started);
    assert!(whole.alerts.ends_with(&part.alerts) && part.notes.iter().all(|note| whole.notes.contains(note)));
    assert!(part.checkpoints.iter().all(|checkpoint| whole.checkpoints.contains(checkpoint)));
    for (name, curve) in &part.curves {
        let all: Vec<_> = whole.curves[name].points().collect();
        assert!(all.ends_with(&curve.points().collect::<Vec<_>>()), "{name}");
    }
}

/// A summary tells more than a glimpse.
fn sums_up(part: &RunState, whole: &RunState) {
    let told = |state: &RunState| {
        let RunState { attempt_began, started, best, last_epoch, acknowledged, .. } = state.clone();
        let RunState { alerts, notes, checkpoints, curves, .. } = state.clone();
        let left = state.seconds_left();
        let trend = curves.get(metrics::VAL_MACRO).map(|curve| curve.points().collect::<Vec<_>>());
        let trend = trend.unwrap_or_default();
        format!(
            "{attempt_began} {started:?} {best:?} {last_epoch:?} {acknowledged:?} {alerts:?} {notes:?} {checkpoints:?} {left:?} {trend:?}"
        )
    };
    assert_eq!(told(part), told(whole));
}

fn check(run: &RunDir) {
    let (whole, damaged) = fold(run);
    let summary = Reading::summary(run).unwrap();
    let glimpse = Reading::glimpse(run).unwrap();
    assert!(glimpse.damaged <= damaged && glimpse.reader.offset() == summary.reader.offset());
    agrees(&glimpse.state, &whole);
    assert_eq!((summary.state.depth, summary.damaged), (Depth::Summary, damaged));
    agrees(&summary.state, &whole);
    sums_up(&summary.state, &whole);
    let read = Reading::whole(run).unwrap();
    assert_eq!((format!("{:?}", read.state), read.damaged), (format!("{whole:?}"), damaged));
}

#[test]
fn of_a_long_record_a_glimpse_reads_little() {
    let acts = [Act::Steps(5000), Act::Epoch(200, 10), Act::Steps(3005)];
    let (_folder, run) = run(&record(&acts, None));
    let glimpse = Reading::glimpse(&run).unwrap();
    let state = &glimpse.state;
    assert_eq!((state.depth, state.step, state.steps, state.epoch, state.epochs), (Depth::Glimpse, 8005, 9000, 81, 90));
    assert_eq!(state.latest.keys().collect::<Vec<_>>(), ["gradient_norm", "lr", "train/loss"]);
    assert_eq!(state.seconds_left(), Some(497.5), "by the pace of the last points");
    check(&run);
}

#[test]
fn of_what_only_some_points_tell_a_glimpse_says_nothing_old() {
    let (_folder, run) = run(&record(&[Act::Steps(3009)], None));
    let state = Reading::glimpse(&run).unwrap().state;
    assert_eq!(state.latest.keys().collect::<Vec<_>>(), ["lr", "train/loss"]);
}

#[test]
fn a_watch_goes_on_where_a_reading_ended() {
    let bytes = record(&[Act::Steps(2000), Act::Epoch(9, 3), Act::Steps(300)], Some(Outcome::Done));
    let cut = bytes.len() - 50_000;
    let (_folder, run) = run(&bytes[..cut]);
    let mut readings = [Reading::whole(&run), Reading::summary(&run), Reading::glimpse(&run)].map(Result::unwrap);
    fs::write(run.events(), &bytes).unwrap();
    let (whole, _) = fold(&run);
    for reading in &mut readings {
        let mut watch = Watch::after(run.clone(), reading);
        let look = watch.look(usize::MAX).unwrap();
        assert_eq!((look.status, look.batch.restart), (Some(crate::status::Status::Done), false));
        look.batch.lines.iter().for_each(|line| reading.state.apply(line));
        agrees(&reading.state, &whole);
    }
    assert_eq!(format!("{:?}", readings[0].state), format!("{whole:?}"));
}

#[test]
fn a_cache_is_believed_where_it_is_of_this_record() {
    let bytes = record(&[Act::Steps(500), Act::Epoch(9, 3), Act::Steps(300)], None);
    let more = record(&[Act::Steps(500), Act::Epoch(9, 3), Act::Steps(300), Act::Epoch(80, 3)], Some(Outcome::Done));
    let (_folder, run) = run(&bytes);
    for read in [Reading::whole, Reading::summary] {
        read(&run).unwrap().keep(&run).unwrap();
        assert_eq!(read(&run).unwrap().cached, bytes.len() as u64);
    }
    fs::write(run.events(), &more).unwrap();
    check(&run);
    assert_eq!(Reading::whole(&run).unwrap().cached, bytes.len() as u64, "what is new was read");

    let mut edited = more.clone();
    edited[10_000] ^= 1;
    Reading::whole(&run).unwrap().keep(&run).unwrap();
    fs::write(run.events(), &edited).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    File::options().append(true).open(run.events()).unwrap().set_modified(later).unwrap();
    assert_eq!(Reading::whole(&run).unwrap().cached, 0, "it was written to, though not at its end");
    fs::write(run.events(), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(Reading::whole(&run).unwrap().cached, 0, "it was cut");
    check(&run);
    let other = String::from_utf8(more).unwrap().replace("word", "bird");
    fs::write(run.events(), other.replace("\"epoch\":9", "\"epoch\":8")).unwrap();
    assert_eq!(Reading::summary(&run).unwrap().cached, 0, "it is another");
}

#[test]
fn a_cache_that_can_not_be_written_is_no_harm() {
    let (_folder, run) = run(&record(&[Act::Steps(50)], None));
    fs::write(run.cache(), "a file in the place of the folder").unwrap();
    assert!(Reading::whole(&run).unwrap().keep(&run).is_err());
    check(&run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 5))]
    #[test]
    fn what_a_part_tells_is_what_the_whole_tells(
        acts in prop::collection::vec(act(), 0..12),
        end in prop_oneof![Just(None), Just(Some(Outcome::Done)), Just(Some(Outcome::Failed))],
        torn in prop::option::of(1..300_usize),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut bytes = record(&acts, end);
        let start = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        bytes.truncate(bytes.len() - torn.unwrap_or(0).min(bytes.len() - start));
        for flip in flips {
            // The first attempt's plan is known, or nothing is.
            if start < bytes.len() {
                let at = start + flip.index(bytes.len() - start);
                bytes[at] ^= 1;
            }
        }
        check(&run(&bytes).1);
    }

    #[test]
    fn no_damage_to_a_cache_is_believed(at in any::<prop::sample::Index>(), bit in 0..8_u8, keep in any::<prop::sample::Index>()) {
        let (_folder, run) = run(&record(&[Act::Steps(40), Act::Epoch(9, 3)], None));
        Reading::whole(&run).unwrap().keep(&run).unwrap();
        let path = run.cache().join("curves");
        let mut bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..keep.index(bytes.len())]).unwrap();
        prop_assert_eq!(Reading::whole(&run).unwrap().cached, 0);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        prop_assert_eq!(Reading::whole(&run).unwrap().cached, 0);
    }
}
