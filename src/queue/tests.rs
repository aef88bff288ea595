use super::*;
use proptest::prelude::*;

const GIB: u64 = 1 << 30;

fn gpu(name: &str) -> Slot {
    Slot {
        name: name.into(),
        uuid: Some(format!("GPU-{name}")),
        free: Some(80 * GIB),
        total: Some(80 * GIB),
        others: false,
    }
}

fn cpu() -> Slot {
    Slot { name: "cpu".into(), uuid: None, free: None, total: None, others: false }
}

fn waiting(name: &str) -> Waiting {
    Waiting {
        name: name.into(),
        place: 0,
        since: 0.0,
        held: false,
        wanted: Wanted::Any,
        slots: 1,
        force: false,
        need: None,
        trouble: None,
        source: None,
    }
}

fn these(name: &str, devices: &[&str]) -> Waiting {
    Waiting { wanted: Wanted::These(devices.iter().map(|name| (*name).to_owned()).collect()), ..waiting(name) }
}

fn live(name: &str, devices: &[&str]) -> Live {
    Live {
        name: name.into(),
        devices: devices.iter().map(|name| (*name).to_owned()).collect(),
        uuids: Vec::new(),
        slots: 1,
    }
}

/// A plan in words.
fn told(waiting: &[Waiting], live: &[Live], devices: &[Slot]) -> Vec<String> {
    plan(waiting, live, devices)
        .into_iter()
        .zip(waiting)
        .map(|(turn, run)| match turn {
            Turn::Start(devices) => format!("{} on {}", run.name, devices.join(",")),
            Turn::Wait(reason) => format!("{} {reason}", run.name),
        })
        .collect()
}

#[test]
fn each_gpu_gets_one_and_the_rest_wait_behind_them() {
    let runs = ["a", "b", "c", "d"].map(waiting);
    let devices = [cpu(), gpu("0"), gpu("1")];
    assert_eq!(told(&runs, &[], &devices), ["a on 0", "b on 1", "c behind a", "d behind c"]);
    assert_eq!(told(&runs[2..], &[live("a", &["0"]), live("b", &["1"])], &devices), ["c behind a", "d behind c"]);
    assert_eq!(told(&runs[2..], &[live("b", &["1"])], &devices), ["c on 0", "d behind c"]);
    assert_eq!(told(&runs[..2], &[], &[cpu()]), ["a on cpu", "b behind a"]);
    assert_eq!(told(&runs[..1], &[], &[]), ["a there is no device at all here"]);
}

#[test]
fn who_waits_for_several_is_not_passed_over() {
    let runs = [these("both", &["0", "1"]), these("one", &["1"]), these("other", &["2"])];
    let devices = [gpu("0"), gpu("1"), gpu("2")];
    assert_eq!(told(&runs, &[live("x", &["0"])], &devices), ["both behind x", "one behind both", "other on 2"]);
    assert_eq!(told(&runs, &[], &devices), ["both on 0,1", "one behind both", "other on 2"]);
    assert_eq!(told(&[these("far", &["7"])], &[], &devices), ["far there is no device 7 here"]);
}

#[test]
fn one_of_several_is_whichever_is_free_and_keeps_all_of_them_for_its_turn() {
    let of = |name, devices: &[&str]| Waiting {
        wanted: Wanted::OneOf(devices.iter().map(|name| (*name).to_owned()).collect()),
        ..waiting(name)
    };
    let devices = [gpu("0"), gpu("1"), gpu("2")];
    let runs = [of("a", &["0", "GPU-1"]), of("b", &["0", "1"]), of("c", &["1", "0"]), these("d", &["1"]), waiting("e")];
    let told = |live: &[Live]| told(&runs, live, &devices);
    assert_eq!(told(&[]), ["a on 0", "b on 1", "c behind b", "d behind c", "e on 2"]);
    assert_eq!(told(&[live("x", &["0"]), live("y", &["1"])])[0], "a behind x");
    assert_eq!(plan(&[of("far", &["7", "8"])], &[], &devices), [Turn::Wait(Reason::NoDevice("7/8".into()))]);
}

#[test]
fn a_gpu_is_known_by_its_uuid_where_that_is_known() {
    let moved = Live { uuids: vec!["GPU-1".into()], ..live("x", &["0"]) };
    let devices = [gpu("0"), gpu("1")];
    assert_eq!(told(&[these("a", &["0"]), these("b", &["GPU-1"])], &[moved], &devices), ["a on 0", "b behind x"]);
}

#[test]
fn order_is_by_place_then_by_age() {
    let mut runs = ["a", "b", "c"].map(waiting);
    runs[2].place = -1;
    assert_eq!(order(&runs), [2, 0, 1]);
    assert_eq!(told(&runs, &[], &[gpu("0")]), ["a behind c", "b behind a", "c on 0"]);
}

#[test]
fn probes_share_a_device_as_far_as_all_of_them_allow() {
    let small = |name| Waiting { slots: 3, need: Some(10 * GIB), ..waiting(name) };
    let runs = ["a", "b", "c", "d"].map(small);
    assert_eq!(told(&runs, &[], &[gpu("0")]), ["a on 0", "b on 0", "c on 0", "d behind a"]);
    assert_eq!(
        told(&runs[..1], &[live("big", &["0"])], &[gpu("0")]),
        ["a behind big"],
        "who is there shares with none"
    );
    let large = |name| Waiting { slots: 3, need: Some(50 * GIB), ..waiting(name) };
    assert_eq!(
        told(&["a", "b"].map(large), &[], &[gpu("0")]),
        ["a on 0", "b needs 50.0 GiB of 0, which has 30.0 GiB free"]
    );
}

