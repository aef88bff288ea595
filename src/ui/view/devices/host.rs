//! The machine around the GPUs: processor, memory, the disk of the runs, what a container leaves of them.

use super::graph::area;
use super::{MEMORY, NONE, Of, Seen, USE, WARN, meter, of, ruled};
use crate::ui::theme::Theme;
use mocolab::device::history::columns;
use mocolab::device::host::{Disk, Host, Place};
use mocolab::device::sample::Memory;
use mocolab::text::{bytes, sanitize};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of `32.1 of 79.6 GiB`, the same for all that stands below each other.
const AMOUNT: usize = 24;

/// Title, processor, memory, disk, and limits where there are some.
pub(super) fn lines(seen: &Seen, host: &Host, width: usize) -> Vec<Line<'static>> {
    let theme = seen.theme;
    let load = host.load.map(|load| load.map(|load| format!("{load:.1}")).join(" "));
    let load = Span::styled(format!("load {}", load.as_deref().unwrap_or(NONE)), theme.faint());
    let mut lines = vec![ruled(
        vec![Span::styled(format!("  {}", sanitize(&host.model)), theme.title())],
        vec![load],
        theme,
        width,
    )];
    // Name and figure take 13 columns; half of what the amount leaves is for the bar.
    let room = width.saturating_sub(13 + AMOUNT + 2) / 2;
    let picture = |(of, shown): Of, style| {
        let shares = columns(seen.history.host(), of, shown, seen.history.now(), room.saturating_sub(1) * 2);
        Span::styled(format!(" {} ", area(&shares, 1).concat()), style)
    };
    let line = |name, share, style: Style, picture, text: String| {
        let mut spans = meter(name, share, (room, style), theme).to_vec();
        spans.extend([picture, Span::raw(text)]);
        Line::from(spans)
    };
    let used = picture(USE, theme.train());
    lines.push(line("CPU", host.busy, theme.train(), used, cores(&host.cores, AMOUNT)));
    let used = picture(MEMORY, theme.val());
    let swap = host.swap.filter(|swap| swap.used > 0).map(|swap| format!(", {} swapped", bytes(swap.used)));
    let memory = host.memory.map_or(NONE.to_owned(), |memory| of(memory.used, memory.total));
    let text = format!("{memory}{}", swap.unwrap_or_default());
    lines.push(line("memory", host.memory.map(Memory::share), theme.val(), used, text));
    let share = host.disk.as_ref().map(|disk| 1.0 - disk.free as f64 / disk.total.max(1) as f64);
    let text = host.disk.as_ref().map_or(NONE.to_owned(), disk);
    lines.push(line("disk", share, theme.test(), Span::raw(" "), text));
    lines.extend(limits(host).map(|limits| Line::from(format!(" {limits}"))));
    lines
}

/// All of it in a line, for where there is little room.
pub(super) fn brief(host: &Host, theme: Theme) -> Line<'static> {
    let busy = host.busy.map_or(NONE.to_owned(), |share| format!("{:.0}%", share * 100.0));
    let memory = host.memory.map_or(NONE.to_owned(), |memory| of(memory.used, memory.total));
    let disk = host.disk.as_ref().map_or(NONE.to_owned(), |disk| bytes(disk.free));
    Line::styled(format!(" CPU {busy}  memory {memory}  disk {disk} free"), theme.faint())
}

/// Cores as heights; where they are more than `width`, the busiest of neighbours.
fn cores(shares: &[f64], width: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let group = shares.len().div_ceil(width.max(1)).max(1);
    let height = |group: &[f64]| {
        let busiest = group.iter().copied().fold(0.0, f64::max);
        HEIGHTS[(busiest.clamp(0.0, 1.0) * 7.0).round() as usize]
    };
    shares.chunks(group).map(height).collect()
}

/// `120.4 GiB free, nfs: in the network`.
fn disk(disk: &Disk) -> String {
    let place = match (disk.system, disk.place) {
        (Some(system), Place::Local) => system.to_owned(),
        (Some(system), Place::Network) => format!("{system}: in the network"),
        (Some(system), Place::Memory) => format!("{system}: gone at a restart {WARN}"),
        (Some(system), Place::Unknown) => format!("{system}: perhaps not here"),
        (None, _) => "of a kind not known here".to_owned(),
    };
    format!("{} free, {place}", bytes(disk.free))
}

/// What this process may use, where that is less than the machine has.
fn limits(host: &Host) -> Option<String> {
    let cpus = host.limits.cpus.map(|cpus| format!("{cpus:.1} of {} processors", host.cores.len().max(1)));
    let memory = host.limits.memory.map(|memory| format!("{} memory", of(memory.used, memory.total)));
    let limits: Vec<String> = cpus.into_iter().chain(memory).collect();
    (!limits.is_empty()).then(|| format!("limits of a container or slice: {}", limits.join(", ")))
}
