//! Settings that each are allowed and together make no sense: those that recipes share.

use super::{Conflict, Monitor, Recipe, Schedule, Views};

/// A conflict between `settings`, the likeliest culprit first.
pub(super) fn conflict(settings: &'static [&'static str], message: String, help: &str) -> Conflict {
    Conflict { settings, message, help: help.to_owned() }
}

/// Conflicts within and between the groups that every recipe has.
pub(super) fn of_groups(recipe: &Recipe) -> Vec<Conflict> {
    let (descent, judging) = (recipe.descent(), recipe.judging());
    let mut conflicts = Vec::new();
    let (warmup, epochs) = (descent.warmup_epochs.get(), descent.epochs);
    if warmup > epochs.get() as f64 {
        let message = format!("the warm-up of {warmup} epochs is longer than the training of {epochs}");
        let help = format!("set `warmup_epochs` to at most {epochs}, or `epochs` higher");
        conflicts.push(conflict(&["warmup_epochs", "epochs"], message, &help));
    }
    if judging.val_fraction.get() >= 1.0 {
        let message = format!("`val_fraction` {} leaves no image to train on", judging.val_fraction.get());
        conflicts.push(conflict(&["val_fraction"], message, "set it below 1; 0.1 is usual"));
    }
    let watched = judging.patience > 0 || descent.schedule == Schedule::Plateau;
    if watched && judging.val_fraction.get() <= 0.0 {
        let message = format!("`{}` can't be monitored without a validation split", judging.monitor);
        conflicts.push(conflict(
            &["val_fraction", "patience", "schedule"],
            message,
            "hold some images out: 0.1 is usual",
        ));
    }
    if descent.schedule == Schedule::Step && descent.milestones.get().is_empty() {
        let message = "the schedule `step` has no `milestones`".to_owned();
        conflicts.push(conflict(
            &["schedule", "milestones"],
            message,
            "add the epochs to step at: milestones = \"120, 160\"",
        ));
    }
    if !descent.batch.get().is_multiple_of(descent.accumulate.get()) {
        let message = format!("a batch of {} can't be computed in {} equal parts", descent.batch, descent.accumulate);
        conflicts.push(conflict(&["accumulate", "batch"], message, "let `accumulate` divide `batch`"));
    }
    if !(2.0..=500.0).contains(&judging.map_perplexity.get()) {
        let message = format!("a map with {} effective neighbours a point says little", judging.map_perplexity);
        conflicts.push(conflict(&["map_perplexity"], message, "set it between 2 and 500; 30 is usual"));
    }
    if judging.monitor == Monitor::Knn && !matches!(recipe, Recipe::Moco(_)) {
        let message = format!("`{}` is measured by MoCo only", judging.monitor);
        conflicts.push(conflict(&["monitor"], message, "monitor `val/macro_accuracy` or `val/loss`"));
    }
    conflicts
}

/// Conflicts of how pictures are changed.
pub(super) fn of_views(views: &Views) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    if views.crop_area.get() <= 0.0 {
        let message = "`crop_area` 0 would show nothing of a picture".to_owned();
        conflicts.push(conflict(&["crop_area"], message, "0.08 and 0.2 are usual, 1 = no crop"));
    }
    if views.blur_kernel.get().is_multiple_of(2) || views.blur_kernel.get() > 31 {
        let message = format!("a blur can't reach over {} pixels around one", views.blur_kernel);
        conflicts.push(conflict(&["blur_kernel"], message, "set an odd number from 1 to 31"));
    }
    if views.blur_sigma_min > views.blur_sigma_max {
        let message =
            format!("`blur_sigma_min` {} is above `blur_sigma_max` {}", views.blur_sigma_min, views.blur_sigma_max);
        conflicts.push(conflict(&["blur_sigma_min", "blur_sigma_max"], message, "0.1 and 2 are usual"));
    }
    if views.hue.get() > 0.5 {
        let message = format!("`hue` {} is more than half of the circle", views.hue);
        conflicts.push(conflict(&["hue"], message, "set it to at most 0.5; 0.1 is usual"));
    }
    if views.crop_ratio.get() < 1.0 {
        let message = format!("`crop_ratio` {} is no widest crop: the narrowest is its inverse", views.crop_ratio);
        conflicts.push(conflict(&["crop_ratio"], message, "set it to 1 or more; 4/3 is usual"));
    }
    conflicts
}
