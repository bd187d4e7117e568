//! What stands in front of a message: the styles of `log show`, Console's columns, syslog, NSLog, JSON.

use super::Proc;
use super::cut::{after, between, known, number};
use crate::read::crash::loose::{self, Json};

/// A line without its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Who logged it; empty when the line has no prefix.
    pub logger: Proc,
    /// The message, subsystem and sender brackets taken off.
    pub text: String,
}

/// Takes the prefix off a cleaned line.
pub(super) fn split(line: &str) -> Message {
    if let Some(message) = of_json(line) {
        return message;
    }
    let (logger, text) = of_console(line).or_else(|| of_log_show(line)).or_else(|| of_syslog(line)).unwrap_or((Proc::default(), line));
    Message { logger, text: without_brackets(text.trim_start()).to_owned() }
}

/// `{"eventMessage":"…","processImagePath":"…",…}`, also one member on its own line.
fn of_json(line: &str) -> Option<Message> {
    let at = line.find("\"eventMessage\"")?;
    let members = loose::parse_members(line, at);
    let text = members.value.get("eventMessage").and_then(Json::text)?.trim().to_owned();
    let all = line.find('{').map(|open| loose::parse(line, open).value).unwrap_or(members.value);
    let path = all.get("processImagePath").and_then(Json::text).or_else(|| all.get("process").and_then(Json::text));
    let logger = Proc {
        name: path.and_then(|path| known(super::cut::file_name(path))),
        pid: all.get("processID").and_then(Json::number),
        ..Proc::default()
    };
    Some(Message { logger, text })
}

/// `default⇥11:05:42.771190+0200⇥kernel⇥message`, tabs or blanks.
fn of_console(line: &str) -> Option<(Proc, &str)> {
    if let Some(columns) = of_columns(line) {
        return Some(columns);
    }
    let (level, rest) = line.split_once(['\t', ' '])?;
    if !matches!(level, "default" | "error" | "fault" | "info" | "debug" | "Default" | "Error" | "Fault" | "Info" | "Debug") {
        return None;
    }
    let (time, rest) = rest.trim_start().split_once(['\t', ' '])?;
    if !is_clock(time) {
        return None;
    }
    // A process name may hold blanks: with tabs it ends at the tab.
    let (name, text) = if rest.contains('\t') { rest.trim_start().split_once('\t')? } else { rest.trim_start().split_once(' ')? };
    Some((Proc { name: known(name), ..Proc::default() }, text))
}

/// Console's columns with tabs: the level is a word of the user's language (`erreur`, `par défaut`, `Fehler`), the time may carry its zone after a blank,
/// and a column for the library may stand before the message.
fn of_columns(line: &str) -> Option<(Proc, &str)> {
    let (level, rest) = line.split_once('\t')?;
    let (time, rest) = rest.split_once('\t')?;
    let (name, text) = rest.split_once('\t')?;
    let is_level = !level.is_empty() && level.chars().count() <= 24 && level.chars().all(|c| c.is_alphabetic() || c == ' ');
    if !is_level || !is_clock(time.trim_start()) || time.len() > 32 || name.len() > 128 {
        return None;
    }
    let text = match text.split_once('\t') {
        Some((library, message)) if !library.is_empty() && library.len() <= 64 && !library.contains([':', '/', '"']) => message,
        _ => text,
    };
    let (name, pid) = match name.split_once('[') {
        Some((name, pid)) => (name, pid.trim_end_matches(']').parse().ok()),
        None => (name, None),
    };
    Some((Proc { name: known(name), pid, ..Proc::default() }, text))
}

