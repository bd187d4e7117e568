//! Folders of reports: which of them are about this app, which tell the same crash, and which is the newest.
//!
//! A folder is walked within bounds, links are not followed, and of most files only the first bytes are read.

use super::texts;
use super::{ScanError, file};
use crate::evidence::{Evidence, EvidenceText, Gap, TargetKind, TextFacts};
use crate::read::crash::CrashReport;
use crate::read::log::LogFact;
use crate::system::{EntryKind, System};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Deepest folder that is looked into: a sysdiagnose keeps its reports two folders down.
const MAX_DEPTH: usize = 4;
/// Entries that are looked at.
const MAX_ENTRIES: usize = 20_000;
/// Largest report and largest log in a folder that are read, in bytes.
const MAX_SIZE: u64 = 16 << 20;
/// Bytes of a report that tell whose it is.
const HEAD: usize = 8 << 10;
/// Reports that are read whole.
const MAX_REPORTS: usize = 60;
/// Where macOS keeps crash reports, below the user's home and below `/` (Apple: Acquiring crash reports and diagnostic logs).
pub const REPORTS: &str = "Library/Logs/DiagnosticReports";
/// Different crashes that are kept of one folder.
const MAX_CRASHES: usize = 8;
/// Logs that are kept of one folder.
const MAX_LOGS: usize = 6;

/// How the app's own reports are told from others.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    uuids: BTreeSet<String>,
    identifiers: BTreeSet<String>,
    /// File names of executables.
    names: BTreeSet<String>,
    /// Paths of executables from the bundle's own name on: `Demo.app/Contents/MacOS/Demo`.
    paths: Vec<String>,
}

impl Wanted {
    /// What the target is; `None` without one.
    pub(super) fn of(evidence: &Evidence) -> Option<Self> {
        if evidence.target.kind == TargetKind::None {
            return None;
        }
        let name = evidence.target.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut wanted = Wanted::default();
        for image in evidence.executables() {
            wanted.uuids.extend(image.macho.uuid.as_deref().map(str::to_ascii_uppercase));
            wanted.names.extend(image.path.file_name().map(|name| name.to_string_lossy().into_owned()));
            wanted.paths.push(format!("/{name}/{}", image.path.to_string_lossy()));
        }
        let of_bundles = evidence.bundles.iter().filter_map(|bundle| bundle.info.as_ref()?.identifier.clone());
        wanted.identifiers = of_bundles.chain(evidence.target.identifier.clone()).collect();
        Some(wanted)
    }

    /// The head of a file names something of the app: worth reading whole.
    fn may_fit(&self, head: &str) -> bool {
        let upper = head.to_ascii_uppercase();
        self.identifiers.iter().chain(&self.names).any(|name| head.contains(name.as_str()))
            || self.uuids.iter().any(|uuid| upper.contains(uuid.as_str()))
    }

    fn is_this_build(&self, report: &CrashReport) -> bool {
        report.uuid.as_deref().is_some_and(|uuid| self.uuids.contains(&uuid.to_ascii_uppercase()))
    }

    /// By UUID, bundle identifier or path; by the process's name alone only when the report has neither.
    fn fits(&self, report: &CrashReport) -> bool {
        let path = report.path.as_deref().filter(|path| !path.contains('*'));
        let identifier = report.identifier.as_deref().filter(|identifier| !identifier.is_empty());
        self.is_this_build(report)
            || identifier.is_some_and(|identifier| self.identifiers.contains(identifier))
            || path.is_some_and(|path| self.paths.iter().any(|known| path.ends_with(known.as_str())))
            || identifier.is_none() && path.is_none() && report.process.as_deref().is_some_and(|name| self.names.contains(name))
    }
}

/// A file that may be evidence.
struct Candidate {
    path: PathBuf,
    is_report: bool,
    /// Date in the file's name, as digits; empty when there is none.
    date: String,
}

