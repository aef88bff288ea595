use super::*;
use crate::mirror::tensorboard::test_run;
use prost::Message;

fn target() -> Target {
    Target { project: "lab".into(), entity: None }
}

/// The records of a file, put together from their chunks.
fn read(path: &Path) -> Vec<Record> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes[..7], *b":W&B\xe1\xbe\0");
    let (mut at, mut whole, mut records) = (7, Vec::new(), Vec::new());
    while at < bytes.len() {
        let left = 32 * 1024 - at % (32 * 1024);
        if left < 7 {
            assert!(bytes[at..at + left].iter().all(|byte| *byte == 0));
            at += left;
            continue;
        }
        let length = u16::from_le_bytes(bytes[at + 4..at + 6].try_into().unwrap()) as usize;
        assert!(length + 7 <= left, "no chunk lies in two blocks");
        let checksum = crc32fast::hash(&bytes[at + 6..at + 7 + length]);
        assert_eq!(bytes[at..at + 4], checksum.to_le_bytes());
        whole.extend_from_slice(&bytes[at + 7..at + 7 + length]);
        if matches!(bytes[at + 6], 1 | 4) {
            records.push(Record::decode(std::mem::take(&mut whole).as_slice()).unwrap());
        }
        at += 7 + length;
    }
    records
}

fn rows(records: &[Record]) -> Vec<BTreeMap<String, String>> {
    let row = |record: &Record| match &record.what {
        Some(What::History(row)) => {
            Some(row.item.iter().map(|item| (item.nested_key.join("."), item.value_json.clone())).collect())
        }
        _ => None,
    };
    records.iter().filter_map(row).collect()
}

#[test]
fn each_step_is_a_row_as_it_came_out_at_last() {
    let (folder, run) = test_run();
    fs::write(run.output(), "one\ntwo\n").unwrap();
    let exported = export(&run, folder.path(), &target()).unwrap();
    assert_eq!(exported.rows, 20);
    let path = exported.folder.join(format!("run-{}.wandb", exported.id));
    let records = read(&path);
    assert!(records.iter().zip(1..).all(|(record, number)| record.num == number));
    let rows = rows(&records);
    let losses: Vec<&str> = rows.iter().map(|row| row["train/loss"].as_str()).collect();
    assert_eq!(losses, [vec!["1.0"; 10], vec!["3.0"; 10]].concat());
    assert_eq!((rows[9]["val/loss"].as_str(), rows[9]["_step"].as_str()), ("1.0", "10"));
    assert_eq!(rows[9]["val/recall/cat"], "0.75");
    let Some(What::Exit(exit)) = &records.last().unwrap().what else { panic!("no end") };
    assert_eq!(exit.exit_code, 0);
    let lines = records.iter().filter(|record| matches!(record.what, Some(What::Output(_)))).count();
    assert_eq!(lines, 2);
    // The same again is the same, in the same place.
    let before = fs::read(&path).unwrap();
    assert_eq!(export(&run, folder.path(), &target()).unwrap(), exported);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(&exported.folder).unwrap().count(), 1);
}

#[test]
fn a_record_longer_than_a_block_is_whole() {
    let (folder, run) = test_run();
    fs::write(run.output(), "x".repeat(100_000)).unwrap();
    let exported = export(&run, folder.path(), &target()).unwrap();
    let records = read(&exported.folder.join(format!("run-{}.wandb", exported.id)));
    let long = |record: &Record| matches!(&record.what, Some(What::Output(output)) if output.line.len() == 100_001);
    assert!(records.iter().any(long));
}

#[test]
fn a_run_that_has_not_begun_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path().join("base/1"));
    let error = export(&run, folder.path(), &target()).unwrap_err().to_string();
    assert!(error.contains("base/1 has not begun"), "{error}");
}
