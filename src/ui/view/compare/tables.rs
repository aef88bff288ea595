//! The tables: the settings that differ, what each run reached, and how seeds spread.

use super::compared::UNREAD;
use super::table::{Cell, Head, Row, Table};
use super::{Compared, Seen, letter, shown, titled};
use crate::ui::theme::Theme;
use mocolab::compare::{Bests, Seeds, Spread, common_beginning};
use mocolab::metrics::{Direction, direction};
use mocolab::text::{number, sanitize};
use ratatui::style::Style;

/// Lines that [`bests`] has.
pub fn best_lines(seen: Seen) -> usize {
    let each = if seen.compared.baseline(seen.screen).is_some() { 3 } else { 2 };
    each * seen.compared.bests.len()
}

/// Values longer than this are shown without what all begin with.
const LONG: usize = 24;

/// A column for each run.
fn heads(seen: Seen, theme: Theme) -> Vec<Head> {
    let runs = seen.compared.runs.iter().enumerate();
    runs.map(|(run, one)| Head {
        letters: letter(run).to_string(),
        name: one.name.clone(),
        look: theme.run(seen.compared.colours[run]),
    })
    .collect()
}

/// The settings in which the runs differ, as TOML writes them. Where there is a baseline, what is the same there is `=`.
pub fn settings(seen: Seen, theme: Theme) -> Table {
    let pinned = seen.compared.baseline(seen.screen);
    let row = |difference: &mocolab::compare::Difference| {
        let given: Vec<&str> = difference.values.iter().flatten().map(String::as_str).collect();
        // Of paths only what tells them apart.
        let long = given.iter().any(|value| value.len() > LONG);
        let beginning = if long { common_beginning(&given) } else { "" };
        let cell = |(run, value): (usize, &Option<String>)| {
            let text = match value {
                None => "–".to_owned(),
                Some(value) if beginning.is_empty() => sanitize(value),
                Some(value) => format!("…{}", sanitize(value.strip_prefix(beginning).unwrap_or(value))),
            };
            let known = value.as_deref() != Some(UNREAD);
            let same = known && pinned.is_some_and(|base| base != run && difference.values[base] == *value);
            if same { Cell { text: "=".into(), style: theme.faint() } } else { Cell { text, style: Style::new() } }
        };
        let cells = difference.values.iter().enumerate().map(cell).collect();
        Row { key: sanitize(&difference.key), style: theme.faint(), cells }
    };
    let same = pinned.map(|base| format!("; = as {}", letter(base))).unwrap_or_default();
    let all_read = seen.compared.runs.iter().all(|run| run.sight.experiment.is_ok());
    let unread = if all_read { "" } else { "; ? can't be read" };
    Table {
        title: "settings",
        about: format!("differing{same}{unread}"),
        heads: heads(seen, theme),
        rows: seen.compared.settings.iter().map(row).collect(),
        empty: if all_read { "no setting differs" } else { "no setting differs among those that can be read" },
        pinned,
        theme,
    }
}

/// What each run reached: best with its epoch, the last value beneath and, where there is a baseline, how much better or
/// worse the best is than the best there.
pub fn bests(seen: Seen, theme: Theme) -> Table {
    let pinned = seen.compared.baseline(seen.screen);
    let runs = 0..seen.compared.runs.len();
    let row = |bests: &Bests| {
        let best = runs.clone().map(|run| best(bests, run, theme)).collect();
        // Its column may be out of sight.
        let winners: String = runs.clone().filter(|run| bests.wins(*run)).map(letter).collect();
        let winners = if winners.is_empty() { winners } else { format!("*{winners}") };
        let last = |run: usize| bests.scores[run].and_then(|score| score.last).map(|last| shown(&bests.metric, last));
        let last = runs.clone().map(|run| Cell { text: last(run).unwrap_or_default(), style: theme.faint() }).collect();
        let mut rows = vec![
            Row { key: format!("{}{winners}", titled(&bests.metric)), style: Style::new(), cells: best },
            Row { key: "  last".into(), style: theme.faint(), cells: last },
        ];
        if let Some(base) = pinned {
            let cells = runs.clone().map(|run| against(bests, run, base, theme)).collect();
            rows.push(Row { key: format!("  best against {}", letter(base)), style: theme.faint(), cells });
        }
        rows
    };
    Table {
        title: "bests",
        about: "best @ epoch, * the best of all".into(),
        heads: heads(seen, theme),
        rows: seen.compared.bests.iter().flat_map(row).collect(),
        empty: "nothing was measured yet",
        pinned,
        theme,
    }
}

