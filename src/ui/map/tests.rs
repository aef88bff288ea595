use super::play::FRAME;
use super::sector::CLOSEST;
use super::*;
use mocolab::embedding::{About, Answerer, NEAR, Point};
use mocolab::experiment::DataSource;

/// The map after `epoch` epochs of `n` pictures of CIFAR-10's classes, each class on a spot of its own that spreads out
/// with the epochs; every seventh is answered wrong.
pub fn sample(n: usize, epoch: u64) -> Embedding {
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    let classes: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let point = |place: usize| {
        let (label, ring) = ((place % 10) as u16, (place / 10) as f32);
        let (turn, around) = (f32::from(label) * 0.628, ring * 2.4);
        let (far, near) = (4.0 * epoch as f32, ring.sqrt());
        let answer = if place.is_multiple_of(7) { (label + 1) % 10 } else { label };
        let sure = 0.5 + (place % 5) as f32 * 0.1;
        Point {
            at: [far * turn.cos() + near * around.cos(), far * turn.sin() + near * around.sin()],
            image: place as u32 * 2,
            label,
            answers: [answer, (answer + 1) % 10],
            shares: [sure, 1.0 - sure],
            off: 0.5 + ring * 0.1,
            near: std::array::from_fn(|near| {
                if near + 1 < n { ((place + (near + 1) * if n > 99 { 10 } else { 1 }) % n) as u32 } else { u32::MAX }
            }),
        }
    };
    let about = About {
        epoch,
        step: epoch * 10,
        data: DataSource::Shapes,
        answers: classes.clone(),
        right: (0..10).collect(),
        classes,
        by: Answerer::Classifier,
        width: 64,
        components: 50,
        kept: 0.981,
        perplexity: 30.0,
        seed: 1,
        from: None,
        divergence: 1.832,
        trustworthiness: Some(0.9712),
        recall: Some(0.3811),
        seconds: 2.1,
    };
    Embedding { about, points: (0..n).map(point).collect() }
}

/// Pictures of one colour each.
pub fn pictures(numbers: &[u32]) -> Vec<(u32, Picture)> {
    let picture = |number: u32| {
        let pixel = |at: usize| [(number * 40 % 256) as u8, (at % 32 * 8) as u8, (at / 32 * 8) as u8];
        Picture { width: 32, pixels: (0..32 * 32).map(pixel).collect() }
    };
    numbers.iter().map(|number| (*number, picture(*number))).collect()
}

fn run(id: &str) -> RunDir {
    RunDir::new(format!("/nowhere/runs/base/{id}"))
}

/// A screen with the maps of these epochs, told in this order.
fn screen(epochs: &[u64]) -> MapScreen {
    let mut screen = MapScreen::default();
    screen.open(&run("1"));
    for epoch in epochs {
        screen.take(&run("1"), Ok(Arc::new(sample(60, *epoch))));
    }
    screen
}

fn epoch(screen: &MapScreen, now: f64) -> u64 {
    screen.shown(now).unwrap().map.about.epoch
}

#[test]
fn the_newest_is_in_front_and_stays_so_until_another_is_chosen() {
    let mut screen = screen(&[4, 2]);
    assert_eq!(epoch(&screen, 0.0), 4);
    screen.take(&run("1"), Ok(Arc::new(sample(60, 6))));
    assert_eq!(epoch(&screen, 0.0), 6);
    assert!(screen.turn_epoch(false) && screen.turn_epoch(false) && !screen.turn_epoch(false));
    assert_eq!(epoch(&screen, 0.0), 2);
    screen.take(&run("1"), Ok(Arc::new(sample(60, 8))));
    assert_eq!(epoch(&screen, 0.0), 2);
    assert!((0..3).all(|_| screen.turn_epoch(true)) && !screen.turn_epoch(true));
    screen.take(&run("1"), Ok(Arc::new(sample(60, 9))));
    assert_eq!(epoch(&screen, 0.0), 9, "whoever is at the end stays there");
    // Of another run nothing is shown.
    screen.take(&run("2"), Ok(Arc::new(sample(60, 99))));
    assert_eq!(epoch(&screen, 0.0), 9);
    screen.open(&run("2"));
    assert!(screen.shown(0.0).is_none() && !screen.listed);
}

