//! What filters let through, what they say where they are none, and that they print as they parse.

use super::*;
use crate::ui::list::Filter;
use proptest::prelude::*;

#[test]
fn terms_let_through_what_they_say() {
    let mut lab = Lab::busy();
    for (filter, shown) in [
        ("", 18),
        ("queue>6400", 4),
        ("queue>=6400 lr<=0.03", 7),
        ("lr:3e-2", 7),
        ("status:running", 2),
        ("status:running,done", 7),
        ("status:live", 5),
        ("recipe:moco", 7),
        ("recipe=moco -status:failed", 6),
        ("recipe:moco !status:failed", 6),
        ("recipe:moco status!=failed,done", 5),
        ("has:tsne", 1),
        ("has:checkpoint or has:alerts", 2),
        ("has:checkpoint or has:alerts status:failed", 1),
        ("tag:paper", 2),
        ("tag:pa* has:tsne", 1),
        ("name~moco", 7),
        ("name:moco", 7),
        ("name:moco.queue-*.seed-2", 2),
        ("moco", 7),
        ("MOCO", 7),
        ("mq64", 3),
        ("\"seed-2\"", 2),
        ("-moco -probe", 5),
        ("val/macro_accuracy>0.8", 3),
        ("val/macro_accuracy>80%", 3),
        ("best>75% recipe:moco", 1),
        ("val/loss<0.5", 5),
        ("epoch>=100", 4),
        ("age<2d", 14),
        ("age>1w", 1),
        ("left<1h", 1),
        ("device:0", 6),
        ("device:cuda:1", 3),
        ("device:cpu", 5),
        ("classes:five", 1),
        ("symmetric:true", 7),
        ("done:100%", 5),
    ] {
        assert_eq!(lab.filter(filter), shown, "{filter}");
    }
}