fn best(bests: &Bests, run: usize, theme: Theme) -> Cell {
    let Some(score) = bests.scores[run] else { return Cell { text: "–".into(), style: theme.faint() } };
    let wins = bests.wins(run);
    let mark = if wins { "*" } else { "" };
    let text = format!("{} @{}{mark}", shown(&bests.metric, score.best.value), score.best.epoch);
    Cell { text, style: if wins { theme.title() } else { Style::new() } }
}

/// The difference to the baseline, of shares in percentage points, and in a word what it means.
fn against(bests: &Bests, run: usize, base: usize, theme: Theme) -> Cell {
    let (Some(own), Some(other)) = (bests.value(run).filter(|_| run != base), bests.value(base)) else {
        return Cell { text: String::new(), style: theme.faint() };
    };
    let difference = own - other;
    let sign = if difference < 0.0 { "-" } else { "+" };
    let size = difference.abs();
    let text = match bests.direction {
        Direction::Higher => format!("{sign}{:.2} pp", size * 100.0),
        Direction::Lower => format!("{sign}{}", number(size)),
    };
    let style = match bests.direction {
        direction if direction.better(own, other) => theme.status(mocolab::status::Status::Done),
        direction if direction.better(other, own) => theme.val(),
        _ => theme.faint(),
    };
    Cell { text, style }
}

/// Lines that [`seeds`] takes with its title.
pub fn seed_lines(compared: &Compared) -> u16 {
    if several(compared) { compared.bests.len() as u16 + 4 } else { 2 }
}

/// Is there anything to take a deviation of?
fn several(compared: &Compared) -> bool {
    compared.seeds.iter().any(|group| group.seeds.len() > 1)
}

/// Mean and standard deviation of each best over seeds, a column for all runs that differ in nothing else.
pub fn seeds(seen: Seen, theme: Theme) -> Table {
    let compared = seen.compared;
    let groups: &[Seeds] = if several(compared) { &compared.seeds } else { &[] };
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let beginning = common_beginning(&names);
    let head = |group: &Seeds| Head {
        letters: group.runs.iter().map(|run| letter(*run)).collect(),
        name: sanitize(group.name.strip_prefix(beginning).unwrap_or(&group.name)),
        look: group.runs.first().map_or(theme.title(), |run| theme.run(seen.compared.colours[*run])),
    };
    let plain = |text: String| Cell { text, style: Style::new() };
    let seeds = groups.iter().map(|group| plain(listed(&group.seeds))).collect();
    let mut rows = vec![Row { key: "seeds".into(), style: theme.faint(), cells: seeds }];
    let waiting: Vec<usize> = groups.iter().map(|group| compared.not_done(&group.runs)).collect();
    if waiting.iter().any(|count| *count > 0) {
        let cell = |(count, group): (&usize, &Seeds)| plain(format!("{count} of {}", group.runs.len()));
        let cells = waiting.iter().zip(groups).map(cell).collect();
        rows.push(Row { key: "runs not done".into(), style: theme.val(), cells });
    }
    for (place, bests) in compared.bests.iter().enumerate() {
        let cell = |group: &Seeds| plain(spread(&bests.metric, group.spreads[place], group.seeds.len()));
        rows.push(Row { key: titled(&bests.metric), style: Style::new(), cells: groups.iter().map(cell).collect() });
    }
    Table {
        title: "bests over seeds",
        about: "mean ± sample std".into(),
        heads: groups.iter().map(head).collect(),
        rows: if groups.is_empty() { Vec::new() } else { rows },
        empty: "no two differ in the seed alone: no spread to give",
        pinned: None,
        theme,
    }
}

/// `3: 1, 2, 3`.
fn listed(seeds: &[u64]) -> String {
    let words: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("{}: {}", seeds.len(), words.join(", "))
}

/// `53.01 ± 0.41%`; where not all seeds have a value, of how many it is.
fn spread(metric: &str, spread: Option<Spread>, seeds: usize) -> String {
    let Some(spread) = spread else { return "–".into() };
    let share = direction(metric) == Some(Direction::Higher);
    let text = match spread.deviation {
        Some(deviation) if share => format!("{:.2} ± {:.2}%", spread.mean * 100.0, deviation * 100.0),
        Some(deviation) => format!("{} ± {}", number(spread.mean), number(deviation)),
        None => shown(metric, spread.mean),
    };
    if spread.seeds < seeds { format!("{text} of {}", spread.seeds) } else { text }
}
