//! One GPU: its title with figures, its bars, its parts, who is on it.

use super::graph::area;
use super::{CHOSEN, Detail, MEMORY, NONE, OURS, Of, Seen, USE, WARN, meter, of, ruled};
use crate::ui::theme::Theme;
use crate::ui::view::fit;
use mocolab::device::history::columns;
use mocolab::device::processes::{Kind, Process};
use mocolab::device::sample::{DeviceSample, Instance, Memory, Mig};
use mocolab::text::{bytes, sanitize};
use ratatui::text::{Line, Span};

/// Columns of a name, a figure and the gaps around them.
const METER: usize = 13;
/// Columns of `32.1 of 79.6 GiB`.
const OF: usize = 16;

/// The lines of `gpu`.
pub(super) fn block(seen: &Seen, gpu: &DeviceSample, chosen: bool, detail: Detail, width: usize) -> Vec<Line<'static>> {
    if detail.processes == 0 {
        let mut lines = vec![title(gpu, chosen, folded(seen, gpu), (seen.theme, width))];
        if gpu.health.lost.is_none() {
            lines.extend(bars(seen, gpu, 0, width));
        }
        return lines;
    }
    let mut lines = vec![title(gpu, chosen, state(gpu, seen.theme), (seen.theme, width))];
    lines
        .extend(gpu.troubles().into_iter().map(|trouble| Line::styled(format!(" {WARN} {trouble}"), seen.theme.bad())));
    if gpu.health.lost.is_some() {
        return lines;
    }
    lines.extend(bars(seen, gpu, detail.rows, width));
    if let Mig::Cut(parts) = &gpu.mig {
        lines.extend(parts.iter().map(|part| instance(part, seen.theme)));
    }
    lines.extend(processes(seen, gpu, detail.processes));
    lines
}

fn title(gpu: &DeviceSample, chosen: bool, state: Span<'static>, (theme, width): (Theme, usize)) -> Line<'static> {
    let mark = if chosen { CHOSEN } else { " " };
    let name = Span::styled(format!("{mark}{} {}", gpu.name, sanitize(&gpu.model)), theme.title());
    let gap = if state.content.is_empty() { "" } else { "  " };
    ruled(vec![name, Span::raw(gap), state], figures(gpu, theme), theme, width)
}

/// Who is on it, in the title, with a sign where a run of this project is.
fn folded(seen: &Seen, gpu: &DeviceSample) -> Span<'static> {
    let ours = gpu.processes.iter().flatten().any(|process| seen.labels.contains_key(&process.pid));
    let who = super::who(gpu, seen.theme);
    if ours { Span::styled(format!("{OURS} {}", who.content), who.style) } else { who }
}

/// What it is just now, in a word, where there is one.
fn state(gpu: &DeviceSample, theme: Theme) -> Span<'static> {
    match &gpu.mig {
        Mig::Cut(parts) if parts.is_empty() => Span::raw("MIG, no parts yet"),
        Mig::Cut(parts) => Span::raw(format!("MIG, {} part{}", parts.len(), if parts.len() == 1 { "" } else { "s" })),
        Mig::Part => Span::raw("a MIG part"),
        Mig::Whole if gpu.is_free() => Span::styled("free", theme.title()),
        Mig::Whole => Span::raw(""),
    }
}

/// What stands at the right of the title, what matters most first.
fn figures(gpu: &DeviceSample, theme: Theme) -> Vec<Span<'static>> {
    if gpu.health.lost.is_some() {
        return Vec::new();
    }
    let mut figures = vec![match (gpu.power, gpu.power_limit) {
        (Some(power), Some(limit)) => Span::raw(format!("{power:.0}/{limit:.0} W")),
        (Some(power), None) => Span::raw(format!("{power:.0} W")),
        (None, _) => Span::styled(format!("power {NONE}"), theme.faint()),
    }];
    figures.push(match (gpu.temperature, gpu.slowdown) {
        (Some(now), Some(most)) if now + 5 >= most => Span::styled(format!("{now}/{most} °C{WARN}"), theme.bad()),
        (Some(now), _) => Span::raw(format!("{now} °C")),
        (None, _) => Span::styled(format!("heat {NONE}"), theme.faint()),
    });
    let more = [
        gpu.clock.map(|clock| format!("{clock} MHz")),
        gpu.fan.map(|fan| format!("fan {fan}%")),
        gpu.link.map(|link| format!("PCIe {}x{}", link.generation, link.width)),
        gpu.memory_busy.map(|busy| format!("memory traffic {busy}%")),
        gpu.health.corrected.filter(|count| *count > 0).map(|count| format!("{count} mended memory errors")),
    ];
    figures.extend(more.into_iter().flatten().map(|text| Span::styled(text, theme.faint())));
    figures
}

