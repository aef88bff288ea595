//! Much at once: hundreds of runs that are written to while laboratories watch them, a run of millions of points, a log of
//! gigabytes. No line is lost or doubled, no descriptor leaks, memory has a bound; how long a key takes is told.

use super::{count, tell};
use crate::project::{Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use mocolab::config;
use mocolab::event::{Event, Finished, Line, Outcome, Real, Started, Step};
use mocolab::metrics;
use mocolab::run::{HeldLock, Job, Log, Reader, RunDir, Runs, boot_id, create, host, now, process_start};
use std::fs;
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Steps a second of each run.
const RATE: u64 = 20;
/// Most that a laboratory may hold, MB.
const MOST: f64 = 300.0;

/// A project of ten experiments, and the folders of `number` runs of them.
fn project(number: u64) -> (Project, Vec<RunDir>) {
    let project = Project::untrained();
    let table = |number| format!("[experiment.e{number}]\ndata = \"shapes\"\n[experiment.e{number}.supervised]\n");
    let text: String = (0..10).map(table).collect();
    fs::write(project.path("experiments.toml"), &text).unwrap();
    let suite = config::parse(&text, "experiments.toml").unwrap();
    let (runs, experiments) = (Runs::new(project.path("runs")), suite.experiments().collect::<Vec<_>>());
    let moment: jiff::ZonedDateTime = "2026-11-01T08:00:00[UTC]".parse().unwrap();
    let make = |number: u64| {
        let experiment = experiments[number as usize % experiments.len()];
        let begun = moment.checked_add(jiff::Span::new().seconds(number as i64)).unwrap();
        create(&runs, &experiment.name, &begun, &config::snapshot(experiment)).unwrap()
    };
    let folders = (0..number).map(make).collect();
    (project, folders)
}

fn step(step: u64, of: u64) -> Event {
    let loss = 2.3 * (-(step as f64) / 4000.0).exp() + 0.1 * (step as f64 * 0.7).sin().abs();
    let values = [(metrics::TRAIN_LOSS, loss), (metrics::LR, 0.1), (metrics::IMAGES_PER_S, 10_000.0)];
    let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
    Event::Step(Step { step, of, epoch: (step - 1) / 1000 + 1, metrics })
}

fn plan(steps: u64) -> Event {
    Event::Started(Box::new(Started {
        steps,
        epochs: steps.div_ceil(1000),
        steps_per_epoch: 1000,
        ..Started::default()
    }))
}

/// Has this process train `run`, as far as others can see.
fn begin(run: &RunDir) -> (HeldLock, Log) {
    let lock = HeldLock::take(run).unwrap();
    let pid = std::process::id();
    let process_start = process_start(pid).unwrap();
    let job = Job {
        attempt: 1,
        executor: "local".into(),
        devices: vec!["cpu".into()],
        host: host(),
        boot_id: boot_id(),
        pid,
        process_start,
        t: now(),
        ..Job::default()
    };
    run.write_job(&job).unwrap();
    let mut log = Log::open(run, 1).unwrap();
    log.write(plan(1_000_000)).unwrap();
    (lock, log)
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    megabytes: f64,
    files: usize,
    /// Seconds of a core so far.
    busy: f64,
}

fn held(pid: u32) -> Held {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    Held {
        megabytes: kilobytes.unwrap().parse::<f64>().unwrap() / 1024.0,
        files: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
        busy: ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>()
            / rustix::param::clock_ticks_per_second() as f64,
    }
}

/// Milliseconds from a key to what it shows, and back.
fn answer(screen: &Screen) -> f64 {
    let began = Instant::now();
    screen.press(&["?"]);
    screen.wait_for("┌ keys");
    screen.press(&["Escape"]);
    screen.wait_without("┌ keys");
    began.elapsed().as_secs_f64() * 500.0
}

/// Trains all `runs` until it is `over`. Gives the steps that each has, and the seconds that a round was late at most.
fn train(runs: &[RunDir], over: &AtomicBool) -> (u64, f64) {
    let mut logs: Vec<(HeldLock, Log)> = runs.iter().map(begin).collect();
    let (began, mut beats, mut steps, mut late) = (Instant::now(), 0, 0, 0.0_f64);
    while !over.load(Ordering::SeqCst) {
        steps += 1;
        if steps % (RATE * 5) == 1 {
            beats += 1;
            for run in runs {
                run.beat(beats);
            }
        }
        for (_, log) in &mut logs {
            log.write(step(steps, 1_000_000)).unwrap();
        }
        let due = Duration::from_secs_f64(steps as f64 / RATE as f64);
        late = late.max(began.elapsed().as_secs_f64() - due.as_secs_f64());
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    for (_, log) in &mut logs {
        log.write(Event::Finished(Finished { outcome: Outcome::Done, step: steps, cause: None })).unwrap();
    }
    (steps, late)
}

/// Ends the training also where what was looked for is not seen.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What was seen of the laboratories: what each held after a quarter of the time and at its end, and the milliseconds that keys
/// took.
struct Seen {
    before: Vec<Held>,
    after: Vec<Held>,
    answers: Vec<f64>,
}

/// Opens laboratories, uses them for `seconds`, and waits until they show the end of all runs, of which `end` sees to it.
fn watch(project: &Project, (eyes, seconds): (u64, u64), end: impl FnOnce()) -> Seen {
    let screens: Vec<Screen> = (0..eyes).map(|_| Screen::laboratory(project, 120, 40)).collect();
    for screen in &screens {
        screen.wait_for("● running");
    }
    let look = || screens.iter().map(|screen| held(screen.laboratory_pid())).collect::<Vec<_>>();
    std::thread::sleep(Duration::from_secs(seconds / 4));
    let before = look();
    let (until, mut answers) = (Instant::now() + Duration::from_secs(seconds * 3 / 4), Vec::new());
    while Instant::now() < until {
        answers.extend(screens.iter().map(answer));
        std::thread::sleep(Duration::from_secs(1));
    }
    let after = look();
    end();
    for screen in &screens {
        screen.wait_until("the end of all runs", |screen| !screen.text().contains("● running"));
        screen.wait_for("✓ done");
    }
    answers.sort_by(f64::total_cmp);
    Seen { before, after, answers }
}

#[test]
fn runs_that_are_written_to_and_watched() {
    if tmux_is_missing() {
        return;
    }
    let (number, seconds, eyes) = (count(40, 500), count(10, 600), count(2, 4));
    let (project, runs) = project(number);
    let over = AtomicBool::new(false);
    let (Seen { before, after, answers }, (steps, late)) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| train(&runs, &over));
        let _in_any_case = Over(&over);
        let seen = watch(&project, (eyes, seconds), || over.store(true, Ordering::SeqCst));
        (seen, writer.join().unwrap())
    });
    for (before, after) in before.iter().zip(&after) {
        assert!(after.files <= before.files + 4, "descriptors leak: {before:?}, then {after:?}");
        assert!(after.megabytes < MOST, "{after:?}");
    }
    for run in &runs {
        let (mut reader, mut next) = (Reader::new(run), 1);
        loop {
            let batch = reader.read(usize::MAX).unwrap();
            assert!(batch.damaged.is_empty());
            let written = batch.lines.iter().filter_map(|line| match &line.event {
                Event::Step(step) => Some(step.step),
                _ => None,
            });
            for step in written {
                assert_eq!(step, next, "{}: a line is lost or doubled", run.label());
                next += 1;
            }
            if !batch.more {
                break;
            }
        }
        assert_eq!(next, steps + 1, "{}", run.label());
    }
    let listed = project.json("ls --json");
    let listed = listed.as_array().unwrap();
    assert!(listed.len() == runs.len() && listed.iter().all(|run| run["step"] == steps && run["status"] == "done"));
    let most = |of: &[Held], what: fn(&Held) -> f64| of.iter().map(what).fold(0.0, f64::max);
    let busy = after.iter().zip(&before).map(|(after, before)| after.busy - before.busy).fold(0.0, f64::max);
    tell(
        "runs_that_are_written_to_and_watched",
        &format!(
            "{number} runs of {RATE} steps a second each, {eyes} laboratories, {seconds} s: {} lines, none lost or doubled; a laboratory held at most {:.0} MB ({:.0} at a quarter of the \
             time) and {} descriptors ({}), and took {:.0} % of a core; a key was answered, tmux included, within {:.0} ms (median), {:.0} ms (worst); the writer was at most {:.0} ms late",
            number * steps,
            most(&after, |held| held.megabytes),
            most(&before, |held| held.megabytes),
            most(&after, |held| held.files as f64),
            most(&before, |held| held.files as f64),
            busy / (seconds as f64 * 0.75) * 100.0,
            answers[answers.len() / 2],
            answers[answers.len() - 1],
            late * 1000.0
        ),
    );
}

