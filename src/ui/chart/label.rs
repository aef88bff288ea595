//! How the ticks of an axis are written: as short as tells them apart.

use super::By;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

/// Decimals beyond which nothing is told apart.
const DECIMALS: usize = 9;

/// Numbers with as many decimals as they need together: `0.5 1.0`, `20k 40k`, `2e-5`; in percent where wanted.
pub fn numbers(values: &[f64], percent: bool) -> Vec<String> {
    let values: Vec<f64> = values.iter().map(|value| if percent { value * 100.0 } else { *value }).collect();
    let most = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let sign = if percent { "%" } else { "" };
    if (most > 0.0 && most < 1e-3) || most >= 1e12 {
        return values.iter().map(|value| format!("{}{sign}", scientific(*value))).collect();
    }
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        let short: Vec<f64> = values.iter().map(|value| value / unit).collect();
        let decimals = decimals(&short);
        if most >= unit.max(1e4) && decimals <= 1 {
            let write =
                |value: &f64| if *value == 0.0 { "0".into() } else { format!("{value:.decimals$}{name}{sign}") };
            return short.iter().map(write).collect();
        }
    }
    let decimals = decimals(&values);
    // No `-0`.
    values.iter().map(|value| format!("{:.decimals$}{sign}", if *value == 0.0 { 0.0 } else { *value })).collect()
}

/// Times: seconds since the beginning as `h:mm`, or the time of day; with seconds where `step` needs them.
pub fn times(values: &[f64], step: f64, by: By) -> Vec<String> {
    let write = |value: &f64| match (by, civil(*value, by)) {
        (By::Wall(_), Some(time))
            if step >= 86_400.0 || (time.hour() == 0 && time.minute() == 0 && time.second() == 0) =>
        {
            time.strftime("%b %-d").to_string()
        }
        (By::Wall(_), Some(time)) => time.strftime(if step < 60.0 { "%H:%M:%S" } else { "%H:%M" }).to_string(),
        _ => elapsed(*value, step < 60.0),
    };
    values.iter().map(write).collect()
}

/// A place along with its unit: `step 1234`.
pub fn place(x: f64, by: By) -> String {
    match by {
        By::Step => format!("step {x:.0}"),
        By::Epoch => format!("epoch {x:.2}"),
        By::Relative => elapsed(x, true),
        By::Wall(_) => civil(x, by).map_or_else(String::new, |time| time.strftime("%b %-d %H:%M:%S").to_string()),
    }
}

fn elapsed(seconds: f64, fine: bool) -> String {
    let whole = seconds.abs().round() as u64;
    let (hours, minutes, sign) = (whole / 3600, whole / 60 % 60, if seconds < -0.5 { "-" } else { "" });
    if fine { format!("{sign}{hours}:{minutes:02}:{:02}", whole % 60) } else { format!("{sign}{hours}:{minutes:02}") }
}

/// The time of day and the date; none on other axes and far outside the calendar.
fn civil(seconds: f64, by: By) -> Option<civil::DateTime> {
    let By::Wall(east) = by else { return None };
    let time = Timestamp::from_second(seconds.round() as i64).ok()?;
    Some(Offset::from_seconds(east).ok()?.to_datetime(time))
}

/// Decimals with which all values are themselves.
fn decimals(values: &[f64]) -> usize {
    let enough = |decimals: &usize| {
        let unit = 10_f64.powi(*decimals as i32);
        values.iter().all(|value| (value * unit - (value * unit).round()).abs() < 1e-6 + value.abs() * unit * 1e-12)
    };
    (0..DECIMALS).find(enough).unwrap_or(DECIMALS)
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}").replace(".0e", "e") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_tells_them_apart() {
        let cases: [(&[f64], bool, &[&str]); 9] = [
            (&[0.5, 1.0, 1.5], false, &["0.5", "1.0", "1.5"]),
            (&[0.0, 20_000.0, 40_000.0], false, &["0", "20k", "40k"]),
            (&[54_321.0, 54_322.0], false, &["54321", "54322"]),
            (&[500_000.0, 1_000_000.0], false, &["0.5M", "1.0M"]),
            (&[2e-5, 4.000_000_000_1e-5], false, &["2e-5", "4e-5"]),
            (&[0.25, 0.5], true, &["25%", "50%"]),
            (&[0.725, 0.726], true, &["72.5%", "72.6%"]),
            (&[-0.0, 0.1 + 0.2], false, &["0.0", "0.3"]),
            (&[1e300], false, &["1e300"]),
        ];
        for (values, percent, expected) in cases {
            assert_eq!(numbers(values, percent), expected);
        }
    }

    #[test]
    fn times_are_written_as_clocks_do() {
        assert_eq!(times(&[0.0, 5400.0, 100.0 * 3600.0], 1800.0, By::Relative), ["0:00", "1:30", "100:00"]);
        assert_eq!(times(&[30.0], 30.0, By::Relative), ["0:00:30"]);
        let midnight = 1_764_028_800.0;
        assert_eq!(times(&[midnight - 3600.0, midnight], 3600.0, By::Wall(0)), ["23:00", "Nov 25"]);
        assert_eq!(times(&[midnight], 3600.0, By::Wall(3600)), ["01:00"]);
        assert_eq!(place(midnight + 1.0, By::Wall(0)), "Nov 25 00:00:01");
        assert_eq!(place(f64::MAX, By::Wall(0)), "");
        assert_eq!(place(12.345, By::Epoch), "epoch 12.35");
    }
}
