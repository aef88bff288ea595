//! The terminal itself: taken over, drawn to in whole frames, and given back whatever happens.

use anyhow::Context;
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use std::io::{self, Stdout, Write, stdout};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Whose turn it is to write to the terminal: nothing is drawn over what a panic says.
static TURN: Mutex<()> = Mutex::new(());

/// A terminal in our hands.
pub struct Screen(Canvas<Stdout>);

/// What frames are drawn to: only what has changed is sent, and nothing where nothing has.
pub struct Canvas<W: Write> {
    terminal: Terminal<CrosstermBackend<W>>,
    last: Buffer,
}

impl<W: Write> Canvas<W> {
    /// Of `terminal`, whose cursor is hidden from now on.
    pub fn new(mut terminal: Terminal<CrosstermBackend<W>>) -> io::Result<Self> {
        terminal.hide_cursor()?;
        Ok(Self { terminal, last: Buffer::default() })
    }

    /// Draws a frame between the marks of a synchronized update (DEC mode 2026), so that no half-drawn frame is seen.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.autoresize()?;
        render(&mut self.terminal.get_frame());
        let now = self.terminal.current_buffer_mut();
        if *now == self.last {
            now.reset();
            return Ok(());
        }
        self.last.clone_from(now);
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Backend::flush(self.terminal.backend_mut())
    }
}

impl Screen {
    /// Takes the terminal over: alternate screen, raw keys. A panic, on whichever thread, gives it back before it is printed,
    /// and ends this program: half of a laboratory would show what is no longer so.
    pub fn open() -> anyhow::Result<Self> {
        let terminal = ratatui::try_init().context("taking over the terminal")?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Unless it is that frame which panics.
            let _turn = (0..50).find_map(|_| {
                let turn = TURN.try_lock().ok();
                turn.is_none().then(|| thread::sleep(Duration::from_millis(2)));
                turn
            });
            let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, cursor::Show);
            before(panic);
            std::process::exit(101);
        }));
        // What is pasted comes as one event, and is no keys.
        execute!(stdout(), EnableBracketedPaste)?;
        Ok(Self(Canvas::new(terminal)?))
    }

    /// Draws a frame.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.0.draw(render)
    }

    /// From now on clicks and the wheel are told.
    pub fn obey_mouse() -> io::Result<()> {
        execute!(stdout(), EnableMouseCapture)
    }

    /// Its size.
    pub fn area(&self) -> Rect {
        self.0.terminal.size().map_or(Rect::default(), |size| Rect::new(0, 0, size.width, size.height))
    }

    /// Hands `text` to the terminal's clipboard (OSC 52), also through SSH and tmux where they let it pass.
    pub fn copy(text: &str) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Gives the terminal back.
    pub fn close(self) {
        drop(self.0);
        let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, cursor::Show);
        ratatui::restore();
    }
}
