//! dyld's refusals: the `tried:` lists of dyld4, the `Did find:` lists of dyld2, and the runtimes that pass them on.

use super::cut::{after, between, known, until};
use super::{LoadFailure, TriedReason};

/// Most lines of one message, and most candidates that are read.
pub(super) const MAX_LINES: usize = 60;
const MAX_CANDIDATES: usize = 400;
const MAX_BYTES: usize = 64 << 10;
/// Bytes at the end of a text that tell how it ends: room for a path, and for the longest sentence. A message is asked after each of its lines, so that more
/// would take the square of its length.
const PATH_TAIL: usize = 4 << 10;
const SENTENCE_TAIL: usize = 512;

/// Joins the lines of a message that begins with `first`. Returns the text and how many following lines belong to it.
pub(super) fn block(first: &str, following: impl Iterator<Item = String>) -> (String, usize) {
    let mut text = straight(first);
    let mut taken = 0_usize;
    let mut wanted = wants_more(&text);
    let alone = is_reason_alone(first);
    for line in following.take(MAX_LINES) {
        let line = straight(&line);
        let start = line.trim_start();
        let named = ["Referenced from:", "Reason:", "tried:", "Expected in:", "Did find:", "in /", "using Library Validation"]
            .iter()
            .any(|mark| start.starts_with(mark));
        let candidate = (start.starts_with('/') && start.contains(": ") || start.starts_with('@')) && text.contains("Did find:");
        let listed = start.starts_with("'/") && text.contains("tried:");
        let of_reason = alone && taken == 0 && unreadable(start).is_some();
        if text.len() > MAX_BYTES || start.is_empty() || !(named || candidate || listed || of_reason || wanted) {
            break;
        }
        // A window of fixed width breaks a path anywhere.
        if !is_inside_path(&text) {
            text.push('\n');
        }
        text.push_str(&line);
        taken = taken.saturating_add(1);
        wanted = wants_more(&text);
    }
    (text, taken)
}

/// Quotes as dyld writes them: a word processor curls them.
fn straight(text: &str) -> String {
    text.replace(['\u{2018}', '\u{2019}'], "'")
}

/// A reason that somebody pasted without the beginning of its sentence: of the message only the words and the next line are left.
fn is_reason_alone(text: &str) -> bool {
    let said = text.trim_start();
    let said = said.strip_prefix("Reason:").map_or(said, str::trim_start);
    ["mapping process and mapped file", "mapped file has no"].iter().any(|words| said.starts_with(words))
}

/// A reason of library validation that somebody quotes to its end, without the sentence that names a file; the case of `Team` varies.
fn whole_reason(text: &str) -> Option<TriedReason> {
    const WHOLE: [(TriedReason, &str); 4] = [
        (TriedReason::DifferentTeams, "mapping process and mapped file (non-platform) have different team ids"),
        (TriedReason::NoTeam, "mapped file has no team id and is not a platform binary"),
        (TriedReason::Unsigned, "mapped file has no cdhash, completely unsigned"),
        (TriedReason::PlatformProcess, "mapping process is a platform binary, but mapped file is not"),
    ];
    let words = one_line(text).to_ascii_lowercase();
    WHOLE.iter().find(|(_, whole)| words.contains(whole)).map(|(reason, _)| *reason)
}

/// `/path: stat() failed with errno=1`, with which dyld2 ends its list: the path.
fn unreadable(line: &str) -> Option<&str> {
    line.trim_start().split_once(": stat() failed with errno").map(|(path, _)| path).filter(|path| path.starts_with('/'))
}

/// One blank for each run of blanks and line ends: a window of fixed width leaves both in the middle of a sentence.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The end of a text, at most `count` bytes.
fn tail(text: &str, count: usize) -> &str {
    let start = text.len().saturating_sub(count);
    (start..text.len()).find_map(|at| text.get(at..)).unwrap_or(text)
}

/// What follows the last `code signature in` of a text, when it is near the end. `contains` is many times faster than a search from behind.
fn last_signature(text: &str) -> Option<&str> {
    const WORDS: &str = "code signature in";
    let end = tail(text, PATH_TAIL);
    end.contains(WORDS).then(|| end.rsplit_once(WORDS))?.map(|(_, rest)| rest)
}

/// dyld2's `path: code signature in (path) not valid for use in …`, of which the line ends before the second path or among the words that follow it.
fn is_in_beginning(text: &str) -> bool {
    let rest = last_signature(text).filter(|rest| !rest.contains("not valid for use in process"));
    let words = rest.and_then(|rest| rest.rsplit_once(')')).map(|(_, words)| words.trim());
    [": code", "code signature", "code signature in"].iter().any(|words| text.ends_with(words))
        || words.is_some_and(|words| "not valid for use in".starts_with(words))
}