/// Writes the record of a run that is done, of `steps` steps.
fn record(run: &RunDir, steps: u64) {
    run.write_job(&Job {
        attempt: 1,
        executor: "local".into(),
        devices: vec!["cpu".into()],
        host: host(),
        ..Job::default()
    })
    .unwrap();
    let mut file = BufWriter::new(fs::File::create(run.events()).unwrap());
    let mut seq = 0;
    let mut write = |event| {
        file.write_all(&Line { attempt: 1, seq, t: 1_793_520_000.0 + seq as f64 * 0.01, event }.encode()).unwrap();
        seq += 1;
    };
    write(plan(steps));
    (1..=steps).for_each(|number| write(step(number, steps)));
    write(Event::Finished(Finished { outcome: Outcome::Done, step: steps, cause: None }));
}

#[test]
fn a_run_of_millions_of_points_and_a_log_of_gigabytes() {
    if tmux_is_missing() {
        return;
    }
    let (steps, megabytes) = (count(50_000, 1_700_000), count(20, 2048));
    let (project, runs) = project(1);
    record(&runs[0], steps);
    let mut log = BufWriter::new(fs::File::create(runs[0].output()).unwrap());
    let line = format!("{}\n", "a line that somebody has printed ".repeat(3));
    (0..(megabytes << 20) / line.len() as u64).for_each(|_| log.write_all(line.as_bytes()).unwrap());
    log.write_all(b"the very last line\n").unwrap();
    drop(log);

    let screen = Screen::laboratory(&project, 120, 40);
    screen.wait_for("✓ done");
    let began = Instant::now();
    screen.press(&["Enter"]);
    screen.wait_for("loss train");
    let shown = began.elapsed().as_secs_f64();
    screen.press(&["7"]);
    screen.wait_for("the very last line");
    let answered = answer(&screen);
    let held = held(screen.laboratory_pid());
    screen.kill();
    assert!(held.megabytes < MOST, "{held:?}");
    let began = Instant::now();
    let plotted = project.run("plot e0 --out curve.svg").good();
    let drawn = began.elapsed().as_secs_f64();
    assert!(plotted.contains("curve.svg") && fs::metadata(project.path("curve.svg")).unwrap().len() < 4 << 20);
    poll("the end of the log", || project.run("logs e0").good().contains("the very last line").then_some(()));
    tell(
        "a_run_of_millions_of_points_and_a_log_of_gigabytes",
        &format!(
            "{:.1} million points and a log of {megabytes} MB: curves on the screen after {shown:.1} s, a key answered within {answered:.0} ms, {:.0} MB held, a figure drawn in {drawn:.1} s",
            steps as f64 * 3.0 / 1e6,
            held.megabytes
        ),
    );
}
