//! The log of a run: followed, leafed through, searched. Pure: lines in, the place in them out.

/// How the log is looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogLook {
    /// Lines between the end of the log and the last one shown; 0 follows it.
    pub up: usize,
    /// What is looked for; nothing where it is empty.
    pub query: String,
}

/// Where to look for the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// Above.
    Earlier,
    /// Below.
    Later,
}

impl LogLook {
    /// So many lines have come, `now` are there: who has scrolled up goes on seeing the same ones.
    pub fn grown(&mut self, come: usize, now: usize) {
        let more = if self.up > 0 { come } else { 0 };
        self.up = (self.up + more).min(now.saturating_sub(1));
    }

    /// So many lines up, or down where negative.
    pub fn go(&mut self, lines: usize, up: isize) {
        self.up = self.up.saturating_add_signed(up).min(lines.saturating_sub(1));
    }

    /// The last line shown becomes the next one, from there, that holds what is looked for; true where there is one.
    pub fn find(&mut self, lines: &[String], way: Find) -> bool {
        let here = lines.len().saturating_sub(1 + self.up);
        let holds = |at: &usize| self.holds(&lines[*at]);
        let found = match way {
            Find::Earlier => (0..here.min(lines.len())).rev().find(holds),
            Find::Later => (here + 1..lines.len()).find(holds),
        };
        if let Some(at) = found {
            self.up = lines.len() - 1 - at;
        }
        found.is_some()
    }

    /// To what is typed now: the nearest line above that holds it, that in front included; else one below.
    pub fn look_for(&mut self, lines: &[String], query: &str) -> bool {
        query.clone_into(&mut self.query);
        let here = lines.len().saturating_sub(1 + self.up);
        if query.is_empty() || lines.get(here).is_some_and(|line| self.holds(line)) {
            return true;
        }
        self.find(lines, Find::Earlier) || self.find(lines, Find::Later)
    }

    /// Lines that hold what is looked for.
    pub fn count(&self, lines: &[String]) -> usize {
        if self.query.is_empty() { 0 } else { lines.iter().filter(|line| self.holds(line)).count() }
    }

    /// The parts of `line` that are what is looked for: bytes from and to.
    pub fn matches(&self, line: &str) -> Vec<(usize, usize)> {
        if self.query.is_empty() {
            return Vec::new();
        }
        let (line, query) = (self.folded(line), self.folded(&self.query));
        line.match_indices(&query).map(|(at, part)| (at, at + part.len())).collect()
    }

    fn holds(&self, line: &str) -> bool {
        !self.matches(line).is_empty()
    }

    /// Capitals count only where one is typed. ASCII alone is folded, so that no place in the line moves.
    fn folded(&self, text: &str) -> String {
        let exact = self.query.chars().any(char::is_uppercase);
        if exact { text.to_owned() } else { text.to_ascii_lowercase() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<String> {
        ["loading", "epoch 1: loss 2.1", "Loss is NaN", "epoch 2: loss 1.9", "done"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_word_is_found_upwards_and_downwards() {
        let lines = lines();
        let mut look = LogLook::default();
        assert!(look.look_for(&lines, "loss"));
        assert_eq!((look.up, look.count(&lines)), (1, 3));
        assert!(look.find(&lines, Find::Earlier) && look.up == 2, "without a capital both are meant");
        assert!(look.find(&lines, Find::Earlier) && look.up == 3);
        assert!(!look.find(&lines, Find::Earlier) && look.up == 3, "it stays where no further one is");
        assert!(look.find(&lines, Find::Later) && look.up == 2);
        assert!(look.look_for(&lines, "Loss"));
        assert_eq!((look.up, look.count(&lines)), (2, 1));
        assert_eq!(look.matches("a Loss, a loss"), [(2, 6)]);
        assert!(!look.look_for(&lines, "nowhere"));
        assert!(look.look_for(&[], "") && !look.look_for(&[], "x"));
    }

    #[test]
    fn who_has_scrolled_up_sees_the_same_lines() {
        let mut look = LogLook::default();
        look.grown(50, 50);
        assert_eq!(look.up, 0, "the end is followed");
        look.go(50, 10);
        look.grown(10, 60);
        assert_eq!(look.up, 20);
        look.go(60, 100);
        assert_eq!(look.up, 59);
        look.go(60, -100);
        assert_eq!(look.up, 0);
    }
}
