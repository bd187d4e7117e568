//! A remedy → a plan: files to write with their exact text, commands to run, inside out. Pure.

use super::after::{self, After};
use super::edit::{self, EditError, Edits, create, is_exact, unified_diff};
use super::sign::{self, Identity, Job, SignStep, Signer, Signing, Who, from_outside, object_of, operand};
use crate::evidence::{Bundle, Evidence, Image, TargetKind};
use crate::policy::key;
use crate::read::cms::SignerKind;
use crate::read::entitlements::{Fault, FaultKind, Value};
use crate::report::{Diagnosis, Remedy, Report, Step};
use crate::scenario;
use std::path::{Path, PathBuf};

/// Beginning of the caution that says where the commands are run: nothing to say where Temper runs them itself.
pub const FOLDER_CAUTION: &str = "The commands are written for the folder";

/// A file that would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Executable (relative) whose entitlements it is.
    pub executable: PathBuf,
    /// File, as the user would write it (default: `NAME.entitlements` in the current folder, never inside the bundle).
    pub file: PathBuf,
    /// Text it is made from: an existing file's, or the signed entitlements as a new file; empty when there were none.
    pub before: String,
    /// New text.
    pub after: String,
    /// Unified diff; empty when an existing file says already what it should and only the signature does not.
    pub diff: String,
    /// Where `before` comes from ("as signed, 2 keys", "sidecar.entitlements"). The file's own name exactly when it exists.
    pub from: String,
    /// Warnings, in words.
    pub warnings: Vec<String>,
}

/// A plan for one remedy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entitlements files.
    pub edits: Vec<FileEdit>,
    /// Info.plist keys to add: (Info.plist relative path, key, suggested text).
    pub info_plist: Vec<(PathBuf, String, String)>,
    /// Things to do by hand, in order.
    pub manual: Vec<String>,
    /// Signing commands, inside out; empty when nothing must be signed.
    pub sign: Vec<SignStep>,
    /// How to check afterwards: argument lists.
    pub check: Vec<Vec<String>>,
    /// What comes after the signing: proof on a Mac, notarization.
    pub after: Vec<After>,
    /// Said before signing (ad hoc with the runtime flag has no team; re-signing voids the ticket …).
    pub cautions: Vec<String>,
}

/// Makes the plan of a remedy. `existing`: (executable relative path, file name, its text) of an entitlements file the user has for it.
pub fn plan(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
    remedy: &Remedy,
    existing: &[(PathBuf, PathBuf, String)],
) -> Result<Plan, EditError> {
    plan_signed(evidence, diagnosis, remedy, existing, &Signing::default())
}

/// Like [`plan`], signed as the user wants it.
pub fn plan_signed(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
    remedy: &Remedy,
    existing: &[(PathBuf, PathBuf, String)],
    signing: &Signing,
) -> Result<Plan, EditError> {
    let described = scenario::by_id(&diagnosis.scenario).and_then(|scenario| scenario.remedy_titled(&remedy.title));
    let on = subjects(evidence, diagnosis, remedy);
    let mut plan = Plan { manual: described.map(|described| described.manual.clone()).unwrap_or_default(), ..Plan::default() };
    if !remedy.add_entitlements.is_empty() || !remedy.remove_entitlements.is_empty() {
        plan.edits = edits(evidence, remedy, &on, existing)?;
    } else if diagnosis.cause == "entitlements-malformed" {
        plan.edits = mended(evidence, &on, existing);
    }
    add_usage_strings(evidence, diagnosis, remedy, &on, &mut plan);
    // New code is built and signed as ever: only a changed entitlements file is something to sign for.
    let signs = !remedy.needs_new_code || !plan.edits.is_empty();
    let job = job(evidence, described, &on, existing, &plan).filter(|_| signs).map(|job| Job { signing: signing.clone(), ..job });
    if let Some(job) = &job {
        plan.sign = sign::steps(evidence, job);
    }
    plan.check = checks(evidence, &plan);
    plan.cautions = cautions(evidence, remedy, job.as_ref(), &plan);
    plan.after = after::steps(evidence, diagnosis, !plan.sign.is_empty(), job.as_ref().is_some_and(|job| job.distribution));
    Ok(plan)
}

