//! Numbers and times as people read them: short, with their unit.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::scrub::names::is_name;

/// A moment as a column shows it, in UTC to the second: `2026-11-20 10:00:00`.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let second = text.split('.').next().unwrap_or_default();
    second.replacen('T', " ", 1)
}

/// How long ago: `3 s ago`, or `never`.
pub(super) fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", lasting(now.since(at))))
}

/// A duration by its largest unit: `0.4 s`, `12 s`, `5 min`, `3 h`, `30 d`.
pub(super) fn lasting(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    // Of minutes and more there are two at least: 90 s say more than 1 min.
    let unit = units.into_iter().find(|(long, _)| seconds >= 2.0 * long);
    match unit {
        Some((long, unit)) => format!("{:.0} {unit}", (seconds / long).floor()),
        None if (0.05..1.0).contains(&seconds) => format!("{seconds:.1} s"),
        None => format!("{seconds:.0} s"),
    }
}

/// A pseudonym or id cut for the eye, where there is no room for it; anything else as it is.
pub(super) fn short(text: &str) -> String {
    let is_keyed = ['p', 'r', 'k'].into_iter().any(|letter| is_name(text, letter));
    match text.get(..11).filter(|_| is_keyed) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

/// Text in lines of so many characters, each after the first behind so many blanks.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut room = width.saturating_sub(indent);
    for word in text.split(' ') {
        let length = word.chars().count();
        if !lines.is_empty() && length >= room {
            lines = lines + "\n" + &" ".repeat(indent);
            room = width.saturating_sub(indent);
        } else if !lines.is_empty() {
            lines.push(' ');
            room = room.saturating_sub(1);
        }
        lines += word;
        room = room.saturating_sub(length);
    }
    lines
}

/// Bytes by their largest unit: `812 B`, `4.2 GiB`.
pub(super) fn bytes(count: u64) -> String {
    const STEP: f64 = 1_024.0;
    let mut size = count as f64;
    if size < STEP {
        return format!("{count} B");
    }
    for unit in ["KiB", "MiB", "GiB"] {
        size /= STEP;
        if size < STEP {
            return format!("{size:.1} {unit}");
        }
    }
    format!("{:.1} TiB", size / STEP)
}

/// A count with its thousands apart: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 event`, `2 events`.
pub(super) fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short_and_have_their_unit() {
        let told = |seconds: f64| lasting(Duration::from_secs_f64(seconds));
        let times = [0.0, 0.42, 12.0, 119.0, 120.0, 7_199.0, 7_200.0, 172_800.0];
        let texts = ["0 s", "0.4 s", "12 s", "119 s", "2 min", "119 min", "2 h", "2 d"];
        assert_eq!(times.map(told), texts);
        let sizes = [0, 812, 1_024, 4_500_000_000, 3 << 40];
        assert_eq!(sizes.map(bytes), ["0 B", "812 B", "1.0 KiB", "4.2 GiB", "3.0 TiB"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(short("r1_okomzwwyjgm67wtr4bk6kqqgcq"), "r1_okomzwwy…");
        assert_eq!(short("consult-0a1b2c3d"), "consult-0a1b2c3d");
        assert_eq!(wrapped("one two three four", 11, 2), "one two\n  three\n  four");
        assert_eq!(moment(Timestamp::from_millis(1_795_168_800_027)), "2026-11-20 10:00:00");
    }
}
