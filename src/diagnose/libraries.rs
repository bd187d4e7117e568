//! Libraries: refused by library validation, by Gatekeeper, by dyld's path rules; or simply not there.

use super::case::{Candidate, Case};
use crate::detect::{Clue, Detected};
use crate::dyld::Load;
use crate::evidence::{Image, TextFacts};
use crate::finding::Confidence;
use crate::policy::{Action, Library, Process, constraint, decide, key};
use crate::read::callsites::Value;
use crate::read::cms::SignerKind;
use crate::read::log::{LogFact, TriedReason};
use crate::read::signature::CodeSignatureFlags;
use crate::scenario::Condition;
use std::path::Path;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    // Of several failures the strongest reason decides: signature > architecture > missing.
    let strongest = case.clues(|c| matches!(c, Clue::LoadFailed { .. })).map(|(_, d)| reason(d)).max();
    for (index, detected) in case.clues(|c| matches!(c, Clue::LoadFailed { .. })) {
        if Some(reason(detected)) == strongest || reason(detected).is_library_validation() {
            all.extend(of_failure(case, index, detected));
        }
    }
    let reported = !all.is_empty();
    all.extend(case.clues(|_| true).filter_map(|(index, detected)| of_bundle(case, index, detected, reported)));
    if !reported {
        all.extend(case.scene.evidence.executables().filter_map(|image| loads_foreign_code(case, image)));
    }
    all
}

fn reason(detected: &Detected) -> TriedReason {
    match &detected.clue {
        Clue::LoadFailed { reason, .. } => *reason,
        _ => TriedReason::Missing,
    }
}

/// A load that a report or log says failed.
struct Failure<'a> {
    case: &'a Case<'a>,
    index: usize,
    detected: &'a Detected,
    /// The executable whose signature decides.
    process: Option<&'a Image>,
    /// The file the reason is about, in the target.
    file: Option<std::path::PathBuf>,
    /// Its path as reported.
    reported: String,
    /// Name for people.
    name: String,
    inside: bool,
}

fn of_failure(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let Clue::LoadFailed { name, from, file, reason, inserted, .. } = &detected.clue else { return None };
    let reported = file.as_deref().unwrap_or(name);
    let found = case.scene.file_by_name(reported).filter(|_| !reported.starts_with("/usr/") && !reported.starts_with("/System/"));
    let inside = found.is_some() || same_bundle(from.as_deref(), reported) || name.starts_with('@') && !is_of_the_machine(reported);
    let short = reported.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("a library").to_owned();
    let failure = Failure {
        case,
        index,
        detected,
        process: case.image_of(detected),
        file: found,
        reported: reported.to_owned(),
        name: short,
        inside,
    };
    let mut candidate = match reason {
        TriedReason::SystemPolicy => failure.by_policy(),
        TriedReason::BadSignature => failure.broken(),
        TriedReason::PathPolicy => failure.path(),
        TriedReason::Sandbox => failure.sandboxed(),
        TriedReason::WrongArch => failure.other("rebuild-for-architecture", format!("{} was built for another architecture", failure.name)),
        // Library validation is not ruled out: only the app itself can show that the file is missing.
        TriedReason::Untold if failure.process.is_some() && failure.file.is_none() && name.starts_with('@') => failure.missing(),
        TriedReason::Untold => return None,
        // The line that names the library was not given.
        TriedReason::OtherFault if failure.name.starts_with('_') => {
            failure.other("other", format!("the symbol {} is missing: a library does not fit the program or this macOS", failure.name))
        }
        TriedReason::OtherFault => failure.other("other", format!("{} does not fit the program or this macOS", failure.name)),
        TriedReason::NotMachO | TriedReason::Missing => {
            return super::environment::missing(case, index, detected).or_else(|| Some(failure.missing()));
        }
        reason => failure.refused(*reason),
    };
    if *inserted {
        candidate.facts.insert(Condition::OutsideBundle);
    }
    Some(candidate)
}

/// Both paths lie in the same `.app`.
fn same_bundle(from: Option<&str>, file: &str) -> bool {
    let bundle = |path: &str| path.find(".app/").map(|end| path.get(..end + 5).unwrap_or(path).to_owned());
    match (from.and_then(bundle), bundle(file)) {
        (Some(a), Some(b)) => a == b,
        // An error string of dlopen does not say who asked. What lies among an app's own code is loaded by that app.
        (None, Some(_)) => from.is_none() && OWN_PLACES.iter().any(|place| file.contains(place)),
        _ => false,
    }
}

/// Where an app keeps code of its own (Apple: "Placing content in a bundle"); Unity spells the second so too.
const OWN_PLACES: [&str; 4] = [".app/Contents/Frameworks/", ".app/Contents/PlugIns/", ".app/Contents/Plugins/", ".app/Contents/MacOS/"];

