//! Temper: finds out why a hardened macOS app breaks, and walks its owner through the least change that mends it.
//!
//! The modules stand in the order the data flows; each may use only what stands above it (a test holds that).
//! Start reading at [`examine`]: the whole pipeline on one screen.

// GROUND FLOOR: bytes in, facts out. No I/O, no clock, no panic, no text for people.
pub mod read;
// All facts on one app, and what can be said about them.
pub mod evidence;
pub mod finding;
// The only door to disk, processes, environment and clock.
pub mod system;
// Has a file changed?
pub mod watch;
// A case in one file: facts and verdict, names replaced.
pub mod casefile;
// System + target → Evidence.
pub mod scan;
// Is what was signed still what is there?
pub mod verify;
// The model of macOS.
pub mod policy;
// Entitlement keys, and what is odd about a set of them.
pub mod keys;
// Which image loads which.
pub mod dyld;
// Evidence → findings.
pub mod detect;
// The documented issues, in words.
pub mod scenario;
// A page for every word.
pub mod explain;
// Findings and refusals → diagnoses. The only decider.
pub mod diagnose;
pub mod report;
// Diagnosis → exact diff, exact argv; and the one thing that writes.
pub mod fix;
// The fix in the words of the build system in use.
pub mod recipe;
// The same model on changed facts.
pub mod whatif;
// Practice apps.
pub mod lab;
// Strings of an inspected file, made safe for a terminal.
pub mod clean;
// The proof of a fix as a file.
pub mod proof;
// A run of the program as evidence.
pub mod run;
// Evidence that this machine keeps: crash reports, and the log.
pub mod collect;
// Faces. Neither decides anything.
pub mod cli;
pub mod tui;

/// Facts and the report made of them.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Facts.
    pub evidence: evidence::Evidence,
    /// What they mean.
    pub report: report::Report,
    /// The project of the app, when one was named or found around it.
    pub project: Option<recipe::Project>,
}

impl Examination {
    /// The verdict in words, as a case file keeps it.
    pub fn outcome(&self) -> casefile::Outcome {
        let top = self.report.diagnoses.first();
        casefile::Outcome {
            verdict: self.report.verdict.word().to_owned(),
            cause: top.map(|top| top.cause.to_owned()),
            confidence: top.map(|top| top.confidence.to_owned()),
        }
    }

    /// Writes the case to a new file, names replaced. Nothing is written when the file is there already, lies in the target, or would not give the same
    /// verdict again; why not is said in words.
    pub fn save_case(&self, system: &dyn system::System, file: &std::path::Path) -> Result<(), String> {
        let name = file.display();
        if system.entry(file).is_ok() {
            return Err(format!("{name} is there already: name a new file"));
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
        let target = &self.evidence.target;
        use evidence::TargetKind::{Folder, MachO, None, Script};
        let in_target = !matches!(target.kind, None | Folder | MachO | Script);
        if in_target && !target.root.as_os_str().is_empty() && system.canonical(folder).is_ok_and(|folder| folder.starts_with(&target.root))
        {
            return Err(format!("{name} lies in the app that was examined, whose seal it would break: name another folder"));
        }
        let bytes = casefile::write(&self.evidence, &self.outcome()).map_err(|error| error.to_string())?;
        let (again, _) = casefile::read(&bytes).map_err(|error| error.to_string())?;
        if decide(again, &diagnose::Change::default()).outcome() != self.outcome() {
            return Err("with names replaced the facts would give another verdict, so the case was not saved: please report this".into());
        }
        system.write_atomic(file, &bytes).map_err(|error| format!("{name}: {error}"))
    }
}

/// The whole pipeline: scan, then decide. Everything else is a face.
pub fn examine(
    system: &dyn system::System,
    request: &scan::Request,
    progress: &(dyn Fn(&scan::Progress) + Sync),
    cancel: &std::sync::atomic::AtomicBool,
) -> Result<Examination, scan::ScanError> {
    let mut evidence = scan::scan(system, request, progress, cancel)?;
    let project = recipe::project::of(system, request.project.as_deref(), &mut evidence);
    Ok(decide_with(evidence, project, &diagnose::Change::default()))
}

/// The second half of [`examine`]: also for a what-if, without reading anything again. The build systems are those that the app itself shows.
pub fn decide(evidence: evidence::Evidence, change: &diagnose::Change) -> Examination {
    decide_with(evidence, None, change)
}

fn decide_with(evidence: evidence::Evidence, project: Option<recipe::Project>, change: &diagnose::Change) -> Examination {
    let mut report = diagnose::diagnose(&evidence, change);
    fix::plan::fill(&evidence, &mut report);
    recipe::fill(&evidence, project.as_ref(), &mut report);
    Examination { evidence, report, project }
}
