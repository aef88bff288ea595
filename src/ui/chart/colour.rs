//! Which colour a run has: the same in every chart and on every day, as far as colours go round.

/// A number below `colours` for each run: the one its name falls on, or the next that no run before it has taken. Runs in
/// the order in which they came keep their colours when later ones join them.
pub fn colours(runs: &[&str], colours: usize) -> Vec<usize> {
    let mut taken = vec![0_usize; colours.max(1)];
    let free = |run: &&str| {
        // FNV-1a: the same on every machine.
        let hash = run
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let first = (hash % taken.len() as u64) as usize;
        let round = (first..taken.len()).chain(0..first);
        let chosen = round.min_by_key(|colour| taken[*colour]).unwrap_or(first);
        taken[chosen] += 1;
        chosen
    };
    runs.iter().map(free).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_differ_while_there_are_enough() {
        let runs = ["base/1", "base/2", "moco/1", "moco/2", "moco/3", "probe/1", "probe/2", "probe/3", "probe/4"];
        let eight = colours(&runs[..8], 8);
        let mut sorted = eight.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        assert_eq!(colours(&runs, 8)[..8], eight[..], "a later run changes nothing");
        assert!(colours(&runs, 0).iter().all(|colour| *colour == 0));
    }
}
