//! Class names where there is little room: on the axes of a confusion matrix.

use mocolab::text::sanitize;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// `count` names that are safe to show; classes without a name are called by their number.
pub fn names(known: &[String], count: usize) -> Vec<String> {
    let name = |class: usize| known.get(class).map_or_else(|| format!("class {class}"), |name| sanitize(name));
    (0..count).map(name).collect()
}

/// The name of a class, also of one that is out of range, as a damaged record could have it.
pub fn of(names: &[String], class: usize) -> String {
    names.get(class).map_or_else(|| format!("class {class}"), Clone::clone)
}

/// Each name in at most `width` columns, so that as many as can be differ: its beginning, or where another has that
/// already, its beginning and a later letter, or its number.
pub fn abbreviations(names: &[String], width: usize) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut abbreviations = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let free = candidates(name, class, width).find(|candidate| !taken.contains(candidate));
        let abbreviation = free.unwrap_or_else(|| beginning(name, width).to_owned());
        taken.insert(abbreviation.clone());
        abbreviations.push(abbreviation);
    }
    abbreviations
}

fn candidates(name: &str, class: usize, width: usize) -> impl Iterator<Item = String> {
    let start = beginning(name, width.saturating_sub(1));
    let later = name[start.len()..].chars().filter(|c| c.is_alphanumeric()).map(move |c| format!("{start}{c}"));
    let all = std::iter::once(beginning(name, width).to_owned()).chain(later).chain([class.to_string()]);
    all.filter(move |candidate| candidate.width() <= width)
}

/// The part of `name` that has room in `width` columns.
fn beginning(name: &str, width: usize) -> &str {
    let mut end = 0;
    for (at, c) in name.char_indices() {
        if name[..at + c.len_utf8()].width() > width {
            break;
        }
        end = at + c.len_utf8();
    }
    name[..end].trim_end_matches([' ', '_', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn abbreviations_differ_where_they_can() {
        let short = |names: &[&str], width| {
            abbreviations(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), width)
        };
        assert_eq!(short(&["airplane", "automobile", "deer", "dog"], 3), ["air", "aut", "dee", "dog"]);
        assert_eq!(short(&["sweet_pepper", "sweet_potato", "sweet"], 3), ["swe", "swt", "2"]);
        assert_eq!(short(&["a", "a", "a b"], 3), ["a", "1", "a b"]);
        assert_eq!(short(&["oak_tree", "猫", "猫犬"], 4), ["oak", "猫", "猫犬"]);
        assert_eq!(short(&["cat", "car"], 1), ["c", "a"]);
        assert_eq!(short(&["cat"], 0), [""]);
    }

    #[test]
    fn a_class_without_a_name_has_its_number() {
        assert_eq!(names(&["c\x1b".to_owned()], 2), ["c␛", "class 1"]);
    }

    proptest! {
        #[test]
        fn abbreviations_have_room(names in prop::collection::vec(".{0,12}", 0..12), width in 0..9_usize) {
            let names = super::names(&names, names.len());
            let short = abbreviations(&names, width);
            prop_assert_eq!(short.len(), names.len());
            prop_assert!(short.iter().all(|label| label.width() <= width));
        }
    }
}
