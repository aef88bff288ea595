//! Bits that flip and ends that are missing, anywhere in a run: nothing panics, no other run is hidden, what is damaged is said and
//! left as it is, and a training goes on from the newest checkpoint that is whole, to the same bits.

use super::{count, files, random, tell};
use crate::project::{Project, poll};
use crate::training::{assert_alike, project_of};
use mocolab::event::Event;
use mocolab::random::Random;
use mocolab::run::{Reader, RunDir};
use mocolab::status::Lock;
use std::fs;
use std::path::PathBuf;

const TABLE: &str = "arch = \"resnet8\"\nepochs = 6\nbatch = 60\nlr = 0.05\nwarmup_epochs = 1\nlog_every = 1\nval_fraction = 0.2\nmap_every = 2\n";

/// Flips some bits, cuts the end off, or writes zeros over a part, as a disk does.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    match random.below(3) {
        0 => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(bytes.len())),
        _ => {
            let from = random.below(bytes.len());
            let to = (from + 1 + random.below(4096)).min(bytes.len());
            bytes[from..to].fill(0);
        }
    }
}

#[test]
fn files_of_a_run_that_are_damaged() {
    let table = |name: &str| format!("[experiment.{name}.supervised]\n{TABLE}");
    let project = project_of(&(table("whole") + &table("damaged")));
    for name in ["whole", "damaged"] {
        project.run(&format!("start {name} --device cpu --wait")).good();
    }
    let run = project.latest("damaged");
    // Its end is told before the trainer has put all away.
    poll("the trainer's end", || (run.probe() == Lock::Free).then_some(()));
    let whole = project.run("show whole --json").good();
    let all = files(run.path());
    let (cases, mut random, mut refused) = (count(24, 1000), random(10), 0);
    for case in 0..cases {
        let file = &all[random.below(all.len())];
        let before = fs::read(file).unwrap();
        let mut bytes = before.clone();
        damage(&mut bytes, &mut random);
        fs::write(file, &bytes).unwrap();
        refused += look(&project, &whole, &format!("case {case}, {}", file.display()));
        assert_eq!(fs::read(file).unwrap(), bytes, "what is damaged is left as it is: {}", file.display());
        fs::write(file, before).unwrap();
    }
    tell(
        "files_of_a_run_that_are_damaged",
        &format!(
            "{cases} files damaged, {refused} of {} commands refused in good order, no panic, no other run hidden",
            cases * 4
        ),
    );
}

/// Looks at the damaged run and the whole one. Gives how many commands refused.
fn look(project: &Project, whole: &str, case: &str) -> u64 {
    let mut refused = 0;
    for line in [
        "ls --json",
        "show damaged --json",
        "plot damaged --out damaged.svg",
        "export metrics damaged --out damaged.csv",
    ] {
        let ended = project.run(line);
        assert!(matches!(ended.code, Some(0 | 1)) && !ended.err.contains("panicked"), "{case}: {line}: {}", ended.err);
        if ended.code == Some(1) {
            assert!(ended.err.starts_with("mocolab: ") && line != "ls --json", "{case}: {line}: {}", ended.err);
            refused += 1;
        }
        if line == "ls --json" {
            assert!(ended.out.contains("\"whole/"), "{case}: {}", ended.out);
        }
    }
    assert_eq!(project.run("show whole --json").good(), whole, "{case}");
    refused
}

#[test]
fn checkpoints_that_are_damaged() {
    let table = |name: &str| format!("[experiment.{name}.supervised]\n{TABLE}");
    let project = project_of(&(table("undisturbed") + &table("struck")));
    project.run("start undisturbed --device cpu --wait").good();
    let (cases, mut random) = (count(2, 40), random(11));
    for case in 0..cases {
        let run = project.start("struck");
        poll("two checkpoints", || (fs::read_dir(run.checkpoints()).ok()?.count() >= 2).then_some(()));
        crate::training::end_in_the_middle_of_an_epoch(&run, rustix::process::Signal::KILL);
        let newest = newest(&run);
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes, &mut random);
        fs::write(&newest, &bytes).unwrap();
        project.run("resume struck --device cpu --wait").good();
        let alerts = project.json("show struck --json")["alerts"].to_string();
        assert!(alerts.contains("a checkpoint was skipped") && alerts.contains("damaged"), "case {case}: {alerts}");
        assert_alike((&project, "undisturbed"), (&project, "struck"));
    }
    tell(
        "checkpoints_that_are_damaged",
        &format!("{cases} newest checkpoints damaged: all told of, the one before taken, bit-equal at the end"),
    );
}

/// The checkpoint that the record told of last.
fn newest(run: &RunDir) -> PathBuf {
    let lines = Reader::new(run).read(usize::MAX).unwrap().lines;
    let file = lines.iter().rev().find_map(|line| match &line.event {
        Event::Checkpoint(checkpoint) => Some(checkpoint.file.clone()),
        _ => None,
    });
    run.checkpoints().join(file.unwrap())
}
