//! The command line: every verb of the screen without a screen.

mod agent;
mod bench;
mod data;
mod doctor;
mod export;
mod follow;
mod hook;
mod list;
mod map;
mod metrics;
mod mirror;
mod names;
mod output;
mod plot;
mod preview;
mod programs;
mod queue;
mod report;
mod series;
mod setup;
mod show;
mod slurm;
mod start;

pub use names::complete;
pub use output::{complain, refuse};

use crate::{project::Project, ui};
use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use mocolab::device::Wanted;
use mocolab::embedding::By;
use std::path::PathBuf;
use std::process::ExitCode;

/// What stands below the list of commands.
const AFTER: &str = "Without a command the laboratory opens on experiments.toml.\n\n\
    Exit status: 0 where all went as it was asked for; 1 where something failed, a run that was waited for did not come to \
    its end, or something is to be mended (doctor, check, hook test); 2 where the command line itself is wrong.";

/// The terminal laboratory for self-supervised learning on GPU boxes.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER)]
pub struct Arguments {
    /// The experiments.
    #[arg(long, global = true, value_name = "FILE", default_value = "experiments.toml")]
    file: PathBuf,
    /// Where the runs lie [default: runs/ beside the file].
    #[arg(long, global = true, value_name = "FOLDER", env = "MOCOLAB_RUNS")]
    runs: Option<PathBuf>,
    /// Let the group of the folder of the runs look at them, now and later (it is made for its owner alone).
    #[arg(long, global = true)]
    shared: bool,
    /// In the laboratory: start, stop and write nothing.
    #[arg(long)]
    read_only: bool,
    /// In the laboratory: frames a second that only show new data [default: 4, or the user's file].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=30))]
    fps: Option<u32>,
    /// In the laboratory: the looks [default: by the terminal, or the user's file].
    #[arg(long, value_name = "NAME", value_parser = |text: &str| text.parse::<ui::Look>())]
    theme: Option<ui::Look>,
    /// In the laboratory: only signs of ASCII.
    #[arg(long)]
    ascii: bool,
    /// In the laboratory: show only runs like these at first, as `recipe:moco queue>6400`.
    #[arg(long, value_name = "FILTER", value_parser = ui::Search::read)]
    filter: Option<ui::Search>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented experiments.toml to start from.
    Init {
        /// Replace one that is there.
        #[arg(long)]
        force: bool,
    },
    /// Check experiments.toml and list what it describes.
    Check,
    /// Train experiments: each a new run, in a process that outlives this one.
    Start {
        #[command(flatten)]
        which: start::Which,
        /// Where to train [default: a GPU that nobody uses; the CPU where there is no GPU].
        #[arg(long, short, value_name = "any|cpu|N,N|N/N")]
        device: Option<Wanted>,
        /// Stay and report every epoch until it ends; wait for what its weights come from.
        #[arg(long, short)]
        wait: bool,
    },
    /// Go on with a run that was paused, stopped, failed or crashed, from its newest checkpoint.
    Resume(start::Resume),
    /// Save a run after the step under way and give its device back; `resume` goes on with it, here or elsewhere.
    Pause {
        /// A run: NAME (its latest), NAME/ID or a path.
        #[arg(add = names::runs())]
        run: String,
    },
    /// Stop a run after the step under way, with a checkpoint.
    Stop {
        /// A run: NAME (its latest), NAME/ID or a path.
        #[arg(add = names::runs())]
        run: String,
        /// Kill it at once: what came after its newest checkpoint is lost.
        #[arg(long)]
        now: bool,
        /// Seconds that it has for each stage: to save and end when asked, then to end by SIGTERM; then it is killed.
        #[arg(long, value_name = "S", default_value_t = 60, conflicts_with = "now")]
        grace: u64,
    },
    /// Show who waits for what in this machine's queue, or change a run's place in it.
    Queue {
        /// A run: NAME (its latest), NAME/ID or a path.
        #[arg(add = names::runs(), requires = "change")]
        run: Option<String>,
        /// What to do with it.
        change: Option<queue::Change>,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// List the runs.
    Ls {
        /// Only runs of this experiment.
        #[arg(add = names::runs())]
        name: Option<String>,
        /// Only runs like these, as `status:done val/macro_accuracy>0.6`.
        #[arg(long, value_name = "FILTER", value_parser = ui::Search::read)]
        filter: Option<ui::Search>,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Show a run: curves, classes, results.
    Show {
        /// A run: NAME (its latest), NAME/ID or a path.
        #[arg(add = names::runs())]
        run: String,
        /// For scripts.
        #[arg(long)]
        json: bool,
        /// The map of its features instead (t-SNE), in letters.
        #[arg(long, conflicts_with = "json")]
        tsne: bool,
        /// Of the map: after which epoch [default: the newest].
        #[arg(long, value_name = "N", requires = "tsne")]
        epoch: Option<u64>,
        /// Of the map: what letters stand for: 10 (the classes of the data), 5, 2, answer or error.
        #[arg(long, value_name = "BY", default_value = "10", requires = "tsne")]
        labels: By,
    },
    /// Map what a run's network makes of the test pictures (t-SNE): in letters, as CSV or SVG.
    Embed(map::Embed),
    /// Draw curves of runs: in the terminal, or as SVG or PNG.
    Plot(plot::Asked),
    /// Write a report of runs: tables beside published figures, curves, maps, confusions, as Markdown and as one page of HTML.
    Report(report::Asked),
    /// Print what a run's trainer printed.
    Logs {
        /// A run: NAME (its latest), NAME/ID or a path.
        #[arg(add = names::runs())]
        run: String,
        /// Go on as more comes, until the run ends.
        #[arg(long, short)]
        follow: bool,
        /// Only the last N lines.
        #[arg(long, short = 'n', value_name = "N")]
        lines: Option<usize>,
    },
    /// List the devices that can train.
    Devices {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Look at what decides whether runs can be trained here and live on. Exit status 1 where something is to be mended.
    Doctor {
        /// Look only at this, as `libtorch`.
        #[arg(long, value_name = "WHAT")]
        only: Option<String>,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Print every setting of experiments.toml with its default, range and meaning.
    Settings {
        /// Only those of this recipe.
        recipe: Option<String>,
        /// What this preset of MoCo sets, as TOML.
        #[arg(long, value_name = "NAME")]
        preset: Option<String>,
        /// The user's own file instead: how the screen looks, and which keys it obeys.
        #[arg(long, conflicts_with_all = ["recipe", "preset"])]
        screen: bool,
        /// As a page of the book: all of them, and the presets.
        #[arg(long, conflicts_with_all = ["recipe", "preset", "screen"])]
        markdown: bool,
    },
    /// Take things out of runs for other programs.
    #[command(subcommand)]
    Export(export::Command),
    /// Send runs to a service.
    #[command(subcommand)]
    Sync(export::Sync),
    /// Who is told of runs by webhooks: list them, or send each a message. Exit status 1 where one could not be sent.
    Hook {
        /// What to do: `ls` or `test`.
        #[arg(value_enum)]
        what: hook::What,
        /// Only this one.
        #[arg(add = names::hooks())]
        name: Option<String>,
    },
    /// Print what makes your shell complete the command line with Tab, names of experiments and runs too.
    Completions {
        /// The shell: `source <(mocolab completions bash)`, `mocolab completions fish | source`.
        shell: names::Shell,
    },
    /// Print the manual page, or write those of all commands.
    Man {
        /// A folder for all of them.
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Get and look at data sets.
    #[command(subcommand)]
    Data(data::Command),
    /// Measure this machine: how fast it trains, how fast it draws.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Become the trainer of a run (what `start` starts).
    #[command(hide = true)]
    Launch {
        run: PathBuf,
        #[command(flatten)]
        how: start::Told,
    },
    /// Start what waits in this machine's queue, until nothing does (what `start --queue` starts).
    #[command(hide = true)]
    Agent,
}

impl Command {
    /// How runs stand matters to it.
    fn looks_at_runs(&self) -> bool {
        matches!(
            self,
            Self::Start { .. }
                | Self::Resume(_)
                | Self::Pause { .. }
                | Self::Stop { .. }
                | Self::Queue { .. }
                | Self::Ls { .. }
                | Self::Show { .. }
                | Self::Report(_)
                | Self::Plot(_)
                | Self::Logs { .. }
        )
    }
}

/// Lets the group look at the runs, where that is asked for.
fn share(project: &Project, shared: bool, read_only: bool) -> anyhow::Result<()> {
    match (shared, read_only) {
        (true, true) => bail!("`--shared` changes who may look, and `--read-only` changes nothing: leave one out"),
        (true, false) => project.runs.share().with_context(|| format!("sharing `{}`", project.runs.path().display())),
        (false, _) => Ok(()),
    }
}

/// Does what was asked.
///
/// # Errors
/// A sentence for the user.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::at(&arguments.file, arguments.runs);
    let done = |()| ExitCode::SUCCESS;
    share(&project, arguments.shared, arguments.read_only)?;
    let Arguments { read_only, fps, theme, ascii, filter, .. } = arguments;
    let asked = [
        ("--read-only", read_only),
        ("--fps", fps.is_some()),
        ("--theme", theme.is_some()),
        ("--ascii", ascii),
        ("--filter", filter.is_some()),
    ];
    if let (Some(_), Some((option, _))) = (&arguments.command, asked.iter().find(|(_, asked)| *asked)) {
        anyhow::bail!("`{option}` before a verb is for the laboratory, which opens without one; leave it out");
    }
    if matches!(&arguments.command, Some(command) if command.looks_at_runs()) {
        slurm::attend(&project);
    }
    let theme = ui::Wanted { look: theme, ascii: ascii.then_some(true) };
    match arguments.command {
        None => ui::run(project, ui::Options { read_only, fps, theme, filter }).map(done),
        Some(Command::Init { force }) => setup::init(&project, force).map(done),
        Some(Command::Check) => setup::check(&project).map(done),
        Some(Command::Settings { screen: true, .. }) => output::say(ui::example()).map(done),
        Some(Command::Settings { markdown: true, .. }) => setup::book().map(done),
        Some(Command::Settings { recipe, preset, .. }) => {
            setup::settings(recipe.as_deref(), preset.as_deref()).map(done)
        }
        Some(Command::Export(command)) => export::run(&project, command).map(done),
        Some(Command::Sync(export::Sync::Wandb { which, there })) => mirror::sync(&project, &which, &there),
        Some(Command::Hook { what, name }) => hook::run(&project, what, name.as_deref()),
        Some(Command::Devices { json }) => setup::devices(&project, json).map(done),
        Some(Command::Doctor { only, json }) => doctor::doctor(&project, only.as_deref(), json),
        Some(Command::Start { which, device, wait }) => start::start(&project, &which, device, wait),
        Some(Command::Resume(asked)) => start::resume(&project, &asked),
        Some(Command::Pause { run }) => start::pause(&project, &run).map(done),
        Some(Command::Stop { run, now, grace }) => start::stop(&project, &run, (now, grace)).map(done),
        Some(Command::Bench(command)) => bench::bench(&project, &command),
        Some(Command::Launch { run, how }) => start::launch(&run, how),
        Some(Command::Agent) => agent::agent(&project).map(done),
        Some(Command::Queue { run, change, json }) => {
            queue::queue(&project, run.as_deref().zip(change), json).map(done)
        }
        Some(Command::Ls { name, filter, json }) => {
            list::list(&project, name.as_deref(), filter.as_ref(), json).map(done)
        }
        Some(Command::Show { run, tsne: true, epoch, labels, .. }) => {
            let run = project.runs.find(&run).map_err(anyhow::Error::msg)?;
            map::show(&run, epoch, labels).map(done)
        }
        Some(Command::Show { run, json, .. }) => show::show(&project, &run, json).map(done),
        Some(Command::Plot(asked)) => plot::plot(&project, &asked).map(done),
        Some(Command::Report(asked)) => report::report(&project, &asked).map(done),
        Some(Command::Embed(asked)) => map::embed(&project, &asked).map(done),
        Some(Command::Logs { run, follow, lines }) => list::logs(&project, &run, follow, lines).map(done),
        Some(Command::Completions { shell }) => names::completions(shell).map(done),
        Some(Command::Man { out }) => names::man(out.as_deref()).map(done),
        Some(Command::Data(command)) => data::run(&project, command).map(done),
    }
}
