//! A case in one file: the facts that were read from an app and its evidence, and the verdict, with what names people, machines, teams and bundles
//! replaced. It can be attached to a bug report and opened again: the same facts give the same verdict, without the app.
//!
//! The form is JSON, `temper-case/1`. It holds facts, never contents: no code, no text of a report beyond the lines that were understood, no certificate.
//! What stays, because the verdict needs it: names of programs and files, entitlement keys, UUIDs and hashes of code, versions, dates.

mod redact;

use crate::evidence::{Evidence, Gap, TextFacts};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use thiserror::Error;

/// Form that is written and read.
const FORMAT: &str = "temper-case/1";
/// Largest case file that is read or written, in bytes.
pub const MAX_CASE: usize = 64 << 20;
/// Where the name of the form must stand, in bytes from the start.
const HEAD: usize = 200;

/// What was decided when the case was saved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `explained`, `other-cause` …
    pub verdict: String,
    /// Cause of the first diagnosis; `None` without one.
    pub cause: Option<String>,
    /// Its confidence.
    pub confidence: Option<String>,
}

/// Why there is no case.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CaseError {
    /// Not a case file, or one of another form; what to do.
    #[error("{0}")]
    Unreadable(String),
    /// It would be larger than Temper reads.
    #[error("the case would be larger than {} MiB", MAX_CASE >> 20)]
    TooLarge,
    /// The facts could not be written.
    #[error("the facts cannot be written: {0}")]
    Unwritable(String),
}

#[derive(Serialize, Deserialize)]
struct File<T> {
    format: String,
    temper: String,
    outcome: Outcome,
    facts: T,
}

/// True when a file that begins like this is a case file.
pub fn looks_like_case(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.get(..head.len().min(HEAD)).unwrap_or(head).trim_ascii_start();
    start.starts_with(b"{") && memchr::memmem::find(start, b"\"temper-case/").is_some()
}

/// The case as a file. The bytes were read back: they open.
pub fn write(evidence: &Evidence, outcome: &Outcome) -> Result<Vec<u8>, CaseError> {
    let facts = serde_json::to_value(without_places(evidence)).map_err(|error| CaseError::Unwritable(error.to_string()))?;
    // Names that are also common words are replaced everywhere; should that ever hit a word of the form itself, they are only where they are sure.
    let thorough = bytes(redact::redact(facts.clone(), true), outcome)?;
    match read(&thorough) {
        Ok(_) => Ok(thorough),
        Err(_) => {
            let careful = bytes(redact::redact(facts, false), outcome)?;
            read(&careful).map(|_| careful)
        }
    }
}

fn bytes(facts: serde_json::Value, outcome: &Outcome) -> Result<Vec<u8>, CaseError> {
    let file = File { format: FORMAT.to_owned(), temper: env!("CARGO_PKG_VERSION").to_owned(), outcome: outcome.clone(), facts };
    let mut bytes = serde_json::to_vec(&file).map_err(|error| CaseError::Unwritable(error.to_string()))?;
    bytes.push(b'\n');
    if bytes.len() > MAX_CASE { Err(CaseError::TooLarge) } else { Ok(bytes) }
}

/// Folders of this machine are no facts of the case.
fn without_places(evidence: &Evidence) -> Evidence {
    let mut evidence = evidence.clone();
    let name = PathBuf::from(evidence.target.path.file_name().unwrap_or_default());
    evidence.target.root.clone_from(&name);
    evidence.target.path = name;
    evidence.texts.iter_mut().for_each(|text| text.path = None);
    evidence
}

