//! What stands where no rows are: why, and what to do.

use super::table::Seen;
use crate::ui::theme::Theme;
use mocolab::config::did_you_mean;
use mocolab::text::sanitize;
use ratatui::text::{Line, Span, Text};
use std::collections::BTreeSet;

/// The text for a list without rows.
pub(super) fn text(seen: &Seen, theme: Theme) -> Text<'static> {
    let filter = seen.state.filter();
    let something = !seen.runs.is_empty() || seen.suite.is_some();
    if something && !filter.is_empty() {
        return hidden(seen, theme);
    }
    let lines = match (seen.suite, seen.problem) {
        // What is wrong stands above already.
        (_, Some(_)) => vec![],
        (None, None) => vec![Line::styled(" reading", theme.faint())],
        (Some(_), None) => vec![
            Line::styled(" no experiments", theme.title()),
            Line::styled(
                " describe one in experiments.toml under [experiment.NAME], or start from `mocolab init`",
                theme.faint(),
            ),
        ],
    };
    Text::from(lines)
}

/// The filter hides all.
fn hidden(seen: &Seen, theme: Theme) -> Text<'static> {
    let runs = match seen.rows.total {
        0 => "no experiment fits".to_owned(),
        1 => "the one run there is does not fit".to_owned(),
        total => format!("none of {total} runs fits"),
    };
    let mut lines = vec![
        Line::from(vec![
            Span::raw(format!(" {runs} ")),
            Span::styled(format!("`{}`", sanitize(seen.state.search.text())), theme.title()),
        ]),
        Line::from(vec![
            Span::styled(" Esc", theme.key()),
            Span::styled(" shows all again, ", theme.faint()),
            Span::styled("/", theme.key()),
            Span::styled(" changes the filter", theme.faint()),
        ]),
    ];
    let measured: BTreeSet<&str> =
        seen.runs.values().flat_map(|sight| sight.state.latest.keys()).map(String::as_str).collect();
    for metric in seen.state.filter().metrics().filter(|metric| !measured.contains(metric)) {
        let near = did_you_mean(metric, measured.iter().copied()).map(|near| format!("; {near}")).unwrap_or_default();
        lines
            .push(Line::styled(format!(" no run has measured `{}`{}", sanitize(metric), sanitize(&near)), theme.bad()));
    }
    Text::from(lines)
}

/// A word of help under the experiments where nothing was ever run.
pub(super) fn first_steps(theme: Theme) -> Text<'static> {
    let key = |key: &'static str| Span::styled(key, theme.key());
    let word = |word: &'static str| Span::styled(word, theme.faint());
    Text::from(vec![
        Line::default(),
        Line::styled(" no runs yet", theme.title()),
        Line::from(vec![key(" s"), word(" starts the experiment under the cursor")]),
        Line::from(vec![key(" ?"), word(" shows all keys")]),
    ])
}
