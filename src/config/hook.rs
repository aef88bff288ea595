//! `[hook.NAME]` of a project's or a user's file: who is told of runs, and of what.

use super::problem::Findings;
use super::suggest::did_you_mean;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Somebody who is told of runs. It holds no secret: where one is to be found is written, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What the user calls it.
    pub name: String,
    /// What is spoken there.
    pub kind: Kind,
    /// Where its address is to be found.
    pub url: Secret,
    /// Where what signs messages (`json`) or opens the topic (`ntfy`) is to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// What it is told of.
    pub events: Vec<Occasion>,
    /// Epochs between reports; 0 = none.
    pub every: u32,
}

/// What is spoken at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// A workflow of Teams, as an Adaptive Card.
    Teams,
    /// A topic of ntfy.
    Ntfy,
    /// Plain JSON.
    Json,
}

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    /// In this variable of the environment.
    Env(String),
    /// In this file, that nobody else can read.
    File(String),
}

/// What somebody can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// An attempt has begun.
    Started,
    /// So many epochs are complete.
    Epoch,
    /// It was never better.
    Best,
    /// Something a person should know: no number, collapse, the disk.
    Alert,
    /// All is done.
    Finished,
    /// It was stopped or paused, or is to be started again.
    Stopped,
    /// It could not go on.
    Failed,
    /// Its process is gone without a word.
    Crashed,
}

impl Kind {
    /// All of them by their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("slack", Self::Slack),
        ("discord", Self::Discord),
        ("teams", Self::Teams),
        ("ntfy", Self::Ntfy),
        ("json", Self::Json),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl Occasion {
    /// All of them by their names.
    pub const ALL: [(&'static str, Self); 8] = [
        ("started", Self::Started),
        ("epoch", Self::Epoch),
        ("best", Self::Best),
        ("alert", Self::Alert),
        ("finished", Self::Finished),
        ("stopped", Self::Stopped),
        ("failed", Self::Failed),
        ("crashed", Self::Crashed),
    ];
    /// Those told of where nothing is said.
    pub const USUAL: [Self; 5] = [Self::Started, Self::Alert, Self::Finished, Self::Failed, Self::Crashed];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, occasion)| *occasion == self).map_or("", |(name, _)| name)
    }
}

impl std::fmt::Display for Secret {
    /// Where it is, never what.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${name}"),
            Self::File(path) => write!(f, "`{path}`"),
        }
    }
}

/// The settings of a hook.
const SETTINGS: [&str; 7] = ["kind", "url_env", "url_file", "key_env", "key_file", "events", "every"];

impl Hook {
    /// Whether it is told of `occasion`.
    pub fn wants(&self, occasion: Occasion) -> bool {
        self.events.contains(&occasion) || (occasion == Occasion::Epoch && self.every > 0)
    }

    /// Reads `[hook]`: a table for each.
    pub fn read(value: &DeValue, span: Range<usize>, findings: &mut Findings) -> Vec<Self> {
        findings.hiding(|findings| all(value, span, findings))
    }
}

