//! What is around the laboratory: the terminal, the disk's speed, other programs, the scheduler.

use super::Finding;
use crate::cli::programs;
use crate::project::Project;
use mocolab::executor::{program, slurm};
use mocolab::survival::Facts;
use mocolab::text::{bytes, duration};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes that are written to see how fast the disk is.
const TRIED: usize = 32 << 20;
/// Small writes that are waited for.
const WAITS: usize = 5;
/// Slower than this is worth a word.
const SLOW: f64 = 30e6;
const LATE: Duration = Duration::from_millis(100);

/// What the terminal can do, and a line to be looked at.
pub fn terminal(facts: &Facts) -> Vec<Finding> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let term = variable("TERM");
    let mut all = Vec::new();
    if io::stdout().is_terminal() {
        let colours = match (variable("COLORTERM").as_deref(), term.as_deref()) {
            (Some("truecolor" | "24bit"), _) => "all colours",
            (_, Some(term)) if term.contains("256color") => "256 colours",
            _ => "16 colours",
        };
        let size = crossterm::terminal::size().map_or_else(|_| "of unknown size".into(), |(w, h)| format!("{w}x{h}"));
        let within = facts.multiplexer.map_or_else(String::new, |name| format!(", in {name}"));
        let text = format!("{}, {size}, {colours}{within}", term.as_deref().unwrap_or("TERM is not set"));
        let small = crossterm::terminal::size().is_ok_and(|(width, height)| width < 80 || height < 24);
        all.push(match term.as_deref() {
            None | Some("dumb") => {
                Finding::warning("terminal", format!("{text}: the laboratory can't be drawn; its verbs work"))
            }
            _ if small => Finding::note("terminal", format!("{text}; the laboratory is made for 80x24 and more")),
            _ => Finding::good("terminal", text),
        });
    } else {
        all.push(Finding::note("terminal", "this is not printed on one: nothing is known of it"));
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name)).unwrap_or_else(|| "C".into());
    let folded = locale.to_lowercase().replace('-', "");
    all.push(if folded.contains("utf8") {
        Finding::good("letters", locale)
    } else {
        Finding::note(
            "letters",
            format!("the locale `{locale}` is not UTF-8: where signs are broken, LANG=C.UTF-8 or --ascii"),
        )
    });
    all.push(Finding::note(
        "font",
        "⣿⣶⣤⣀⡇⠉ ▁▂▃▄▅▆▇█ ▀▄ ─│┤└ ✓×·▸●⏸  are to be dots, bars, lines, signs; where not: --ascii",
    ));
    all
}

/// How fast the disk takes what a run writes.
pub fn disk(project: &Project) -> Finding {
    let place = project.runs.path().join(format!(".doctor-disk-{}", std::process::id()));
    let tried = project.runs.make().and_then(|()| try_disk(&place));
    let _ = fs::remove_file(&place);
    match tried {
        Ok((speed, wait)) => {
            let text = format!(
                "the disk takes {}/s, and {:.0} ms for each line that must be safe; a checkpoint of a ResNet-18 (90 MB) {}",
                bytes(speed as u64),
                wait.as_secs_f64() * 1e3,
                duration(90e6 / speed)
            );
            if speed < SLOW || wait > LATE {
                Finding::note("speed", format!("{text}: slow; `--runs` can lie elsewhere"))
            } else {
                Finding::good("speed", text)
            }
        }
        Err(error) => {
            Finding::warning("speed", format!("`{}` can't be written: {error}", project.runs.path().display()))
        }
    }
}

/// Bytes a second, and the middle one of some small writes, all of them until they are safe.
fn try_disk(place: &Path) -> io::Result<(f64, Duration)> {
    let mut file = fs::File::create(place)?;
    // Nothing that a disk could press together.
    let mut noise = mocolab::random::Random::new(1, mocolab::random::Purpose::Drawing, (0, 0));
    let block: Vec<u8> = (0..1 << 20).map(|_| noise.below(256) as u8).collect();
    let began = Instant::now();
    for _ in 0..TRIED / block.len() {
        file.write_all(&block)?;
    }
    file.sync_data()?;
    let speed = TRIED as f64 / began.elapsed().as_secs_f64();
    let wait = |file: &mut fs::File| {
        let began = Instant::now();
        file.write_all(b"line\n")?;
        file.sync_data()?;
        io::Result::Ok(began.elapsed())
    };
    let mut waits = (0..WAITS).map(|_| wait(&mut file)).collect::<io::Result<Vec<_>>>()?;
    waits.sort_unstable();
    Ok((speed, waits[WAITS / 2]))
}

/// Programs that read what runs write.
pub fn programs() -> Vec<Finding> {
    let each = [
        ("tensorboard", "`tensorboard --logdir runs` shows runs", "`pip install tensorboard` shows runs in a browser"),
        ("wandb", "`mocolab sync wandb RUN` sends runs", "`pip install wandb` sends runs to Weights & Biases"),
    ];
    let look = |(name, there, missing): (&'static str, &str, &str)| match program(name) {
        Some(path) => Finding::good(name, format!("{}; {there}", path.display())),
        None => Finding::note(name, format!("not here; {missing}")),
    };
    let mut all: Vec<Finding> = each.into_iter().map(look).collect();
    all.push(match programs::browser() {
        Some(browser) => {
            Finding::good("browser", format!("{}; `mocolab report --pdf` prints by it", browser.display()))
        }
        None => Finding::note("browser", "none that prints reports as PDF"),
    });
    all
}

/// Whether Slurm answers.
pub fn jobs() -> Finding {
    if !slurm::is_here() {
        return Finding::note("slurm", "not here");
    }
    match slurm::look().jobs {
        Some(jobs) => Finding::good("slurm", format!("answers; it has {} of your jobs", jobs.len())),
        None => Finding::warning("slurm", "its commands are here, and its controller does not answer"),
    }
}
