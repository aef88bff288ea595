//! The screen of the classes on figures as a small ResNet on CIFAR-10 has them: pictures, keys, any size.

use super::difference::{Side, Versus};
use super::{ClassesScreen, difference, draw};
use crate::sight::Sight;
use crate::ui::theme::Theme;
use mocolab::event::{Classes, Event, Line, Started};
use mocolab::run::RunDir;
use mocolab::state::RunState;
use mocolab::status::Status;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const CIFAR10: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Animals are taken for animals and vehicles for vehicles; 75.8 % are right.
const ANSWERS: [[u64; 10]; 10] = [
    [790, 20, 55, 18, 20, 6, 9, 12, 48, 22],
    [14, 872, 3, 6, 2, 3, 6, 2, 22, 70],
    [58, 4, 651, 68, 82, 55, 48, 24, 7, 3],
    [17, 8, 61, 552, 58, 196, 62, 32, 8, 6],
    [16, 2, 62, 50, 730, 32, 42, 58, 6, 2],
    [8, 3, 46, 166, 45, 668, 18, 40, 4, 2],
    [5, 4, 44, 48, 34, 17, 838, 4, 4, 2],
    [13, 3, 26, 36, 54, 62, 5, 790, 3, 8],
    [52, 31, 11, 10, 7, 4, 6, 3, 856, 20],
    [24, 78, 6, 11, 4, 6, 5, 12, 26, 828],
];

/// The answers after `epoch` of 42: fewer right ones, and some unrest between epochs.
fn answers(epoch: u64) -> Vec<Vec<u64>> {
    let row = |(class, row): (usize, &[u64; 10])| {
        let wrong = row.iter().sum::<u64>() - row[class];
        let unrest = (epoch * 7 + class as u64 * 5) % 9 * u64::from(epoch < 42);
        let right = row[class] * (epoch + 14) / 56 + unrest * 3 - 12 * u64::from(epoch < 42);
        let mut row: Vec<u64> = row.iter().map(|count| count * (1000 - right) / wrong).collect();
        row[class] = 0;
        row[class] = 1000 - row.iter().sum::<u64>();
        row
    };
    ANSWERS.iter().enumerate().map(row).collect()
}

fn judged(epoch: u64, split: &str, confusion: Vec<Vec<u64>>) -> Event {
    Event::Classes(Classes { epoch, split: split.into(), by: String::new(), confusion })
}

fn sight(classes: &[&str], judged: Vec<Event>) -> Sight {
    let mut sight = Sight::unread(RunDir::new("/nowhere/runs/base/20261124-223629"));
    sight.status = Status::Running;
    let classes = classes.iter().map(|name| (*name).to_owned()).collect();
    let started = Started { classes, epochs: 200, steps: 20_000, steps_per_epoch: 100, ..Started::default() };
    for event in std::iter::once(Event::Started(Box::new(started))).chain(judged) {
        sight.state.apply(&Line { attempt: 1, seq: 0, t: 0.0, event });
    }
    sight
}

fn cifar10() -> Sight {
    let val = (1..=42).map(|epoch| judged(epoch, "val", answers(epoch)));
    sight(&CIFAR10, val.chain([judged(40, "test", answers(40))]).collect())
}

/// Superclasses of 5, as CIFAR-100 has: mistakes stay within them, mostly.
fn many(count: usize) -> Sight {
    let names: Vec<String> = (0..count)
        .map(|class| format!("{}_{}", ["maple", "otter", "rocket", "sea", "willow"][class % 5], class))
        .collect();
    let row = |truth: usize| -> Vec<u64> {
        (0..count)
            .map(|answer| match (truth == answer, truth / 5 == answer / 5, (truth * 31 + answer * 17) % 23) {
                (true, ..) => 50 + (truth as u64 * 13) % 40,
                (_, true, chance) => chance as u64 % 9,
                (.., chance) => u64::from(chance == 0),
            })
            .collect()
    };
    let mut confusion: Vec<Vec<u64>> = (0..count).map(row).collect();
    if let Some(row) = confusion.get_mut(3) {
        row.fill(0);
    }
    sight(&names.iter().map(String::as_str).collect::<Vec<_>>(), vec![judged(1, "val", confusion)])
}

fn buffer(width: u16, height: u16, show: impl FnOnce(&mut ratatui::Frame, Rect)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| show(frame, frame.area())).unwrap();
    terminal
}

fn picture(sight: &Sight, screen: &ClassesScreen, colours: bool, (width, height): (u16, u16)) -> String {
    buffer(width, height, |frame, rect| draw(sight, screen, Theme::new(colours), frame, rect)).backend().to_string()
}

