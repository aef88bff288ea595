//! A limit to the size of files.

use signal_hook::consts::SIGXFSZ;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// From now on a limit to the size of files (`ulimit -f`, SIGXFSZ) is an error of the write that met it, which is told as any
/// other; it would end this process at once, with the screen as it is and half a file lying. To be called first of all.
pub fn outlive_file_limits() {
    // Where even that is refused, all is as it was.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}
