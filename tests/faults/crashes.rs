//! `kill -9` at random moments, start and end included: no checkpoint that the record tells of is lost, at most one interval
//! between checkpoints has to be done again, what is left lying is cleared, and the network ends with the bits of one that
//! was left alone.

use super::{count, files, random, tell};
use crate::processes::trainer;
use crate::project::{Project, poll};
use crate::training::{assert_alike, project_of};
use mocolab::config::read_snapshot;
use mocolab::event::Event;
use mocolab::random::Random;
use mocolab::run::{Reader, RunDir};
use mocolab::status::Lock;
use rustix::process::{Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Of all recipes together.
const KILLS: u64 = 500;
const RECIPES: u64 = 4;

const CLASSIFIER: &str = "arch = \"resnet8\"\nepochs = 14\nbatch = 20\nlr = 0.05\nwarmup_epochs = 1\nlog_every = 1\ntest_every = 5\nval_fraction = 0.2\n\
     schedule = \"plateau\"\nplateau_patience = 1\nema = 0.9\nmixup = 0.2\ncutout = 4\nmap_every = 6\n";
const MOCO: &str = "arch = \"resnet8\"\nepochs = 9\nbatch = 16\nqueue = 100\ndim = 16\nbn_splits = 2\nknn_k = 10\nknn_every = 3\nlog_every = 1\n\
     val_fraction = 0.2\nmap_every = 5\n";
const SOURCE: &str = "arch = \"resnet8\"\nepochs = 1\nbatch = 40\nwarmup_epochs = 0\nmap_every = 0\n";

#[test]
fn a_classifier_that_is_killed() {
    let table = |name: &str| format!("[experiment.{name}.supervised]\n{CLASSIFIER}");
    strike("a_classifier_that_is_killed", 1, &project_of(&(table("undisturbed") + &table("struck"))));
}

#[test]
fn momentum_contrast_that_is_killed() {
    let table = |name: &str| format!("[experiment.{name}.moco]\n{MOCO}");
    strike("momentum_contrast_that_is_killed", 2, &project_of(&(table("undisturbed") + &table("struck"))));
}

#[test]
fn a_probe_that_is_killed() {
    probe(
        "a_probe_that_is_killed",
        3,
        "epochs = 200\nbatch = 8\ntrain_fraction = 0.5\nsweep = true\ncheckpoint_every = 3\n",
    );
}

#[test]
fn a_probe_by_l_bfgs_that_is_killed() {
    probe("a_probe_by_l_bfgs_that_is_killed", 4, "epochs = 600\nsolver = \"lbfgs\"\nweight_decay = 0.001\n");
}

fn probe(test: &str, number: u64, own: &str) {
    let table = |name: &str| {
        format!(
            "[experiment.{name}.probe]\nfrom = \"source\"\nval_fraction = 0.2\nlog_every = 1\nmap_every = 100\n{own}"
        )
    };
    let source = format!("[experiment.source.supervised]\n{SOURCE}");
    let project = project_of(&(source + &table("undisturbed") + &table("struck")));
    project.run("start source --device cpu --wait").good();
    strike(test, number, &project);
}

/// What the record of a run that was struck tells.
#[derive(Debug, Default)]
pub struct Told {
    kills: u64,
    /// Most steps that had to be done again.
    again: u64,
    /// Checkpoints that the record tells of.
    checkpoints: u64,
    /// Attempts that went on from one.
    resumed: u64,
}

/// Kills the trainers of `struck` until it was often enough, each in a run that then goes on; all ends equal `undisturbed`.
fn strike(test: &str, number: u64, project: &Project) {
    let wanted = count(5, KILLS / RECIPES);
    let mut random = random(number);
    let began = Instant::now();
    project.run("start undisturbed --device cpu --wait").good();
    // The longest that a trainer is left alone: long enough to start and to train some epochs, also on a slow machine.
    let longest = began.elapsed().as_secs_f64() * 0.4;
    let (mut all, mut runs) = (Told::default(), 0);
    while all.kills < wanted {
        let told = one(project, (&mut random, longest), wanted - all.kills);
        all = Told {
            kills: all.kills + told.kills,
            again: all.again.max(told.again),
            checkpoints: all.checkpoints + told.checkpoints,
            resumed: all.resumed + told.resumed,
        };
        runs += 1;
    }
    let Told { kills, again, checkpoints, resumed } = all;
    assert!(resumed > 0, "none of {kills} went on from a checkpoint");
    tell(
        test,
        &format!(
            "{kills} kills in {runs} runs, {resumed} gone on from a checkpoint, all bit-equal at the end; {checkpoints} checkpoints told of, none lost; at most {again} steps done again"
        ),
    );
}

/// A run that is killed at most `most` times and then left to its end.
fn one(project: &Project, (random, longest): (&mut Random, f64), most: u64) -> Told {
    let run = project.start("struck");
    let mut kills = 0;
    while kills < most {
        std::thread::sleep(Duration::from_secs_f64(random.between(0.0, longest)));
        if run.probe() == Lock::Free {
            break;
        }
        // It may come to its end by itself just before.
        let _ = kill_process(trainer(&run), Signal::KILL);
        poll("the trainer's end", || (run.probe() == Lock::Free).then_some(()));
        if project.status("struck") == "done" {
            break;
        }
        assert_eq!(project.status("struck"), "crashed");
        kills += 1;
        project.run("resume struck --device cpu").good();
    }
    project.wait_for("struck", "done");
    assert_alike((project, "undisturbed"), (project, "struck"));
    assert_eq!(maps(&run), maps(&project.latest("undisturbed")), "maps");
    assert_clean(run.path());
    let told = Told { kills, ..walk(&run) };
    // Hundreds of them would make each look a long one. Its end is told before the trainer has put all away.
    poll("the trainer's end", || (run.probe() == Lock::Free).then_some(()));
    fs::remove_dir_all(run.path()).unwrap();
    told
}

/// The maps of a run: steps and points.
fn maps(run: &RunDir) -> Vec<(u64, String)> {
    let files = run.map_files().unwrap();
    files.iter().map(|file| (file.step, format!("{:?}", file.read().unwrap().points))).collect()
}

/// What the record tells, from attempt to attempt.
pub fn walk(run: &RunDir) -> Told {
    let experiment = read_snapshot(&fs::read_to_string(run.experiment()).unwrap(), "the run").unwrap();
    let epochs = experiment.recipe.keeping().checkpoint_every.get();
    let batch = Reader::new(run).read(usize::MAX).unwrap();
    assert!(batch.damaged.is_empty() && !batch.more, "{:?}", batch.damaged);
    let (mut told, mut saved, mut made, mut last) = (Told::default(), 0, 0, None);
    for line in &batch.lines {
        match &line.event {
            Event::Started(started) => {
                let from = started.from_step;
                assert!(from >= saved, "a checkpoint of step {saved} was told of, and it went on from {from}");
                let again = u64::saturating_sub(made, from);
                let interval = epochs * started.steps_per_epoch;
                assert!(again <= interval, "{made} steps were made, and it went on from {from}");
                (told.again, made) = (told.again.max(again), from);
                told.resumed += u64::from(from > 0);
            }
            Event::Checkpoint(checkpoint) => {
                saved = checkpoint.step;
                last = Some(&checkpoint.file);
                told.checkpoints += 1;
            }
            Event::Step(step) => made = step.step,
            _ => {}
        }
    }
    let last = last.expect("a run that is done has a checkpoint");
    assert!(run.checkpoints().join(last).exists(), "`{last}` was told of last, and is not there");
    told
}

/// Nothing half written lies about.
pub fn assert_clean(folder: &Path) {
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let left: Vec<PathBuf> = files(folder).into_iter().filter(hidden).collect();
    assert!(left.is_empty(), "{left:?}");
}
