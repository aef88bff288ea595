//! The page as HTML that needs nothing else: its pictures within it, its style within it, no script.

use super::page::Page;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::collections::HashMap;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// `text` as HTML that shows just that.
pub fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The whole of `page` under `title`; folded parts open where `open`.
pub fn html(page: &Page, title: &str, open: bool) -> String {
    let files: HashMap<&str, &[u8]> =
        page.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let (contents, events) = events(page, &files, open);
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, events.into_iter());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<nav>\n{contents}</nav>\n<main>\n{body}</main>\n</body>\n</html>\n",
        text(title)
    )
}

/// The page's events with its pictures in them, and its contents.
fn events<'a>(page: &'a Page, files: &HashMap<&str, &[u8]>, open: bool) -> (String, Vec<Event<'a>>) {
    let (mut contents, mut made) = (String::new(), Vec::new());
    let (mut cell, mut heading) = (false, 0);
    let mut parser = Parser::new_ext(&page.text, Options::ENABLE_TABLES);
    while let Some(event) = parser.next() {
        match event {
            Event::Start(Tag::TableCell) => {
                cell = true;
                made.push(event);
            }
            Event::End(TagEnd::TableCell) => {
                cell = false;
                made.push(event);
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let mut caption = String::new();
                for inner in parser.by_ref().take_while(|event| !matches!(event, Event::End(TagEnd::Image))) {
                    if let Event::Text(part) = inner {
                        caption.push_str(&part);
                    }
                }
                made.push(Event::InlineHtml(shown(&dest_url, &caption, (files, cell)).into()));
            }
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                heading += 1;
                let mut title = String::new();
                for inner in parser.by_ref().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_)))) {
                    if let Event::Text(part) | Event::Code(part) = inner {
                        title.push_str(&part);
                    }
                }
                let title = text(&title);
                let _ = writeln!(contents, "<a href=\"#s{heading}\">{title}</a>");
                made.push(Event::Html(format!("<h2 id=\"s{heading}\">{title}</h2>\n").into()));
            }
            // A report has no links of its own: what looks like one is somebody's name.
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => {}
            Event::Html(html) | Event::InlineHtml(html) => made.push(fold(html, open)),
            other => made.push(other),
        }
    }
    (contents, made)
}

/// What folds, which is all the HTML that a page has; anything else is shown as it is written.
fn fold(html: CowStr<'_>, open: bool) -> Event<'_> {
    let summary = html.trim().strip_prefix("<summary>").and_then(|rest| rest.strip_suffix("</summary>"));
    match html.trim() {
        "<details>" if open => Event::Html("<details open>\n".into()),
        "<details>" | "</details>" => Event::Html(html),
        _ if summary.is_some_and(|summary| !summary.contains('<')) => Event::Html(html),
        _ => Event::Text(html),
    }
}

/// The picture of a file: with its caption, or small within a cell.
fn shown(file: &str, caption: &str, (files, cell): (&HashMap<&str, &[u8]>, bool)) -> String {
    let said = text(caption);
    let Some(bytes) = files.get(file) else { return said };
    let picture = match std::str::from_utf8(bytes) {
        Ok(svg) if std::path::Path::new(file).extension().is_some_and(|ending| ending == "svg") => {
            svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{said}\" "), 1)
        }
        _ => format!("<img alt=\"{said}\" src=\"data:image/png;base64,{}\">", STANDARD.encode(bytes)),
    };
    if cell { picture } else { format!("<span class=\"figure\">{picture}<span>{said}</span></span>") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::Table;
    use mocolab::figure::{Series, curves};

    #[test]
    fn it_needs_nothing_else_and_holds_no_markup_of_others() {
        let mut page = Page::default();
        page.heading(1, "Report of <script>alert(1)</script>");
        page.heading(2, "One & two");
        let series = Series { name: "a".into(), points: vec![(0.0, 1.0), (1.0, 2.0)], faint: false, colour: 0 };
        let figure = curves("t", ["x", "y"], vec![series], None);
        page.figures(vec![("loss".into(), "the \"loss\" <b>".into(), figure)]);
        let mut table = Table::new(&["<img src=x>"], &[]);
        let picture = page.picture("p", "p", vec![1, 2, 3]);
        table.rows.push(vec![picture]);
        page.table_of_markdown(&table);
        page.folded("</summary><script>", |page| page.code("toml", "</code><script>"));
        page.paragraph("<script src=\"https://example.org\"></script> <details open>");
        let made = html(&page, "a <title>", false);
        assert!(!made.contains("<script") && !made.contains("<title>\n<") && !made.contains("<b>"), "{made}");
        assert_eq!(made.matches("src=").count() - made.matches("src=\"data:").count(), 2, "as text only");
        assert!(made.contains("<title>a &lt;title&gt;</title>") && made.contains("<a href=\"#s1\">One &amp; two</a>"));
        assert!(made.contains("aria-label=\"the &quot;loss&quot; &lt;b&gt;\"") && made.contains("<svg role"), "{made}");
        assert!(made.contains("<td><img alt=\"p\" src=\"data:image/png;base64,AQID\"></td>"));
        assert!(made.contains("<details>") && html(&page, "", true).contains("<details open>"));
        assert_eq!(
            page.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["figures/loss.svg", "figures/loss.png", "figures/p.png"]
        );
    }
}
