//! Downloading against a server that does everything servers do: breaks off, ignores ranges, lies, is not there.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use flate2::{Compression, write::GzEncoder};
use mocolab::data::{DataError, Progress, get_cifar10};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};
use tempfile::TempDir;

const NAME: &str = "cifar-10-binary.tar.gz";
const BATCHES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// What the server does with one request; the last one is repeated.
#[derive(Clone)]
enum Answer {
    /// Serves ranges, under this `ETag`.
    Whole(Vec<u8>, &'static str),
    /// Says the full length, sends so many bytes of what was asked for, hangs up.
    BreaksOff(Vec<u8>, usize),
    /// Sends everything whatever is asked for.
    IgnoresRange(Vec<u8>),
    /// A bare status line.
    Status(&'static str),
    /// Promises so many bytes and sends none.
    Promises(u64),
}

/// A server on the loopback, and the requests it has seen.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/files/{NAME}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let stream = stream.unwrap();
                let request = read_request(&stream);
                log.lock().unwrap().push(request.clone());
                // the client may hang up first: that is its right
                let _ = answer(stream, &request, answers.get(number).unwrap_or(answers.last().unwrap()));
            }
        });
        Self { url, seen }
    }

    fn header(&self, request: usize, name: &str) -> Option<String> {
        header(&self.seen.lock().unwrap()[request], name)
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn read_request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    lines.fold(String::new(), |request, line| request + &line + "\n")
}

fn header(request: &str, name: &str) -> Option<String> {
    let mut lines = request.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

fn answer(mut stream: TcpStream, request: &str, answer: &Answer) -> std::io::Result<()> {
    let from = header(request, "range")
        .map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap());
    let head = |status: &str, length: u64, more: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
    };
    match answer {
        Answer::Whole(body, tag) => {
            let changed = header(request, "if-range").is_some_and(|wanted| wanted != *tag);
            send(&mut stream, body, if changed { 0 } else { from }, usize::MAX, &format!("ETag: {tag}\r\n"))
        }
        Answer::BreaksOff(body, bytes) => send(&mut stream, body, from, *bytes, "ETag: \"1\"\r\n"),
        Answer::IgnoresRange(body) => send(&mut stream, body, 0, usize::MAX, ""),
        Answer::Status(status) => stream.write_all(head(status, 0, "").as_bytes()),
        Answer::Promises(bytes) => stream.write_all(head("200 OK", *bytes, "").as_bytes()),
    }
}

fn send(stream: &mut TcpStream, body: &[u8], from: usize, most: usize, more: &str) -> std::io::Result<()> {
    let length = body.len();
    if from >= length {
        return write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let status = if from == 0 {
        "200 OK".to_owned()
    } else {
        format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{length}", length - 1)
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n", length - from)?;
    stream.write_all(&body[from..length.min(from.saturating_add(most))])
}

/// An archive of these files; names are written as they are, `..` too.
fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut packed = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let kind = if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular };
        header.set_entry_type(kind);
        header.set_mode(0o777);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        packed.append(&header, bytes.as_slice()).unwrap();
    }
    packed.into_inner().unwrap().finish().unwrap()
}

/// A small CIFAR-10 of pixels that do not compress.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut row = |label| [label].into_iter().chain((0..3072).map(|_| noise())).collect::<Vec<u8>>();
    let mut files = vec![("cifar-10-batches-bin/".to_owned(), Vec::new())];
    files.extend(BATCHES.map(|name| (format!("cifar-10-batches-bin/{name}"), [row(1), row(2), row(3)].concat())));
    files.push(("cifar-10-batches-bin/batches.meta.txt".into(), b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n".to_vec()));
    files.push(("cifar-10-batches-bin/readme.html".into(), b"<html>".to_vec()));
    files
}

fn cifar10() -> Vec<u8> {
    let files = files();
    archive(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect::<Vec<_>>())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

struct Job {
    folder: TempDir,
    told: Vec<Progress>,
}

impl Job {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), told: Vec::new() }
    }

    fn get(&mut self, server: &Server, sum: &str) -> Result<PathBuf, DataError> {
        get_cifar10(&server.url, sum, self.folder.path(), &mut |progress| self.told.push(progress))
    }

    /// What lies in the folder, locks aside.
    fn left(&self) -> Vec<String> {
        let names =
            self.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter(|name| Path::new(name).extension() != Some("lock".as_ref())).collect();
        names.sort();
        names
    }

    fn assert_complete(&self) {
        assert_eq!(self.left(), ["cifar-10-batches-bin"], "and nothing else");
        for (name, bytes) in files().iter().filter(|(name, _)| !name.ends_with('/')) {
            assert!(fs::read(self.folder.path().join(name)).unwrap() == *bytes, "{name}");
        }
    }
}

