//! The two places settings stand in, and the check of one value by the type that will hold it.

use crate::experiment::{Common, Recipe, Setting, Settings};
use serde::Deserialize;
use std::borrow::Cow;
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// Which settings a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// What every experiment has.
    Common,
    /// What the recipe of this name has.
    Recipe(&'static str),
}

impl Scope {
    /// The settings in their order.
    pub(super) fn settings(self) -> Vec<Setting> {
        match self {
            Self::Common => Common::settings(),
            Self::Recipe(name) => Recipe::settings(name).unwrap_or_default(),
        }
    }

    /// `value` as the setting `key` keeps it, or nothing where it is not allowed. `key` is one of this scope's settings.
    pub(super) fn accept(self, key: &'static str, value: &Spanned<DeValue>) -> Option<Value> {
        let table = one_key(key, value.clone());
        let whole = match self {
            Self::Common => Value::try_from(Common::deserialize(ValueDeserializer::from(table)).ok()?).ok()?,
            Self::Recipe(name) => {
                let recipe = Recipe::deserialize(ValueDeserializer::from(one_key(name, table))).ok()?;
                Value::try_from(recipe).ok()?.as_table_mut()?.remove(name)?
            }
        };
        whole.get(key).cloned()
    }
}

fn one_key<'a>(key: &'static str, value: Spanned<DeValue<'a>>) -> Spanned<DeValue<'a>> {
    let span = value.span();
    let mut table = DeTable::new();
    table.insert(Spanned::new(span.clone(), Cow::Borrowed(key)), value);
    Spanned::new(span, DeValue::Table(table))
}
