//! Runs on several devices.

use super::*;

#[test]
fn two_replicas_learn_what_one_does_where_there_are_no_batch_norms() {
    for (recipe, settings) in [
        ("supervised", "arch = 'cnn'\nepochs = 2\nmixup = 0\njitter = 0.5"),
        ("moco", "arch = 'cnn'\nepochs = 2\nbn_splits = 1"),
    ] {
        let one = job(recipe, &format!("{settings}\nprecision = 'fp32'"));
        let devices = vec![Device::Cpu; 2];
        let two =
            Job { devices, names: vec!["cpu".into(); 2], ..job(recipe, &format!("{settings}\nprecision = 'fp32'")) };
        let directories = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
        let alone = curve(&trained(&one, directories[0].path()));
        let together = curve(&trained(&two, directories[1].path()));
        assert_eq!(alone.len(), together.len());
        for (alone, together) in alone.iter().zip(&together) {
            assert!((alone.1 - together.1).abs() < 1e-3, "{recipe}: {alone:?} {together:?}");
        }
        let [alone, together] = directories.each_ref().map(|directory| newest(directory.path()));
        let name = "fc.weight";
        assert!(alone.tensor(name).unwrap().allclose(&together.tensor(name).unwrap(), 1e-2, 1e-4, false), "{recipe}");
    }
}

#[test]
fn two_replicas_with_batch_norms_learn_too_and_resume() {
    for recipe in ["supervised", "moco"] {
        let alone = job(recipe, "epochs = 2\nval_fraction = 0.2");
        let job = Job { devices: vec![Device::Cpu; 2], names: vec!["cpu".into(); 2], ..alone };
        let [whole, broken] = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
        let expected = curve(&trained(&job, whole.path()));
        let mut session = Session::scripted(broken.path(), 3, Wanted::Leave(Outcome::Stopped)).unwrap();
        assert_eq!(train(&job, &mut session).unwrap(), Outcome::Stopped);
        assert_eq!(curve(&trained(&job, broken.path())), expected, "{recipe}");
    }
}

#[test]
fn more_devices_than_images_are_refused() {
    let few = job("supervised", "epochs = 1\nbatch = 2");
    let job = Job { devices: vec![Device::Cpu; 3], names: vec!["cpu".into(); 3], ..few };
    let directory = tempfile::tempdir().unwrap();
    let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("2 images") && error.contains("3 devices"), "{error}");
}
