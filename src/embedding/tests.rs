use super::*;

/// A map of `n` points on a spiral, of CIFAR-10's classes; every seventh is answered wrong.
pub fn map(n: usize) -> Embedding {
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    let classes: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let point = |place: usize| {
        let (turn, label) = (place as f32 * 0.4, (place % 10) as u16);
        let answer = if place.is_multiple_of(7) { (label + 1) % 10 } else { label };
        let sure = 0.5 + (place % 5) as f32 * 0.1;
        let near = std::array::from_fn(|near| if near + 1 < n { ((place + near + 1) % n) as u32 } else { u32::MAX });
        Point {
            at: [turn.cos(), turn.sin()].map(|at| at * place as f32),
            image: place as u32,
            label,
            answers: [answer, (answer + 1) % 10],
            shares: [sure, 1.0 - sure],
            off: 0.5 + (place % 11) as f32 * 0.1,
            near,
        }
    };
    let about = About {
        epoch: 10,
        step: 700,
        data: DataSource::Shapes,
        answers: classes.clone(),
        right: (0..10).collect(),
        classes,
        by: Answerer::Classifier,
        width: 64,
        components: 50,
        kept: 0.98,
        perplexity: 30.0,
        seed: 1,
        from: Some(600),
        divergence: 1.25,
        trustworthiness: Some(0.97),
        recall: Some(0.4),
        seconds: 1.5,
    };
    Embedding { about, points: (0..n).map(point).collect() }
}

#[test]
fn what_is_written_is_read_again() {
    for n in [0, 1, 30] {
        let map = map(n);
        let components: Vec<f32> = (0..n * 3).map(|at| at as f32 / 7.0).collect();
        let bytes = map.encode(&components).unwrap();
        assert_eq!(Embedding::decode(&bytes).unwrap(), map);
        assert_eq!(Embedding::components(&bytes).unwrap(), (components, if n == 0 { 0 } else { 3 }));
    }
}

#[test]
fn what_is_no_map_is_refused_and_never_panics() {
    let map = map(12);
    let whole = map.encode(&[]).unwrap();
    for cut in 0..whole.len() {
        assert!(Embedding::decode(&whole[..cut]).is_err(), "{cut}");
    }
    let with = |change: fn(&mut Embedding)| {
        let mut map = map.clone();
        change(&mut map);
        Embedding::decode(&map.encode(&[]).unwrap()).unwrap_err().to_string()
    };
    assert!(with(|map| map.points[3].label = 10).contains("label 3 is `10` of 10"));
    assert!(with(|map| map.points[3].answers[1] = 99).contains("answer 7 is `99`"));
    let mut nowhere = map.clone();
    nowhere.points[5].at[0] = f32::NAN;
    assert!(nowhere.encode(&[]).unwrap_err().to_string().contains("no numbers"));
    nowhere = map.clone();
    nowhere.about.kept = f64::NAN;
    assert!(nowhere.encode(&[]).is_err());
    assert!(with(|map| map.about.right = vec![0]).contains("right answers"));
    let mut bytes = whole.clone();
    for place in (0..whole.len()).step_by(7) {
        bytes[place] ^= 0x55;
        let _ = Embedding::decode(&bytes);
        bytes[place] = whole[place];
    }
}

#[test]
fn colours_follow_the_maps_of_classes_the_answer_and_the_error() {
    let map = map(20);
    let colouring = |by| map.colouring(by).unwrap();
    assert_eq!(colouring(By::Class).groups[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(colouring(By::Five).groups[..10], [0, 1, 2, 3, 4, 3, 4, 2, 0, 1]);
    assert_eq!(colouring(By::Two).names, ["vehicles+horse", "animals"]);
    assert_eq!(colouring(By::Answer).groups[..8], [1, 1, 2, 3, 4, 5, 6, 8]);
    assert_eq!(colouring(By::Error).groups[..8], [1, 0, 0, 0, 0, 0, 0, 1]);
    let mut other = map.clone();
    other.about.classes[0] = "plane".to_owned();
    assert!(other.colouring(By::Five).unwrap_err().contains("airplane"));
    assert_eq!(By::ALL.map(|by| by.word().parse()), By::ALL.map(Ok));
    assert!("3".parse::<By>().unwrap_err().contains("is not allowed"));
}

#[test]
fn the_farthest_from_their_class_and_the_least_sure_come_first() {
    let map = map(60);
    let outliers = map.outliers(|point| point.label == 3);
    assert_eq!(outliers.len(), 6);
    assert!(outliers.windows(2).all(|pair| map.points[pair[0]].off >= map.points[pair[1]].off));
    let confused = map.confused(|_| true);
    assert!(confused.windows(2).all(|pair| map.points[pair[0]].margin() <= map.points[pair[1]].margin()));
    assert_eq!(confused[0], 0, "of those that are alike the first");
    assert_eq!(map.near(58).collect::<Vec<_>>(), [59, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(map.near(60).count(), 0);
}

#[test]
fn all_points_lie_in_a_frame_around_them_up_being_more() {
    let map = map(60);
    let size = [60, 30];
    let frame = Frame::around(map.bounds(), size);
    assert!(map.points.iter().all(|point| frame.dot(point.at, size).is_some()));
    let [low, high] = map.bounds()[1];
    let at = |down: f32| frame.dot([frame.middle[0], down], size).unwrap()[1];
    assert!(at(high) < at(low), "{} {}", at(high), at(low));
    // The same scale both ways.
    assert!((frame.reach[0] / 60.0 - frame.reach[1] / 30.0).abs() < 1e-5);
    let at: Vec<[f32; 2]> = map.points.iter().map(|point| point.at).collect();
    let dots = scatter(&at, |place| (place % 2 == 0).then_some(map.points[place].label), (frame, size));
    let counted: u32 = dots.iter().flatten().map(|(_, count)| count).sum();
    assert!(counted <= 30 && counted > 20, "{counted}");
    let closer = frame.zoomed(0.1);
    assert!(map.points.iter().filter(|point| closer.dot(point.at, size).is_some()).count() < 20);
    let one = Frame::around([[2.0, 2.0], [5.0, 5.0]], size);
    assert_eq!(one.dot([2.0, 5.0], size), Some([30, 14]));
}

#[test]
fn a_perplexity_has_bounds_that_are_told() {
    assert_eq!([read_perplexity("2"), read_perplexity("30.5")], [Ok(2.0), Ok(30.5)]);
    for bad in ["1", "501", "NaN", "many", ""] {
        assert!(read_perplexity(bad).unwrap_err().contains("2 to 500"), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn bytes_of_a_map_that_are_changed_give_a_map_or_an_error(
        changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 1..6), cut in proptest::option::of(proptest::num::usize::ANY)
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| map(12).encode(&[]).unwrap());
        let mut bytes = WHOLE.clone();
        for (at, new) in changes {
            let at = at % bytes.len();
            bytes[at] = new;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut % bytes.len()));
        if let Ok(map) = Embedding::decode(&bytes) {
            let _ = format!("{map:?}");
        }
        let _ = Embedding::components(&bytes);
    }
}
