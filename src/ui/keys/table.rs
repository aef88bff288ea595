//! All keys, as they are written here.

use super::names::{Action, Place};

/// A row of the table as it is written here.
#[derive(Debug)]
pub struct Binding {
    /// Where it counts.
    pub place: Place,
    /// The keys, as in the user's file ([`Press`]).
    pub keys: &'static [&'static str],
    /// What it does.
    pub action: Action,
    /// The same in a few words.
    pub text: &'static str,
    /// The word for it in the footer; empty where it isn't shown there.
    pub short: &'static str,
}

macro_rules! bindings {
    ($($place:ident [$($key:literal),*] $action:ident $text:literal $short:literal;)*) => {
        &[$(Binding {
            place: Place::$place,
            keys: &[$($key),*],
            action: Action::$action,
            text: $text,
            short: $short,
        }),*]
    };
}

/// All keys. The `gg` of other programs works as well: the first `g` goes to the first row, where the second stays. So no
/// key has to wait for another.
pub const TABLE: &[Binding] = bindings! {
    List ["up", "k"] Up "up" "";
    List ["down", "j"] Down "down" "";
    List ["pageup"] PageUp "a page up" "";
    List ["pagedown"] PageDown "a page down" "";
    List ["home", "g"] First "first row" "";
    List ["end", "G"] Last "last row" "";
    List ["enter", "right", "l"] Enter "open the run" "open";
    List ["esc"] Back "show all again" "";
    List ["/"] Search "filter" "filter";
    List ["n"] FindNext "next that fits" "";
    List ["N"] FindPrevious "one before that fits" "";
    List ["space"] Mark "mark" "mark";
    List ["*"] MarkAll "mark all shown" "";
    List ["o"] Sort "next order" "";
    List ["O"] Reverse "turn the order round" "";
    List ["b"] Group "group by" "";
    List ["z"] Fold "fold the group" "";
    List ["Z"] FoldAll "fold all groups" "";
    List ["c"] Columns "a metric as a column" "";
    List ["T"] Tags "tags" "";
    List ["D"] Trash "into the trash" "";
    List ["u"] Restore "out of the trash" "";
    Run ["left", "h"] Left "read values to the left" "read";
    Run ["right", "l"] Right "read values to the right" "";
    Run ["up", "k"] Up "the chart before" "";
    Run ["down", "j"] Down "the next chart" "chart";
    Run ["enter"] Enter "this chart alone" "alone";
    Run ["+", "="] ZoomIn "closer" "zoom";
    Run ["-"] ZoomOut "further away" "";
    Run [",", "<"] PanLeft "what is earlier" "";
    Run [".", ">"] PanRight "what is later" "";
    Run ["a"] Axis "steps, epochs, time" "axis";
    Run ["w"] Smoother "smoother" "smooth";
    Run ["W"] Rougher "less smooth" "";
    Run ["L"] Logarithmic "logarithmic" "";
    Run ["o"] Outliers "cut outliers off" "";
    Run ["b"] Baseline "pin it as baseline" "";
    Run ["[", "p"] Previous "the run above" "";
    Run ["]", "n"] Next "the run below" "";
    Run ["T"] Tags "tags" "";
    Run ["esc"] Back "back" "back";
    Classes ["up", "k"] Up "up" "";
    Classes ["down", "j"] Down "down" "";
    Classes ["pageup"] PageUp "a page up" "";
    Classes ["pagedown"] PageDown "a page down" "";
    Classes ["home", "g"] First "first row" "";
    Classes ["end", "G"] Last "last row" "";
    Classes ["o"] Sort "next order" "order";
    Classes ["O"] Reverse "turn the order round" "";
    Classes ["t"] Split "next split" "split";
    Classes ["m", "enter"] Matrix "the matrix alone" "matrix";
    Classes ["[", "p"] Previous "the run above" "";
    Classes ["]", "n"] Next "the run below" "next";
    Classes ["esc"] Back "back" "back";
    Compare ["up", "k"] Up "up" "";
    Compare ["down", "j"] Down "down" "";
    Compare ["left", "h"] Left "to the left" "";
    Compare ["right", "l"] Right "to the right" "";
    Compare ["p"] NextPage "next page" "page";
    Compare ["P"] PreviousPage "the page before" "";
    Compare ["["] Previous "the metric before" "";
    Compare ["]"] Next "next metric" "metric";
    Compare ["b"] Baseline "measure by the next run" "baseline";
    Compare ["a"] Axis "steps, epochs, time" "axis";
    Compare ["w"] Smoother "smoother" "smooth";
    Compare ["W"] Rougher "less smooth" "";
    Compare ["L"] Logarithmic "logarithmic" "";
    Compare ["o"] Outliers "cut outliers off" "";
    Compare ["+", "="] ZoomIn "closer" "";
    Compare ["-"] ZoomOut "further away" "";
    Compare [","] PanLeft "what is earlier" "";
    Compare ["."] PanRight "what is later" "";
    Compare ["esc"] Back "back" "back";
    Devices ["up", "k"] Up "up" "";
    Devices ["down", "j"] Down "down" "choose";
    Devices ["enter", "m"] Enter "all its processes" "processes";
    Devices ["esc"] Back "back" "back";
    Queue ["up", "k"] Up "up" "";
    Queue ["down", "j"] Down "down" "choose";
    Queue ["home", "g"] First "first row" "";
    Queue ["end", "G"] Last "last row" "";
    Queue ["enter"] Enter "open the run" "open";
    Queue ["K", "-"] Forward "one place forward" "forward";
    Queue ["J", "+"] Backward "one place back" "back";
    Queue ["space"] Hold "hold it, let it go" "hold";
    Queue ["D"] Trash "out of the queue" "cancel";
    Queue ["u"] Restore "out of the trash" "";
    Queue ["esc"] Back "back to the list" "";
    Log ["up", "k"] Up "up" "";
    Log ["down", "j"] Down "down" "";
    Log ["pageup"] PageUp "a page up" "";
    Log ["pagedown", "space"] PageDown "a page down" "";
    Log ["home", "g"] First "first line" "";
    Log ["end", "G"] Last "follow the end" "follow";
    Log ["/"] Search "find" "find";
    Log ["n"] FindNext "next above" "again";
    Log ["N"] FindPrevious "next below" "";
    Log ["["] Previous "the run above" "";
    Log ["]"] Next "the run below" "next";
    Log ["esc"] Back "back" "back";
    Map ["left", "h"] Left "the next point on the left" "";
    Map ["right", "l"] Right "the next point on the right" "point";
    Map ["up", "k"] Up "the next point above" "";
    Map ["down", "j"] Down "the next point below" "";
    Map ["enter"] Enter "its nearest neighbour" "neighbour";
    Map ["o"] Lists "outliers, confused ones" "outliers";
    Map ["n"] FindNext "next of the list" "next";
    Map ["N"] FindPrevious "one before it" "";
    Map ["pagedown"] PageDown "the list of the next class" "class";
    Map ["pageup"] PageUp "of the class before" "";
    Map ["c"] Colour "colour by class, answer, error" "colour";
    Map ["space"] Play "play through the epochs" "play";
    Map [",", "<"] Earlier "the epoch before" "";
    Map [".", ">"] Later "the next epoch" "";
    Map ["v"] Hide "hide its class" "";
    Map ["V"] ShowAll "show all classes" "";
    Map ["i"] Only "its class alone" "";
    Map ["+", "="] ZoomIn "closer" "zoom";
    Map ["-"] ZoomOut "further away" "";
    Map ["H"] PanLeft "to the left" "";
    Map ["L"] PanRight "to the right" "";
    Map ["K"] PanUp "up" "";
    Map ["J"] PanDown "down" "";
    Map ["d"] Dots "finer dots" "";
    Map ["e"] Embed "map the newest checkpoint" "map now";
    Map ["[", "p"] Previous "the run above" "";
    Map ["]"] Next "the run below" "";
    Map ["T"] Tags "tags" "";
    Map ["esc"] Back "back" "back";
    Screens ["s"] Start "start the experiment" "start";
    Screens ["x"] Stop "stop the run" "stop";
    Screens ["r"] Resume "resume the run" "resume";
    Screens ["e"] Note "write a note" "";
    Screens ["y"] Copy "copy" "";
    Screens ["F"] Freeze "hold still" "";
    Screens ["1"] Experiments "experiments" "";
    Screens ["2"] Charts "charts of the run" "";
    Screens ["3"] Classes "its classes" "";
    Screens ["4"] Compare "marked runs side by side" "";
    Screens ["5"] Devices "devices" "";
    Screens ["6"] Queue "what waits" "";
    Screens ["7"] Log "its log" "";
    Screens ["8"] Map "the map of its features" "";
    Screens ["tab"] NextScreen "next screen" "";
    Screens ["backtab"] PreviousScreen "the screen before" "";
    Screens [":", "ctrl-p"] Palette "everything, by name" "more";
    Screens ["?"] Help "help" "help";
    Screens ["q"] Quit "leave; runs go on" "leave";
    Choice ["up", "k"] Up "up" "";
    Choice ["down", "j"] Down "down" "choose";
    Choice ["enter", "y"] Enter "train there" "train there";
    Choice ["space"] Mark "take a GPU along" "several";
    Choice ["w"] Queue "let it wait there for its turn" "queue";
    Choice ["a"] Anywhere "let it wait for the first that is free" "any";
    Choice ["e"] Edit "settings of this run" "settings";
    Choice ["esc", "n", "q"] Back "no" "no";
    Settings ["up", "k"] Up "up" "";
    Settings ["down", "j"] Down "down" "choose";
    Settings ["pageup"] PageUp "a page up" "";
    Settings ["pagedown"] PageDown "a page down" "";
    Settings ["home", "g"] First "first row" "";
    Settings ["end", "G"] Last "last row" "";
    Settings ["enter", "right", "l"] Enter "type a value" "change";
    Settings ["u"] Undo "as the file has it" "undo";
    Settings ["esc", "left", "h", "q"] Back "to the devices" "devices";
    Typing ["enter"] Enter "take the value" "take";
    Typing ["tab"] Word "the next word" "next word";
    Typing ["esc"] Back "leave it as it was" "as it was";
    Stopping ["enter", "y"] Enter "yes" "yes";
    Stopping ["esc", "n", "q"] Back "no" "no";
    Stopping ["p"] Hold "pause it" "pause";
    Question ["enter", "y"] Enter "yes" "yes";
    Question ["esc", "n", "q"] Back "no" "no";
    Page ["up", "k"] Up "up" "";
    Page ["down", "j"] Down "down" "more";
    Page ["pageup"] PageUp "a page up" "";
    Page ["pagedown", "space"] PageDown "a page down" "";
    Page ["esc", "enter", "q", "?"] Back "close" "close";
};
