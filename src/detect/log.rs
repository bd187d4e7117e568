//! What lines of logs and terminal output show. The reader has recognised them; here each gets its subject, its severity and its clue.

use super::{Clue, Detected, OwnFault, Scene, Sign};
use crate::evidence::{Evidence, EvidenceText, Image, TextFacts};
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::policy;
use crate::read::log::{LoadFailure, LogFact, LogLine, Proc, SigningFailure, TriedReason, WorksHow};
use crate::read::macho::Arch;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all = Vec::new();
    for (index, text) in scene.evidence.texts.iter().enumerate() {
        let crashed = match &text.facts {
            TextFacts::Crash(report, _) => scene.crashed(report),
            _ => None,
        };
        if scene.stranger_of(text).is_some() {
            continue;
        }
        for line in lines_of(text).iter().filter(|line| scene.stranger_in(text, line).is_none()) {
            if let Some(mut detected) = of_line(scene, text, line, crashed) {
                detected.text = Some(index);
                all.push(detected);
            }
        }
        for mut detected in of_entitlements_file(text) {
            detected.text = Some(index);
            all.push(detected);
        }
    }
    all
}

/// The understood lines of a text.
pub(super) fn lines_of(text: &EvidenceText) -> &[LogLine] {
    match &text.facts {
        TextFacts::Crash(_, lines) | TextFacts::Log(lines) => lines,
        _ => &[],
    }
}

/// A line with everything needed to make findings of it.
struct Line<'a> {
    scene: &'a Scene<'a>,
    text: &'a EvidenceText,
    line: &'a LogLine,
    crashed: Option<&'a Image>,
}

fn of_line(scene: &Scene<'_>, text: &EvidenceText, line: &LogLine, crashed: Option<&Image>) -> Option<Detected> {
    let here = Line { scene, text, line, crashed };
    match &line.fact {
        LogFact::Load(failure) => Some(here.load(failure)),
        LogFact::LibraryValidationRejected { library, process, library_team, process_team, platform_process } => {
            let failure = LoadFailure {
                name: library.clone(),
                referenced_from: process.path.clone(),
                reason: match (platform_process, library_team, process_team) {
                    (true, ..) => TriedReason::PlatformProcess,
                    (false, None, Some(_)) => TriedReason::NoTeam,
                    _ => TriedReason::DifferentTeams,
                },
                file: Some(library.clone()),
                arch: None,
                is_dlopen: true,
                inserted: false,
            };
            let mut detected = here.load(&failure);
            here.place(&mut detected, process);
            Some(detected)
        }
        _ => here.memory_and_launch().or_else(|| here.privacy()).or_else(|| here.others()),
    }
}

