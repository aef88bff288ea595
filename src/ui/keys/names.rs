//! What keys do and where they count, each with the word for it that stays, for the user's file.

/// An enum whose variants have names that stay, for the user's file.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind { $($(#[$doc])* $variant,)* }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it in the user's file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one that a word names.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == word)
            }
        }
    };
}

named! {
    /// What a key does.
    Action {
        /// One row up.
        Up "up",
        /// One row down.
        Down "down",
        /// To the left.
        Left "left",
        /// To the right.
        Right "right",
        /// A page up.
        PageUp "page-up",
        /// A page down.
        PageDown "page-down",
        /// To the first row.
        First "first",
        /// To the last row.
        Last "last",
        /// Into the chosen row, or yes.
        Enter "enter",
        /// One layer back, or no.
        Back "back",
        /// The experiments and their runs.
        Experiments "experiments",
        /// The charts of a run.
        Charts "charts",
        /// How a run's classes fare.
        Classes "classes",
        /// Runs side by side.
        Compare "compare",
        /// The devices.
        Devices "devices",
        /// What waits for its turn; or to let a run wait.
        Queue "queue",
        /// The log of a run.
        Log "log",
        /// The map of a run's features.
        Map "map",
        /// The screen to the right.
        NextScreen "next-screen",
        /// The screen to the left.
        PreviousScreen "previous-screen",
        /// Train the experiment under the cursor.
        Start "start",
        /// Stop the run under the cursor.
        Stop "stop",
        /// Go on with the run under the cursor.
        Resume "resume",
        /// The one above: run, or metric.
        Previous "previous",
        /// The one below: run, or metric.
        Next "next",
        /// Mark it, or take it along.
        Mark "mark",
        /// Mark all that is shown.
        MarkAll "mark-all",
        /// Wait for the first device that is free.
        Anywhere "anywhere",
        /// Hold it back, or let it go.
        Hold "hold",
        /// One place forward in the queue.
        Forward "forward",
        /// One place back in the queue.
        Backward "backward",
        /// Type what is to be shown or found.
        Search "search",
        /// To the next that fits what was typed.
        FindNext "find-next",
        /// To the one before that fits what was typed.
        FindPrevious "find-previous",
        /// The next order.
        Sort "sort",
        /// The order turned round.
        Reverse "reverse",
        /// Put together by the next thing.
        Group "group",
        /// Fold or unfold a group.
        Fold "fold",
        /// Fold or unfold all groups.
        FoldAll "fold-all",
        /// Give a metric a column, or take it away.
        Columns "columns",
        /// Closer.
        ZoomIn "zoom-in",
        /// Further away.
        ZoomOut "zoom-out",
        /// What is shown, to the left.
        PanLeft "pan-left",
        /// What is shown, to the right.
        PanRight "pan-right",
        /// What is shown, up.
        PanUp "pan-up",
        /// What is shown, down.
        PanDown "pan-down",
        /// One epoch back.
        Earlier "earlier",
        /// One epoch on.
        Later "later",
        /// Through all epochs, one after the other.
        Play "play",
        /// Colour by the next thing.
        Colour "colour",
        /// Hide the class under the cursor.
        Hide "hide",
        /// Show all classes.
        ShowAll "show-all",
        /// Show the class under the cursor alone.
        Only "only",
        /// The next list: outliers, confused ones.
        Lists "lists",
        /// Finer or coarser dots.
        Dots "dots",
        /// Make a map now.
        Embed "embed",
        /// The next unit along.
        Axis "axis",
        /// Smoother.
        Smoother "smoother",
        /// Less smooth.
        Rougher "rougher",
        /// Logarithmic or not.
        Logarithmic "logarithmic",
        /// With outliers or without.
        Outliers "outliers",
        /// What the others are measured by.
        Baseline "baseline",
        /// The next split.
        Split "split",
        /// The matrix alone, or all.
        Matrix "matrix",
        /// The next page of a screen.
        NextPage "next-page",
        /// The page of a screen before.
        PreviousPage "previous-page",
        /// Write a note about a run.
        Note "note",
        /// Give a run tags.
        Tags "tags",
        /// Copy what is in front.
        Copy "copy",
        /// Put a run into the trash.
        Trash "trash",
        /// Take it out of the trash again.
        Restore "restore",
        /// Hold the picture still.
        Freeze "freeze",
        /// Open the settings of the run to be started.
        Edit "edit",
        /// Back to what the file says.
        Undo "undo",
        /// The next word that is allowed.
        Word "word",
        /// Everything that can be done, by name.
        Palette "palette",
        /// Show the keys.
        Help "help",
        /// Leave; runs go on.
        Quit "quit",
    }
}

named! {
    /// Where a key counts.
    Place {
        /// On every screen, when no dialogue is open.
        Screens "screens",
        /// On the list of experiments.
        List "list",
        /// On the charts of one run.
        Run "run",
        /// On the classes of one run.
        Classes "classes",
        /// On runs side by side.
        Compare "compare",
        /// On the devices.
        Devices "devices",
        /// On what waits for its turn.
        Queue "queue",
        /// On the log of one run.
        Log "log",
        /// On the map of one run's features.
        Map "map",
        /// In a list of choices.
        Choice "choice",
        /// In the table of settings of the run to be started.
        Settings "settings",
        /// Where a value is typed.
        Typing "typing",
        /// At a question.
        Question "question",
        /// At the question how to stop a run.
        Stopping "stopping",
        /// On a page to read.
        Page "page",
    }
}

impl Action {
    /// A screen or dialogue can't be left without it, so it needs a key.
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Enter | Self::Back | Self::Quit)
    }
}

impl Place {
    /// A screen, where the rows of [`Place::Screens`] count too.
    pub fn is_screen(self) -> bool {
        matches!(
            self,
            Self::List
                | Self::Run
                | Self::Classes
                | Self::Compare
                | Self::Devices
                | Self::Queue
                | Self::Log
                | Self::Map
        )
    }

    /// The rows of `other` count here.
    pub(super) fn has(self, other: Self) -> bool {
        self == other || (other == Self::Screens && self.is_screen())
    }
}
