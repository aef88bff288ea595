//! A report of runs: what each kind of training was worth beside what an earlier system published, with curves, maps,
//! confusions, settings and surroundings. It is a page of Markdown, and the same as one of HTML.

mod charts;
mod groups;
mod html;
mod page;
mod published;
mod tables;
#[cfg(test)]
mod tests;

pub use groups::Reported;
pub use html::html;
pub use page::{FIGURES, Page, Table};

use groups::{Features, Group, Kind};
use mocolab::data::{Places, test_pictures};
use mocolab::embedding::Embedding;
use mocolab::figure::sheet;
use mocolab::text::duration;
use page::plain;
use tables::{hundredths, points, spread, thousands};

/// Pictures of a class that are shown.
const SHOWN: usize = 8;
/// Pixels of a side for each pixel of such a picture.
const SCALE: usize = 2;

/// What a report is of.
pub struct Report<'a> {
    /// The project's name.
    pub title: String,
    /// The runs.
    pub runs: &'a [Reported],
    /// Why others are not in it: sentences.
    pub missing: Vec<String>,
    /// When it was made, in words.
    pub when: String,
    /// Where test pictures are found.
    pub places: &'a Places,
}

/// A report, written.
pub struct Written {
    /// Its page.
    pub page: Page,
    /// Its main tables, for a terminal: title and table.
    pub tables: Vec<(&'static str, Table)>,
    /// The same for scripts.
    pub json: serde_json::Value,
    /// What could not be shown, and what to do: sentences.
    pub notes: Vec<String>,
}

impl Report<'_> {
    /// Writes it.
    pub fn write(&self) -> Written {
        let groups = groups::groups(self.runs);
        let mut page = Page::default();
        let mut notes = Vec::new();
        page.heading(1, &format!("Report of {}", self.title));
        page.paragraph(&format!("{}, mocolab {}.", plain(&self.when), env!("CARGO_PKG_VERSION")));
        page.heading(2, "In short");
        page.list(&self.short(&groups));
        let tables = results(&groups, &mut page);
        progress(&groups, &mut page);
        let maps = maps(&groups, &mut page, &mut notes);
        confusions(&groups, &mut page);
        self.pictures(&maps, &mut page, &mut notes);
        self.all_runs(&groups, &mut page);
        settings(&groups, &mut page);
        page.heading(2, "Surroundings");
        page.table(&tables::environment(&groups));
        let json = self.json(&groups, &page);
        Written { page, tables, json, notes }
    }

    /// What one wants to know first.
    fn short(&self, groups: &[Group]) -> Vec<String> {
        let mut points_made = Vec::new();
        let worked: f64 = self.runs.iter().filter_map(|run| run.sight.state.worked_at(run.sight.state.step)).sum();
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let experiments = many(groups.len(), "experiment");
        points_made.push(format!(
            "{} of {experiments}, {} of training.",
            many(self.runs.len(), "run"),
            duration(worked)
        ));
        for group in groups {
            let Some(val) = group.val else { continue };
            let what = match group.kind {
                Kind::Classifier { classes } => format!("{classes} classes"),
                Kind::Encoder { queue } => {
                    format!("MoCo, dictionary of {}, nearest neighbours", thousands(queue))
                }
                Kind::Probe { features: Features::Moco(queue), fraction } => {
                    format!("Probe, dictionary of {}, {:.0} % of the labels", thousands(queue), fraction * 100.0)
                }
                Kind::Probe { .. } => continue,
            };
            let test = group.test.map_or_else(String::new, |test| format!(", {} % test", spread(Some(test))));
            let beside = group.published().map_or_else(String::new, |published| {
                let difference = points(val.mean - published.val);
                format!("; published {} % val, {difference} points", hundredths(published.val))
            });
            points_made.push(format!("{what} (`{}`): {} % val{test}{beside}.", group.name, spread(Some(val))));
        }
        points_made
    }

