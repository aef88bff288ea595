//! What a classifier tells apart: the classes of the data, or groups of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The `classes` setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassMap {
    /// The classes of the data.
    All,
    /// Five pairs of CIFAR-10's classes.
    Five,
    /// CIFAR-10's vehicles with the horse, and its other animals.
    Two,
    /// Groups in the order of the file, each a name and the classes in it; `"*"` is all that no group names.
    Groups(Vec<(String, Vec<String>)>),
}

const FIVE: &[(&str, &[&str])] = &[
    ("airplane+ship", &["airplane", "ship"]),
    ("automobile+truck", &["automobile", "truck"]),
    ("bird+horse", &["bird", "horse"]),
    ("cat+dog", &["cat", "dog"]),
    ("deer+frog", &["deer", "frog"]),
];
const TWO: &[(&str, &[&str])] =
    &[("vehicles+horse", &["airplane", "automobile", "truck", "ship", "horse"]), ("animals", &["*"])];

impl ClassMap {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str =
        "`all`, `five`, `two`, or two groups and more as { vehicles = [\"ship\", \"truck\"], rest = [\"*\"] }";

    /// The groups that the classes called `names` fall into: names of the groups, and for each class the place of its
    /// group.
    ///
    /// # Errors
    /// Where a class is in no group or in two, or a group names a class that isn't there.
    pub fn groups(&self, names: &[String]) -> Result<(Vec<String>, Vec<usize>), String> {
        let groups: Vec<(&str, Vec<&str>)> = match self {
            Self::All => return Ok((names.to_vec(), (0..names.len()).collect())),
            Self::Five => FIVE.iter().map(|(name, members)| (*name, members.to_vec())).collect(),
            Self::Two => TWO.iter().map(|(name, members)| (*name, members.to_vec())).collect(),
            Self::Groups(groups) => groups
                .iter()
                .map(|(name, members)| (name.as_str(), members.iter().map(String::as_str).collect()))
                .collect(),
        };
        let there = || names.join(", ");
        for (group, members) in &groups {
            if let Some(stranger) =
                members.iter().find(|member| **member != "*" && !names.iter().any(|name| name == *member))
            {
                return Err(format!(
                    "the group `{group}` names `{stranger}`, and the data has no such class; it has: {}",
                    there()
                ));
            }
        }
        let rest = groups.iter().position(|(_, members)| members.contains(&"*"));
        let place = |name: &String| {
            let mut of = groups.iter().enumerate().filter(|(_, (_, members))| members.contains(&name.as_str()));
            match (of.next(), of.next()) {
                (Some((place, _)), None) => Ok(place),
                (Some((_, (one, _))), Some((_, (other, _)))) => {
                    Err(format!("class `{name}` is in the groups `{one}` and `{other}`: name it once"))
                }
                (None, _) => rest.ok_or_else(|| {
                    format!(
                        "class `{name}` is in no group: name it in one, or add a group for the rest: rest = [\"*\"]"
                    )
                }),
            }
        };
        let places = names.iter().map(place).collect::<Result<_, _>>()?;
        Ok((groups.iter().map(|(name, _)| (*name).to_owned()).collect(), places))
    }
}

impl Serialize for ClassMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Five => serializer.serialize_str("five"),
            Self::Two => serializer.serialize_str("two"),
            Self::Groups(groups) => serializer.collect_map(groups.iter().map(|(name, members)| (name, members))),
        }
    }
}

impl<'de> Deserialize<'de> for ClassMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = ClassMap;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(ClassMap::ALLOWED)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<ClassMap, E> {
        match word {
            "all" => Ok(ClassMap::All),
            "five" => Ok(ClassMap::Five),
            "two" => Ok(ClassMap::Two),
            _ => Err(E::custom(format!("`{word}` is not allowed: {}", ClassMap::ALLOWED))),
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<ClassMap, A::Error> {
        let mut groups = Vec::new();
        while let Some((name, members)) = map.next_entry::<String, Vec<String>>()? {
            if members.is_empty() {
                return Err(de::Error::custom(format!("the group `{name}` is empty")));
            }
            groups.push((name, members));
        }
        if groups.len() < 2 {
            return Err(de::Error::custom("there is nothing to tell apart: name two groups or more"));
        }
        Ok(ClassMap::Groups(groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cifar10() -> Vec<String> {
        let names = "airplane automobile bird cat deer dog frog horse ship truck";
        names.split(' ').map(str::to_owned).collect()
    }

    fn read(text: &str) -> Result<ClassMap, toml::de::Error> {
        #[derive(Deserialize)]
        struct Row {
            classes: ClassMap,
        }
        toml::from_str::<Row>(&format!("classes = {text}")).map(|row| row.classes)
    }

    #[test]
    fn the_groups_of_the_original_system() {
        assert_eq!(ClassMap::Five.groups(&cifar10()).unwrap().1, [0, 1, 2, 3, 4, 3, 4, 2, 0, 1]);
        assert_eq!(ClassMap::Two.groups(&cifar10()).unwrap().1, [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]);
        assert_eq!(ClassMap::All.groups(&cifar10()).unwrap().1, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn groups_of_ones_own_keep_the_order_of_the_file() {
        let map = read("{ wheels = [\"truck\", \"automobile\"], air = [\"airplane\"], rest = [\"*\"] }").unwrap();
        let (names, places) = map.groups(&cifar10()).unwrap();
        assert_eq!(names, ["wheels", "air", "rest"]);
        assert_eq!(places, [1, 0, 2, 2, 2, 2, 2, 2, 2, 0]);
        let text =
            toml::to_string(&toml::Table::from_iter([("classes".to_owned(), toml::Value::try_from(&map).unwrap())]));
        assert!(text.unwrap().contains("air = [\"airplane\"]"));
    }

    #[test]
    fn groups_that_do_not_part_the_classes_are_refused() {
        for (text, says) in [
            ("{ a = [\"cat\"], b = [\"dog\"] }", "`airplane` is in no group"),
            ("{ a = [\"cat\"], b = [\"cat\", \"*\"] }", "in the groups `a` and `b`"),
            ("{ a = [\"cats\"], b = [\"*\"] }", "no such class"),
        ] {
            let message = read(text).unwrap().groups(&cifar10()).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
        for bad in ["\"three\"", "{}", "{ a = [] , b = [\"*\"] }", "{ a = [\"*\"] }", "3"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
