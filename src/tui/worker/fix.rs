//! The jobs of a fix: what would be done, doing exactly that, the proof, and the way back.

use super::super::state::{FixOffer, FixOrder, JobId, Msg, Stopped};
use crate::Examination;
use crate::diagnose::Change;
use crate::evidence::{Evidence, EvidenceText, TargetKind};
use crate::fix::apply::{self, Destination, Order, Progress, Session};
use crate::fix::plan::{FOLDER_CAUTION, Plan};
use crate::fix::prove::{Deed, Proof, Side, prove};
use crate::fix::sign::{PLACEHOLDER, Signing, Who};
use crate::report::{Diagnosis, Remedy, Report};
use crate::scan::Request;
use crate::system::System;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

/// The variable that `temper fix` reads a password from: no command inherits it.
const PASSWORD_VARIABLE: &str = "TEMPER_P12_PASSWORD";
/// Folder beside the app for mended copies; a number follows when its place is taken.
const COPIES: &str = "mended";
/// One message for so many files of a step.
const FILES_A_MESSAGE: usize = 64;
/// What the plan of rcodesign has in the place of a file that nobody named.
const NO_FILE: &str = "YOUR-IDENTITY.p12";

/// The last fix that was done, for its way back.
pub type Last = Mutex<Option<(JobId, Session)>>;

/// What would be done.
struct Prepared {
    plan: Plan,
    session: Session,
    offer: FixOffer,
}

/// Says exactly what would be done. Writes nothing.
pub fn offer(system: &dyn System, order: &FixOrder) -> Result<FixOffer, String> {
    Ok(prepared(system, order)?.offer)
}

fn subject(order: &FixOrder) -> Result<(&Diagnosis, &Remedy), String> {
    let diagnosis = order.plan.examination.report.diagnoses.get(order.plan.diagnosis).ok_or("the diagnosis is gone")?;
    Ok((diagnosis, diagnosis.remedies.get(order.plan.remedy).ok_or("the remedy is gone")?))
}

fn prepared(system: &dyn System, order: &FixOrder) -> Result<Prepared, String> {
    let (_, remedy) = subject(order)?;
    if remedy.needs_new_code {
        return Err(format!("\"{}\" needs new code first; sign what was built from it, then check again", remedy.title));
    }
    let signer = apply::signer_on_path(system, None).map_err(|_| {
        "no program that signs is in PATH. codesign comes with macOS (xcode-select --install); elsewhere get rcodesign with 'cargo install \
         apple-codesign'"
    })?;
    let who = if order.ad_hoc { Who::AdHoc } else { Who::InUse };
    let mut plan = super::plan(system, &order.plan, &Signing { signer, who, no_runtime: false })?;
    bare_names(&mut plan);
    refuse_what_is_missing(&plan, order)?;
    let evidence = &order.plan.examination.evidence;
    let destination = if order.in_place { Destination::InPlace } else { Destination::Copy(free_place(system, evidence)) };
    let without = vec![PASSWORD_VARIABLE.to_owned()];
    let session_order = Order { evidence, plan: &plan, destination, usage: &[], password: None, without };
    let session = Session::prepare(system, session_order).map_err(|error| error.to_string())?;
    let cautions = plan.cautions.iter().filter(|caution| !caution.starts_with(FOLDER_CAUTION)).cloned();
    let placeholders =
        plan.info_plist.iter().map(|(_, key, _)| format!("the text for {key} is a placeholder: write your own before you ship it"));
    let offer = FixOffer {
        signer: signer.program(),
        identity: identity(&plan, order.ad_hoc),
        app: session.app(),
        way_back: session.way_back(),
        folder: session.folder(),
        steps: session.steps().to_vec(),
        cautions: cautions.chain(placeholders).collect(),
    };
    Ok(Prepared { plan, session, offer })
}

/// The commands run beside the copy, so an entitlements file of the project is written there under its bare name.
fn bare_names(plan: &mut Plan) {
    let mut taken: BTreeSet<PathBuf> = BTreeSet::new();
    let wanted: Vec<(PathBuf, PathBuf)> = plan
        .edits
        .iter()
        .map(|edit| {
            let name = edit.file.file_name().map_or_else(|| PathBuf::from("app.entitlements"), PathBuf::from);
            let numbered = (2..).map(|number| PathBuf::from(format!("{number}-{}", name.display())));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
            taken.insert(free.clone());
            (edit.executable.clone(), free)
        })
        .collect();
    for (executable, file) in &wanted {
        super::rename(plan, executable, file);
    }
}

/// What must be said before anything is done.
fn refuse_what_is_missing(plan: &Plan, order: &FixOrder) -> Result<(), String> {
    let has = |wanted: &str| plan.sign.iter().any(|step| step.argv.iter().any(|argument| argument == wanted));
    if has(PLACEHOLDER) {
        return Err(
            "the app is not signed by anybody who could sign it again. 'a' signs it ad hoc, for an experiment on this machine; 'temper \
                    fix APP --copy DIR --identity ID' signs it with an identity of the keychain"
                .into(),
        );
    }
    if has(NO_FILE) {
        return Err(
            "rcodesign has no keychain. 'temper fix APP --copy DIR --p12 FILE' signs with certificate and key of a file; 'a' signs ad \
                    hoc, for an experiment on this machine"
                .into(),
        );
    }
    match plan.info_plist.first() {
        Some((_, key, _)) if order.in_place => Err(format!(
            "only you can say what the user of the app reads for {key}: 'temper fix APP --in-place --usage {key}=…'. On a copy ('i') a \
             placeholder is enough"
        )),
        _ => Ok(()),
    }
}