/// A place where something is installed for all programs: not part of any bundle, also when `@rpath` led there.
fn is_of_the_machine(file: &str) -> bool {
    ["/Library/", "/usr/local/", "/opt/"].iter().any(|place| file.starts_with(place))
}

impl<'a> Failure<'a> {
    fn start(&self, cause: &'static str, confidence: Confidence, summary: String) -> Candidate {
        let mut candidate = Candidate::new(cause, cause, confidence, summary).about(self.process).like(&self.detected.finding);
        candidate.findings.push(self.index);
        candidate.accounts = true;
        candidate.order = 12;
        let reported = || Some(self.case.scene.reported_name(&self.reported)).filter(|name| !name.is_empty());
        candidate.file = self.file.as_deref().map(|p| p.to_string_lossy().into_owned()).or_else(reported);
        candidate
    }

    fn process_name(&self) -> String {
        self.process.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    fn library(&self) -> Option<&'a Image> {
        self.file.as_deref().and_then(|path| self.case.scene.image(path))
    }

    fn refused(&self, reason: TriedReason) -> Candidate {
        let words = crate::detect::reason_words(reason);
        let decision = match (self.process, self.library()) {
            (Some(process), Some(library)) => Some(decide(&Process::of(process), &Action::Load(Library::of(library)))),
            _ => None,
        };
        let confidence = match &decision {
            Some(decision) if !decision.allowed => decision.certainty,
            _ => Confidence::Likely,
        };
        let words = if self.no_team() { "the program has no team (it is signed ad hoc), so no library can match" } else { words };
        let summary = format!("library validation refused {} in {}: {words}", self.name, self.process_name());
        let mut candidate = self.start("library-validation", confidence, summary);
        candidate.facts.insert(if self.inside { Condition::InsideBundle } else { Condition::OutsideBundle });
        if self.no_team() {
            // Without a team of its own only the runtime flag makes a program validate its libraries.
            candidate.facts.extend([Condition::NoTeam, Condition::Hardened]);
            candidate.facts.remove(&Condition::HasTeam);
        }
        if reason == TriedReason::LibraryValidation {
            candidate.no_keys = Some("the reason is cut off: where Gatekeeper refuses a library, the words begin the same way".into());
        }
        if self.process.is_none() && self.file.is_none() && !self.reported.contains(['/', '.']) {
            let shown = if self.reported.is_empty() { "no path is shown: the library" } else { "only a name is shown: the framework" };
            candidate.no_keys = Some(format!("{shown} may be the app's, somebody else's or a changed one of macOS"));
        }
        if reason == TriedReason::PlatformProcess {
            candidate.no_keys = Some("the program is Apple's own: no entitlement can be added to it".into());
        }
        if self.inside && !self.no_team() && matches!(reason, TriedReason::Unsigned | TriedReason::NoTeam) {
            candidate.no_keys =
                Some("the file lies in the bundle and nobody else has signed it: sign it, and no entitlement is needed".into());
        }
        if self.case.has_key(self.process, key::LIBRARY_VALIDATION) {
            candidate.facts.insert(Condition::HasKey);
        }
        if let Some(decision) = &decision {
            candidate = candidate.refused_by(decision);
        }
        if let Some(why) = self.process.zip(self.library()).and_then(|(process, library)| kept_out(process, library)) {
            candidate.no_keys = Some(why);
        }
        candidate
    }

    /// The process has no team: signed ad hoc or by itself. In a report an empty team with category 10 (or 0) says so.
    fn no_team(&self) -> bool {
        if let Some(process) = self.process {
            return process.team().is_none()
                && !matches!(process.facts().map(|f| f.signer.kind), Some(SignerKind::Apple | SignerKind::AppStore));
        }
        let Clue::LoadFailed { from, .. } = &self.detected.clue else { return false };
        self.case.scene.evidence.texts.iter().any(|text| match &text.facts {
            TextFacts::Crash(report, _) => report.cs_team.as_deref() == Some("") && report.cs_category.is_none_or(|c| c == 10 || c == 0),
            TextFacts::Log(lines) => lines.iter().any(|line| self.says_no_team(&line.fact, from.as_deref())),
            TextFacts::Entitlements(_) | TextFacts::Unusable(_) => false,
        })
    }

    /// The kernel's line names no team for the process; or `codesign -d` shows that what asked is signed ad hoc.
    fn says_no_team(&self, fact: &LogFact, from: Option<&str>) -> bool {
        match fact {
            LogFact::LibraryValidationRejected { library, process_team: None, platform_process: false, .. } => *library == self.reported,
            LogFact::DisplayedFlags { file: Some(file), flags } => {
                let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
                flags & CodeSignatureFlags::ADHOC != 0 && from.is_some_and(|from| name(from) == name(file))
            }
            _ => false,
        }
    }

