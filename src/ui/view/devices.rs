//! The devices: what each GPU does, who is on it, and the machine around them.
//!
//! ```text
//! ▸0 NVIDIA H100 80GB HBM3 ───────────────── 412/700 W  61 °C  1980 MHz  PCIe 5x16
//!  use     97% █████▊ ⣀⣤⣶⣿⣿⣿  memory  41% ██▌ 32.1 of 79.6 GiB ⣀⣀⣀⣀⣤⣤
//!    ●   4321 ann         30.1 GiB  97%  moco/20261124-223629  mocolab-train
//!        1234 bob          1.2 GiB   2%  python train.py
//! ─AMD EPYC 9654, 16 threads ──────────────────────────────────── load 5.2 4.8 4.1
//!  CPU     34% ███▍      ⣀⣀⣤⣤  cores ▁▂▇█
//! ```

mod gpu;
mod graph;
mod host;
#[cfg(test)]
mod tests;
mod who;

pub use who::who;

use crate::ui::theme::Theme;
use mocolab::device::history::{History, Moment, Shown};
use mocolab::device::sample::Sample;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// What is not known.
const NONE: &str = "n/a";
/// Stands before what should be looked at.
const WARN: &str = "!";
/// Stands before this project's runs.
const OURS: &str = "●";
/// Stands before the chosen device.
const CHOSEN: &str = "▸";
/// A line across.
const ACROSS: &str = "─";

/// What a picture of the last minutes shows, and how.
type Of = (fn(&Moment) -> Option<f64>, Shown);
const USE: Of = (|moment| moment.busy, Shown::Mean);
/// A peak is what runs out.
const MEMORY: Of = (|moment| moment.memory, Shown::Peak);

/// This project's runs that train on this machine, by the process that trains them.
pub type Labels = BTreeMap<u32, String>;

/// What is to be seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The devices now; none before they were looked at.
    pub sample: Option<&'a Sample>,
    /// What they did before.
    pub history: &'a History,
    /// Which processes are this project's.
    pub labels: &'a Labels,
    /// How it looks.
    pub theme: Theme,
}

/// The screen of the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DevicesScreen {
    /// The GPU that is kept in sight.
    pub chosen: usize,
    /// All its processes are shown, however many they are.
    pub all: bool,
}

impl DevicesScreen {
    /// Chooses the GPU `by` places further, of `count`.
    pub fn go(&mut self, by: isize, count: usize) {
        self.chosen = self.chosen.min(count.saturating_sub(1)).saturating_add_signed(by).min(count.saturating_sub(1));
    }

    /// Shows all processes of the chosen GPU, or as many as there is room for.
    pub fn toggle(&mut self) {
        self.all = !self.all;
    }
}

/// How much of each GPU is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detail {
    /// Processes at most; where there is room for none, the title says who they are of.
    processes: usize,
    /// Rows of its pictures of the last minutes; 0 puts small ones beside the bars.
    rows: usize,
}

/// Draws the screen.
pub fn draw(seen: &Seen, screen: &DevicesScreen, frame: &mut Frame, rect: Rect) {
    let Some(sample) = seen.sample else {
        let text = Span::styled(" looking for devices", seen.theme.faint());
        return show(&[Line::from(text)], frame, rect);
    };
    let width = rect.width as usize;
    let mut below = host::lines(seen, &sample.host, width);
    if usize::from(rect.height) < below.len() * 3 {
        below = vec![host::brief(&sample.host, seen.theme)];
    }
    let note = sample.note.as_ref().map(|note| Line::styled(format!(" {note}"), seen.theme.faint()));
    let height = usize::from(rect.height).saturating_sub(below.len() + usize::from(note.is_some()));
    let mut lines = gpus(seen, sample, screen, (width, height));
    lines.extend(note);
    lines.extend(below);
    show(&lines, frame, rect);
}

fn show(lines: &[Line], frame: &mut Frame, rect: Rect) {
    for (line, y) in lines.iter().zip(rect.y..rect.bottom()) {
        frame.render_widget(line, Rect { y, height: 1, ..rect });
    }
}

