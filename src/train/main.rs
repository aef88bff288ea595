//! The trainer: one run, on one device. (Throw-away: reads pictures, trains in a directory, prints nothing.)

mod augment;
mod checkpoint;
mod device;
mod eval;
mod learner;
mod optim;
mod parameters;
mod pictures;
mod resnet;
mod session;
mod supervised;

use anyhow::Result;
use mocolab::{
    data::{Dataset, Split},
    experiment::{Experiment, Recipe},
};
use std::path::Path;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let experiment: Experiment = toml::from_str(&std::fs::read_to_string(&args[1])?)?;
    let began = std::time::Instant::now();
    let dataset = load(Path::new(&args[2]))?;
    let directory = Path::new(&args[3]);
    std::fs::create_dir_all(directory)?;
    let Recipe::Supervised(settings) = experiment.recipe.clone() else { unreachable!() };
    let job = supervised::Job { experiment, dataset, device: device::open(args.get(4).map_or("cpu", |d| d))? };
    eprintln!("loaded after {:?}", began.elapsed());
    let outcome = supervised::run(&settings, &job, &mut session::Session::new(directory)?)?;
    eprintln!("{outcome:?} after {:?}", began.elapsed());
    Ok(())
}

fn load(folder: &Path) -> Result<Dataset> {
    let read = |names: &[&str]| -> Result<Split> {
        let mut split = Split { images: vec![], labels: vec![] };
        for name in names {
            for row in std::fs::read(folder.join(name))?.chunks_exact(3073) {
                split.labels.push(row[0].into());
                split.images.extend((0..1024).flat_map(|p| [row[1 + p], row[1025 + p], row[2049 + p]]));
            }
        }
        Ok(split)
    };
    let train = ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
    Ok(Dataset {
        name: "cifar10".into(),
        classes: (0..10).map(|c| c.to_string()).collect(),
        height: 32,
        width: 32,
        train: read(&train)?,
        test: read(&["test_batch.bin"])?,
    })
}
