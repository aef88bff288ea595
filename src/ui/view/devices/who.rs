//! Who is on a GPU, in a few words.

use super::{NONE, WARN};
use crate::ui::theme::Theme;
use mocolab::device::processes::Process;
use mocolab::device::sample::{DeviceSample, Mig};
use mocolab::text::{bytes, sanitize};
use ratatui::text::Span;

/// Who is on it, by the memory that they hold; why that can't be told; and what is wrong with it.
pub fn who(gpu: &DeviceSample, theme: Theme) -> Span<'static> {
    let troubles = gpu.troubles().join(", ");
    let people = match (&gpu.mig, &gpu.processes) {
        _ if gpu.health.lost.is_some() => String::new(),
        (Mig::Cut(parts), _) => format!("MIG, {} part{}", parts.len(), if parts.len() == 1 { "" } else { "s" }),
        _ if gpu.is_free() => "free".to_owned(),
        (_, None) => format!("who: {NONE}"),
        (_, Some(processes)) => people(gpu, processes),
    };
    match (people.is_empty(), troubles.is_empty()) {
        (_, true) => Span::raw(people),
        (true, _) => Span::styled(format!("{WARN} {troubles}"), theme.bad()),
        // The sign first: the end may be cut off.
        (false, _) => Span::styled(format!("{WARN} {people}: {troubles}"), theme.bad()),
    }
}

fn people(gpu: &DeviceSample, processes: &[Process]) -> String {
    let mut users: Vec<(&str, u64)> = Vec::new();
    for process in processes {
        let (user, held) = (process.user.as_deref().unwrap_or("someone"), process.memory.unwrap_or(0));
        match users.iter_mut().find(|(name, _)| *name == user) {
            Some((_, memory)) => *memory += held,
            None => users.push((user, held)),
        }
    }
    users.extend(gpu.hidden().map(|held| ("out of sight", held)));
    users.sort_by_key(|(_, memory)| std::cmp::Reverse(*memory));
    let each = users.iter().map(|(user, memory)| match memory {
        0 => sanitize(user),
        memory => format!("{} {}", sanitize(user), bytes(*memory)),
    });
    each.collect::<Vec<_>>().join(", ")
}