/// What was found in folders, before it is decided what is kept.
#[derive(Default)]
struct Found {
    reports: Vec<EvidenceText>,
    logs: Vec<EvidenceText>,
    /// Files that looked like reports.
    seen: usize,
    others: BTreeSet<String>,
}

/// The evidence in a folder that was named as evidence. An error when there is none.
pub(super) fn of_folder(
    system: &dyn System,
    folder: &Path,
    wanted: Option<&Wanted>,
    cancel: &AtomicBool,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<EvidenceText>, ScanError> {
    let mut found = look(system, folder, wanted, true, cancel)?;
    if wanted.is_none() {
        found.keep_newest_process();
    }
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    if found.reports.is_empty() && found.logs.is_empty() {
        let whose = if wanted.is_some() && found.seen > 0 { " of this app" } else { "" };
        let why =
            format!("a folder in which no crash report{whose} and no log that says anything was found ({} reports looked at)", found.seen);
        return Err(ScanError::refused(folder, &why));
    }
    Ok(found.finish(&name, gaps))
}

/// Reports of the app in folders where macOS keeps them. Nothing found is a gap.
pub(super) fn of_app(
    system: &dyn System,
    folders: &[PathBuf],
    wanted: &Wanted,
    cancel: &AtomicBool,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<EvidenceText>, ScanError> {
    let mut all = Found::default();
    for folder in folders {
        match look(system, folder, Some(wanted), false, cancel) {
            Ok(found) => {
                all.seen += found.seen;
                all.reports.extend(found.reports);
            }
            Err(ScanError::Cancelled) => return Err(ScanError::Cancelled),
            Err(error) => gaps.push(Gap { path: folder.clone(), why: format!("reports there were not looked at: {error}") }),
        }
    }
    if all.reports.is_empty() {
        let names = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        gaps.push(Gap { path: PathBuf::new(), why: format!("no crash report of this app among {} in {names}", all.seen) });
    }
    Ok(all.finish("reports", gaps))
}

/// A crash report that is about the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReport {
    /// The file.
    pub path: PathBuf,
    /// When the program crashed, as written in the report.
    pub when: String,
    /// Its UUID is that of an executable that was examined.
    pub is_this_build: bool,
    /// Older reports of the same crash.
    pub older: usize,
}

/// Reports of the app in these folders, newest first, one for each crash. What cannot be read is passed over.
pub fn find(system: &dyn System, evidence: &Evidence, folders: &[PathBuf], cancel: &AtomicBool) -> Vec<FoundReport> {
    let Some(wanted) = Wanted::of(evidence) else { return Vec::new() };
    let found = folders.iter().filter_map(|folder| look(system, folder, Some(&wanted), false, cancel).ok());
    let reports = group(found.flat_map(|found| found.reports).collect());
    let of_text = |text: EvidenceText| {
        let report = crash(&text)?;
        Some(FoundReport {
            when: report.when.clone().unwrap_or_else(|| "when is not known".into()),
            is_this_build: wanted.is_this_build(report),
            older: text.also.len(),
            path: text.path?,
        })
    };
    reports.into_iter().filter_map(of_text).take(MAX_CRASHES).collect()
}

fn look(system: &dyn System, folder: &Path, wanted: Option<&Wanted>, with_logs: bool, cancel: &AtomicBool) -> Result<Found, ScanError> {
    let root = system.canonical(folder).map_err(|error| ScanError::io(folder, error))?;
    let mut candidates = walk(system, &root, with_logs, cancel).map_err(|error| ScanError::io(folder, error))?;
    candidates.sort_by(|a, b| (&b.date, &a.path).cmp(&(&a.date, &b.path)));
    let mut found = Found::default();
    for candidate in candidates {
        if cancel.load(Ordering::Relaxed) {
            return Err(ScanError::Cancelled);
        }
        found.seen += usize::from(candidate.is_report);
        let is_full = if candidate.is_report { found.reports.len() >= MAX_REPORTS } else { found.logs.len() >= MAX_LOGS };
        if is_full {
            continue;
        }
        if let Some(wanted) = wanted.filter(|_| candidate.is_report) {
            let head = file::first_bytes(system, &candidate.path, HEAD).unwrap_or_default();
            if !wanted.may_fit(&crate::read::lossy(&head)) {
                continue;
            }
        }
        // A file that went away or may not be read is one among many.
        let Ok(text) = texts::read_path(system, &candidate.path, cancel, &mut Vec::new()) else { continue };
        found.take(text, wanted);
    }
    Ok(found)
}

/// Files below a folder that may be reports or logs.
fn walk(system: &dyn System, root: &Path, with_logs: bool, cancel: &AtomicBool) -> std::io::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let mut left = MAX_ENTRIES;
    let mut folders = vec![(root.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match system.list(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(_) => continue,
        };
        for entry in entries {
            if left == 0 || cancel.load(Ordering::Relaxed) {
                return Ok(candidates);
            }
            left -= 1;
            let extension = entry.path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            match entry.kind {
                // A bundle or an archive of logs holds no reports; a sysdiagnose has folders with dots in their names.
                EntryKind::Directory
                    if depth < MAX_DEPTH && !matches!(extension.as_str(), "app" | "framework" | "logarchive" | "xcarchive" | "dsym") =>
                {
                    folders.push((entry.path, depth + 1));
                }
                EntryKind::File(size) if size > 0 && size <= MAX_SIZE => {
                    let is_report = matches!(extension.as_str(), "ips" | "crash" | "beta");
                    let is_log = with_logs && depth <= 1 && matches!(extension.as_str(), "log" | "txt" | "out" | "err" | "json" | "ndjson");
                    if is_report || is_log {
                        let date = date_of(&entry.path.file_name().unwrap_or_default().to_string_lossy());
                        candidates.push(Candidate { path: entry.path, is_report, date });
                    }
                }
                _ => {}
            }
        }
    }
    Ok(candidates)
}

/// `App-2026-03-02-101422.ips` → `20260302101422`: fourteen digits with hyphens between them.
fn date_of(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let digits: String = parts.filter(|part| matches!(part.len(), 2 | 4 | 6)).collect();
    if digits.starts_with("19") || digits.starts_with("20") { digits.chars().take(14).collect() } else { String::new() }
}

impl Found {
    fn take(&mut self, text: EvidenceText, wanted: Option<&Wanted>) {
        match &text.facts {
            TextFacts::Crash(report, _) => match wanted {
                Some(wanted) if !wanted.fits(report) => {
                    self.others.extend(report.process.clone());
                }
                _ => self.reports.push(text),
            },
            TextFacts::Log(lines) if lines.iter().any(|line| !matches!(line.fact, LogFact::Noise { .. })) => self.logs.push(text),
            _ => {}
        }
    }

    /// Without a target the newest report says which program it is about; of others only the names are kept.
    fn keep_newest_process(&mut self) {
        let mut order: Vec<usize> = (0..self.reports.len()).collect();
        order.sort_by(|a, b| when(&self.reports[*b]).cmp(&when(&self.reports[*a])));
        let Some(newest) = order.first().and_then(|index| process(&self.reports[*index])).map(str::to_owned) else { return };
        let (kept, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reports).into_iter().partition(|text| process(text).is_none_or(|name| name == newest));
        self.reports = kept;
        self.others.extend(others.iter().filter_map(process).map(str::to_owned));
    }

    fn finish(self, folder: &str, gaps: &mut Vec<Gap>) -> Vec<EvidenceText> {
        let mut reports = group(self.reports);
        if reports.len() > MAX_CRASHES {
            gaps.push(Gap {
                path: folder.into(),
                why: format!("{} more different crashes in it were left out: give their files", reports.len() - MAX_CRASHES),
            });
            reports.truncate(MAX_CRASHES);
        }
        if !self.others.is_empty() {
            let names: Vec<&str> = self.others.iter().map(String::as_str).take(8).collect();
            gaps.push(Gap { path: folder.into(), why: format!("reports of other programs in it were left out: {}", names.join(", ")) });
        }
        reports.extend(self.logs);
        reports
    }
}

fn crash(text: &EvidenceText) -> Option<&CrashReport> {
    match &text.facts {
        TextFacts::Crash(report, _) => Some(report),
        _ => None,
    }
}

fn process(text: &EvidenceText) -> Option<&str> {
    crash(text)?.process.as_deref()
}

/// When it was captured, as written: dates of one form order themselves. The date in the file's name when the report has none.
fn when(text: &EvidenceText) -> String {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).take(14).collect::<String>();
    crash(text)
        .and_then(|report| report.when.as_deref())
        .map(digits)
        .filter(|when| !when.is_empty())
        .unwrap_or_else(|| date_of(&text.source))
}

