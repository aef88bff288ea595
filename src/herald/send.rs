//! Sending: a thread for each hook, a few tries for each message, and at the end of a run a moment for what is left.

use super::{Message, body::body, secret};
use crate::config::{Hook, Kind, Occasion};
use crate::event::Line;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Uri;

/// Messages that may wait for a hook.
const QUEUE: usize = 32;
/// One try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries of a message.
const TRIES: u32 = 5;
/// The longest that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// What is left when a run is over has so long.
pub const LAST: Duration = Duration::from_secs(20);
/// Between two messages that can be done without.
const PAUSE: Duration = Duration::from_secs(30);

/// When the last try may begin, once that is known.
type Over = Arc<Mutex<Option<Instant>>>;

/// All who are told of a run.
pub struct Heralds {
    told: super::Told,
    hooks: Vec<(Hook, SyncSender<Message>)>,
    threads: Vec<JoinHandle<()>>,
    over: Over,
    report: Arc<dyn Fn(&str) + Send + Sync>,
    /// Only what this attempt does is told.
    attempt: u32,
    lost: usize,
}

impl Heralds {
    /// Tells `hooks` of what attempt `attempt` at the run called `run` does; `report` is told what goes wrong.
    pub fn new(
        hooks: Vec<Hook>,
        (run, host, attempt): (String, String, u32),
        report: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let (over, report) = (Over::default(), Arc::new(report));
        let mut heralds = Self {
            told: super::Told::new(run, host),
            hooks: Vec::new(),
            threads: Vec::new(),
            over: Arc::clone(&over),
            report: report.clone(),
            attempt,
            lost: 0,
        };
        for hook in hooks {
            let (tell, told) = sync_channel(QUEUE);
            let (own, over, report) = (hook.clone(), Arc::clone(&over), report.clone());
            let work = move || serve(&own, &told, &over, &*report);
            if let Ok(thread) = std::thread::Builder::new().name(format!("hook {}", hook.name)).spawn(work) {
                heralds.threads.push(thread);
                heralds.hooks.push((hook, tell));
            }
        }
        heralds
    }

    /// Takes in the next line of the record.
    pub fn tell(&mut self, line: &Line) {
        let messages = self.told.tell(line);
        if line.attempt < self.attempt {
            return;
        }
        for message in messages {
            for (hook, tell) in &self.hooks {
                let due =
                    message.event != Occasion::Epoch || message.epoch[0].is_multiple_of(u64::from(hook.every.max(1)));
                if hook.wants(message.event) && due && tell.try_send(message.clone()).is_err() {
                    self.lost += 1;
                }
            }
        }
    }

    /// Waits until all is told, but hardly longer than `most`: a try that is under way may take [`PATIENCE`].
    pub fn finish(self, most: Duration) {
        if let Ok(mut over) = self.over.lock() {
            *over = Some(Instant::now() + most);
        }
        drop(self.hooks);
        for thread in self.threads {
            let _ = thread.join();
        }
        if self.lost > 0 {
            (self.report)(&format!("{} messages of hooks were not sent: too many waited", self.lost));
        }
    }
}

/// Sends what comes, until no more does or the time for it is over.
fn serve(hook: &Hook, told: &Receiver<Message>, over: &Over, report: &(dyn Fn(&str) + Send + Sync)) {
    let is_over = || over.lock().is_ok_and(|over| over.is_some_and(|over| Instant::now() > over));
    let mut said: BTreeMap<Occasion, Instant> = BTreeMap::new();
    while let Ok(message) = told.recv() {
        let spare = matches!(message.event, Occasion::Epoch | Occasion::Best);
        if spare && said.get(&message.event).is_some_and(|said| said.elapsed() < PAUSE) {
            continue;
        }
        // In small pieces, so that the end of the run is seen.
        let wait = |until: Duration| {
            let until = Instant::now() + until;
            while Instant::now() < until && !is_over() {
                std::thread::sleep(Duration::from_millis(50));
            }
            !is_over()
        };
        let sent = if is_over() { Err("the run is over".to_owned()) } else { deliver(hook, &message, wait) };
        match sent {
            Ok(()) => _ = said.insert(message.event, Instant::now()),
            Err(why) => report(&format!("the hook `{}` was not told that {}: {why}", hook.name, message.title)),
        }
    }
}

