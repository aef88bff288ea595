//! Starting and ending the process that trains a run. One executor so far: a process of this machine ([`local`]).

pub mod local;