/// What makes two reports tell the same crash: process, build, how it ended, and where.
fn same_crash(a: &CrashReport, b: &CrashReport) -> bool {
    let end = |report: &CrashReport| report.termination.as_ref().map(|end| (end.namespace.clone(), end.code, end.reasons.first().cloned()));
    let top =
        |report: &CrashReport| report.frames.iter().take(3).map(|frame| (frame.image.clone(), frame.symbol.clone())).collect::<Vec<_>>();
    let kind = |report: &CrashReport| report.region.as_ref().map(|region| (region.kind.clone(), region.protection.clone()));
    a.process.is_some()
        && (&a.process, &a.uuid, &a.exception, &a.signal) == (&b.process, &b.uuid, &b.exception, &b.signal)
        && end(a) == end(b)
        && top(a) == top(b)
        && kind(a) == kind(b)
}

/// Reports newest first; of those that tell the same crash the newest, with the names of the others.
pub(super) fn group(mut reports: Vec<EvidenceText>) -> Vec<EvidenceText> {
    reports.sort_by_cached_key(|text| std::cmp::Reverse(when(text)));
    let mut kept: Vec<EvidenceText> = Vec::new();
    for text in reports {
        let same = |known: &&mut EvidenceText| crash(known).zip(crash(&text)).is_some_and(|(known, report)| same_crash(known, report));
        match kept.iter_mut().find(same) {
            Some(known) if known.source != text.source => known.also.push(text.source),
            Some(_) => {}
            None => kept.push(text),
        }
    }
    kept
}