/// dyld2's `code signature in (path) not valid …`, of which the line ends within the path.
fn is_inside_path(text: &str) -> bool {
    let path = last_signature(text).and_then(|rest| rest.trim_start().strip_prefix('('));
    path.is_some_and(|path| path.starts_with('/') && !path.contains(')')) && !text.contains("tried:")
}

/// `not valid for use in process: library load disallowed by system policy`, of which the line ends within the words that tell Gatekeeper from library
/// validation; dyld2 puts `using Library Validation` before the colon.
fn is_inside_policy(text: &str) -> bool {
    const BEGINNING: &str = "not valid for use in";
    const WORDS: [&str; 2] = [
        " process: library load disallowed by system policy",
        " process using library validation: library load disallowed by system policy",
    ];
    let end = tail(text, SENTENCE_TAIL);
    if !end.contains("valid") {
        return false;
    }
    let words = one_line(end).to_lowercase();
    let Some((_, said)) = words.rsplit_once(BEGINNING) else { return false };
    said != " process" && WORDS.iter().any(|words| words.starts_with(said)) && !WORDS.contains(&said)
}

/// A `tried:` list that goes on in the next line: it ends with a comma, or inside quotes or brackets.
fn wants_more(text: &str) -> bool {
    let Some(list) = after(text, "tried:") else {
        let end = text.trim_end();
        return ["Did find:", "Reason:", ": no suitable", ": no suitable image"].iter().any(|mark| end.ends_with(mark))
            || is_in_beginning(end)
            || is_inside_path(text)
            || is_inside_policy(text);
    };
    let list = list.trim_end();
    let open = list.matches('(').count() > list.matches(')').count();
    list.is_empty() || list.ends_with(',') || open || !list.matches('\'').count().is_multiple_of(2)
}

/// Reads a joined message.
pub(super) fn read(text: &str) -> Option<LoadFailure> {
    let inserted = text.contains("inserted dylib")
        || text.contains("inserted library")
        || text.contains("DYLD_INSERT_LIBRARIES") && text.contains("could not be loaded");
    let is_dlopen = text.contains("dlopen(") || text.contains("dlopen failed") || text.contains("dlopen_preflight(");
    if let Some(failure) = dependent(text).or_else(|| unknown_command(text)) {
        return Some(failure);
    }
    let candidates = candidates(text);
    let (reason, file, words) = strongest(&candidates).or_else(|| plain(text))?;
    let name = name(text).or_else(|| file.clone()).unwrap_or_default();
    // Other tools say "image not found" too.
    if name.is_empty() && !text.contains("Reason:") && whole_reason(text).is_none() {
        return None;
    }
    let referenced_from =
        between(text, "Referenced from:", "\n").map(|from| until(until(from, " Reason:"), " Expected in:")).and_then(|from| {
            let from = from.trim();
            known(if from.starts_with('<') { after(from, "> ").unwrap_or(from) } else { from })
        });
    let arch = (reason == TriedReason::WrongArch).then(|| arch(&words)).flatten();
    Some(LoadFailure { name, referenced_from, reason, file, arch, is_dlopen, inserted })
}

/// dyld3: `can't resolve symbol ‹symbol› in ‹image› because dependent dylib ‹name› could not be loaded`. So it says it of a library that may be missing and is
/// needed nevertheless (dyld-852: dyld3/ClosureBuilder.cpp).
fn dependent(text: &str) -> Option<LoadFailure> {
    let rest = after(text, "can't resolve symbol ")?;
    let (asked, library) = rest.split_once(" because dependent dylib ")?;
    Some(LoadFailure {
        name: known(library.split_once(" could not be loaded")?.0)?,
        referenced_from: after(asked, " in ").and_then(known),
        reason: TriedReason::Missing,
        file: None,
        arch: None,
        is_dlopen: false,
        inserted: false,
    })
}

/// dyld2: `cannot load '‹file›' (load command 0x80000034 is unknown)`: linked for a newer macOS than runs it.
fn unknown_command(text: &str) -> Option<LoadFailure> {
    let (before, _) = text.split_once("' (load command 0x").filter(|(_, rest)| rest.contains(" is unknown)"))?;
    Some(LoadFailure {
        name: after(before, "cannot load '").and_then(known)?,
        referenced_from: None,
        reason: TriedReason::OtherFault,
        file: None,
        arch: None,
        is_dlopen: false,
        inserted: false,
    })
}

/// `System.DllNotFoundException: libc`: .NET and Mono looked for a library by its bare name. By itself that is any missing file; it tells something where
/// a `DYLD_` variable was set to be searched (mono/mono#16084).
pub(super) fn not_found_by_name(text: &str) -> Option<LoadFailure> {
    let rest = after(text, "DllNotFoundException: ")?;
    let rest = rest.strip_prefix("Unable to load shared library '").unwrap_or(rest);
    let name = known(until(until(rest, "'"), " "))?;
    Some(LoadFailure {
        name,
        referenced_from: None,
        reason: TriedReason::Missing,
        file: None,
        arch: None,
        is_dlopen: true,
        inserted: false,
    })
}

