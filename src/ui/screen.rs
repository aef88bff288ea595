//! The terminal itself: taken over, drawn to in whole frames, and given back whatever happens.

use anyhow::Context;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{cursor, execute, queue};
use ratatui::{DefaultTerminal, Frame};
use std::io::{Write, stdout};

/// A terminal in our hands. `ratatui::try_init` also sets a panic hook that gives it back before the panic is printed.
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal over: alternate screen, raw keys.
    pub fn open() -> anyhow::Result<Self> {
        let screen = Self(ratatui::try_init().context("taking over the terminal")?);
        // What is pasted comes as one event, and is no keys.
        execute!(stdout(), EnableBracketedPaste)?;
        Ok(screen)
    }

    /// Draws a frame between the marks of a synchronized update (DEC mode 2026), so that no half-drawn frame is seen.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> anyhow::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        self.0.draw(render)?;
        queue!(stdout(), EndSynchronizedUpdate)?;
        Ok(stdout().flush()?)
    }

    /// Gives the terminal back.
    pub fn close(self) {
        drop(self.0);
        let _ = execute!(stdout(), DisableBracketedPaste, cursor::Show);
        ratatui::restore();
    }
}