/// Puts the steps of every remedy that applies into the report. A remedy whose entitlements cannot be edited keeps its manual steps, and says why.
/// What comes after the signing is the same for all, so it stands once: with the least change of the first diagnosis, or its first remedy that applies.
pub fn fill(evidence: &Evidence, report: &mut Report) {
    for (number, diagnosis) in report.diagnoses.iter_mut().enumerate() {
        let planned: Vec<Option<Vec<Step>>> = diagnosis
            .remedies
            .iter()
            .map(|remedy| {
                remedy.applies.then(|| plan(evidence, diagnosis, remedy, &[])).map(|plan| plan.map_or_else(unplanned, |plan| steps(&plan)))
            })
            .collect();
        let first = diagnosis.remedies.iter().position(|remedy| remedy.applies && remedy.least);
        let first = first.or_else(|| diagnosis.remedies.iter().position(|remedy| remedy.applies)).filter(|_| number == 0);
        let after = first.and_then(|first| plan(evidence, diagnosis, diagnosis.remedies.get(first)?, &[]).ok()).unwrap_or_default().after;
        for (remedy, steps) in diagnosis.remedies.iter_mut().zip(planned) {
            remedy.steps = steps.unwrap_or_default();
        }
        if let Some(remedy) = first.and_then(|first| diagnosis.remedies.get_mut(first)) {
            remedy.steps.extend(after.into_iter().map(|after| Step {
                action: if after.argv.is_empty() { "manual" } else { "run" },
                file: None,
                diff: None,
                argv: after.argv,
                text: after.text,
            }));
        }
    }
}

/// The one step that is left when no plan can be made.
fn unplanned(error: EditError) -> Vec<Step> {
    let text = format!("the entitlements cannot be edited as they are: {error}");
    vec![Step { action: "manual", file: None, diff: None, argv: Vec::new(), text }]
}

