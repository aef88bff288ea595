//! Memory that runs out: every N-th large piece that libtorch asks for is refused. The run ends, says what ran out and what helps,
//! and goes on to the same bits once there is enough.

use super::crashes::{assert_clean, walk};
use super::writes::library;
use super::{SMALL, count, tell};
use crate::project::Project;
use crate::training::{assert_alike, project_of};
use std::fs;

const MOCO: &str = "arch = \"resnet8\"\nepochs = 2\nbatch = 60\nqueue = 100\ndim = 16\nbn_splits = 2\nwarmup_epochs = 1\nknn_k = 10\nlog_every = 1\nval_fraction = 0.2\n\
     map_every = 1\n";

#[test]
fn memory_that_runs_out_of_a_classifier() {
    strike("memory_that_runs_out_of_a_classifier", &format!("supervised]\n{SMALL}"));
}

#[test]
fn memory_that_runs_out_of_momentum_contrast() {
    strike("memory_that_runs_out_of_momentum_contrast", &format!("moco]\n{MOCO}"));
}

fn strike(test: &str, table: &str) {
    let project = project_of(&["undisturbed", "struck"].map(|name| format!("[experiment.{name}.{table}")).concat());
    project.run("start undisturbed --device cpu --wait").good();
    let (mut every, mut failures, mut ended) = (1_u64, 0, 0);
    loop {
        let refused = one(&project, every);
        failures += refused;
        if refused == 0 {
            break;
        }
        ended += 1;
        every = count(every * 7, every * 3 / 2 + 1);
    }
    assert!(ended > 1, "memory hardly ran out");
    tell(
        test,
        &format!(
            "every N-th piece of 32 KiB and more for {ended} values of N up to {every}: {failures} refused, {ended} runs ended and said so with advice; all were whole and bit-equal in the end"
        ),
    );
}

/// One run in which each `every`-th piece is refused. How many were.
fn one(project: &Project, every: u64) -> u64 {
    let told = project.path("told");
    let _ = fs::remove_file(&told);
    let mut command = project.mocolab("start struck --device cpu --wait");
    command.env("LD_PRELOAD", library()).env("FAIL_CALL", "memory").env("FAIL_EVERY", every.to_string());
    command.env("FAIL_UNDER", "/").env("FAIL_WITH", "12").env("FAIL_TOLD", &told);
    let said: crate::project::Ended = command.output().unwrap().into();
    let refused = fs::metadata(&told).map_or(0, |file| file.len());
    let case = format!("every {every}. piece, {refused} refused");
    if refused > 0 {
        assert_eq!(
            (said.code, project.status("struck").as_str()),
            (Some(1), "failed"),
            "{case}: {}{}",
            said.out,
            said.err
        );
        let shown = project.run("show struck").good();
        assert!(shown.contains("out of memory") && shown.contains("`batch`"), "{case}: {shown}");
        project.run("resume struck --device cpu --wait").good();
    } else {
        said.good();
    }
    let run = project.latest("struck");
    assert_alike((project, "undisturbed"), (project, "struck"));
    walk(&run);
    assert_clean(run.path());
    refused
}