fn is_clock(text: &str) -> bool {
    text.len() >= 8 && text.bytes().take(2).all(|byte| byte.is_ascii_digit()) && text.bytes().filter(|byte| *byte == b':').count() >= 2
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().filter(|byte| *byte == b'-').count() == 2
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// `log show` in its default, syslog and compact styles, and NSLog.
fn of_log_show(line: &str) -> Option<(Proc, &str)> {
    let (date, rest) = line.trim_start().split_once(' ')?;
    if !is_date(date) {
        return None;
    }
    let (time, rest) = rest.trim_start().split_once(' ')?;
    if !is_clock(time) {
        return None;
    }
    let rest = rest.trim_start();
    if rest.starts_with("0x") {
        return of_default_style(rest);
    }
    // Compact (`Df tccd[402:1e3f] …`), syslog (`localhost tccd[402]: …`) or NSLog (`App[402:1e3f] …`).
    let skip_one = rest.split_once(' ').map(|(_, rest)| rest.trim_start());
    let first_is_process = rest.split_once(' ').is_some_and(|(word, _)| word.contains('['));
    bracketed(if first_is_process { rest } else { skip_one? })
}

/// `0x1f3ac04  Default     0x0    0      0    kernel: message`.
fn of_default_style(rest: &str) -> Option<(Proc, &str)> {
    let mut rest = rest;
    let mut pid = None;
    for column in 0..5 {
        let (word, tail) = rest.trim_start().split_once(' ')?;
        if column == 3 {
            pid = word.parse().ok();
        }
        rest = tail;
    }
    let (name, text) = rest.trim_start().split_once(": ").or_else(|| rest.trim_start().split_once(':'))?;
    Some((Proc { name: known(name), pid, ..Proc::default() }, text))
}

/// `name[pid:thread] message` or `name[pid]: message`.
fn bracketed(text: &str) -> Option<(Proc, &str)> {
    let (name, rest) = text.split_once('[')?;
    let pid = number(rest)?;
    let (_, rest) = rest.split_once(']')?;
    if name.len() > 128 || name.contains(['{', '"', '=']) {
        return None;
    }
    let text = rest.strip_prefix(':').unwrap_or(rest);
    Some((Proc { name: known(name), pid: u64::try_from(pid).ok(), ..Proc::default() }, text))
}

/// `kernel[0]: message`: what is left when date and machine were cut off.
pub(super) fn names_process(line: &str) -> bool {
    let Some((name, rest)) = line.trim_start().split_once('[') else { return false };
    let Some((pid, rest)) = rest.split_once(']') else { return false };
    let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-_".contains(&byte));
    is_name && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with(": ")
}

/// `Mar 30 08:12:50 host kernel[0]: message`.
fn of_syslog(line: &str) -> Option<(Proc, &str)> {
    let (month, rest) = line.trim_start().split_once(' ')?;
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if !MONTHS.contains(&month) {
        return None;
    }
    let (day, rest) = rest.trim_start().split_once(' ')?;
    day.parse::<u8>().ok()?;
    let (time, rest) = rest.trim_start().split_once(' ')?;
    if !is_clock(time) {
        return None;
    }
    let (_host, rest) = rest.trim_start().split_once(' ')?;
    bracketed(rest)
}

/// Takes `(Sender)` and `[subsystem:category]` off.
fn without_brackets(text: &str) -> &str {
    let mut text = text;
    for _ in 0..2 {
        let trimmed = text.trim_start();
        let end = match trimmed.chars().next() {
            Some('(') if !trimmed.starts_with("(lldb)") => trimmed.split_once(") "),
            Some('[')
                if trimmed
                    .split(']')
                    .next()
                    .is_some_and(|head| head.starts_with("[com.") || head.contains(':') && !head.contains([' ', '<'])) =>
            {
                trimmed.split_once("] ")
            }
            _ => None,
        };
        match end {
            Some((head, rest)) if head.len() < 128 && !head.contains("0x") => text = rest,
            _ => return text,
        }
    }
    text
}

/// `name(pid)` or `pid[name]` or `name[pid]`.
pub(super) fn process(text: &str) -> Proc {
    let text = text.trim();
    let (before, inside) = match text.split_once(['(', '[']) {
        Some((before, rest)) => (before.trim(), rest.split([')', ']']).next().unwrap_or(rest)),
        None => (text, ""),
    };
    let (name, pid) = match (before.parse::<u64>(), inside.trim().parse::<u64>()) {
        (Ok(pid), _) => (inside, Some(pid)),
        (_, pid) => (before, pid.ok()),
    };
    Proc { name: known(name), pid, ..Proc::default() }
}

/// A code identity in braces, as tccd prints it; `text` begins after `accessing=`, `ACC:` …
pub(super) fn identity(text: &str) -> Option<Proc> {
    let body = text.trim_start().strip_prefix('{')?;
    // Paths may hold braces and commas: the identity ends at a brace before a comma, semicolon, blank or the end.
    let ends = ["},", "};", "} ", "}}"].iter().filter_map(|mark| body.find(mark)).min();
    let body = body.get(..ends.unwrap_or(body.len())).unwrap_or(body);
    let body = if ends.is_none() { body.trim_end().trim_end_matches('}') } else { body };
    let field = |names: &[&str], stops: &[&str]| {
        names.iter().find_map(|name| after(body, name)).and_then(|value| {
            let end = stops.iter().filter_map(|stop| value.find(stop)).min().unwrap_or(value.len());
            known(value.get(..end)?)
        })
    };
    let stops = [", pid=", ", PID", ", auid", ", euid", ", binary", ", responsible_path"];
    let identifier = field(&["identifier=", "ID: "], &stops);
    let path =
        field(&["binary_path=", "binary path: "], &[", responsible_path=", ", team"]).or_else(|| field(&["responsible_path="], &stops));
    let pid = between(body, "pid=", ",").or_else(|| between(body, "PID[", "]")).and_then(number);
    let name = path.as_deref().map(super::cut::file_name).map(str::to_owned);
    Some(Proc { name, pid: pid.and_then(|pid| u64::try_from(pid).ok()), identifier, path })
}