#[test]
fn epochs_are_played_from_the_first_and_points_move_between_them() {
    let mut screen = screen(&[2, 4, 6]);
    screen.play(100.0);
    assert_eq!((epoch(&screen, 100.0), screen.next_change(100.0)), (2, Some(100.0 + FRAME)));
    let at = |screen: &MapScreen, now: f64| screen.shown(now).unwrap().at[3];
    let (start, middle) = (at(&screen, 100.0), at(&screen, 100.5));
    let [from, to] = [2, 4].map(|epoch| sample(60, epoch).points[3].at);
    assert_eq!(start.to_vec(), from.to_vec());
    assert!((0..2).all(|axis| (middle[axis] - f32::midpoint(from[axis], to[axis])).abs() < 1e-4));
    let frame = screen.frame([10, 10]);
    screen.tick(101.2);
    assert_eq!(epoch(&screen, 101.2), 4);
    assert!(screen.plays() && screen.frame([10, 10]) == frame, "what is in sight does not jump");
    screen.tick(109.0);
    assert_eq!((epoch(&screen, 109.0), screen.plays(), screen.next_change(109.0)), (6, false, None));
    screen.take(&run("1"), Ok(Arc::new(sample(60, 8))));
    assert_eq!(epoch(&screen, 109.0), 8, "at the end it rests at the newest");
    screen.play(200.0);
    screen.play(200.3);
    assert!(!screen.plays() && epoch(&screen, 200.3) == 2, "the same key stops it where it is");
    // One map can't be played; of other pictures points don't move.
    let mut one = MapScreen::default();
    assert!(!one.play(0.0) && !one.plays());
    screen.take(&run("1"), Ok(Arc::new(sample(50, 4))));
    screen.play(300.0);
    assert_eq!(at(&screen, 300.9).to_vec(), from.to_vec());
}

#[test]
fn the_cursor_goes_from_point_to_point_and_never_to_hidden_ones() {
    let mut screen = screen(&[4]);
    assert!(screen.go(Way::Right), "at first to the middle");
    let chosen = |screen: &MapScreen| {
        let shown = screen.shown(0.0).unwrap();
        shown.map.points[shown.chosen.unwrap()]
    };
    let mut before = chosen(&screen);
    while screen.go(Way::Right) {
        let now = chosen(&screen);
        assert!(now.at[0] > before.at[0]);
        before = now;
    }
    assert!(before.at[0] > 12.0, "at last to the outermost: {before:?}");
    let label = before.label;
    assert!(screen.hide() && !screen.is_shown(label));
    assert!(screen.shown(0.0).unwrap().chosen.is_none() && !screen.hide());
    for _ in 0..4 {
        for way in [Way::Left, Way::Up, Way::Right, Way::Down] {
            screen.go(way);
            assert_ne!(chosen(&screen).label, label);
        }
    }
    assert!(screen.show_only());
    let alone = chosen(&screen).label;
    assert_eq!((0..10).filter(|group| screen.is_shown(*group)).collect::<Vec<_>>(), [alone]);
    screen.show_all();
    assert!((0..10).all(|group| screen.is_shown(group)));
    let here = chosen(&screen).image;
    assert!(screen.go_to_neighbour() && chosen(&screen).image != here);
    // It stays with its picture where that lies at another epoch.
    screen.take(&run("1"), Ok(Arc::new(sample(60, 6))));
    let image = chosen(&screen).image;
    screen.turn_epoch(false);
    assert_eq!(chosen(&screen).image, image);
}

#[test]
fn lists_lead_through_outliers_and_confused_points() {
    let mut screen = screen(&[4]);
    assert!(!screen.turn_point(true));
    screen.choose_at(sample(60, 4).points[3].at);
    screen.turn_list();
    assert_eq!(screen.list, Some(List::Outliers(3)));
    let chosen = |screen: &MapScreen| {
        let shown = screen.shown(0.0).unwrap();
        shown.map.points[shown.chosen.unwrap()]
    };
    let mut seen = vec![chosen(&screen)];
    while screen.turn_point(true) {
        seen.push(chosen(&screen));
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|point| point.label == 3) && seen.windows(2).all(|two| two[0].off >= two[1].off));
    assert!(screen.turn_point(false) && chosen(&screen) == seen[4]);
    assert!(screen.turn_class(true) && chosen(&screen).label == 4);
    assert!(screen.turn_class(false) && screen.list == Some(List::Outliers(3)));
    screen.turn_list();
    assert_eq!((screen.list, chosen(&screen).label), (Some(List::Confused(3)), 3));
    assert_eq!(screen.ordered(), List::Confused(3).places(&sample(60, 4)));
    screen.turn_list();
    assert_eq!(screen.list, Some(List::AllConfused));
    assert!((chosen(&screen).margin()).abs() < 1e-6);
    screen.turn_list();
    assert_eq!(screen.list, None);
}

