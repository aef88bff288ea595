//! `experiment.toml` of a run directory: one experiment with every default written out, for ever readable.

use super::{
    problem::{Findings, Problems},
    syntax,
};
use crate::experiment::Experiment;
use serde::Deserialize;
use toml::de::DeTable;

/// The form of the file. A new number only where an old reader would misunderstand it.
const SCHEMA: i64 = 1;

/// The text of a run's `experiment.toml`.
///
/// # Panics
///
/// Never: an experiment is made of what TOML can write.
pub fn snapshot(experiment: &Experiment) -> String {
    let settings = toml::to_string(experiment).expect("an experiment is numbers, words and tables of them");
    format!(
        "# the experiment of this run with every default filled in; written by mocolab, not meant to be edited\nschema = {SCHEMA}\n{settings}"
    )
}

/// Reads what [`snapshot`] wrote, now or in an earlier version. `file` is its name in messages.
///
/// # Errors
///
/// Says what is wrong at which line; a file of a later schema is named as such.
pub fn read_snapshot(text: &str, file: &str) -> Result<Experiment, Problems> {
    let mut findings = Findings::new(text, file);
    let experiment = syntax::document(text, &mut findings).filter(|_| findings.is_empty()).and_then(|mut root| {
        let whole = root.span();
        accept_schema(root.get_mut(), &mut findings)?;
        match Experiment::deserialize(toml::Deserializer::from(root)) {
            Ok(experiment) => Some(experiment),
            Err(error) => {
                let help = ["mocolab writes this file: it was changed since, or a newer mocolab made it".to_owned()];
                match error.span().filter(|span| *span != whole) {
                    Some(span) => findings.add(span, error.message(), help),
                    None => findings.add_whole(error.message(), help),
                }
                None
            }
        }
    });
    experiment.ok_or_else(|| findings.into_problems())
}

/// Takes `schema` out of the document, if it is one that this version understands.
fn accept_schema(root: &mut DeTable, findings: &mut Findings) -> Option<()> {
    let Some(schema) = root.remove("schema") else {
        findings.add_whole("`schema` is missing", ["is this the `experiment.toml` of a run?".into()]);
        return None;
    };
    let number = schema.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
    let quote = findings.quote(schema.span());
    match number {
        Some(SCHEMA) => return Some(()),
        Some(later) if later > SCHEMA => {
            let help = format!("this version reads schema {SCHEMA}: update mocolab to read it");
            findings.add(schema.span(), format!("made by a newer mocolab: schema {quote}"), [help]);
        }
        _ => findings.add(schema.span(), format!("`{quote}` is not a schema"), [format!("allowed: {SCHEMA}")]),
    }
    None
}