/// Groups the reports among texts that were named one by one: each keeps its place among the others, the newest comes first.
pub(super) fn grouped(texts: Vec<EvidenceText>) -> Vec<EvidenceText> {
    if texts.iter().filter(|text| crash(text).is_some()).count() < 2 {
        return texts;
    }
    let places: Vec<bool> = texts.iter().map(|text| crash(text).is_some()).collect();
    let (reports, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| crash(text).is_some());
    let (mut reports, mut others) = (group(reports).into_iter(), others.into_iter());
    places.into_iter().filter_map(|is_report| if is_report { reports.next() } else { others.next() }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    fn report(process: &str, when: &str, code: u32) -> String {
        format!(
            "Process:               {process} [77]\nPath:                  /Applications/{process}.app/Contents/MacOS/{process}\n\
             Identifier:            org.example.{process}\nDate/Time:             {when}\n\n\
             Exception Type:        EXC_BAD_ACCESS (SIGKILL (Code Signature Invalid))\nTermination Reason:    Namespace CODESIGNING, Code {code}\n"
        )
    }

    fn folder() -> FakeSystem {
        FakeSystem::new()
            .file("/r/crashes/Old-2026-01-01-101010.crash", report("Demo", "2026-01-01 10:10:10.000 +0000", 2))
            .file("/r/crashes/New-2026-02-01-101010.crash", report("Demo", "2026-02-01 10:10:10.000 +0000", 2))
            .file("/r/crashes/Else-2026-01-05-101010.crash", report("Demo", "2026-01-05 10:10:10.000 +0000", 1))
            .file("/r/Other-2026-01-09-101010.crash", report("Other", "2026-01-09 10:10:10.000 +0000", 2))
            .file("/r/noise.log", "nothing of interest\n")
            .file(
                "/r/kernel.log",
                "kernel: CODE SIGNING: process 77[Demo]: rejecting invalid page at address 0x1000 from offset 0x0 in file \"<nil>\"\n",
            )
            .file("/r/picture.png", "x")
            .special("/r/pipe.ips")
    }

    fn names(texts: &[EvidenceText]) -> Vec<(&str, Vec<&str>)> {
        texts.iter().map(|text| (text.source.as_str(), text.also.iter().map(String::as_str).collect())).collect()
    }

    #[test]
    fn a_folder_gives_the_newest_report_of_each_crash_and_logs_that_say_something() {
        let mut gaps = Vec::new();
        let texts = of_folder(&folder(), Path::new("/r"), None, &AtomicBool::new(false), &mut gaps).unwrap();
        assert_eq!(
            names(&texts),
            [
                ("New-2026-02-01-101010.crash", vec!["Old-2026-01-01-101010.crash"]),
                ("Else-2026-01-05-101010.crash", vec![]),
                ("kernel.log", vec![])
            ]
        );
        assert!(gaps.iter().any(|gap| gap.why.contains("Other")), "{gaps:?}");
    }

    #[test]
    fn reports_of_other_apps_are_left_where_they_are() {
        let wanted = Wanted { identifiers: ["org.example.Other".to_owned()].into(), ..Wanted::default() };
        let system = folder();
        let texts = of_app(&system, &["/r".into(), "/none".into()], &wanted, &AtomicBool::new(false), &mut Vec::new()).unwrap();
        assert_eq!(names(&texts), [("Other-2026-01-09-101010.crash", vec![])]);
        let nobody = Wanted { identifiers: ["org.example.Third".to_owned()].into(), ..Wanted::default() };
        let mut gaps = Vec::new();
        assert!(of_app(&system, &["/r".into()], &nobody, &AtomicBool::new(false), &mut gaps).unwrap().is_empty());
        assert!(gaps[0].why.contains("among 4"), "{gaps:?}");
    }

    #[test]
    fn reports_that_are_offered_come_newest_first_one_for_each_crash() {
        let mut evidence = Evidence::empty();
        evidence.target.kind = TargetKind::App;
        evidence.target.identifier = Some("org.example.Demo".into());
        let found = find(&folder(), &evidence, &["/r".into(), "/none".into()], &AtomicBool::new(false));
        let names: Vec<_> = found.iter().map(|report| (report.path.to_str().unwrap(), report.older, report.is_this_build)).collect();
        assert_eq!(names, [("/r/crashes/New-2026-02-01-101010.crash", 1, false), ("/r/crashes/Else-2026-01-05-101010.crash", 0, false)]);
        assert!(find(&folder(), &Evidence::empty(), &["/r".into()], &AtomicBool::new(false)).is_empty(), "without an app none is its own");
    }

    #[test]
    fn a_folder_without_evidence_is_refused_with_words() {
        let system = FakeSystem::new().file("/r/noise.log", "nothing\n");
        let error = of_folder(&system, Path::new("/r"), None, &AtomicBool::new(false), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("no crash report"), "{error}");
    }

    #[test]
    fn dates_in_names_order_reports() {
        assert_eq!(date_of("App-2026-03-02-101422.ips"), "20260302101422");
        assert_eq!(date_of("App_2020-01-01-101010_Some-Mac.crash"), "20200101101010");
        assert_eq!(date_of("report.ips"), "");
    }
}
