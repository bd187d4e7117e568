//! `temper lint`: is this entitlements file what macOS takes, and does it say what its writer means?
//!
//! Stricter than `plutil -lint`, which accepts what codesign and AMFI refuse (Apple: Resolving common notarization issues). An Info.plist is recognised by its
//! keys: macOS reads it with another parser, so only its syntax and its usage descriptions are looked at.

use super::Answer;
use super::args::Format;
use crate::clean::{self, clean, clean_json};
use crate::detect::fault_words;
use crate::finding::Severity;
use crate::keys::{self, Place};
use crate::policy::RESOURCES;
use crate::read::entitlements::{self, Entitlements, Fault, FaultKind, Value};
use crate::read::{info_plist, lossy, macho};
use crate::system::System;
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(super) const EXIT_CODES: &str = "\
Exit status:
  0  OK (notes are no fault)
  1  something was found
  2  Temper failed, or was called wrongly";

/// Largest file that is read, in bytes.
const MAX_FILE: usize = 1 << 20;
/// Columns of a line that are shown.
const MAX_SHOWN: usize = 100;

/// Arguments of `temper lint`.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Entitlements files, or Info.plist files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
}

/// The answer on one file.
#[derive(Debug, Serialize)]
struct FileAnswer {
    file: String,
    /// No fault and no warning.
    ok: bool,
    /// entitlements, info-plist
    kind: &'static str,
    remarks: Vec<Remark>,
}

/// One remark.
#[derive(Debug, Serialize)]
struct Remark {
    id: &'static str,
    severity: &'static str,
    /// Line and column in characters, from 1; `None` where the file has none.
    line: Option<u32>,
    column: Option<u32>,
    key: Option<String>,
    message: String,
    /// Where what is known of the key comes from.
    source: Option<&'static str>,
}

/// Looks at all files. Beside the answer: why files could not be read, which makes the status 2.
pub fn lint(system: &dyn System, files: &[PathBuf], format: Format) -> anyhow::Result<(Answer, Vec<String>)> {
    let mut failures = Vec::new();
    let mut answers = Vec::new();
    let mut text = String::new();
    for file in files {
        match read(system, file) {
            Ok(bytes) => {
                let answer = judge(&file.to_string_lossy(), &bytes);
                render(&mut text, &answer, &bytes);
                answers.push(answer);
            }
            Err(why) => failures.push(format!("{}: {why}", file.display())),
        }
    }
    if format == Format::Json {
        text = clean_json(&serde_json::to_string_pretty(&answers)?) + "\n";
    }
    let status = match () {
        () if !failures.is_empty() => 2,
        () if answers.iter().all(|answer| answer.ok) => 0,
        () => 1,
    };
    Ok((Answer { text, status }, failures))
}

fn read(system: &dyn System, path: &Path) -> Result<Vec<u8>, String> {
    let bytes = system.canonical(path).and_then(|path| system.read_small(&path, MAX_FILE)).map_err(|error| error.to_string())?;
    if bytes.len() >= 8 && macho::looks_like_macho(&bytes) {
        return Err("a Mach-O file: 'temper display --entitlements' shows what is signed into it, 'temper check' judges it".into());
    }
    Ok(bytes)
}

fn judge(file: &str, bytes: &[u8]) -> FileAnswer {
    let set = entitlements::read_file(bytes);
    let is_info = entries(&set).iter().any(|(key, _)| key.starts_with("CFBundle"));
    let faults = set.xml_faults.iter().filter(|fault| !is_info || counts_in_info(fault, bytes)).map(|fault| of_fault(fault, is_info));
    let mut remarks: Vec<Remark> = faults.collect();
    remarks.extend(if is_info { of_info(bytes) } else { of_keys(&set, bytes) });
    // What has no place stands first.
    remarks.sort_by_key(|remark| (remark.line.unwrap_or(0), remark.column.unwrap_or(0)));
    let ok = remarks.iter().all(|remark| remark.severity == Severity::Note.word());
    FileAnswer { file: file.to_owned(), ok, kind: if is_info { "info-plist" } else { "entitlements" }, remarks }
}

