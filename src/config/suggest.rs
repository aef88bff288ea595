//! "did you mean": the nearest of the words that are allowed.

/// What people call a setting elsewhere, and what it is called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("backbone", "arch"),
    ("dataset", "data"),
    ("learning_rate", "lr"),
    ("model", "arch"),
    ("network", "arch"),
    ("num_epochs", "epochs"),
    ("num_workers", "threads"),
    ("scheduler", "schedule"),
    ("wd", "weight_decay"),
    ("workers", "threads"),
];

/// Longer words are nobody's misspelling, and would be slow to compare.
const LONGEST: usize = 80;

/// The candidate nearest to `word`, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    if word.len() > LONGEST {
        return None;
    }
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    let distance = |candidate: &str| {
        let plain = candidate.to_lowercase().replace('-', "_");
        if Some(candidate) == elsewhere || word == plain {
            return Some(0);
        }
        let whole_part = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('_'));
        if whole_part(&word, &plain) || whole_part(&plain, &word) {
            return Some(1);
        }
        let edits = strsim::damerau_levenshtein(&word, &plain);
        (edits * 3 <= word.chars().count().max(plain.chars().count())).then_some(edits)
    };
    candidates.into_iter().filter_map(|candidate| Some((distance(candidate)?, candidate))).min().map(|(_, word)| word)
}

/// The candidate nearest to `word` as a line of help: "did you mean `x`?", where one is near enough.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The words in a description of what is allowed: `a | b`, or those in backquotes.
pub(super) fn words(allowed: &str) -> impl Iterator<Item = &str> {
    allowed.split(" | ").flat_map(|part| part.split('`'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let settings = ["arch", "epochs", "batch", "lr", "weight_decay", "warmup_epochs"];
        for (word, meant) in [
            ("epoch", Some("epochs")),
            ("Epochs", Some("epochs")),
            ("weight-decay", Some("weight_decay")),
            ("batch_size", Some("batch")),
            ("learning_rate", Some("lr")),
            ("warmup", Some("warmup_epochs")),
            ("weigth_decay", Some("weight_decay")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, settings), meant, "{word}");
        }
        assert_eq!(nearest("resnet-18", words("resnet8 | resnet18")), Some("resnet18"));
        assert_eq!(nearest("cifar", words("`cifar10`, `shapes` or `else`")), Some("cifar10"));
    }
}