fn all(value: &DeValue, span: Range<usize>, findings: &mut Findings) -> Vec<Hook> {
    let DeValue::Table(hooks) = value else {
        let help = "write [hook.NAME] on a line of its own and its settings below";
        findings.add(span, "`hook` is not a table".to_owned(), [help.to_owned()]);
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in hooks {
        if let DeValue::Table(table) = value.get_ref() {
            read.extend(one(name.get_ref(), name.span(), table, findings));
        } else {
            let help = "write [hook.NAME] on a line of its own and its settings below";
            let message = format!("the hook `{}` is not a table", findings.quote(name.span()));
            findings.add(name.span(), message, [help.to_owned()]);
        }
    }
    read
}

fn one(name: &str, span: Range<usize>, table: &DeTable, findings: &mut Findings) -> Option<Hook> {
    let (mut kind, mut url, mut key, mut every) = (None, None, None, 0);
    let mut events = Occasion::USUAL.to_vec();
    for (word, value) in table {
        let text = value.get_ref().as_str();
        match word.get_ref().as_ref() {
            "kind" => kind = named(("kind", value), &Kind::ALL, findings),
            "url_env" => url = url.or(text.and_then(variable).map(Secret::Env).or_else(|| no_variable(value, findings))),
            "url_file" => url = url.or(path(value, findings)),
            "key_env" => key = key.or(text.and_then(variable).map(Secret::Env).or_else(|| no_variable(value, findings))),
            "key_file" => key = key.or(path(value, findings)),
            "every" => {
                let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
                if number.is_none() {
                    let message = format!("`every` can't be {}", findings.quote(value.span()));
                    findings.add(value.span(), message, ["allowed: a whole number of epochs, 0 for none".to_owned()]);
                }
                every = number.unwrap_or(0);
            }
            "events" => events = occasions(value, findings),
            "url" | "secret" | "token" | "key" => findings.add(
                word.span(),
                "a secret does not belong into this file",
                [                "an address is a password: put it into a variable and name that, url_env = \"LAB_HOOK\", or into a file \
                 that only you can read (chmod 600), url_file = \"~/.config/mocolab/lab.url\"; likewise key_env, key_file".to_owned()],
            ),
            other => {
                let message = format!("there is no setting `{}` of a hook", findings.quote(word.span()));
                let allowed = format!("allowed: {}", SETTINGS.join(", "));
                findings.add(word.span(), message, did_you_mean(other, SETTINGS).into_iter().chain([allowed]));
            }
        }
    }
    if url.is_none() || !table.iter().any(|(word, _)| word.get_ref().as_ref() == "kind") {
        let message = format!("the hook `{}` says not who is told", findings.quote(span.clone()));
        let help = "it needs kind = \"slack\" (or discord, teams, ntfy, json) and url_env = \"VARIABLE\" or url_file = \"PATH\"";
        findings.add(span, message, [help.to_owned()]);
    }
    Some(Hook { name: name.to_owned(), kind: kind?, url: url?, key, events, every })
}

/// The path of a file; nothing of what is an address itself.
fn path(value: &Spanned<DeValue>, findings: &mut Findings) -> Option<Secret> {
    let path = value.get_ref().as_str().filter(|path| !path.is_empty() && !path.contains("://"));
    if path.is_none() {
        let help =
            "allowed: the path of a file that holds it and that only you can read, as \"~/.config/mocolab/lab.url\"";
        findings.add(value.span(), "this is no path of a file", [help.to_owned()]);
    }
    path.map(|path| Secret::File(path.to_owned()))
}

/// The name of a variable; nothing of what looks like the secret itself.
fn variable(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

fn no_variable(value: &Spanned<DeValue>, findings: &mut Findings) -> Option<Secret> {
    // What stands there may be the secret: it is not repeated.
    let help =
        "allowed: the name of a variable, as url_env = \"LAB_HOOK\"; the address itself belongs into that variable";
    findings.add(value.span(), "this is no name of a variable", [help.to_owned()]);
    None
}

fn named<T: Copy>(
    (name, value): (&str, &Spanned<DeValue>),
    all: &[(&'static str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let word = value.get_ref().as_str().unwrap_or_default();
    let found = all.iter().find(|(known, _)| *known == word).map(|(_, found)| *found);
    if found.is_none() {
        let message = format!("`{name}` can't be {}", findings.quote(value.span()));
        let names = all.iter().map(|(name, _)| *name);
        let allowed = format!("allowed: {}", names.clone().collect::<Vec<_>>().join(", "));
        findings.add(value.span(), message, did_you_mean(word, names).into_iter().chain([allowed]));
    }
    found
}

fn occasions(value: &Spanned<DeValue>, findings: &mut Findings) -> Vec<Occasion> {
    let Some(list) = value.get_ref().as_array() else {
        let message = format!("`events` can't be {}", findings.quote(value.span()));
        findings.add(value.span(), message, ["allowed: a list, as [\"finished\", \"failed\"]".to_owned()]);
        return Vec::new();
    };
    list.iter().filter_map(|word| named(("events", word), &Occasion::ALL, findings)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::hooks;

    #[test]
    fn a_hook_says_who_is_told_of_what() {
        let read = hooks(
            "[hook.lab]\nkind = \"slack\"\nurl_env = \"LAB\"\nevery = 5\n[hook.me]\nkind = \"ntfy\"\nurl_file = \"~/x\"\nevents = [\"best\"]\n",
            "f",
        );
        let [lab, me] = read.unwrap().try_into().unwrap();
        assert_eq!((lab.kind, &lab.url, lab.every), (Kind::Slack, &Secret::Env("LAB".into()), 5));
        assert!(lab.wants(Occasion::Epoch) && lab.wants(Occasion::Crashed) && !lab.wants(Occasion::Best));
        assert!(me.wants(Occasion::Best) && !me.wants(Occasion::Finished) && !me.wants(Occasion::Epoch));
        assert_eq!(hooks("", "f").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_and_a_secret_never_repeated() {
        let wrong = |text: &str| hooks(text, "experiments.toml").unwrap_err().to_string();
        let said = wrong("[hook.lab]\nkind = \"slakc\"\nurl_env = \"LAB\"\nevents = [\"fnished\"]\nevry = 1\n");
        for words in [":2:8:", "did you mean `slack`", ":4:", "did you mean `finished`", "did you mean `every`"] {
            assert!(said.contains(words), "no {words} in {said}");
        }
        assert!(wrong("[hook.lab]\nkind = \"slack\"\n").contains("says not who is told"));
        assert!(wrong("hook = 1\n").contains("is not a table"));
        let said = wrong("[hook.lab]\nkind = \"slack\"\nurl_env = \"https://hooks.slack.com/T0/SECRETTOKEN\"\n");
        assert!(said.contains("no name of a variable") && !said.contains("SECRETTOKEN"), "{said}");
        let said = wrong("[hook.lab]\nkind = \"slack\"\nurl = \"https://hooks.slack.com/T0/SECRETTOKEN\"\n");
        assert!(said.contains(":3:1: a secret does not") && said.contains("url_env"), "{said}");
        let address = "https://hooks.slack.com/T0/SECRETTOKEN";
        for wrong_way in [
            format!("[hook.lab]\nkind = \"slack\"\nurl = \"{address}\"\n"),
            format!("[hook.lab]\nkind = \"slack\"\nurl_file = \"{address}\"\n"),
            format!("[hook.lab]\nkind = \"slack\"\nurl = {address}\n"),
            format!("[hook.lab]\nkind = \"{address}\"\nwebhook = \"{address}\"\n"),
            format!("hook.lab = {{ kind = \"slack\", url = \"{address}\" }}\n"),
            format!("hook.lab.url = \"{address}\"\nhook.lab.every = \"{address}\"\n"),
            "[hook.lab]\nkind = \"json\"\nurl_env = \"LAB\"\ntokn = \"SECRETTOKEN\"\n".to_owned(),
            format!("hook = \"{address}\"\n"),
        ] {
            let said = wrong(&wrong_way);
            assert!(!said.contains("SECRETTOKEN"), "{wrong_way}{said}");
        }
    }
}
