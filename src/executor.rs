//! Starting and ending the process that trains a run: a process of this machine ([`local`]), or a job of a cluster
//! ([`slurm`]), which becomes such a process on its node.

pub mod libtorch;
pub mod local;
pub mod slurm;
