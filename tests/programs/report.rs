//! `mocolab report`, `plot` and `export metrics` of runs that were trained here, as a user has them; the page in a real
//! browser, where there is one.

use crate::project::Project;
use crate::training::project_of;
use serde_json::Value;
use std::fs;
use std::process::Command;

const SETTINGS: &str = "epochs = 2\nbatch = 20\nlog_every = 1\nval_fraction = 0.2\n";

fn suite() -> Project {
    let project = project_of(&format!(
        "[experiment.base]\nseed = [1, 2]\n[experiment.base.supervised]\narch = \"resnet8\"\nwarmup_epochs = 1\nmap_every = 2\n{SETTINGS}\
         [experiment.head.probe]\nfrom = \"base.seed-1\"\nclasses = {{ one = [\"class0\"], rest = [\"*\"] }}\nepochs = 3\n\
         [experiment.moco.moco]\narch = \"resnet8\"\nqueue = 64\ndim = 16\nbn_splits = 1\nshuffle_bn = false\nknn_k = 10\nmap_every = 2\n{SETTINGS}\
         [experiment.probe.probe]\nfrom = \"moco\"\ntrain_fraction = [0.1, 0.5]\nepochs = 3\n\
         [experiment.floor.probe]\nfrom = \"moco@random\"\ntrain_fraction = 0.1\nepochs = 3\n"
    ));
    project.run("start --all --wait --device cpu").good();
    project
}

/// The mean of what the runs of a group reached, from the record itself.
fn reached(project: &Project, runs: &Value, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = runs
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|run| of(&project.json(&format!("show {} --json", run.as_str().unwrap()))["summary"]))
        .collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn figures_are_those_of_the_record(project: &Project, report: &Value) {
    let experiments = report["experiments"].as_array().unwrap();
    let names: Vec<&str> = experiments.iter().map(|one| one["experiment"].as_str().unwrap()).collect();
    assert_eq!(names, ["base", "head", "moco", "floor", "probe.train_fraction-0.1", "probe.train_fraction-0.5"]);
    for one in experiments {
        let neighbours = if one["recipe"] == "moco" { "knn_" } else { "" };
        let best =
            |metric: String| reached(project, &one["runs"], |summary| summary["best"][&metric]["value"].as_f64());
        assert_eq!(one["val"]["mean"].as_f64(), best(format!("val/{neighbours}macro_accuracy")), "{one}");
        let learnt = one["runs"].as_array().unwrap().iter().filter_map(|run| {
            let confusion =
                project.json(&format!("show {} --json", run.as_str().unwrap()))["classes"]["train"]["confusion"]
                    .clone();
            let counts: Vec<Vec<u64>> = serde_json::from_value(confusion).ok()?;
            Some(mocolab::metrics::Confusion::from_counts(counts).macro_accuracy())
        });
        let learnt: Vec<f64> = learnt.collect();
        let mean = (!learnt.is_empty()).then(|| learnt.iter().sum::<f64>() / learnt.len() as f64);
        assert!(one["train"]["mean"].as_f64() == mean && (mean.is_some() != (one["recipe"] == "moco")), "{one}");
        let test = format!("test/{neighbours}macro_accuracy");
        let latest = reached(project, &one["runs"], |summary| summary["latest"][&test].as_f64());
        assert!(latest.is_some() && one["test"]["mean"].as_f64() == latest, "{one}");
        assert_eq!(one["published"], Value::Null, "these are not CIFAR-10");
    }
    assert_eq!((experiments[0]["seeds"].as_array().unwrap().len(), experiments[1]["classes"].as_u64()), (2, Some(2)));
    assert_eq!((experiments[3]["random"].as_bool(), experiments[4]["queue"].as_u64()), (Some(true), Some(64)));
}

#[test]
fn a_suite_is_reported_and_looked_at_in_a_browser() {
    let project = suite();
    let said = project.run("report").good();
    assert!(said.contains("Table 1: classifiers") && said.contains("none: random network"), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(project.path("report/report.json")).unwrap()).unwrap();
    figures_are_those_of_the_record(&project, &report);
    let markdown = fs::read_to_string(project.path("report/report.md")).unwrap();
    for file in markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(project.path("report").join(file).exists(), "{file}");
    }
    assert!(markdown.contains("map-10-base.png") && markdown.contains("Pictures worth a look"), "{markdown}");
    // Another report in its place leaves nothing of the first; one beside something else is refused.
    project.run("report base.seed-2 --out report --title Second").good();
    let left = fs::read_dir(project.path("report/figures")).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.into_iter().all(|name| name.to_string_lossy().contains("base")), "the second has no other figures");
    let refused = project.run("report --out pictures").bad();
    assert!(refused.contains("`pictures` holds something that is no report"), "{refused}");
    in_a_browser(&project);
}