/// What the remedy is done on: `on`, or else the diagnosis's subject, or else the main executable; then `also_on`.
fn subjects(evidence: &Evidence, diagnosis: &Diagnosis, remedy: &Remedy) -> Vec<PathBuf> {
    let subject = Some(diagnosis.subject.clone()).filter(|subject| !subject.is_empty());
    let first = remedy.on.clone().or(subject).map(PathBuf::from).or_else(|| evidence.target.executable.clone());
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in first.into_iter().chain(remedy.also_on.iter().map(PathBuf::from)) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// One edit for each executable whose entitlements change, or whose file says already what its signature does not.
fn edits(
    evidence: &Evidence,
    remedy: &Remedy,
    on: &[PathBuf],
    existing: &[(PathBuf, PathBuf, String)],
) -> Result<Vec<FileEdit>, EditError> {
    let wanted = Edits { add: remedy.add_entitlements.clone(), remove: remedy.remove_entitlements.clone() };
    let mut edits: Vec<FileEdit> = Vec::new();
    for executable in on {
        let given = existing.iter().find(|(path, _, _)| path == executable);
        let taken: Vec<&PathBuf> = edits.iter().map(|edit| &edit.file).chain(existing.iter().map(|(_, file, _)| file)).collect();
        let edit = match given {
            Some((_, file, text)) => edit_existing(evidence, executable, file, text, &wanted)?,
            None => edit_signed(evidence, executable, default_file(executable, &taken), &wanted)?,
        };
        if given.is_some() || edit.before != edit.after {
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// The entitlements that macOS cannot read, corrected: the user's file, else the signed text. Nothing where only a person can tell what was meant.
fn mended(evidence: &Evidence, on: &[PathBuf], existing: &[(PathBuf, PathBuf, String)]) -> Vec<FileEdit> {
    let mut edits: Vec<FileEdit> = Vec::new();
    for executable in on {
        let given = existing.iter().find(|(path, _, _)| path == executable);
        let taken: Vec<&PathBuf> = edits.iter().map(|edit| &edit.file).chain(existing.iter().map(|(_, file, _)| file)).collect();
        let (file, before) = match given {
            Some((_, file, text)) => (file.clone(), Some(text.clone())),
            None => (default_file(executable, &taken), embedded_text(evidence, executable)),
        };
        let name = file.display().to_string();
        if let Some((before, after)) =
            before.and_then(|before| edit::mend(&before).map(|after| (before, after))).filter(|(before, after)| before != after)
        {
            let from = if given.is_some() { name.clone() } else { "as signed".into() };
            let diff = unified_diff(&before, &after, &name);
            let warnings = vec!["comments are taken out, and yes-or-no keys get <true/> or <false/>".into()];
            edits.push(FileEdit { executable: executable.clone(), file, before, after, diff, from, warnings });
        }
    }
    edits
}

/// `NAME.entitlements` in the current folder; with a number when another executable of that name has taken it.
fn default_file(executable: &Path, taken: &[&PathBuf]) -> PathBuf {
    let name = executable.file_name().unwrap_or(executable.as_os_str()).to_string_lossy().into_owned();
    let first = PathBuf::from(format!("{name}.entitlements"));
    let numbered = (2..).map(|number| PathBuf::from(format!("{name}-{number}.entitlements")));
    std::iter::once(first).chain(numbered).find(|file| !taken.contains(&file)).expect("the numbers do not end")
}

fn edit_existing(evidence: &Evidence, executable: &Path, file: &Path, text: &str, wanted: &Edits) -> Result<FileEdit, EditError> {
    let edited = edit::edit(text, wanted)?;
    let mut warnings: Vec<String> = edited.warnings.iter().map(words).collect();
    if edited.text == text {
        warnings.push("the file says this already, the signature does not: sign with it".into());
    }
    let keys = edit::keys(text);
    let (signed, _) = signed_entitlements(evidence, executable);
    for (key, _) in &signed {
        // Xcode adds get-task-allow by itself when it signs for debugging, so it stands in no file.
        let known = keys.contains(key) || wanted.remove.contains(key) || key == key::GET_TASK_ALLOW;
        if !known {
            warnings.push(format!("{key} is in the signature and not in this file: signing with the file takes it away"));
        }
    }
    let name = file.display().to_string();
    let diff = unified_diff(text, &edited.text, &name);
    Ok(FileEdit { executable: executable.into(), file: file.into(), before: text.into(), after: edited.text, diff, from: name, warnings })
}

/// The entitlements file that an edit makes of what is signed into an executable.
pub fn edit_as_signed(evidence: &Evidence, executable: &Path, wanted: &Edits) -> Result<FileEdit, EditError> {
    edit_signed(evidence, executable, default_file(executable, &[]), wanted)
}

fn edit_signed(evidence: &Evidence, executable: &Path, file: PathBuf, wanted: &Edits) -> Result<FileEdit, EditError> {
    let (signed, slices_differ) = signed_entitlements(evidence, executable);
    let mut warnings = Vec::new();
    if slices_differ {
        warnings.push("the slices carry different entitlements; this file has all of them, and signing gives it to every slice".into());
    }
    let mut before = if signed.is_empty() { String::new() } else { create(&signed) };
    if !is_exact(&signed) {
        match embedded_text(evidence, executable).filter(|text| edit::edit(text, wanted).is_ok()) {
            Some(text) => before = text,
            None => warnings.push("a value that is a real, a date or data stands here as a string: correct it before you sign".into()),
        }
    }
    let edited = edit::edit(if before.is_empty() { EMPTY } else { &before }, wanted)?;
    let after = if edited.text == EMPTY { before.clone() } else { edited.text };
    let from = match signed.len() {
        0 => "no entitlements signed".into(),
        1 => "as signed, 1 key".into(),
        count => format!("as signed, {count} keys"),
    };
    let diff = unified_diff(&before, &after, &file.display().to_string());
    Ok(FileEdit { executable: executable.into(), file, before, after, diff, from, warnings })
}

/// What [`create`] writes for no entries.
const EMPTY: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n<dict/>\n</plist>\n"
);

/// Entitlements of all slices together, in order, a key's first value; and whether the slices differ.
fn signed_entitlements(evidence: &Evidence, executable: &Path) -> (Vec<(String, Value)>, bool) {
    let mut union: Vec<(String, Value)> = Vec::new();
    let slices: Vec<&[(String, Value)]> =
        evidence.images_at(executable).map(|image| image.entitlements().map_or(&[][..], |entitlements| &entitlements.entries)).collect();
    for (key, value) in slices.iter().copied().flatten() {
        if !union.iter().any(|(other, _)| other == key) {
            union.push((key.clone(), value.clone()));
        }
    }
    let sorted = |entries: &[(String, Value)]| {
        let mut entries = entries.to_vec();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries
    };
    let differ = slices.windows(2).any(|pair| sorted(pair[0]) != sorted(pair[1]));
    (union, differ)
}

/// The XML text that the first slice carries.
fn embedded_text(evidence: &Evidence, executable: &Path) -> Option<String> {
    let xml = evidence.images_at(executable).find_map(|image| image.entitlements()?.xml.clone())?;
    String::from_utf8(xml).ok()
}

/// A fault that does not prevent the edit, in words.
fn words(fault: &Fault) -> String {
    let what = match fault.kind {
        FaultKind::Comment => "a comment; Apple advises to have none in entitlements".into(),
        FaultKind::CarriageReturn => "lines end in CRLF; Apple advises LF".into(),
        FaultKind::BlankInKey => format!("the key `{}` begins or ends with a blank, so macOS does not know it", fault.detail),
        kind => format!("{kind:?}"),
    };
    format!("line {}: {what}", fault.line)
}

/// The bundle whose Info.plist counts for an executable: the one it is the main executable of, else the innermost one around it.
fn bundle_of<'a>(evidence: &'a Evidence, executable: &Path) -> Option<&'a Bundle> {
    let indexes = evidence.images_at(executable).find_map(|image| image.main_of.or(image.bundle));
    let by_name = || evidence.bundles.iter().find(|bundle| bundle.executable.as_deref() == Some(executable));
    indexes.and_then(|index| evidence.bundles.get(index)).or_else(by_name)
}

fn add_usage_strings(evidence: &Evidence, diagnosis: &Diagnosis, remedy: &Remedy, on: &[PathBuf], plan: &mut Plan) {
    let Some(executable) = on.first().filter(|_| !remedy.add_info_plist.is_empty()) else { return };
    let resource = scenario::by_id(&diagnosis.scenario).and_then(|scenario| scenario.resource.as_ref());
    let bundle = bundle_of(evidence, executable);
    let name = match bundle.filter(|bundle| !bundle.path.as_os_str().is_empty()) {
        Some(bundle) => bundle.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        None => Path::new(&evidence.target.name()).file_stem().map(|stem| stem.to_string_lossy().into_owned()),
    };
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "This app".into());
    let what = resource.map_or("this", |resource| resource.name.as_str());
    for key in &remedy.add_info_plist {
        let text = format!("{name} uses {what} to … (say what for; the user reads this)");
        match bundle {
            Some(bundle) if bundle.info.as_ref().is_some_and(|info| info.usage.iter().any(|(k, v)| k == key && !v.trim().is_empty())) => {}
            Some(bundle) => plan.info_plist.push((bundle.info_path.clone(), key.clone(), text)),
            None => plan.manual.push(format!(
                "{} lies in no bundle: add {key} to the Info.plist that is linked into it (section __TEXT,__info_plist) and link it again",
                executable.display()
            )),
        }
    }
}

