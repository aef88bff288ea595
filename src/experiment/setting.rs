//! Settings described once: the macro makes the struct, its defaults and the table that messages and `init` print.

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

/// Declares a recipe's settings: `name: Type = default, "what is allowed", "what it does";`.
macro_rules! settings {
    ($(#[$doc:meta])* pub struct $struct:ident { $($field:ident: $type:ty = $default:expr, $allowed:expr, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $struct {
            $(#[doc = $meaning] pub $field: $type,)*
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $struct {
            /// Every setting in the order of the source.
            pub fn settings() -> Vec<$crate::experiment::Setting> {
                let defaults = Self::default();
                vec![$($crate::experiment::Setting {
                    name: stringify!($field),
                    default: $crate::experiment::setting::toml_text(&defaults.$field),
                    allowed: $allowed,
                    meaning: $meaning,
                },)*]
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