/// Reads a case file. The facts get a gap that says where they come from.
pub fn read(bytes: &[u8]) -> Result<(Evidence, Outcome), CaseError> {
    let unreadable = |why: String| CaseError::Unreadable(why);
    if bytes.len() > MAX_CASE {
        return Err(unreadable(format!("a case file larger than {} MiB is not read", MAX_CASE >> 20)));
    }
    if !looks_like_case(bytes) {
        return Err(unreadable("not a case file of Temper".into()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: File<serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|error| unreadable(format!("a damaged case file of Temper: {error}")))?;
    if file.format != FORMAT {
        let (theirs, ours) = (&file.format, FORMAT);
        return Err(unreadable(format!(
            "a case file of the form {theirs}; this Temper reads {ours}: use the Temper that wrote it ({})",
            file.temper
        )));
    }
    let mut evidence: Evidence = serde_json::from_value(file.facts).map_err(|error| {
        unreadable(format!("a case file whose facts this Temper does not know (Temper {} wrote it): {error}", file.temper))
    })?;
    in_order(&mut evidence);
    let cause = file.outcome.cause.as_deref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let why = format!(
        "opened from a case file that Temper {} saved with the verdict {}{cause}; the app was not read again, and names of people, teams and bundles are not the real ones",
        file.temper, file.outcome.verdict
    );
    evidence.gaps.push(Gap { path: PathBuf::new(), why });
    Ok((evidence, file.outcome))
}

/// What the other modules rely on: lists that are searched are sorted, indexes lead somewhere.
fn in_order(evidence: &mut Evidence) {
    evidence.files.sort();
    evidence.files.dedup();
    // Other names stand in another order.
    evidence.sort_images();
    let bundles = evidence.bundles.len();
    for image in &mut evidence.images {
        image.macho.undefined.sort_by(|a, b| a.name.cmp(&b.name));
        image.main_of = image.main_of.filter(|index| *index < bundles);
        image.bundle = image.bundle.filter(|index| *index < bundles);
    }
    for text in &mut evidence.texts {
        let TextFacts::Crash(report, _) = &mut text.facts else { continue };
        let images = report.images.len();
        report.frames.iter_mut().for_each(|frame| frame.image_index = frame.image_index.filter(|index| *index < images));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evidence::EvidenceText;
    use crate::read::log;

    const LOG: &str = "2026-03-02 10:14:22.000 kernel[0:1] Library Validation failed: Rejecting '/Users/zoe/Plug.bundle/Plug' (Team ID: none, \
        platform: no) for process 'Host(77)' (Team ID: 9ABCDE1234, platform: no), reason: mapping process and mapped file (non-platform) have \
        different Team IDs\n";

    fn evidence() -> Evidence {
        let facts = TextFacts::Log(log::read(LOG));
        Evidence {
            texts: vec![EvidenceText {
                source: "log.txt".into(),
                path: Some("/Users/zoe/log.txt".into()),
                kind: "log",
                facts,
                also: Vec::new(),
            }],
            ..Evidence::empty()
        }
    }

    #[test]
    fn code_is_found_by_path_though_other_names_stand_in_another_order() {
        let mut evidence = crate::evidence::sample::app();
        evidence.images.reverse();
        let outcome = Outcome { verdict: "healthy".into(), cause: None, confidence: None };
        let facts = serde_json::to_value(&evidence).unwrap();
        let (opened, _) = read(&bytes(facts, &outcome).unwrap()).unwrap();
        for image in &evidence.images {
            assert_eq!(opened.images_at(&image.path).count(), 1, "{}", image.path.display());
        }
    }

    #[test]
    fn a_case_opens_again_and_names_nobody() {
        let outcome = Outcome { verdict: "explained".into(), cause: Some("library-validation".into()), confidence: None };
        let bytes = write(&evidence(), &outcome).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(!text.contains("zoe") && !text.contains("9ABCDE1234"), "{text}");
        assert!(looks_like_case(&bytes));
        let (opened, saved) = read(&bytes).unwrap();
        assert_eq!(saved, outcome);
        assert!(matches!(&opened.texts[0].facts, TextFacts::Log(lines) if lines.len() == 1));
        assert!(opened.gaps[0].why.contains("case file"));
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused_with_words() {
        let bytes = write(&evidence(), &Outcome::default()).unwrap();
        // Without its last line break it is whole.
        for end in (0..bytes.trim_ascii_end().len()).step_by(7) {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        let newer = String::from_utf8(bytes).unwrap().replace("temper-case/1", "temper-case/9");
        let said = read(newer.as_bytes()).unwrap_err().to_string();
        assert!(said.contains("temper-case/9") && said.contains("temper-case/1"), "{said}");
        assert!(!looks_like_case(b"{\"schema\":\"temper-report/1\"}"));
    }

    #[test]
    fn indexes_that_lead_nowhere_are_dropped() {
        let mut evidence = evidence();
        evidence.files = vec!["b".into(), "a".into()];
        in_order(&mut evidence);
        assert_eq!(evidence.files, [PathBuf::from("a"), PathBuf::from("b")]);
    }
}
