//! Who is told of runs, by the real trainer and the real agent; and no secret is left anywhere.

use crate::processes::trainer;
use crate::project::{Project, poll};
use crate::training::project_of;
use mocolab::run::{AgentLock, Runs};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "SECRETTOKEN-b71c";

/// The bodies that came, with their paths.
pub type Came = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that takes everything, and its port.
pub fn server() -> (u16, Came) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Came::default();
    let kept = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut text, mut chunk) = (stream.unwrap(), Vec::new(), [0; 4096]);
            loop {
                let read = stream.read(&mut chunk).unwrap_or(0);
                text.extend_from_slice(&chunk[..read]);
                let so_far = String::from_utf8_lossy(&text).into_owned();
                let body = so_far.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                if let Some(body) = body {
                    let path = so_far.split(' ').nth(1).unwrap_or_default().to_owned();
                    kept.lock().unwrap().push((path, body));
                    break;
                }
                if read == 0 {
                    break;
                }
            }
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (port, came)
}

/// Whether a file below `folder` holds the token, and which.
fn leak(folder: &Path, but: &Path) -> Option<String> {
    fs::read_dir(folder).ok()?.find_map(|entry| {
        let path = entry.ok()?.path();
        if path.is_dir() {
            return leak(&path, but);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        (found && path != but).then(|| path.display().to_string())
    })
}

/// What the verbs print that read runs.
fn printed_by_readers(project: &Project) -> Vec<String> {
    let verbs = [
        "ls --json",
        "show short --json",
        "show short",
        "doctor",
        "queue --json",
        "export wandb short",
        "report",
        "plot short",
        "export metrics short",
    ];
    let ended = verbs.map(|verb| project.run(verb));
    ended.into_iter().flat_map(|ended| [ended.out, ended.err]).collect()
}

#[test]
fn people_are_told_of_runs_and_no_secret_is_left_anywhere() {
    let (port, came) = server();
    let settings = "arch = \"resnet8\"\nbatch = 10\nwarmup_epochs = 1\nval_fraction = 0.2\nmap_every = 0\n";
    let project: Project = project_of(&format!(
        "[experiment.short.supervised]\nepochs = 2\n{settings}[experiment.long.supervised]\nepochs = 500\n{settings}\
         [hook.lab]\nkind = \"json\"\nurl_env = \"LAB_HOOK\"\nevents = [\"started\", \"finished\", \"best\", \"crashed\"]\nevery = 1\n\
         [hook.chat]\nkind = \"slack\"\nurl_file = \"chat.url\"\nevents = [\"finished\"]\n"
    ))
    .with("LAB_HOOK", format!("http://127.0.0.1:{port}/lab/{TOKEN}"));
    // Relative to where the trainer works it would not be found.
    let secret = project.path("chat.url");
    let file = project.path("experiments.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("chat.url", secret.to_str().unwrap())).unwrap();
    fs::write(&secret, format!("http://127.0.0.1:{port}/chat/{TOKEN}\n")).unwrap();
    let said = project.run("hook test");
    assert!(said.code == Some(1) && said.out.contains("chmod 600") && said.out.contains("✓ lab"), "{}", said.out);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let mut printed = vec![said.out, said.err, project.run("hook test").good(), project.run("hook ls").good()];
    came.lock().unwrap().clear();

    printed.push(project.run("start short --device cpu --wait").good());
    let events = |run: &str| -> Vec<String> {
        let came = came.lock().unwrap();
        let own = came.iter().filter(|(path, body)| path.starts_with("/lab/") && body["run"] == run);
        own.map(|(_, body)| body["event"].as_str().unwrap().to_owned()).collect()
    };
    let short = project.latest("short").label();
    poll("the end to be told", || events(&short).contains(&"finished".to_owned()).then_some(()));
    assert_eq!(events(&short)[0], "started");
    poll("the chat to be told", || {
        let came = came.lock().unwrap();
        let told = came.iter().find(|(path, _)| path.starts_with("/chat/"))?;
        assert!(told.1["text"].as_str().unwrap().contains("is done after"), "{}", told.1);
        Some(())
    });

    let run = project.start("long");
    poll("the start to be told", || events(&run.label()).contains(&"started".to_owned()).then_some(()));
    kill_process(trainer(&run), Signal::KILL).unwrap();
    poll("the crash to be told", || events(&run.label()).contains(&"crashed".to_owned()).then_some(()));
    // Once, and after that the agent has nothing to watch and ends.
    let runs = Runs::new(project.path("runs"));
    poll("the agent's end", || AgentLock::take(&runs).unwrap());
    assert_eq!(events(&run.label()).iter().filter(|event| *event == "crashed").count(), 1);
    assert!(events(&short).contains(&"best".to_owned()), "{:?}", events(&short));

    // An address that is wrong is no reason not to train, and is not told.
    fs::write(&secret, format!("http://127.0.0.1:1/{TOKEN}")).unwrap();
    printed.push(project.run("start short --device cpu --wait").good());
    printed.push(poll("the failure to be said", || {
        let log = project.run("logs short").good();
        log.contains("the hook `chat` was not told").then_some(log)
    }));
    printed.extend(printed_by_readers(&project));
    assert!(!printed.iter().any(|text| text.contains(TOKEN)), "a command printed the secret");
    assert_eq!(leak(&project.path(""), &secret), None);
}