/// What to sign; `None` when the remedy changes nothing that is signed.
fn job(
    evidence: &Evidence,
    described: Option<&scenario::Remedy>,
    on: &[PathBuf],
    existing: &[(PathBuf, PathBuf, String)],
    plan: &Plan,
) -> Option<Job> {
    let resign = described.is_some_and(|described| described.resign);
    if plan.edits.is_empty() && plan.info_plist.is_empty() && !resign {
        return None;
    }
    let signing = described.map(|described| described.signing.clone()).unwrap_or_default();
    let mut changed: Vec<(PathBuf, PathBuf)> = plan.edits.iter().map(|edit| (edit.executable.clone(), edit.file.clone())).collect();
    if signing.own_file && changed.is_empty() {
        for executable in on {
            let given = existing.iter().find(|(path, _, _)| path == executable).map(|(_, file, _)| file.clone());
            let taken: Vec<&PathBuf> = changed.iter().map(|(_, file)| file).collect();
            let file = given.unwrap_or_else(|| default_file(executable, &taken));
            changed.push((executable.clone(), file));
        }
    }
    let edited = |path: &PathBuf| changed.iter().any(|(executable, _)| executable == path);
    let mut also: Vec<PathBuf> = Vec::new();
    if resign {
        also.extend(on.iter().filter(|path| !edited(path)).cloned());
    }
    if let Some(bundle) = on.first().filter(|_| !plan.info_plist.is_empty()).and_then(|executable| bundle_of(evidence, executable)) {
        also.extend(Some(bundle.path.clone()).filter(|_| !bundle.executable.as_ref().is_some_and(edited)));
    }
    let scenario::Signing { runtime, distribution, everything, .. } = signing;
    Some(Job { changed, also, runtime, distribution, everything, ..Job::default() })
}

