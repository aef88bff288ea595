use super::scatter::{Group, scatter};
use super::*;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|number| format!("class {number}")).collect()
}

fn decoded(png: &[u8]) -> image::RgbImage {
    image::load_from_memory(png).unwrap().to_rgb8()
}

#[test]
fn a_confusion_matrix_is_dark_where_answers_are() {
    let figure = confusion("val", &names(2), &[vec![9, 1], vec![0, 10]]);
    let picture = decoded(&figure.png());
    assert_eq!(picture.dimensions(), CONFUSION);
    // near the upper left corners of the cells, away from what is written in them
    let cell = |row: u32, column: u32| picture.get_pixel(96 + column * 215 + 12, 34 + row * 215 + 12).0;
    assert!(cell(0, 0)[0] < 60 && cell(1, 1)[0] < 20, "{:?} {:?}", cell(0, 0), cell(1, 1));
    assert_eq!(cell(1, 0), [255; 3]);
    assert!((100..250).contains(&cell(0, 1)[0]));
    let svg = figure.svg();
    assert!(svg.contains("class 1") && svg.contains("\n90\n"), "{svg}");
    // Any number of classes, none among them.
    for n in [0, 1, 100] {
        let _ = confusion("none", &names(n), &vec![vec![1; n]; n]).png();
    }
}

#[test]
fn curves_keep_their_spikes_and_part_where_there_is_no_number() {
    let mut points: Vec<(f64, f64)> = (0..100_000).map(|step| (f64::from(step), 1.0)).collect();
    points[41_234].1 = 9.0;
    points[70_000].1 = f64::NAN;
    let series = |points| Series { name: "loss".into(), points, faint: false, colour: 0 };
    let svg = curves("loss", ["step", "loss"], vec![series(points)], Some(("guess".into(), 8.7))).svg();
    assert!(svg.contains("guess") && svg.len() < 100_000);
    let lines: Vec<&str> =
        svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\"")).collect();
    assert!(lines.len() >= 2, "it is parted: {lines:?}");
    let top = |line: &str| {
        let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().trim();
        points.split(' ').map(|at| at.split(',').nth(1).unwrap().parse::<f64>().unwrap()).fold(f64::MAX, f64::min)
    };
    assert!(lines.iter().any(|line| top(line) < 60.0), "the spike is there");
    for points in [vec![], vec![(0.0, f64::NAN)], vec![(1.0, 2.0)]] {
        let _ = curves("little", ["step", "loss"], vec![series(points)], None).png();
    }
}

#[test]
fn points_of_a_map_lie_as_they_do() {
    let group = |name: &str, at| Group { name: name.into(), points: vec![at] };
    let picture = decoded(&scatter("map", vec![group("left", [-5.0, 0.0]), group("upper right", [5.0, 5.0])]).png());
    let middle = |colour: [u8; 3], within: std::ops::Range<u32>| {
        let near = |a: u8, b: u8| a.abs_diff(b) < 90;
        let found: Vec<(u32, u32)> = within
            .flat_map(|x| (34..430).map(move |y| (x, y)))
            .filter(|(x, y)| picture.get_pixel(*x, *y).0.iter().zip(colour).all(|(a, b)| near(*a, b)))
            .collect();
        found[found.len() / 2]
    };
    let (left, right) = (middle(COLOURS[0], 8..200), middle(COLOURS[1], 200..412));
    assert!(left.0 < 40 && right.0 > 350 && right.1 < left.1, "{left:?} {right:?}");
    let _ = scatter("nothing", Vec::new()).svg();
}

#[test]
fn pictures_lie_on_a_sheet_row_by_row() {
    let (red, blue) = ([255, 0, 0].repeat(4), [0, 0, 255].repeat(4));
    let picture = decoded(&sheet(&[&red, &blue, &blue], [2, 2], 2, 3).unwrap());
    assert_eq!(picture.dimensions(), (12, 12));
    let at = |x, y| picture.get_pixel(x, y).0;
    assert_eq!([at(5, 5), at(6, 5), at(0, 6), at(6, 6)], [[255, 0, 0], [0, 0, 255], [0, 0, 255], [0; 3]]);
    assert!(sheet(&[], [2, 2], 2, 1).is_err());
}
