//! A real Slurm on this machine: its own munged, slurmctld and slurmd on loopback, with a configuration made here and the
//! real trainer as its jobs. They need root and Debian's `slurm-wlm` and `munge`; without these nothing is tried, and that is
//! said aloud.

use crate::project::{Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use crate::training::{assert_alike, assert_same, project_of};
use mocolab::run::RunDir;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A classifier that takes some seconds.
const TINY: &str = "arch = \"resnet8\"\nepochs = 3\nbatch = 10\nwarmup_epochs = 1\nval_fraction = 0.2\n";
/// One that takes half a minute and more on a busy machine.
const LONG: &str = "arch = \"resnet8\"\nepochs = 150\nbatch = 10\nlr = 0.05\nwarmup_epochs = 1\nlog_every = 1\nval_fraction = 0.2\nmap_every = 0\n";

/// A cluster of one node. Dropped, it is gone.
struct Cluster {
    folder: TempDir,
}

/// Says aloud that nothing is tried where there is no Slurm.
fn slurm_is_missing() -> bool {
    let tools = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd"];
    let root = rustix::process::geteuid().is_root();
    let missing = !root || !tools.iter().all(|tool| Path::new(tool).exists());
    assert!(!missing || !root || std::env::var_os("CI").is_none(), "CI has Slurm: .ci/run installs it");
    if missing {
        eprintln!(
            "SKIPPED: no Slurm to start here (sudo apt-get install slurm-wlm munge, and root), so no job was tried"
        );
    }
    missing
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    fn start() -> Self {
        let cluster = Self { folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| cluster.folder.path().join(name);
        // munged trusts no key that others can read, nor a folder that they can write to.
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        mode(cluster.folder.path(), 0o755);
        let mut key = [0; 1024];
        fs::File::open("/dev/urandom").unwrap().read_exact(&mut key).unwrap();
        fs::write(at("key"), key).unwrap();
        mode(&at("key"), 0o600);
        for name in ["state", "spool"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("slurm.conf"), configuration(cluster.folder.path())).unwrap();
        let option = |name: &str, file: &str| format!("--{name}={}", at(file).display());
        let mut munged = Command::new("/usr/sbin/munged");
        munged.arg("--force").arg(option("socket", "munge.sock")).arg(option("key-file", "key"));
        munged
            .arg(option("pid-file", "munged.pid"))
            .arg(option("seed-file", "seed"))
            .arg(option("log-file", "munged.log"));
        let up = |command: &mut Command| assert!(command.stdin(Stdio::null()).status().unwrap().success());
        up(&mut munged);
        up(cluster.command("/usr/sbin/slurmctld").stdout(Stdio::null()).stderr(Stdio::null()));
        up(cluster.command("/usr/sbin/slurmd").stdout(Stdio::null()).stderr(Stdio::null()));
        poll("the node", || cluster.ask("sinfo", &["-h", "-o", "%T"]).contains("idle").then_some(()));
        cluster
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"));
        command
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A project that submits to it, with `slurm` as what its jobs ask for.
    fn project(&self, slurm: &str, tables: &str) -> Project {
        let project = project_of(&format!("{tables}[executor.slurm]\ncpus = 1\n{slurm}"));
        // Jobs need it as long as the project lives, and this one's tests need no other variables of Slurm.
        project.with("SLURM_CONF", self.folder.path().join("slurm.conf"))
    }

    fn controller(&self) -> Pid {
        let pid = fs::read_to_string(self.folder.path().join("slurmctld.pid")).unwrap();
        Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
    }

    /// A job that was requeued waits for two minutes; it is let go at once, again and again until it has begun the next
    /// attempt at its run: what is said while Slurm still clears up after the last one is forgotten.
    fn hurry(&self, id: &str, run: &RunDir) {
        let attempt = || run.read_job().unwrap().unwrap().attempt;
        let (before, job) = (attempt(), format!("jobid={id}"));
        // Within the second of the requeue the node takes the credential of the next start for the one that was revoked.
        std::thread::sleep(Duration::from_secs(2));
        poll("the next attempt", || {
            let _ = self.command("scontrol").args(["update", &job, "starttime=now"]).output().unwrap();
            std::thread::sleep(Duration::from_millis(500));
            (attempt() > before).then_some(())
        });
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("slurmctld.log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = kill_process(self.controller(), Signal::CONT);
        let _ = self.command("scancel").args(["--me"]).output();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        for name in ["slurmd", "slurmctld", "munged"] {
            let pid = fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).unwrap_or_default();
            if let Some(pid) = pid.trim().parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

fn configuration(folder: &Path) -> String {
    let host = String::from_utf8(Command::new("hostname").arg("-s").output().unwrap().stdout).unwrap();
    let (host, at) = (host.trim(), folder.display());
    let (controller, node) = (free_port(), free_port());
    format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={node}\nSlurmUser=root\n\
         AuthType=auth/munge\nAuthInfo=socket={at}/munge.sock\nStateSaveLocation={at}/state\nSlurmdSpoolDir={at}/spool\n\
         SlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd.pid\nSlurmctldLogFile={at}/slurmctld.log\n\
         SlurmdLogFile={at}/slurmd.log\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nMpiDefault=none\nReturnToService=2\nKillWait=10\n\
         JobRequeue=1\nSlurmdParameters=config_overrides\nPreemptType=preempt/partition_prio\nPreemptMode=REQUEUE\n\
         SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=3 RealMemory=4000 State=UNKNOWN\n\
         PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=8\n\
         PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF\n"
    )
}

/// The id of the job in `said`: `submitted NAME/… as job 7`.
fn job(said: &str, name: &str) -> String {
    let line = said.lines().find(|line| line.starts_with(&format!("submitted {name}/")));
    line.and_then(|line| line.rsplit_once(' ')).unwrap_or_else(|| panic!("no job of {name} in\n{said}")).1.to_owned()
}

fn output(run: &RunDir) -> String {
    fs::read_to_string(run.output()).unwrap_or_default()
}

#[test]
fn a_job_is_started_watched_and_stopped() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let project =
        cluster.project("", &format!("[experiment.base.supervised]\n{LONG}[experiment.tiny.supervised]\n{TINY}"));
    let said = project.run("start base --on slurm").good();
    let id = job(&said, "base");
    project.wait_for("base", "running");
    let run = project.latest("base");
    let launched = run.read_job().unwrap().unwrap();
    assert_eq!((launched.executor.as_str(), launched.id.as_str()), ("slurm", id.as_str()));
    assert!(project.run("start base --on slurm").bad().contains("is running already: no other is submitted"));
    project.run("stop base").good();
    assert_eq!(project.status("base"), "stopped");
    poll("the job's end", || cluster.ask("squeue", &["-h", "--me"]).is_empty().then_some(()));
    // It goes on where it was, as a job again.
    let said = project.run("resume base").good();
    assert!(job(&said, "base") != id, "{said}");
    project.wait_for("base", "running");
    project.run("stop base --now").good();
    // Slurm may let it end by itself even so.
    assert!(["killed", "stopped"].contains(&project.status("base").as_str()), "{}", project.status("base"));
    // One that ends well, waited for.
    let said = project.run("start tiny --on slurm --wait").good();
    assert!(said.contains("epoch 3/3") && said.contains("is done after"), "{said}");
    assert!(output(&project.latest("tiny")).contains("ended: done"));
}

#[test]
fn what_slurm_refuses_is_told_and_what_waits_is_cancelled() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let tables = format!("[experiment.base.supervised]\n{LONG}");
    let wrong = cluster.project("partition = \"nowhere\"\n", &tables);
    let said = wrong.run("start base --on slurm").bad();
    assert!(said.contains("`sbatch` says:") && said.contains("invalid partition"), "{said}");
    let project = cluster.project("memory = \"1G\"\noptions = [\"--begin=now+1hour\"]\n", &tables);
    let said = project.run("start base --on slurm").good();
    let id = job(&said, "base");
    assert_eq!(project.status("base"), "queued");
    let listed = project.run("queue").good();
    assert!(listed.contains(&format!("job {id} of Slurm")) && listed.contains("BeginTime"), "{listed}");
    let said = project.run("resume base --on local").bad();
    assert!(said.contains(&format!("waits in Slurm as job {id}, which starts it")), "{said}");
    assert!(project.run("stop base").good().contains("is cancelled"));
    poll("the job's end", || cluster.ask("squeue", &["-h", "--me"]).is_empty().then_some(()));
}

#[test]
fn at_its_time_limit_a_run_is_requeued_and_goes_on_bit_for_bit() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let tables = format!("[experiment.undisturbed.supervised]\n{LONG}[experiment.limited.supervised]\n{LONG}");
    // A minute is the shortest limit there is; the warning comes after a quarter of it.
    let project = cluster.project("time = \"1\"\nwarning = 45\n", &tables);
    let said = project.run("start limited --on slurm").good();
    let id = job(&said, "limited");
    project.run("start undisturbed --device cpu").good();
    project.wait_for("limited", "running");
    poll("some steps", || (project.summary("limited")["step"].as_u64()? > 30).then_some(()));
    let run = project.latest("limited");
    // However fast the machine is, it is not done when its limit comes near: it is held until then.
    let (pid, began) = (crate::processes::trainer(&run), run.read_job().unwrap().unwrap().t);
    kill_process(pid, Signal::STOP).unwrap();
    poll("the limit to be near", || (mocolab::run::now() > began + 20.0).then_some(()));
    kill_process(pid, Signal::CONT).unwrap();
    poll("the word of it", || output(&run).contains("the job is requeued").then_some(()));
    assert!(project.summary("limited")["step"].as_u64().unwrap() > 0);
    project.wait_for("limited", "queued");
    let said = project.run("start limited --on slurm").bad();
    assert!(said.contains("is queued already"), "{said}");
    let said = project.run("resume limited --on local --device cpu").bad();
    assert!(said.contains(&format!("waits in Slurm as job {id}, which starts it")), "{said}");
    for _ in 0..20 {
        cluster.hurry(&id, &run);
        poll("the word of it", || {
            let (text, attempt) = (output(&run), run.read_job().unwrap().unwrap().attempt as usize);
            let given_back = text.matches("the job is requeued").count() >= attempt;
            (given_back || text.contains("ended: done")).then_some(())
        });
        if project.status("limited") == "done" {
            break;
        }
    }
    project.wait_for("limited", "done");
    project.wait_for("undisturbed", "done");
    let attempts = run.read_job().unwrap().unwrap().attempt;
    assert!(attempts >= 2);
    assert_eq!(run.read_job().unwrap().unwrap().id, id, "it is the same job");
    assert_same(&project, "limited", attempts);
}

#[test]
fn a_preempted_run_saves_and_goes_on() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let project = cluster.project("", &format!("[experiment.base.supervised]\n{LONG}"));
    let said = project.run("start base --on slurm").good();
    let id = job(&said, "base");
    project.wait_for("base", "running");
    poll("some steps", || (project.summary("base")["step"].as_u64()? > 60).then_some(()));
    let other = cluster
        .command("sbatch")
        .args(["--parsable", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=exec sleep 600"])
        .output()
        .unwrap();
    let other = String::from_utf8(other.stdout).unwrap();
    project.wait_for("base", "queued");
    let run = project.latest("base");
    let at = project.summary("base")["step"].as_u64().unwrap();
    cluster.ask("scancel", &[other.trim()]);
    cluster.hurry(&id, &run);
    project.wait_for("base", "running");
    let from = project.json("show base --json")["started"]["from_step"].as_u64().unwrap();
    assert_eq!(from, at, "no step is lost");
    assert_eq!(run.read_job().unwrap().unwrap().attempt, 2);
    project.run("stop base").good();
}

#[test]
fn seeds_are_one_array_and_what_builds_on_a_job_waits_for_it() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let probe = "epochs = 2\nval_fraction = 0.2\n";
    let tables = format!(
        "[experiment.base]\nseed = [1, 2, 3]\n[experiment.base.supervised]\n{TINY}\
         [experiment.one.supervised]\n{TINY}[experiment.head.probe]\nfrom = \"one\"\n{probe}\
         [experiment.long.supervised]\n{LONG}[experiment.late.probe]\nfrom = \"long\"\n{probe}"
    );
    let project = cluster.project("", &tables);
    let said = project.run("start base one head long late --on slurm").good();
    let ids: Vec<String> = (1..4).map(|seed| job(&said, &format!("base.seed-{seed}"))).collect();
    let array = ids[0].split_once('_').unwrap().0.to_owned();
    assert_eq!(ids, [0, 1, 2].map(|task| format!("{array}_{task}")));
    assert!(said.contains("its weights will be those of one/"), "{said}");
    let waits = cluster.ask("squeue", &["-h", "-j", &job(&said, "head"), "-o", "%E"]);
    assert!(waits.contains(&format!("afterok:{}", job(&said, "one"))), "{waits}");
    for name in ["base.seed-1", "base.seed-2", "base.seed-3", "one", "head"] {
        project.wait_for(name, "done");
    }
    let seeds = [1, 2, 3].map(|seed| output(&project.latest(&format!("base.seed-{seed}"))));
    assert!(seeds.iter().all(|text| text.contains("ended: done")), "each prints into its own log");
    let from = project.json("show head --json")["experiment"]["recipe"]["probe"]["from"].clone();
    let one = fs::canonicalize(project.latest("one").path()).unwrap();
    assert!(from.as_str().unwrap().starts_with(&format!("checkpoint:{}", one.display())), "{from}");
    // A source that was stopped is not done: what builds on it is not started.
    project.wait_for("long", "running");
    project.run("stop long").good();
    poll("the word of it", || project.run("queue").good().contains("DependencyNeverSatisfied").then_some(()));
    assert_eq!(project.status("late"), "queued");
    assert_eq!(project.latest("late").read_job().unwrap(), None);
}

#[test]
fn a_controller_that_is_frozen_freezes_nothing_else() {
    if slurm_is_missing() || tmux_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let project = cluster.project("", &format!("[experiment.base.supervised]\n{LONG}"));
    project.run("start base --on slurm").good();
    project.wait_for("base", "running");
    kill_process(cluster.controller(), Signal::STOP).unwrap();
    // It trains on, and that is seen; who asks is told that the rest is not known.
    let began = Instant::now();
    let ended = project.run("ls");
    assert!(ended.out.contains("running") && ended.err.contains("Slurm does not answer"), "{}{}", ended.out, ended.err);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let screen = Screen::laboratory(&project, 80, 24);
    screen.wait_for("● running");
    screen.wait_for("Slurm does not answer");
    // Keys are answered while the question hangs: each press within the time of a frame, as the eye of tmux sees it.
    let mut took = Vec::new();
    for _ in 0..20 {
        for (key, sign) in [("?", "on this screen"), ("Escape", "STATUS")] {
            let pressed = Instant::now();
            screen.press(&[key]);
            while screen.text().contains("on this screen") != (key == "?") {
                assert!(pressed.elapsed() < Duration::from_secs(10), "no {sign}");
            }
            took.push(pressed.elapsed());
        }
    }
    took.sort_unstable();
    let (middle, slowest) = (took[took.len() / 2].as_millis(), took[took.len() - 1].as_millis());
    eprintln!("keys took {middle} ms (median) and {slowest} ms (slowest) by tmux's eye");
    assert!(middle < 50, "keys took {middle} ms: somebody waits for the controller");
    kill_process(cluster.controller(), Signal::CONT).unwrap();
    screen.wait_without("Slurm does not answer");
    screen.kill();
    project.run("stop base").good();
}

/// The whole suite of `benches/cpu`, made smaller: real pictures, every recipe, two seeds of what has seeds.
#[test]
fn a_suite_of_real_pictures_comes_to_the_same_here_and_through_slurm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unpack = root.join("../shared/data/unpack.py");
    if slurm_is_missing() || !unpack.exists() {
        eprintln!("SKIPPED: no suite through Slurm without Slurm and real pictures");
        return;
    }
    let mut suite = fs::read_to_string(root.join("benches/cpu/experiments.toml")).unwrap();
    for (line, smaller) in [
        ("data = \"cifar10\"", "data = \"images:images\"\nthreads = 1"),
        ("images = 10000", "images = 500"),
        ("[1, 2, 3]", "[1, 2]"),
        ("epochs = 20", "epochs = 2"),
        ("knn_every = 5", "knn_every = 1"),
        ("queue = 1280", "queue = 256"),
    ] {
        assert!(suite.contains(line), "the suite says `{line}` no more");
        suite = suite.replace(line, smaller);
    }
    let cluster = Cluster::start();
    let (here, there) = (project_of(""), cluster.project("", ""));
    for project in [&here, &there] {
        let slurm = "[executor.slurm]\ncpus = 1\n";
        fs::write(project.path("experiments.toml"), format!("{suite}{slurm}")).unwrap();
        let mut unpacked = Command::new("python3");
        unpacked.arg(&unpack).arg(project.path("")).args(["--per-class", "50"]);
        assert!(unpacked.status().unwrap().success());
    }
    for (project, place) in [(&here, "--device cpu"), (&there, "--on slurm")] {
        let began = Instant::now();
        project.run(&format!("start --all --wait {place}")).good();
        eprintln!("the suite took {:.0} s with {place}", began.elapsed().as_secs_f64());
    }
    let names: Vec<String> = here.json("ls --json").as_array().unwrap().iter().map(experiment).collect();
    assert_eq!(names.len(), 13);
    for name in names {
        assert_alike((&here, &name), (&there, &name));
        let launched = there.latest(&name).read_job().unwrap().unwrap();
        assert_eq!(launched.executor, "slurm", "{name}");
    }
}

/// Whose run a line of `ls --json` is of.
fn experiment(run: &serde_json::Value) -> String {
    run["run"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned()
}

#[test]
fn a_job_that_vanishes_before_it_starts_is_shown_as_lost() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let project =
        cluster.project("options = [\"--begin=now+1hour\"]\n", &format!("[experiment.base.supervised]\n{TINY}"));
    let said = project.run("start base --on slurm").good();
    assert_eq!(project.status("base"), "queued");
    cluster.ask("scancel", &[&job(&said, "base")]);
    project.wait_for("base", "crashed");
    let project = cluster_is_kind(project);
    project.run("resume base --on slurm --wait").good();
    project.wait_for("base", "done");
}

/// The same project, whose jobs start at once.
fn cluster_is_kind(project: Project) -> Project {
    let file = project.path("experiments.toml");
    let text = fs::read_to_string(&file).unwrap().replace("options = [\"--begin=now+1hour\"]\n", "");
    fs::write(file, text).unwrap();
    project
}

#[test]
fn without_slurm_nothing_is_left_that_looks_as_if_it_waited() {
    let project = Project::quick().with("PATH", "/nowhere");
    let said = project.run("start quick --on slurm").bad();
    assert!(said.contains("`sbatch` is not there"), "{said}");
    assert_eq!(project.json("ls --json"), serde_json::json!([]));
    project.run("start quick --device cpu --wait").good();
}

#[test]
fn a_job_that_lost_its_run_does_not_start_it() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let project =
        cluster.project("options = [\"--begin=now+1hour\"]\n", &format!("[experiment.base.supervised]\n{TINY}"));
    let id = job(&project.run("start base --on slurm").good(), "base");
    // Its word for it is lost, by a hand of the user's, say; the run is trained here.
    fs::remove_file(project.latest("base").ticket()).unwrap();
    project.run("resume base --device cpu --wait --on local").good();
    let run = project.latest("base");
    assert_eq!(run.read_job().unwrap().unwrap().attempt, 1);
    cluster.ask("scontrol", &["update", &format!("jobid={id}"), "starttime=now"]);
    poll("the job's end", || cluster.ask("squeue", &["-h", "--me"]).is_empty().then_some(()));
    poll("its word", || output(&run).contains("is done already").then_some(()));
    assert_eq!(run.read_job().unwrap().unwrap().attempt, 1, "it was not launched again");
}

#[test]
fn a_paused_job_is_over_and_what_is_missing_goes_on() {
    if slurm_is_missing() {
        return;
    }
    let cluster = Cluster::start();
    let tables = format!("[experiment.base.supervised]\n{LONG}[experiment.tiny.supervised]\n{TINY}");
    let project = cluster.project("", &tables);
    project.run("start base tiny --on slurm").good();
    project.wait_for("base", "running");
    project.wait_for("tiny", "done");
    project.run("pause base").good();
    poll("the job's end", || cluster.ask("squeue", &["-h", "--me"]).is_empty().then_some(()));
    assert_eq!(project.status("base"), "suspended");
    let said = project.run("start --missing --on slurm").good();
    assert!(said.contains("submitted base/") && said.contains("no other is submitted"), "{said}");
    project.wait_for("base", "running");
    assert_eq!(project.json("ls --json").as_array().unwrap().len(), 2, "it is the same run");
    project.run("stop base").good();
}
