//! The user's file with every setting in it, as a comment and with its default: `docs/config.toml`.

use super::Settings;
use crate::ui::keys::{Keys, Place};
use crate::ui::theme::Look;
use mocolab::config::Slurm;
use std::fmt::Write;

/// The text of the file. All of it is commented out, so it changes nothing until a line is taken in.
pub fn example() -> String {
    let Settings { mouse, fps, smoothing, .. } = Settings::default();
    let looks = Look::ALL.map(|look| format!("#   \"{}\": {}\n", look.name(), look.about())).concat();
    let slurm = Slurm::SETTINGS.map(|(name, allowed, example)| {
        let setting = format!("executor.slurm.{name} = {example}");
        format!("# {setting:48} # {allowed}\n")
    });
    let slurm = slurm.concat();
    let mut text = format!(
        "\
# mocolab's screen, for all your projects. It lies at ~/.config/mocolab/config.toml, or under $XDG_CONFIG_HOME.
# Every line shows its default: take away the # and change it.

# The colours. Without this line: none where NO_COLOR is set, else what the terminal can show, for a dark ground unless
# the terminal tells of a light one (COLORFGBG).
{looks}# theme = \"dark\"

# Only signs of ASCII, for fonts without blocks and arrows.
# ascii = false

# Obey clicks and the wheel. The terminal's own selection then needs Shift.
# mouse = {mouse}

# Frames a second that only show new data, 1 to 30. Keys are answered at once.
# fps = {fps}

# How much curves are smoothed, 0 (not at all) to 0.99. What was measured stays visible behind.
# smoothing = {smoothing:?}

# What jobs of Slurm ask for; [executor.slurm] in a project's experiments.toml goes before it, setting by setting.
{slurm}
# Who is told of your runs, beside those whom [hook.NAME] in a project's experiments.toml names: slack, discord, teams, ntfy or json.
# Addresses are passwords and stand elsewhere: in a variable (url_env) or in a file that only you can read (url_file).
# hook.me.kind = \"ntfy\"
# hook.me.url_file = \"~/.config/mocolab/ntfy.url\"
# hook.me.events = [\"started\", \"alert\", \"finished\", \"failed\", \"crashed\"]    # also: epoch, best, stopped
# hook.me.every = 0                                # epochs between reports

# Keys: all that a row is to have, in place of those it has. [] takes them away.
# x G ? ctrl-r alt-x f5 up down left right pageup pagedown home end enter esc tab backtab space backspace delete insert
[keys]
"
    );
    let keys = Keys::new(true);
    let names = keys.rows().iter().map(|row| row.name().len()).max().unwrap_or_default();
    for place in Place::ALL {
        for row in keys.rows().iter().filter(|row| row.place == *place) {
            let words: Vec<String> = row.keys.iter().map(|key| format!("\"{key}\"")).collect();
            let setting = format!("{:names$} = [{}]", row.name(), words.join(", "));
            let _ = writeln!(text, "# {setting:48} # {}", row.text);
        }
    }
    text
}
