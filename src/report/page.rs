//! A page under construction: Markdown, as it is written to `report.md`, and the files that it shows.

use super::html;
use mocolab::figure::Figure;
use mocolab::text::sanitize;
use std::fmt::Write;

/// Where pictures lie beside the page.
pub const FIGURES: &str = "figures";

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    /// Its Markdown (`CommonMark` with tables).
    pub text: String,
    /// What it shows, as paths relative to it: SVG and PNG.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A table of cells that are plain text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What its columns are called.
    pub head: Vec<String>,
    /// Columns that are numbers.
    pub right: Vec<usize>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns of these names, of which those in `right` are numbers; no rows yet.
    pub fn new(head: &[&str], right: &[usize]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { head, right: right.to_vec(), rows: Vec::new() }
    }

    /// It without the columns in which every row says nothing.
    pub fn without_empty_columns(self) -> Self {
        let says = |column: &usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(*column));
            *column == 0 || cells.map(String::as_str).any(|cell| !matches!(cell, "" | "–"))
        };
        let kept: Vec<usize> = (0..self.head.len()).filter(says).collect();
        let of = |row: &[String]| kept.iter().filter_map(|column| row.get(*column).cloned()).collect();
        let right = |(place, column): (usize, &usize)| self.right.contains(column).then_some(place);
        Self {
            head: of(&self.head),
            right: kept.iter().enumerate().filter_map(right).collect(),
            rows: self.rows.iter().map(|row| of(row)).collect(),
        }
    }
}

impl Page {
    fn block(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push_str("\n\n");
    }

    /// A heading, 1 the greatest.
    pub fn heading(&mut self, level: usize, title: &str) {
        self.block(&format!("{} {}", "#".repeat(level), plain(title)));
    }

    /// A paragraph of Markdown.
    pub fn paragraph(&mut self, markdown: &str) {
        self.block(markdown);
    }

    /// Points of Markdown.
    pub fn list(&mut self, points: &[String]) {
        let lines: Vec<String> = points.iter().map(|point| format!("- {point}")).collect();
        self.block(&lines.join("\n"));
    }

    /// A table of plain text.
    pub fn table(&mut self, table: &Table) {
        let mut table = table.clone();
        table.head.iter_mut().chain(table.rows.iter_mut().flatten()).for_each(|cell| *cell = plain(cell));
        self.table_of_markdown(&table);
    }

    /// A table whose cells are Markdown.
    pub fn table_of_markdown(&mut self, table: &Table) {
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = row(&table.head);
        let line = |column: usize| if table.right.contains(&column) { "---:" } else { "---" };
        text.push_str(&row(&(0..table.head.len()).map(|column| line(column).to_owned()).collect::<Vec<_>>()));
        table.rows.iter().for_each(|cells| text.push_str(&row(cells)));
        self.block(&text);
    }

    /// `name`, or with a number behind it where there is such a file already.
    fn unused(&self, name: &str) -> String {
        let taken = |name: &str| self.files.iter().any(|(file, _)| *file == format!("{FIGURES}/{name}.png"));
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    /// Figures beside each other, each with its name (a file's) and what it shows. Those of many points are shown as pixels.
    pub fn figures(&mut self, figures: Vec<(String, String, Figure)>) {
        let mut shown = String::new();
        for (name, caption, figure) in figures {
            let name = self.unused(&name);
            let ending = if figure.is_heavy() { "png" } else { "svg" };
            let _ = writeln!(shown, "![{}]({FIGURES}/{name}.{ending})", plain(&caption));
            self.files.push((format!("{FIGURES}/{name}.svg"), figure.svg().into_bytes()));
            self.files.push((format!("{FIGURES}/{name}.png"), figure.png()));
        }
        self.block(&shown);
    }

    /// A picture within a text, as Markdown.
    pub fn picture(&mut self, name: &str, caption: &str, png: Vec<u8>) -> String {
        let file = format!("{FIGURES}/{}.png", self.unused(name));
        let markdown = format!("![{}]({file})", plain(caption));
        self.files.push((file, png));
        markdown
    }

    /// What `inside` adds, under `summary`, to be unfolded.
    pub fn folded(&mut self, summary: &str, inside: impl FnOnce(&mut Self)) {
        let summary = html::text(&sanitize(summary));
        self.block(&format!("<details>\n<summary>{summary}</summary>"));
        inside(self);
        self.block("</details>");
    }

    /// Lines as they are.
    pub fn code(&mut self, language: &str, code: &str) {
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        self.block(&format!("{fence}{language}\n{}\n{fence}", mocolab::text::sanitize_lines(code).trim_end()));
    }
}

/// The longest row of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// `text` as Markdown that shows just that.
pub fn plain(text: &str) -> String {
    let text = sanitize(text);
    let mut plain = String::with_capacity(text.len());
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Within a word an underscore is one.
        let mark = match c {
            '_' => !(letter(before) && letter(rest.peek().copied())),
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '!' => true,
            _ => false,
        };
        if mark {
            plain.push('\\');
        }
        plain.push(c);
        before = Some(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_table_whatever_is_in_it() {
        let mut page = Page::default();
        let mut table = Table::new(&["name", "val"], &[1]);
        table.rows.push(vec!["a|b_c <script>".into(), "95.10 ± 0.20".into()]);
        page.table(&table);
        assert_eq!(page.text, "| name | val |\n| --- | ---: |\n| a\\|b_c \\<script\\> | 95.10 ± 0.20 |\n\n");
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let mut table = Table::new(&["name", "a", "b", "c"], &[1, 3]);
        table.rows =
            vec![["x", "–", "", "1"].map(str::to_owned).to_vec(), ["y", "", "", "–"].map(str::to_owned).to_vec()];
        let kept = table.without_empty_columns();
        assert_eq!((kept.head, kept.right), (vec!["name".to_owned(), "c".to_owned()], vec![1]));
        assert_eq!(kept.rows, [["x", "1"], ["y", "–"]]);
    }

    #[test]
    fn code_ends_where_it_ends() {
        let mut page = Page::default();
        page.code("toml", "a = \"```\"");
        assert_eq!(page.text, "````toml\na = \"```\"\n````\n\n");
    }
}
