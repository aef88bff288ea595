//! What ended a training, in words for people.

use anyhow::{Result, anyhow};
use mocolab::run::LogError;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How libtorch, its libraries and the C++ runtime say that there is no memory: the first is of its allocator on the CPU, the
/// second of the one on a GPU, then oneDNN's, and `new`.
const NO_MEMORY: [&str; 5] =
    ["can't allocate memory", "out of memory", "could not create a memory", "bad_alloc", "Cannot allocate memory"];

/// What work gives; where it panics, an error that says so.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(anyhow!(words(panic.as_ref()))))
}

/// What a panic says: libtorch's errors come as panics through tch.
pub fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    first(text.unwrap_or("the trainer panicked"))
}

/// Of an error of libtorch what is for people: its first lines; the rest is the stack of C++, and in the log. A panic of tch
/// shows it as Rust writes a text, `called ... Torch("...\\n...")`.
fn first(text: &str) -> String {
    let inner = text.split_once("Torch(\"").map_or(text, |(_, inner)| inner.trim_end_matches("\")"));
    let lines = inner.split("\\n").flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("Exception raised from")).take(2).collect();
    lines.join(" ")
}

/// What is told of an error that ended a run; where memory ran out, what helps.
pub fn cause_of(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    if NO_MEMORY.iter().any(|words| text.contains(words)) {
        format!(
            "out of memory: {text}; raise `accumulate` (the batch is taken in so many parts), take a smaller `batch`, \
             `precision = \"bf16\"` or a device with more of it free, and start it anew; or resume it as it is once others have ended"
        )
    } else {
        text
    }
}

/// Whether an error is a disk, a quota or a limit that is full.
pub fn no_room(error: &anyhow::Error) -> bool {
    let full = |kind| {
        matches!(
            kind,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge
        )
    };
    error.chain().any(|cause| {
        let log = cause.downcast_ref::<LogError>().map(|error| error.error.kind());
        log.or_else(|| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)).is_some_and(full)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_of_libtorch_its_first_lines_are_told() {
        let error = tch::TchError::Torch(
            "[enforce fail] can't allocate memory\nException raised from alloc\nframe #0: x".into(),
        );
        let failed: std::result::Result<(), _> = std::hint::black_box(Err(error));
        let panicked = catch_unwind(AssertUnwindSafe(|| failed.unwrap())).unwrap_err();
        assert_eq!(words(panicked.as_ref()), "[enforce fail] can't allocate memory");
        assert_eq!(first("one\ntwo\nthree"), "one two");
    }

    #[test]
    fn out_of_memory_comes_with_advice() {
        let cause = cause_of(&anyhow!("CUDA out of memory. Tried to allocate 20.00 MiB."));
        assert!(cause.starts_with("out of memory: CUDA") && cause.contains("`batch`"), "{cause}");
        assert_eq!(cause_of(&anyhow!("no such file")), "no such file");
    }
}
