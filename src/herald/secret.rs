//! Secrets: read where they are used, held no longer than that, and never shown.

use crate::config::Secret;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Bytes that a file of a secret may have.
const LARGEST: u64 = 4096;

/// What a secret is.
///
/// # Errors
/// Where it is not there, or others can read it; never what it is.
pub fn read(secret: &Secret) -> Result<String, String> {
    let text = match secret {
        Secret::Env(name) => {
            std::env::var(name).map_err(|_| format!("the variable {name} is not set where the run was started"))?
        }
        Secret::File(path) => file(path)?,
    };
    let text = text.trim().to_owned();
    if text.is_empty() { Err(format!("{secret} is empty")) } else { Ok(text) }
}

fn file(name: &str) -> Result<String, String> {
    let path = match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(name),
    };
    let about = |error: std::io::Error| format!("`{name}` can't be read: {error}");
    let data = fs::metadata(&path).map_err(about)?;
    if data.mode() & 0o077 != 0 {
        return Err(format!("others can read `{name}`, which holds a secret: chmod 600 {name}"));
    }
    if !data.is_file() || data.len() > LARGEST {
        return Err(format!("`{name}` is no file of an address"));
    }
    fs::read_to_string(&path).map_err(about)
}
