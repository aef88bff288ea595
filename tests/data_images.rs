//! Image folders: what is taken and what is not, the cache, and real JPEG pictures.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use mocolab::{
    data::{Dataset, Places, load, resolve},
    experiment::DataSource,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

struct Folder {
    _temporary: TempDir,
    path: PathBuf,
    places: Places,
}

impl Folder {
    /// Two classes with one 9x8 PNG each in both splits.
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("set");
        for (split, shade) in [("train", 10), ("test", 20)] {
            for class in ["cat", "ant"] {
                save(&path.join(split).join(class).join("1.png"), &plain(9, 8, shade));
            }
        }
        let places = Places { project: temporary.path().into(), cache: temporary.path().join("cache") };
        Self { _temporary: temporary, path, places }
    }

    fn load(&self) -> Result<Dataset, String> {
        load(&DataSource::Images("set".into()), &self.places).map_err(|error| error.to_string())
    }

    fn cache(&self) -> PathBuf {
        let mut files = self.places.cache.join("images").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert!(files.next().is_none(), "one folder, one file");
        file
    }
}

fn plain(width: u32, height: u32, shade: u8) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb([shade, shade + 1, shade + 2])).into()
}

fn save(path: &Path, image: &DynamicImage) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

#[test]
fn pictures_of_all_kinds_become_rgb_in_sorted_order() {
    let folder = Folder::new();
    let cat = folder.path.join("train/cat");
    save(&cat.join("0.png"), &GrayImage::from_pixel(9, 8, Luma([77])).into());
    save(&cat.join("2.PNG"), &RgbaImage::from_pixel(9, 8, Rgba([1, 2, 3, 100])).into());
    save(&cat.join("3.JPeG"), &plain(9, 8, 50));
    fs::write(cat.join("notes.txt"), "stray").unwrap();
    fs::write(cat.join(".hidden.png"), "stray").unwrap();
    fs::write(folder.path.join("train/list.csv"), "stray").unwrap();
    fs::create_dir(folder.path.join("train/.cache")).unwrap();
    fs::create_dir(cat.join("folder.png")).unwrap();
    let set = folder.load().unwrap();
    assert_eq!((set.name.as_str(), set.height, set.width), ("images", 8, 9));
    assert_eq!(set.classes, ["ant", "cat"]);
    assert_eq!(set.train.labels, [0, 1, 1, 1, 1]);
    assert_eq!(set.test.labels, [0, 1]);
    let firsts: Vec<&[u8]> = set.train.images.chunks(9 * 8 * 3).map(|image| &image[..3]).collect();
    assert_eq!(firsts[..4], [[10, 11, 12], [77, 77, 77], [10, 11, 12], [1, 2, 3]]);
    assert!(firsts[4].iter().zip([50, 51, 52]).all(|(&a, b)| a.abs_diff(b) <= 2), "JPEG is not exact: {:?}", firsts[4]);
}

#[test]
fn links_are_followed() {
    let folder = Folder::new();
    let real = folder.path.join("train/cat");
    std::os::unix::fs::symlink(&real, folder.path.join("train/dog")).unwrap();
    std::os::unix::fs::symlink(&real, folder.path.join("test/dog")).unwrap();
    std::os::unix::fs::symlink(real.join("1.png"), real.join("2.png")).unwrap();
    assert_eq!(folder.load().unwrap().train.labels, [0, 1, 1, 2, 2]);
    std::os::unix::fs::symlink("nowhere", real.join("3.png")).unwrap();
    assert!(folder.load().unwrap_err().contains("3.png`"));
}

#[test]
fn what_is_wrong_is_told_with_the_file() {
    let tell = |prepare: &dyn Fn(&Path)| {
        let folder = Folder::new();
        prepare(&folder.path);
        folder.load().unwrap_err()
    };
    let cases = [
        (
            tell(&|set| std::os::unix::fs::symlink("/dev/zero", set.join("train/cat/zero.png")).unwrap()),
            "zero.png` is a pipe or a device",
        ),
        (
            tell(&|set| {
                rustix::fs::mkfifoat(rustix::fs::CWD, set.join("train/cat/pipe.jpg"), rustix::fs::Mode::RWXU).unwrap();
            }),
            "pipe.jpg` is a pipe or a device",
        ),
        (
            tell(&|set| save(&set.join("test/cat/1.png"), &plain(10, 8, 1))),
            "test/cat/1.png` is 10x8, expected 9x8 like `",
        ),
        (
            tell(&|set| save(&set.join("train/ant/1.png"), &plain(300, 8, 1))),
            "train/ant/1.png` is 300x8, allowed are sides of 8 to 256",
        ),
        (tell(&|set| save(&set.join("train/ant/1.png"), &plain(9, 7, 1))), "is 9x7, allowed"),
        (
            tell(&|set| fs::write(set.join("test/ant/2.jpg"), "no picture").unwrap()),
            "test/ant/2.jpg` cannot be read as a picture",
        ),
        (
            tell(&|set| fs::write(set.join("test/ant/2.jpg"), "").unwrap()),
            "test/ant/2.jpg` cannot be read as a picture",
        ),
        (tell(&|set| fs::remove_file(set.join("test/ant/1.png")).unwrap()), "test/ant` has no picture"),
        (tell(&|set| fs::remove_dir_all(set.join("test/ant")).unwrap()), "train/ant` is a class, but `test` has none"),
        (tell(&|set| fs::create_dir(set.join("test/dog")).unwrap()), "test/dog` is a class, but `train` has none"),
        (tell(&|set| fs::remove_dir_all(set.join("test")).unwrap()), "set/test` is missing: an image folder holds"),
        (tell(&|set| fs::remove_dir_all(set).unwrap()), "set/train` is missing"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}\n  lacks {expected}");
    }
}

