//! `mocolab-train preview EXPERIMENT COUNT`: what an experiment makes of its training pictures, for people to look at. On
//! standard output: a line of JSON ([`Header`]), then bytes.

use crate::{
    method::{Job, Method, Place},
    moco::Moco,
    parameters::Format,
    print,
    start::From,
    supervised::Supervised,
};
use anyhow::{Context, Result, bail};
use mocolab::config::read_snapshot;
use mocolab::data::{self, Places};
use mocolab::experiment::{Origin, Recipe};
use mocolab::preview::Header;
use mocolab::random::{Purpose, Random};
use std::io::Write;
use std::process::ExitCode;
use tch::{Device, Tensor};

/// The picture itself and four views of it.
pub const COLUMNS: usize = 5;
/// An epoch of the randomness used here: none of a training.
const EPOCH: u64 = 1 << 39;

/// Writes the preview of the experiment in `file`, as a run directory has it, its data resolved.
pub fn run(file: &str, count: &str) -> ExitCode {
    match write(file, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("mocolab-train: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn write(file: &str, count: &str) -> Result<()> {
    let count: usize = count.parse().with_context(|| format!("`{count}` is no number of pictures"))?;
    let text = std::fs::read_to_string(file).with_context(|| format!("reading `{file}`"))?;
    let experiment = read_snapshot(&text, file)?;
    let dataset = data::load(&experiment.data, &Places::new("."))?;
    let job = Job::new(experiment, dataset, (vec![Device::Cpu], vec!["cpu".to_owned()]))?;
    let (dataset, chosen) = (&job.dataset, choose(job.dataset.train.len(), count, job.experiment.seed));
    let class = |image: &i64| dataset.classes[usize::from(dataset.train.labels[*image as usize])].clone();
    let (height, width, labels) = (dataset.height, dataset.width, chosen.iter().map(class).collect());
    let header = Header { height, width, columns: COLUMNS, rows: chosen.len(), labels };
    let grid = grid(&job, &chosen)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&header)?)?;
    out.write_all(&grid)?;
    Ok(out.flush()?)
}

/// `count` of `of` pictures, or all of them.
pub fn choose(of: usize, count: usize, seed: u64) -> Vec<i64> {
    let mut all: Vec<i64> = (0..of as i64).collect();
    Random::new(seed, Purpose::Preview, (0, 0)).shuffle(&mut all);
    all.truncate(count);
    all
}

/// The place of a step that no training has.
pub fn place(step: u64) -> Place {
    Place { epoch: EPOCH, step, steps: 1, part: 0 }
}

/// The pictures `chosen` of the training set, each with four views, as the recipe makes them in training: RGB bytes
/// `[chosen, 5, height, width, 3]`.
fn grid(job: &Job, chosen: &[i64]) -> Result<Vec<u8>> {
    let how = (Format::Fp32, &From { origin: Origin::Random, own: false });
    let columns = match &job.experiment.recipe {
        Recipe::Supervised(settings) => Supervised::new(settings, job, how)?.shown(chosen, COLUMNS - 1),
        Recipe::Moco(settings) => Moco::new(settings, job, how)?.shown(chosen, COLUMNS - 1),
        other => {
            bail!("the recipe `{}` has no views of its own: preview the experiment it begins from", other.name())
        }
    };
    let grid = Tensor::stack(&columns, 1).contiguous();
    let mut bytes = vec![0; grid.numel()];
    grid.copy_data(&mut bytes, grid.numel());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::test_job as job;

    fn pictures(job: &Job, chosen: &[i64]) -> Vec<Vec<u8>> {
        let picture = 8 * 8 * 3;
        let bytes = grid(job, chosen).unwrap();
        assert_eq!(bytes.len(), chosen.len() * COLUMNS * picture);
        bytes.chunks(picture).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn each_picture_stands_before_its_views() {
        let plain = job("supervised", "flip = 1\ncrop_padding = 0");
        for (row, image) in pictures(&plain, &[5, 1]).chunks(COLUMNS).zip([5, 1]) {
            let original = &plain.dataset.train.images[image * 192..][..192];
            let lines = original.chunks(24).map(|line| line.chunks(3).rev().flatten().copied().collect::<Vec<u8>>());
            let mirrored: Vec<u8> = lines.flatten().collect();
            assert_eq!(row[0], original);
            assert!(row[1..].iter().all(|view| *view == mirrored));
        }
    }

    #[test]
    fn all_that_a_recipe_does_is_shown() {
        let views = |recipe: &str, settings: &str| pictures(&job(recipe, settings), &[5])[1..].to_vec();
        let blanked = views("supervised", "crop_padding = 0\ncutout = 4");
        let original = job("supervised", "").dataset.train.images[5 * 192..][..192].to_vec();
        assert!(blanked.iter().all(|view| *view != original));
        let moved = views("supervised", "crop_padding = 3");
        assert!(moved.iter().any(|view| view.contains(&0) && *view != original), "what comes from outside is black");
        let two = views("moco", "");
        assert!(two.iter().all(|view| *view != original) && two[0] != two[1]);
    }

    #[test]
    fn the_choice_depends_on_the_seed_and_is_never_twice_the_same_picture() {
        let chosen = choose(100, 20, 1);
        assert_eq!(chosen, choose(100, 20, 1));
        assert_ne!(chosen, choose(100, 20, 2));
        let different: std::collections::HashSet<&i64> = chosen.iter().collect();
        assert_eq!((different.len(), choose(3, 20, 1).len()), (20, 3));
    }
}
