//! What a crash report shows: termination reason, then the page that faulted, then the frames.

use super::{Clue, Detected, OwnFault, Scene, Sign};
use crate::evidence::{Image, TextFacts};
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::read::crash::{CrashReport, Frame, Region};
use crate::read::log::{LogFact, LogLine, Proc};
use crate::read::signature::CodeSignatureFlags;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all = Vec::new();
    for (index, text) in scene.evidence.texts.iter().enumerate() {
        let TextFacts::Crash(report, lines) = &text.facts else { continue };
        if scene.stranger(report).is_some() {
            continue;
        }
        let reported = report.path.as_deref().or(report.process.as_deref()).map(|path| scene.reported_name(path)).unwrap_or_default();
        let look = Look { source: &text.source, report, image: scene.crashed(report), reported };
        let mut found = look.symptoms(lines);
        found.extend(look.process_flags());
        for mut detected in found {
            detected.text = Some(index);
            all.push(detected);
        }
    }
    all
}

struct Look<'a> {
    source: &'a str,
    report: &'a CrashReport,
    image: Option<&'a Image>,
    /// Name of the program as reported, when there is no target to find it in.
    reported: String,
}

impl Look<'_> {
    /// Symptoms that the structured fields show. Messages (dyld, TCC) are read by the log detector from the same text.
    fn symptoms(&self, lines: &[LogLine]) -> Vec<Detected> {
        let namespace = self.report.termination.as_ref().map_or("", |t| t.namespace.as_str());
        let code = self.report.termination.as_ref().map_or(0, |t| t.code);
        let explained = lines.iter().any(|line| speaks(&line.fact));
        match (namespace, code) {
            ("CODESIGNING", 1) => vec![self.launch_refused()],
            ("CODESIGNING", 4) => {
                let clue = Clue::LaunchConstraint { error: None, failed: Proc::default() };
                vec![self.symptom("launch-constraint-violated", "macOS refused to start it: a launch constraint", clue)]
            }
            ("CODESIGNING", _) => vec![self.invalid_page()],
            _ if self.is_codesign_fault() => vec![self.invalid_page()],
            ("TCC" | "DYLD", _) if explained => Vec::new(),
            ("TCC", _) => {
                let clue = Clue::UsageMissing { resource: None, key: String::new(), fatal: true };
                vec![self.symptom("ended-for-privacy", "ended by the privacy system; the message is cut", clue)]
            }
            ("EXEC", code) => vec![self.exec(code)],
            ("GUARD" | "JETSAM" | "WATCHDOG" | "RUNNINGBOARD" | "SPRINGBOARD" | "ROSETTA" | "PORT_SPACE" | "METAL" | "LIBXPC", _) => {
                let message = format!("ended by {namespace}, which has nothing to do with signing");
                vec![self.symptom("ended-by-another-limit", &message, Clue::Own(OwnFault::Other(namespace.to_owned())))]
            }
            _ if explained => Vec::new(),
            _ => self.plain_fault().into_iter().collect(),
        }
    }

    /// EXC_BAD_ACCESS with code 0x32 (KERN_CODESIGN_ERROR), or the old spelling of the signal.
    fn is_codesign_fault(&self) -> bool {
        let bad_access = self.report.exception.as_deref().is_some_and(|e| e.contains("BAD_ACCESS"));
        bad_access
            && (self.report.codes.first() == Some(&0x32)
                || self.report.signal.as_deref().is_some_and(|s| s.contains("Code Signature Invalid")))
    }

    fn launch_refused(&self) -> Detected {
        self.symptom("launch-refused", "macOS refused to start it because of its code signature", Clue::LaunchRefused)
    }

    fn exec(&self, code: u64) -> Detected {
        match code {
            8 => self.symptom("launch-refused-by-policy", "a security policy refused to start it", Clue::Gatekeeper),
            9 => self.launch_refused(),
            13 | 14 | 16 => {
                self.symptom("launch-wrong-architecture", "macOS cannot run this kind of code here", Clue::Own(OwnFault::WrongArchitecture))
            }
            _ => self.symptom("launch-failed", "macOS could not load the program file", Clue::Own(OwnFault::Other(format!("EXEC {code}")))),
        }
    }

    /// Which page: the region under the fault address, else the frames.
    fn invalid_page(&self) -> Detected {
        if let Some(patcher) = self.patched_page() {
            return patcher;
        }
        match &self.report.region {
            Some(region) if is_anonymous(region) => self.anonymous(region),
            Some(region) => self.file_page(Some(region)),
            None if self.report.not_in_a_region => self.symptom(
                "ran-a-wild-address",
                "the address that faulted lies in no memory at all: a bad pointer",
                Clue::Own(OwnFault::BadPointer),
            ),
            None if self.killed_at_exec() => self.exec_page(),
            None if self.dyld_on_top() => self.file_page(None),
            None if self.report.frames.first().is_some_and(|f| f.image == "???") => {
                self.symptom("ran-anonymous-page", "killed while running memory that belongs to no file", Clue::KilledAnonymousPage)
            }
            None => self.symptom(
                "killed-invalid-page",
                "killed for a page of code that no signature covers; the report does not say which",
                Clue::KilledPage,
            ),
        }
    }

    /// Killed before a thread ran: only pages of the executable itself were touched.
    fn killed_at_exec(&self) -> bool {
        self.report.frames.is_empty()
            && self.report.exception.as_deref().is_some_and(|e| e.contains("EXC_CRASH"))
            && self.report.path.is_some()
    }

    fn exec_page(&self) -> Detected {
        let clue = Clue::KilledFilePage { file: self.report.path.clone(), while_loading: false, replaced: false };
        self.symptom("ran-page-that-does-not-match", "killed at launch: a page of the executable does not match its signature", clue)
    }

    fn anonymous(&self, region: &Region) -> Detected {
        let message = format!("killed while running memory that belongs to no file ({} {})", region.kind, region.protection);
        let mut detected = self.symptom("ran-anonymous-page", &message, Clue::KilledAnonymousPage);
        let words = [region.kind.as_str(), region.protection.as_str(), region.share.as_str()].join(" ");
        let sharing = if region.share.is_empty() {
            words
        } else {
            words.replace(&region.share, &format!("SM={}", region.share.trim_start_matches("SM=")))
        };
        detected.finding.proof.push(self.proof("region", sharing.trim().to_owned() + "   the address that faulted: no file"));
        self.add_frames(detected)
    }

    fn file_page(&self, region: Option<&Region>) -> Detected {
        let loading = self.dyld_on_top();
        let file = region.map(|r| r.detail.as_str()).filter(|d| d.contains('/'));
        let file = file.or_else(|| self.being_loaded()).map(str::to_owned);
        let name = file.as_deref().and_then(|f| f.rsplit('/').next()).unwrap_or("a file");
        let message = if loading {
            format!("killed while loading {name}: a page does not match its signature")
        } else {
            format!("killed for a page of {name} that does not match its signature")
        };
        let clue = Clue::KilledFilePage { file, while_loading: loading, replaced: false };
        let mut detected = self.symptom("ran-page-that-does-not-match", &message, clue);
        if let Some(region) = region {
            detected
                .finding
                .proof
                .push(self.proof("region", format!("{} {} {}", region.kind, region.protection, region.detail).trim().to_owned()));
        }
        self.add_frames(detected)
    }

    /// The file after `dyld: in dlopen()`, which older systems write into the report.
    fn being_loaded(&self) -> Option<&str> {
        let mut lines = self.report.messages.iter().flat_map(|message| message.lines()).map(str::trim);
        lines.find(|line| line.starts_with("dyld: in dlopen()"))?;
        lines.find(|line| line.starts_with('/'))
    }

    /// A code page of an intact image that was changed in memory: the page is `__TEXT` of the system or of another image than the one that
    /// runs, and a non-system image right below the top frame did it.
    fn patched_page(&self) -> Option<Detected> {
        let region = self.report.region.as_ref().filter(|region| !is_anonymous(region))?;
        let in_code = region.kind.contains("__TEXT") || region.kind.contains("shared cache") || is_system(&region.detail);
        let system_page = is_system(&region.detail) || self.address_image().is_some_and(is_system);
        if !in_code || self.dyld_loading() {
            return None;
        }
        let patcher =
            self.report.frames.iter().take(6).find(|frame| frame.image != "???" && !self.is_system_frame(frame) && !self.is_main(frame));
        let named = patcher.filter(|frame| patches_by_name(frame));
        if !system_page && named.is_none() {
            return None;
        }
        let patcher = named.or(patcher).map(|frame| frame.image.clone());
        let patched = Some(region.detail.clone()).filter(|d| !d.is_empty());
        let what = patched.as_deref().and_then(|p| p.rsplit('/').next()).unwrap_or("system code").to_owned();
        let by = patcher.as_deref().map(|p| format!(", right below {p}")).unwrap_or_default();
        let message = format!("killed for a changed code page of {what}{by}");
        let mut detected = self.symptom("ran-patched-page", &message, Clue::KilledPatchedPage { patcher, patched });
        detected
            .finding
            .proof
            .push(self.proof("region", format!("{} {} {}", region.kind, region.protection, region.detail).trim().to_owned()));
        Some(self.add_frames(detected))
    }

    /// Path of the image the fault address lies in.
    fn address_image(&self) -> Option<&str> {
        let address = self.report.fault_address?;
        let image = self.report.images.iter().find(|image| address >= image.base && address - image.base < image.size)?;
        Some(&image.path)
    }

    fn is_system_frame(&self, frame: &Frame) -> bool {
        let path = frame.image_index.and_then(|index| self.report.images.get(index)).map(|image| image.path.as_str());
        match path.filter(|p| !p.is_empty()) {
            Some(path) => is_system(path),
            None => {
                frame.image.starts_with("lib")
                    && frame.image.ends_with(".dylib")
                    && self.report.images.iter().all(|i| i.name != frame.image)
                    || frame.image == "dyld"
            }
        }
    }

    fn is_main(&self, frame: &Frame) -> bool {
        self.report.process.as_deref() == Some(frame.image.as_str())
    }

    fn dyld_on_top(&self) -> bool {
        self.report.frames.iter().take(3).any(|frame| frame.image == "dyld")
    }

    /// dyld maps or checks a file (not: runs initialisers of one).
    fn dyld_loading(&self) -> bool {
        let loads = |symbol: &str| {
            ["isUniversal", "Loader::", "mapImage", "JustInTimeLoader", "withFileMapped", "MachOFile", "mach_o::", "fcntl"]
                .iter()
                .any(|w| symbol.contains(w))
        };
        let top = self.report.frames.first();
        top.is_some_and(|frame| frame.image == "dyld" && frame.symbol.as_deref().is_none_or(loads))
    }

    /// A fault without a code-signing part.
    fn plain_fault(&self) -> Option<Detected> {
        if let Some(engine) = self.engine_trap() {
            return Some(engine);
        }
        if let Some(sandbox) = self.sandbox_set_up() {
            return Some(sandbox);
        }
        if let Some(jit) = self.jit_fault() {
            return Some(jit);
        }
        let exception = self.report.exception.as_deref().unwrap_or("");
        let signal = self.report.signal.as_deref().unwrap_or("");
        let killed = signal.contains("SIGKILL") && self.report.termination.is_none();
        if exception.contains("BAD_ACCESS") || signal.contains("SIGSEGV") || signal.contains("SIGBUS") {
            let near_null = self.report.fault_address.is_some_and(|address| address < 0x1_0000);
            let words = if near_null { "a null pointer was followed" } else { "the program used memory that is not its own" };
            return Some(self.add_frames(self.symptom("bad-pointer", words, Clue::Own(OwnFault::BadPointer))));
        }
        if exception.contains("EXC_CRASH") && signal.contains("SIGABRT") {
            return Some(self.add_frames(self.symptom("aborted", "the program ended itself", Clue::Own(OwnFault::Abort))));
        }
        if ["EXC_BREAKPOINT", "EXC_BAD_INSTRUCTION", "EXC_ARITHMETIC"].iter().any(|e| exception.contains(e)) {
            return Some(self.add_frames(self.symptom("trapped", "the program stopped itself at a trap", Clue::Own(OwnFault::Abort))));
        }
        if exception.contains("EXC_GUARD") {
            return Some(self.symptom(
                "ended-by-another-limit",
                "EXC_GUARD: a guarded port or file was misused",
                Clue::Own(OwnFault::Other("GUARD".into())),
            ));
        }
        (killed || !exception.is_empty()).then(|| self.symptom("died", "the program died; the report does not say why", Clue::Died))
    }

    /// libsystem_secinit ends a process before `main` when it cannot apply the sandbox that its signature asks for.
    fn sandbox_set_up(&self) -> Option<Detected> {
        const SAID: [&str; 3] = ["SYSCALL_SET_PROFILE", "Container object initialization failed", "failed to get bundleid for app"];
        let top = self.report.frames.iter().take(2).filter_map(|frame| frame.symbol.as_deref());
        let ended =
            top.into_iter().any(|symbol| symbol.contains("_libsecinit_appsandbox") || symbol.contains("_libsecinit_setup_app_sandbox"))
                || self.report.messages.iter().any(|message| SAID.iter().any(|words| message.contains(words)));
        let message = "ended before it started, because its App Sandbox could not be set up";
        ended.then(|| self.add_frames(self.symptom("sandbox-not-set-up", message, Clue::SandboxSetUp)))
    }

    /// An engine stopped itself: in a function that sets up its code memory, or anywhere in it (which only a refused need turns into a sign).
    fn engine_trap(&self) -> Option<Detected> {
        const SET_UP: &[(&str, &str)] = &[
            ("pthread_jit_write_protect_np", "jit"),
            ("V8_Fatal", "v8"),
            ("CodeRange", "v8"),
            ("v8::internal::ThreadIsolation", "v8"),
            ("SetPermissions", "v8"),
            ("v8::base::OS::RecommitPages", "v8"),
            ("v8::Isolate::Initialize", "v8"),
            ("v8::V8::Initialize", "v8"),
            ("v8::internal::Isolate::Init", "v8"),
            ("ExecutableAllocator", "jsc"),
            ("ExecutableMemoryHandle", "jsc"),
            ("CodeHeap::reserve", "hotspot"),
            ("CodeCache::initialize", "hotspot"),
            ("ExecutableMemoryAllocator", "coreclr"),
            ("ffi_closure_alloc", "libffi"),
        ];
        const INSIDE: &[(&str, &str)] = &[("v8::", "v8"), ("JSC::", "jsc"), ("node::", "v8"), ("coreclr", "coreclr")];
        const TRAPS: &[&str] = &["EXC_BREAKPOINT", "EXC_BAD_INSTRUCTION", "EXC_CRASH", "EXC_BAD_ACCESS"];
        let exception = self.report.exception.as_deref().filter(|e| TRAPS.iter().any(|t| e.contains(t)))?;
        let symbols: Vec<&str> = self.report.frames.iter().take(8).filter_map(|frame| frame.symbol.as_deref()).collect();
        let set_up =
            symbols.iter().find_map(|s| SET_UP.iter().find(|(name, _)| s.contains(name)).map(|(_, engine)| (*s, *engine, Sign::InSetUp)));
        let trapped = !exception.contains("EXC_BAD_ACCESS");
        let inside = symbols
            .first()
            .filter(|_| trapped)
            .and_then(|s| INSIDE.iter().find(|(name, _)| s.starts_with(name)).map(|(_, engine)| (*s, *engine, Sign::InEngine)));
        let (symbol, engine, sign) = set_up.or(inside)?;
        let message = format!("the program stopped itself in {symbol}");
        let detected = self.symptom("engine-stopped-itself", &message, Clue::EngineRefused { engine, degrades: false, sign });
        Some(self.add_frames(detected))
    }

    /// A protection fault on memory for generated code: written while executable, or run while not.
    fn jit_fault(&self) -> Option<Detected> {
        let subtype = self.report.subtype.as_deref().unwrap_or("");
        let protection = subtype.contains("KERN_PROTECTION_FAILURE") || self.report.codes.first() == Some(&2);
        let region = self.report.region.as_ref().filter(|region| is_anonymous(region) && may_hold_code(region))?;
        let bad_access = self.report.exception.as_deref().is_some_and(|e| e.contains("BAD_ACCESS"));
        if !protection || !bad_access {
            return None;
        }
        let message = format!("memory for generated code ({} {}) was used against its protection", region.kind, region.protection);
        let detected = self.symptom("jit-memory-misused", &message, Clue::JitMisused);
        Some(self.add_frames(detected))
    }

    fn process_flags(&self) -> Option<Detected> {
        let flags = self.report.cs_flags?;
        let words = match CodeSignatureFlags(flags).process_is_hardened() {
            Some(true) => "the process was hardened",
            None if flags != 0 => "the process was killed before it had its flags",
            Some(false) | None => "the process was not hardened",
        };
        let mut detected = self.symptom("process-flags", words, Clue::ProcessFlags(flags));
        detected.finding.severity = Severity::Note;
        detected.finding.proof = vec![self.proof("cs_flags", format!("codeSigningFlags {flags} = {flags:#x}"))];
        if let Some(category) = self.report.cs_category {
            let words = category_words(category);
            detected.finding.proof.push(self.proof("cs_category", format!("codeSigningValidationCategory {category}: {words}")));
        }
        if let Some(level) = self.report.cs_trust_level {
            // The numbering differs with the monitor of the machine (xnu: osfmk/vm/pmap_cs.h), so it is shown and nothing is concluded.
            detected.finding.proof.push(self.proof("cs_flags", format!("codeSigningTrustLevel {level}")));
        }
        Some(detected)
    }

    /// A symptom on the executable that crashed, quoting the termination reason and the exception.
    fn symptom(&self, id: &'static str, message: &str, clue: Clue) -> Detected {
        let name = self.report.process.as_deref().unwrap_or("the program");
        let subject = self.image.map_or_else(|| self.reported.clone(), |image| image.path.to_string_lossy().into_owned());
        let arch = self.image.map(Image::arch).or_else(|| super::scene::reported_arch(self.report));
        let mut detected = Detected::of_code(id, Kind::Symptom, Severity::Error, Confidence::Certain, format!("{name}: {message}"), clue)
            .on(subject, arch);
        detected.finding.location.path = self.source.to_owned();
        detected.finding.location.place =
            self.report.line("termination").or(self.report.line("exception")).map(|l| format!("line {l}")).unwrap_or_default();
        detected.finding.proof.extend(self.termination_proof());
        detected.finding.proof.extend(self.exception_proof());
        detected
    }

    fn termination_proof(&self) -> Option<Proof> {
        let t = self.report.termination.as_ref()?;
        Some(self.proof(
            "termination",
            format!("Termination Reason: Namespace {}, Code {} {}", t.namespace, t.code, t.indicator).trim_end().to_owned(),
        ))
    }

    fn exception_proof(&self) -> Option<Proof> {
        let exception = self.report.exception.as_deref()?;
        let signal = self.report.signal.as_deref().map(|s| format!(" ({s})")).unwrap_or_default();
        Some(self.proof("exception", format!("Exception Type: {exception}{signal}")))
    }

    fn proof(&self, field: &str, quote: String) -> Proof {
        Proof { source: self.source.to_owned(), line: self.report.line(field), quote, ..Proof::default() }
    }

    fn add_frames(&self, mut detected: Detected) -> Detected {
        let frames: Vec<String> =
            self.report.frames.iter().take(3).map(|f| format!("{} {}", f.image, f.symbol.as_deref().unwrap_or("?"))).collect();
        if !frames.is_empty() {
            detected.finding.proof.push(self.proof("frame", format!("frames: {}", frames.join(" ← "))));
        }
        detected
    }
}

