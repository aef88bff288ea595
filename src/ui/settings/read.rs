//! From the parsed file to settings, each value checked at its place.

use super::Settings;
use crate::ui::keys::{Action, Change, Keys, Place, Press, Row};
use crate::ui::theme::Look;
use mocolab::config::{Findings, Hook, Slurm, did_you_mean};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The settings at the top of the file: name, what is allowed.
pub(super) const NAMES: [&str; 8] = ["theme", "ascii", "mouse", "fps", "smoothing", "executor", "hook", "keys"];

type Value<'a> = Spanned<DeValue<'a>>;

pub(super) fn settings(root: &DeTable, findings: &mut Findings) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in root {
        match key.get_ref().as_ref() {
            "theme" => settings.theme.look = theme(value, findings),
            "ascii" => settings.theme.ascii = truth("ascii", value, findings),
            "mouse" => settings.mouse = truth("mouse", value, findings).unwrap_or_default(),
            "fps" => settings.fps = frames(value, findings).unwrap_or_default(),
            "smoothing" => settings.smoothing = share(value, findings).unwrap_or_default(),
            "executor" => settings.slurm = Slurm::read(value.get_ref(), key.span(), findings),
            "hook" => settings.hooks = Hook::read(value.get_ref(), key.span(), findings),
            "keys" => settings.changes = keys(value, findings),
            word => {
                let message = format!("there is no setting `{}`", findings.quote(key.span()));
                let allowed = format!("allowed: {}", NAMES.join(", "));
                findings.add(key.span(), message, did_you_mean(word, NAMES).into_iter().chain([allowed]));
            }
        }
    }
    settings
}

/// Says that `value` is not what `name` can be.
fn refuse(name: &str, value: &Value, allowed: String, findings: &mut Findings) {
    let message = format!("`{name}` can't be {}", findings.quote(value.span()));
    findings.add(value.span(), message, [allowed]);
}

fn theme(value: &Value, findings: &mut Findings) -> Option<Look> {
    let look = value.get_ref().as_str().and_then(Look::named);
    if look.is_none() {
        let words = Look::ALL.map(|look| format!("\"{}\"", look.name()));
        refuse("theme", value, format!("allowed: {}", words.join(", ")), findings);
    }
    look
}

fn truth(name: &str, value: &Value, findings: &mut Findings) -> Option<bool> {
    let truth = value.get_ref().as_bool();
    if truth.is_none() {
        refuse(name, value, "allowed: true, false".into(), findings);
    }
    truth
}

fn frames(value: &Value, findings: &mut Findings) -> Option<u32> {
    let number =
        value.get_ref().as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=30).contains(number));
    if number.is_none() {
        refuse("fps", value, "allowed: whole numbers from 1 to 30".into(), findings);
    }
    number
}

fn share(value: &Value, findings: &mut Findings) -> Option<f64> {
    let number = match value.get_ref() {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => number.as_str().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| (0.0..=0.99).contains(number));
    if number.is_none() {
        refuse("smoothing", value, "allowed: 0 (none) to 0.99".into(), findings);
    }
    number
}

/// `[keys]`: `place.action = ["x", "ctrl-r"]`.
fn keys(value: &Value, findings: &mut Findings) -> Vec<Change> {
    let DeValue::Table(places) = value.get_ref() else {
        refuse("keys", value, "write [keys] on a line of its own, and below it: list.start = [\"s\"]".into(), findings);
        return Vec::new();
    };
    let mut changes = Vec::new();
    for (key, value) in places {
        let word = key.get_ref().as_ref();
        match (Place::named(word), value.get_ref()) {
            (Some(place), DeValue::Table(rows)) => {
                changes.extend(rows.iter().filter_map(|(key, value)| change(place, key, value, findings)));
            }
            (Some(place), _) => {
                let message = format!("`{word}` is a place and has no keys of its own");
                findings.add(value.span(), message, [format!("allowed: {}", rows_of(place))]);
            }
            (None, _) => {
                let words = Place::ALL.iter().map(|place| place.name());
                let message = format!("there is no place `{}`", findings.quote(key.span()));
                let allowed = format!("allowed: {}", words.clone().collect::<Vec<_>>().join(", "));
                findings.add(key.span(), message, did_you_mean(word, words).into_iter().chain([allowed]));
            }
        }
    }
    check(&changes, findings);
    changes.into_iter().map(|(change, _)| change).collect()
}

fn rows_of(place: Place) -> String {
    let keys = Keys::new(true);
    let names = keys.rows().iter().filter(|row| row.place == place).map(Row::name);
    names.collect::<Vec<_>>().join(", ")
}

/// One row, with the place of its keys in the file.
fn change(
    place: Place,
    key: &Spanned<DeString>,
    value: &Value,
    findings: &mut Findings,
) -> Option<(Change, Range<usize>)> {
    let word = key.get_ref().as_ref();
    let table = Keys::new(true);
    let mut actions = table.rows().iter().filter(|row| row.place == place).map(|row| row.action);
    let Some(action) = Action::named(word).filter(|named| actions.any(|action| action == *named)) else {
        let names = Action::ALL.iter().map(|action| action.name());
        let message = format!("there is no `{}.{}`", place.name(), findings.quote(key.span()));
        let allowed = format!("allowed: {}", rows_of(place));
        findings.add(key.span(), message, did_you_mean(word, names).into_iter().chain([allowed]));
        return None;
    };
    let keys = presses(value, findings)?;
    if keys.is_empty() && action.is_needed() {
        let message = format!("`{}.{word}` needs a key", place.name());
        findings.add(value.span(), message, ["without it there is no way on from there".to_owned()]);
        return None;
    }
    Some((Change { place, action, keys }, value.span()))
}

/// A key, or a list of them.
fn presses(value: &Value, findings: &mut Findings) -> Option<Vec<Press>> {
    let one = std::slice::from_ref(value);
    let words = value.get_ref().as_array().map_or(one, |list| list.as_ref());
    let mut presses = Vec::new();
    let mut right = true;
    for word in words {
        let press = match word.get_ref().as_str() {
            Some(text) => text.parse(),
            None => Err(format!("`{}` is not a key", findings.quote(word.span()))),
        };
        match press {
            Ok(press) if !presses.contains(&press) => presses.push(press),
            Ok(_) => {}
            Err(message) => {
                findings.add(word.span(), message, [format!("allowed: {}", Press::ALLOWED)]);
                right = false;
            }
        }
    }
    right.then_some(presses)
}

/// Finds keys that would mean two things.
fn check(changes: &[(Change, Range<usize>)], findings: &mut Findings) {
    let plain: Vec<Change> = changes.iter().map(|(change, _)| change.clone()).collect();
    for clash in Keys::new(true).with(&plain).err().into_iter().flatten() {
        let help = format!("take another key, or give {} another one as well", clash.names[1]);
        findings.add(changes[clash.change].1.clone(), clash.to_string(), [help]);
    }
}
