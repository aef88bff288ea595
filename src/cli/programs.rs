//! Other programs of this machine.

use std::path::{Path, PathBuf};

/// Browsers that print without a screen, in the order in which they are looked for.
pub const BROWSERS: [&str; 6] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser"];

/// Where a program of this name is found.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| Path::is_file(program))
}

/// The browser that prints: `MOCOLAB_BROWSER`, else the first that is found.
pub fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("MOCOLAB_BROWSER").filter(|name| !name.is_empty()).map(PathBuf::from);
    named.or_else(|| BROWSERS.iter().find_map(|name| find(name)))
}
