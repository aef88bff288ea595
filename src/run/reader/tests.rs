use super::super::Log;
use super::*;
use crate::event::{Event, Finished, Outcome, Real, Step};
use proptest::prelude::*;
use std::io::Write;

fn step(step: u64) -> Event {
    Event::Step(Step { step, of: 9, epoch: 1, metrics: [("train/loss".to_owned(), Real(0.5))].into() })
}

fn written(run: &RunDir, count: u64) -> Vec<Line> {
    let mut log = Log::open(run, 1).unwrap();
    (0..count).for_each(|number| log.write(step(number)).unwrap());
    Reader::new(run).read(usize::MAX).unwrap().lines
}

#[test]
fn a_torn_end_is_set_aside_and_a_damaged_line_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path());
    written(&run, 5);
    let mut bytes = fs::read(run.events()).unwrap();
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 10;
    bytes[second] ^= 1;
    bytes.extend_from_slice(b"{\"v\":1,\"att");
    fs::write(run.events(), &bytes).unwrap();

    let mut log = Log::open(&run, 2).unwrap();
    log.write(Event::Finished(Finished { outcome: Outcome::Done, step: 5, cause: None })).unwrap();
    let batch = Reader::new(&run).read(usize::MAX).unwrap();
    assert_eq!(batch.damaged.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
    assert_eq!(batch.lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6]);
    assert_eq!(batch.lines[4].event, Event::Recovered { bytes: 11 });
    assert_eq!(fs::read(run.torn()).unwrap(), b"{\"v\":1,\"att\n");
}

#[test]
fn a_cut_record_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path());
    written(&run, 3);
    let mut reader = Reader::new(&run);
    assert_eq!(reader.read(2).unwrap().lines.len(), 2);
    assert!(!reader.read(usize::MAX).unwrap().restart);
    fs::write(run.events(), Line { attempt: 1, seq: 0, t: 0.0, event: step(7) }.encode()).unwrap();
    let batch = reader.read(usize::MAX).unwrap();
    assert!(batch.restart && batch.lines.len() == 1);
    let other: Vec<u8> = (0..9).flat_map(|seq| Line { attempt: 1, seq, t: 0.0, event: step(8) }.encode()).collect();
    fs::write(run.events(), &other).unwrap();
    let batch = reader.read(usize::MAX).unwrap();
    assert!(batch.restart && batch.lines.len() == 9, "another record, though a longer one");
    fs::write(run.events(), "").unwrap();
    assert!(reader.read(usize::MAX).unwrap().restart);
    assert!(!reader.read(usize::MAX).unwrap().restart, "told once");
}

#[test]
fn a_line_of_any_length_is_read_and_passed() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path());
    let cause = Some("x".repeat(9 << 20));
    let mut log = Log::open(&run, 1).unwrap();
    log.write(Event::Finished(Finished { outcome: Outcome::Failed, step: 1, cause })).unwrap();
    fs::OpenOptions::new().append(true).open(run.events()).unwrap().write_all(&vec![b'y'; 5 << 20]).unwrap();
    let mut log = Log::open(&run, 2).unwrap();
    log.write(step(2)).unwrap();
    let mut reader = Reader::new(&run);
    let mut seen = 0;
    loop {
        let batch = reader.read(usize::MAX).unwrap();
        seen += batch.lines.len();
        if !batch.more {
            break;
        }
    }
    assert_eq!((seen, fs::metadata(run.torn()).unwrap().len()), (3, (5 << 20) + 1));
}

#[test]
fn a_record_of_a_newer_version_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path());
    let body = r#"{"v":2,"attempt":1,"seq":0,"t":1.0,"kind":"started""#;
    fs::write(run.events(), format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()))).unwrap();
    assert!(Log::open(&run, 2).unwrap_err().to_string().contains("line 1: the line has version 2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]
    #[test]
    fn any_split_of_the_record_drains_to_the_same_lines(cuts in prop::collection::vec(0..2000_usize, 0..8), limit in 1..5_usize) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let lines = written(&run, 12);
        let bytes = fs::read(run.events()).unwrap();
        fs::remove_file(run.events()).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let mut reader = Reader::new(&run);
        let mut drained = Vec::new();
        for pair in cuts.windows(2) {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(run.events()).unwrap();
            file.write_all(&bytes[pair[0]..pair[1]]).unwrap();
            loop {
                let batch = reader.read(limit).unwrap();
                prop_assert!(batch.damaged.is_empty() && !batch.restart);
                if batch.lines.is_empty() { break; }
                drained.extend(batch.lines);
            }
        }
        prop_assert_eq!(drained, lines);
    }

    #[test]
    fn any_truncation_leaves_a_prefix(keep in 0..2000_usize) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let lines = written(&run, 12);
        let bytes = fs::read(run.events()).unwrap();
        fs::write(run.events(), &bytes[..keep.min(bytes.len())]).unwrap();
        let mut log = Log::open(&run, 2).unwrap();
        log.write(step(99)).unwrap();
        let back = Reader::new(&run).read(usize::MAX).unwrap();
        prop_assert!(back.damaged.is_empty());
        let old: Vec<Line> = back.lines.into_iter().filter(|line| line.attempt == 1).collect();
        prop_assert_eq!(&old[..], &lines[..old.len()]);
    }
}