#[test]
fn a_picture_cut_off_anywhere_is_an_error() {
    let picture = RgbImage::from_fn(9, 8, |x, y| Rgb([(x * 28) as u8, (y * 31) as u8, (x * y * 3) as u8]));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let folder = Folder::new();
        let path = folder.path.join("train/ant/2").with_extension(format.extensions_str()[0]);
        let mut whole = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut whole, format).unwrap();
        let whole = whole.into_inner();
        for length in [1, whole.len() / 4, whole.len() / 2, whole.len() - 20, whole.len() - 2] {
            fs::write(&path, &whole[..length]).unwrap();
            let message = folder.load().unwrap_err();
            assert!(message.contains("train/ant/2"), "{format:?} {length}: {message}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(folder.load().unwrap().train.len(), 3);
    }
}

#[test]
fn the_cache_serves_and_is_rebuilt_when_anything_changes() {
    let folder = Folder::new();
    let first = folder.load().unwrap();
    let cache = folder.cache();
    let written = fs::metadata(&cache).unwrap().modified().unwrap();
    assert_eq!(folder.load().unwrap(), first);
    assert_eq!(fs::metadata(&cache).unwrap().modified().unwrap(), written, "read, not written again");
    // another picture
    save(&folder.path.join("train/ant/2.png"), &plain(9, 8, 99));
    assert_eq!(folder.load().unwrap().train.len(), 3);
    // other pixels under the same name
    save(&folder.path.join("train/ant/2.png"), &plain(9, 8, 130));
    assert_eq!(folder.load().unwrap().train.images[9 * 8 * 3], 130);
    fs::remove_file(folder.path.join("train/ant/2.png")).unwrap();
    assert_eq!(folder.load().unwrap(), first);
    folder.cache();
}

#[test]
fn a_damaged_cache_is_never_believed() {
    let folder = Folder::new();
    let right = folder.load().unwrap();
    let cache = folder.cache();
    let whole = fs::read(&cache).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    // bytes of the header and of the data, flipped one by one
    for place in (0..whole.len()).filter(|&place| if place < header { place % 5 == 0 } else { place % 31 == 0 }) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&cache, &bytes).unwrap();
        assert_eq!(folder.load().unwrap(), right, "byte {place}");
    }
    for length in [0, 7, header, whole.len() - 1] {
        fs::write(&cache, &whole[..length]).unwrap();
        assert_eq!(folder.load().unwrap(), right, "cut to {length}");
        assert_eq!(fs::read(&cache).unwrap().len(), whole.len(), "and rebuilt");
    }
}

#[test]
fn without_a_place_for_the_cache_pictures_are_still_read() {
    let folder = Folder::new();
    fs::write(&folder.places.cache, "a file where a folder should be").unwrap();
    assert_eq!(folder.load().unwrap().train.len(), 2);
}

#[test]
fn a_resolved_folder_is_absolute() {
    let folder = Folder::new();
    let found = resolve(&DataSource::Images("set".into()), &folder.places).unwrap();
    assert_eq!(found, DataSource::Images(folder.path.clone()));
}

/// Real pictures: CIFAR-10 as JPEG files, and where Pillow is installed the same in the binary layout, decoded by it.
#[test]
fn real_pictures_are_read_as_other_software_reads_them() {
    let unpack = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/unpack.py"));
    if !unpack.exists() {
        eprintln!("SKIPPED: no real pictures at {}", unpack.display());
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let run = |binary: &[&str]| {
        let arguments = ["--per-class", "20"].iter().chain(binary);
        Command::new("python3").arg(unpack).arg(temporary.path()).args(arguments).output().unwrap()
    };
    assert!(run(&[]).status.success());
    let places = Places { project: temporary.path().into(), cache: temporary.path().join("cache") };
    let images = load(&DataSource::Images("images".into()), &places).unwrap();
    assert_eq!((images.train.len(), images.test.len(), images.height, images.width), (200, 200, 32, 32));
    assert_eq!(images.classes[0], "airplane");
    let mean =
        images.train.images.iter().map(|&value| f64::from(value)).sum::<f64>() / images.train.images.len() as f64;
    assert!((110.0..135.0).contains(&mean), "CIFAR-10's mean is 120.7, this is {mean}");
    if !run(&["--binary"]).status.success() {
        eprintln!("SKIPPED the comparison with Pillow, which is not installed");
        return;
    }
    let binary = load(&DataSource::Cifar10(Some(".".into())), &places).unwrap();
    let sorted = |set: &Dataset| {
        let mut sums: Vec<(u16, u64)> = set
            .test
            .images
            .chunks(3072)
            .zip(&set.test.labels)
            .map(|(image, &label)| (label, image.iter().map(|&value| u64::from(value)).sum()))
            .collect();
        sums.sort_unstable();
        sums
    };
    assert_eq!(binary.classes, images.classes);
    for ((label, sum), (label_of_binary, sum_of_binary)) in sorted(&images).into_iter().zip(sorted(&binary)) {
        assert_eq!(label, label_of_binary);
        let difference = sum.abs_diff(sum_of_binary) as f64 / 3072.0;
        assert!(difference < 1.5, "decoders differ by rounding, not by {difference} a pixel");
    }
}
