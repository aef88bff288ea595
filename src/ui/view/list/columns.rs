//! Which columns a width has room for, and how wide each is.
//!
//! They go in this order, the last first: name, status, best, epoch, time, metrics of the user, trend, device, settings
//! that differ (from 100 columns on), tags, loss, the part done. A status without room for its word keeps its symbol; the name
//! is cut, never to nothing.

use crate::ui::list::settings::Differing;
use crate::ui::list::{Column, ListState, Rows};

/// From this width on there are columns for settings.
const WIDE: usize = 100;
/// The narrowest name, with its place in the tree.
const NAME: usize = 12;
/// The widest.
const LONGEST_NAME: usize = 44;
/// A status with its word.
const STATUS: usize = 11;
/// The widest trend.
const LONGEST_TREND: usize = 16;

/// Columns from left to right, with their widths. A gap of one stands before each but the first.
pub(super) fn columns(width: usize, rows: &Rows, state: &ListState) -> Vec<(Column, usize)> {
    let wanted = (rows.widths.name + 2).clamp(NAME, LONGEST_NAME);
    let least = wanted.min((width / 4).max(NAME));
    // The first column of the screen is for marks.
    let room = width.saturating_sub(1);
    let status = if room > least + STATUS { STATUS } else { 1 };
    let mut columns = vec![(Column::Name, least), (Column::Status, status)];
    let mut left = room.saturating_sub(least + 1 + status);
    for (column, width) in optional(rows, state, width) {
        let Some(rest) = left.checked_sub(width + 1) else {
            // A setting with long values does not stand in the way of the others.
            if matches!(column, Column::Setting(_)) {
                continue;
            }
            break;
        };
        columns.push((column, width));
        left = rest;
    }
    columns.sort_by_key(|(column, _)| place(column));
    for (column, width) in &mut columns {
        let longest = match column {
            Column::Name => wanted,
            Column::Trend => LONGEST_TREND,
            _ => continue,
        };
        let more = longest.saturating_sub(*width).min(left);
        *width += more;
        left -= more;
    }
    columns
}

/// All but name and status, the most important first.
fn optional(rows: &Rows, state: &ListState, width: usize) -> Vec<(Column, usize)> {
    let widths = rows.widths;
    let epoch = widths.epoch.clamp(5, 11);
    let mut columns = vec![(Column::Best, 8 + (epoch / 2).max(2)), (Column::Epoch, epoch), (Column::Time, 10)];
    columns.extend(state.metrics.iter().map(|name| (Column::Metric(name.clone()), name.len().clamp(6, 10))));
    columns.extend([(Column::Trend, 6), (Column::Device, widths.device.clamp(3, 9))]);
    if width >= WIDE {
        let setting = |setting: &Differing| {
            let title = setting.name.len().min(8);
            (Column::Setting(setting.name), setting.longest.max(title).clamp(4, 10))
        };
        columns.extend(rows.settings.iter().map(setting));
    }
    if widths.tags > 0 {
        columns.push((Column::Tags, widths.tags.clamp(4, 12)));
    }
    columns.extend([(Column::Loss, 6), (Column::Done, 4)]);
    columns
}

/// The place from left to right.
fn place(column: &Column) -> usize {
    match column {
        Column::Name => 0,
        Column::Status => 1,
        Column::Device => 2,
        Column::Epoch => 3,
        Column::Done => 4,
        Column::Time => 5,
        Column::Best => 6,
        Column::Loss => 7,
        Column::Metric(_) => 8,
        Column::Trend => 9,
        Column::Setting(_) => 10,
        Column::Tags => 11,
    }
}

/// Whether figures of the column are set to the right.
pub(super) fn is_right(column: &Column) -> bool {
    !matches!(column, Column::Name | Column::Status | Column::Device | Column::Trend | Column::Tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::list::rows::Widths;

    #[test]
    fn any_width_has_the_columns_that_fit_and_a_name() {
        let (mut rows, mut state) = (Rows::default(), ListState::default());
        rows.widths = Widths { name: 30, device: 6, epoch: 7, tags: 9 };
        rows.settings = vec![Differing { name: "queue", longest: 5 }, Differing { name: "seed", longest: 1 }];
        state.toggle_metric("val/loss");
        let mut before = 0;
        for width in 0..200 {
            let columns = columns(width, &rows, &state);
            let used: usize = columns.iter().map(|(_, width)| width + 1).sum();
            assert!(used <= width || width < 15, "{width}: {columns:?}");
            assert!(columns[0].1 >= NAME && columns.len() >= before, "{width}: {columns:?}");
            before = columns.len();
        }
        assert_eq!(before, 13);
    }
}