#[test]
fn what_is_zoomed_into_stays_in_sight_and_back_leads_out() {
    let mut screen = screen(&[4]);
    let all = screen.frame([40, 40]);
    screen.zoom(true, Some([5.0, 5.0]));
    let near = screen.frame([40, 40]);
    assert!(near.reach[0] < all.reach[0]);
    assert_eq!(near.dot([5.0, 5.0], [40, 40]), all.dot([5.0, 5.0], [40, 40]), "what lies under the mouse stays there");
    screen.pan(Way::Right);
    assert!(screen.frame([40, 40]).middle[0] > near.middle[0]);
    for way in [Way::Left, Way::Up, Way::Down, Way::Right, Way::Down].repeat(4) {
        screen.go(way);
        let shown = screen.shown(0.0).unwrap();
        let at = shown.map.points[shown.chosen.unwrap()].at;
        for size in [[40, 40], [90, 20], [20, 90]] {
            assert!(screen.frame(size).dot(at, size).is_some(), "the cursor is never out of sight");
        }
    }
    (0..40).for_each(|_| screen.zoom(true, None));
    assert!(screen.nearness() <= 1.0 / CLOSEST + 0.01);
    let closest = screen.frame([40, 40]);
    screen.zoom(true, Some([1.0, 1.0]));
    assert_eq!(screen.frame([40, 40]), closest, "nearer than that nothing moves");
    screen.turn_list();
    assert!((0..3).all(|_| screen.back()) && !screen.back(), "the list, the zoom, the point");
    assert_eq!(screen.frame([40, 40]), all);
    screen.zoom(false, None);
    assert_eq!(screen.frame([40, 40]), all, "further than all is nothing");
}

#[test]
fn colours_go_round_and_leave_out_what_the_data_does_not_have() {
    let mut screen = screen(&[4]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        screen.turn_colour();
        seen.push(screen.by);
    }
    assert_eq!(seen, [By::Five, By::Two, By::Answer, By::Error, By::Class]);
    let mut other = sample(60, 8);
    other.about.classes[0] = "plane".into();
    screen.take(&run("1"), Ok(Arc::new(other)));
    screen.turn_colour();
    assert_eq!(screen.by, By::Answer);
    // What another run was coloured by may not be had here.
    screen.by = By::Five;
    assert_eq!((screen.shown(0.0).unwrap().colouring.names.len(), screen.colours()), (10, By::Class));
    assert!(screen.choose_at([0.0, 0.0]) && screen.hide(), "what is hidden is what is shown");
    // Maps of steps that a training went back behind are let go.
    screen.keep(&run("1"), &[40]);
    assert_eq!(screen.epochs().collect::<Vec<_>>(), [(40, 4)]);
}

#[test]
fn pictures_are_asked_for_once_and_of_other_data_anew() {
    let mut screen = screen(&[4]);
    assert!(screen.wanted().is_none(), "no point, no picture");
    screen.choose_at([0.0, 0.0]);
    let (_, wanted) = screen.wanted().unwrap();
    assert_eq!(wanted.len(), NEAR + 1);
    assert!(screen.wanted().is_none());
    screen.see(&DataSource::Shapes, pictures(&wanted), None);
    assert!(wanted.iter().all(|number| screen.picture(*number).is_some()));
    let mut other = sample(60, 8);
    other.about.data = DataSource::Cifar10(None);
    screen.take(&run("1"), Ok(Arc::new(other)));
    assert_eq!(screen.wanted().unwrap().1.len(), NEAR + 1);
    // What comes late of other data is not shown under the same numbers.
    screen.see(&DataSource::Shapes, pictures(&wanted), Some("gone".into()));
    assert!(wanted.iter().all(|number| screen.picture(*number).is_none()) && screen.unseen.is_none());
    screen.see(&DataSource::Cifar10(None), Vec::new(), Some("the data is gone".into()));
    assert!(screen.unseen.is_some());
    screen.choose_at([9.0, 9.0]);
    assert!(screen.wanted().is_some(), "the next may be there");
}