/// Install name or path asked for.
fn name(text: &str) -> Option<String> {
    let to_end = |rest: &str| known(until(until(until(rest, "\n"), " Referenced from:"), " Reason:"));
    if let Some(rest) = after(text, "Library not loaded:") {
        return to_end(rest);
    }
    for mark in ["inserted dylib '", "inserted library '"] {
        if let Some(path) = between(text, mark, "'") {
            return known(path);
        }
    }
    if let Some(rest) = after(text, "dlopen(").or_else(|| after(text, "dlopen_preflight(")) {
        // The mode follows the last comma before the bracket; a path may hold brackets itself.
        let call = rest.split_once("): ").map_or(until(rest, "\n"), |(call, _)| call);
        let path = call.rsplit_once(", ").map_or(call, |(path, _)| path);
        return known(path.trim_end_matches(')'));
    }
    if text.contains("Symbol not found") {
        let file = after(text, "Expected in:").map(|rest| until(rest, "\n").trim());
        let file = file.map(|file| if file.starts_with('<') { after(file, "> ").unwrap_or(file) } else { file });
        // No library in particular should have had it: then the one that asks does not fit.
        let asks = || after(text, "Referenced from:").map(|rest| until(rest, "\n").trim());
        let file = file.filter(|file| !matches!(*file, "flat namespace" | "dynamic lookup")).or_else(asks);
        let file = file.map(|file| until(file, " (which was built for "));
        return file.and_then(known).or_else(|| between(text, "Symbol not found:", "\n").and_then(known));
    }
    None
}

/// (file, reason words) of each candidate.
fn candidates(text: &str) -> Vec<(String, String)> {
    if let Some(list) = after(text, "tried:") {
        return tried(list);
    }
    if let Some(list) = after(text, "Did find:") {
        return did_find(list);
    }
    Vec::new()
}

/// `'path' (reason), 'path' (reason)`: reasons hold brackets and quotes themselves, so brackets are counted.
fn tried(list: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = list;
    while found.len() < MAX_CANDIDATES {
        let Some((_, tail)) = rest.split_once('\'') else { break };
        let Some((path, tail)) = tail.split_once("' (").or_else(|| tail.split_once("'\n(")) else { break };
        let mut depth = 1_usize;
        let mut end = tail.len();
        for (at, c) in tail.char_indices() {
            match c {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                end = at;
                break;
            }
        }
        found.push((path.trim().replace('\n', " "), tail.get(..end).unwrap_or(tail).replace('\n', " ")));
        rest = tail.get(end..).unwrap_or("");
    }
    found
}

/// dyld2: a line `/path: reason` for each candidate. A reason may go on in the next lines.
fn did_find(list: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in list.split(['\n', '\t']).map(str::trim).filter(|line| !line.is_empty()) {
        match (line.split_once(": ").filter(|_| line.starts_with(['/', '@', '.'])), found.last_mut()) {
            (Some((path, reason)), _) => found.push((path.to_owned(), reason.to_owned())),
            (None, Some((_, reason)))
                if is_in_beginning(&format!(": {reason}")) || is_inside_policy(reason) || line.starts_with("using Library Validation") =>
            {
                *reason = format!("{reason} {line}");
            }
            _ => {}
        }
        if found.len() >= MAX_CANDIDATES {
            break;
        }
    }
    found
}

/// The candidate whose reason decides. The first of several equal ones.
fn strongest(candidates: &[(String, String)]) -> Option<(TriedReason, Option<String>, String)> {
    let mut best: Option<(TriedReason, Option<String>, String)> = None;
    for (path, words) in candidates {
        let reason = classify(words);
        if best.as_ref().is_none_or(|(known, ..)| weight(reason) > weight(*known)) {
            best = Some((reason, known(path), words.clone()));
        }
    }
    best
}

/// A cut library-validation reason is weaker than a whole one, which says the same and why.
fn weight(reason: TriedReason) -> (TriedReason, bool) {
    if reason == TriedReason::LibraryValidation { (TriedReason::BadSignature, true) } else { (reason, false) }
}

