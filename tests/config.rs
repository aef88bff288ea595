//! `experiments.toml` as users write it: what is refused and with which words, what grids and defaults come to.

use mocolab::{
    config::{self, LARGEST_FILE, Problems, Suite},
    experiment::{Arch, ClassMap, DataSource, Experiment, Monitor, Origin, Probe, Recipe, Settings, Supervised},
};
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn good(text: &str) -> Suite {
    config::parse(text, "experiments.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn names(suite: &Suite) -> Vec<&str> {
    suite.experiments().map(|experiment| experiment.name.as_str()).collect()
}

fn supervised(experiment: &Experiment) -> &Supervised {
    match &experiment.recipe {
        Recipe::Supervised(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// Problems are sorted, lie inside the text and show nothing that steers a terminal.
fn check_shape(text: &str, problems: &Problems) {
    assert!(!problems.list.is_empty());
    assert!(problems.list.is_sorted_by_key(|problem| (problem.line, problem.column)), "{problems}");
    for problem in &problems.list {
        let line = text.split('\n').nth(problem.line - 1).unwrap_or_else(|| panic!("line {}", problem.line));
        assert!((1..=line.chars().count() + 1).contains(&problem.column), "{problems}");
        assert!(!problem.message.contains('\n'));
    }
    assert!(!problems.to_string().contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn bad_files_are_refused_with_these_words() {
    let mut files: Vec<_> = fs::read_dir(folder("configs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 47);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        let problems = config::parse(&text, "experiments.toml").expect_err(&name);
        check_shape(&text, &problems);
        insta::with_settings!({snapshot_path => "configs", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(&*name, problems);
        });
    }
}

#[test]
fn too_large_a_file_is_refused_unread() {
    let text = "#".repeat(LARGEST_FILE + 1);
    let problems = config::parse(&text, "big\u{1b}.toml").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "big�.toml: 1048577 bytes are too many for a configuration\n   = allowed: at most 1048576; is this the right file?"
    );
    assert!(config::parse(&text[1..], "big.toml").unwrap_err().to_string().contains("no experiments"));
}

#[test]
fn a_file_full_of_problems_is_answered_soon_and_briefly() {
    let text = "x = 1\n".repeat(LARGEST_FILE / 6);
    let problems = config::parse(&text, "f").unwrap_err();
    assert_eq!(problems.list.len(), 100);
    assert!(problems.to_string().ends_with(&format!("\n\nand {} more", problems.more)));
    assert!(problems.more > 100_000);
}

#[test]
fn a_thousand_experiments_are_enough() {
    let file = |count: usize| {
        let lines: Vec<String> = (0..count).map(|n| format!("[experiment.e{n}.supervised]")).collect();
        lines.join("\n")
    };
    assert_eq!(good(&file(1000)).experiments().count(), 1000);
    let problems = config::parse(&file(30_000), "f").unwrap_err();
    assert_eq!((problems.list.len(), problems.list[0].line), (1, 1001));
    assert_eq!(problems.list[0].message, "`e1000` is one experiment too many");
}

#[test]
fn settings_without_lists_keep_the_name() {
    let suite = good("[experiment.base]\nseed = [7]\n[experiment.base.supervised]\nlr = [0.2]\nepochs = 9\n");
    assert_eq!(names(&suite), ["base"]);
    let base = suite.experiments().next().unwrap();
    assert_eq!((base.seed, base.threads, &base.data), (7, 0, &DataSource::Cifar10(None)));
    let mut expected = Supervised::default();
    (expected.descent.lr, expected.descent.epochs) = (supervised(base).descent.lr, supervised(base).descent.epochs);
    assert_eq!((expected.descent.lr.get(), expected.descent.epochs.get()), (0.2, 9));
    assert_eq!(supervised(base), &expected);
}

#[test]
fn lists_make_a_variant_each_in_the_order_of_settings() {
    let suite = good(
        "[experiment.base]\nseed = [2, 1]\n[experiment.base.supervised]\nweight_decay = [0, 5e-7]\narch = [\"resnet8\", \"resnet18\"]\n[experiment.other.supervised]\n",
    );
    assert_eq!(
        names(&suite),
        [
            "base.arch-resnet8.weight_decay-0.seed-2",
            "base.arch-resnet8.weight_decay-0.seed-1",
            "base.arch-resnet8.weight_decay-5e-7.seed-2",
            "base.arch-resnet8.weight_decay-5e-7.seed-1",
            "base.arch-resnet18.weight_decay-0.seed-2",
            "base.arch-resnet18.weight_decay-0.seed-1",
            "base.arch-resnet18.weight_decay-5e-7.seed-2",
            "base.arch-resnet18.weight_decay-5e-7.seed-1",
            "other",
        ]
    );
    let third = suite.experiments().nth(2).unwrap();
    assert_eq!((third.seed, supervised(third).arch), (2, Arch::Resnet8));
    assert_eq!(supervised(third).descent.weight_decay.to_string(), "5e-7");
}

#[test]
fn values_of_any_kind_fit_in_a_name() {
    let suite = good(
        "[defaults]\ndata = [\"shapes\", \"images:/data/my set\"]\n[experiment.a.supervised]\nflip = [true, false]\nwarmup_epochs = [5, 0.5]\n",
    );
    assert_eq!(suite.groups.len(), 1);
    assert_eq!(names(&suite)[0], "a.data-shapes.flip-0.5.warmup_epochs-5");
    assert_eq!(names(&suite)[7], "a.data-images-data-my-set.flip-0.warmup_epochs-0.5");
}

#[test]
fn an_experiment_overrides_the_defaults_whole() {
    let suite = good(
        "[experiment.one]\nthreads = 2\n[experiment.one.supervised]\nlr = 0.3\n[experiment.two.supervised]\n\
         [defaults]\nseed = [1, 2]\nthreads = 4\ndata = \"shapes\"\n[defaults.supervised]\nlr = [0.1, 0.2]\nepochs = 50\n",
    );
    assert_eq!(names(&suite)[..2], ["one.seed-1", "one.seed-2"]);
    assert_eq!(
        names(&suite)[2..],
        ["two.lr-0.1.seed-1", "two.lr-0.1.seed-2", "two.lr-0.2.seed-1", "two.lr-0.2.seed-2"]
    );
    let one = suite.experiments().next().unwrap();
    assert_eq!((one.threads, &one.data, supervised(one).descent.lr.get()), (2, &DataSource::Shapes, 0.3));
    assert!(suite.experiments().all(|experiment| experiment.recipe.epochs() == 50));
    assert_eq!(suite.groups[1].experiments[0].threads, 4);
}

#[test]
fn a_name_finds_an_experiment_or_one_variant() {
    let suite = good("[experiment.base.supervised]\nlr = [0.1, 0.2]\n[experiment.quick.supervised]\n");
    let found = |name: &str| suite.find(name).map(|found| found.len());
    assert_eq!(found("base"), Ok(2));
    assert_eq!(found("base.lr-0.2"), Ok(1));
    assert_eq!(found("quick"), Ok(1));
    assert_eq!(found("quik").unwrap_err(), "no experiment is called `quik`; did you mean `quick`?");
    assert_eq!(found("base.lr-0.3").unwrap_err(), "no experiment is called `base.lr-0.3`; did you mean `base.lr-0.1`?");
    assert_eq!(found("\u{1b}[2J").unwrap_err(), "no experiment is called `�[2J`; there are: base, quick");
}

#[test]
fn the_template_is_good_with_and_without_its_comments() {
    let text = config::template();
    insta::assert_snapshot!(text);
    let suite = good(&text);
    assert_eq!(names(&suite), ["quick", "base"]);
    assert_eq!(suite.groups[0].experiments[0].data, DataSource::Cifar10ElseShapes);
    assert_eq!(supervised(&suite.groups[1].experiments[0]), &Supervised::default());

    let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.contains(" = ");
    assert_eq!(text.lines().filter(is_setting).count(), Supervised::settings().len());
    let all: String =
        text.lines().map(|line| if is_setting(&line) { &line[1..] } else { line }.to_owned() + "\n").collect();
    assert_eq!(good(&all), suite);
}

#[test]
fn the_examples_of_the_template_are_good_without_their_comments() {
    let text = config::template();
    let (before, examples) = text.split_once("# [experiment.moco.moco]").unwrap();
    let bare = examples.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let suite = good(&format!("{before}\n[experiment.moco.moco]{bare}"));
    assert_eq!(
        names(&suite),
        ["quick", "base", "moco", "probe.train_fraction-1", "probe.train_fraction-0.1", "floor", "head"]
    );
    let sources: Vec<String> = suite
        .experiments()
        .filter_map(|experiment| suite.source(experiment).unwrap())
        .map(|source| source.name.to_string())
        .collect();
    assert_eq!(sources, ["moco", "moco", "moco", "base"]);
}

#[test]
fn a_preset_is_the_ground_that_defaults_and_own_settings_stand_on() {
    let suite = good(
        "[defaults.moco]\nqueue = 25600\nepochs = 20\nblur = 0\n\
         [experiment.a.moco]\npreset = \"course\"\nepochs = 30\n\
         [experiment.b.moco]\n\
         [experiment.c.moco]\npreset = [\"v2plus\", \"course\"]\nqueue = 64\n",
    );
    assert_eq!(names(&suite), ["a", "b", "c.preset-v2plus", "c.preset-course"]);
    let of = |at: usize| match &suite.experiments().nth(at).unwrap().recipe {
        Recipe::Moco(settings) => settings.clone(),
        other => panic!("{other:?}"),
    };
    let (a, b, v2, course) = (of(0), of(1), of(2), of(3));
    assert_eq!((a.queue.get(), a.descent.epochs.get(), a.views.blur.get()), (25_600, 30, 0.0));
    assert_eq!((a.temperature.get(), a.key_momentum.get(), a.symmetric, a.bn_splits.get()), (0.07, 0.999, false, 1));
    assert_eq!((b.preset.as_str(), b.queue.get(), b.temperature.get(), b.symmetric), ("fair-cifar", 25_600, 0.1, true));
    assert_eq!((v2.queue.get(), v2.descent.epochs.get(), v2.head.as_str()), (64, 20, "mlp"));
    assert_eq!((course.queue.get(), course.descent.epochs.get(), course.temperature.get()), (64, 20, 0.07));
    assert_eq!(course.judging.monitor, Monitor::Knn);
}

#[test]
fn origins_and_groups_of_classes_are_read_as_written() {
    let suite = good(
        "[experiment.head.probe]\nfrom = \"base@best\"\n[experiment.head.probe.classes]\nwheels = [\"truck\", \"automobile\"]\nrest = [\"*\"]\n\
         [experiment.base.supervised]\ninit = \"file:weights.safetensors\"\nclasses = \"five\"\n",
    );
    let Recipe::Probe(Probe { from, classes: ClassMap::Groups(groups), .. }) = &suite.groups[0].experiments[0].recipe
    else {
        panic!("{suite:?}")
    };
    assert_eq!(from.to_string(), "base@best");
    assert_eq!(groups.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["wheels", "rest"]);
    let base = supervised(&suite.groups[1].experiments[0]);
    assert_eq!((&base.init, &base.classes), (&Origin::File("weights.safetensors".into()), &ClassMap::Five));
    assert_eq!(suite.in_order()[0].name.as_str(), "base", "what is taken from goes first");
    for experiment in suite.experiments() {
        assert_eq!(&config::read_snapshot(&config::snapshot(experiment), "f").unwrap(), experiment);
    }
}

#[test]
fn words_choose_experiments_in_the_order_in_which_they_need_each_other() {
    let suite = good(
        "[experiment.probe-a.probe]\nfrom = \"moco-a\"\n[experiment.moco-a.moco]\n\
         [experiment.moco-b]\nseed = [1, 2]\nmoco = {}\n[experiment.base.supervised]\n",
    );
    let chosen = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        suite.choose(&words).map(|chosen| chosen.iter().map(|one| one.name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(chosen(&["probe-*", "moco-a"]).unwrap(), ["moco-a", "probe-a"]);
    assert_eq!(chosen(&["*-b", "moco-b.seed-1"]).unwrap(), ["moco-b.seed-1", "moco-b.seed-2"]);
    assert_eq!(chosen(&["*seed*2"]).unwrap(), ["moco-b.seed-2"]);
    assert_eq!(chosen(&["*"]).unwrap().len(), 5);
    assert_eq!(
        chosen(&["base", "b*e*e"]).unwrap_err(),
        "no experiment is called like `b*e*e`; there are: probe-a, moco-a, moco-b, base"
    );
    assert!(chosen(&["moco-*", "bse"]).unwrap_err().contains("did you mean `base`?"));
}

#[test]
fn a_recipe_is_described_by_toml_that_reads_back() {
    let text = format!("[experiment.a.supervised]\n{}", config::describe("supervised").unwrap());
    assert_eq!(supervised(good(&text).experiments().next().unwrap()), &Supervised::default());
    assert_eq!(config::describe("nothing"), None);
}

/// The file was written by the first version. It must load for ever: never change it, add others beside it.
#[test]
fn a_run_of_the_first_version_still_loads() {
    let text = fs::read_to_string(folder("data/run-v1/experiment.toml")).unwrap();
    let experiment = config::read_snapshot(&text, "experiment.toml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((experiment.name.as_str(), experiment.seed, experiment.threads), ("base.lr-0.05.seed-3", 3, 8));
    assert_eq!(experiment.data, DataSource::Cifar10(Some("/data/cifar-10-batches-bin".into())));
    let settings = supervised(&experiment);
    assert_eq!((settings.arch, settings.descent.lr.get(), settings.descent.epochs.get()), (Arch::Resnet34, 0.05, 200));
    assert_eq!((settings.descent.weight_decay.get(), settings.views.flip.get(), settings.crop_padding), (5e-4, 0.0, 4));
}

#[test]
fn snapshots_that_cannot_be_read_say_why() {
    let text = config::snapshot(good("[experiment.a.supervised]\n").experiments().next().unwrap());
    let refusals = [
        ("schema = 1", "schema = 2"),
        ("schema = 1", "schema = \"x\""),
        ("schema = 1\n", ""),
        ("epochs = 100", "epochs = 0"),
        ("seed = 1\n", ""),
        ("seed = 1", "seed = 1\nspeed = 3"),
        ("seed = 1", "seed = 1\nseed = 1"),
        ("supervised", "simclr"),
        ("seed = 1", "seed ="),
    ]
    .map(|(old, new)| {
        assert!(text.contains(old), "{old}");
        let changed = text.replacen(old, new, 1);
        let problems = config::read_snapshot(&changed, "experiment.toml").unwrap_err();
        check_shape(&changed, &problems);
        format!("{old:?} -> {new:?}\n{problems}\n")
    });
    insta::assert_snapshot!(refusals.join("\n"));
}

const GOOD: &str = "[defaults]
data = \"shapes\" # drawings
seed = 1

[defaults.supervised]
epochs = 50

[experiment.base]
seed = [1, 2]

[experiment.base.supervised]
arch = \"resnet18\"
lr = [0.1, 0.05]
flip = true
";

proptest! {
    #[test]
    fn no_text_makes_it_panic(characters in prop::collection::vec(any::<char>(), 0..1024)) {
        let text = String::from_iter(characters);
        if let Err(problems) = config::parse(&text, "f") {
            check_shape(&text, &problems);
        }
    }

    #[test]
    fn no_text_like_toml_makes_it_panic(text in "([\\[\\]{}=.\",'#\n\r a-z0-9äé\u{1b}-]|experiment|supervised|defaults|\n|lr|epochs){0,400}") {
        for text in [text.clone(), format!("[experiment.a.supervised]\n{text}")] {
            if let Err(problems) = config::parse(&text, "f") {
                check_shape(&text, &problems);
            }
            if let Err(problems) = config::read_snapshot(&text, "f") {
                check_shape(&text, &problems);
            }
        }
    }

    #[test]
    fn a_changed_character_never_makes_it_panic(at in 0..GOOD.chars().count(), new in proptest::option::of(any::<char>())) {
        let text: String =
            GOOD.chars().enumerate().filter_map(|(index, old)| if index == at { new } else { Some(old) }).collect();
        match config::parse(&text, "f") {
            Ok(suite) => prop_assert!(suite.experiments().count() > 0),
            Err(problems) => check_shape(&text, &problems),
        }
    }

    #[test]
    fn snapshots_read_back(seed: u64, threads: u32, epochs in 1_u32..1_000_000, lr in 1e-12..1e3, path in "[^\u{0}]{1,20}", flip: bool) {
        let mut experiment = good(GOOD).experiments().next().unwrap().clone();
        let Recipe::Supervised(settings) = &mut experiment.recipe else { unreachable!() };
        settings.descent.epochs = toml::Value::from(i64::from(epochs)).try_into().unwrap();
        settings.descent.lr = toml::Value::from(lr).try_into().unwrap();
        settings.views.flip = toml::Value::from(flip).try_into().unwrap();
        (experiment.seed, experiment.threads, experiment.data) = (seed, threads, DataSource::Images(path.into()));
        let text = config::snapshot(&experiment);
        prop_assert_eq!(config::read_snapshot(&text, "f").unwrap(), experiment);
    }
}

#[test]
fn a_good_file_is_read_whatever_its_line_ends_and_byte_order_mark() {
    let suite = good(GOOD);
    assert_eq!(good(&GOOD.replace('\n', "\r\n")), suite);
    assert_eq!(good(&format!("\u{feff}{GOOD}")), suite);
    assert_eq!(suite.experiments().count(), 4);
    assert!(suite.experiments().all(|experiment| experiment.recipe.epochs() == 50));
}

#[test]
fn the_suite_of_this_repository_is_right() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments.toml")).unwrap();
    let suite = config::parse(&text, "experiments.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<&str> = suite.groups.iter().map(|group| group.name.as_str()).collect();
    let expected = ["quick", "base", "head-5", "head-2", "moco", "course", "probe", "course-probe", "floor"];
    assert_eq!(names, expected);
    let drawn = suite.experiments().filter(|experiment| experiment.data.to_string().contains("shapes"));
    assert_eq!(
        drawn.map(|experiment| experiment.name.as_str()).collect::<Vec<_>>(),
        ["quick"],
        "only quick may train on drawings"
    );
}
