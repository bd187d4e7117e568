//! Evidence texts: crash reports, logs, notary logs, entitlements files. What a text is, its content decides, never its name.

use super::ScanError;
use crate::casefile;
use crate::evidence::{EvidenceText, Gap, TextFacts};
use crate::read::crash;
use crate::read::log::{self, Condenser, LogLine, TextKind};
use crate::read::{entitlements, info_plist};
use crate::system::{EntryKind, OpenFile, System};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Most of standard input that is read, in bytes.
const MAX_INPUT: usize = 64 << 20;
/// Most of one text that is read, in bytes.
const MAX_TEXT: u64 = 256 << 20;
/// Bytes read at once.
const STEP: usize = 1 << 18;
/// A log from this length on is read line by line; shorter ones are held.
const LONG: u64 = 8 << 20;
/// What a long text is shows in its beginning.
const HEAD: u64 = 1 << 20;

/// Reads all texts of a request: files first, then what was given in memory.
pub(super) fn read(
    system: &dyn System,
    files: &[PathBuf],
    pasted: &[(String, Vec<u8>)],
    cancel: &AtomicBool,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<EvidenceText>, ScanError> {
    let mut texts = Vec::new();
    for path in files {
        texts.push(read_path(system, path, cancel, gaps)?);
    }
    for (name, bytes) in pasted {
        if cancel.load(Ordering::Relaxed) {
            return Err(ScanError::Cancelled);
        }
        texts.push(recognise(name, None, bytes));
    }
    Ok(texts)
}

/// Reads one file, or standard input for `-`.
pub(super) fn read_path(system: &dyn System, path: &Path, cancel: &AtomicBool, gaps: &mut Vec<Gap>) -> Result<EvidenceText, ScanError> {
    if path == Path::new("-") {
        let bytes = system.standard_input(MAX_INPUT).map_err(|error| ScanError::io(path, error))?;
        if bytes.len() >= MAX_INPUT {
            gaps.push(Gap { path: "stdin".into(), why: format!("longer than {} MiB: the rest was not read", MAX_INPUT >> 20) });
        }
        return Ok(recognise("stdin", None, &bytes));
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let file = open(system, path)?;
    if file.len() > MAX_TEXT {
        gaps.push(Gap { path: name.as_str().into(), why: format!("longer than {} MiB: the rest was not read", MAX_TEXT >> 20) });
    }
    if let Some(lines) = long_log(&*file, path, cancel)? {
        return Ok(EvidenceText {
            source: name,
            path: Some(path.to_path_buf()),
            kind: "log",
            facts: TextFacts::Log(lines),
            also: Vec::new(),
        });
    }
    let mut bytes = Vec::new();
    each_step(&*file, path, file.len().min(MAX_TEXT), cancel, &mut |step| {
        bytes.extend_from_slice(step);
        true
    })?;
    Ok(recognise(&name, Some(path.to_path_buf()), &bytes))
}

/// What a long log says, read line by line. `None` when the file is short, something else than a log, or must be read as a whole.
fn long_log(file: &dyn OpenFile, path: &Path, cancel: &AtomicBool) -> Result<Option<Vec<LogLine>>, ScanError> {
    if file.len() < LONG {
        return Ok(None);
    }
    let mut head = Vec::new();
    each_step(file, path, HEAD, cancel, &mut |step| {
        head.extend_from_slice(step);
        true
    })?;
    if !is_plain_log(&head) {
        return Ok(None);
    }
    drop(head);
    let mut condenser = Condenser::default();
    let mut is_first = true;
    let is_whole = each_step(file, path, file.len().min(MAX_TEXT), cancel, &mut |step| {
        let step = if std::mem::take(&mut is_first) { step.strip_prefix(b"\xef\xbb\xbf").unwrap_or(step) } else { step };
        condenser.feed(step)
    })?;
    Ok(if is_whole { condenser.finish() } else { None })
}

/// By its beginning a log, and nothing that has a reader of its own.
fn is_plain_log(head: &[u8]) -> bool {
    let is_wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    let is_binary = head.iter().take(4096).any(|byte| *byte == 0);
    let is_blank = head.iter().all(u8::is_ascii_whitespace);
    !is_wide
        && !is_binary
        && !is_blank
        && !casefile::looks_like_case(head)
        && log::kind_of(head) == TextKind::Log
        && !entitlements::looks_like_plist(head)
        && !crash::looks_like_crash(&decode(head))
}

fn open(system: &dyn System, path: &Path) -> Result<Box<dyn OpenFile>, ScanError> {
    let real = system.canonical(path).map_err(|error| ScanError::io(path, error))?;
    match system.entry(&real).map_err(|error| ScanError::io(path, error))? {
        EntryKind::File(_) => {}
        EntryKind::Directory => {
            return Err(ScanError::refused(path, "a folder, where a report, log or entitlements file was expected: name the file in it"));
        }
        _ => return Err(ScanError::refused(path, "a FIFO, socket or device is not opened: pipe the text in and name it `-`")),
    }
    system.open(&real).map_err(|error| ScanError::io(path, error))
}

/// Reads the first `size` bytes in steps, until the file ends or `take` wants no more: then false.
fn each_step(
    file: &dyn OpenFile,
    path: &Path,
    size: u64,
    cancel: &AtomicBool,
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<bool, ScanError> {
    let mut buffer = vec![0; STEP.min(usize::try_from(size.min(file.len())).unwrap_or(STEP))];
    let mut done = 0;
    while done < size {
        if cancel.load(Ordering::Relaxed) {
            return Err(ScanError::Cancelled);
        }
        let wanted = buffer.len().min(usize::try_from(size - done).unwrap_or(STEP));
        match file.read_at(done, &mut buffer[..wanted]).map_err(|error| ScanError::io(path, error))? {
            0 => break,
            count if !take(&buffer[..count]) => return Ok(false),
            count => done += count as u64,
        }
    }
    Ok(true)
}

/// True when a file given as the target is evidence, by its content.
pub(super) fn is_evidence(path: &Path, head: &[u8]) -> bool {
    if head.is_empty() {
        return false;
    }
    if log::kind_of(head) != TextKind::Log || entitlements::looks_like_plist(head) || crash::looks_like_crash(&decode(head)) {
        return true;
    }
    let is_text = !head.contains(&0) || head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    let names = ["log", "crash", "ips", "entitlements", "txt", "out", "err"];
    let named = path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| names.contains(&extension));
    is_text && (named || !log::read(&decode(head)).is_empty())
}

/// What a text is and says.
pub(super) fn recognise(name: &str, path: Option<PathBuf>, bytes: &[u8]) -> EvidenceText {
    let (kind, facts) = facts(bytes);
    EvidenceText { source: name.to_owned(), path, kind, facts, also: Vec::new() }
}

fn facts(bytes: &[u8]) -> (&'static str, TextFacts) {
    let unusable = |why: &str| ("unusable", TextFacts::Unusable(why.to_owned()));
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return unusable("empty");
    }
    if casefile::looks_like_case(bytes) {
        return unusable("a case file of Temper, which is no text: name it without an option, as you would the app");
    }
    match log::kind_of(bytes) {
        // Lines of a report among the tags: a post with both in it, not a file.
        TextKind::Plist if !crash::looks_like_crash(&decode(bytes)) => return plist(bytes),
        TextKind::NotaryLog => return ("notary-log", TextFacts::Log(log::read(&decode(bytes)))),
        TextKind::Log if entitlements::looks_like_plist(bytes) && !log::is_transcript(&decode(bytes)) => return plist(bytes),
        TextKind::Plist | TextKind::CrashReport | TextKind::Log => {}
    }
    let text = decode(bytes);
    if !crash::looks_like_crash(&text) {
        let is_binary = bytes.iter().take(4096).filter(|byte| **byte == 0).count() > 16 && text.contains('\0');
        return if is_binary {
            unusable("binary data, not a report, log or property list")
        } else {
            ("log", TextFacts::Log(log::read(&text)))
        };
    }
    match crash::read(&text) {
        Ok(report) => {
            // A transcript with a report in it: what stands around the report counts too.
            let mut lines = log::read_report(&report);
            let around = log::read(&text).into_iter().filter(|line| !lines.iter().any(|known| known.fact == line.fact)).collect::<Vec<_>>();
            lines.extend(around);
            ("crash-report", TextFacts::Crash(Box::new(report), lines))
        }
        Err(error) => unusable(&error.what),
    }
}

fn plist(bytes: &[u8]) -> (&'static str, TextFacts) {
    let is_info =
        info_plist::read(bytes).is_ok_and(|info| info.identifier.is_some() && (info.executable.is_some() || info.package_type.is_some()));
    if is_info {
        return ("unusable", TextFacts::Unusable("an Info.plist, not entitlements: give the bundle that it belongs to".into()));
    }
    ("entitlements", TextFacts::Entitlements(Box::new(entitlements::read_file(bytes))))
}

/// Bytes as text, borrowed where they are text already: a log may have hundreds of megabytes. UTF-16 by its byte order mark.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let units = |from: fn([u8; 2]) -> u16| bytes.chunks_exact(2).skip(1).map(|pair| from([pair[0], pair[1]])).collect::<Vec<_>>();
    if bytes.starts_with(&[0xff, 0xfe]) {
        Cow::Owned(String::from_utf16_lossy(&units(u16::from_le_bytes)))
    } else if bytes.starts_with(&[0xfe, 0xff]) {
        Cow::Owned(String::from_utf16_lossy(&units(u16::from_be_bytes)))
    } else {
        String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scan::Request;
    use crate::system::fake::FakeSystem;

    fn read_all(system: &FakeSystem, request: &Request) -> (Result<Vec<EvidenceText>, ScanError>, Vec<Gap>) {
        let mut gaps = Vec::new();
        (read(system, &request.texts, &request.pasted, &AtomicBool::new(false), &mut gaps), gaps)
    }

    #[test]
    fn texts_come_in_the_order_given_and_an_empty_one_is_unusable() {
        let mut system = FakeSystem::new().file("/r/a.log", "one\n").file("/r/b.log", " \n");
        system.input = b"hello\n".to_vec();
        let request = Request {
            texts: vec!["/r/b.log".into(), "-".into(), "/r/a.log".into()],
            pasted: vec![("paste".into(), b"two\n".to_vec())],
            ..Request::default()
        };
        let texts = read_all(&system, &request).0.unwrap();
        let sources: Vec<_> = texts.iter().map(|text| (text.source.as_str(), text.kind)).collect();
        assert_eq!(sources, [("b.log", "unusable"), ("stdin", "log"), ("a.log", "log"), ("paste", "log")]);
        assert_eq!(texts[1].path, None);
    }

    #[test]
    fn a_fifo_as_evidence_is_refused_unopened() {
        let system = FakeSystem::new().special("/r/pipe").folder("/r/dir");
        for path in ["/r/pipe", "/r/dir"] {
            let request = Request { texts: vec![path.into()], ..Request::default() };
            assert!(matches!(read_all(&system, &request).0, Err(ScanError::Refused { .. })), "{path}");
        }
        assert_eq!(system.opened(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_missing_text_is_an_error_that_names_it() {
        let request = Request { texts: vec!["/r/none.ips".into()], ..Request::default() };
        let error = read_all(&FakeSystem::new(), &request).0.unwrap_err().to_string();
        assert!(error.starts_with("/r/none.ips: "), "{error}");
    }

    #[test]
    fn a_long_log_says_the_same_read_line_by_line() {
        let busy = "process1: (Network) [com.apple.network:connection] connected\n".repeat(1_000);
        let killed = "kernel: CODE SIGNING: process 77[Demo]: rejecting invalid page at address 0x1000 from offset 0x0 in file \"<nil>\"\n";
        let text = format!("\u{feff}{}{killed}{busy}", busy.repeat(140));
        assert!(text.len() as u64 > LONG);
        let system = FakeSystem::new().file("/r/long.log", text.as_str()).file("/r/colour.log", format!("{text}\u{1b}[0m\n").as_str());
        let request = Request { texts: vec!["/r/long.log".into(), "/r/colour.log".into()], ..Request::default() };
        let texts = read_all(&system, &request).0.unwrap();
        let TextFacts::Log(lines) = &texts[0].facts else { panic!("{}", texts[0].kind) };
        assert_eq!((lines.len(), lines[0].line), (1, 140_001));
        assert_eq!((texts[0].kind, &texts[0].facts), (texts[1].kind, &texts[1].facts));
        assert_eq!(texts[0].facts, recognise("long.log", None, text.as_bytes()).facts);
    }

    #[test]
    fn a_very_long_text_is_read_in_part_and_that_is_a_gap() {
        let mut system = FakeSystem::new();
        system.input = vec![b'\n'; MAX_INPUT + 5];
        let request = Request { texts: vec!["-".into()], ..Request::default() };
        let (texts, gaps) = read_all(&system, &request);
        assert_eq!((texts.unwrap().len(), gaps.len()), (1, 1));
    }

    #[test]
    fn text_in_utf_16_is_decoded() {
        let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain("né\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode(&bytes), "né\n");
        assert_eq!(decode(b"\xef\xbb\xbfx"), "x");
    }
}