/// Use and memory: bars with small pictures of the last minutes beside them, or with `rows` of larger ones below.
fn bars(seen: &Seen, gpu: &DeviceSample, rows: usize, width: usize) -> Vec<Line<'static>> {
    let theme = seen.theme;
    // Of a GPU that is cut no use is known, now or before.
    let rows = if gpu.mig == Mig::Whole { rows } else { 0 };
    let room = width.saturating_sub(2 * METER + OF + 2);
    // Four things share the room where pictures stand beside the bars; no bar is better than one of two columns.
    let (small, [left, right]) = match room {
        _ if rows > 0 => (0, [width.div_ceil(2).saturating_sub(METER + 1), (width / 2).saturating_sub(METER + OF + 2)]),
        0..8 => (0, [0, 0]),
        8..24 => (0, [room / 2; 2]),
        _ => ((room - 4) / 4, [(room - 4) / 4 + (room - 4) % 4, (room - 4) / 4]),
    };
    let beside = |of, style| {
        let text = picture(seen, gpu, of, (small, 1)).concat();
        Span::styled(if small > 0 { format!(" {text}") } else { String::new() }, style)
    };
    let busy = gpu.busy.map(|percent| f64::from(percent) / 100.0);
    let mut line = meter("use", busy, (left, theme.train()), theme).to_vec();
    if gpu.mig != Mig::Whole {
        line[1] =
            Span::styled(fit(if left < 18 { "by MIG" } else { "not told under MIG" }, left, false), theme.faint());
    }
    line.extend([beside(USE, theme.train()), Span::raw(" ")]);
    line.extend(meter("memory", gpu.memory.map(Memory::share), (right, theme.val()), theme));
    let amount = gpu.memory.map_or(String::new(), |memory| of(memory.used, memory.total));
    line.extend([Span::raw(format!(" {}", fit(&amount, OF, false))), beside(MEMORY, theme.val())]);
    let mut lines = vec![Line::from(line)];
    lines.extend(graphs(seen, gpu, rows, width));
    lines
}

/// Use and memory of the last minutes side by side, under their bars.
fn graphs(seen: &Seen, gpu: &DeviceSample, rows: usize, width: usize) -> Vec<Line<'static>> {
    let theme = seen.theme;
    let uses = picture(seen, gpu, USE, (width.div_ceil(2).saturating_sub(METER + 1), rows));
    let memories = picture(seen, gpu, MEMORY, ((width / 2).saturating_sub(METER), rows));
    let line = |(at, (uses, memories))| {
        let scale = match at {
            0 => "100%",
            _ if at + 1 == rows => "-5 min",
            _ => "",
        };
        let scale = |gap| Span::styled(format!("{gap}{scale:>width$} ", width = METER - 1), theme.faint());
        Line::from(vec![scale(""), Span::styled(uses, theme.train()), scale(" "), Span::styled(memories, theme.val())])
    };
    uses.into_iter().zip(memories).enumerate().map(line).collect()
}

fn picture(seen: &Seen, gpu: &DeviceSample, (of, shown): Of, (width, rows): (usize, usize)) -> Vec<String> {
    let shares = seen.history.of(gpu).map(|track| columns(track, of, shown, seen.history.now(), width * 2));
    area(&shares.unwrap_or_else(|| vec![None; width * 2]), rows)
}

fn instance(part: &Instance, theme: Theme) -> Line<'static> {
    let memory = part.memory.map_or(format!("memory {NONE}"), |memory| of(memory.used, memory.total));
    Line::from(vec![
        Span::raw(format!("   part {}  {}", part.number, fit(&sanitize(&part.profile), 10, false))),
        Span::raw(format!(" {}", fit(&memory, OF, false))),
        Span::styled(format!("  {}", part.uuid.as_deref().unwrap_or_default()), theme.faint()),
    ])
}

/// Who is on it, this project's runs first, in at most so many lines.
fn processes(seen: &Seen, gpu: &DeviceSample, most: usize) -> Vec<Line<'static>> {
    let Some(all) = &gpu.processes else {
        return vec![Line::styled(format!("   processes {NONE}: the driver does not list them"), seen.theme.faint())];
    };
    let mut all: Vec<&Process> = all.iter().collect();
    all.sort_by_key(|process| !seen.labels.contains_key(&process.pid));
    let shown = if all.len() > most { most.saturating_sub(1) } else { all.len() };
    let mut lines: Vec<Line> = all[..shown].iter().map(|process| row(seen, process)).collect();
    if let (rest @ 1.., held) = (all.len() - shown, all[shown..].iter().filter_map(|process| process.memory).sum()) {
        lines.push(Line::styled(format!("   and {rest} more with {}", bytes(held)), seen.theme.faint()));
    }
    if let Some(hidden) = gpu.hidden() {
        let text = format!("   {} more held by what can't be seen from here: another container?", bytes(hidden));
        lines.push(Line::styled(text, seen.theme.faint()));
    }
    lines
}

fn row(seen: &Seen, process: &Process) -> Line<'static> {
    let label = seen.labels.get(&process.pid);
    let figure = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let memory = figure(process.memory.map(bytes));
    let busy = figure(process.busy.map(|percent| format!("{percent}%")));
    let user = sanitize(process.user.as_deref().unwrap_or(NONE));
    let part = process.instance.map(|part| format!("part {part}  ")).unwrap_or_default();
    let kind = match process.kind {
        Kind::Compute => String::new(),
        kind => format!("({}) ", kind.letters()),
    };
    let theme = seen.theme;
    // What this project's runs are called says more than their command.
    let (mark, name) = match label {
        Some(label) => (OURS, Span::styled(sanitize(label), theme.title())),
        None => (" ", Span::styled(sanitize(process.command.as_deref().unwrap_or("(hidden)")), theme.faint())),
    };
    Line::from(vec![
        Span::styled(format!("   {mark} "), theme.train()),
        Span::raw(format!("{:>7} {} {memory:>9} {busy:>4}  {part}{kind}", process.pid, fit(&user, 9, false))),
        name,
    ])
}
