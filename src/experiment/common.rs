//! The settings that every experiment has, whatever its recipe.

use super::{DataSource, Executor, Slots, Threads, setting::settings};

settings! {
    /// What may stand in `[defaults]` and `[experiment.NAME]` beside the recipe.
    pub struct Common {
        data: DataSource = DataSource::Cifar10(None), DataSource::ALLOWED,
            "where the pictures come from";
        images: u32 = 0, "a whole number, 0 or more",
            "use only so many training images, the first of every class; 0 = all";
        threads: Threads = Threads::constant(0), Threads::ALLOWED,
            "CPU threads of the trainer; 0 = all. Results depend on it, so a run keeps the number";
        slots: Slots = Slots::constant(1), Slots::ALLOWED,
            "runs that may share its device, itself among them: small ones fit several on a GPU";
        executor: Executor = Executor::Local, Executor::ALLOWED,
            "where it is trained unless its start says otherwise: here, or as a job of Slurm";
        seed: u64 = 1, "a whole number from 0 to 9223372036854775807",
            "decides everything random in a run";
    }
}
