//! The picture under the cursor, what was answered, how it lies, its neighbours; and the list that is gone through.

use super::plot::letter;
use crate::picture::Picture;
use crate::ui::figures::{fit, part, percent};
use crate::ui::map::{List, MapScreen, Shown};
use crate::ui::theme::Theme;
use mocolab::embedding::{Answerer, Embedding, Point};
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

/// Lines of words below a picture.
const WORDS: u16 = 4;
/// Rows of a neighbour's picture, where there is room and where there is little.
const SMALL: [u16; 2] = [7, 4];
/// Points of a list that are shown around the one under the cursor.
const AROUND: usize = 6;

/// Draws it.
pub fn draw(screen: &MapScreen, shown: &Shown, theme: Theme, frame: &mut Frame, rect: Rect) {
    if rect.is_empty() {
        return;
    }
    let chosen = shown.chosen.and_then(|place| Some((place, shown.map.points.get(place)?)));
    let title = chosen.map_or(" no picture ".to_owned(), |(_, point)| format!(" picture {} ", point.image));
    let block = part(Line::styled(title, theme.title()), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let Some((place, point)) = chosen else {
        let text = "the arrows go from point to point; `o` to the outliers of a class, to its most confused points, and to the most confused of all";
        frame.render_widget(Paragraph::new(text).style(theme.faint()).wrap(Wrap { trim: true }), indented(inner));
        return;
    };
    let below = if screen.list.is_some() { AROUND as u16 + 1 } else { 0 };
    let small = SMALL.into_iter().find(|small| inner.height >= 10 + WORDS + small + 2 + below);
    let near = small.map_or(0, |small| small + 2);
    let below = below.min(inner.height.saturating_sub(6 + WORDS + near));
    let most = inner.height.saturating_sub(WORDS + near + below);
    let [picture, words, neighbours, list] = Layout::vertical([
        Constraint::Length(most.min(inner.width / 2).min(16)),
        Constraint::Length(WORDS),
        Constraint::Length(near),
        Constraint::Fill(1),
    ])
    .areas(inner);
    whole(screen, point.image, theme, frame, indented(picture));
    frame.render_widget(Paragraph::new(Text::from(about(shown.map, point, theme))).wrap(Wrap { trim: false }), words);
    if near > 0 {
        self::near(screen, (shown, place), theme, frame, indented(neighbours));
    }
    if let Some(kind) = screen.list {
        listed(screen, (shown, place, kind), theme, frame, list);
    }
}

/// The group of a point, as the legend has it.
fn group(shown: &Shown, place: usize) -> u16 {
    shown.colouring.groups.get(place).copied().unwrap_or(0)
}

/// As far in as the words are.
fn indented(rect: Rect) -> Rect {
    let by = 1.min(rect.width);
    Rect { x: rect.x + by, width: rect.width - by, ..rect }
}

/// The picture as large as it fits.
fn whole(screen: &MapScreen, number: u32, theme: Theme, frame: &mut Frame, rect: Rect) {
    match (screen.picture(number), &screen.unseen) {
        (Some(picture), _) => paint(picture, theme, frame.buffer_mut(), rect),
        (None, Some(trouble)) => {
            frame.render_widget(Paragraph::new(sanitize(trouble)).style(theme.bad()).wrap(Wrap { trim: false }), rect);
        }
        (None, None) => frame.render_widget(Span::styled("reading it", theme.faint()), rect),
    }
}

/// A picture in half-blocks, as large as fits; in ten shades of signs where there are only those.
fn paint(picture: &Picture, theme: Theme, buffer: &mut Buffer, rect: Rect) {
    const SHADES: &[u8; 10] = b" .:-=+*#%@";
    let fits = (usize::from(rect.height) * 2 * picture.width / picture.height().max(1)).min(usize::from(rect.width));
    let small = picture.scaled(fits.clamp(1, picture.width));
    let pixel = |x: usize, y: usize| small.pixels.get(y * small.width + x).copied();
    for (y, row) in (rect.y..rect.bottom()).enumerate() {
        for (x, column) in (rect.x..rect.right()).enumerate().take(small.width) {
            let Some(above) = pixel(x, y * 2) else { return };
            let below = pixel(x, y * 2 + 1);
            let cell = &mut buffer[(column, row)];
            if theme.ascii() || !theme.has_colours() {
                let light = |[red, green, blue]: [u8; 3]| {
                    0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
                };
                let mean = f64::midpoint(light(above), light(below.unwrap_or(above)));
                cell.set_char(char::from(SHADES[((mean / 256.0) * 10.0) as usize]));
            } else {
                let style = Style::new().fg(theme.pixel(above));
                cell.set_char('▀').set_style(below.map_or(style, |below| style.bg(theme.pixel(below))));
            }
        }
    }
}

fn about(map: &Embedding, point: &Point, theme: Theme) -> Vec<Line<'static>> {
    let right = map.is_right(point);
    let [first, second] = point.answers.map(|answer| sanitize(map.answer(answer)));
    let (sign, style) = if right { ("✓", theme.good()) } else { ("✗", theme.bad()) };
    let who = if map.about.by == Answerer::Neighbours { "neighbours: " } else { "" };
    let then = if point.shares[1] > 0.0005 {
        format!(", then {second} {}", percent(point.shares[1].into()))
    } else {
        String::new()
    };
    vec![
        Line::styled(format!(" {}", sanitize(map.class(point))), theme.title()),
        Line::from(vec![
            Span::styled(format!(" {sign} "), style),
            Span::styled(format!("{who}{first} {}", percent(point.shares[0].into())), style),
            Span::styled(then, theme.faint()),
        ]),
        Line::styled(format!(" {:.2} x as far from its class as usual", point.off), theme.faint()),
    ]
}

