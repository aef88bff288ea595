//! The points themselves: in half-blocks of two colours a cell, in Braille of one, or in letters.

use super::{dots, sector};
use crate::ui::map::{Dots, MapScreen, Shown};
use crate::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// The group with the most points on a dot, and how many those are.
type Dot = Option<(u16, u32)>;

/// Draws the points, those near the one under the cursor, and that.
pub fn draw(screen: &MapScreen, shown: &Shown, theme: Theme, buffer: &mut Buffer, rect: Rect) {
    if rect.is_empty() {
        return;
    }
    let (frame, size) = sector(screen, theme, rect);
    let group = |place: usize| shown.colouring.groups.get(place).copied().filter(|group| screen.is_shown(*group));
    let laid = mocolab::embedding::scatter(&shown.at, group, (frame, size));
    let [across, down] = dots(screen, theme);
    let width = size[0];
    for y in 0..rect.height {
        for x in 0..rect.width {
            let (left, top) = (usize::from(x) * across, usize::from(y) * down);
            let dot = |column: usize, row: usize| laid[(top + row) * width + left + column];
            let drawn = match (across, screen.dots) {
                (1, _) if down == 1 => dot(0, 0).map(|(group, _)| (letter(group), theme.class(group.into()))),
                (_, Dots::Braille) => braille(&|column, row| dot(column, row), theme),
                (_, Dots::Blocks) => block([dot(0, 0), dot(0, 1)], theme),
            };
            if let Some((sign, style)) = drawn {
                buffer[(rect.x + x, rect.y + y)].set_char(sign).set_style(style);
            }
        }
    }
    let mut mark = |place: usize, sign: char, style: Style| {
        let at = shown.at.get(place).and_then(|at| frame.dot(*at, [rect.width.into(), rect.height.into()]));
        if let Some([x, y]) = at {
            let cell = &mut buffer[(rect.x + x as u16, rect.y + y as u16)];
            cell.set_char(sign).set_style(Style::reset()).set_style(style);
        }
    };
    if let Some(chosen) = shown.chosen {
        let class = |place: usize| theme.class(shown.colouring.groups.get(place).copied().unwrap_or(0).into());
        for near in shown.map.near(chosen).filter(|near| group(*near).is_some()) {
            mark(near, 'o', class(near).add_modifier(Modifier::BOLD));
        }
        mark(chosen, 'X', theme.chosen().add_modifier(Modifier::BOLD));
    }
}

/// The letter of a group; after z they come round.
pub fn letter(group: u16) -> char {
    char::from(b'a' + (group % 26) as u8)
}

fn block([top, bottom]: [Dot; 2], theme: Theme) -> Option<(char, Style)> {
    let style = |group: u16| theme.class(group.into());
    match (top, bottom) {
        (None, None) => None,
        (Some((group, _)), None) => Some(('▀', style(group))),
        (None, Some((group, _))) => Some(('▄', style(group))),
        (Some((top, _)), Some((bottom, _))) if top == bottom => Some(('█', style(top))),
        (Some((top, _)), Some((bottom, _))) => {
            let below = style(bottom);
            Some(('▀', below.fg.map_or(style(top), |colour| style(top).bg(colour))))
        }
    }
}

fn braille(dot: &dyn Fn(usize, usize) -> Dot, theme: Theme) -> Option<(char, Style)> {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let (mut mask, mut groups) = (0, [(0_u16, 0_u32); 8]);
    for (column, bits) in BITS.iter().enumerate() {
        for (row, bit) in bits.iter().enumerate() {
            if let Some((group, count)) = dot(column, row) {
                mask |= bit;
                let slot = groups.iter_mut().find(|(known, sum)| *sum == 0 || *known == group)?;
                *slot = (group, slot.1 + count);
            }
        }
    }
    let most = groups.iter().max_by_key(|(group, count)| (*count, std::cmp::Reverse(*group)))?;
    (mask > 0).then(|| (char::from_u32(0x2800 + u32::from(mask)).unwrap_or(' '), theme.class(most.0.into())))
}
