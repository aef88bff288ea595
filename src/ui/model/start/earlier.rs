//! How long a run will take: as long as one like it took.

use crate::sight::Sight;
use mocolab::experiment::{DataSource, Experiment};
use toml::Table;

/// How long an earlier run took.
#[derive(Debug, Clone, PartialEq)]
pub struct Earlier {
    /// Seconds of an epoch, evaluation included.
    pub epoch: f64,
    /// Where it ran: `cuda:0`.
    pub devices: String,
    /// When it was made: `24 Nov`; empty where its name doesn't say.
    pub day: String,
    /// Whether all settings that bear on the time were the same.
    pub same: bool,
    /// Whether it ran on GPUs.
    pub gpu: bool,
}

/// Settings that bear on no epoch's time.
const IDLE: &[&str] = &[
    "epochs",
    "factor",
    "from",
    "init",
    "key_momentum",
    "key_momentum_end",
    "knn_k",
    "knn_temperature",
    "label_smoothing",
    "log_every",
    "lr",
    "max_minutes",
    "milestones",
    "min_delta",
    "momentum",
    "monitor",
    "nesterov",
    "on_trouble",
    "patience",
    "plateau_patience",
    "preset",
    "rollbacks",
    "schedule",
    "temperature",
    "warmup_epochs",
    "weight_decay",
];

impl Earlier {
    /// Of `runs`, what tells most of `experiment`: on GPUs, and on the CPU. Runs with the same settings before others of
    /// the same experiment, newer ones before older ones.
    pub fn like<'a>(experiment: &Experiment, runs: impl Iterator<Item = &'a Sight>) -> Vec<Self> {
        let wanted = bearing(experiment);
        let mut best: [Option<((bool, String), Self)>; 2] = [None, None];
        for sight in runs {
            let Ok(other) = &sight.experiment else { continue };
            if other.recipe.name() != experiment.recipe.name() || other.recipe.arch() != experiment.recipe.arch() {
                continue;
            }
            let same = data(&other.data) == data(&experiment.data) && bearing(other) == wanted;
            if !same && other.name != experiment.name {
                continue;
            }
            let Some(found) = Self::of(sight, same) else { continue };
            let (place, rank) = (&mut best[usize::from(found.gpu)], (same, sight.run.id()));
            if place.as_ref().is_none_or(|(before, _)| *before < rank) {
                *place = Some((rank, found));
            }
        }
        best.into_iter().flatten().map(|(_, earlier)| earlier).collect()
    }

    /// None before a tenth of an epoch tells anything.
    fn of(sight: &Sight, same: bool) -> Option<Self> {
        let state = &sight.state;
        let started = state.started.as_ref()?;
        let steps = state.step.checked_sub(started.from_step).filter(|steps| steps * 10 > started.steps_per_epoch)?;
        let epoch = (state.last_seen - state.attempt_began) / steps as f64 * started.steps_per_epoch as f64;
        let devices = sight.devices();
        let gpu = devices.contains("cuda");
        (epoch.is_finite() && epoch > 0.0).then(|| Self { epoch, devices, day: day(&sight.run.id()), same, gpu })
    }
}

/// The settings that bear on the time of an epoch.
fn bearing(experiment: &Experiment) -> Table {
    let mut recipe = Table::try_from(&experiment.recipe).unwrap_or_default();
    if let Some(settings) = recipe.get_mut(experiment.recipe.name()).and_then(|table| table.as_table_mut()) {
        for key in IDLE {
            settings.remove(*key);
        }
    }
    recipe.insert("images".into(), i64::from(experiment.images).into());
    recipe
}

/// Pictures of the same kind and number, wherever they lie.
fn data(source: &DataSource) -> &str {
    match source {
        DataSource::Cifar10(_) | DataSource::Cifar10ElseShapes => "cifar10",
        DataSource::Images(path) => path.to_str().unwrap_or_default(),
        DataSource::Shapes => "shapes",
    }
}

/// `24 Nov` of a run's id that begins with `20261124`.
fn day(id: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |from: usize| id.get(from..from + 2)?.parse::<usize>().ok();
    let day = || Some(format!("{} {}", number(6)?, MONTHS.get(number(4)?.checked_sub(1)?)?));
    day().unwrap_or_default()
}