impl Line<'_> {
    fn symptom(&self, id: &'static str, message: String, clue: Clue, process: &Proc) -> Detected {
        let mut detected = Detected::of_code(id, Kind::Symptom, Severity::Error, Confidence::Certain, message, clue);
        detected.finding.location.path = self.text.source.clone();
        detected.finding.location.place = format!("line {}", self.line.line);
        detected.finding.proof.push(self.proof());
        self.place(&mut detected, process);
        detected
    }

    fn note(&self, id: &'static str, message: String, clue: Clue, process: &Proc) -> Detected {
        let mut detected = self.symptom(id, message, clue, process);
        detected.finding.severity = Severity::Note;
        detected
    }

    fn proof(&self) -> Proof {
        Proof { source: self.text.source.clone(), line: Some(self.line.line), quote: self.line.quote.clone(), ..Proof::default() }
    }

    /// Puts the finding on the image that a process is, or on the one that crashed.
    fn place(&self, detected: &mut Detected, process: &Proc) {
        let image = self.scene.process(process).or(self.crashed.filter(|_| *process == Proc::default()));
        let Some(image) = image else {
            detected.finding.subject = self.reported(process);
            return;
        };
        detected.finding.subject = image.path.to_string_lossy().into_owned();
        let crashed = self.crashed.filter(|crashed| crashed.path == image.path);
        detected.finding.arch = Some(crashed.unwrap_or(image).arch());
    }

    /// The process that the privacy system asks for text and entitlement: in a crash report the responsible one, where it can be told.
    fn answerable(&self, process: &Proc) -> Proc {
        let TextFacts::Crash(report, _) = &self.text.facts else { return process.clone() };
        let other = report.responsible.clone().filter(|name| report.process.as_ref() != Some(name));
        let responsible = Proc { name: other, ..Proc::default() };
        let known = self.scene.evidence.target.kind == crate::evidence::TargetKind::None || self.scene.process(&responsible).is_some();
        let is_crashed =
            *process == Proc::default() || process.path.is_some() && process.path == report.path || process.name == report.process;
        if is_crashed && responsible.name.is_some() && known { responsible } else { process.clone() }
    }

    /// What the text calls the process, when there is no target to find it in.
    fn reported(&self, process: &Proc) -> String {
        let crash = match &self.text.facts {
            TextFacts::Crash(report, _) => report.path.as_deref().or(report.process.as_deref()),
            _ => None,
        };
        let named = process.path.as_deref().or(process.name.as_deref()).or(process.identifier.as_deref());
        named.or(crash).map(|path| self.scene.reported_name(path)).unwrap_or_default()
    }

    fn load(&self, failure: &LoadFailure) -> Detected {
        let name = match short(failure.file.as_deref().unwrap_or(&failure.name)) {
            "" => "a library",
            name => name,
        };
        let (id, message) = match failure.reason {
            TriedReason::SystemPolicy => {
                ("library-refused-by-policy", format!("{name} was refused by system policy (Gatekeeper), not by library validation"))
            }
            TriedReason::BadSignature => ("library-signature-broken", format!("{name} was refused: its own signature is broken")),
            TriedReason::PathPolicy => {
                ("library-path-refused", format!("{name} was refused: its path is not allowed in a hardened program"))
            }
            TriedReason::Sandbox => ("library-sandboxed", format!("{name} could not be opened: the sandbox forbids it")),
            TriedReason::WrongArch => ("library-wrong-architecture", format!("{name} has no code for this architecture")),
            TriedReason::Untold => ("library-not-loaded", format!("{name} was not loaded; the lines that say why are not there")),
            TriedReason::OtherFault => ("library-does-not-fit", format!("{name} does not fit: a symbol or version is missing")),
            TriedReason::NotMachO | TriedReason::Missing => ("library-not-found", format!("{name} was not found")),
            reason => ("library-refused", format!("{name} was refused: {}", reason_words(reason))),
        };
        let clue = Clue::LoadFailed {
            name: failure.name.clone(),
            from: failure.referenced_from.clone(),
            file: failure.file.clone(),
            reason: failure.reason,
            is_dlopen: failure.is_dlopen,
            inserted: failure.inserted,
        };
        // The executable whose signature decides: the one that crashed; else the image that asked, when it is an executable; else the only one.
        let asked =
            failure.referenced_from.as_deref().and_then(|path| self.scene.file_by_name(path)).and_then(|path| self.scene.image(&path));
        let subject = self.crashed.or(asked.filter(|image| image.is_executable())).or_else(|| self.scene.main());
        let mut detected = self.symptom(id, message, clue, &Proc::default());
        if let Some(image) = subject {
            detected.finding.subject = image.path.to_string_lossy().into_owned();
            detected.finding.arch = Some(image.arch());
        } else if let Some(from) = failure.referenced_from.as_deref().filter(|_| !failure.is_dlopen) {
            detected.finding.subject = self.scene.reported_name(from);
        }
        detected
    }

    fn memory_and_launch(&self) -> Option<Detected> {
        let found = match &self.line.fact {
            LogFact::InvalidPage { process, killed: true } => {
                self.symptom("killed-invalid-page", "killed for a page of code that no signature covers".into(), Clue::KilledPage, process)
            }
            LogFact::RejectedPage { process, file: None, .. } => self.symptom(
                "ran-anonymous-page",
                "killed while running memory that belongs to no file".into(),
                Clue::KilledAnonymousPage,
                process,
            ),
            LogFact::RejectedPage { process, file: Some(file), mtimes_differ, .. } => {
                let replaced = *mtimes_differ == Some(true);
                let message = if replaced {
                    format!("{} changed on disk after its signature was read; a page no longer matches", short(file))
                } else {
                    format!("a page of {} does not match its signature", short(file))
                };
                let clue = Clue::KilledFilePage { file: Some(file.clone()), while_loading: false, replaced };
                self.symptom("ran-page-that-does-not-match", message, clue, process)
            }
            LogFact::WriteExecuteRefused { process } => {
                let message = "the kernel refused memory that is writable and executable at once".to_owned();
                self.symptom("write-execute-refused", message, Clue::WriteExecuteRefused, process)
            }
            LogFact::JitMappingDenied { process } => {
                let clue = Clue::EngineRefused { engine: "jit", degrades: false, sign: Sign::Message };
                self.symptom("engine-got-no-executable-memory", "the kernel refused a MAP_JIT mapping".into(), clue, process)
            }
            LogFact::EngineMemory { engine, process, degrades } => {
                let message = format!("{} did not get memory for generated code", engine_name(engine));
                let clue = Clue::EngineRefused { engine, degrades: *degrades, sign: Sign::Message };
                self.symptom("engine-got-no-executable-memory", message, clue, process)
            }
            LogFact::RestrictedEntitlements { keys, process, .. } => {
                let list = if keys.is_empty() { String::new() } else { format!(": {}", keys.join(", ")) };
                let message = format!("refused at launch: an entitlement needs a provisioning profile{list}");
                self.symptom("restricted-entitlement-refused", message, Clue::RestrictedRefused(keys.clone()), process)
            }
            LogFact::EntitlementsUnparsable { process, line, at_signing } => {
                let place = line.map(|n| format!(" (line {n})")).unwrap_or_default();
                let clue = Clue::EntitlementsUnparsable { at_signing: *at_signing };
                self.symptom("entitlements-unparsable", format!("the entitlements cannot be parsed{place}"), clue, process)
            }
            LogFact::LaunchSignatureRefused { process } => self.symptom(
                "launch-refused",
                "macOS refused to start it because of its code signature".into(),
                Clue::LaunchRefused,
                process,
            ),
            LogFact::LaunchConstraint { process, error, failed } => self.symptom(
                "launch-constraint-violated",
                super::constraints::violation_words(error.as_ref(), failed),
                Clue::LaunchConstraint { error: *error, failed: failed.clone() },
                process,
            ),
            LogFact::Gatekeeper { process, text } => self.symptom("refused-by-gatekeeper", text.clone(), Clue::Gatekeeper, process),
            LogFact::SystemPolicyDenied { process, operation, target } => {
                let clue = Clue::SystemPolicyDenied { operation: operation.clone() };
                self.symptom("system-policy-denied", format!("system policy denied {operation} {target}"), clue, process)
            }
            LogFact::RestrictedMissing { keys, process } => {
                if !keys.iter().all(|key| policy::is_restricted(key) || key == policy::key::APPLICATION_GROUPS) {
                    return None;
                }
                let what = if keys.is_empty() { "an entitlement or a valid signature".to_owned() } else { keys.join(", ") };
                let message = format!("turned away: {what} is wanted");
                self.symptom("restricted-entitlement-wanted", message, Clue::RestrictedMissing(keys.clone()), process)
            }
            LogFact::SandboxDenied { process, operation, target } => {
                // AppKit ends an app that cannot register itself: "requires an ASN, so aborting".
                let ends = target == "com.apple.coreservices.launchservicesd";
                let clue = Clue::SandboxDenied { operation: operation.clone(), ends };
                self.symptom("sandbox-denied", format!("the sandbox denied {operation} {target}"), clue, process)
            }
            _ => return None,
        };
        Some(found)
    }

    fn privacy(&self) -> Option<Detected> {
        let found = match &self.line.fact {
            LogFact::TccEntitlementMissing { service, entitlement, accessing, responsible, .. } => {
                // The process whose entitlement is missing stands behind `for`: responsible when named, else accessing.
                let process = responsible.as_ref().or(accessing.as_ref()).cloned().unwrap_or_default();
                let resource = policy::resource(entitlement).or_else(|| policy::resource(service))?;
                let message = format!("no prompt for {}: the hardened program lacks {entitlement}", resource.name);
                self.symptom("resource-entitlement-missing", message, Clue::ResourceEntitlementMissing(resource), &process)
            }
            LogFact::TccEntitlementAbort { entitlement, process } => {
                let resource = policy::resource(entitlement)?;
                let message = format!("ended when it asked for {}: it lacks {entitlement}", resource.name);
                self.symptom("resource-entitlement-missing", message, Clue::ResourceEntitlementMissing(resource), &self.answerable(process))
            }
            LogFact::TccUsageMissing { service, key, process } => {
                let resource = policy::resource(key).or_else(|| service.as_deref().and_then(policy::resource));
                let fatal = matches!(self.text.facts, TextFacts::Crash(..));
                if key.is_empty() {
                    let message = "ended by the privacy system; the sentence that names the key is not here".to_owned();
                    let clue = Clue::UsageMissing { resource: None, key: String::new(), fatal: true };
                    return Some(self.symptom("ended-for-privacy", message, clue, process));
                }
                let message = format!("asked for protected data without {key} in its Info.plist");
                self.symptom(
                    "usage-description-missing",
                    message,
                    Clue::UsageMissing { resource, key: key.clone(), fatal },
                    &self.answerable(process),
                )
            }
            LogFact::TccDenied { service, process } => {
                let resource = policy::resource(service)?;
                self.note("resource-denied", format!("access to {} was denied", resource.name), Clue::ResourceDenied(resource), process)
            }
            LogFact::AppleEventsDenied { process, .. } => {
                let resource = policy::resource("kTCCServiceAppleEvents")?;
                self.symptom("resource-denied", "an Apple event was not permitted (-1743)".into(), Clue::ResourceDenied(resource), process)
            }
            LogFact::TaskPortDenied { target, hardened, lacks_get_task_allow, .. } => {
                let message = "a debugger was refused: the program is hardened and lacks get-task-allow".to_owned();
                self.symptom("debugger-refused", message, Clue::AttachRefused(*hardened && *lacks_get_task_allow), target)
            }
            LogFact::AttachRefused { process } => {
                self.symptom("debugger-refused", "a debugger was not allowed to attach".into(), Clue::AttachRefused(false), process)
            }
            LogFact::ProtectedPlace { process, path, full_disk } => {
                let who = if *full_disk { "programs with Full Disk Access" } else { "programs that the user allows" };
                let clue = Clue::ProtectedPlace { full_disk: *full_disk };
                self.symptom("protected-place-refused", format!("{path} is kept for {who}"), clue, process)
            }
            LogFact::AppManagement { process } => self.symptom(
                "app-management-denied",
                "one app was kept from changing another app's bundle".into(),
                Clue::AppManagement,
                process,
            ),
            _ => return None,
        };
        Some(found)
    }

    fn others(&self) -> Option<Detected> {
        let nobody = Proc::default();
        let found = match &self.line.fact {
            LogFact::CodesignProblem { file, text, code } => {
                let name = file.as_deref().map(|f| format!("{}: ", short(f))).unwrap_or_default();
                let clue = if code.is_some_and(is_layout) { Clue::BadLayout } else { Clue::CodesignProblem(text.clone()) };
                let mut detected = self.symptom("codesign-problem", format!("{name}{text}"), clue, &nobody);
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::Detritus { file } => {
                let mut detected = self.symptom(
                    "signing-detritus",
                    "codesign refuses attributes that something puts on the files".into(),
                    Clue::Detritus,
                    &nobody,
                );
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::SigningFailed { why } => {
                self.symptom("signing-failed", format!("nothing was signed: {}", failure_words(*why)), Clue::SigningFailed(*why), &nobody)
            }
            LogFact::AssessmentFailed { file, why } => {
                let name = file.as_deref().map_or("a file", short);
                let mut detected =
                    self.symptom("assessment-failed", format!("macOS could not judge {name}: {why}"), Clue::AssessmentFailed, &nobody);
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::PolicyRejected { file, source } => {
                let by = source.as_deref().map(|source| format!(" ({source})")).unwrap_or_default();
                let name = file.as_deref().map_or("a file", short);
                let clue = Clue::PolicyRejected(source.clone());
                let mut detected = self.symptom("rejected-by-policy", format!("spctl does not accept {name}{by}"), clue, &nobody);
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::NotaryUnread { ticket } => {
                let words = if *ticket { "stapler found no ticket of the notary" } else { "the notary did not accept what was sent" };
                self.symptom("notary-reason-not-given", words.to_owned(), Clue::NotaryUnread(*ticket), &nobody)
            }
            LogFact::NotaryIssue { path, message, is_error: true, .. } => {
                let name = if path.is_empty() { String::new() } else { format!("{}: ", short(path)) };
                let mut detected = self.symptom("notary-refused", format!("{name}{message}"), Clue::NotaryIssue(message.clone()), &nobody);
                self.place_file(&mut detected, Some(path));
                detected
            }
            LogFact::SignatureAccepted { file, .. } => {
                let mut detected = self.note("signature-accepted", "the file's signature was accepted".into(), Clue::IntactOnDisk, &nobody);
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::SystemVersion { major, minor } => {
                self.note("shown-system", format!("it happened on macOS {major}.{minor}"), Clue::ShownSystem(*major, *minor), &nobody)
            }
            LogFact::DisplayedFlags { flags, .. } => {
                let hardened = flags & crate::read::signature::CodeSignatureFlags::RUNTIME != 0;
                let words = if hardened { "codesign shows the runtime flag" } else { "codesign shows no runtime flag: not hardened" };
                self.note("shown-flags", words.to_owned(), Clue::ShownHardened(hardened), &nobody)
            }
            LogFact::DisplayedArch { arch, .. } => {
                let arch = named_arch(arch)?;
                self.note("shown-slice", format!("codesign shows one slice: {}", arch.name()), Clue::ShownArch(arch), &nobody)
            }
            LogFact::DisplayedEntitlement { key, value: true, .. } => {
                self.note("shown-entitlement", format!("codesign shows {key}"), Clue::ShownEntitlements(vec![key.clone()]), &nobody)
            }
            LogFact::DisplayedNoEntitlements { .. } => {
                self.note("shown-no-entitlements", "codesign shows no entitlements".into(), Clue::ShownEntitlements(Vec::new()), &nobody)
            }
            LogFact::DisplayedProfile { .. } => self.note(
                "shown-profile-of-devices",
                "a provisioning profile is shown that names single Macs".into(),
                Clue::ShownProfileOfDevices,
                &nobody,
            ),
            LogFact::Died { process, .. } => self.note("died", "the process died".into(), Clue::Died, process),
            LogFact::CrashReportSaved { process, .. } => self.note(
                "crash-report-elsewhere",
                "a crash report was saved that was not given to Temper".into(),
                Clue::ReportElsewhere,
                process,
            ),
            LogFact::WorksWhen { how, .. } => {
                let (clue, words) = match how {
                    WorksHow::Copied => (Clue::CopyRuns, "a copy of the same file runs"),
                    WorksHow::Direct => (Clue::DirectRuns, "started directly the program runs"),
                    WorksHow::Debugger => (Clue::DebuggerRuns, "under a debugger the program runs"),
                };
                self.note("works-otherwise", words.to_owned(), clue, &nobody)
            }
            LogFact::Overwritten { file } => {
                let mut detected =
                    self.note("overwritten-in-place", "the file was overwritten in place".into(), Clue::Overwritten, &nobody);
                self.place_file(&mut detected, file.as_deref());
                detected
            }
            LogFact::DyldVariable { name, by_protected: Some(by), .. } => {
                let clue = Clue::ProtectedShell { by: by.clone(), variable: name.clone() };
                self.note("protected-shell", format!("{by} is Apple's and drops {name} on the way"), clue, &nobody)
            }
            LogFact::DyldVariable { name, .. } => {
                let clue = Clue::SetsDyld { variable: name.clone(), through_script: false };
                self.note("dyld-variable-set", format!("{name} is set"), clue, &nobody)
            }
            LogFact::OwnFault { text } if text.contains("CPU type") => {
                self.symptom("launch-wrong-architecture", text.clone(), Clue::Own(OwnFault::WrongArchitecture), &nobody)
            }
            LogFact::OwnFault { text } if text.contains("objc_exception_throw") || text.contains("uncaught exception 'NS") => {
                self.symptom("own-fault", text.clone(), Clue::Own(OwnFault::Exception), &nobody)
            }
            LogFact::OwnFault { text } => self.symptom("own-fault", text.clone(), Clue::Own(OwnFault::Abort), &nobody),
            _ => return None,
        };
        Some(found)
    }

    fn place_file(&self, detected: &mut Detected, file: Option<&str>) {
        let Some(path) = file.and_then(|file| self.scene.file_by_name(file)) else {
            detected.finding.subject = file.map(|file| self.scene.reported_name(file)).unwrap_or_default();
            return;
        };
        detected.finding.subject = path.to_string_lossy().into_owned();
        detected.finding.arch = None;
    }
}

/// Faults of an entitlements file that the user gave.
fn of_entitlements_file(text: &EvidenceText) -> Vec<Detected> {
    let TextFacts::Entitlements(entitlements) = &text.facts else { return Vec::new() };
    entitlements
        .xml_faults
        .iter()
        .map(|fault| {
            let fatal = fault.kind.is_fatal();
            let (kind, severity) = if fatal { (Kind::Defect, Severity::Error) } else { (Kind::Lint, Severity::Warning) };
            let clue = if fatal { Clue::MalformedEntitlements } else { Clue::None };
            let id = if fatal { "entitlements-malformed" } else { "entitlements-unwise" };
            let mut detected = Detected::of_code(id, kind, severity, Confidence::Certain, super::signing::fault_words(fault), clue);
            detected.finding.subject = text.source.clone();
            detected.finding.location.path = text.source.clone();
            detected.finding.location.place = format!("line {}, column {}", fault.line, fault.column);
            let proof = Proof {
                source: text.source.clone(),
                line: Some(fault.line).filter(|n| *n > 0),
                quote: fault.detail.clone(),
                ..Proof::default()
            };
            detected.seen(proof)
        })
        .collect()
}

/// Errors that tell how a bundle or an executable is laid out, not that something was changed (CSCommon.h: errSecCSBadBundleFormat,
/// BadObjectFormat, NoMainExecutable, ResourceNotSupported, RegularFile, UnsealedAppRoot, DSStoreSymlink, AmbiguousBundleFormat, BadMainExecutable,
/// BadFrameworkVersion, UnsealedFrameworkRoot, InvalidSymlink, MultipleExecSegments).
fn is_layout(code: i64) -> bool {
    matches!(code, -67049 | -67029 | -67028 | -67016..=-67014 | -67012..=-67008 | -67003 | -66995)
}

/// Why nothing could be signed.
pub(crate) fn failure_words(why: SigningFailure) -> &'static str {
    match why {
        SigningFailure::KeyNotUsable => "the private key cannot be used (its keychain is locked, or nobody can be asked, as over SSH)",
        SigningFailure::Ambiguous => "several certificates have that name",
        SigningFailure::NoIdentity => "there is no certificate of that name with its private key",
        SigningFailure::WrongCertificate => "the certificate is not one for code (an Installer certificate signs packages only)",
        SigningFailure::InstallerNamed => "codesign was given an Installer certificate, which signs packages and no code",
        SigningFailure::NoChain => "the certificate's issuer is not there, or its trust was changed by hand",
        SigningFailure::NoTimestamp => "Apple's timestamp server was not reached, or the clock is wrong",
    }
}

/// Words for dyld's reasons that are library validation.
pub(crate) fn reason_words(reason: TriedReason) -> &'static str {
    match reason {
        TriedReason::Unsigned => "it is not signed",
        TriedReason::NoTeam => "it has no team (signed ad hoc or by itself)",
        TriedReason::PlatformProcess => "the program is Apple's own and takes only Apple's libraries",
        TriedReason::DifferentTeams => "it and the program have different teams",
        _ => "library validation",
    }
}

/// Name of an engine for people.
pub(crate) fn engine_name(word: &str) -> &'static str {
    match word {
        "v8" => "V8",
        "jsc" => "JavaScriptCore",
        "hotspot" => "HotSpot (Java)",
        "coreclr" => "CoreCLR (.NET)",
        "libffi" => "libffi",
        "pcre" => "PCRE's JIT",
        "luajit" => "LuaJIT",
        "mono" => "Mono",
        "pypy" => "PyPy",
        "wasm" => "the WebAssembly engine",
        "wine" => "Wine",
        "qemu" | "tcg" => "QEMU",
        "llvm" => "LLVM's JIT",
        "beam" => "Erlang's BEAM",
        "yjit" => "Ruby's YJIT",
        "php" => "PHP",
        "julia" => "Julia",
        "dart" => "the Dart VM",
        "monomod" => "MonoMod",
        _ => "the program",
    }
}

/// The architecture of that name; those that macOS no longer runs do not matter.
fn named_arch(name: &str) -> Option<Arch> {
    [Arch::I386, Arch::X86_64, Arch::Arm64, Arch::Arm64e].into_iter().find(|arch| arch.name() == name)
}

pub(super) fn short(path: &str) -> &str {
    // `X.framework/Versions/A` is known by the framework's name.
    let path = match path.rsplit_once("/Versions/") {
        Some((framework, version)) if framework.ends_with(".framework") && !version.contains('/') => framework,
        _ => path,
    };
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// Texts other than crash reports and plain logs say what they are; used by `diagnose` for the evidence table.
pub(crate) fn process_of(evidence: &Evidence, index: usize) -> Option<String> {
    match &evidence.texts.get(index)?.facts {
        TextFacts::Crash(report, _) => report.process.clone(),
        _ => None,
    }
}
