//! One attempt at downloading: asks for what is missing, appends what comes, says whether another attempt could help.

use super::download::without_login;
use super::{DataError, Progress};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use ureq::{
    Agent,
    http::{HeaderMap, Response, StatusCode, header},
};

/// Nothing that is downloaded here is larger; what is, is not it.
const MOST_BYTES: u64 = 1 << 30;
/// A server that says nothing for so long is taken for gone.
const PATIENCE: Duration = Duration::from_mins(1);

/// How an attempt ended.
pub(super) enum Attempt {
    /// All bytes are there; whether they are the right ones is to be seen.
    Complete,
    /// The network or the server stopped early: another attempt may help.
    BrokeOff(String),
    /// The server's answer will be the same next time.
    Hopeless(String),
    /// The disk failed.
    Failed(DataError),
}

/// A download on its way: `NAME.partial` with what has come, `NAME.partial.json` with what it is a part of.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    note: PathBuf,
}

/// What tells whether the rest of a file still belongs to its beginning.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Note {
    url: String,
    /// A strong `ETag`, or a date, as `If-Range` takes it.
    version: Option<String>,
}

impl Partial {
    pub(super) fn new(target: &Path) -> Self {
        let beside = |ending| PathBuf::from(format!("{}.{ending}", target.display()));
        Self { path: beside("partial"), note: beside("partial.json") }
    }

    /// Bytes that have come; 0 if none.
    pub(super) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Forgets what has come. That there is nothing to forget is fine.
    pub(super) fn discard(&self) {
        for path in [&self.path, &self.note] {
            let _ = fs::remove_file(path);
        }
    }

    /// The note, if it is about `url`.
    fn note(&self, url: &str) -> Option<Note> {
        let note: Note = serde_json::from_slice(&fs::read(&self.note).ok()?).ok()?;
        (note.url == without_login(url)).then_some(note)
    }

    /// Opens the file to go on at its end, or afresh with a new note.
    fn open(&self, afresh: Option<&Note>) -> Result<File, DataError> {
        let mut options = File::options();
        options.create(true).write(true).append(afresh.is_none()).truncate(afresh.is_some());
        let file = options.open(&self.path).map_err(DataError::writing(&self.path))?;
        if let Some(note) = afresh {
            let text = serde_json::to_string(note).expect("two strings are JSON");
            fs::write(&self.note, text).map_err(DataError::writing(&self.note))?;
        }
        Ok(file)
    }
}

/// Answers of all kinds are looked at here, so none counts as an error by itself.
pub(super) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("mocolab/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// Asks for what `partial` lacks and appends it.
pub(super) fn attempt(agent: &Agent, url: &str, partial: &Partial, progress: &mut dyn FnMut(Progress)) -> Attempt {
    let note = partial.note(url);
    let from = if note.is_some() { partial.length() } else { 0 };
    // compressed on the way it would be another file, with other ranges
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
        if let Some(version) = note.and_then(|note| note.version) {
            request = request.header(header::IF_RANGE, version);
        }
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl)) => {
            return Attempt::Hopeless(error.to_string());
        }
        Err(error) => return Attempt::BrokeOff(error.to_string()),
    };
    match response.status() {
        StatusCode::PARTIAL_CONTENT
            if range(response.headers()).is_some_and(|(start, _)| start == from && from > 0) =>
        {
            receive(response, url, from, partial, progress)
        }
        StatusCode::OK => receive(response, url, 0, partial, progress),
        // nothing follows what is there: it is complete, or not the file at all, which the checksum tells
        StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => Attempt::Complete,
        StatusCode::PARTIAL_CONTENT => {
            partial.discard();
            Attempt::BrokeOff("the server sent another part than was asked for".into())
        }
        status => refused(status),
    }
}

fn refused(status: StatusCode) -> Attempt {
    let problem = format!("the server answered `{status}`");
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || passing.contains(&status) {
        Attempt::BrokeOff(problem)
    } else {
        Attempt::Hopeless(format!("{problem}; if the file has moved, give its new address, or fetch it by hand"))
    }
}

/// Appends the body to the first `from` bytes.
fn receive(
    response: Response<ureq::Body>,
    url: &str,
    from: u64,
    partial: &Partial,
    progress: &mut dyn FnMut(Progress),
) -> Attempt {
    let headers = response.headers();
    let total = range(headers).map_or_else(|| response.body().content_length(), |(_, total)| total);
    if total.is_some_and(|total| total > MOST_BYTES) {
        return Attempt::Hopeless(too_large(total));
    }
    let note = (from == 0).then(|| Note { url: without_login(url), version: version(headers) });
    let mut file = match partial.open(note.as_ref()) {
        Ok(file) => file,
        Err(error) => return Attempt::Failed(error),
    };
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = from;
    loop {
        progress(Progress::Downloading { bytes, total });
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Attempt::BrokeOff(format!("{error} after {bytes} bytes")),
        };
        bytes += read as u64;
        if bytes > MOST_BYTES {
            partial.discard();
            return Attempt::Hopeless(too_large(None));
        }
        if let Err(error) = file.write_all(&buffer[..read]) {
            return Attempt::Failed(DataError::writing(&partial.path)(error));
        }
    }
    if total.is_some_and(|total| total != bytes) {
        return Attempt::BrokeOff(format!("the connection ended after {bytes} bytes"));
    }
    match file.sync_all() {
        Ok(()) => Attempt::Complete,
        Err(error) => Attempt::Failed(DataError::writing(&partial.path)(error)),
    }
}

fn too_large(total: Option<u64>) -> String {
    let size = total.map_or_else(|| "more".into(), |total| format!("{total} bytes"));
    format!("the server offers {size}, at most {MOST_BYTES} are taken: this is not the file")
}

/// (first byte, bytes of the whole file) of `Content-Range: bytes 7-99/100`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (span, total) = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    Some((span.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

/// What `If-Range` may be sent with: a strong `ETag`, else the date of the last change.
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(header::ETAG).filter(|tag| tag.starts_with('"')).or_else(|| text(header::LAST_MODIFIED))
}