#[test]
fn what_is_no_filter_is_named_with_what_is_allowed_and_the_nearest() {
    for (text, wrong, message) in [
        ("moco quue>6400", "quue", "`quue>6400`: no key is called `quue`; did you mean `queue`?"),
        ("learning_rate>1", "learning_rate", "`learning_rate>1`: no key is called `learning_rate`; did you mean `lr`?"),
        ("status:runing", "runing", "`status:runing`: `runing` is no status; did you mean `running`?"),
        (
            "status:done,x",
            "x",
            "`status:done,x`: `x` is no status; allowed: queued, held, starting, running, pausing, stopping, terminating, suspended, done, stopped, failed, killed, crashed, unknown, live",
        ),
        ("has:alert", "alert", "`has:alert`: `alert` is no has; did you mean `alerts`?"),
        ("schedule:cosin", "cosin", "`schedule:cosin`: `cosin` is no schedule; did you mean `cosine`?"),
        (
            "queue>many",
            "many",
            "`queue>many`: `many` is no number; allowed: a number, as `0.03`, `1e-4`, `6_400` or `80%`",
        ),
        ("queue>", "queue>", "`queue>`: a value is missing; allowed: a number, as `0.03`, `1e-4`, `6_400` or `80%`"),
        ("age<2", "2", "`age<2`: `2` is no time; allowed: a time, as `90s`, `30m`, `12h`, `2d` or `1d12h`"),
        ("age:2d", "2d", "`age:2d`: `:` does not compare with `age`; write `age<…`, `age>…`"),
        (
            "status>done",
            "done",
            "`status>done`: `status` is text, `>` compares numbers; write `status:…` or `status~…`",
        ),
        ("moco or", "or", "`or` stands between two terms; the word itself is `\"or\"`"),
        ("moco -", "-", "`-` stands before a term, to turn it round; as in `-status:failed`"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!((&text[error.span.clone()], error.to_string().as_str()), (wrong, message), "{text}");
    }
    assert!(Filter::parse("zzzzzz:1").unwrap_err().help.starts_with("allowed: name, status"));
    assert!(Filter::parse(":1").unwrap_err().message.contains("a key stands before"));
}

#[test]
fn filters_print_as_a_user_would_write_them() {
    for (written, printed) in [
        ("  queue > 6400", None),
        ("queue>6_400   STATUS", Some("queue>6400 STATUS")),
        ("age<48h !has:alerts", Some("age<2d -has:alerts")),
        ("\"a b\" name=\"x,y\",z or tag:\"or\"", Some("\"a b\" name:\"x,y\",z or tag:\"or\"")),
        ("-status!=done", Some("status:done")),
        ("age<1d12h", Some("age<36h")),
    ] {
        assert_eq!(Filter::parse(written).ok().map(|filter| filter.to_string()).as_deref(), printed, "{written}");
    }
}

#[test]
fn the_line_filters_while_it_is_typed_and_remembers() {
    let mut lab = Lab::busy();
    lab.state.search.open();
    lab.type_in("status:done");
    assert_eq!(lab.rows.shown, 5);
    lab.type_in(" queue>");
    assert_eq!(lab.rows.shown, 5, "the last good filter stays in force");
    assert!(lab.state.search.error().is_some());
    lab.type_in("\n");
    assert!(lab.state.search.line().is_some(), "what is no filter can't be kept");
    lab.type_in("10\n");
    assert_eq!((lab.rows.shown, lab.state.search.line().is_some()), (1, false));
    lab.state.search.open();
    lab.type_in("0000\x1b");
    assert_eq!((lab.rows.shown, lab.state.search.text()), (1, "status:done queue>10"), "Esc goes back");
    lab.filter("moco");
    lab.state.search.clear();
    lab.state.search.open();
    lab.type_in("ba↑↑");
    assert_eq!(lab.state.search.line().unwrap().text(), "status:done queue>10");
    lab.type_in("↓↓");
    assert_eq!(lab.state.search.line().unwrap().text(), "ba");
    lab.type_in("\x1b");
    assert_eq!(lab.rows.shown, 18);
    lab.state.search.open();
    lab.state.search.paste("status:running\n");
    assert_eq!(lab.state.search.text(), "status:running");
}

#[test]
fn a_key_jumps_from_run_to_run_that_fits() {
    let mut lab = Lab::busy();
    lab.filter("status:running");
    let names = |lab: &mut Lab, forward| {
        assert!(lab.state.jump(&lab.rows, &lab.runs, NOW, forward));
        let Some(Target::Run(run)) = lab.state.chosen() else { panic!() };
        run.label()
    };
    let both = ["moco.queue-6400.seed-2/20261124-210000", "probe.train_fraction-0.5/20261125-043000"];
    assert_eq!([names(&mut lab, true), names(&mut lab, true), names(&mut lab, true)], [both[0], both[1], both[0]]);
    lab.state.search.clear();
    lab.settle();
    assert_eq!([names(&mut lab, true), names(&mut lab, false)], [both[1], both[0]], "by the latest filter");
    lab.filter("status:failed has:tsne");
    assert!(!lab.state.jump(&lab.rows, &lab.runs, NOW, true));
}

/// Texts that are filters more often than any text is.
fn filters() -> impl Strategy<Value = String> {
    let key =
        prop::sample::select(vec!["queue", "status", "name", "age", "val/loss", "tag", "best", "arch", "has", "lr"]);
    let sign = prop::sample::select(vec![":", "=", "!=", "<", "<=", ">", ">=", "~"]);
    let value = prop_oneof![
        prop::sample::select(vec!["done", "tsne", "1d12h", "6_400", "80%", "\"a b\"", "or", "a,b", "resnet18", "0.1w"])
            .prop_map(str::to_owned),
        any::<f64>().prop_map(|x| x.to_string()),
        "\\PC{0,8}",
    ];
    let compare = (key, sign, value).prop_map(|(key, sign, value)| format!("{key}{sign}{value}"));
    let term = ("[-!]?", prop_oneof![compare, "\\PC{1,8}".prop_map(String::from)]);
    let term = term.prop_map(|(sign, term)| format!("{sign}{term}"));
    let term = prop_oneof![4 => term, 1 => Just("or".to_owned())];
    prop::collection::vec(term, 0..6).prop_map(|terms| terms.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_says_why_not(text in prop_oneof!["\\PC*", ".*", filters()]) {
        match Filter::parse(&text) {
            Ok(filter) => {
                let printed = filter.to_string();
                prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{}", printed);
            }
            Err(error) => prop_assert!(text.get(error.span).is_some() && !error.help.is_empty()),
        }
    }
}