/// Whose signature the kernel saw (xnu: osfmk/kern/cs_blobs.h, CS_VALIDATION_CATEGORY_*).
fn category_words(category: u64) -> &'static str {
    match category {
        0 => "not signed, or the signature is not valid",
        1 => "part of macOS",
        2 => "TestFlight",
        3 => "a development certificate",
        4 => "the App Store",
        5 => "an enterprise certificate",
        6 => "Developer ID",
        7 => "signed on this machine",
        8 => "translated by Rosetta",
        9 => "code of a JIT in another process",
        10 => "signed ad hoc or by a signer macOS does not know",
        _ => "a category that Temper does not know",
    }
}

/// A message that says by itself what happened.
fn speaks(fact: &LogFact) -> bool {
    !matches!(
        fact,
        LogFact::Noise { .. }
            | LogFact::OwnFault { .. }
            | LogFact::Died { .. }
            | LogFact::CrashReportSaved { .. }
            | LogFact::DyldVariable { .. }
            // A transcript pasted beside the report says how the program is signed, not what happened.
            | LogFact::DisplayedFlags { .. }
            | LogFact::DisplayedArch { .. }
            | LogFact::DisplayedTeam { .. }
            | LogFact::DisplayedProfile { .. }
            | LogFact::SystemVersion { .. }
            | LogFact::DisplayedEntitlement { .. }
            | LogFact::DisplayedNoEntitlements { .. }
            | LogFact::SignatureAccepted { .. }
            | LogFact::WorksWhen { .. }
    )
}

/// Memory that belongs to no file.
fn is_anonymous(region: &Region) -> bool {
    let file_kind = region.kind.starts_with("__")
        || region.kind.contains("mapped file")
        || region.kind.contains("shared cache")
        || region.kind.contains("Mapped");
    !file_kind && !region.detail.contains('/')
}

/// Anonymous memory in which generated code can lie. `rwx` as the most that is allowed says nothing: stacks and guards have it, too, and memory without
/// any access (`---`) was only reserved.
fn may_hold_code(region: &Region) -> bool {
    let kind = region.kind.to_ascii_lowercase();
    let other = kind.contains("guard") || kind.starts_with("stack") || region.protection.starts_with("---");
    !other && region.protection.contains('x')
}

fn is_system(path: &str) -> bool {
    path.starts_with("/usr/lib") || path.starts_with("/System/") || path.contains("/dyld_shared_cache")
}

/// Instrumentation and hooking libraries and functions.
fn patches_by_name(frame: &Frame) -> bool {
    const WORDS: &[&str] =
        &["gum_", "frida", "gadget", "hook", "substitute", "mach_override", "interceptor", "dobby", "trampoline", "patch"];
    let text = format!("{} {}", frame.image, frame.symbol.as_deref().unwrap_or("")).to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}