/// The whole, from the folder that holds the target; `None` without a target.
pub(super) fn whole(evidence: &Evidence) -> Option<String> {
    let target = &evidence.target;
    match (target.kind, &target.executable) {
        (TargetKind::None, _) => None,
        (TargetKind::MachO, Some(executable)) => Some(operand(executable)),
        (TargetKind::MachO, None) => Some(operand(Path::new(&target.name()))),
        _ => Some(operand(&from_outside(evidence, Path::new("")))),
    }
}

fn checks(evidence: &Evidence, plan: &Plan) -> Vec<Vec<String>> {
    let Some(whole) = whole(evidence) else { return Vec::new() };
    let argv =
        |words: &[&str], object: String| words.iter().map(|word| (*word).to_owned()).chain(std::iter::once(object)).collect::<Vec<_>>();
    let mut checks = Vec::new();
    if !plan.sign.is_empty() {
        let verify = ["codesign", "--verify", "--strict", "--verbose=2"];
        match evidence.target.kind {
            // A folder has no signature; its parts have.
            TargetKind::Folder => checks.extend(plan.sign.iter().map(|step| argv(&verify, operand(&from_outside(evidence, &step.object))))),
            _ => checks.push(argv(&verify, whole.clone())),
        }
        for edit in &plan.edits {
            let object = from_outside(evidence, &object_of(evidence, &edit.executable));
            checks.push(argv(&["codesign", "--display", "--entitlements", "-", "--xml"], operand(&object)));
        }
    }
    checks.push(argv(&["temper", "check"], whole));
    checks
}

fn cautions(evidence: &Evidence, remedy: &Remedy, job: Option<&Job>, plan: &Plan) -> Vec<String> {
    let mut cautions = Vec::new();
    if remedy.add_entitlements.iter().any(|added| added == key::GET_TASK_ALLOW) {
        cautions.push("get-task-allow is for a copy on your own Mac. Never ship it: the notary service refuses it, and any process of the user could take over the app.".into());
    }
    let Some(job) = job else { return cautions };
    if evidence.target.kind == TargetKind::None {
        cautions.push(
            "No app was given, so Temper cannot say what must be signed, and in which order. Give the app to get the commands.".into(),
        );
        return cautions;
    }
    let folder = sign::folder(evidence);
    if !plan.sign.is_empty() && !folder.as_os_str().is_empty() {
        let files = if plan.edits.is_empty() { "" } else { ", with the entitlements files there" };
        cautions.push(format!("{FOLDER_CAUTION} that holds {}: run them in {}{files}.", evidence.target.name(), folder.display()));
    }
    if !plan.info_plist.is_empty() {
        cautions.push("Info.plist is sealed: after it is changed the signature is broken until the app is signed again.".into());
    }
    cautions.extend(identity_cautions(evidence, remedy, job, plan));
    cautions
}

