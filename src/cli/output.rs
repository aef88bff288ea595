//! Printing: nothing that a terminal would obey gets out, wherever it came from; a reader that has gone away (`mocolab ls | head`) ends the program in peace, everything else is an error.

use anyhow::Context;
use mocolab::disk::write_whole;
use mocolab::text::{sanitize, sanitize_lines};
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;

/// Prints a line.
///
/// # Errors
/// Where standard output can't be written.
pub fn say(line: impl AsRef<str>) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{}", sanitize_lines(line.as_ref())) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// Prints a value as JSON.
///
/// # Errors
/// As [`say`].
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}

/// Prints a line beside the output proper.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", sanitize_lines(line));
}

/// Writes a file whole or not at all; what is no file, such as a pipe, takes it as it comes.
///
/// # Errors
/// Where it can't be written, with its name; one that was there is left then.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|data| !data.is_file()) {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(content);
        }
        // Of a link what it leads to.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        write_whole(&path, content)
    };
    write().with_context(|| format!("writing `{}`", path.display()))
}

/// Reports an error as the last thing the program does.
pub fn complain(error: &anyhow::Error) -> ExitCode {
    note(&format!("mocolab: {error:#}"));
    ExitCode::FAILURE
}

/// Says what is wrong with the command line, or what was asked of it (`--help`). What it repeats of a line with signs that a
/// terminal would obey, it does not pass on.
pub fn refuse(error: &clap::Error) -> ExitCode {
    let obeyed = |argument: std::ffi::OsString| sanitize(&argument.to_string_lossy()) != argument.to_string_lossy();
    if !std::env::args_os().any(obeyed) {
        error.exit();
    }
    note(&error.render().to_string());
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// Is somebody reading this on a terminal?
pub fn on_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Rows as a table: columns as wide as their widest cell, two spaces between, the columns in `right` set to the right.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    // A cell is one line, whatever is in it.
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| sanitize(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column| rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, text): (usize, &String)| {
        let fill = " ".repeat(widths[column] - text.width());
        if right.contains(&column) { format!("{fill}{text}") } else { format!("{text}{fill}") }
    };
    rows.iter()
        .map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "10".to_owned()]];
        assert_eq!(table(&rows, &[1]), ["a     1", "bcd  10"]);
        assert_eq!(table(&[vec!["a\nb".to_owned(), "c".to_owned()]], &[]), ["a␊b  c"], "no line of its own");
    }
}