/// The GPUs in at most so many lines, the chosen one among them.
fn gpus(seen: &Seen, sample: &Sample, screen: &DevicesScreen, (width, height): (usize, usize)) -> Vec<Line<'static>> {
    let count = sample.gpus.len();
    let chosen = screen.chosen.min(count.saturating_sub(1));
    let blocks = |detail: Detail| -> Vec<Vec<Line<'static>>> {
        let block = |(at, gpu)| {
            let processes = if screen.all && at == chosen { usize::MAX } else { detail.processes };
            gpu::block(seen, gpu, at == chosen && count > 1, Detail { processes, ..detail }, width)
        };
        sample.gpus.iter().enumerate().map(block).collect()
    };
    let total = |blocks: &[Vec<Line>]| blocks.iter().map(Vec::len).sum::<usize>();
    let mut shown = blocks(Detail { processes: usize::MAX, rows: 0 });
    if total(&shown) <= height {
        let rows = (height - total(&shown)) / count.max(1);
        if rows >= 2 {
            shown = blocks(Detail { processes: usize::MAX, rows: rows.min(8) });
        }
        return shown.concat();
    }
    for processes in [12, 8, 5, 3, 2, 0] {
        shown = blocks(Detail { processes, rows: 0 });
        if total(&shown) <= height {
            break;
        }
    }
    if total(&shown) <= height {
        return shown.concat();
    }
    scrolled(&shown, chosen, height, seen.theme)
}

/// As much of the GPUs as `height` lines hold, the last of which says what is out of sight.
fn scrolled(blocks: &[Vec<Line<'static>>], chosen: usize, height: usize, theme: Theme) -> Vec<Line<'static>> {
    let height = height.saturating_sub(1);
    let above: usize = blocks.iter().take(chosen).map(Vec::len).sum();
    let most = blocks.iter().map(Vec::len).sum::<usize>().saturating_sub(height);
    // What stands before the chosen one stays partly in sight, unless it needs the room itself.
    let room = height.saturating_sub(blocks.get(chosen).map_or(0, Vec::len));
    let first = above.saturating_sub(room.min(height / 3)).min(most);
    let mut lines: Vec<Line> = blocks.concat().into_iter().skip(first).take(height).collect();
    let (mut title, mut before, mut after) = (0, 0, 0);
    for block in blocks {
        before += usize::from(title < first);
        after += usize::from(title >= first + height);
        title += block.len();
    }
    lines.push(Line::styled(format!("  {} GPUs, {before} above and {after} below", blocks.len()), theme.faint()));
    lines
}

/// A line across with a title at its left and figures at its right; of those that don't fit, the last go first.
fn ruled(left: Vec<Span<'static>>, right: Vec<Span<'static>>, theme: Theme, width: usize) -> Line<'static> {
    let mut spans = left;
    let used: usize = spans.iter().map(Span::width).sum();
    let mut kept = Vec::new();
    let mut room = width.saturating_sub(used + 3);
    for span in right {
        let gap = if kept.is_empty() { " " } else { "  " };
        let Some(rest) = room.checked_sub(span.width() + gap.len()) else { break };
        room = rest;
        kept.extend([Span::raw(gap), span]);
    }
    let taken: usize = kept.iter().map(Span::width).sum();
    let fill = width.saturating_sub(used + taken + 1);
    spans.push(Span::styled(format!(" {}", ACROSS.repeat(fill.saturating_sub(1))), theme.faint()));
    spans.extend(kept);
    Line::from(spans)
}

/// `32.1 of 79.6 GiB`: both in the unit of the second.
fn of(part: u64, all: u64) -> String {
    let text = mocolab::text::bytes(all);
    let unit = text.rsplit(' ').next().unwrap_or_default();
    let power = ["B", "KiB", "MiB", "GiB", "TiB"].iter().position(|word| *word == unit).unwrap_or(0);
    let part = part as f64 / 1024_f64.powi(power as i32);
    if power == 0 { format!("{part:.0} of {text}") } else { format!("{part:.1} of {text}") }
}

/// A name, a share in percent and its bar, `width` columns of it.
fn meter(
    name: &str,
    share: Option<f64>,
    (width, style): (usize, ratatui::style::Style),
    theme: Theme,
) -> [Span<'static>; 2] {
    let figure = share.map_or(NONE.to_owned(), |share| format!("{:.0}%", share * 100.0));
    let bar = super::bar(share.unwrap_or(0.0), width);
    let empty = " ".repeat(width.saturating_sub(bar.width()));
    let figure_style = if share.is_some() { ratatui::style::Style::new() } else { theme.faint() };
    [
        Span::styled(format!(" {} {figure:>4} ", super::fit(name, 6, false)), figure_style),
        Span::styled(bar + &empty, style),
    ]
}
