//! Corrects what makes macOS refuse an entitlements text although its keys are plain to see.

use super::outline::{Outline, outline};
use super::{Replacement, replace};
use crate::read::entitlements::read_file;

/// Keys with these beginnings take `<true/>` and nothing else (Apple, "Hardened Runtime" and "App Sandbox"); a text or number there is a slip.
const BOOLEAN: [&str; 6] = [
    "com.apple.security.cs.",
    "com.apple.security.device.",
    "com.apple.security.personal-information.",
    "com.apple.security.automation.apple-events",
    "com.apple.security.get-task-allow",
    "com.apple.security.app-sandbox",
];

/// The text without byte order mark, comments and CRLF, and with booleans where a boolean key has `true` or `1` as a text or number.
///
/// `None` when it is still no property list that macOS reads (binary, unclosed tags, a key twice …): then a person must look.
pub fn mend(text: &str) -> Option<String> {
    if text.contains("<![CDATA[") {
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let text = without_comments(&text)?.replace("<true></true>", "<true/>").replace("<false></false>", "<false/>");
    let outline = outline(&text).ok()?;
    let mended = replace(&text, booleans(&outline));
    read_file(mended.as_bytes()).fatal().is_none().then_some(mended)
}

/// Comments go; one that has its lines for itself takes them along. `None` when one is not closed.
fn without_comments(text: &str) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        let body = &rest[start + "<!--".len()..];
        let end = start + "<!--".len() + body.find("-->")? + "-->".len();
        result.push_str(&rest[..start]);
        rest = &rest[end..];
        let line_start = result.rfind('\n').map_or(0, |position| position + 1);
        let alone = result[line_start..].trim().is_empty();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if alone && rest[blank..].starts_with('\n') {
            result.truncate(line_start);
            rest = &rest[blank + 1..];
        }
    }
    result.push_str(rest);
    Some(result)
}

fn booleans(outline: &Outline) -> Vec<Replacement> {
    let boolean = |key: &str| BOOLEAN.iter().any(|beginning| key.starts_with(beginning));
    let slips = outline.entries.iter().filter(|entry| boolean(&entry.key));
    let value = |source: &str| {
        let inner =
            ["string", "integer"].iter().find_map(|name| source.strip_prefix(&format!("<{name}>"))?.strip_suffix(&format!("</{name}>")))?;
        match inner.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some("<true/>"),
            "false" | "no" | "0" => Some("<false/>"),
            _ => None,
        }
    };
    slips.filter_map(|entry| Some(Replacement { range: entry.value_range.clone(), with: value(&entry.source)?.into() })).collect()
}
