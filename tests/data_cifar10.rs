//! CIFAR-10 in its official layout: found where it lies, read right, and every kind of damage told by file and row.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use mocolab::{
    data::{DataError, Places, load, resolve},
    experiment::DataSource,
};
use std::{env, fs, path::Path, process::Command};
use tempfile::TempDir;

const ROW: usize = 3073;
const BATCHES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Two rows a batch; the planes of row r of batch b are filled with b, 100 + r, 200.
fn write_cifar10(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (batch, name) in BATCHES.iter().enumerate() {
        let rows = (0..2).flat_map(|row| {
            let planes = [batch as u8, 100 + row, 200].map(|value| [value; 1024]).concat();
            [vec![(batch as u8 * 2 + row) % 10], planes].concat()
        });
        fs::write(folder.join(name), rows.collect::<Vec<u8>>()).unwrap();
    }
    fs::write(folder.join("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
}

fn project() -> (TempDir, Places) {
    let temporary = tempfile::tempdir().unwrap();
    let places = Places { project: temporary.path().join("project"), cache: temporary.path().join("cache") };
    (temporary, places)
}

fn source(text: &str) -> DataSource {
    text.parse().unwrap()
}

fn problem(places: &Places) -> String {
    load(&source("cifar10:c"), places).unwrap_err().to_string()
}

#[test]
fn planes_become_interleaved_pixels() {
    let (_temporary, places) = project();
    write_cifar10(&places.project.join("data/cifar-10-batches-bin"));
    let set = load(&source("cifar10"), &places).unwrap();
    assert_eq!((set.name.as_str(), set.height, set.width), ("cifar10", 32, 32));
    assert_eq!(set.classes.concat(), "abcdefghij");
    assert_eq!(set.train.labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(set.test.labels, [0, 1]);
    assert_eq!(set.train.images.len(), 10 * 3072);
    let third = &set.train.images[3 * 3072..4 * 3072];
    assert!(third.chunks(3).all(|pixel| pixel == [1, 101, 200]), "batch 2, row 1");
}

#[test]
fn it_is_found_in_each_of_its_places() {
    let (temporary, places) = project();
    let folders = ["project/data/cifar-10-batches-bin", "project/data", "cache/cifar-10-batches-bin", "cache"];
    for folder in folders.map(|folder| temporary.path().join(folder)) {
        write_cifar10(&folder);
        for text in ["cifar10", "cifar10 else shapes"] {
            assert_eq!(resolve(&source(text), &places).unwrap(), DataSource::Cifar10(Some(folder.clone())));
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    let folder = temporary.path().join("elsewhere/cifar-10-batches-bin");
    write_cifar10(&folder);
    for path in ["../elsewhere".into(), "../elsewhere/cifar-10-batches-bin/".into(), folder.display().to_string()] {
        let found = resolve(&source(&format!("cifar10:{path}")), &places).unwrap();
        assert!(matches!(&found, DataSource::Cifar10(Some(path)) if path.is_absolute()), "{found}");
        assert_eq!(resolve(&found, &places).unwrap(), found, "what is resolved stays so");
        assert_eq!(load(&found, &places).unwrap().train.len(), 10);
    }
}

#[test]
fn the_environment_names_a_place_too() {
    if let Some(folder) = env::var_os("MOCOLAB_TEST_FOLDER") {
        let (_temporary, places) = project();
        assert_eq!(resolve(&source("cifar10"), &places).unwrap(), DataSource::Cifar10(Some(folder.into())));
        return;
    }
    let (temporary, _) = project();
    write_cifar10(&temporary.path().join("c"));
    // this test again, in a process whose environment can be set
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "the_environment_names_a_place_too"]);
    again.env("MOCOLAB_DATA", temporary.path().join("c")).env("MOCOLAB_TEST_FOLDER", temporary.path().join("c"));
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn where_it_is_not_the_message_says_where_it_was_looked_for_and_what_to_do() {
    if env::var_os("MOCOLAB_DATA").is_some() {
        eprintln!("SKIPPED: MOCOLAB_DATA is set, so CIFAR-10 may be found");
        return;
    }
    let (_temporary, places) = project();
    let error = resolve(&source("cifar10"), &places).unwrap_err();
    assert!(matches!(error, DataError::NotFound { .. }));
    let message = error.to_string();
    for part in ["project/data/cifar-10-batches-bin`", "project/data`", "cache`", "`mocolab data get cifar10`"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(resolve(&source("cifar10 else shapes"), &places).unwrap(), DataSource::Shapes);
    assert!(problem(&places).contains("project/c`"));
}

#[test]
fn damage_is_told_by_file_and_row() {
    let (_temporary, places) = project();
    let folder = places.project.join("c");
    let damaged = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        write_cifar10(&folder);
        let mut bytes = fs::read(folder.join(name)).unwrap();
        change(&mut bytes);
        fs::write(folder.join(name), bytes).unwrap();
        problem(&places)
    };
    let cases = [
        (damaged("data_batch_3.bin", &|bytes| bytes.truncate(ROW + 5)), "data_batch_3.bin` is cut off in row 1"),
        (damaged("test_batch.bin", &|bytes| bytes[ROW] = 10), "test_batch.bin` has label `10` in row 1"),
        (damaged("data_batch_1.bin", &Vec::clear), "data_batch_1.bin` is empty"),
        (damaged("batches.meta.txt", &|bytes| bytes.truncate(5)), "batches.meta.txt` names 3 classes, expected 10"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected) && message.contains("mocolab data get cifar10"), "{message}");
    }
    write_cifar10(&folder);
    fs::remove_file(folder.join("data_batch_5.bin")).unwrap();
    assert!(problem(&places).contains("data_batch_5.bin` is missing"));
}

#[test]
fn a_broken_cifar10_is_never_replaced_by_drawings_in_silence() {
    let (_temporary, places) = project();
    let folder = places.project.join("data");
    write_cifar10(&folder);
    fs::write(folder.join("test_batch.bin"), [1, 2, 3]).unwrap();
    let message = resolve(&source("cifar10 else shapes"), &places).unwrap_err().to_string();
    assert!(message.contains("test_batch.bin` is cut off in row 0"), "{message}");
}