/// The nearest neighbours' pictures, side by side, each over its class.
fn near(screen: &MapScreen, (shown, place): (&Shown, usize), theme: Theme, frame: &mut Frame, rect: Rect) {
    let line = Rect { height: 1.min(rect.height), ..rect };
    frame.render_widget(Span::styled("nearest in the features", theme.faint()), line);
    let (map, small) = (shown.map, rect.height.saturating_sub(2));
    let width = small * 2 + 1;
    let columns = (rect.x..rect.right()).step_by(width.into());
    for (near, x) in map.near(place).zip(columns).take(usize::from((rect.width + 1) / width)) {
        let (point, y) = (map.points[near], rect.y + 1);
        let spot = Rect { x, y, width: small * 2, height: small }.intersection(rect);
        if let Some(picture) = screen.picture(point.image) {
            paint(picture, theme, frame.buffer_mut(), spot);
        }
        let name = fit(&sanitize(map.class(&point)), usize::from(small) * 2, false);
        let style = theme.class(group(shown, near).into());
        let below = Rect { x, y: y + small, width: small * 2, height: 1 }.intersection(rect);
        frame.render_widget(Span::styled(name, style), below);
    }
}

/// Points of a list around the one under the cursor.
fn listed(
    screen: &MapScreen,
    (shown, place, kind): (&Shown, usize, List),
    theme: Theme,
    frame: &mut Frame,
    rect: Rect,
) {
    let (map, places) = (shown.map, screen.ordered());
    let class = |class: u16| sanitize(map.about.classes.get(usize::from(class)).map_or("?", String::as_str));
    let words = match kind {
        List::Outliers(of) => format!("outliers of {}", class(of)),
        List::Confused(of) => format!("most confused of {}", class(of)),
        List::AllConfused => "most confused of all".to_owned(),
    };
    let here = places.iter().position(|listed| *listed == place);
    let count = here.map_or(format!(" {}", places.len()), |here| format!(" {} of {}", here + 1, places.len()));
    let mut lines =
        vec![Line::from(vec![Span::styled(format!(" {words}"), theme.title()), Span::styled(count, theme.faint())])];
    let first = here.unwrap_or(0).saturating_sub(AROUND / 2);
    for (rank, listed) in places.iter().enumerate().skip(first).take(AROUND) {
        let point = &map.points[*listed];
        let figure = match kind {
            List::Outliers(_) => format!("{:.2} x", point.off),
            _ => format!("{} : {}", percent(point.shares[0].into()), percent(point.shares[1].into())),
        };
        let [one, two] = point.answers.map(|answer| sanitize(map.answer(answer)));
        let what = match kind {
            List::Outliers(_) => one,
            _ => format!("{one} or {two}"),
        };
        let sign = letter(group(shown, *listed));
        let text = format!(" {:>4} {sign} {figure}  {what}", rank + 1);
        let text = fit(&text, usize::from(rect.width), false);
        let style = if *listed == place {
            theme.chosen()
        } else if map.is_right(point) {
            Style::new()
        } else {
            theme.bad()
        };
        lines.push(Line::styled(text, style));
    }
    frame.render_widget(Text::from(lines), rect);
}