/// What the identity that signs brings with it.
fn identity_cautions(evidence: &Evidence, remedy: &Remedy, job: &Job, plan: &Plan) -> Vec<String> {
    let mut cautions = Vec::new();
    let identity = Identity::for_job(evidence, job);
    let signer = evidence.main_images().next().and_then(Image::facts).map(|facts| facts.signer.kind);
    let runtime = plan.sign.iter().any(|step| {
        let options = step.argv.windows(2).filter(|pair| matches!(pair[0].as_str(), "--options" | "--code-signature-flags"));
        options.into_iter().any(|pair| pair[1].split(',').any(|name| name == "runtime"))
    });
    if identity.ad_hoc && runtime && !remedy.add_entitlements.iter().any(|added| added == key::LIBRARY_VALIDATION) {
        cautions.push("An ad hoc signature has no team. With the runtime flag, library validation then refuses every library that is not Apple's, the app's own included. For an experiment, sign without the flag: --no-runtime.".into());
    }
    if matches!(job.signing.who, Who::P12(_)) {
        cautions.push(
            "The .p12 file must hold the identity's own certificate and no other: rcodesign takes the last one for the signer's.".into(),
        );
    }
    if job.signing.no_timestamp && !identity.ad_hoc {
        cautions.push("Without a timestamp the notary refuses it: sign again with one before you ship.".into());
    }
    if identity.ad_hoc && job.signing.who == Who::AdHoc {
        cautions.push(
            "An ad hoc signature is for an experiment on this Mac: another Mac does not run it, and macOS asks again for every permission."
                .into(),
        );
    }
    if job.signing.no_runtime {
        cautions.push("Without the runtime flag nothing of what it refuses is refused, so this shows only that the app works unhardened: the notary service wants the flag.".into());
    }
    if job.signing.signer == Signer::Rcodesign && !matches!(job.signing.who, Who::P12(_)) && !identity.ad_hoc {
        cautions.push("rcodesign has no keychain: give certificate and key as a file, --p12 FILE.".into());
    }
    if matches!(signer, Some(SignerKind::Apple | SignerKind::AppStore | SignerKind::TestFlight)) {
        cautions.push(
            "This copy was signed by Apple. Nobody else can sign it the same way: change the project, build it and submit it again.".into(),
        );
    } else if !identity.known {
        cautions.push(format!(
            "Put your own identity in place of \"{}\" (`security find-identity -v -p codesigning` lists them).",
            sign::PLACEHOLDER
        ));
    }
    cautions.extend(after::new_identity(&identity).filter(|_| !plan.sign.is_empty()).map(str::to_owned));
    if signer == Some(SignerKind::DeveloperId) && !plan.sign.is_empty() {
        cautions.push("Signing again voids the notarization ticket: notarize and staple the app again before you ship it.".into());
    }
    if plan.sign.iter().any(|step| step.why == "signed by another team") {
        cautions
            .push("Code of another developer gets your signature: make sure that its licence allows that, and that you trust it.".into());
    }
    if plan.edits.iter().any(|edit| evidence.images_at(&edit.executable).next().is_some_and(|image| !image.is_executable())) {
        cautions.push("Entitlements count only on executables; codesign does not put them on a library.".into());
    }
    cautions
}

/// The plan as the report's steps: by hand, files, cautions, signing, checks.
pub fn steps(plan: &Plan) -> Vec<Step> {
    let step = |action, text: String| Step { action, file: None, diff: None, argv: Vec::new(), text };
    let mut steps: Vec<Step> = plan.manual.iter().map(|text| step("manual", text.clone())).collect();
    for edit in &plan.edits {
        let text = format!("Write {} for {} ({})", edit.file.display(), edit.executable.display(), edit.from);
        let text = std::iter::once(text).chain(edit.warnings.iter().cloned()).collect::<Vec<_>>().join(". ");
        let diff = Some(edit.diff.clone()).filter(|diff| !diff.is_empty());
        steps.push(Step { file: Some(edit.file.display().to_string()), diff, ..step("edit", text) });
    }
    for (file, key, text) in &plan.info_plist {
        let words = format!("Add {key} to {}: \"{text}\"", file.display());
        steps.push(Step { file: Some(file.display().to_string()), ..step("manual", words) });
    }
    steps.extend(plan.cautions.iter().map(|caution| step("manual", format!("Note: {caution}"))));
    for sign in &plan.sign {
        steps.push(Step {
            argv: sign.argv.clone(),
            ..step("run", format!("Sign {}: {}", sign.argv.last().map_or("", String::as_str), sign.why))
        });
    }
    for argv in &plan.check {
        steps.push(Step { argv: argv.clone(), ..step("run", check_words(argv).to_owned()) });
    }
    steps
}

/// What a command of [`Plan::check`] is for.
fn check_words(argv: &[String]) -> &'static str {
    match argv.get(1).map(String::as_str) {
        Some("--verify") => "See that the signature holds",
        Some("--display") => "See that the keys were signed in",
        _ => "Ask Temper again",
    }
}

#[cfg(test)]
mod tests;
