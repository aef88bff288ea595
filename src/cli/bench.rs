//! `mocolab bench`: how fast this machine trains, and how fast it draws the screen.

use super::output::{say, say_json, table};
use crate::project::Project;
use crate::ui;
use anyhow::{Context, bail};
use mocolab::device::{Choice, Devices};
use mocolab::executor::local;
use mocolab::text::{duration, log_line};
use serde_json::Value;
use std::process::{ExitCode, Stdio};

/// Pictures of an epoch of CIFAR-10 with a tenth held out.
const EPOCH: f64 = 45_000.0;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// How many images a second are trained here: a classifier and MoCo, each beside its floor, which is the same step on
    /// one batch that lies ready. Takes about two minutes with ResNet-18 on two cores.
    Train {
        /// `base` (a classifier) or `moco`, several times for several [default: both].
        #[arg(long, value_name = "TASK", value_parser = ["base", "moco"])]
        task: Vec<String>,
        /// The network.
        #[arg(long, value_name = "NAME", default_value = "resnet18")]
        arch: String,
        /// Images of a step.
        #[arg(long, value_name = "N", default_value_t = 128)]
        batch: u64,
        /// Steps that are timed.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        steps: u64,
        /// `cpu`, or a GPU by its number [default: a GPU that nobody uses; the CPU where there is no GPU].
        #[arg(long, short, value_name = "DEVICE")]
        device: Option<Choice>,
        /// `auto`, `fp32` or `bf16`.
        #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = ["auto", "fp32", "bf16"])]
        precision: String,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// How long a frame takes and how many bytes it is, beside bars. Exit status 1 where one was missed.
    Screen {
        /// Points of each run.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        points: u64,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
}

/// `mocolab bench`.
pub fn bench(project: &Project, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Screen { points, json } => screen(project, *points, *json),
        Command::Train { task, arch, batch, steps, device, precision, json } => {
            let found = Devices::find();
            let choice = match device {
                Some(choice) => choice.clone(),
                None => crate::project::default_device(&found)?,
            };
            let both = ["base".to_owned(), "moco".to_owned()];
            let tasks = if task.is_empty() { &both[..] } else { &task[..] };
            let options = [
                ("--arch", arch.clone()),
                ("--batch", batch.to_string()),
                ("--steps", steps.to_string()),
                ("--precision", precision.clone()),
            ];
            let timings = tasks
                .iter()
                .map(|task| time(task, &options, (&choice, &found)))
                .collect::<anyhow::Result<Vec<Value>>>()?;
            if *json {
                say_json(&timings)?;
            } else {
                show(&timings)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Has the trainer time a task.
fn time(task: &str, options: &[(&str, String)], (choice, found): (&Choice, &Devices)) -> anyhow::Result<Value> {
    let (trainer, mut command) = local::trainer_command()?;
    command.args(["bench", "--task", task]).stdin(Stdio::null()).stderr(Stdio::piped());
    command.args(options.iter().flat_map(|(name, value)| [*name, value.as_str()]));
    if let Some(visible) = choice.visible(found).map_err(anyhow::Error::msg)? {
        let count = visible.split(',').count();
        let names: Vec<String> = (0..count).map(|number| format!("cuda:{number}")).collect();
        command.env("CUDA_VISIBLE_DEVICES", visible).env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
        command.args(["--device", &names.join(",")]);
    }
    let output = command.output().with_context(|| format!("starting `{}`", trainer.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        bail!("{}", log_line(last.trim_start_matches("mocolab-train: ")));
    }
    serde_json::from_slice(&output.stdout).context("reading what the trainer timed")
}

fn show(timings: &[Value]) -> anyhow::Result<()> {
    let head = [
        "TASK",
        "NETWORK",
        "DEVICE",
        "FORMAT",
        "BATCH",
        "IMAGES/S",
        "FLOOR",
        "EFFICIENCY",
        "MEMORY",
        "EPOCH",
        "200 EPOCHS",
    ];
    let row = |timing: &Value| {
        let text = |name: &str| timing[name].as_str().unwrap_or("–").to_owned();
        let number = |name: &str| timing[name].as_f64().unwrap_or(f64::NAN);
        let epoch = EPOCH / number("images_per_s");
        vec![
            text("task"),
            text("arch"),
            text("device"),
            text("precision"),
            number("batch").to_string(),
            format!("{:.0}", number("images_per_s")),
            format!("{:.0}", number("floor_images_per_s")),
            format!("{:.2}", number("efficiency")),
            format!("{} MiB", number("peak_mib")),
            duration(epoch),
            duration(epoch * 200.0),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(timings.iter().map(row)).collect();
    table(&rows, &[4, 5, 6, 7, 8, 9, 10]).iter().try_for_each(say)?;
    say(
        "\nEPOCH: the steps of 45,000 pictures of CIFAR-10, without evaluation. FLOOR: the same on one batch that lies ready.",
    )
}

fn screen(project: &Project, points: u64, json: bool) -> anyhow::Result<ExitCode> {
    let figures = ui::measure(project, points)?;
    if json {
        say_json(&figures)?;
    } else {
        let row = |figure: &ui::Figure| {
            let sign = if figure.passes() { "✓" } else { "✗" };
            vec![
                sign.to_owned(),
                figure.what.to_owned(),
                format!("{:.2}", figure.value),
                format!("≤ {} {}", figure.bar, figure.unit),
            ]
        };
        table(&figures.iter().map(row).collect::<Vec<_>>(), &[2]).iter().try_for_each(say)?;
    }
    Ok(if figures.iter().all(ui::Figure::passes) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