/// What a real browser makes of the page: its parts are there, and it asked for nothing else.
fn in_a_browser(project: &Project) {
    let known =
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser"];
    let Some(program) = known.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        eprintln!("SKIPPED: no browser here to open the report with");
        let refused = project.run("report --pdf").bad();
        assert!(
            refused.contains("no browser that prints was found") && project.path("report/index.html").exists(),
            "{refused}"
        );
        return;
    };
    let said = project.run("report --pdf").good();
    assert!(said.contains("report.pdf"), "{said}");
    assert!(fs::read(project.path("report/report.pdf")).unwrap().starts_with(b"%PDF-"));
    let page = format!("file://{}", project.path("report/index.html").display());
    let profile = format!("--user-data-dir={}", project.path("profile").display());
    let dumped = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", &profile, "--dump-dom", &page])
        .output()
        .unwrap();
    let (dom, log) = (String::from_utf8_lossy(&dumped.stdout), String::from_utf8_lossy(&dumped.stderr));
    assert!(!log.contains("Content Security Policy") && !log.contains("ERR_"), "{log}");
    for part in ["<h2 id=\"s1\">In short</h2>", "Table 2: linear probes", "aria-label=\"Loss of base", "</html>"] {
        assert!(dom.contains(part), "{part}\n{dom:.2000}");
    }
    assert!(dom.matches("<svg").count() >= 8 && dom.matches("<img").count() >= 8, "figures and maps are in it");
    let left: Vec<_> = fs::read_dir(project.path("report")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("printing")), "{left:?}");
}

#[test]
fn curves_are_drawn_and_exported() {
    let project =
        project_of(&format!("[experiment.base.supervised]\narch = \"resnet8\"\nwarmup_epochs = 1\n{SETTINGS}"));
    project.run("start base --device cpu --wait").good();
    let drawn = project.run("plot base").good();
    assert!(
        drawn.contains("train/loss over epoch, now ")
            && drawn.contains("val/macro_accuracy over epoch")
            && drawn.contains('⠉'),
        "{drawn}"
    );
    let said = project.run("plot base --metric train/loss --over step --smooth 0.5 --out loss.svg").good();
    assert!(said.contains("wrote `loss.svg`: 1 curve"), "{said}");
    let svg = fs::read_to_string(project.path("loss.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.matches("<polyline").count() > 2 && svg.contains("train/loss"), "{svg}");
    project.run("plot base --out all.png").good();
    assert_eq!(image::open(project.path("all.png")).unwrap().width(), 600);
    let refused = project.run("plot base --metric val/los").bad();
    assert!(
        refused.contains("has no `val/los`; did you mean `val/loss`?") && refused.contains("there are: "),
        "{refused}"
    );
    assert!(project.run("plot base --out loss.pdf").bad().contains("neither .svg nor .png"));
    let details = project.json("show base --json");
    let table = project.run("export metrics base").good();
    assert_eq!(table.lines().next(), Some("run,experiment,seed,metric,step,epoch,seconds,value"));
    let points: usize =
        details["curves"].as_object().unwrap().values().map(|curve| curve.as_array().unwrap().len()).sum();
    assert_eq!(table.lines().count(), points + 1);
    let rows = project.json("export metrics base --metric val/loss --format json");
    let read: Vec<Value> =
        rows.as_array().unwrap().iter().map(|row| serde_json::json!([row["step"], row["value"]])).collect();
    assert_eq!(Value::from(read), details["curves"]["val/loss"]);
    assert_eq!((&rows[1]["epoch"], &rows[1]["seed"]), (&2.0.into(), &3.into()));
    assert!(project.run("export metrics base --format parquet").bad().contains("name a file by --out"));
    project.run("export metrics --all --out all.parquet").good();
    assert!(fs::read(project.path("all.parquet")).unwrap().starts_with(b"PAR1"));
}

#[test]
fn features_are_written_as_the_network_gives_them() {
    let project =
        project_of(&format!("[experiment.base.supervised]\narch = \"resnet8\"\nwarmup_epochs = 1\n{SETTINGS}"));
    project.run("start base --device cpu --wait").good();
    let said = project.run("embed base --features f.safetensors").good();
    assert!(said.contains("120 test pictures, 64 numbers of each, epoch 2"), "{said}");
    let bytes = fs::read(project.path("f.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let features = file.tensor("features").unwrap();
    assert_eq!((features.shape(), file.tensor("labels").unwrap().shape()), (&[120, 64][..], &[120][..]));
    let labels = file.tensor("labels").unwrap();
    let labels: Vec<i32> = labels.data().as_chunks().0.iter().map(|label| i32::from_le_bytes(*label)).collect();
    assert_eq!([0, 1, 2].map(|class| labels.iter().filter(|label| **label == class).count()), [40; 3]);
    // The same without a name for anything, after NumPy's header.
    project.run("embed base --features f.npy").good();
    let npy = fs::read(project.path("f.npy")).unwrap();
    assert!(npy.starts_with(b"\x93NUMPY") && npy.ends_with(features.data()));
    assert!(project.run("embed base --features f.csv").bad().contains("neither .safetensors nor .npy"));
    let names = fs::read_dir(project.path("")).unwrap().map(|file| file.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains(".part")));
}
