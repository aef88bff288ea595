//! The list as it is seen.

use super::*;
use ratatui::style::Color;

#[test]
fn a_suite_in_the_middle_of_things() {
    let mut lab = Lab::busy();
    lab.state.go(&lab.rows, Motion::By(7));
    insta::assert_snapshot!("list_busy_80x24", lab.picture(80, 24));
    lab.state.marks.extend([run_dir("base", "20261123-090000"), run_dir("moco.queue-6400.seed-1", "20261124-090000")]);
    lab.state.toggle_metric("val/loss");
    lab.settle();
    insta::assert_snapshot!("list_busy_120x40", lab.picture(120, 40));
}

#[test]
fn filtered() {
    let mut lab = Lab::busy();
    lab.filter("recipe:moco queue>6400 -status:failed");
    insta::assert_snapshot!("list_filtered_80x24", lab.picture(80, 24));
    lab.state.search.open();
    lab.type_in(" statsu:done");
    insta::assert_snapshot!("list_filter_wrong_80x24", lab.picture(80, 24));
    insta::assert_snapshot!("list_filter_wrong_120x40", lab.picture(120, 40));
}

#[test]
fn grouped_by_status() {
    let mut lab = Lab::busy();
    lab.state.grouping = Grouping::Status;
    lab.state.sort = Sort { by: Some(Column::Best), reversed: false };
    lab.settle();
    lab.state.choose(&lab.rows, Target::Group("done".into()));
    insta::assert_snapshot!("list_by_status_80x24", lab.picture(80, 24));
    lab.state.go(&lab.rows, Motion::First);
    insta::assert_snapshot!("list_by_status_120x40", lab.picture(120, 40));
}

#[test]
fn nothing_to_see() {
    let mut lab = Lab::busy();
    lab.filter("val/macro_acuracy>2");
    insta::assert_snapshot!("list_hidden_80x24", lab.picture(80, 24));
    lab.state.search.clear();
    lab.runs.clear();
    lab.settle();
    insta::assert_snapshot!("list_no_runs_80x24", lab.picture(80, 24));
    lab.suite = None;
    lab.settle();
    insta::assert_snapshot!("list_reading_80x24", lab.picture(80, 24));
}

#[test]
fn without_colours_nothing_is_lost() {
    let mut lab = Lab::busy();
    lab.state.mark(&lab.rows);
    lab.state.search.open();
    lab.type_in("moco or base lr>x");
    let terminal = lab.terminal(80, 24, Theme::new(false));
    insta::assert_snapshot!("list_no_color_80x24", terminal.backend());
    let plain = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(terminal.backend().buffer().content().iter().all(plain));
}

#[test]
fn any_size_is_drawn() {
    let mut lab = Lab::busy();
    lab.state.toggle_metric("val/loss");
    for state in 0..4 {
        match state {
            0 => {}
            1 => lab.type_in_line("name~漢字漢字漢字 or moco quue>1"),
            2 => _ = lab.filter("none-of-them"),
            _ => lab.runs.clear(),
        }
        lab.settle();
        for (width, height) in (0..130).flat_map(|width| [0, 1, 2, 3, 5, 24].map(|height| (width, height))) {
            if width > 0 && height > 0 {
                lab.picture(width, height);
            }
        }
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let (suite, runs, rows, state) = (lab.suite.as_ref(), &lab.runs, &lab.rows, &lab.state);
        let seen = Seen { suite, problem: Some("wrong\nvery wrong"), complete: true, runs, rows, state, now: NOW };
        for (width, height) in (0..10).flat_map(|width| (0..10).map(move |height| (width, height))) {
            let rect = ratatui::layout::Rect::new(3, 3, width, height);
            terminal.draw(|frame| table::draw(&seen, Theme::new(true), frame, rect)).unwrap();
        }
    }
}

impl Lab {
    fn type_in_line(&mut self, text: &str) {
        self.state.search.open();
        self.type_in(text);
    }
}