#[test]
fn a_clean_download_is_unpacked_and_a_second_one_needs_no_server() {
    let body = cifar10();
    let (server, mut job) = (Server::new(vec![Answer::Whole(body.clone(), "\"1\"")]), Job::new());
    let folder = job.get(&server, &sha256(&body).to_uppercase()).unwrap();
    assert_eq!(folder, job.folder.path().join("cifar-10-batches-bin"));
    job.assert_complete();
    let total = Some(body.len() as u64);
    assert_eq!(job.told[0], Progress::Downloading { bytes: 0, total });
    let [.., last, Progress::Checking, Progress::Unpacking] = job.told.as_slice() else { panic!("{:?}", job.told) };
    assert_eq!(last, &Progress::Downloading { bytes: body.len() as u64, total });
    assert_eq!(server.header(0, "accept-encoding").unwrap(), "identity");
    job.get(&server, "whatever").unwrap();
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_broken_off_download_goes_on_where_it_stopped() {
    let body = cifar10();
    let third = body.len() / 3;
    let answers = [third, third].map(|bytes| Answer::BreaksOff(body.clone(), bytes));
    let server =
        Server::new([&answers[..], &[Answer::Status("503 Busy"), Answer::Whole(body.clone(), "\"1\"")]].concat());
    let mut job = Job::new();
    job.get(&server, &sha256(&body)).unwrap();
    job.assert_complete();
    assert_eq!(server.header(0, "range"), None);
    assert_eq!(server.header(1, "range").unwrap(), format!("bytes={third}-"));
    assert_eq!(server.header(1, "if-range").unwrap(), "\"1\"");
    assert_eq!(server.header(3, "range").unwrap(), format!("bytes={}-", 2 * third));
    let retries = job.told.iter().filter(|told| matches!(told, Progress::Retrying { .. })).count();
    assert_eq!((server.requests(), retries), (4, 3));
}

#[test]
fn what_another_process_left_is_gone_on_with_or_thrown_away() {
    let body = cifar10();
    let begun = |bytes: &[u8], url: &str| {
        let job = Job::new();
        fs::write(job.folder.path().join(format!("{NAME}.partial")), bytes).unwrap();
        let note = format!(r#"{{"url":"{url}","version":"\"1\""}}"#);
        fs::write(job.folder.path().join(format!("{NAME}.partial.json")), note).unwrap();
        job
    };
    let server = |tag| Server::new(vec![Answer::Whole(body.clone(), tag)]);
    let finish = |mut job: Job, server: &Server, requests: usize| {
        job.get(server, &sha256(&body)).unwrap();
        job.assert_complete();
        assert_eq!(server.requests(), requests);
    };
    let same = server("\"1\"");
    finish(begun(&body[..1000], &same.url), &same, 1);
    assert_eq!(same.header(0, "range").unwrap(), "bytes=1000-");
    let changed = server("\"2\"");
    finish(begun(&[7; 1000], &changed.url), &changed, 1);
    let other = server("\"1\"");
    finish(begun(&[7; 1000], "http://elsewhere/"), &other, 1);
    assert_eq!(other.header(0, "range"), None);
    // wrong bytes under the right tag: found by the checksum, then all of it again
    let wrong = server("\"1\"");
    finish(begun(&[7; 1000], &wrong.url), &wrong, 2);
    // complete but never renamed: the server has no more (416)
    let complete = server("\"1\"");
    finish(begun(&body, &complete.url), &complete, 1);
    // longer than the file: 416 too, and the sum is wrong
    let long = server("\"1\"");
    finish(begun(&vec![7; body.len() + 1], &long.url), &long, 2);
}

#[test]
fn a_server_without_ranges_is_asked_again_from_the_beginning() {
    let body = cifar10();
    let server = Server::new(vec![Answer::BreaksOff(body.clone(), 5000), Answer::IgnoresRange(body.clone())]);
    let mut job = Job::new();
    job.get(&server, &sha256(&body)).unwrap();
    job.assert_complete();
    assert_eq!(server.header(1, "range").unwrap(), "bytes=5000-");
}

#[test]
fn a_corrupted_download_is_kept_nowhere() {
    let body = cifar10();
    let mut corrupted = body.clone();
    corrupted[body.len() / 2] ^= 1;
    let (server, mut job) = (Server::new(vec![Answer::Whole(corrupted.clone(), "\"1\"")]), Job::new());
    let error = job.get(&server, &sha256(&body)).unwrap_err();
    assert!(matches!(error, DataError::Checksum { .. }));
    let message = error.to_string();
    assert!(message.contains(&sha256(&body)) && message.contains(&sha256(&corrupted)), "{message}");
    assert!(job.left().is_empty(), "{:?}", job.left());
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_file_that_is_not_there_is_asked_for_once() {
    let (server, mut job) = (Server::new(vec![Answer::Status("404 Not Found")]), Job::new());
    let message = job.get(&server, &sha256(b"")).unwrap_err().to_string();
    assert!(message.contains("404 Not Found") && message.contains(&server.url), "{message}");
    assert_eq!(server.requests(), 1);
    assert!(job.left().is_empty());
}

#[test]
fn a_file_far_too_large_is_not_even_begun() {
    let (server, mut job) = (Server::new(vec![Answer::Promises(1 << 40)]), Job::new());
    let message = job.get(&server, &sha256(b"")).unwrap_err().to_string();
    assert!(message.contains("this is not the file"), "{message}");
    assert!(job.left().is_empty());
}

/// Archives with the right sum and the wrong content: what gets unpacked does not depend on trust in the sum.
#[test]
fn an_archive_with_anything_else_in_it_is_refused() {
    let folder = "cifar-10-batches-bin";
    let good: Vec<(String, Vec<u8>)> = files();
    let with = |name: &str, bytes: Vec<u8>| {
        let mut files: Vec<(&str, Vec<u8>)> = good.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        files.retain(|(kept, _)| *kept != name);
        files.push((name, bytes));
        archive(&files)
    };
    let missing = archive(&[(&good[1].0, good[1].1.clone())]);
    let cases = [
        (with("../evil", vec![1]), "holds `../evil`"),
        (with("cifar-10-batches-bin/../../evil", vec![1]), "holds `cifar-10-batches-bin/../../evil`"),
        (with("/tmp/evil", vec![1]), "holds `/tmp/evil`"),
        (with("cifar-10-batches-bin/evil\x1b[2J", vec![1]), "\\u{1b}"),
        (with("cifar-10-batches-bin/test_batch.bin", vec![0; 30_730_001]), "has more than 30730000 bytes"),
        (with("cifar-10-batches-bin/test_batch.bin", vec![0; 3072]), "test_batch.bin` is cut off in row 0"),
        (with("cifar-10-batches-bin/readme.html", vec![0; 1 << 20]), "has more than 65536 bytes"),
        (missing, "data_batch_2.bin` is missing"),
        (b"no archive at all".to_vec(), "cannot be unpacked"),
        (other(tar::EntryType::Symlink, &format!("{folder}/test_batch.bin"), "/etc/passwd", 0), "is no plain file"),
        (other(tar::EntryType::Link, &format!("{folder}/test_batch.bin"), "/etc/passwd", 0), "is no plain file"),
        (other(tar::EntryType::Fifo, &format!("{folder}/test_batch.bin"), "", 0), "is no plain file"),
        (other(tar::EntryType::Char, &format!("{folder}/test_batch.bin"), "", 0), "is no plain file"),
        // A folder that unpacks to more than anything here: one byte in a thousand of it came over the wire.
        (other(tar::EntryType::Directory, &format!("{folder}/"), "", 300 << 20), "cannot be unpacked"),
    ];
    for (body, expected) in cases {
        let (server, mut job) = (Server::new(vec![Answer::Whole(body.clone(), "\"1\"")]), Job::new());
        let error = job.get(&server, &sha256(&body)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected), "{message}\n  lacks {expected}");
        assert!(matches!(error, DataError::Invalid { .. }), "{message}");
        assert!(job.left().is_empty(), "{expected}: {:?}", job.left());
    }
}

/// An archive of one entry that is no file, of `size` zeros.
fn other(kind: tar::EntryType, name: &str, target: &str, size: u64) -> Vec<u8> {
    let mut packed = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    if !target.is_empty() {
        header.set_link_name(target).unwrap();
    }
    header.set_mode(0o777);
    header.set_size(size);
    header.set_cksum();
    packed.append(&header, std::io::Read::take(std::io::repeat(0), size)).unwrap();
    packed.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let body = cifar10();
    let (server, mut job) = (Server::new(vec![Answer::Whole(body.clone(), "\"1\"")]), Job::new());
    // a file to which nothing can be written
    std::os::unix::fs::symlink("/dev/full", job.folder.path().join(format!("{NAME}.partial"))).unwrap();
    let error = job.get(&server, &sha256(&body)).unwrap_err();
    assert!(matches!(error, DataError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("no space left"), "{error}");
}

#[test]
fn two_at_once_take_turns() {
    let body = cifar10();
    let server = Server::new(vec![Answer::Whole(body.clone(), "\"1\"")]);
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| get_cifar10(&server.url, &sha256(&body), folder.path(), &mut |_| ()).unwrap());
        }
    });
    assert_eq!(server.requests(), 1, "the others found it there");
}

#[test]
fn a_folder_that_is_there_but_broken_is_left_alone() {
    let (server, mut job) = (Server::new(vec![Answer::Status("404 Not Found")]), Job::new());
    let file = job.folder.path().join("cifar-10-batches-bin/data_batch_1.bin");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    let message = job.get(&server, "").unwrap_err().to_string();
    assert!(message.contains("data_batch_1.bin` is cut off") && message.contains("move the folder away"), "{message}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(server.requests(), 0);
}