    /// Pictures that lie farthest from their class, and those between two, of the first map whose pictures can be had.
    fn pictures(&self, maps: &[(String, Embedding)], page: &mut Page, notes: &mut Vec<String>) {
        let Some((name, map)) = maps.first() else { return };
        let mut table = Table::new(&["class", "farthest from the middle of their class", "between two answers"], &[]);
        for (class, title) in map.about.classes.iter().enumerate() {
            let own = |point: &mocolab::embedding::Point| usize::from(point.label) == class;
            let mut strip = |kind: &str, places: Vec<usize>| {
                let numbers: Vec<u32> = places.iter().take(SHOWN).map(|place| map.points[*place].image).collect();
                let pictures =
                    test_pictures(&map.about.data, self.places, &numbers).map_err(|error| error.to_string())?;
                let Some(first) = pictures.first() else { return Ok(String::new()) };
                let size = [first.width, first.pixels.len() / first.width.max(1)];
                let bytes: Vec<&[u8]> = pictures.iter().map(|picture| picture.pixels.as_flattened()).collect();
                let png = sheet(&bytes, size, SHOWN, SCALE).map_err(|error| error.to_string())?;
                Ok::<_, String>(page.picture(&format!("{kind}-{class}-{name}"), &format!("{kind}: {title}"), png))
            };
            let strips =
                strip("outliers", map.outliers(own)).and_then(|far| Ok([far, strip("between", map.confused(own))?]));
            match strips {
                Ok([far, between]) => table.rows.push(vec![plain(title), far, between]),
                Err(error) => {
                    notes.push(format!("the test pictures of {name} can't be shown: {error}"));
                    return;
                }
            }
        }
        page.heading(2, "Pictures worth a look");
        page.paragraph(&format!(
            "Test pictures by the features of `{name}` after epoch {}: those least like their class, and those whose two \
             likeliest answers (by {}) are nearly as likely.",
            map.about.epoch,
            map.about.by.words()
        ));
        page.table_of_markdown(&table);
    }

    fn all_runs(&self, groups: &[Group], page: &mut Page) {
        page.heading(2, "Runs");
        page.paragraph(
            "Macro accuracy in percent. *train*: the pictures learnt from, as they are, when done; *val*: the pictures held \
             out, in the best epoch; *test*: when done, chosen by nothing.",
        );
        page.table(&tables::runs(groups));
        let alerts: Vec<String> = self
            .runs
            .iter()
            .flat_map(|run| {
                run.sight
                    .state
                    .alerts
                    .iter()
                    .map(|(_, alert)| format!("`{}`: {}", run.sight.run.label(), plain(&alert.message)))
            })
            .collect();
        if !alerts.is_empty() {
            page.heading(3, "Alerts");
            page.list(&alerts);
        }
        if !self.missing.is_empty() {
            page.heading(3, "Not in this report");
            page.list(&self.missing.iter().map(|sentence| plain(sentence)).collect::<Vec<_>>());
        }
    }

    fn json(&self, groups: &[Group], page: &Page) -> serde_json::Value {
        let group = |group: &Group| {
            let mut value = serde_json::json!({
                "experiment": group.name,
                "recipe": group.runs[0].experiment.recipe.name(),
                "seeds": group.seeds,
                "runs": group.runs.iter().map(|run| run.sight.run.label()).collect::<Vec<_>>(),
                "train": group.train,
                "val": group.val,
                "test": group.test,
                "published": group.published().map(|it| serde_json::json!({"train": it.train, "val": it.val, "queue": it.queue})),
            });
            let own = match group.kind {
                Kind::Classifier { classes } => vec![("classes", serde_json::json!(classes))],
                Kind::Encoder { queue } => vec![("queue", serde_json::json!(queue))],
                Kind::Probe { features, fraction } => {
                    let queue = if let Features::Moco(queue) = features { Some(queue) } else { None };
                    let random = features == Features::Random;
                    vec![
                        ("queue", serde_json::json!(queue)),
                        ("labels", serde_json::json!(fraction)),
                        ("random", serde_json::json!(random)),
                    ]
                }
            };
            for (key, inner) in own {
                value[key] = inner;
            }
            value
        };
        serde_json::json!({
            "title": self.title,
            "version": env!("CARGO_PKG_VERSION"),
            "made": self.when,
            "experiments": groups.iter().map(group).collect::<Vec<_>>(),
            "missing": self.missing,
            "files": page.files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        })
    }
}

fn of<'a>(groups: &'a [Group<'a>], kind: fn(&Kind) -> bool) -> Vec<&'a Group<'a>> {
    groups.iter().filter(|group| kind(&group.kind)).collect()
}