fn entries(set: &Entitlements) -> &[(String, Value)] {
    if set.entries.is_empty() { &set.ignored } else { &set.entries }
}

/// CoreFoundation reads Info.plist: binary, with comments and in UTF-16 as well.
fn counts_in_info(fault: &Fault, bytes: &[u8]) -> bool {
    match fault.kind {
        FaultKind::Syntax | FaultKind::NotADictionary | FaultKind::DuplicateKey | FaultKind::BlankInKey => true,
        FaultKind::Encoding => info_plist::read(bytes).is_err(),
        _ => false,
    }
}

fn of_fault(fault: &Fault, is_info: bool) -> Remark {
    let id = match fault.kind {
        FaultKind::Syntax => "not-well-formed",
        FaultKind::DoubleHyphenComment => "double-hyphen-in-comment",
        FaultKind::Comment => "comment",
        FaultKind::BinaryPlist => "binary-plist",
        FaultKind::ByteOrderMark => "byte-order-mark",
        FaultKind::CarriageReturn => "carriage-return",
        FaultKind::Encoding => "encoding",
        FaultKind::DuplicateKey => "duplicate-key",
        FaultKind::NotADictionary => "not-a-dictionary",
        FaultKind::WrongType => "wrong-type",
        FaultKind::BlankInKey => "blank-in-key",
        FaultKind::OldStyle => "old-style-plist",
        FaultKind::BadDer => "bad-der",
    };
    let severity = if fault.kind.is_fatal() { Severity::Error } else { Severity::Warning };
    let words = fault_words(fault);
    // The place is said before the words; here it is said in its own way.
    let words = words.split_once(": ").filter(|_| fault.line > 0).map_or(words.as_str(), |(_, rest)| rest).to_owned();
    let advice = match fault.kind {
        _ if is_info => "",
        FaultKind::BinaryPlist => "; 'plutil -convert xml1 FILE' makes it XML",
        FaultKind::ByteOrderMark | FaultKind::Encoding => "; save it as UTF-8 without one",
        _ => "",
    };
    Remark {
        id,
        severity: severity.word(),
        line: Some(fault.line).filter(|line| *line > 0),
        column: Some(fault.column).filter(|_| fault.line > 0),
        key: None,
        message: format!("{words}{advice}"),
        source: None,
    }
}

fn of_keys(set: &Entitlements, bytes: &[u8]) -> Vec<Remark> {
    let has_fault = |key: &str| {
        set.xml_faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::WrongType | FaultKind::BlankInKey) && fault.detail.trim() == key.trim())
    };
    let notes = keys::judge(entries(set), &Place::default());
    // A fault of the text says it already, with the place of the value.
    let notes = notes.into_iter().filter(|note| !(has_fault(&note.key) && matches!(note.id, "key-wrong-type" | "key-misspelt")));
    notes
        .map(|note| {
            let place = place_of_key(bytes, &note.key);
            Remark {
                id: note.id,
                severity: note.severity.word(),
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
                source: keys::lookup(&note.key).map(|key| key.source),
                key: Some(note.key),
                message: note.message,
            }
        })
        .collect()
}

