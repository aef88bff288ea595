//! Settings described once: the macro makes the struct, its defaults and the table that messages and `init` print.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// One setting of a recipe, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// The default as TOML writes it.
    pub default: String,
    /// What is allowed.
    pub allowed: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
}

/// Settings that each are allowed and together make no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The settings involved; the first is the likeliest culprit.
    pub settings: &'static [&'static str],
    /// What is wrong, in one line.
    pub message: String,
    /// What to do, in one line.
    pub help: String,
}

/// A table of settings, and each of its groups: what [`settings!`] declares.
pub trait Settings: Default {
    /// Adds every setting, with the values of `self` as defaults, in the order of the source.
    fn describe(&self, into: &mut Vec<Setting>);

    /// Whether `key` is one of them.
    fn knows(key: &str) -> bool;

    /// Reads the value of `key`, which is one of them.
    ///
    /// # Errors
    /// Where the value is not allowed.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;

    /// Writes all of them.
    ///
    /// # Errors
    /// Where the format refuses one.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Every setting with its default.
    fn settings() -> Vec<Setting> {
        let mut all = Vec::new();
        Self::default().describe(&mut all);
        all
    }
}

/// Reads a table of settings; what isn't there keeps its default, what isn't known is refused at its place.
pub(crate) fn read_settings<'de, S: Settings, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    deserializer.deserialize_map(Table(PhantomData))
}

/// Writes a table of settings.
pub(crate) fn write_settings<S: Settings, D: Serializer>(settings: &S, serializer: D) -> Result<D::Ok, D::Error> {
    let mut map = serializer.serialize_map(None)?;
    settings.write(&mut map)?;
    map.end()
}

struct Table<S>(PhantomData<S>);

impl<'de, S: Settings> Visitor<'de> for Table<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a table of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S, A::Error> {
        let mut settings = S::default();
        while let Some(key) = map.next_key_seed(Key::<S>(PhantomData))? {
            settings.read(&key, &mut map)?;
        }
        Ok(settings)
    }
}

/// A key that is known: refused here, an error carries the place of the key.
struct Key<S>(PhantomData<S>);

impl<'de, S: Settings> DeserializeSeed<'de> for Key<S> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let key = String::deserialize(deserializer)?;
        if S::knows(&key) { Ok(key) } else { Err(D::Error::custom(format!("unknown field `{key}`"))) }
    }
}

/// Declares settings: `name: Type = default, "what is allowed", "what it does";`, then groups that others have too:
/// `+ name: Type = default;`. In TOML all of them stand in one flat table.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $struct:ident {
            $($field:ident: $type:ty = $default:expr, $allowed:expr, $meaning:literal;)*
            $(+ $group:ident: $group_type:ty = $group_default:expr;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $struct {
            $(#[doc = $meaning] pub $field: $type,)*
            $(#[doc = concat!("Settings of [`", stringify!($group_type), "`].")] pub $group: $group_type,)*
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($field: $default,)* $($group: $group_default,)* }
            }
        }

        impl $crate::experiment::Settings for $struct {
            fn describe(&self, into: &mut Vec<$crate::experiment::Setting>) {
                $(into.push($crate::experiment::Setting {
                    name: stringify!($field),
                    default: $crate::experiment::setting::toml_text(&self.$field),
                    allowed: $allowed,
                    meaning: $meaning,
                });)*
                $($crate::experiment::Settings::describe(&self.$group, into);)*
            }

            fn knows(key: &str) -> bool {
                [$(stringify!($field)),*].contains(&key) $(|| <$group_type>::knows(key))*
            }

            fn read<'de, A: ::serde::de::MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $(stringify!($field) => self.$field = map.next_value()?,)*
                    $(key if <$group_type>::knows(key) => self.$group.read(key, map)?,)*
                    _ => {}
                }
                Ok(())
            }

            fn write<M: ::serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(map.serialize_entry(stringify!($field), &self.$field)?;)*
                $($crate::experiment::Settings::write(&self.$group, map)?;)*
                Ok(())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $struct {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::experiment::setting::read_settings(deserializer)
            }
        }

        impl ::serde::Serialize for $struct {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::experiment::setting::write_settings(self, serializer)
            }
        }
    };
}
pub(crate) use settings;

/// A value as TOML writes it.
pub(crate) fn toml_text<T: serde::Serialize>(value: &T) -> String {
    let mut text = String::new();
    match value.serialize(toml::ser::ValueSerializer::new(&mut text)) {
        Ok(_) => text,
        Err(error) => format!("({error})"),
    }
}