fn matrix() -> ClassesScreen {
    let mut screen = ClassesScreen::default();
    screen.toggle_matrix();
    screen
}

#[test]
fn the_classes() {
    let (sight, mut screen) = (cifar10(), ClassesScreen::default());
    insta::assert_snapshot!("classes_80x24", picture(&sight, &screen, true, (80, 24)));
    insta::assert_snapshot!("classes_120x40", picture(&sight, &screen, true, (120, 40)));
    insta::assert_snapshot!("classes_no_colours_120x40", picture(&sight, &screen, false, (120, 40)));
    insta::assert_snapshot!("classes_matrix_80x24", picture(&sight, &matrix(), true, (80, 24)));
    insta::assert_snapshot!("classes_matrix_no_colours_80x24", picture(&sight, &matrix(), false, (80, 24)));
    screen.turn_split(&sight.state);
    insta::assert_snapshot!("classes_test_80x24", picture(&sight, &screen, true, (80, 24)));
}

#[test]
fn few_and_many_classes() {
    let mut screen = ClassesScreen::default();
    insta::assert_snapshot!("classes_none_80x24", picture(&sight(&[], vec![]), &screen, true, (80, 24)));
    let two = sight(&["animal", "vehicle"], vec![judged(3, "val", vec![vec![5706, 294], vec![268, 3732]])]);
    insta::assert_snapshot!("classes_2_120x40", picture(&two, &screen, false, (120, 40)));
    let hundred = many(100);
    (0..40).for_each(|_| screen.down(&hundred.state));
    insta::assert_snapshot!("classes_100_80x24", picture(&hundred, &screen, true, (80, 24)));
    screen.toggle_matrix();
    insta::assert_snapshot!("classes_100_matrix_no_colours_80x24", picture(&hundred, &screen, false, (80, 24)));
    insta::assert_snapshot!("classes_100_200x60", picture(&hundred, &ClassesScreen::default(), false, (200, 60)));
}

#[test]
fn neighbours_are_named_and_classes_without_images_too() {
    let by = "knn k=200 T=0.1 projection of 50000 training images".to_owned();
    let confusion = vec![vec![8, 2, 0], vec![0, 0, 0], vec![1, 0, 9]];
    let answers = Event::Classes(Classes { epoch: 7, split: "val".into(), by, confusion });
    let sight = sight(&["cat", "dog\u{1b}[2J", "ship"], vec![answers]);
    let picture = picture(&sight, &ClassesScreen::default(), true, (120, 20));
    for wanted in ["val, epoch 7 of 200  answered by knn k=200", "1 without images", "dog␛[2J", "no images", "85.0%"]
    {
        assert!(picture.contains(wanted), "{wanted}:\n{picture}");
    }
}

/// The ground of a cell of the matrix: `wanted` is looked for in the row of the class.
fn ground(buffer: &Buffer, row: &str, wanted: &str) -> ratatui::style::Color {
    let lines = buffer.content().chunks(buffer.area.width as usize);
    let mut lines = lines.map(|cells| (cells, cells.iter().map(ratatui::buffer::Cell::symbol).collect::<Vec<_>>()));
    let (cells, symbols) = lines.rfind(|(_, symbols)| symbols.concat().starts_with(row)).unwrap();
    let at = (0..symbols.len()).find(|at| symbols[*at..].concat().starts_with(wanted)).unwrap();
    cells[at].bg
}

#[test]
fn right_answers_have_a_hue_of_their_own() {
    let (sight, screen) = (cifar10(), matrix());
    let terminal = buffer(80, 24, |frame, rect| draw(&sight, &screen, Theme::new(true), frame, rect));
    let ground = |row, wanted| ground(terminal.backend().buffer(), row, wanted);
    assert_eq!(ground("▸cat", "55.2"), Theme::new(true).right(5).bg.unwrap());
    assert_eq!(ground("▸cat", "19.6"), Theme::new(true).wrong(7).bg.unwrap());
    assert_eq!(ground("▸cat", "0.8"), Theme::new(true).wrong(2).bg.unwrap());
    let plain = picture(&sight, &screen, false, (80, 24));
    assert!(plain.contains("[55.2]") && plain.contains(" 19.6 "), "{plain}");
}

fn shown(state: &RunState, screen: &ClassesScreen) -> Vec<String> {
    screen.rows(state).0.into_iter().map(|row| row.name).collect()
}