/// The main tables.
fn results(groups: &[Group], page: &mut Page) -> Vec<(&'static str, Table)> {
    page.paragraph(
        "Tables hold macro accuracy in percent, mean ± standard deviation over seeds: *train* and *test* when done, *val* of the best \
         epoch. *Published* is what course-work in PyTorch Lightning reached on all of CIFAR-10; *difference* is in points, of \
         validation sets that are not the same pictures.",
    );
    let tables = [
        ("Table 1: classifiers", tables::classifiers(groups), ""),
        (
            "MoCo: features without labels",
            tables::encoders(groups),
            "*kNN*: weighted nearest neighbours. *guessing* is ln(K + 1) of a dictionary of K keys.",
        ),
        (
            "Table 2: linear probes",
            tables::probes(groups),
            "*over random*: points above the same probe of a network that has learnt nothing, on the test set.",
        ),
    ];
    let mut made = Vec::new();
    for (title, table, meaning) in tables.into_iter().filter(|(_, table, _)| !table.rows.is_empty()) {
        page.heading(2, title);
        if !meaning.is_empty() {
            page.paragraph(meaning);
        }
        page.table(&table);
        made.push((title, table));
    }
    made
}

/// Curves.
fn progress(groups: &[Group], page: &mut Page) {
    let classifiers = of(groups, |kind| matches!(kind, Kind::Classifier { .. }));
    let encoders = of(groups, |kind| matches!(kind, Kind::Encoder { .. }));
    let probes = of(groups, |kind| matches!(kind, Kind::Probe { .. }));
    let losses = classifiers.iter().filter_map(|group| charts::losses(group));
    let sections = [
        ("Classifiers", losses.chain(charts::accuracies(&classifiers)).collect::<Vec<_>>()),
        ("MoCo", charts::pretraining(&encoders)),
        ("Probes", charts::probes(&probes)),
    ];
    page.heading(2, "Curves");
    page.paragraph("The best run of each in colour, other seeds thin.");
    for (title, figures) in sections.into_iter().filter(|(_, figures)| !figures.is_empty()) {
        page.heading(3, title);
        page.figures(figures);
    }
}

/// The newest maps of the first classifier and of all features. Gives them with the names of their experiments.
fn maps(groups: &[Group], page: &mut Page, notes: &mut Vec<String>) -> Vec<(String, Embedding)> {
    let classifier = groups.iter().find(|group| matches!(group.kind, Kind::Classifier { .. }));
    let encoders = groups.iter().filter(|group| matches!(group.kind, Kind::Encoder { .. }));
    let mut found = Vec::new();
    for group in classifier.into_iter().chain(encoders) {
        let run = &group.best().sight.run;
        match run.map_files().and_then(|files| files.last().map(mocolab::run::MapFile::read).transpose()) {
            Ok(Some(map)) => found.push((group.name.clone(), map)),
            Ok(None) => notes.push(format!("{0} has no map: `mocolab embed {0}` makes one", run.label())),
            Err(error) => notes.push(format!("the map of {} can't be read: {error}", run.label())),
        }
    }
    if !found.is_empty() {
        page.heading(2, "Maps of the features");
        for (name, map) in &found {
            page.figures(charts::maps(name, map));
        }
    }
    found
}

/// Who was taken for whom.
fn confusions(groups: &[Group], page: &mut Page) {
    let figures: Vec<_> = groups.iter().filter_map(charts::confusions).collect();
    if figures.is_empty() {
        return;
    }
    page.heading(2, "Classes");
    page.figures(figures);
    for group in groups {
        if let Some((classes, confusion)) = group.classes() {
            let summary = format!("{}: each class on the {} set", group.name, classes.split);
            page.folded(&summary, |page| page.table(&tables::classes(&confusion, group.state().class_names())));
        }
    }
}

/// What was set, and in what it differs.
fn settings(groups: &[Group], page: &mut Page) {
    page.heading(2, "Settings");
    for (title, recipe) in [("Classifiers", "supervised"), ("MoCo", "moco"), ("Heads and probes", "probe")] {
        let own: Vec<&Group> = groups.iter().filter(|group| group.runs[0].experiment.recipe.name() == recipe).collect();
        if let Some(table) = tables::settings(&own).filter(|_| own.len() > 1) {
            page.heading(3, &format!("{title}: what differs"));
            page.table(&table);
        }
    }
    for group in groups {
        let best = group.best();
        page.folded(&format!("{}: all settings", best.sight.run.label()), |page| {
            if let Some(notes) =
                best.sight.state.started.as_ref().map(|started| &started.notes).filter(|it| !it.is_empty())
            {
                page.list(&notes.iter().map(|note| plain(note)).collect::<Vec<_>>());
            }
            page.code("toml", &mocolab::config::snapshot(&best.experiment));
        });
    }
}
