//! Generated and patched code: which key, if any, and on which executable.
//!
//! What a kill says by itself: a refused MAP_JIT mapping fails with an errno and kills nobody; a process killed for running a page that
//! belongs to no file had memory that MAP_JIT does not cover. So that symptom asks for the broader key or a change of code, never `allow-jit`.

use super::case::{Candidate, Case, Use};
use crate::detect::{Clue, Detected, MemoryUse, OwnFault, Sign};
use crate::evidence::{Image, TextFacts};
use crate::finding::Confidence;
use crate::policy::{Action, Decision, Process, decide, key};
use crate::read::macho::Arch;
use crate::scenario::Condition;
use std::collections::BTreeSet;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = case.clues(|_| true).filter_map(|(index, detected)| of_symptom(case, index, detected)).collect();
    let explained: BTreeSet<String> = all.iter().filter(|c| c.accounts).map(|c| c.subject.clone()).collect();
    all.extend(of_needs(case).into_iter().filter(|c| !explained.contains(&c.subject)));
    all
}

fn of_symptom(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let image = case
        .image_of(detected)
        .filter(|image| image.is_executable())
        .or_else(|| case.scene.main().filter(|_| detected.finding.subject.is_empty()));
    let look = Look { case, index, detected, image };
    match &detected.clue {
        Clue::KilledAnonymousPage => Some(look.flipped()),
        Clue::EngineRefused { engine, degrades, sign } => look.engine(engine, *degrades, *sign),
        Clue::WriteExecuteRefused => Some(look.write_execute()),
        Clue::JitMisused => Some(look.misused()),
        Clue::KilledPatchedPage { patcher, .. } => Some(look.patched(patcher.as_deref())),
        Clue::KilledPage
            if case
                .any(|c| matches!(c, Clue::KilledFilePage { .. } | Clue::KilledAnonymousPage | Clue::KilledPatchedPage { .. }))
                .is_none() =>
        {
            look.some_page()
        }
        _ => None,
    }
}

struct Look<'a> {
    case: &'a Case<'a>,
    index: usize,
    detected: &'a Detected,
    image: Option<&'a Image>,
}

