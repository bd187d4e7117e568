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
// System + target → Evidence.
pub mod scan;
// Is what was signed still what is there?
pub mod verify;
// The model of macOS.
pub mod policy;
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
// The same model on changed facts.
pub mod whatif;
// Practice apps.
pub mod lab;
// Strings of an inspected file, made safe for a terminal.
pub mod clean;
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
}

/// The whole pipeline: scan, then decide. Everything else is a face.
pub fn examine(
    system: &dyn system::System,
    request: &scan::Request,
    progress: &(dyn Fn(&scan::Progress) + Sync),
    cancel: &std::sync::atomic::AtomicBool,
) -> Result<Examination, scan::ScanError> {
    let evidence = scan::scan(system, request, progress, cancel)?;
    Ok(decide(evidence, &diagnose::Change::default()))
}

/// The second half of [`examine`]: also for a what-if, without reading anything again.
pub fn decide(evidence: evidence::Evidence, change: &diagnose::Change) -> Examination {
    let mut report = diagnose::diagnose(&evidence, change);
    fix::plan::fill(&evidence, &mut report);
    Examination { evidence, report }
}
