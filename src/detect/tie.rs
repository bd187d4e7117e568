//! Whether evidence is about the target at all. The log of a Mac speaks of every program on it, and a crash report that was given may be of another one: neither
//! says anything about the app that was given with it.

use super::Scene;
use super::log::short;
use crate::evidence::{EvidenceText, Image, TargetKind, TextFacts};
use crate::read::crash::CrashReport;
use crate::read::log::{LogFact, LogLine, Proc};

impl Scene<'_> {
    /// The program that a crash report is of, when it is none of the target's, was not started by it and has none of its files loaded. `None` when the report
    /// is of the target, or when that cannot be told.
    pub fn stranger<'r>(&self, report: &'r CrashReport) -> Option<&'r str> {
        let name = report.process.as_deref().or(report.path.as_deref()).or(report.identifier.as_deref())?;
        let is_known =
            |name: &Option<String>| name.as_deref().is_some_and(|name| self.names(&Proc { name: Some(name.into()), ..Proc::default() }));
        let own = Proc { identifier: report.cs_identifier.clone().filter(|id| !id.is_empty()), ..Proc::default() };
        let is_loaded = || report.images.iter().any(|image| self.by_uuid(&image.uuid).is_some() || self.is_file(Some(&image.path)));
        let is_ours = !self.has_programs()
            || self.crashed(report).is_some()
            || self.is_within(report.identifier.as_deref())
            || self.names(&own)
            || [&report.parent, &report.responsible].into_iter().any(is_known)
            || is_loaded();
        (!is_ours).then_some(name)
    }

    /// The program that a line of a log is about, when the line names one, and neither that nor anything else in it is of the target.
    pub fn stranger_in<'l>(&self, text: &EvidenceText, line: &'l LogLine) -> Option<&'l str> {
        let is_log = matches!(text.facts, TextFacts::Log(_));
        if !is_log
            || !self.has_programs()
            || self.is_mentioned(&line.quote)
            || files(&line.fact).into_iter().any(|file| self.is_file(Some(file)))
        {
            return None;
        }
        if let LogFact::Load(failure) = &line.fact {
            return failure.referenced_from.as_deref().filter(|path| is_program(path) && self.file_by_name(path).is_none()).map(short);
        }
        let named = processes(&line.fact);
        let first = named.iter().find(|process| is_exact(process) || (is_of_system(&line.fact) && is_named(process)))?;
        let is_ours = named.iter().any(|process| self.names(process));
        first.name.as_deref().or(first.path.as_deref().map(short)).or(first.identifier.as_deref()).filter(|_| !is_ours)
    }

    /// What the text is about, when it is a crash report of a program that is not of the target.
    pub fn stranger_of<'t>(&self, text: &'t EvidenceText) -> Option<&'t str> {
        match &text.facts {
            TextFacts::Crash(report, _) => self.stranger(report),
            _ => None,
        }
    }

    /// The target is there, and the program that it starts is code: a script runs as its interpreter, and a library in somebody else's program.
    fn has_programs(&self) -> bool {
        self.evidence.target.kind != TargetKind::None && self.main().is_some_and(Image::is_executable)
    }

    fn names(&self, process: &Proc) -> bool {
        self.process(process).is_some() || self.is_within(process.identifier.as_deref()) || self.is_within(process.name.as_deref())
    }

    /// An identifier of the target, or one below it: `com.example.app.helper`.
    fn is_within(&self, identifier: Option<&str>) -> bool {
        let of_bundles = self.evidence.bundles.iter().filter_map(|bundle| bundle.info.as_ref()?.identifier.as_deref());
        let mut all = of_bundles.chain(self.evidence.target.identifier.as_deref()).filter(|id| !id.is_empty());
        identifier.is_some_and(|given| all.any(|id| given.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))))
    }

    /// A path that leads to a file of the target. System libraries never do.
    fn is_file(&self, path: Option<&str>) -> bool {
        path.is_some_and(|path| !["/System/", "/usr/lib/"].iter().any(|system| path.starts_with(system)) && self.file(path).is_some())
    }

    /// The line names the bundle or its identifier.
    fn is_mentioned(&self, quote: &str) -> bool {
        let target = &self.evidence.target;
        let bundle = target.path.file_name().map(|name| name.to_string_lossy()).filter(|name| name.contains('.'));
        bundle.is_some_and(|name| quote.contains(&*name))
            || target.identifier.as_deref().is_some_and(|id| !id.is_empty() && quote.contains(id))
    }
}

/// The main executable of an app.
fn is_program(path: &str) -> bool {
    path.starts_with('/') && path.contains(".app/Contents/MacOS/")
}

/// Only the system says such a thing. The others may be in a message for people as well, which names an app as people do.
fn is_of_system(fact: &LogFact) -> bool {
    !matches!(
        fact,
        LogFact::Gatekeeper { .. }
            | LogFact::AppManagement { .. }
            | LogFact::TccUsageMissing { .. }
            | LogFact::RestrictedMissing { .. }
            | LogFact::EntitlementsUnparsable { .. }
    )
}

fn is_named(process: &Proc) -> bool {
    process.name.is_some() || process.identifier.is_some()
}

/// Whether a line names a process as the system does, not as a message for people.
fn is_exact(process: &Proc) -> bool {
    process.path.as_deref().is_some_and(|path| path.starts_with('/')) || (process.pid.is_some() && process.name.is_some())
}

/// The processes that a line of the system is about. Messages of programs themselves and of tools have none.
fn processes(fact: &LogFact) -> Vec<&Proc> {
    match fact {
        LogFact::LibraryValidationRejected { process, .. }
        | LogFact::InvalidPage { process, .. }
        | LogFact::RejectedPage { process, .. }
        | LogFact::WriteExecuteRefused { process }
        | LogFact::JitMappingDenied { process }
        | LogFact::TccUsageMissing { process, .. }
        | LogFact::TccDenied { process, .. }
        | LogFact::TccPlatformBinary { process }
        | LogFact::TccPrompting { process, .. }
        | LogFact::RestrictedEntitlements { process, .. }
        | LogFact::NoEligibleProfile { process }
        | LogFact::EntitlementsUnparsable { process, at_signing: false, .. }
        | LogFact::LaunchSignatureRefused { process }
        | LogFact::Gatekeeper { process, .. }
        | LogFact::AppManagement { process }
        | LogFact::SandboxDenied { process, .. }
        | LogFact::SystemPolicyDenied { process, .. }
        | LogFact::RestrictedMissing { process, .. } => vec![process],
        LogFact::LaunchConstraint { process, failed, .. } => vec![process, failed],
        LogFact::TaskPortDenied { target, .. } => vec![target],
        LogFact::TccEntitlementMissing { accessing, responsible, requesting, .. } => {
            [accessing, responsible, requesting].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// The files that such a line names.
fn files(fact: &LogFact) -> Vec<&str> {
    match fact {
        LogFact::LibraryValidationRejected { library, .. } => vec![library],
        LogFact::Load(failure) => std::iter::once(failure.name.as_str()).chain(failure.file.as_deref()).collect(),
        LogFact::RejectedPage { file: Some(file), .. } => vec![file],
        LogFact::SandboxDenied { target, .. } | LogFact::SystemPolicyDenied { target, .. } => vec![target],
        _ => Vec::new(),
    }
}
