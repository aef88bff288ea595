use super::*;
use crate::ui::keys::{Action, Place};
use crate::ui::theme::Look;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn wrong(text: &str) -> String {
    parse(text, "config.toml").unwrap_err().to_string()
}

#[test]
fn an_empty_file_and_no_file_are_the_defaults() {
    assert_eq!(parse("", "x").unwrap(), Settings::default());
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(&folder.path().join("config.toml")), (Settings::default(), None));
}

#[test]
fn every_setting_is_read() {
    let text = "theme = \"okabe-ito\"\nascii = true\nmouse = true\nfps = 10\nsmoothing = 0.6\n\
        [keys]\nlist.mark = [\"S\", \"ctrl-s\"]\nscreens.quit = \"Q\"\n";
    let settings = parse(text, "config.toml").unwrap();
    assert_eq!(settings.theme, Wanted { look: Some(Look::OkabeIto), ascii: Some(true) });
    assert_eq!((settings.mouse, settings.fps, settings.smoothing), (true, 10, 0.6));
    let keys = settings.keys(true);
    let press = |c| keys.action(Place::List, &KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    assert_eq!([press('S'), press(' '), press('Q'), press('q')], [Some(Action::Mark), None, Some(Action::Quit), None]);
    assert!(parse("smoothing = 0", "x").unwrap().smoothing.abs() < 1e-12);
}

#[test]
fn what_is_wrong_is_said_at_its_line_with_what_is_allowed() {
    insta::assert_snapshot!(
        "wrong_settings",
        [
            "theme = \"solarized\"\nascii = \"yes\"",
            "fps = 0\nsmoothing = 1",
            "colour = \"dark\"\ntehme = \"dark\"",
            "theme = dark",
            "keys = \"x\"",
            "[keys]\nlits.mark = \"s\"\nlist.mrak = \"s\"\nlist = \"s\"",
            "[keys]\nlist.mark = [\"gg\", \"ctrl-c\", 7]",
            "[keys]\nlist.mark = [\"x\"]",
            "[keys]\nquestion.back = []",
        ]
        .map(wrong)
        .join("\n\n")
    );
}

#[test]
fn a_wrong_file_leaves_the_defaults_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "mouse = true\nfps = 100\ntheme = 1\n").unwrap();
    let (settings, notice) = load(&path);
    assert_eq!(settings, Settings::default());
    let notice = notice.unwrap();
    let end = "config.toml:2: `fps` can't be 100; allowed: whole numbers from 1 to 30 (and 1 more); \
        until it is mended the defaults count";
    assert!(notice.ends_with(end), "{notice}");
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert!(load(&path).1.unwrap().contains("can't be read"));
    assert!(load(folder.path()).1.is_some(), "a folder is no file");
}

#[test]
fn the_file_lies_where_the_desktop_says() {
    let given = |pairs: &'static [(&str, &str)]| {
        place(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    };
    assert_eq!(given(&[("HOME", "/h")]).unwrap(), Path::new("/h/.config/mocolab/config.toml"));
    let both = given(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]);
    assert_eq!(both.unwrap(), Path::new("/c/mocolab/config.toml"));
    let relative = given(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "c")]);
    assert_eq!(
        relative.unwrap(),
        Path::new("/h/.config/mocolab/config.toml"),
        "the standard passes over relative ones"
    );
    assert_eq!(given(&[]), None);
}

#[test]
fn the_example_is_the_documented_one_and_every_line_of_it_can_be_taken_in() {
    let text = example();
    assert_eq!(parse(&text, "example").unwrap(), Settings::default());
    let taken = |line: &str| {
        let setting =
            line.strip_prefix("# ").filter(|rest| rest.split(' ').nth(1) == Some("=") || rest.contains(" = ["));
        setting.unwrap_or(line).to_owned()
    };
    let all: String = text.lines().map(|line| taken(line) + "\n").collect();
    let settings = parse(&all, "example").unwrap();
    assert_eq!(settings.theme, Wanted { look: Some(Look::Dark), ascii: Some(false) });
    assert_eq!(settings.keys(false), Keys::new(false));
    assert_eq!(settings.changes.len(), Keys::new(false).rows().len(), "every row is in it");
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.toml")).unwrap();
    assert_eq!(documented, text, "docs/config.toml is not what the table of keys says");
}
