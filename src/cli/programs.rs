//! Browsers of this machine.

use mocolab::executor::program;
use std::path::PathBuf;

/// Browsers that print without a screen, in the order in which they are looked for.
pub const BROWSERS: [&str; 6] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser"];

/// The browser that prints: `MOCOLAB_BROWSER`, else the first that is found.
pub fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("MOCOLAB_BROWSER").filter(|name| !name.is_empty()).map(PathBuf::from);
    named.or_else(|| BROWSERS.iter().find_map(|name| program(name)))
}