/// A message without a list of candidates.
fn plain(text: &str) -> Option<(TriedReason, Option<String>, String)> {
    let words = one_line(text);
    let decides = [
        "not valid for use in process",
        "Library not loaded",
        "dlopen",
        "inserted",
        "Symbol not found",
        "code sign",
        "image not found",
        "unsafe use of",
        "not allowed in hardened",
        "@ path expansion",
    ];
    let of_reason = if is_reason_alone(text) { text.lines().skip(1).find_map(unreadable) } else { None };
    let quoted = whole_reason(&words);
    if of_reason.is_none() && quoted.is_none() && !decides.iter().any(|mark| words.contains(mark)) {
        return None;
    }
    // The path in `code signature in (path) …`, `blocked mmap() of 'path'`, `… in <uuid> 'path'`.
    let file =
        between(&words, "code signature in (", ")").or_else(|| between(&words, "mmap() of '", "'")).or_else(|| between(&words, "> '", "'"));
    // A quote may begin in the middle of the sentence: `'path' not valid for use in process`.
    let file = file.or_else(|| words.split_once("' not valid for use in process").and_then(|(before, _)| before.rsplit('\'').next()));
    let file = file.or_else(|| bare_name(&words)).or(of_reason);
    let reason_words = after(&words, "Reason:").unwrap_or(&words).to_owned();
    let known_reason = quoted.or_else(|| classify_known(&reason_words));
    // Without words of a reason a mention of dlopen is no failure.
    let reason = match known_reason {
        Some(reason) => reason,
        None if words.contains("Library not loaded") => match after(&words, "Reason:").map(str::trim) {
            Some(reason) if reason.starts_with("tried") => TriedReason::Missing,
            None | Some("") => TriedReason::Untold,
            Some(_) => TriedReason::OtherFault,
        },
        None => return None,
    };
    Some((reason, file.and_then(known), reason_words))
}

/// `…EchoCore not valid for use in process using Library Validation: mapped file …`: only a name, without quotes or brackets, is left of the beginning.
fn bare_name(words: &str) -> Option<&str> {
    let (before, said) = words.split_once(" not valid for use in process")?;
    let name = before.rsplit(' ').next()?.trim_start_matches(['.', '…', '-']);
    let is_name = name.contains(['/', '.']) || name.starts_with(|c: char| c.is_ascii_uppercase());
    (is_name && !name.ends_with([')', '\'', ':']) && said.contains("mapp")).then_some(name)
}

/// What the words of one candidate mean.
pub(super) fn classify(words: &str) -> TriedReason {
    classify_known(words).unwrap_or(TriedReason::OtherFault)
}

fn classify_known(words: &str) -> Option<TriedReason> {
    let has = |mark: &str| words.contains(mark);
    // Words first, then the cause: system policy stands inside "not valid for use in process", too.
    let table: [(TriedReason, &[&str]); 12] = [
        (TriedReason::DifferentTeams, &["have different Team IDs", "different Team ID", "mapping process and mapped file"]),
        (TriedReason::PlatformProcess, &["mapping process is a platform binary"]),
        (TriedReason::NoTeam, &["mapped file has no Team"]),
        (TriedReason::Unsigned, &["mapped file has no cdhash", "completely unsigned", "Trying to load an unsigned library"]),
        // macOS 10.15 wrote `Library load disallowed by System Policy` at first.
        (TriedReason::SystemPolicy, &["by system policy", "by System Policy"]),
        (
            TriedReason::LibraryValidation,
            &["not valid for use in process", "Library Validation", "code signature in <", "code signature in ("],
        ),
        (
            TriedReason::BadSignature,
            &[
                "code signature invalid",
                "code signature does not cover",
                "code signing blocked",
                "invalid code signature",
                "code signature in",
            ],
        ),
        (
            TriedReason::PathPolicy,
            &[
                "relative path not allowed",
                "relative paths not allowed",
                "@ path expansion",
                "unsafe use of",
                "relative file paths not allowed",
            ],
        ),
        (TriedReason::Sandbox, &["file system sandbox blocked", "sandbox blocked"]),
        (
            TriedReason::WrongArch,
            &[
                "incompatible architecture",
                "wrong architecture",
                "no matching architecture",
                "no suitable architecture",
                "missing compatible architecture",
            ],
        ),
        (TriedReason::NotMachO, &["not a mach-o", "unknown file type", "file too short", "not a dylib"]),
        (
            TriedReason::OtherFault,
            &[
                "Symbol not found",
                "symbol not found in",
                "incompatible library version",
                "Incompatible library version",
                "requires version",
                "malformed",
                "segment load command",
            ],
        ),
    ];
    let known = table.iter().find(|(_, marks)| marks.iter().any(|mark| has(mark))).map(|(reason, _)| *reason);
    let missing = ["no such file", "not in dyld cache", "image not found", "file not found", "No such file"];
    known.or_else(|| missing.iter().any(|mark| has(mark)).then_some(TriedReason::Missing))
}

/// `(have 'x86_64', need 'arm64e' or 'arm64')`.
fn arch(words: &str) -> Option<(String, String)> {
    let have = between(words, "have ", ", need")?.trim_matches(['\'', '(', ')', ' ']);
    let need = after(words, "need ")?.trim_end_matches(')').trim_matches(['(', ' ']);
    Some((have.replace('\'', ""), need.replace('\'', "")))
}
