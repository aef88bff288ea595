//! Numbers that cannot be out of range: the check is the type, so that an error can name the user's line.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes a newtype over a number that refuses what lies outside its range.
macro_rules! ranged {
    ($(#[$doc:meta])* $name:ident($inner:ty), $allowed:literal, |$value:ident| $test:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "Number", into = "Number")]
        pub struct $name($inner);

        impl $name {
            /// What is allowed, for messages.
            pub const ALLOWED: &'static str = $allowed;

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<Number> for $name {
            type Error = String;

            fn try_from(number: Number) -> Result<Self, String> {
                let refuse = || format!("`{number}` is not allowed: {}", Self::ALLOWED);
                let $value = <$inner>::try_from(number).map_err(|()| refuse())?;
                if $test { Ok(Self($value)) } else { Err(refuse()) }
            }
        }

        impl From<$name> for Number {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "{}", Number::from(*self))
            }
        }
    };
}

ranged!(
    /// How many of something countable: at least one.
    Count(u64), "a whole number from 1 to 1000000000", |n| (1..=1_000_000_000).contains(&n)
);
ranged!(
    /// A part of a whole, both ends included.
    Fraction(f64), "a number from 0 to 1", |x| (0.0..=1.0).contains(&x)
);
ranged!(
    /// A step size.
    LearningRate(f64), "a number above 0, at most 1000", |x| x > 0.0 && x <= 1000.0
);
ranged!(
    /// How much of the last update goes on in the next.
    Momentum(f64), "a number from 0 to below 1", |x| (0.0..1.0).contains(&x)
);
ranged!(
    /// Zero or more.
    NonNegative(f64), "a number from 0 to 1000000", |x| (0.0..=1e6).contains(&x)
);
ranged!(
    /// How many threads; 0 leaves it to the machine.
    Threads(u64), "a whole number from 0 to 1024", |n| n <= 1024
);
ranged!(
    /// How many may share something, itself among them.
    Slots(u64), "a whole number from 1 to 64", |n| (1..=64).contains(&n)
);
ranged!(
    /// More than zero.
    Positive(f64), "a number above 0, at most 1000000", |x| x > 0.0 && x <= 1e6
);

/// How often something is done: a probability, or `true` for half of the time and `false` for never.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Chance(f64);

impl Chance {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "a number from 0 to 1; true is 0.5, false is 0";

