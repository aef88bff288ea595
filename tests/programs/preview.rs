//! `mocolab data preview` with the real trainer.

use crate::project::Project;
use crate::screen::{Screen, tmux_is_missing};
use std::fs;

/// A classifier, features, and a probe of them, on drawings.
fn project() -> Project {
    let project = Project::untrained();
    let text = "[defaults]\ndata = \"shapes\"\n[experiment.plain.supervised]\ncrop_padding = 0\n[experiment.features.moco]\n[experiment.rates.supervised]\nlr = [0.1, 0.2]\n[experiment.probe.probe]\nfrom = \"features\"\n";
    fs::write(project.path("experiments.toml"), text).unwrap();
    project
}

#[test]
fn pictures_and_their_views_are_written_to_a_file() {
    let project = project();
    for name in ["plain", "features"] {
        let out = project.run(&format!("data preview {name} --count 3 --png {name}.png")).good();
        assert!(out.contains(&format!("wrote `{name}.png`: 3 pictures")), "{out}");
    }
    let [plain, features] = ["plain", "features"].map(|name| {
        let image = image::open(project.path(&format!("{name}.png"))).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (4 * (5 * 33 - 1), 4 * (3 * 33 - 1)));
        image
    });
    let pixel = |image: &image::RgbImage, column: u32, x: u32, y: u32| {
        *image.get_pixel(4 * (column * 33 + x) + 1, 4 * (33 + y) + 1)
    };
    let all = || (0..32).flat_map(|y| (0..32).map(move |x| (x, y)));
    // The same pictures, by the seed; a classifier only mirrors them, features change them beyond that.
    assert!(all().all(|(x, y)| pixel(&plain, 0, x, y) == pixel(&features, 0, x, y)));
    for column in 1..5 {
        let as_it_is = all().all(|(x, y)| pixel(&plain, column, x, y) == pixel(&plain, 0, x, y));
        let mirrored = all().all(|(x, y)| pixel(&plain, column, x, y) == pixel(&plain, 0, 31 - x, y));
        assert!(as_it_is || mirrored, "column {column}");
        assert!(all().any(|(x, y)| pixel(&features, column, x, y) != pixel(&features, 0, x, y)));
    }
    assert!(!project.path("runs").exists(), "no run was made");
}

#[test]
fn what_cannot_be_previewed_is_refused_with_a_reason() {
    let project = project();
    let refused = |line: &str, words: &str| {
        let err = project.run(line).bad();
        assert!(err.contains(words), "no {words} in {err}");
    };
    refused("data preview plain", "write them to a file with --png FILE");
    refused("data preview plan --png a.png", "plan");
    refused("data preview rates --png a.png", "has 2 variants");
    refused("data preview probe --png a.png", "has no views of its own");
    refused("data preview plain --png no/such/folder.png", "writing `no/such/folder.png`");
    let err = project.with("MOCOLAB_TRAIN", "/nowhere").run("data preview plain --png a.png").bad();
    assert!(err.contains("the trainer `/nowhere` is missing"), "{err}");
}

#[test]
fn a_terminal_shows_pictures_as_wide_as_it_is() {
    if tmux_is_missing() {
        return;
    }
    let project = project();
    for (width, pixels) in [(80, 15), (200, 32)] {
        let screen = Screen::open(&project, width, 60);
        screen.type_line(&format!("{} data preview features --count 2", env!("CARGO_BIN_EXE_mocolab")));
        let row = vec!["▀".repeat(pixels); 5].join(" ");
        screen.wait_until("two rows of pictures", |screen| {
            screen.text().lines().filter(|line| line.trim_end() == row).count() == pixels.div_ceil(2) * 2
        });
        screen.kill();
    }
}
