//! A terminal of its own for a test: a detached tmux with its own server, driven by keys and read as text.

use crate::project::{Project, poll};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Written by the shell when it waits for a command.
const PROMPT: &str = "ready>";

/// A tmux server with one window that runs a shell in the folder of a project.
pub struct Screen<'a> {
    project: &'a Project,
    socket: String,
}

/// Says aloud that the real terminal isn't tested where there is no tmux.
pub fn tmux_is_missing() -> bool {
    let missing = Command::new("tmux").arg("-V").output().is_err();
    assert!(!missing || std::env::var_os("CI").is_none(), "CI has tmux: .ci/run installs it");
    if missing {
        eprintln!("SKIPPED: no tmux, so nothing was tried in a real terminal (sudo apt-get install tmux)");
    }
    missing
}

impl<'a> Screen<'a> {
    /// A shell in a window of `width` columns and `height` lines.
    pub fn open(project: &'a Project, width: u16, height: u16) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let screen = Self { project, socket: format!("mocolab-test-{}-{number}", std::process::id()) };
        let (x, y) = (width.to_string(), height.to_string());
        let mut command = screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &x, "-y", &y]);
        command.args(["env", "-u", "ENV", &format!("PS1={PROMPT} "), "sh"]);
        command.args([";", "set", "-g", "status", "off", ";", "set", "-g", "window-size", "manual"]);
        assert!(command.status().unwrap().success(), "starting tmux");
        screen.resize(width, height);
        screen.wait_for(PROMPT);
        screen
    }

    /// A window in which the laboratory is open.
    pub fn laboratory(project: &'a Project, width: u16, height: u16) -> Self {
        let screen = Self::open(project, width, height);
        screen.type_line(env!("CARGO_BIN_EXE_mocolab"));
        screen.wait_until("the alternate screen", Self::is_alternate);
        screen
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command("tmux");
        // The server inherits this environment, and hands it on to the shell.
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color");
        command.args(["-u", "-L", &self.socket]).args(arguments);
        command
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.tmux(arguments).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys by tmux's names: `Enter`, `Escape`, `x`.
    pub fn press(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    /// Types a command and Enter.
    pub fn type_line(&self, line: &str) {
        self.ask(&["send-keys", "-l", line]);
        self.press(&["Enter"]);
    }

    /// What is to be seen.
    pub fn text(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// The title of the window.
    #[cfg(feature = "torch")]
    pub fn title(&self) -> String {
        self.ask(&["display-message", "-p", "#{pane_title}"])
    }

    /// Gives the window another size.
    pub fn resize(&self, width: u16, height: u16) {
        self.ask(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Whether a program has the whole screen to itself.
    pub fn is_alternate(&self) -> bool {
        self.ask(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// Waits until `look` is content.
    pub fn wait_until(&self, what: &str, look: impl Fn(&Self) -> bool) {
        self.find(what, |screen| look(screen).then_some(()));
    }

    /// Waits until `look` finds something; what was seen instead is in the message where it never does.
    pub fn find<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let seen = std::cell::RefCell::new(String::new());
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll(what, || {
                *seen.borrow_mut() = self.text();
                look(self)
            })
        }));
        found.unwrap_or_else(|_| panic!("waited in vain for {what} on\n{}", seen.borrow()))
    }

    /// Waits until `words` are to be seen.
    pub fn wait_for(&self, words: &str) {
        self.wait_until(&format!("`{words}`"), |screen| screen.text().contains(words));
    }

    /// Waits until `words` are no longer to be seen.
    pub fn wait_without(&self, words: &str) {
        self.wait_until(&format!("no `{words}`"), |screen| !screen.text().contains(words));
    }

    /// Waits until the shell has the screen back: the alternate screen is left, and it answers.
    pub fn wait_for_shell(&self) {
        self.wait_until("the shell", |screen| !screen.is_alternate() && screen.text().contains(PROMPT));
        self.type_line("stty -a | grep -c -w echo; echo back-$((6*7))");
        self.wait_for("back-42");
        assert!(!self.text().contains("panicked"), "{}", self.text());
    }

    /// The line of the list that shows a run in `status`, as words: id, sign, status, device, epoch, done, …
    pub fn row(&self, status: &str) -> Option<Vec<String>> {
        let text = self.text();
        let row = text.lines().find(|line| line.split_whitespace().nth(2) == Some(status))?;
        Some(row.split_whitespace().map(str::to_owned).collect())
    }

    /// Loss and macro accuracy in such a line, once there are both.
    pub fn figures(row: &[String]) -> Option<(f64, &str)> {
        let with_point = || row.iter().filter(|word| word.contains('.'));
        let loss = with_point().find_map(|word| word.parse().ok())?;
        Some((loss, with_point().find(|word| word.ends_with('%'))?))
    }

    /// The process of the laboratory that is open.
    #[cfg(feature = "torch")]
    pub fn laboratory_pid(&self) -> u32 {
        let shell = self.ask(&["display-message", "-p", "#{pane_pid}"]).trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Ends tmux, and with it the terminal of all that runs in it.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}