/// Who signs, as the commands say it.
fn identity(plan: &Plan, ad_hoc: bool) -> String {
    let sign = plan.sign.iter().find_map(|step| {
        let at = step.argv.iter().position(|argument| argument == "--sign")?;
        step.argv.get(at + 1).cloned()
    });
    match sign.as_deref() {
        _ if ad_hoc => "nobody: ad hoc, for an experiment on this machine".into(),
        Some("-") => "nobody: ad hoc, as the app is signed now".into(),
        Some(name) => format!("{name} (the one in use)"),
        None => "the one in use".into(),
    }
}

/// A folder beside the app in which its name is free.
fn free_place(system: &dyn System, evidence: &Evidence) -> PathBuf {
    let target = &evidence.target;
    let is_file = target.kind == TargetKind::MachO;
    let name = target.path.file_name().or_else(|| target.root.file_name()).map(PathBuf::from).unwrap_or_default();
    let root = system.canonical(&target.root).unwrap_or_else(|_| target.root.clone());
    let beside = if is_file { root } else { root.parent().map(Path::to_path_buf).unwrap_or_default() };
    let numbered = (2..1000).map(|number| beside.join(format!("{COPIES}-{number}")));
    let mut places = std::iter::once(beside.join(COPIES)).chain(numbered);
    places.find(|place| system.entry(&place.join(&name)).is_err()).unwrap_or_else(|| beside.join(COPIES))
}

/// Does exactly what was shown, and proves it. What fails or is stopped is taken back.
pub fn run(
    system: &dyn System,
    job: JobId,
    order: &FixOrder,
    shown: &FixOffer,
    stop: &AtomicBool,
    last: &Last,
    out: &Sender<Msg>,
) -> Result<Msg, String> {
    let nothing = |why: String| Ok(Msg::FixStopped(job, Stopped { why, left: None }));
    let Prepared { plan, mut session, offer } = match prepared(system, order) {
        Ok(prepared) => prepared,
        Err(why) => return nothing(why),
    };
    if offer != *shown {
        return nothing("something has changed since it was shown, so other things would be done; look at it once more".into());
    }
    let outcome = steps(system, job, &mut session, stop, out).and_then(|()| proof(system, order, &plan, &session));
    match outcome {
        Ok(proof) => {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((job, session));
            Ok(Msg::Fixed(job, Box::new(proof)))
        }
        Err(why) => {
            let left = session.undo(system).err().map(|error| error.to_string());
            Ok(Msg::FixStopped(job, Stopped { why, left }))
        }
    }
}

fn steps(system: &dyn System, job: JobId, session: &mut Session, stop: &AtomicBool, out: &Sender<Msg>) -> Result<(), String> {
    let files = Cell::new(0_usize);
    let tell = |progress: &Progress| {
        files.set(files.get().wrapping_add(1));
        if progress.current.as_os_str().is_empty() || files.get().is_multiple_of(FILES_A_MESSAGE) {
            // Nobody listens only while the program ends.
            drop(out.send(Msg::FixProgress(job, progress.clone())));
        }
    };
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err("you stopped it".into());
        }
        match session.run_next(system, &tell).map_err(|error| error.to_string())? {
            Some(done) => drop(out.send(Msg::FixStep(job, done.clone()))),
            None => return Ok(()),
        }
    }
}

fn proof(system: &dyn System, order: &FixOrder, plan: &Plan, session: &Session) -> Result<Proof, String> {
    let (diagnosis, remedy) = subject(order)?;
    let evidence = &order.plan.examination.evidence;
    let request = Request { path: Some(session.app()), texts: Vec::new(), pasted: Vec::new(), ..(*order.plan.request).clone() };
    let after: Examination =
        crate::examine(system, &request, &|_| {}, &AtomicBool::new(false)).map_err(|error| format!("the mended app: {error}"))?;
    let with_texts = judged(after.evidence.clone(), evidence.texts.clone());
    let deed = Deed {
        diagnosis,
        with_texts: &with_texts,
        remedy: &remedy.title,
        plan,
        steps: session.steps(),
        done: session.done(),
        no_runtime: false,
    };
    let alone = judged(evidence.clone(), Vec::new());
    let before = Side { evidence, report: &alone, files: session.before() };
    Ok(prove(before, Side { evidence: &after.evidence, report: &after.report, files: session.after() }, deed))
}

/// What the facts mean together with some texts.
fn judged(evidence: Evidence, texts: Vec<EvidenceText>) -> Report {
    crate::decide(Evidence { texts, ..evidence }, &Change::default()).report
}

/// Takes a fix back: by its own session, or as `temper undo` does.
pub fn undo(system: &dyn System, job: JobId, fix: JobId, app: &Path, last: &Last) -> Result<Msg, String> {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let undone = match last.as_mut().filter(|(number, _)| *number == fix) {
        Some((_, session)) => session.undo(system),
        None => apply::undo(system, app),
    };
    undone.map(|_| Msg::FixUndone(job)).map_err(|error| error.to_string())
}

/// Writes the proof to a new file, as Markdown.
pub fn save(system: &dyn System, job: JobId, proof: &Proof, path: &Path) -> Result<Msg, String> {
    if system.entry(path).is_ok() {
        return Err(format!("{} is there already, and is not replaced", path.display()));
    }
    system.write_atomic(path, crate::proof::markdown(proof).as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Msg::Written(job))
}