#[test]
fn others_are_respected_unless_they_are_to_be_overridden() {
    let busy = Slot { others: true, ..gpu("0") };
    assert_eq!(told(&[waiting("a")], &[], &[busy.clone(), gpu("1")]), ["a on 1"]);
    assert_eq!(told(&[waiting("a")], &[], std::slice::from_ref(&busy)), ["a somebody else is on 0"]);
    assert_eq!(told(&[these("a", &["0"])], &[], std::slice::from_ref(&busy)), ["a somebody else is on 0"]);
    let force = Waiting { force: true, ..these("a", &["0"]) };
    assert_eq!(told(&[force], &[], &[busy]), ["a on 0"]);
}

#[test]
fn what_never_fits_keeps_nothing_from_others() {
    let large = |run| Waiting { need: Some(90 * GIB), ..run };
    for run in [large(waiting("a")), large(these("a", &["0"]))] {
        let told = told(&[run, waiting("b")], &[], &[gpu("0")]);
        assert_eq!(told, ["a needs 90.0 GiB; 0 has no more than 80.0 GiB", "b on 0"]);
    }
}

#[test]
fn who_waits_for_one_that_is_stuck_is_stuck_too() {
    let after = |name, source: &str| Waiting { source: Some(Source::Underway(source.into())), ..waiting(name) };
    let held = Waiting { held: true, ..waiting("base") };
    let runs = [after("probe", "moco"), after("moco", "base"), held];
    let turns = plan(&runs, &[], &[gpu("0")]);
    assert!(turns.iter().all(Turn::is_stuck), "{turns:?}");
    let Turn::Wait(why) = &turns[1] else { panic!() };
    assert_eq!(why.to_string(), "waits for base, which waits: held");
    // One that trains is no reason.
    assert_eq!(told(&[after("moco", "base")], &[live("base", &["0"])], &[gpu("0")]), ["moco waits for base"]);
}

#[test]
fn what_a_source_does_to_those_that_wait() {
    let after = |source: Source| Waiting { source: Some(source), ..waiting("probe") };
    let turn = |source| plan(&[after(source)], &[], &[gpu("0")]).remove(0);
    assert_eq!(turn(Source::Done), Turn::Start(vec!["0".into()]));
    assert_eq!(turn(Source::Underway("moco".into())), Turn::Wait(Reason::Source("moco".into())));
    let Turn::Wait(failed) = turn(Source::Ended("moco".into(), "failed at epoch 3".into())) else { panic!() };
    assert_eq!(failed.to_string(), "needs moco, which failed at epoch 3: resume that");
    assert!(failed.is_stuck() && !Reason::Behind("x".into()).is_stuck());
    // What can't start keeps nothing from others.
    let runs = [after(Source::Gone("moco".into())), waiting("z")];
    assert_eq!(told(&runs, &[], &[gpu("0")]), ["probe needs moco, which is gone", "z on 0"]);
    let held = Waiting { held: true, ..waiting("a") };
    assert_eq!(told(&[held, waiting("b")], &[], &[gpu("0")]), ["a held", "b on 0"]);
}

proptest! {
    /// Whatever waits and trains: no device gets more runs than each of them allows, and nobody starts who is blocked.
    #[test]
    fn no_device_is_given_away_twice(
        wants in prop::collection::vec((0..4_usize, 1..4_u32, -2..3_i64, any::<bool>()), 0..12),
        busy in prop::collection::vec(0..3_usize, 0..4),
    ) {
        let devices = ["0", "1", "2"].map(gpu);
        let runs: Vec<Waiting> = wants.iter().enumerate().map(|(at, (device, slots, place, held))| {
            let wanted = match device { 3 => Wanted::Any, at => Wanted::These(vec![at.to_string()]) };
            Waiting { wanted, slots: *slots, place: *place, held: *held, ..waiting(&format!("w{at:02}")) }
        }).collect();
        let live: Vec<Live> = busy.iter().take(2).enumerate().map(|(at, device)| live(&format!("l{at}"), &[&device.to_string()])).collect();
        let turns = plan(&runs, &live, &devices);
        for device in &devices {
            let mut on: Vec<u32> = live.iter().filter(|run| run.devices.contains(&device.name)).map(|run| run.slots).collect();
            let before = on.len();
            for (turn, run) in turns.iter().zip(&runs) {
                if let Turn::Start(given) = turn {
                    prop_assert!(!run.held);
                    if given.contains(&device.name) { on.push(run.slots); }
                }
            }
            if on.len() > before {
                prop_assert!(on.len() <= *on.iter().min().unwrap() as usize, "{}: {on:?}", device.name);
            }
        }
        // Doing the plan and asking again starts nobody who had been told to wait behind those that started.
        let started = turns.iter().zip(&runs).filter_map(|(turn, run)| match turn {
            Turn::Start(devices) => {
                let (name, devices) = (run.name.clone(), devices.clone());
                Some(Live { name, devices, uuids: Vec::new(), slots: run.slots })
            }
            Turn::Wait(_) => None,
        });
        let live: Vec<Live> = live.iter().cloned().chain(started).collect();
        let rest: Vec<Waiting> = turns.iter().zip(&runs).filter(|(turn, _)| matches!(turn, Turn::Wait(_))).map(|(_, run)| run.clone()).collect();
        let again = plan(&rest, &live, &devices);
        prop_assert!(again.iter().all(|turn| matches!(turn, Turn::Wait(_))), "{again:?}");
    }
}
