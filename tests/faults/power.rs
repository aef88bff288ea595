//! A power cut: what a disk has at one moment is kept aside, the machine is taken as gone, and mounted is what was kept. A run that
//! was started is there, so is every checkpoint that its record told of, and it goes on to the same bits.

use super::crashes::{assert_clean, walk};
use super::disk::{Disk, succeeds};
use super::{SMALL, count, random, tell};
use crate::processes::trainer;
use crate::project::{Project, poll};
use crate::training::{assert_alike, project_of};
use mocolab::event::Event;
use mocolab::random::Random;
use mocolab::run::{Reader, RunDir};
use mocolab::status::Lock;
use rustix::process::{Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[test]
fn a_power_cut_on_ext4() {
    strike("a_power_cut_on_ext4", &["mkfs.ext4", "-q", "-F"], 30);
}

#[test]
fn a_power_cut_on_xfs() {
    strike("a_power_cut_on_xfs", &["mkfs.xfs", "-q", "-f"], 31);
}

/// Makes an image of `megabytes` with a file system; none where that can't be done.
fn image(path: &Path, megabytes: u64, make: &[&str]) -> Option<()> {
    fs::File::create(path).unwrap().set_len(megabytes << 20).unwrap();
    succeeds(make[0], make[1..].iter().map(OsStr::new).chain([path.as_os_str()])).then_some(())
}

/// The machine: its disk is an image on another file system that keeps a copy of it within an instant.
struct Machine {
    disk: Option<Disk>,
    image: PathBuf,
    at: PathBuf,
    // Last, so that it goes last.
    _host: Disk,
}

impl Machine {
    fn new(folder: &Path, make: &[&str]) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let (host, at) = (folder.join("host"), folder.join("disk"));
        image(&folder.join("host.img"), 4096, &["mkfs.xfs", "-q", "-f", "-m", "reflink=1"])?;
        let mounted = Disk::of_image(&folder.join("host.img"), &host)?;
        let image_of_disk = host.join("disk.img");
        image(&image_of_disk, 1024, make)?;
        let disk = Disk::of_image(&image_of_disk, &at)?;
        Some(Self { disk: Some(disk), image: image_of_disk, at, _host: mounted })
    }

    /// Keeps what is on the disk now, whatever the system still holds back; true at once.
    fn keep(&self) -> bool {
        let kept = self.image.with_extension("kept");
        succeeds("cp", ["--reflink=always".as_ref(), self.image.as_os_str(), kept.as_os_str()])
    }

    /// Starts the machine again with what was kept.
    fn start_again(&mut self) {
        self.disk.take().unwrap().unmount();
        fs::rename(self.image.with_extension("kept"), &self.image).unwrap();
        self.disk = Some(Disk::of_image(&self.image, &self.at).unwrap());
    }
}

fn strike(test: &str, make: &[&str], number: u64) {
    let cuts = count(0, 40);
    if cuts == 0 {
        eprintln!("SKIPPED but by `make faults`: it takes root, loop devices, mkfs.ext4 and mkfs.xfs");
        return;
    }
    let table = |name: &str| format!("[experiment.{name}.supervised]\n{SMALL}");
    let project = project_of(&(table("undisturbed") + &table("struck")));
    let Some(mut machine) = Machine::new(&project.path("machine"), make) else {
        eprintln!(
            "SKIPPED: no power was cut, since no disk could be made (it takes root, loop devices and {})",
            make[0]
        );
        return;
    };
    let project = project.with("MOCOLAB_RUNS", machine.at.join("runs"));
    let began = Instant::now();
    project.run("start undisturbed --device cpu --wait").good();
    let longest = began.elapsed().as_secs_f64();
    assert!(succeeds("sync", []));
    let (mut random, mut seen) = (random(number), Seen::default());
    while seen.cuts < cuts {
        one(&project, &mut machine, (&mut random, longest), cuts, &mut seen);
    }
    let Seen { cuts, told, runs } = seen;
    tell(
        test,
        &format!(
            "{cuts} power cuts in {runs} runs: every run that was started was there, and so were {told} checkpoints that had been told of; all bit-equal in the end"
        ),
    );
}

/// What happened so far.
#[derive(Default)]
struct Seen {
    cuts: u64,
    told: u64,
    runs: u64,
}

/// A run whose machine goes down again and again, and which is then left to its end.
fn one(project: &Project, machine: &mut Machine, (random, longest): (&mut Random, f64), most: u64, seen: &mut Seen) {
    let run = project.start("struck");
    seen.runs += 1;
    while seen.cuts < most && run.probe() != Lock::Free {
        std::thread::sleep(Duration::from_secs_f64(random.between(0.0, longest)));
        let told = told(&run);
        assert!(machine.keep());
        if run.probe() != Lock::Free {
            let _ = kill_process(trainer(&run), Signal::KILL);
        }
        poll("the trainer's end", || (run.probe() == Lock::Free).then_some(()));
        machine.start_again();
        seen.cuts += 1;
        let case = format!("cut {}", seen.cuts);
        assert!(run.experiment().exists(), "{case}: the run is gone");
        for file in &told {
            let there = run.checkpoints().join(file);
            let bytes = fs::read(&there).unwrap_or_else(|error| panic!("{case}: `{}`: {error}", there.display()));
            safetensors::SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{case}: `{file}`: {error}"));
        }
        seen.told += told.len() as u64;
        let status = project.status("struck");
        if status == "done" {
            break;
        }
        assert!(status == "crashed" || status == "queued", "{case}: {status}");
        project.run("resume struck --device cpu").good();
    }
    project.wait_for("struck", "done");
    assert_alike((project, "undisturbed"), (project, "struck"));
    walk(&run);
    assert_clean(run.path());
}

/// The newest checkpoint that the record tells of: older ones may be cleared at any time.
fn told(run: &RunDir) -> Vec<String> {
    let lines = Reader::new(run).read(usize::MAX).unwrap().lines;
    let newest = lines.iter().rev().find_map(|line| match &line.event {
        Event::Checkpoint(checkpoint) => Some(checkpoint.file.clone()),
        _ => None,
    });
    newest.into_iter().collect()
}
