//! What systemd's logind is configured to do, from its files' texts (logind.conf(5)), and where a process belongs, from its
//! control groups.

use super::Home;

/// What logind does at a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logind {
    kill: bool,
    only: Vec<String>,
    exclude: Vec<String>,
}

impl Logind {
    /// From the texts of `logind.conf` and of the drop-ins, later ones over earlier ones. Lines that are comments in the
    /// main file are the defaults that logind was compiled with: distributions differ there.
    pub fn read(texts: &[String]) -> Self {
        let mut logind = Self { kill: false, only: Vec::new(), exclude: vec!["root".to_owned()] };
        for text in texts {
            // A default that is written below a setting must not undo it.
            text.lines().filter_map(|line| line.trim().strip_prefix('#')).for_each(|line| logind.set_default(line));
            text.lines().for_each(|line| logind.set(line));
        }
        logind
    }

    /// Whether it ends what `user` leaves behind.
    pub fn kills(&self, user: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == user);
        self.kill && !named(&self.exclude) && (self.only.is_empty() || named(&self.only))
    }

    fn set_default(&mut self, line: &str) {
        if line.starts_with("KillUserProcesses=") {
            self.set(line);
        }
    }

    fn set(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        let (key, value) = (key.trim(), value.trim());
        let names = || value.split_whitespace().map(str::to_owned);
        match key {
            "KillUserProcesses" => self.kill = matches!(value, "yes" | "true" | "on" | "1" | "y" | "t"),
            // An empty value empties the list.
            "KillOnlyUsers" if value.is_empty() => self.only.clear(),
            "KillOnlyUsers" => self.only.extend(names()),
            "KillExcludeUsers" if value.is_empty() => self.exclude.clear(),
            "KillExcludeUsers" => self.exclude.extend(names()),
            _ => {}
        }
    }
}

/// Where the process belongs whose `/proc/PID/cgroup` this is.
pub(super) fn home(groups: &str) -> Home {
    // systemd's own tree is `0::` or, with control groups of the first version, `name=systemd`.
    let path = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        ((number == "0" && controllers.is_empty()) || controllers == "name=systemd").then_some(path)
    });
    let is = |of: &str, start: &str, end: &str| {
        of.split('/').any(|part| part.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
    };
    let mut home = Home::Elsewhere;
    for path in path {
        if is(path, "user@", ".service") {
            return Home::UserManager;
        }
        if is(path, "session-", ".scope") {
            home = Home::Session;
        }
    }
    home
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_counts_over_defaults_and_later_files_over_earlier_ones() {
        let debian = "[Login]\n#NAutoVTs=6\n#KillUserProcesses=no\n#KillExcludeUsers=root\n";
        let kills = |texts: &[&str], user: &str| {
            Logind::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).kills(user)
        };
        for (texts, user, expected) in [
            (&[][..], "ann", false),
            (&[debian], "ann", false),
            (&["[Login]\n#KillUserProcesses=yes\n"], "ann", true),
            (&["[Login]\nKillUserProcesses=no\n#KillUserProcesses=yes\n"], "ann", false),
            (&[debian, "[Login]\nKillUserProcesses=yes"], "ann", true),
            (&[debian, "[Login]\n KillUserProcesses = on \n", "[Login]\nKillUserProcesses=no\n"], "ann", false),
            (&["KillUserProcesses=1"], "root", false),
            (&["KillUserProcesses=1\nKillExcludeUsers="], "root", true),
            (&["KillUserProcesses=1\nKillExcludeUsers=ann bob"], "bob", false),
            (&["KillUserProcesses=1\nKillOnlyUsers=eve"], "ann", false),
            (&["KillUserProcesses=1\nKillOnlyUsers=eve ann"], "ann", true),
        ] {
            assert_eq!(kills(texts, user), expected, "{texts:?} {user}");
        }
    }

    #[test]
    fn a_process_belongs_to_a_session_a_manager_or_neither() {
        for (groups, expected) in [
            ("0::/user.slice/user-1000.slice/session-3.scope\n", Home::Session),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u7.scope\n", Home::UserManager),
            ("0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope\n", Home::UserManager),
            ("1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n9:cpu:/user.slice\n", Home::Session),
            ("0::/system.slice/jupyter.service\n", Home::Elsewhere),
            ("0::/\n", Home::Elsewhere),
            ("", Home::Elsewhere),
            ("4:memory:/session-3.scope\n", Home::Elsewhere),
        ] {
            assert_eq!(home(groups), expected, "{groups}");
        }
    }
}
