//! Notary logs: the JSON of `notarytool log`, whole, cut or in the middle of a transcript, and its sentences alone.

use super::{LogFact, LogLine, quote_of};
use crate::read::crash::loose::{self, Json};

/// Longest text in which a notary log is looked for: real ones are a few megabytes.
const MAX_BYTES: usize = 64 << 20;
const MAX_ISSUES: usize = 10_000;

/// Sentences that stand alone in tools' output (`altool`, fastlane, electron-builder).
const SENTENCES: [&str; 10] = [
    "The signature of the binary is invalid",
    "The binary is not signed",
    "The signature does not include a secure timestamp",
    "requests the com.apple.security.get-task-allow entitlement",
    "does not have the hardened runtime enabled",
    "uses an SDK older than",
    "Embedded entitlements are invalid",
    "not signed with a valid Developer ID certificate",
    "contents of the package could not be extracted",
    "rchive contains critical validation errors",
];

/// True when a text holds a notary log.
pub(super) fn is_one(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    // A log that lost its head is known by the members of an issue.
    let issue =
        has("\"severity\"") && (has("\"issues\"") || has("\"docUrl\"") || has("\"message\"") && has("\"architecture\"")) || is_shown(text);
    text.len() <= MAX_BYTES && (has("\"logFormatVersion\"") || issue || is_piece(text))
}

/// Objects as a browser shows them: names without quotes.
fn is_shown(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    !has("\"severity\"") && has("severity: \"") && has("path: \"") && has("message: \"")
}

/// One issue that lost its head: its path and its message, which is one of the service's.
fn is_piece(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let said = |line: &str| line.contains("\"message\"") && SENTENCES.iter().any(|sentence| line.contains(sentence));
    !has("\"severity\"") && has("\"path\"") && has("\"message\"") && text.lines().any(said)
}

/// The issues of the logs in a cleaned text; `original` has the same lines and is quoted.
pub(super) fn read(cleaned: &str, original: &str) -> Vec<LogLine> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    let mut line = 1_u32;
    let first_member = match () {
        () if is_piece(cleaned) => "\"path\"",
        () if is_shown(cleaned) => "severity:",
        () => "\"severity\"",
    };
    // An issue is an object with a severity; its brace is found from the key, so that a log without its head is read too.
    while found.len() < MAX_ISSUES {
        let rest = cleaned.get(at..).unwrap_or("");
        let Some(key) = rest.find(first_member) else { break };
        let open = rest
            .get(..key)
            .and_then(|before| before.rfind(['{', '}']))
            .filter(|brace| rest.get(*brace..).is_some_and(|text| text.starts_with('{')));
        let start = at.saturating_add(open.unwrap_or(key));
        let parsed = if open.is_some() { loose::parse(cleaned, start) } else { loose::parse_members(cleaned, start) };
        let end = parsed.end.max(at.saturating_add(key).saturating_add(1)).min(cleaned.len());
        let skipped = cleaned.get(at..start).unwrap_or("");
        line = line.saturating_add(newlines(skipped));
        if let Some(fact) = issue(&parsed.value) {
            let inside = parsed.value.member("message").and_then(|member| cleaned.get(start..member.at)).map_or(0, newlines);
            let number = line.saturating_add(inside);
            let index = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
            found.push((number, index, fact));
        }
        line = line.saturating_add(cleaned.get(start..end).map_or(0, newlines));
        at = end;
        while !cleaned.is_char_boundary(at) {
            at = at.saturating_add(1);
        }
    }
    let mut lines = original.lines().enumerate();
    found
        .into_iter()
        .map(|(number, index, fact)| {
            // Issues of one line (compact JSON) share its quote.
            let text = lines.by_ref().find(|(at, _)| *at >= index).map_or("", |(_, text)| text);
            LogLine { line: number, quote: quote_of(text), fact }
        })
        .collect()
}

fn newlines(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX)
}

fn issue(value: &Json) -> Option<LogFact> {
    let text = |key: &str| value.get(key).and_then(Json::text).map(str::to_owned);
    Some(LogFact::NotaryIssue {
        message: text("message")?,
        path: text("path").unwrap_or_default(),
        arch: text("architecture"),
        is_error: text("severity").is_none_or(|severity| severity != "warning"),
    })
}

/// File and sentence of an issue; `None` for any other fact.
pub(super) fn said(fact: &LogFact) -> Option<(&str, &str)> {
    match fact {
        LogFact::NotaryIssue { path, message, .. } => Some((path, message)),
        _ => None,
    }
}

/// A sentence of the service in other output: `path: sentence`, `[warning]: (path): sentence`, `message: "sentence"`.
pub(super) fn sentence(text: &str, out: &mut Vec<LogFact>) {
    // 68 is `EX_NOHOST`: Apple's server was not reached (sysexits.h).
    if text.contains("action failed! Error 68") {
        out.push(LogFact::Noise { why: "stapler did not reach Apple's server; that says nothing of the ticket" });
        return;
    }
    let ticket = text.contains("The staple and validate action failed") || text.contains("Could not find base64 encoded ticket");
    if ticket || text.contains("status: Invalid") || text.contains("\"status\":\"Invalid\"") {
        out.push(LogFact::NotaryUnread { ticket });
        return;
    }
    if !SENTENCES.iter().any(|sentence| text.contains(sentence)) || text.contains("\"message\"") || text.contains("statusSummary") {
        return;
    }
    let text = text.trim();
    let text = text.strip_prefix("message:").map_or(text, |rest| rest.trim().trim_end_matches(',').trim_matches('"'));
    let (is_error, text) = match text.strip_prefix('[').and_then(|text| text.split_once("]: ")) {
        Some((severity, rest)) if matches!(severity, "warning" | "error") => (severity == "error", rest),
        _ => (true, text),
    };
    let (path, message) = match text.split_once(": ") {
        Some((path, message)) if path.contains('/') && SENTENCES.iter().any(|sentence| message.contains(sentence)) => {
            (path.trim().trim_matches(['(', ')']), message.trim())
        }
        _ => ("", text.trim()),
    };
    out.push(LogFact::NotaryIssue { path: path.into(), message: message.chars().take(300).collect(), arch: None, is_error });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{LogFact, read};

    fn issues(text: &str) -> Vec<(String, String, bool)> {
        let of = |fact| match fact {
            LogFact::NotaryIssue { path, message, is_error, .. } => Some((path, message, is_error)),
            _ => None,
        };
        read(text).into_iter().filter_map(|line| of(line.fact)).collect()
    }

    #[test]
    fn a_sentence_has_its_file_and_its_severity() {
        let says = "The binary is not signed.";
        let issue = |path: &str, is_error| vec![(path.to_owned(), says.to_owned(), is_error)];
        assert_eq!(issues(&format!("[warning]: (go/bin/go): {says}\n")), issue("go/bin/go", false));
        assert_eq!(issues(&format!("[error]: (go/bin/go): {says}\n")), issue("go/bin/go", true));
        assert_eq!(issues(&format!("A.app/x: {says}\n")), issue("A.app/x", true));
    }

    #[test]
    fn objects_without_quotes_around_their_names_are_read_once() {
        let text = "{\nseverity: \"error\",\ncode: null,\npath: \"A.dmg/A.app/x.jnilib\",\nmessage: \"The binary is not signed.\",\narchitecture: \"x86_64\"\n}\n";
        assert_eq!(issues(text), [("A.dmg/A.app/x.jnilib".to_owned(), "The binary is not signed.".to_owned(), true)]);
    }
}
