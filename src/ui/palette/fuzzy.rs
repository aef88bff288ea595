//! Fuzzy search: does a text hold the characters of a query in their order, and how well? A character counts more at the
//! start of a word and right after the one before it; gaps cost a little. The best placing of all is found, not the first
//! (the recurrence of fzf and of Smith and Waterman 1981, without mismatches).

const FIT: i32 = 16;
/// At the start of a word.
const START: i32 = 10;
/// At the start of the text.
const FIRST: i32 = 4;
/// Right after the character before.
const NEXT: i32 = 12;
/// A gap, and each character of it.
const GAP: i32 = -3;
const WIDER: i32 = -1;
/// Less than any score.
const NEVER: i32 = i32::MIN / 2;
/// Characters of a text that are looked at.
const LONGEST: usize = 200;

/// What is looked for: words, each of which must fit somewhere. Capitals count only where the query has some.
#[derive(Debug)]
pub(super) struct Query {
    words: Vec<Vec<char>>,
    exact: bool,
}

impl Query {
    pub fn new(text: &str) -> Self {
        let exact = text.chars().any(char::is_uppercase);
        Self { words: text.split_whitespace().map(|word| word.chars().collect()).collect(), exact }
    }

    /// How well `text` fits, and which of its characters do, in order. An empty query fits everything alike.
    pub fn score(&self, text: &str) -> Option<(i32, Vec<usize>)> {
        let text: Vec<char> = text.chars().take(LONGEST).map(|c| if self.exact { c } else { lower(c) }).collect();
        let mut fits = Vec::new();
        let mut total = 0;
        for word in &self.words {
            let (score, places) = place(word, &text)?;
            total += score;
            fits.extend(places);
        }
        fits.sort_unstable();
        fits.dedup();
        Some((total, fits))
    }
}

fn lower(c: char) -> char {
    // Of the few that become several characters, the first will do.
    c.to_lowercase().next().unwrap_or(c)
}

/// What a character is worth by where it stands.
fn worth(text: &[char], at: usize) -> i32 {
    let start = text[at].is_alphanumeric() && at.checked_sub(1).is_none_or(|before| !text[before].is_alphanumeric());
    FIT + if start { START } else { 0 } + if at == 0 { FIRST } else { 0 }
}

/// The best placing of `word` in `text`. `ends[i][j]` is the best score of the first `i + 1` characters where the last of
/// them stands at `j`.
fn place(word: &[char], text: &[char]) -> Option<(i32, Vec<usize>)> {
    let mut ends: Vec<Vec<i32>> = Vec::with_capacity(word.len());
    let mut came: Vec<Vec<usize>> = Vec::with_capacity(word.len());
    for (i, c) in word.iter().enumerate() {
        let (mut row, mut from) = (vec![NEVER; text.len()], vec![0; text.len()]);
        // The best end of what came before that is not right before, less what the gap has cost so far.
        let (mut far, mut far_at) = (NEVER, 0);
        for j in 0..text.len() {
            if let Some(above) = ends.last().filter(|_| j >= 2) {
                far += WIDER;
                if above[j - 2] + GAP > far {
                    (far, far_at) = (above[j - 2] + GAP, j - 2);
                }
            }
            if text[j] != *c {
                continue;
            }
            let near = if j == 0 { NEVER } else { ends.last().map_or(NEVER, |above| above[j - 1] + NEXT) };
            let before = if i == 0 { 0 } else { near.max(far) };
            from[j] = if i > 0 && near >= far { j.saturating_sub(1) } else { far_at };
            row[j] = if before > NEVER / 2 { before + worth(text, j) } else { NEVER };
        }
        ends.push(row);
        came.push(from);
    }
    let (mut at, score) =
        ends.last()?.iter().copied().enumerate().max_by_key(|(at, score)| (*score, text.len() - at))?;
    if score <= NEVER / 2 {
        return None;
    }
    let mut places = vec![at];
    for from in came.iter().skip(1).rev() {
        at = from[at];
        places.push(at);
    }
    places.reverse();
    Some((score, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(query: &str, text: &str) -> Option<Vec<usize>> {
        Query::new(query).score(text).map(|(_, fits)| fits)
    }

    fn better(query: &str, good: &str, less: &str) {
        let score = |text| Query::new(query).score(text).unwrap().0;
        assert!(score(good) > score(less), "{query}: {good} {} {less} {}", score(good), score(less));
    }

    #[test]
    fn the_characters_fit_in_their_order_and_capitals_only_where_asked() {
        assert_eq!(fits("rum", "resume the run"), Some(vec![0, 3, 4]));
        assert_eq!(fits("xyz", "resume the run"), None);
        assert_eq!(fits("", "anything"), Some(Vec::new()));
        assert_eq!(fits("mo", "MoCo"), Some(vec![0, 1]));
        assert_eq!(fits("MC", "MoCo"), Some(vec![0, 2]));
        assert_eq!(fits("MC", "moco"), None);
        assert_eq!(fits("run resume", "resume the run").map(|fits| fits.len()), Some(9), "words in any order");
    }

    #[test]
    fn words_and_stretches_are_better_than_scattered_characters() {
        better("th", "theme dark", "start the experiment");
        better("sr", "stop run", "resume restart");
        better("run", "go to run x", "resume no nothing");
        better("light", "theme light", "go to run little-night");
        assert_eq!(fits("run", "ruin the run"), Some(vec![9, 10, 11]), "the best place, not the first");
    }

    proptest! {
        #[test]
        fn a_score_comes_with_places_that_spell_the_query(query in "[a-c ]{0,8}", text in "[a-c /-]{0,40}") {
            let characters: Vec<char> = text.chars().collect();
            let plain = |word: &str| {
                let mut rest = characters.iter();
                word.chars().all(|c| rest.any(|other| *other == c))
            };
            let expected = query.split_whitespace().all(plain);
            let found = fits(&query, &text);
            prop_assert_eq!(found.is_some(), expected);
            if let (Some(places), false) = (found, query.trim().contains(' ')) {
                let spelt: String = places.iter().map(|at| characters[*at]).collect();
                prop_assert_eq!(spelt, query.trim());
            }
        }
    }
}
