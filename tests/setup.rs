//! `scripts/setup` against a pretended Python package index: what is brought, what is kept, and that nothing half made
//! is ever used. `tests/setup/python3` is the pretended `python3`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A copy of the script in a repository of its own, with a cache, a `PATH` and a home of its own.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["repository/scripts", "bin", "home"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::copy(source.join("scripts/setup"), machine.path("repository/scripts/setup")).unwrap();
        fs::copy(source.join("tests/setup/python3"), machine.path("bin/python3")).unwrap();
        for tool in ["c++", "cargo"] {
            machine.add_tool(tool, "");
        }
        machine
    }

    /// Puts a shell script of `lines` on the `PATH` as `name`.
    fn add_tool(&self, name: &str, lines: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The script with `settings` in its environment, in a process group that the pretended Python can kill.
    fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.path("repository/scripts/setup"));
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env("MOCOLAB_CACHE", self.path("cache"))
            .env("MOCOLAB_FORCE", "cpu")
            .env("REAL_PYTHON", real_python())
            .env("FAKE_LOG", self.path("log"))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    fn run(&self, settings: &[(&str, &str)]) -> Output {
        self.command(settings).output().unwrap()
    }

    /// Runs the script and expects success; what it said.
    fn succeed(&self, settings: &[(&str, &str)]) -> String {
        let output = self.run(settings);
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    }

    /// Runs the script and expects failure; what it said.
    fn fail(&self, settings: &[(&str, &str)]) -> String {
        let output = self.run(settings);
        assert!(!output.status.success(), "{}", text(&output));
        text(&output)
    }

    fn config(&self) -> Option<String> {
        fs::read_to_string(self.path("repository/.cargo/config.toml")).ok()
    }

    fn write_config(&self, text: &str) {
        fs::create_dir_all(self.path("repository/.cargo")).unwrap();
        fs::write(self.path("repository/.cargo/config.toml"), text).unwrap();
    }

    /// What pip was asked to download, in order.
    fn downloads(&self) -> Vec<String> {
        fs::read_to_string(self.path("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// A folder that looks like libtorch of `version`; its path.
    fn libtorch(&self, name: &str, version: &str) -> String {
        let folder = self.path(name);
        let headers = folder.join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&headers).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(headers.join("torch.h"), "").unwrap();
        fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        fs::write(folder.join("__init__.py"), "raise SystemExit('torch was imported')").unwrap();
        fs::write(folder.join("version.py"), format!("__version__ = '{version}'\ndebug = False\n")).unwrap();
        folder.display().to_string()
    }

    /// Asserts that the set of `kind` is whole and that cargo is told of it.
    fn assert_set_up(&self, kind: &str) {
        let site = self.path("cache").join(format!("libtorch-2.11.0-{kind}"));
        assert!(site.join(".complete").exists());
        assert_eq!(fs::read(site.join("torch/lib/libtorch_cpu.so")).unwrap().len(), 100_000);
        assert!(site.join("nvidia").exists());
        assert!(self.config().unwrap().ends_with(&format!("[env]\nLIBTORCH = \"{}/torch\"\n", site.display())));
        let left: Vec<_> = fs::read_dir(self.path("cache")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "only the set and the lock stay: {left:?}");
    }

    /// Asserts that nobody can take what lies in the cache for libtorch.
    fn assert_nothing_usable(&self) {
        assert!(!self.path("cache/libtorch-2.11.0-cpu").exists());
        assert_eq!(self.config(), None);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The interpreter behind whatever `python3` this machine has, which may be a shim that needs its environment.
fn real_python() -> String {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const CPU_SET: [&str; 3] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85", "torch==2.11.0"];

#[test]
fn from_nothing_the_cpu_set_is_brought_and_a_second_run_does_nothing() {
    let machine = Machine::new();
    let said = machine.succeed(&[]);
    assert!(said.contains("about 545 MB to download, 1.2 GB once unpacked"), "{said}");
    machine.assert_set_up("cpu");
    let written = fs::metadata(machine.path("repository/.cargo/config.toml")).unwrap().modified().unwrap();

    let said = machine.succeed(&[]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(machine.downloads(), CPU_SET);
    let after = fs::metadata(machine.path("repository/.cargo/config.toml")).unwrap().modified().unwrap();
    assert_eq!(after, written, "an unchanged file must not be written again");
}

#[test]
fn killed_while_downloading_it_leaves_nothing_usable_and_the_next_run_completes() {
    let machine = Machine::new();
    let output = machine.run(&[("FAKE_KILL_DOWNLOAD", "torch")]);
    assert_eq!(output.status.code(), None, "the whole group was to be killed: {}", text(&output));
    machine.assert_nothing_usable();
    assert!(machine.path("cache/libtorch-2.11.0-cpu.wheels.partial/torch-0-py3-none-any.whl").exists(), "a torn wheel");
    machine.succeed(&[]);
    machine.assert_set_up("cpu");
}

#[test]
fn killed_while_unpacking_it_leaves_nothing_usable_and_the_next_run_completes() {
    let machine = Machine::new();
    let output = machine.run(&[("FAKE_KILL_UNPACK", "torch")]);
    assert_eq!(output.status.code(), None, "the whole group was to be killed: {}", text(&output));
    assert!(machine.path("cache/libtorch-2.11.0-cpu.unpacking/torch").exists(), "killed half way");
    machine.assert_nothing_usable();
    machine.succeed(&[]);
    machine.assert_set_up("cpu");
}

#[test]
fn a_download_that_breaks_off_says_so_and_is_taken_up_again() {
    let machine = Machine::new();
    let said = machine.fail(&[("FAKE_FAIL_DOWNLOAD", "torch")]);
    assert!(said.contains("the download of torch==2.11.0 broke off") && said.contains("run it again"), "{said}");
    machine.assert_nothing_usable();
    machine.succeed(&[]);
    machine.assert_set_up("cpu");
}

#[test]
fn a_damaged_wheel_is_found_by_its_checksum_and_fetched_anew() {
    let machine = Machine::new();
    let said = machine.fail(&[("FAKE_DAMAGE", "torch")]);
    assert!(said.contains("torch-0-py3-none-any.whl is damaged"), "{said}");
    assert!(!machine.path("cache/libtorch-2.11.0-cpu.wheels.partial/torch-0-py3-none-any.whl").exists());
    machine.assert_nothing_usable();
    machine.succeed(&[]);
    machine.assert_set_up("cpu");
}

#[test]
fn a_folder_without_its_mark_is_replaced() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("cache/libtorch-2.11.0-cpu/torch/lib")).unwrap();
    fs::write(machine.path("cache/libtorch-2.11.0-cpu/torch/lib/libtorch_cpu.so"), "torn").unwrap();
    machine.succeed(&[]);
    machine.assert_set_up("cpu");
}

#[test]
fn two_at_once_download_once() {
    let machine = Machine::new();
    let mut first = machine.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let second = machine.run(&[]);
    assert!(first.wait().unwrap().success());
    assert!(second.status.success(), "{}", text(&second));
    assert_eq!(machine.downloads(), CPU_SET);
    machine.assert_set_up("cpu");
}

#[test]
fn an_nvidia_driver_chooses_the_whole_cuda_set() {
    let machine = Machine::new();
    machine.add_tool("nvidia-smi", "");
    let said = machine.succeed(&[("MOCOLAB_FORCE", "")]);
    assert!(said.contains("since there is an NVIDIA driver") && said.contains("2.8 GB"), "{said}");
    assert_eq!(machine.downloads(), ["torch==2.11.0", "torch==2.11.0 and what it needs"]);
    machine.assert_set_up("cuda");
}

#[test]
fn a_machine_that_got_a_driver_leaves_its_cpu_set() {
    let machine = Machine::new();
    machine.succeed(&[]);
    machine.succeed(&[("MOCOLAB_FORCE", "cuda")]);
    assert!(machine.config().unwrap().contains("libtorch-2.11.0-cuda/torch"));
}

#[test]
fn an_existing_libtorch_is_used_as_it_is_named_and_stays_recorded() {
    let machine = Machine::new();
    let libtorch = machine.libtorch("mine", "2.11.0+cpu");
    machine.succeed(&[("LIBTORCH", &libtorch)]);
    assert!(machine.config().unwrap().contains(&format!("LIBTORCH = \"{libtorch}\"")));
    machine.succeed(&[]);
    assert!(machine.config().unwrap().contains(&libtorch), "a shell without LIBTORCH must not change the build");
    assert!(machine.downloads().is_empty());
}

#[test]
fn a_libtorch_of_another_version_is_refused_unless_the_user_insists() {
    let machine = Machine::new();
    let libtorch = machine.libtorch("old", "2.9.1+cu128");
    let said = machine.fail(&[("LIBTORCH", &libtorch)]);
    assert!(said.contains("is version 2.9.1+cu128; needed is 2.11.0") && said.contains("unset LIBTORCH"), "{said}");
    assert_eq!(machine.config(), None);
    machine.succeed(&[("LIBTORCH", &libtorch), ("LIBTORCH_BYPASS_VERSION_CHECK", "1")]);
    assert!(machine.config().unwrap().contains(&libtorch));
}

#[test]
fn a_libtorch_that_cannot_be_one_is_refused() {
    let machine = Machine::new();
    for (path, wrong) in [
        ("relative/torch", "is not an absolute path"),
        ("/nowhere/torch", "is not a folder"),
        (machine.path("bin").to_str().unwrap(), "has no lib/libtorch_cpu.so"),
    ] {
        let said = machine.fail(&[("LIBTORCH", path)]);
        assert!(said.contains(&format!("LIBTORCH is `{path}`, which {wrong}")), "{said}");
    }
}

#[test]
fn the_torch_of_python_is_used_without_importing_it() {
    let machine = Machine::new();
    let libtorch = machine.libtorch("site/torch", "2.11.0");
    let site = machine.path("site").display().to_string();
    machine.succeed(&[("FAKE_SITE", &site)]);
    assert!(machine.config().unwrap().contains(&libtorch));
    assert!(machine.downloads().is_empty());
}

#[test]
fn a_torch_of_python_that_does_not_serve_is_passed_over_in_words() {
    let machine = Machine::new();
    machine.libtorch("old/torch", "2.4.0");
    let said = machine.succeed(&[("FAKE_SITE", machine.path("old").to_str().unwrap())]);
    assert!(said.contains("is version 2.4.0") && said.contains("not used"), "{said}");
    machine.assert_set_up("cpu");

    let machine = Machine::new();
    machine.libtorch("plain/torch", "2.11.0+cpu");
    let said = machine.succeed(&[("FAKE_SITE", machine.path("plain").to_str().unwrap()), ("MOCOLAB_FORCE", "cuda")]);
    assert!(said.contains("is built without CUDA"), "{said}");
    machine.assert_set_up("cuda");
}

#[test]
fn a_config_of_the_users_own_is_never_overwritten() {
    let machine = Machine::new();
    let own = "[build]\njobs = 1\n";
    machine.write_config(own);
    let said = machine.fail(&[]);
    assert!(said.contains("is your own") && said.contains("[env]"), "{said}");
    assert_eq!(machine.config().unwrap(), own);

    let libtorch = machine.libtorch("mine", "2.11.0");
    let own = format!("[env]\nLIBTORCH = \"{libtorch}\"\n");
    machine.write_config(&own);
    machine.succeed(&[]);
    assert_eq!(machine.config().unwrap(), own, "one that names a libtorch is followed");
}

#[test]
fn a_recorded_libtorch_that_has_gone_is_replaced() {
    let machine = Machine::new();
    let libtorch = machine.libtorch("mine", "2.11.0");
    machine.succeed(&[("LIBTORCH", &libtorch)]);
    fs::remove_dir_all(&libtorch).unwrap();
    let said = machine.succeed(&[]);
    assert!(said.contains("which is not a folder: looking further"), "{said}");
    machine.assert_set_up("cpu");
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let machine = Machine::new();
    let said = machine.fail(&[("CXX", "no-such-compiler -O2")]);
    assert!(said.contains("no C++ compiler: `no-such-compiler`") && said.contains("apt-get install g++"), "{said}");
    let said = machine.fail(&[("FAKE_NO_PIP", "1")]);
    assert!(said.contains("neither pip nor venv") && said.contains("apt-get install python3-pip"), "{said}");
    let said = machine.fail(&[("MOCOLAB_FORCE", "gpu")]);
    assert!(said.contains("MOCOLAB_FORCE is `gpu`"), "{said}");
}

#[test]
fn a_full_disk_is_seen_before_the_download() {
    let machine = Machine::new();
    machine.add_tool("df", "echo 'Filesystem 1024-blocks Used Available'; echo 'disk 9 9 900000'");
    let said = machine.fail(&[]);
    assert!(said.contains("has 0 GB free, and unpacking takes 2 GB") && said.contains("MOCOLAB_CACHE"), "{said}");
    assert!(machine.downloads().is_empty());
}