/// What became of a try.
enum Tried {
    Sent,
    Later(String, Option<Duration>),
    Never(String),
}

/// Sends `message` to `hook`, again and again where that may help; `wait` waits, and says whether to go on.
///
/// # Errors
/// Why it can't be sent; no address and no key is in it.
pub fn deliver(hook: &Hook, message: &Message, mut wait: impl FnMut(Duration) -> bool) -> Result<(), String> {
    let address = secret::read(&hook.url)?;
    let key = hook.key.as_ref().map(secret::read).transpose()?;
    let (url, topic) = place(hook, &address)?;
    let bytes = serde_json::to_vec(&body(hook.kind, message, &topic)).map_err(|error| error.to_string())?;
    let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).max_redirects(0);
    let agent: Agent = config.build().into();
    let mut pause = Duration::from_secs(1);
    for attempt in 1..=TRIES {
        let (why, asked) = match once(&agent, (&url, key.as_deref()), hook.kind, &bytes) {
            Tried::Sent => return Ok(()),
            Tried::Never(why) => return Err(why),
            Tried::Later(why, asked) => (why, asked),
        };
        // Not all of a lab at the same moment.
        let jitter = pause.mul_f64(f64::from(message.id.bytes().map(u32::from).sum::<u32>() % 100) / 400.0);
        if attempt == TRIES || !wait(asked.unwrap_or(pause + jitter).min(LONGEST_WAIT)) {
            return Err(format!("{why}, after {attempt} tries"));
        }
        pause *= 2;
    }
    unreachable!("the last try returns")
}

/// Where a message goes to, and for ntfy the topic.
fn place(hook: &Hook, address: &str) -> Result<(String, String), String> {
    let wrong = || format!("{} holds no address of the web (https://…)", hook.url);
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    let (scheme, host) = (uri.scheme_str().ok_or_else(wrong)?, uri.host().ok_or_else(wrong)?);
    let own = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if scheme != "https" && !(scheme == "http" && own) {
        return Err(format!("{} is not https: what is sent could be read on the way", hook.url));
    }
    if hook.kind != Kind::Ntfy {
        return Ok((address.to_owned(), String::new()));
    }
    match address.trim_end_matches('/').rsplit_once('/') {
        Some((server, topic)) if !topic.is_empty() && !server.ends_with('/') => {
            Ok((server.to_owned(), topic.to_owned()))
        }
        _ => Err(format!("{} names no topic: https://ntfy.sh/TOPIC", hook.url)),
    }
}

fn once(agent: &Agent, (url, key): (&str, Option<&str>), kind: Kind, bytes: &[u8]) -> Tried {
    let mut request = agent.post(url).header("Content-Type", "application/json");
    match (kind, key) {
        (Kind::Json, Some(key)) => request = request.header("X-Signature", signature(key, bytes)),
        (_, Some(key)) => request = request.header("Authorization", format!("Bearer {key}")),
        _ => {}
    }
    match request.send(bytes) {
        Ok(answer) if answer.status().is_success() => Tried::Sent,
        Ok(answer) => {
            let status = answer.status().as_u16();
            let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
            let after = after.filter(|seconds| (0.0..1e6).contains(seconds)).map(Duration::from_secs_f64);
            let why = format!("it answers {}", answer.status());
            if matches!(status, 408 | 429 | 500..) { Tried::Later(why, after) } else { Tried::Never(why) }
        }
        Err(error) => Tried::Later(reason(&error).to_owned(), None),
    }
}

/// Why there was no answer, without the address.
fn reason(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "it does not answer in time",
        ureq::Error::HostNotFound => "its host is not found",
        ureq::Error::ConnectionFailed | ureq::Error::Io(_) => "it can't be reached",
        ureq::Error::Tls(_) => "its certificate is not good",
        _ => "the connection broke",
    }
}

/// What proves that a body comes from who has `key`.
pub(super) fn signature(key: &str, bytes: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key will do");
    mac.update(bytes);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
