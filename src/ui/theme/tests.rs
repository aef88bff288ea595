//! What the colours promise: they can be read on their ground, and told apart by whoever looks.

use super::colours::{contrast, linear, luminance, rgb};
use super::*;

const INDEXED: [(Look, f64); 4] =
    [(Look::Dark, 0.0), (Look::OkabeIto, 0.0), (Look::Light, 1.0), (Look::OkabeItoLight, 1.0)];

fn index(colour: Color) -> u8 {
    let Color::Indexed(index) = colour else { panic!("{colour:?} is the terminal's own") };
    assert!(index >= 16, "{index} is the terminal's own");
    index
}

fn inks(theme: Theme) -> Vec<(String, u8)> {
    let mut inks = vec![
        ("faint", theme.faint()),
        ("border", theme.border()),
        ("mark", theme.mark()),
        ("key", theme.key()),
        ("good", theme.good()),
        ("warn", theme.warn()),
        ("bad", theme.bad()),
        ("train", theme.train()),
        ("val", theme.val()),
        ("test", theme.test()),
    ];
    inks.extend(Status::ALL.map(|status| (status.as_str(), theme.status(status))));
    let mut inks: Vec<_> = inks.into_iter().map(|(name, style)| (name.to_owned(), index(style.fg.unwrap()))).collect();
    inks.extend((0..8).map(|run| (format!("run {run}"), index(theme.run(run).fg.unwrap()))));
    inks
}

#[test]
fn every_ink_can_be_read_on_its_ground() {
    for (look, ground) in INDEXED {
        for (name, ink) in inks(Theme::of(look, false)) {
            let ratio = contrast(luminance(ink), ground);
            assert!(ratio >= 3.0, "{name} ({ink}) of {}: {ratio:.2}", look.name());
        }
    }
}

/// Lightness and two hues of a colour (CIELAB), as an eye sees it that changes light by `eye`.
fn seen(colour: u8, eye: [[f64; 3]; 3]) -> [f64; 3] {
    let light = rgb(colour).map(linear);
    let mix = |row: [f64; 3]| row.iter().zip(light).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0);
    let [red, green, blue] = eye.map(mix);
    let root = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
    let y = root(0.2126 * red + 0.7152 * green + 0.0722 * blue);
    let z = root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

const USUAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// Machado, Oliveira and Fernandes 2009, table 1, severity 1: without red, green or blue cones.
const COLOUR_BLIND: [[[f64; 3]; 3]; 3] = [
    [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
];

fn nearest(colours: &[u8], eye: [[f64; 3]; 3]) -> (f64, u8, u8) {
    let pairs = colours.iter().enumerate().flat_map(|(at, a)| colours[..at].iter().map(move |b| (*a, *b)));
    let apart = |(a, b)| {
        let square = |(a, b): (f64, f64)| (a - b) * (a - b);
        let sum: f64 = seen(a, eye).into_iter().zip(seen(b, eye)).map(square).sum();
        (sum.sqrt(), a, b)
    };
    pairs.map(apart).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn runs_and_curves_are_told_apart_by_every_eye() {
    for (look, _) in INDEXED {
        let theme = Theme::of(look, false);
        let runs: Vec<u8> = (0..8).map(|run| index(theme.run(run).fg.unwrap())).collect();
        let curves = [theme.train(), theme.val(), theme.test()].map(|style| index(style.fg.unwrap()));
        for colours in [&runs[..], &curves] {
            let usual = nearest(colours, USUAL);
            assert!(usual.0 >= 25.0, "{}: {usual:?}", look.name());
            for eye in COLOUR_BLIND {
                let blind = nearest(colours, eye);
                assert!(blind.0 >= 12.0, "{}: {blind:?}", look.name());
            }
        }
    }
    for look in [Look::OkabeIto, Look::OkabeItoLight] {
        let theme = Theme::of(look, false);
        let words = [theme.good(), theme.warn(), theme.bad()].map(|style| index(style.fg.unwrap()));
        for eye in COLOUR_BLIND {
            assert!(nearest(&words, eye).0 >= 20.0, "{}: {:?}", look.name(), nearest(&words, eye));
        }
    }
}

#[test]
fn without_colours_there_are_none_and_signs_tell_all() {
    let theme = Theme::of(Look::Plain, false);
    let mut styles = vec![theme.title(), theme.faint(), theme.border(), theme.chosen(), theme.mark(), theme.key()];
    styles.extend([theme.good(), theme.warn(), theme.bad(), theme.train(), theme.val(), theme.test()]);
    styles.extend(Status::ALL.map(|status| theme.status(status)));
    styles.extend((0..9).map(|run| theme.run(run)));
    assert!(styles.iter().all(|style| style.fg.is_none() && style.bg.is_none()), "{styles:?}");
}

#[test]
fn sixteen_colours_are_the_terminals_own() {
    let theme = Theme::of(Look::Sixteen, false);
    let named = |style: Style| !matches!(style.fg.or(style.bg), Some(Color::Indexed(_) | Color::Rgb(..)));
    assert!((0..8).map(|run| theme.run(run)).chain([theme.good(), theme.bad(), theme.faint()]).all(named));
}

#[test]
fn a_look_is_named_by_its_word() {
    for look in Look::ALL {
        assert_eq!(look.name().parse(), Ok(look));
        assert!(!look.about().is_empty());
    }
    let error = "solarized".parse::<Look>().unwrap_err();
    assert_eq!(error, "there is no theme `solarized`; there are: dark, light, okabe-ito, okabe-ito-light, 16, none");
    assert_eq!(Theme::of(Look::Dark, true).with(Look::Light), Theme::of(Look::Light, true));
}