    /// The probability.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Chance;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(Chance::ALLOWED)
            }

            fn visit_bool<E>(self, often: bool) -> Result<Chance, E> {
                Ok(Chance(if often { 0.5 } else { 0.0 }))
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Chance, E> {
                self.visit_f64(n as f64)
            }

            fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Chance, E> {
                let within = (0.0..=1.0).contains(&x);
                within
                    .then_some(Chance(x))
                    .ok_or_else(|| E::custom(format!("`{x}` is not allowed: {}", Chance::ALLOWED)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Epochs at which something happens, ascending: written as text, since a list would be a variant for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Milestones(Vec<u64>);

impl Milestones {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "epochs in ascending order as text, such as \"120, 160\"";

    /// None at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The epochs.
    pub fn get(&self) -> &[u64] {
        &self.0
    }
}

impl TryFrom<String> for Milestones {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let epochs = words.map(|word| word.parse().ok().filter(|epoch| *epoch > 0)).collect::<Option<Vec<u64>>>();
        let ascending = epochs.filter(|epochs| epochs.is_sorted_by(|a, b| a < b));
        ascending.map(Self).ok_or_else(|| format!("`{text}` is not allowed: {}", Self::ALLOWED))
    }
}

impl From<Milestones> for String {
    fn from(milestones: Milestones) -> Self {
        milestones.0.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! constants {
    ($($name:ident($inner:ty) |$value:ident| $test:expr),*) => {$(
        impl $name {
            /// A default written in the source. Refuses to compile where it is a constant out of range.
            pub(crate) const fn constant($value: $inner) -> Self {
                assert!($test, "a default is out of range");
                Self($value)
            }
        }
    )*};
}

constants!(
    Count(u64) | n | n >= 1 && n <= 1_000_000_000,
    Fraction(f64) | x | x >= 0.0 && x <= 1.0,
    LearningRate(f64) | x | x > 0.0 && x <= 1000.0,
    Momentum(f64) | x | x >= 0.0 && x < 1.0,
    NonNegative(f64) | x | x >= 0.0 && x <= 1e6,
    Positive(f64) | x | x > 0.0 && x <= 1e6,
    Threads(u64) | n | n <= 1024,
    Slots(u64) | n | n >= 1 && n <= 64,
    Chance(f64) | x | x >= 0.0 && x <= 1.0
);

/// A number as TOML writes it: whole or not. A whole number serves where any number does; never the other way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// Any number.
    Real(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Whole(n) => write!(f, "{n}"),
            Self::Real(x) if *x != 0.0 && x.abs() < 1e-3 => write!(f, "{x:e}"),
            Self::Real(x) => write!(f, "{x:?}"),
        }
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Self {
        Self::Whole(n as i64)
    }
}

impl From<f64> for Number {
    fn from(x: f64) -> Self {
        Self::Real(x)
    }
}

impl TryFrom<Number> for u64 {
    type Error = ();

    fn try_from(number: Number) -> Result<Self, ()> {
        match number {
            Number::Whole(n) => Self::try_from(n).map_err(drop),
            Number::Real(_) => Err(()),
        }
    }
}

impl TryFrom<Number> for f64 {
    type Error = ();

    fn try_from(number: Number) -> Result<Self, ()> {
        match number {
            Number::Whole(n) => Ok(n as Self),
            Number::Real(x) => Ok(x),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(n) => serializer.serialize_i64(*n),
            Self::Real(x) => serializer.serialize_f64(*x),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number::Whole(n))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(i64::try_from(n).map_or(Number::Real(n as f64), Number::Whole))
            }

            fn visit_f64<E>(self, x: f64) -> Result<Number, E> {
                Ok(Number::Real(x))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_refused_with_what_is_allowed() {
        assert_eq!(
            Count::try_from(Number::Whole(0)).unwrap_err(),
            "`0` is not allowed: a whole number from 1 to 1000000000"
        );
        assert_eq!(
            Count::try_from(Number::Real(1.5)).unwrap_err(),
            "`1.5` is not allowed: a whole number from 1 to 1000000000"
        );
        assert_eq!(
            Fraction::try_from(Number::Real(f64::NAN)).unwrap_err(),
            "`NaN` is not allowed: a number from 0 to 1"
        );
        assert!(Fraction::try_from(Number::Whole(1)).is_ok_and(|f| f == Fraction::constant(1.0)));
        assert!(Momentum::try_from(Number::Whole(1)).is_err());
        assert!(Positive::try_from(Number::Real(0.0)).is_err());
        assert!(LearningRate::try_from(Number::Real(f64::INFINITY)).is_err());
    }

    #[test]
    fn chances_and_milestones_read_as_people_write_them() {
        #[derive(Deserialize)]
        struct Row {
            chance: Chance,
            milestones: Milestones,
        }
        let read = |chance: &str, milestones: &str| {
            toml::from_str::<Row>(&format!("chance = {chance}\nmilestones = \"{milestones}\""))
        };
        let row = read("true", "120, 160").unwrap();
        assert_eq!((row.chance, row.milestones.get()), (Chance::constant(0.5), [120, 160].as_slice()));
        assert_eq!(read("1", "").unwrap().chance.get().to_bits(), 1_f64.to_bits());
        assert_eq!(String::from(row.milestones), "120, 160");
        for (chance, milestones) in [("1.5", ""), ("-1", ""), ("'x'", ""), ("0", "3, 2"), ("0", "0"), ("0", "a")] {
            assert!(read(chance, milestones).is_err(), "{chance} {milestones}");
        }
    }
}
