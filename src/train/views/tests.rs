//! Views against torchvision's own (`tests/golden/views.py`), the two ways of making them against each other, and what is
//! drawn against what the settings say.

use super::draws::{Change, Colour, Crop};
use super::*;
use mocolab::{experiment::Views, random::Purpose, random::Random};
use safetensors::SafeTensors;
use std::{fs, path::Path};
use tch::Kind;

const SIDE: (usize, usize) = (32, 32);

fn settings(text: &str) -> Views {
    toml::from_str(text).unwrap()
}

fn random(step: u64) -> Random {
    Random::new(1, Purpose::Augment, (0, step))
}

/// All operations, each often, with the rest of the settings as they are.
fn busy() -> Views {
    settings(
        "crop_area = 0.2\nrotate = 0.5\njitter = 0.7\ngrey = 0.3\nblur = 0.5\nblur_kernel = 5\nsolarise = 0.4\nhue = 0.5",
    )
}

/// Pictures of noise, bytes `[n, height, width, 3]`.
fn noise(count: usize, (height, width): (usize, usize)) -> Tensor {
    let mut random = Random::new(2, Purpose::Drawing, (0, 0));
    let bytes: Vec<u8> = (0..count * height * width * 3).map(|_| random.below(256) as u8).collect();
    Tensor::from_slice(&bytes).view([count as i64, height as i64, width as i64, 3])
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

/// The file that torchvision's views are in.
struct Golden(Vec<u8>);

impl Golden {
    fn open() -> Self {
        Self(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/views.safetensors")).unwrap())
    }

    fn tensor(&self, name: &str, kind: Kind) -> Tensor {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let shape: Vec<i64> = view.shape().iter().map(|length| *length as i64).collect();
        Tensor::f_from_data_size(view.data(), &shape, kind).unwrap()
    }

    /// Makes the views of the operation `name`, in both ways, and compares them with torchvision's.
    fn check(&self, name: &str, error: f64, blur_kernel: usize, change: impl Fn(&[f32], &mut Change)) {
        let mut changes = vec![Change::default(); 2];
        let mut solarise_above = 0.6;
        if name == "grey" {
            for it in &mut changes {
                change(&[], it);
            }
        } else {
            let rows: Vec<Vec<f32>> = self.tensor(&format!("{name}.parameters"), Kind::Float).try_into().unwrap();
            rows.iter().zip(&mut changes).for_each(|(row, it)| change(row, it));
            solarise_above = if name == "solarise" { rows[0][0] } else { solarise_above };
        }
        let draws = Draws { changes, blur_kernel, solarise_above };
        let pixels = self.tensor("images", Kind::Uint8);
        let wanted = self.tensor(name, Kind::Float).permute([0, 3, 1, 2]);
        for (way, made) in [("picture", picture::view(&pixels, &draws)), ("batch", batch::view(&pixels, &draws))] {
            assert_eq!(made.size(), [2, 3, 32, 32]);
            let found = difference(&made, &wanted);
            assert!(found <= error, "{name}, {way} by {way}: {found}");
        }
    }
}

fn crop(row: &[f32]) -> Crop {
    let [top, left, height, width] = [0, 1, 2, 3].map(|k| row[k] as usize);
    Crop { top, left, height, width }
}

fn steps(row: &[f32]) -> [Colour; 4] {
    let kinds = [Colour::Brightness, Colour::Contrast, Colour::Saturation, Colour::Hue];
    [0, 2, 4, 6].map(|k| kinds[row[k] as usize](row[k + 1]))
}

/// One change of colour; the other three do nothing.
fn only(step: Colour) -> [Colour; 4] {
    let hue = if matches!(step, Colour::Hue(_)) { Colour::Contrast(1.0) } else { Colour::Hue(0.0) };
    [Colour::Brightness(1.0), step, hue, Colour::Saturation(1.0)]
}

#[test]
fn each_operation_is_that_of_torchvision() {
    let golden = Golden::open();
    golden.check("crop", 2e-3, 1, |row, it| it.crop = Some(crop(row)));
    golden.check("small_crop", 2e-3, 1, |row, it| it.crop = Some(crop(row)));
    golden.check("rotate", 1e-5, 1, |row, it| it.rotate = Some(row[0]));
    golden.check("brightness", 1e-5, 1, |row, it| it.jitter = Some(only(Colour::Brightness(row[0]))));
    golden.check("contrast", 1e-5, 1, |row, it| it.jitter = Some(only(Colour::Contrast(row[0]))));
    golden.check("saturation", 1e-5, 1, |row, it| it.jitter = Some(only(Colour::Saturation(row[0]))));
    golden.check("hue", 1e-5, 1, |row, it| it.jitter = Some(only(Colour::Hue(row[0]))));
    golden.check("jitter", 1e-5, 1, |row, it| it.jitter = Some(steps(row)));
    golden.check("grey", 1e-5, 1, |_, it| it.grey = true);
    golden.check("blur_3", 1e-5, 3, |row, it| it.blur = Some(row[0]));
    golden.check("blur_9", 1e-5, 9, |row, it| it.blur = Some(row[0]));
    golden.check("solarise", 1e-5, 1, |_, it| it.solarise = true);
}

#[test]
fn all_operations_in_their_order_are_those_of_torchvision() {
    Golden::open().check("all", 2e-3, 3, |row, it| {
        *it = Change {
            crop: Some(crop(row)),
            rotate: Some(row[4]),
            flip: true,
            jitter: Some(steps(&row[5..])),
            grey: false,
            blur: Some(row[13]),
            solarise: true,
        };
    });
}

#[test]
fn picture_by_picture_is_as_all_at_once() {
    let sizes = [(32, 32), (9, 14), (3, 2), (1, 1), (3, 301)];
    for (size, whole) in sizes.into_iter().flat_map(|size| [(size, false), (size, true)]) {
        let pixels = noise(50, size);
        // The ways agree but for the last digits; solarising would make jumps of those.
        let mut views = Views { solarise: settings("").solarise, ..busy() };
        if whole {
            views.crop_area = settings("crop_area = 1").crop_area;
        }
        let draws = Draws::draw(&views, 50, size, &mut random(3));
        let found = difference(&picture::view(&pixels, &draws), &batch::view(&pixels, &draws));
        assert!(found < 1e-4, "{size:?} {whole}: {found}");
    }
}

#[test]
fn views_lie_channels_last_and_from_0_to_1() {
    let pixels = noise(20, (6, 8));
    let draws = Draws::draw(&busy(), 20, (6, 8), &mut random(0));
    for made in [picture::view(&pixels, &draws), batch::view(&pixels, &draws), view(&pixels, &draws)] {
        assert_eq!((made.size(), made.kind()), (vec![20, 3, 6, 8], Kind::Float));
        assert_eq!(made.stride(), [6 * 8 * 3, 1, 8 * 3, 3]);
        let (least, most) = (made.min().double_value(&[]), made.max().double_value(&[]));
        assert!(least >= 0.0 && most <= 1.0 + 1e-5, "{least} to {most}");
    }
}

#[test]
fn a_picture_that_drew_nothing_keeps_its_bits() {
    let pixels = noise(3, (8, 8));
    let plain = (pixels.to_kind(Kind::Float) / 255.0).permute([0, 3, 1, 2]);
    let changed = Change {
        rotate: Some(10.0),
        flip: true,
        jitter: Some(only(Colour::Hue(0.2))),
        grey: true,
        blur: Some(1.0),
        solarise: true,
        crop: None,
    };
    let draws =
        Draws { changes: vec![Change::default(), changed, Change::default()], blur_kernel: 3, solarise_above: 0.5 };
    for made in [picture::view(&pixels, &draws), batch::view(&pixels, &draws)] {
        assert_eq!((made.get(0), made.get(2)), (plain.get(0), plain.get(2)));
        assert_ne!(made.get(1), plain.get(1));
    }
}

#[test]
fn only_flips_mirrors_half_of_the_pictures() {
    let views = Views::plain();
    assert!(views.only_flips());
    let pixels = noise(200, (4, 6));
    let draws = Draws::draw(&views, 200, (4, 6), &mut random(0));
    let flips = draws.changes.iter().filter(|change| change.flip).count();
    assert!((70..130).contains(&flips), "{flips}");
    let plain = (pixels.to_kind(Kind::Float) / 255.0).permute([0, 3, 1, 2]);
    for made in [picture::view(&pixels, &draws), batch::view(&pixels, &draws)] {
        for (index, change) in draws.changes.iter().enumerate() {
            let picture = plain.get(index as i64);
            let wanted = if change.flip { picture.flip([2]) } else { picture };
            assert_eq!(made.get(index as i64), wanted);
        }
    }
}

#[test]
fn draws_depend_on_the_key_alone() {
    let draw = |step| Draws::draw(&busy(), 10, SIDE, &mut random(step));
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    // The first pictures of a longer batch are changed as those of a shorter one.
    assert_eq!(Draws::draw(&busy(), 20, SIDE, &mut random(1)).changes[..10], draw(1).changes);
}

#[test]
fn draws_keep_to_the_settings() {
    let draws = Draws::draw(&busy(), 4000, SIDE, &mut random(7));
    let share = |drew: fn(&Change) -> bool| draws.changes.iter().filter(|change| drew(change)).count() as f64 / 4000.0;
    let shares = [
        (share(|it| it.rotate.is_some()), 0.5),
        (share(|it| it.flip), 0.5),
        (share(|it| it.jitter.is_some()), 0.7),
        (share(|it| it.grey), 0.3),
        (share(|it| it.blur.is_some()), 0.5),
        (share(|it| it.solarise), 0.4),
        (share(|it| matches!(it.jitter, Some([Colour::Hue(_), ..]))), 0.7 / 4.0),
    ];
    assert!(shares.iter().all(|(found, wanted)| (found - wanted).abs() < 0.03), "{shares:?}");
    for change in &draws.changes {
        assert!(change.rotate.is_none_or(|degrees| degrees.abs() <= 15.0));
        assert!(change.blur.is_none_or(|sigma| (0.1..=2.0).contains(&sigma)));
        for step in change.jitter.iter().flatten() {
            let (Colour::Brightness(factor) | Colour::Contrast(factor) | Colour::Saturation(factor)) = step else {
                assert!(matches!(step, Colour::Hue(turn) if turn.abs() <= 0.5));
                continue;
            };
            assert!((0.6..=1.4).contains(factor), "{factor}");
        }
    }
}

#[test]
fn crops_have_the_area_and_ratio_of_the_settings_and_lie_within() {
    let draws = Draws::draw(&busy(), 4000, (64, 64), &mut random(7));
    let crops: Vec<Crop> = draws.changes.iter().filter_map(|change| change.crop).collect();
    assert_eq!(crops.len(), 4000);
    let mut corners = [0; 2];
    for it in &crops {
        assert!(it.top + it.height <= 64 && it.left + it.width <= 64);
        let (area, ratio) = ((it.height * it.width) as f64 / 4096.0, it.width as f64 / it.height as f64);
        assert!((0.19..=1.0).contains(&area), "{area}");
        assert!((0.72..=1.38).contains(&ratio), "{ratio}");
        corners[0] += usize::from(it.top == 0 && it.height < 60);
        corners[1] += usize::from(it.top + it.height == 64 && it.height < 60);
    }
    // Both edges are reached, and equally often.
    assert!(corners.iter().all(|n| *n > 100) && corners[0].abs_diff(corners[1]) < 100, "{corners:?}");
    // Mean of the areas: those that fit are smaller than the mean 0.6 of all.
    let mean = crops.iter().map(|it| (it.height * it.width) as f64 / 4096.0).sum::<f64>() / 4000.0;
    assert!((0.5..0.6).contains(&mean), "{mean}");
}

#[test]
fn where_no_crop_fits_the_middle_is_taken() {
    // An area of 99 % never fits into a strip with a ratio of sides up to 1.01.
    let views = settings("crop_area = 0.99\ncrop_ratio = 1.01");
    let draws = Draws::draw(&views, 1, (10, 40), &mut random(0));
    assert_eq!(draws.changes[0].crop, Some(Crop { top: 0, left: 15, height: 10, width: 10 }));
    let draws = Draws::draw(&views, 1, (40, 10), &mut random(0));
    assert_eq!(draws.changes[0].crop, Some(Crop { top: 15, left: 0, height: 10, width: 10 }));
}

#[test]
fn without_a_range_a_jitter_changes_nothing() {
    let views = settings(
        "crop_area = 1.0\nflip = 0\njitter = 1.0\nbrightness = 0.0\ncontrast = 0.0\nsaturation = 0.0\nhue = 0.0\ngrey = 0.0\nblur = 0.0",
    );
    let pixels = noise(4, (8, 8));
    let plain = (pixels.to_kind(Kind::Float) / 255.0).permute([0, 3, 1, 2]);
    let draws = Draws::draw(&views, 4, (8, 8), &mut random(0));
    assert_eq!(picture::view(&pixels, &draws), plain);
    assert_eq!(batch::view(&pixels, &draws), plain);
}

#[test]
fn the_outermost_pixels_are_mirrors() {
    let reflected: Vec<i64> = (-5..9).map(|place| reflect(place, 4)).collect();
    assert_eq!(reflected, [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
    assert!((-3..4).all(|place| reflect(place, 1) == 0));
}
