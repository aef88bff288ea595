//! The table: a row a class, in the order that was chosen, with a bar and the way it came.

use super::{Row, Seen, bar, fit, moved, part, points, share};
use crate::ui::figures::first_in_sight;
use crate::ui::theme::Theme;
use mocolab::state::Past;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Which columns have room, and how wide those are that can be of any width; 0 for none.
struct Columns {
    name: usize,
    bar: usize,
    change: usize,
    precision: usize,
    f1: usize,
    images: usize,
    trend: usize,
}

impl Columns {
    /// Columns for `width`: the name and the recall always, the others as they have room, the dearest first.
    fn new(names: &[String], width: usize) -> Self {
        let longest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let name = longest.clamp(5, 18).min(width.saturating_sub(9).max(5));
        let mut room = width.saturating_sub(name + 9);
        let mut take = |wanted: usize| {
            let given = if room > wanted { wanted } else { 0 };
            room -= if given > 0 { given + 1 } else { 0 };
            given
        };
        let (change, precision, bar, images, f1, trend) = (take(7), take(9), take(9), take(6), take(6), take(8));
        let more = if bar > 0 { room } else { 0 };
        let wider = if trend > 0 { more / 3 } else { 0 };
        Self { name, bar: bar + (more - wider).min(34), change, precision, f1, images, trend: trend + wider.min(30) }
    }
}

/// Draws the table; the chosen row is kept in sight.
pub fn draw(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let title = vec![
        Span::styled(" classes ", theme.title()),
        Span::styled(format!(" {}  {} of {} ", seen.order, seen.place + 1, seen.rows.len()), theme.faint()),
    ];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    if inner.is_empty() {
        return;
    }
    let columns = Columns::new(&seen.names, inner.width as usize);
    frame.render_widget(Line::styled(titles(&columns), theme.faint()), Rect { height: 1, ..inner });
    let height = inner.height as usize - 1;
    // The chosen row stays away from the edges where the table is longer than its room.
    let first = first_in_sight(seen.place, seen.rows.len(), height);
    for (at, row) in seen.rows.iter().enumerate().skip(first).take(height) {
        let rect = Rect { y: inner.y + 1 + (at - first) as u16, height: 1, ..inner };
        frame.render_widget(line(row, seen, &columns, theme), rect);
        if at == seen.place {
            frame.buffer_mut().set_style(rect, theme.chosen());
        }
    }
}

fn titles(columns: &Columns) -> String {
    let titles = [
        ("CLASS", columns.name, false),
        ("RECALL", 6, true),
        ("", columns.bar, false),
        ("CHANGE", columns.change, true),
        ("PRECISION", columns.precision, true),
        ("F1", columns.f1, true),
        ("IMAGES", columns.images, true),
        ("TREND", columns.trend, false),
    ];
    let titles = titles.into_iter().filter(|(_, width, _)| *width > 0);
    titles.flat_map(|(title, width, right)| [" ".to_owned(), fit(title, width, right)]).collect()
}

fn line(row: &Row, seen: &Seen, columns: &Columns, theme: Theme) -> Line<'static> {
    let own = seen.style(theme);
    let length = match row.recall {
        Some(recall) => bar(recall, columns.bar),
        None => "no images".into(),
    };
    let trend = seen.past.map(|past| sparkline(past, row.class, columns.trend)).unwrap_or_default();
    let cells = [
        (length, columns.bar, false, own),
        (points(row.change), columns.change, true, moved(row.change, theme)),
        (share(row.precision), columns.precision, true, Style::new()),
        (share(row.f1), columns.f1, true, Style::new()),
        (row.images.to_string(), columns.images, true, Style::new()),
        (trend, columns.trend, false, own),
    ];
    let name = format!(" {} {}", fit(&row.name, columns.name, false), fit(&share(row.recall), 6, true));
    let cells = cells.into_iter().filter(|(_, width, ..)| *width > 0);
    let cells = cells.map(|(text, width, right, style)| Span::styled(format!(" {}", fit(&text, width, right)), style));
    Line::from(std::iter::once(Span::raw(name)).chain(cells).collect::<Vec<_>>())
}

/// The recall of `class` over the epochs as `width` bars. All classes share a scale, so that rows can be compared: from
/// the lowest to the highest recall that any class has had. A gap where it had no images.
fn sparkline(past: &Past, class: usize, width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let all = past.recalls.iter().flat_map(|recalls| recalls.values.iter().flatten());
    let (low, high) = all.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let place = |value: f32| if high > low { ((value - low) / (high - low) * 7.0).round() as usize } else { 3 };
    let columns = width.min(past.recalls.len());
    // The last value of each stretch: a trend is where things have got to.
    let shown = (1..=columns).map(|column| &past.recalls[column * past.recalls.len() / columns - 1]);
    let sign = |value: Option<f32>| value.map_or(' ', |value| BARS[place(value).min(7)]);
    shown.map(|recalls| sign(recalls.values.get(class).copied().flatten())).collect()
}