    fn by_policy(&self) -> Candidate {
        let summary = format!("Gatekeeper refused {}: it is quarantined or not notarized. Library validation has no part in it", self.name);
        let mut candidate = self.start("gatekeeper", Confidence::Likely, summary);
        candidate.mended_by = super::case::MendedBy::User;
        candidate.only = super::other::GATEKEEPER.to_vec();
        candidate
    }

    fn broken(&self) -> Candidate {
        let proven = self.case.any_broken(self.file.as_deref());
        let summary = format!("{} was changed after it was signed", self.name);
        let confidence = if proven.is_some() { Confidence::Certain } else { Confidence::Likely };
        let mut candidate = self.start("signature-invalid", confidence, summary);
        candidate.findings.extend(proven);
        if let Some(file) = &candidate.file {
            candidate.subject = file.clone();
        }
        candidate
    }

    fn path(&self) -> Candidate {
        let certain = self.case.any(|c| matches!(c, Clue::RelativeName(_)));
        let summary = format!("dyld refused the path of {}: a hardened program may not load by it", self.name);
        let confidence = if certain.is_some() { Confidence::Certain } else { Confidence::Likely };
        let mut candidate = self.start("dyld-path", confidence, summary);
        candidate.findings.extend(certain);
        candidate
    }

    fn sandboxed(&self) -> Candidate {
        let summary = format!("the App Sandbox kept {} from opening {}", self.process_name(), self.name);
        let mut candidate = self.start("sandbox", Confidence::Likely, summary);
        candidate.facts.insert(Condition::Sandboxed);
        candidate
    }

    fn other(&self, remedy: &'static str, summary: String) -> Candidate {
        let mut candidate = self.start("not-signing", self.confirmed(), summary);
        candidate.only = vec![remedy];
        if let Some(file) = &candidate.file {
            candidate.subject = file.clone();
        }
        candidate
    }

    /// Certain when the bundle shows the same: no slice for the process, or the file is not there.
    fn confirmed(&self) -> Confidence {
        let Some(file) = self.file.as_deref() else { return Confidence::Likely };
        let arch = self.detected.finding.arch;
        let lacks = arch.is_some_and(|arch| {
            self.case.scene.evidence.images_at(file).all(|image| !crate::detect::Scene::same_family(image.arch(), arch))
        });
        if lacks { Confidence::Certain } else { Confidence::Likely }
    }

    fn missing(&self) -> Candidate {
        let load = self.case.any(|c| matches!(c, Clue::LibraryMissing(index) if self.is_same(self.case.scene.loads.get(*index))));
        let confidence = if load.is_some() { Confidence::Certain } else { Confidence::Likely };
        let of_macos = ["/System/", "/usr/lib/"].iter().any(|place| self.reported.starts_with(place));
        let (remedy, words) = if of_macos {
            ("other", "belongs to macOS, and this macOS does not have it for the program")
        } else {
            ("pack-missing-library", "is not in the bundle: it was not packed")
        };
        let mut candidate = self.start("not-signing", confidence, format!("{} {words}", self.name));
        candidate.only = vec![remedy];
        candidate.findings.extend(load);
        candidate.file = Some(self.place_for_missing());
        candidate
    }

    fn is_same(&self, load: Option<&Load>) -> bool {
        load.is_some_and(|load| Path::new(&load.name).file_name().is_some_and(|file| file.to_string_lossy() == self.name))
    }