#[test]
fn keys_order_choose_and_turn() {
    let (sight, mut screen) = (cifar10(), ClassesScreen::default());
    let state = &sight.state;
    let chosen = |screen: &ClassesScreen| {
        let (rows, place) = screen.rows(state);
        (rows[place].name.clone(), place)
    };
    assert_eq!(shown(state, &screen)[..3], ["cat", "bird", "dog"]);
    screen.up(state);
    assert_eq!(chosen(&screen), ("cat".into(), 0));
    screen.down(state);
    screen.reverse();
    assert_eq!(chosen(&screen), ("bird".into(), 8), "the class stays chosen, wherever it goes");
    screen.last(state);
    assert_eq!(chosen(&screen), ("cat".into(), 9));
    screen.page_up(state);
    assert_eq!(chosen(&screen), ("automobile".into(), 0));
    screen.page_down(state);
    assert_eq!(chosen(&screen), ("cat".into(), 9));
    screen.first();
    assert_eq!(chosen(&screen), ("automobile".into(), 0));
    let orders: Vec<_> = (0..6).map(|_| (screen.turn_order(), screen.order()).1).collect();
    assert_eq!(orders.last(), Some(&"worst recall first"));
    assert_eq!(shown(state, &screen)[0], "cat");
    (0..5).for_each(|_| screen.turn_order());
    assert_eq!(shown(state, &screen), CIFAR10);
    assert_eq!(screen.seen(state).unwrap().split, "val");
    screen.turn_split(state);
    assert_eq!(screen.seen(state).unwrap().split, "test");
    assert!(screen.rows(state).0.iter().all(|row| row.change.is_none()), "the test set was judged once");
    screen.turn_split(state);
    assert_eq!(screen.seen(state).unwrap().split, "val");
}

#[test]
fn two_runs_side_by_side() {
    let side =
        |name, epoch| (name, Classes { epoch, split: "val".into(), by: String::new(), confusion: answers(epoch) });
    let (ours, mut baseline) = (side("base/20261124-223629", 42), side("quick/20261124-101500", 38));
    // The baseline is worse at all but cats and ships.
    baseline.1.confusion[3] = vec![10, 5, 50, 640, 50, 150, 60, 25, 6, 4];
    baseline.1.confusion[8] = vec![50, 30, 10, 10, 6, 4, 6, 3, 861, 20];
    let names = CIFAR10.map(str::to_owned);
    let [ours, baseline] = [&ours, &baseline].map(|(name, classes)| Side { name, classes });
    let versus = Versus { ours, baseline, names: &names, place: 0 };
    let picture = |versus: &Versus, colours, (width, height)| {
        let show = |frame: &mut ratatui::Frame, rect: Rect| difference::draw(versus, Theme::new(colours), frame, rect);
        buffer(width, height, show).backend().to_string()
    };
    insta::assert_snapshot!("difference_80x24", picture(&versus, true, (80, 24)));
    insta::assert_snapshot!("difference_120x40", picture(&versus, false, (120, 40)));
    let few = Classes { confusion: vec![vec![1]], ..ours.classes.clone() };
    let apart = Versus { baseline: Side { name: "five", classes: &few }, ..versus };
    assert!(picture(&apart, true, (120, 4)).contains("`five` has 1 classes: their answers can't be set side by side"));
}

#[test]
fn any_size_is_safe() {
    let torn = sight(&["猫", "犬"], vec![judged(1, "val", vec![vec![1], vec![], vec![2, 3, 4, 5]])]);
    let sights = [sight(&[], vec![]), many(0), many(1), many(2), torn, cifar10(), many(100)];
    let mut terminal = Terminal::new(TestBackend::new(170, 45)).unwrap();
    for (sight, colours) in sights.iter().flat_map(|sight| [(sight, true), (sight, false)]) {
        let mut screens = [ClassesScreen::default(), matrix()];
        for screen in &mut screens {
            screen.last(&sight.state);
        }
        let classes = sight.state.classes.get("val");
        for (width, height) in (0..=170).step_by(7).chain(1..10).flat_map(|w| (0..=45).step_by(3).map(move |h| (w, h)))
        {
            let rect = Rect { x: 0, y: 0, width, height };
            let show = |frame: &mut ratatui::Frame| {
                for screen in &screens {
                    draw(sight, screen, Theme::new(colours), frame, rect);
                }
                if let Some(classes) = classes {
                    let side = Side { name: "a", classes };
                    let versus = Versus { ours: side, baseline: side, names: sight.state.class_names(), place: 9 };
                    difference::draw(&versus, Theme::new(colours), frame, rect);
                }
            };
            terminal.draw(show).unwrap();
        }
    }
}