/// Usage descriptions that macOS does not look at, and empty ones, which count as missing.
fn of_info(bytes: &[u8]) -> Vec<Remark> {
    let Ok(info) = info_plist::read(bytes) else { return Vec::new() };
    let has = |key: &str| info.usage.iter().any(|(name, _)| name == key) || info.keys.iter().any(|name| name == key);
    let remark = |id, key: &str, message: String| {
        let place = place_of_key(bytes, key);
        Remark {
            id,
            severity: Severity::Warning.word(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            key: Some(key.to_owned()),
            message,
            source: Some("Apple: Requesting access to protected resources"),
        }
    };
    let mut all = Vec::new();
    for resource in RESOURCES.iter().filter(|resource| !resource.usage_keys.iter().any(|key| has(key))) {
        for wrong in resource.wrong_usage_keys.iter().filter(|key| has(key)) {
            let right = resource.usage_keys.first().copied().unwrap_or_default();
            all.push(remark("usage-key-without-effect", wrong, format!("{wrong} does nothing on macOS; the key is {right}")));
        }
    }
    for (key, text) in info.usage.iter().filter(|(_, text)| text.trim().is_empty()) {
        let what = if text.is_empty() { "is empty or no text" } else { "is blank" };
        all.push(remark("usage-description-empty", key, format!("{key} {what}, which counts as missing")));
    }
    all
}

/// Line and column of a key's name.
fn place_of_key(bytes: &[u8], key: &str) -> Option<(u32, u32)> {
    if bytes.starts_with(b"bplist") || key.is_empty() {
        return None;
    }
    let text = lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let name = key.replace('&', "&amp;").replace('<', "&lt;");
    let is_key = |at: usize| {
        let ends = text.get(at + name.len()..).is_some_and(|rest| rest.starts_with("</key>"));
        ends && text.get(..at).is_some_and(|before| before.ends_with("<key>"))
    };
    let at = text.match_indices(name.as_str()).map(|(at, _)| at).find(|at| is_key(*at))?;
    let before = text.get(..at)?;
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((u32::try_from(line).ok()?, u32::try_from(column).ok()?))
}

fn render(out: &mut String, answer: &FileAnswer, bytes: &[u8]) {
    let file = clean(&answer.file);
    if answer.ok {
        let _ = writeln!(out, "{file}: OK");
    }
    let text = lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    for remark in &answer.remarks {
        let place = remark.line.zip(remark.column);
        let said = place.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default();
        let _ = writeln!(out, "{file}: {said}{}: {}", remark.severity, clean(&remark.message));
        if let Some((line, column)) = place {
            caret(out, &text, line, column);
        }
    }
}

/// The line with a mark below the column. Long lines are cut around it.
fn caret(out: &mut String, text: &str, line: u32, column: u32) {
    let Some(shown) = text.split('\n').nth(line.saturating_sub(1) as usize) else { return };
    let at = (column.saturating_sub(1)) as usize;
    let start = if at < MAX_SHOWN { 0 } else { at - MAX_SHOWN / 2 };
    // One column for each character, so that the mark stands where it should.
    let plain = |c: char| if c.is_control() || clean::is_unsafe(c) { ' ' } else { c };
    let part: String = shown.chars().skip(start).take(MAX_SHOWN).map(plain).collect();
    if part.trim().is_empty() {
        return;
    }
    let number = line.to_string();
    let _ = writeln!(out, "  {number} | {}\n  {} | {}^", part.trim_end(), " ".repeat(number.len()), " ".repeat(at - start));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    fn plist(body: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n{body}</dict>\n</plist>\n")
    }

    fn said(text: impl AsRef<[u8]>) -> (String, u8) {
        let system = FakeSystem::new().file("/d/a.entitlements", text.as_ref().to_vec());
        let (answer, failures) = lint(&system, &["/d/a.entitlements".into()], Format::Text).expect("text never fails");
        assert_eq!(failures, Vec::<String>::new());
        (answer.text, answer.status)
    }

    #[test]
    fn a_good_file_is_ok_as_plutil_says_it() {
        let good = plist("\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n");
        assert_eq!(said(good), ("/d/a.entitlements: OK\n".into(), 0));
    }

    #[test]
    fn a_fault_has_its_line_its_column_and_a_mark() {
        let (text, status) = said(plist("\t<!-- use --options -->\n\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n"));
        assert_eq!(status, 1);
        assert_eq!(
            text,
            "/d/a.entitlements: line 4, column 11: error: two hyphens inside a comment, which the strict parser refuses (use --options)\n  \
               4 |  <!-- use --options -->\n    |           ^\n"
        );
    }

    #[test]
    fn what_plutil_accepts_and_macos_does_not_is_refused() {
        let good = plist("\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n");
        for (bytes, id) in [
            (format!("\u{feff}{good}").into_bytes(), "byte order mark"),
            (good.replace('\n', "\r\n").into_bytes(), "CRLF"),
            (plist("\t<!-- why -->\n").into_bytes(), "a comment"),
            (plist("\t<key>com.apple.security.cs.allow-jit</key>\n\t<string>true</string>\n").into_bytes(), "boolean key"),
            (plist("\t<key>com.apple.security.cs.allow-jit </key>\n\t<true/>\n").into_bytes(), "blanks around"),
            (plist("\t<key>a.b</key><true/><key>a.b</key><true/>\n").into_bytes(), "same key twice"),
            (b"bplist00\xd0\x08\0\0\0\0\0\0\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09".to_vec(), "binary property list"),
            (plist("\t<key>com.apple.security.cs.allow-jit</key>\n").into_bytes(), "not well-formed"),
        ] {
            let (text, status) = said(&bytes);
            assert_eq!(status, 1, "{text}");
            assert!(text.contains(id), "{id}: {text}");
        }
    }

    #[test]
    fn a_key_that_means_nothing_is_marked_where_it_stands() {
        let (text, status) = said(plist("\t<key>com.apple.security.cs.alow-jit</key>\n\t<true/>\n"));
        assert_eq!(status, 1);
        assert!(text.contains("line 4, column 7: warning: com.apple.security.cs.alow-jit is not a key of macOS: did you mean"), "{text}");
        assert!(text.contains("\n    |       ^\n"), "{text}");
    }

    #[test]
    fn notes_are_no_fault() {
        let (text, status) = said(plist("\t<key>com.apple.developer.endpoint-security.client</key>\n\t<true/>\n"));
        assert_eq!(status, 0);
        assert!(text.starts_with("/d/a.entitlements: OK\n") && text.contains("note: "), "{text}");
    }

    #[test]
    fn an_info_plist_may_have_comments_and_its_usage_keys_are_looked_at() {
        let fine = plist("\t<!-- why -- not -->\n\t<key>CFBundleIdentifier</key>\n\t<string>a</string>\n");
        assert_eq!(said(fine).1, 0);
        let (text, status) = said(plist(
            "\t<key>CFBundleIdentifier</key>\n\t<string>a</string>\n\t<key>NSCalendarUsageDescription</key>\n\t<string>to plan</string>\n",
        ));
        assert_eq!(status, 1);
        assert!(text.contains("line 6, column 7: warning: NSCalendarUsageDescription does nothing on macOS"), "{text}");
        let (text, _) =
            said(plist("\t<key>CFBundleName</key>\n\t<string>a</string>\n\t<key>NSCameraUsageDescription</key>\n\t<string> </string>\n"));
        assert!(text.contains("counts as missing"), "{text}");
    }

    #[test]
    fn json_says_the_same() {
        let system = FakeSystem::new().file("/d/a", plist("\t<key>com.apple.security.cs.alow-jit</key>\n\t<true/>\n"));
        let (answer, _) = lint(&system, &["/d/a".into()], Format::Json).expect("it can be written");
        let value: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!((value[0]["ok"].as_bool(), value[0]["remarks"][0]["id"].as_str()), (Some(false), Some("key-misspelt")));
        assert_eq!((value[0]["remarks"][0]["line"].as_u64(), value[0]["remarks"][0]["column"].as_u64()), (Some(4), Some(7)));
        assert_eq!(answer.status, 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_failure_and_the_others_are_looked_at() {
        let system = FakeSystem::new().file("/d/a", plist("")).file("/d/tool", vec![0xcf, 0xfa, 0xed, 0xfe, 12, 0, 0, 1, 0]);
        let (answer, failures) = lint(&system, &["/d/none".into(), "/d/a".into(), "/d/tool".into()], Format::Text).expect("text");
        assert_eq!((answer.text.as_str(), answer.status), ("/d/a: OK\n", 2));
        assert_eq!(failures.len(), 2);
        assert!(failures[1].contains("temper check"), "{failures:?}");
    }

    #[test]
    fn hostile_text_is_cleaned() {
        let (text, _) = said(plist("\t<key>com.example.\u{202e}x</key>\n\t<true/>\n"));
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}