    /// Where the missing library belongs: beside the one that asks for it, when that is known.
    fn place_for_missing(&self) -> String {
        let asked = match &self.detected.clue {
            Clue::LoadFailed { from: Some(from), .. } => self.case.scene.file_by_name(from),
            _ => None,
        };
        let folder = asked.as_deref().and_then(Path::parent).map(|p| p.to_string_lossy().into_owned()).filter(|p| !p.is_empty());
        match folder {
            Some(folder) if folder.ends_with("MacOS") => format!("{}Frameworks/{}", folder.trim_end_matches("MacOS"), self.name),
            Some(folder) => format!("{folder}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Case<'_> {
    /// The finding that the signature of a file (any, when `None`) is broken.
    pub(super) fn any_broken(&self, file: Option<&Path>) -> Option<usize> {
        let fits = |d: &Detected| file.is_none_or(|file| Path::new(&d.finding.subject) == file);
        self.clues(|c| matches!(c, Clue::BrokenSignature)).find(|(_, d)| fits(d)).map(|(index, _)| index)
    }
}

/// Why no key lets a library in: the program's own library constraint keeps it out as well.
fn kept_out(process: &Image, library: &Image) -> Option<String> {
    let (_, why) = constraint::keeps_out(&Process::of(process), process, library)?;
    Some(format!("a key would not let it in: {why}"))
}

/// What the bundle alone shows.
fn of_bundle(case: &Case<'_>, index: usize, detected: &Detected, reported: bool) -> Option<Candidate> {
    let process = case.image_of(detected);
    let start = |cause: &'static str, confidence: Confidence| {
        let mut candidate =
            Candidate::new(cause, cause, confidence, detected.finding.message.clone()).about(process).like(&detected.finding);
        candidate.findings.push(index);
        candidate.order = 42;
        candidate
    };
    match &detected.clue {
        Clue::LibraryRefused(load) => {
            let load = case.scene.loads.get(*load)?;
            let proven = !load.is_dynamic;
            let mut candidate = start("library-validation", if proven { Confidence::Likely } else { Confidence::Possible });
            candidate.facts.insert(Condition::InsideBundle);
            candidate.file = load.to.as_deref().map(|p| p.to_string_lossy().into_owned());
            let target = load.to.as_deref().and_then(|path| case.scene.image(path));
            if let (Some(process), Some(library)) = (process, target) {
                candidate = candidate.refused_by(&decide(&Process::of(process), &Action::Load(Library::of(library))));
                candidate.no_keys = kept_out(process, library);
            }
            (!reported).then_some(candidate)
        }
        Clue::LibraryMissing(load) => {
            let load = case.scene.loads.get(*load)?;
            let mut candidate = start("not-signing", Confidence::Likely);
            candidate.only = vec!["pack-missing-library"];
            candidate.file = Some(load.from.to_string_lossy().into_owned());
            (!reported).then_some(candidate)
        }
        Clue::LibraryWrongArch(load) => {
            let load = case.scene.loads.get(*load)?;
            let mut candidate = start("not-signing", if load.is_dynamic { Confidence::Possible } else { Confidence::Likely });
            candidate.only = vec!["rebuild-for-architecture"];
            candidate.file = load.to.as_deref().map(|p| p.to_string_lossy().into_owned());
            (!reported).then_some(candidate)
        }
        Clue::RelativeName(_) if !reported => Some(start("dyld-path", Confidence::Likely)),
        _ => None,
    }
}

/// A hardened program that loads code from outside its bundle by a constant path or from a plug-in folder: it would be refused what others signed.
fn loads_foreign_code(case: &Case<'_>, executable: &Image) -> Option<Candidate> {
    if !executable.is_hardened() || executable.has_entitlement(key::LIBRARY_VALIDATION) {
        return None;
    }
    let images: Vec<&Image> = case.scene.evidence.images.iter().filter(|i| i.arch() == executable.arch()).collect();
    let loaded = |image: &&&Image| case.scene.hosts(image).iter().any(|host| host.path == executable.path);
    let path = images.iter().filter(loaded).find_map(|image| foreign_path(case, image))?;
    let name = executable.path.file_name().unwrap_or_default().to_string_lossy();
    let summary = format!("{name} loads code from {path}; library validation would refuse what another developer signed");
    let mut candidate = Candidate::new("library-validation", "library-validation", Confidence::Possible, summary).about(Some(executable));
    candidate.facts.insert(Condition::OutsideBundle);
    candidate.order = 45;
    let stranger = Library { team: None, platform: false, signer: SignerKind::Other };
    Some(candidate.refused_by(&decide(&Process::of(executable), &Action::Load(stranger))))
}

fn foreign_path(case: &Case<'_>, image: &Image) -> Option<String> {
    if !image.macho.imports("_dlopen") && !image.macho.imports("_NSAddImage") && !image.macho.imports("_CFBundleLoadExecutable") {
        return None;
    }
    let outside = |path: &str| {
        path.starts_with('/') && !path.starts_with("/usr/lib") && !path.starts_with("/System/") && case.scene.file(path).is_none()
    };
    let constant = image.calls.calls.iter().filter(|call| call.callee == "_dlopen").find_map(|call| match call.arguments.first() {
        Some(Value::Text(path)) if outside(path) => Some(path.clone()),
        _ => None,
    });
    const PLACES: &[&str] = &["plugin-path", "audio-plugin-path", "python-packages", "node-addon"];
    let foreign_file = |text: &str| text.contains("/Library/Application Support/") && (text.contains(".dylib") || text.contains(".bundle"));
    let place = |wanted: &str, text: &str| PLACES.contains(&wanted) || wanted == "application-support-path" && foreign_file(text);
    constant.or_else(|| image.strings.iter().find(|hit| place(hit.wanted, &hit.text)).map(|hit| hit.text.clone()))
}
