use super::body::body;
use super::*;
use crate::config::{Hook, Kind, Occasion, Secret};
use crate::mirror::{each, tensorboard::test_run};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOKEN: &str = "SECRETTOKEN42";

/// What a server of this test was sent: head and body of each request.
type Sent = Arc<Mutex<Vec<(String, String)>>>;

/// A server that gives `answers` one after the other, the last again and again; none is to hang. Its address, in a file.
fn server(answers: &'static [Option<&'static str>]) -> (tempfile::NamedTempFile, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "http://127.0.0.1:{}/{TOKEN}", listener.local_addr().unwrap().port()).unwrap();
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    std::thread::spawn(move || {
        let mut hung = Vec::new();
        for number in 0.. {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let Some(answer) = answers[number.min(answers.len() - 1)] else {
                hung.push(stream);
                continue;
            };
            let mut text = Vec::new();
            let mut part = [0; 4096];
            loop {
                let read = stream.read(&mut part).unwrap_or(0);
                text.extend_from_slice(&part[..read]);
                let so_far = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
                let length =
                    head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if read == 0 || body.len() >= length.unwrap_or(0_usize) {
                    kept.lock().unwrap().push((head.to_owned(), body.to_owned()));
                    break;
                }
            }
            let _ = write!(stream, "HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (file, sent)
}

fn hook(kind: Kind, url: &tempfile::NamedTempFile) -> Hook {
    let url = Secret::File(url.path().display().to_string());
    Hook { name: "lab".into(), kind, url, key: None, events: Occasion::ALL.map(|(_, it)| it).to_vec(), every: 1 }
}

/// All that is said of a run that was killed and went on.
fn messages() -> Vec<Message> {
    let (_folder, run) = test_run();
    let mut told = Told::new("base/1".into(), "gpu7".into());
    let mut messages = Vec::new();
    each(&run, |line| {
        messages.extend(told.tell(line));
        Ok(())
    })
    .unwrap();
    messages
}

#[test]
fn what_is_said_of_a_run() {
    let messages = messages();
    let titles: Vec<&str> = messages.iter().map(|message| message.title.as_str()).collect();
    assert_eq!(titles[0], "base/1 started");
    assert!(titles[1].starts_with("base/1: epoch 1/2"), "{titles:?}");
    assert!(titles[2].starts_with("base/1 goes on"), "{titles:?}");
    let last = messages.last().unwrap();
    assert!(last.title.starts_with("base/1 is done after") && last.event == Occasion::Finished, "{last:?}");
    assert_eq!((last.epoch, last.metrics["val/loss"]), ([2, 2], 2.0));
}

#[test]
fn each_kind_gets_what_it_takes() {
    let mut message = messages().pop().unwrap();
    message.title = "<@everyone> & \u{1b}[31m".into();
    message.lines = vec!["```@here".into()];
    let slack = body(Kind::Slack, &message, "");
    assert_eq!(slack["text"].as_str().unwrap().matches(['<', '>']).count(), 0);
    assert!(!slack.to_string().contains("\\u001b"));
    let discord = body(Kind::Discord, &message, "");
    assert_eq!(discord["allowed_mentions"]["parse"], serde_json::json!([]));
    assert_eq!(discord["embeds"][0]["description"], "```\n'''@here\n```");
    let teams = body(Kind::Teams, &message, "");
    assert_eq!(teams["attachments"][0]["content"]["type"], "AdaptiveCard");
    let ntfy = body(Kind::Ntfy, &message, "lab");
    assert_eq!((&ntfy["topic"], &ntfy["priority"]), (&"lab".into(), &3.into()));
    let json = body(Kind::Json, &message, "");
    assert_eq!((&json["event"], &json["schema"], &json["host"]), (&"finished".into(), &1.into(), &"gpu7".into()));
}

#[test]
fn it_is_tried_again_where_that_helps() {
    let (url, sent) = server(&[Some("500 Oh\r\n"), Some("429 Slow\r\nRetry-After: 7\r\n"), Some("200 OK\r\n")]);
    let mut waits = Vec::new();
    let mut hook = hook(Kind::Json, &url);
    let mut key = tempfile::NamedTempFile::new().unwrap();
    write!(key, "key").unwrap();
    hook.key = Some(Secret::File(key.path().display().to_string()));
    let message = messages().pop().unwrap();
    let wait = |wait| {
        waits.push(wait);
        true
    };
    deliver(&hook, &message, wait).unwrap();
    assert!(
        waits[0] >= Duration::from_secs(1) && waits[0] < Duration::from_secs(2) && waits[1] == Duration::from_secs(7)
    );
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 3);
    let (head, body) = &sent[2];
    let signed = send::signature("key", body.as_bytes());
    assert!(head.to_lowercase().contains(&format!("x-signature: {signed}")), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["id"], message.id);
    // The example of RFC 4231, test case 2.
    let known = send::signature("Jefe", b"what do ya want for nothing?");
    assert_eq!(known, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

#[test]
fn what_will_never_do_is_not_tried_again_and_no_address_is_told() {
    let message = messages().pop().unwrap();
    let (url, sent) = server(&[Some("404 Gone\r\n")]);
    let error = deliver(&hook(Kind::Slack, &url), &message, |_| true).unwrap_err();
    assert!(error.contains("404") && !error.contains(TOKEN) && sent.lock().unwrap().len() == 1, "{error}");
    let refused = tempfile::NamedTempFile::new().unwrap();
    let error_of = |address: &str| {
        std::fs::write(refused.path(), address).unwrap();
        deliver(&hook(Kind::Slack, &refused), &message, |_| true).unwrap_err()
    };
    for (address, words) in [
        (format!("http://127.0.0.1:1/{TOKEN}"), "can't be reached, after 5 tries"),
        (format!("http://example.org/{TOKEN}"), "is not https"),
        (TOKEN.to_owned(), "holds no address"),
        (String::new(), "is empty"),
    ] {
        let error = error_of(&address);
        assert!(error.contains(words) && !error.contains(TOKEN), "{error}");
    }
    std::fs::set_permissions(refused.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(error_of(TOKEN).contains("chmod 600"));
    let unset = Hook { url: Secret::Env("MOCOLAB_NO_SUCH".into()), ..hook(Kind::Slack, &refused) };
    assert!(deliver(&unset, &message, |_| true).unwrap_err().contains("MOCOLAB_NO_SUCH is not set"));
}

/// An address that never answers holds up neither the record nor, for longer than is stated, the end.
#[test]
fn a_dead_address_holds_up_nobody() {
    let (url, _sent) = server(&[None]);
    let (_folder, run) = test_run();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&failures);
    let report = move |why: &str| kept.lock().unwrap().push(why.to_owned());
    let mut heralds = Heralds::new(vec![hook(Kind::Json, &url)], ("base/1".into(), "gpu7".into(), 1), report);
    let began = Instant::now();
    for _ in 0..50 {
        each(&run, |line| {
            heralds.tell(line);
            Ok(())
        })
        .unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = Instant::now();
    heralds.finish(Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let failures = failures.lock().unwrap().join("\n");
    assert!(failures.contains("too many waited") && !failures.contains(TOKEN), "{failures}");
}
