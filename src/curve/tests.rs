use super::*;
use proptest::prelude::*;

fn curve(points: impl IntoIterator<Item = (u64, f64)>) -> Curve {
    let mut curve = Curve::default();
    points.into_iter().for_each(|(step, value)| curve.push(step, value));
    curve
}

#[test]
fn a_spike_among_a_hundred_thousand_points_survives() {
    let curve = curve((0..100_000).map(|step| (step, if step == 54_321 { 99.0 } else { 1.0 })));
    let bins = curve.bins(0, 100_000, 80);
    assert!(bins.len() <= 320, "{}", bins.len());
    assert!(bins.iter().any(|bin| bin.high > 98.0));
}

#[test]
fn nan_leaves_a_hole_and_spoils_nothing() {
    let curve = curve([(1, 1.0), (2, f64::NAN), (3, 3.0)]);
    let top = curve.bins(0, 4_000, 1);
    assert_eq!((top[0].low, top[0].high, top[0].count, top[0].holes), (1.0, 3.0, 2, 1));
    assert!((top[0].mean() - 2.0).abs() < 1e-12);
}

#[test]
fn evenly_spaced_points_cost_little_more_than_their_values() {
    let curve = curve((1..=100_000).map(|number| (number * 10, number as f64)));
    assert_eq!(curve.steps.strides().len(), 1);
    let blocks: usize = curve.levels.iter().map(Vec::len).sum();
    assert!(blocks * size_of::<Block>() < 3 * curve.len(), "{blocks} blocks");
}

#[test]
fn a_value_between_two_points_lies_on_the_line_that_joins_them() {
    let curve = curve([(10, 1.0), (20, 3.0), (24, 3.5)]);
    let values = [9, 10, 15, 20, 24, 25].map(|step| curve.at(step));
    assert_eq!(values, [None, Some(1.0), Some(2.0), Some(3.0), Some(3.5), None]);
}

/// The slow, obvious way: sort every point into its bin.
fn slow(points: &[(u64, f64)], from: u64, to: u64, columns: usize) -> Vec<(u64, u64, f64, f64, u32, u32)> {
    let mut width = 1;
    while width * 4 <= (to.saturating_sub(from) / columns as u64).max(1) {
        width *= 4;
    }
    let mut bins: Vec<(u64, u64, f64, f64, u32, u32)> = Vec::new();
    for (step, value) in points {
        let hole = u32::from(value.is_nan());
        match bins.last_mut() {
            Some(bin) if bin.0 / width == step / width => {
                (bin.1, bin.2, bin.3) = (*step, bin.2.min(*value), bin.3.max(*value));
                (bin.4, bin.5) = (bin.4 + 1 - hole, bin.5 + hole);
            }
            _ if hole == 1 => bins.push((*step, *step, f64::INFINITY, f64::NEG_INFINITY, 0, 1)),
            _ => bins.push((*step, *step, *value, *value, 1, 0)),
        }
    }
    bins.retain(|bin| bin.1 >= from && bin.0 <= to);
    bins
}

fn points() -> impl Strategy<Value = Vec<(u64, f64)>> {
    let value = prop_oneof![8 => -1e6..1e6_f64, 1 => Just(f64::NAN)];
    let irregular = prop::collection::btree_map(0..5000_u64, value.clone(), 0..200);
    let regular = (0..50_u64, 1..30_u64, prop::collection::vec(value, 0..600)).prop_map(|(first, by, values)| {
        (0..).map(|number| first + by * number).zip(values).collect::<std::collections::BTreeMap<_, _>>()
    });
    prop_oneof![irregular, regular].prop_map(|points| points.into_iter().collect())
}

proptest! {
    #[test]
    fn every_level_holds_all_points(steps in prop::collection::btree_set(0..5000_u64, 0..200), columns in 1..100_usize, cut in 0..5000_u64) {
        let mut curve = curve(steps.iter().map(|step| (*step, *step as f64)));
        let bins = curve.bins(0, 5000, columns);
        prop_assert_eq!(bins.iter().map(|bin| bin.count as usize).sum::<usize>(), steps.len());
        prop_assert!(bins.iter().all(|bin| (bin.first as f64, bin.last as f64) == (bin.low, bin.high)));
        prop_assert!(bins.windows(2).all(|pair| pair[0].last < pair[1].first));
        curve.cut(cut);
        let kept: Vec<u64> = curve.points().map(|(step, _)| step).collect();
        prop_assert_eq!(kept, steps.iter().copied().filter(|s| *s <= cut).collect::<Vec<_>>());
    }

    #[test]
    fn bins_are_those_of_the_slow_way(points in points(), from in 0..6000_u64, more in 0..20_000_u64, columns in 1..200_usize) {
        let curve = curve(points.iter().copied());
        let bins = curve.bins(from, from + more, columns);
        let bins: Vec<_> = bins.iter().map(|b| (b.first, b.last, b.low, b.high, b.count, b.holes)).collect();
        prop_assert_eq!(bins, slow(&points, from, from + more, columns));
    }

    #[test]
    fn going_back_equals_never_having_been_there(points in points(), again in points(), cut in 0..6000_u64) {
        let mut there = curve(points.iter().copied());
        there.cut(cut);
        let kept = points.iter().copied().filter(|(step, _)| *step <= cut);
        prop_assert_eq!(format!("{there:?}"), format!("{:?}", curve(kept)));
        let mut both = curve(points.iter().copied());
        for (step, value) in &again {
            both.push(*step, *value);
        }
        let first = again.first().map_or(u64::MAX, |(step, _)| *step);
        let kept = points.into_iter().filter(|(step, _)| *step < first).chain(again);
        prop_assert_eq!(format!("{both:?}"), format!("{:?}", curve(kept)));
    }

    #[test]
    fn bytes_hold_all_of_a_curve(points in points(), keep in 0..10_000_usize, flip in any::<(prop::sample::Index, u8)>()) {
        let curve = curve(points);
        let mut bytes = Vec::new();
        curve.encode(&mut bytes);
        let mut rest = bytes.as_slice();
        let back = Curve::decode(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(format!("{back:?}"), format!("{curve:?}"));
        prop_assert!(keep >= bytes.len() || Curve::decode(&mut &bytes[..keep]).is_none());
        // Bytes that lie are refused or make some curve; they never make a panic.
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        if let Some(curve) = Curve::decode(&mut bytes.as_slice()) {
            curve.bins(0, 5000, 80);
            curve.at(3);
        }
    }
}