impl<'a> Look<'a> {
    fn name(&self) -> String {
        let file = self.image.map(|i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        file.unwrap_or_else(|| "the program".into())
    }

    fn uses(&self) -> Vec<Use> {
        let linked = self.image.map(|image| self.case.uses(image)).unwrap_or_default();
        if linked.is_empty() { self.case.uses_anywhere(self.arch()) } else { linked }
    }

    fn arch(&self) -> Option<Arch> {
        self.detected.finding.arch.or(self.image.map(Image::arch)).or(self.case.scene.evidence.arch).or_else(|| self.case.shown_arch())
    }

    fn decision(&self, action: &Action) -> Option<Decision> {
        self.image.map(|image| decide(&Process::of(image), action))
    }

    fn start(&self, confidence: Confidence, summary: String) -> Candidate {
        let mut candidate = Candidate::new("jit", "jit", confidence, summary).about(self.image).like(&self.detected.finding);
        candidate.findings.push(self.index);
        candidate.accounts = true;
        candidate.order = 10;
        candidate
    }

    /// Killed while running memory of no file.
    fn flipped(&self) -> Candidate {
        let uses = self.uses();
        let flips: Vec<&Use> = uses.iter().filter(|u| u.how == MemoryUse::FlipsPages).collect();
        let best = flips.iter().map(|u| u.confidence).max();
        let decision = self.decision(&Action::ExecuteFlippedPage);
        let refused = decision.as_ref().is_none_or(|d| !d.allowed);
        let hardened = self.case.hardened(self.image);
        let confidence = match (best, &decision) {
            _ if !refused || hardened == Some(false) => Confidence::Possible,
            (Some(Confidence::Certain), Some(decision)) => decision.certainty,
            _ => Confidence::Likely,
        };
        let summary = format!("macOS killed {} because it ran code that it had written into memory without MAP_JIT", self.name());
        let mut candidate = self.start(confidence, summary);
        candidate.findings.extend(flips.iter().map(|u| u.index));
        candidate.facts.insert(Condition::FlipsPages);
        candidate.remove = Some(self.superseded(&uses));
        if let Some(decision) = &decision {
            candidate = candidate.refused_by(decision);
        }
        candidate.also_on = self.helpers(&[key::UNSIGNED_MEMORY]);
        candidate
    }

    /// `allow-jit`, where it is there and nothing in the process maps with MAP_JIT in any slice.
    fn superseded(&self, uses: &[Use]) -> Vec<String> {
        let Some(image) = self.image.filter(|image| image.has_entitlement(key::ALLOW_JIT)) else { return Vec::new() };
        let other_slices = self.case.scene.evidence.images_at(&image.path).flat_map(|slice| self.case.uses(slice));
        let maps_jit = uses.iter().copied().chain(other_slices).any(|u| u.how == MemoryUse::MapJit);
        if maps_jit { Vec::new() } else { vec![key::ALLOW_JIT.to_owned()] }
    }

    /// A runtime's own message that it got no executable memory.
    fn engine(&self, engine: &str, degrades: bool, sign: Sign) -> Option<Candidate> {
        let name = crate::detect::engine_name(engine);
        let uses = self.uses();
        let native_arm = self.arch().is_some_and(Arch::is_arm64);
        let has = |how: MemoryUse, least: Confidence| uses.iter().any(|u| u.how == how && u.confidence >= least);
        let maps_jit = has(MemoryUse::MapJit, Confidence::Likely);
        let write_execute = has(MemoryUse::WriteExecute, Confidence::Likely);
        let jit_refused = self.decision(&Action::MapJit).is_none_or(|d| !d.allowed);
        if native_arm && write_execute && (!maps_jit || !jit_refused) && sign == Sign::Message {
            return Some(self.engine_needs_new_code(name, degrades, &uses));
        }
        if self.case.hardened(self.image) == Some(false) {
            return (sign == Sign::Message).then(|| self.not_hardened(name));
        }
        // A trap says nothing of its reason: where the memory keys permit what the code does, the engine stopped itself for another.
        let refused = maps_jit && jit_refused
            || has(MemoryUse::FlipsPages, Confidence::Likely) && self.decision(&Action::ExecuteFlippedPage).is_none_or(|d| !d.allowed);
        let blind = self.image.is_none() || uses.is_empty() && jit_refused;
        if sign < Sign::Message && !refused && !(blind && sign == Sign::InSetUp) {
            return None;
        }
        let known = self.usual(engine, &uses, maps_jit, jit_refused);
        let within = if name == "the program" { String::new() } else { format!(" ({name})") };
        let summary = format!("{}{within} did not get memory for generated code", self.name());
        let wanted = match known {
            Some(MemoryUse::FlipsPages | MemoryUse::WriteExecute) => key::UNSIGNED_MEMORY,
            _ => key::ALLOW_JIT,
        };
        let proof = known.and_then(|how| uses.iter().filter(|u| u.how == how).map(|u| u.confidence).max());
        let confidence = match (proof, self.image) {
            (Some(Confidence::Certain), Some(image)) if image.is_hardened() => Confidence::Certain,
            _ => Confidence::Likely,
        };
        let mut candidate = self.start(confidence, summary);
        // An engine that flips pages gets its memory and dies later; LuaJIT's message is about an address range near enough.
        // The Dart VM says the same when its heap is really full.
        let unsure = match engine {
            "luajit" => !(maps_jit && jit_refused),
            "dart" => self.case.hardened(self.image) != Some(true) || self.case.has_key(self.image, key::ALLOW_JIT),
            _ => false,
        };
        if unsure {
            candidate.confidence = Confidence::Possible;
            candidate.accounts = false;
        }
        candidate.findings.extend(uses.iter().filter(|u| Some(u.how) == known).map(|u| u.index));
        candidate.remove = Some(if wanted == key::UNSIGNED_MEMORY { self.superseded(&uses) } else { Vec::new() });
        match known {
            Some(MemoryUse::FlipsPages) => candidate.facts.insert(Condition::FlipsPages),
            Some(MemoryUse::WriteExecute) => {
                if self.arch() == Some(Arch::X86_64) {
                    candidate.facts.insert(Condition::X86_64);
                }
                candidate.facts.insert(Condition::MapsWriteExecute)
            }
            _ => candidate.facts.insert(Condition::UsesMapJit),
        };
        // Only in a hardened program without allow-jit does the function that switches JIT memory itself trap.
        let shown_by_trap = engine == "jit" && sign == Sign::InSetUp && self.case.hardened(self.image).is_none();
        candidate.no_keys = self.why_no_keys(known, engine, wanted).filter(|_| !shown_by_trap);
        if degrades && candidate.no_keys.is_some() {
            candidate.facts.insert(Condition::MapsWriteExecute);
        }
        let action = if wanted == key::ALLOW_JIT { Action::MapJit } else { Action::ExecuteFlippedPage };
        if let Some(decision) = self.decision(&action) {
            candidate = candidate.refused_by(&decision);
        }
        candidate.also_on = self.helpers(&[wanted]);
        Some(self.misplaced(candidate, wanted))
    }

    /// How the engine maps its code: call sites first, then what engines of that name do everywhere.
    fn usual(&self, engine: &str, uses: &[Use], maps_jit: bool, jit_refused: bool) -> Option<MemoryUse> {
        if maps_jit && jit_refused {
            return Some(MemoryUse::MapJit);
        }
        let proven = uses.iter().filter(|u| matches!(u.how, MemoryUse::FlipsPages | MemoryUse::WriteExecute)).max_by_key(|u| u.confidence);
        if let Some(found) = proven.filter(|u| u.confidence >= Confidence::Likely) {
            return Some(found.how);
        }
        match engine {
            "jsc" | "coreclr" | "jit" | "qemu" | "dart" => Some(MemoryUse::MapJit),
            "v8" if self.arch().is_some_and(Arch::is_arm64) => Some(MemoryUse::MapJit),
            "hotspot" if self.arch().is_some_and(Arch::is_arm64) => Some(MemoryUse::MapJit),
            "wasm" | "luajit" => Some(MemoryUse::FlipsPages),
            // On Apple silicon it takes a table of prepared code instead (libffi: configure.ac, FFI_EXEC_TRAMPOLINE_TABLE).
            "libffi" if self.arch() == Some(Arch::X86_64) => Some(MemoryUse::WriteExecute),
            // What allow-jit permits would not have been refused: this engine maps without MAP_JIT, which on Intel the broader key allows.
            _ if self.image.is_none() && self.arch() == Some(Arch::X86_64) && self.case.has_key(None, key::ALLOW_JIT) => {
                Some(MemoryUse::WriteExecute)
            }
            _ => proven.map(|u| u.how),
        }
    }

    /// From a runtime's message alone no key is proposed until the slice's way of mapping and the runtime flag are known.
    fn why_no_keys(&self, known: Option<MemoryUse>, engine: &str, wanted: &str) -> Option<String> {
        if known.is_none() {
            return Some(format!(
                "not known yet: how {} maps its code decides which key; give Temper the app",
                crate::detect::engine_name(engine)
            ));
        }
        match self.case.hardened(self.image) {
            None => Some("not known yet: whether the program is hardened; give Temper the app, or the output of `codesign -dv`".into()),
            Some(_) if self.case.has_key(self.image, wanted) => Some(format!("{wanted} is there already")),
            Some(_) => None,
        }
    }

    /// The library that generates code carries the key, the executable does not: keys count only on the executable.
    fn misplaced(&self, mut candidate: Candidate, wanted: &str) -> Candidate {
        let has = |keys: &[String]| keys.iter().any(|k| k == wanted);
        let on_library = self.case.clues(|c| matches!(c, Clue::KeysOnLibrary(keys) if has(keys))).next();
        let Some((index, _)) = on_library.filter(|_| self.image.is_some_and(|image| !image.has_entitlement(wanted))) else {
            return candidate;
        };
        candidate.cause = "misplaced-entitlement";
        candidate.scenario = "misplaced-entitlement";
        candidate.summary =
            format!("{} did not get memory for generated code: {wanted} is signed into its libraries, where it does nothing", self.name());
        candidate.findings.push(index);
        candidate.add = Some(vec![wanted.to_owned()]);
        candidate.remove = None;
        candidate
    }

    fn not_hardened(&self, name: &str) -> Candidate {
        let summary =
            format!("{name} did not get memory for generated code, and the hardened runtime is not to blame: the program is not hardened");
        let mut candidate = self.start(Confidence::Likely, summary);
        candidate.cause = "not-signing";
        candidate.scenario = "not-signing";
        candidate.only = vec!["turn-engine-jit-off", "other"];
        candidate
    }

    /// Writable and executable at once on Apple silicon: no key helps, hardened or not.
    fn engine_needs_new_code(&self, name: &str, degrades: bool, uses: &[Use]) -> Candidate {
        let tail = if degrades { "; it goes on without" } else { "" };
        let summary =
            format!("{name} asks for memory that is writable and executable at once; Apple silicon refuses that to every program{tail}");
        let proof = uses.iter().filter(|u| u.how == MemoryUse::WriteExecute);
        let certain = proof.clone().any(|u| u.confidence == Confidence::Certain);
        let mut candidate = self.start(if certain { Confidence::Certain } else { Confidence::Likely }, summary);
        candidate.cause = "not-signing";
        candidate.scenario = "not-signing";
        candidate.only = vec!["turn-engine-jit-off"];
        candidate.findings.extend(proof.map(|u| u.index));
        if let Some(decision) = self.decision(&Action::MapWriteExecute) {
            candidate = candidate.refused_by(&decision);
        }
        candidate
    }

    fn write_execute(&self) -> Candidate {
        if self.arch().is_some_and(Arch::is_arm64) {
            return self.engine_needs_new_code(&self.name(), false, &self.uses());
        }
        let summary = format!("macOS refused {} memory that is writable and executable at once", self.name());
        let mut candidate = self.start(Confidence::Likely, summary);
        candidate.facts.insert(Condition::MapsWriteExecute);
        candidate.facts.insert(Condition::X86_64);
        candidate.no_keys = self.why_no_keys(self.arch().map(|_| MemoryUse::WriteExecute), "", key::UNSIGNED_MEMORY);
        if let Some(decision) = self.decision(&Action::MapWriteExecute) {
            candidate = candidate.refused_by(&decision);
        }
        candidate
    }

    /// The program's own use of JIT memory is wrong: no key mends that.
    fn misused(&self) -> Candidate {
        if self.is_java_unprotected() {
            return self.unprotected();
        }
        let summary = format!(
            "{} wrote to or ran its memory for generated code against its protection; the code must switch before it writes",
            self.name()
        );
        let mut candidate = self.start(Confidence::Likely, summary);
        candidate.only = vec!["adopt-map-jit"];
        candidate.add = Some(Vec::new());
        candidate.facts.insert(Condition::MapsWriteExecute);
        candidate
    }

    /// True for a crash inside Java on a Mac whose System Integrity Protection is off. Public threads show it on Apple silicon: the same Java runs once the
    /// protection is on (corretto-11 issue 385 and others).
    fn is_java_unprotected(&self) -> bool {
        let text = self.detected.text.and_then(|text| self.case.scene.evidence.texts.get(text));
        let Some(TextFacts::Crash(report, _)) = text.map(|text| &text.facts) else { return false };
        let is_java = report.frames.iter().any(|frame| frame.image.starts_with("libjvm"));
        is_java && self.arch().is_some_and(Arch::is_arm64) && report.sip.as_deref().is_some_and(|sip| sip.trim() == "disabled")
    }

    fn unprotected(&self) -> Candidate {
        let summary = format!(
            "{} may not write to its memory for generated code: with System Integrity Protection off, Java fails so on Apple silicon. Turn it on and try again",
            self.name()
        );
        let mut candidate = self.start(Confidence::Likely, summary);
        candidate.cause = "not-signing";
        candidate.scenario = "not-signing";
        candidate.only = vec!["other"];
        candidate
    }

    fn patched(&self, patcher: Option<&str>) -> Candidate {
        let by = patcher.map(|p| format!(" by {p}")).unwrap_or_default();
        let summary = format!("macOS killed {} for a code page that was changed in memory{by}", self.name());
        let proven = self.uses().iter().any(|u| u.how == MemoryUse::PatchesCode && u.confidence == Confidence::Certain);
        let mut candidate = self.start(if proven { Confidence::Certain } else { Confidence::Likely }, summary);
        candidate.cause = "framework-patching";
        candidate.scenario = "framework-patching";
        candidate.facts.insert(Condition::PatchesCode);
        candidate.findings.extend(self.uses().iter().filter(|u| u.how == MemoryUse::PatchesCode).map(|u| u.index));
        if let Some(decision) = self.decision(&Action::PatchCode) {
            candidate = candidate.refused_by(&decision);
        }
        candidate
    }

    /// Killed for a page, which one is not said: only where the code proves one explanation.
    fn some_page(&self) -> Option<Candidate> {
        let uses = self.uses();
        let broken = self.case.any(|c| matches!(c, Clue::BrokenSignature));
        let flips = uses.iter().any(|u| u.how == MemoryUse::FlipsPages && u.confidence >= Confidence::Likely);
        if broken.is_some() || !flips || self.case.hardened(self.image) != Some(true) {
            return None;
        }
        let mut candidate = self.flipped();
        candidate.confidence = Confidence::Likely;
        Some(candidate)
    }

    /// Helpers of the same app that lack the key too and run the same code.
    fn helpers(&self, keys: &[&str]) -> Vec<String> {
        let Some(main) = self.image else { return Vec::new() };
        let lacks = |image: &&Image| image.path != main.path && image.is_hardened() && keys.iter().all(|key| !image.has_entitlement(key));
        let runs_engine = |image: &&Image| {
            let code = self.case.uses(image).iter().any(|u| matches!(u.how, MemoryUse::MapJit | MemoryUse::FlipsPages));
            code || image.path.to_string_lossy().contains(" Helper")
        };
        let paths: BTreeSet<String> = self
            .case
            .scene
            .evidence
            .executables()
            .filter(|image| image.arch() == main.arch())
            .filter(lacks)
            .filter(runs_engine)
            .map(|image| image.path.to_string_lossy().into_owned())
            .collect();
        paths.into_iter().collect()
    }
}

/// Needs of code that policy refuses, without a report: one candidate for each executable and kind of use.
fn of_needs(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for executable in case.scene.evidence.executables().filter(|image| image.is_hardened()) {
        let mut uses = case.uses(executable);
        uses.sort_by_key(|u| (u.how, std::cmp::Reverse(u.confidence)));
        uses.dedup_by_key(|u| u.how);
        for found in uses {
            let Some(candidate) = refused_need(case, executable, found) else { continue };
            let same = all.iter_mut().find(|known| known.subject == candidate.subject && known.facts_of_use() == candidate.facts_of_use());
            match same {
                Some(known) => known.findings.extend(candidate.findings),
                None => all.push(candidate),
            }
        }
    }
    all
}

impl Candidate {
    fn facts_of_use(&self) -> Vec<Condition> {
        const USES: [Condition; 4] = [Condition::UsesMapJit, Condition::FlipsPages, Condition::MapsWriteExecute, Condition::PatchesCode];
        USES.into_iter().filter(|use_| self.facts.contains(use_)).collect()
    }
}

fn refused_need(case: &Case<'_>, executable: &Image, found: Use) -> Option<Candidate> {
    let process = Process::of(executable);
    let (action, condition) = match found.how {
        MemoryUse::MapJit => (Action::MapJit, Condition::UsesMapJit),
        MemoryUse::FlipsPages => (Action::ExecuteFlippedPage, Condition::FlipsPages),
        MemoryUse::WriteExecute => (Action::MapWriteExecute, Condition::MapsWriteExecute),
        MemoryUse::PatchesCode => (Action::PatchCode, Condition::PatchesCode),
        MemoryUse::Unknown => return None,
    };
    let decision = decide(&process, &action);
    if decision.allowed {
        return None;
    }
    // Beside a MAP_JIT use that is allowed, a flip or an RWX request may be the same engine's other path.
    let other_path = found.how != MemoryUse::MapJit && case.uses(executable).iter().any(|u| u.how == MemoryUse::MapJit);
    let confidence = match found.confidence {
        _ if other_path => Confidence::Possible,
        Confidence::Certain => Confidence::Likely,
        _ => Confidence::Possible,
    };
    let name = executable.path.file_name().unwrap_or_default().to_string_lossy();
    let code = case.detected.get(found.index).map(|d| d.finding.message.clone()).unwrap_or_default();
    let summary = format!("{name} would be refused: {code}");
    let patches = found.how == MemoryUse::PatchesCode;
    let cause = if patches { "framework-patching" } else { "jit" };
    let mut candidate = Candidate::new(cause, cause, confidence, summary).about(Some(executable)).refused_by(&decision);
    candidate.facts.insert(condition);
    candidate.findings.push(found.index);
    candidate.remove = Some(Vec::new());
    if found.how == MemoryUse::FlipsPages && !other_path {
        let has = executable.has_entitlement(key::ALLOW_JIT);
        candidate.remove = Some(has.then(|| key::ALLOW_JIT.to_owned()).into_iter().collect());
    }
    candidate.order = if executable.main_of == Some(0) { 39 } else { 40 };
    Some(candidate)
}

/// What an own fault is called; shared with the rules on other causes.
pub(super) fn own_fault_words(fault: &OwnFault) -> (&'static str, &'static str) {
    match fault {
        OwnFault::LibraryMissing => ("pack-missing-library", "a library is missing from the bundle"),
        OwnFault::WrongArchitecture => ("rebuild-for-architecture", "code for another architecture was packed"),
        OwnFault::SymbolMissing => ("other", "a library does not fit the program or this macOS"),
        OwnFault::BadPointer => ("own-fault", "the program followed a bad pointer"),
        OwnFault::Exception => ("own-fault", "the program threw an exception that nothing caught"),
        OwnFault::Abort => ("own-fault", "the program ended itself"),
        OwnFault::Other(_) => ("other", "another limit of the system ended it"),
    }
}
