//! The jobs of a fix: what would be done, doing exactly that, the proof, and the way back.

use super::super::state::{FixOffer, FixOrder, JobId, Msg, SignWith, Stopped, Tools};
use crate::Examination;
use crate::diagnose::Change;
use crate::evidence::{Evidence, EvidenceText, TargetKind};
use crate::fix::apply::{self, Destination, Order, Progress, Session};
use crate::fix::identity;
use crate::fix::plan::{FOLDER_CAUTION, Plan};
use crate::fix::prove::{Deed, Proof, Side, prove};
use crate::fix::sign::{PLACEHOLDER, Signer, Signing, Who};
use crate::read::identity::Identity;
use crate::report::{Diagnosis, Remedy, Report};
use crate::scan::Request;
use crate::system::{EntryKind, Secret, System};
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
/// Why a fix ended that the user stopped.
const STOPPED: &str = "you stopped it";
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
    Ok(prepared(system, order, None)?.offer)
}

/// What there is to sign with. Runs nothing.
pub fn tools(system: &dyn System) -> Tools {
    let has = |signer: Signer| system.on_path(signer.program()).is_some();
    Tools { codesign: has(Signer::Codesign), rcodesign: has(Signer::Rcodesign), security: system.on_path(identity::FIND[0]) }
}

/// Asks the keychain.
pub fn identities(system: &dyn System) -> Result<Vec<Identity>, String> {
    identity::of_keychain(system, &[PASSWORD_VARIABLE.to_owned()])
}

fn subject(order: &FixOrder) -> Result<(&Diagnosis, &Remedy), String> {
    let diagnosis = order.plan.examination.report.diagnoses.get(order.plan.diagnosis).ok_or("the diagnosis is gone")?;
    Ok((diagnosis, diagnosis.remedies.get(order.plan.remedy).ok_or("the remedy is gone")?))
}

fn prepared(system: &dyn System, order: &FixOrder, password: Option<Secret>) -> Result<Prepared, String> {
    let (_, remedy) = subject(order)?;
    if remedy.needs_new_code {
        return Err(format!("\"{}\" needs new code first; sign what was built from it, then check again", remedy.title));
    }
    let signing = signing(system, &order.sign_with)?;
    let mut plan = super::plan(system, &order.plan, &signing)?;
    bare_names(&mut plan);
    refuse_what_is_missing(&plan, order)?;
    let evidence = &order.plan.examination.evidence;
    let destination = if order.in_place { Destination::InPlace } else { Destination::Copy(free_place(system, evidence)) };
    let without = vec![PASSWORD_VARIABLE.to_owned()];
    let session_order = Order { evidence, plan: &plan, destination, usage: &[], password, without };
    let session = Session::prepare(system, session_order).map_err(|error| error.to_string())?;
    let cautions = plan.cautions.iter().filter(|caution| !caution.starts_with(FOLDER_CAUTION)).cloned();
    let placeholders =
        plan.info_plist.iter().map(|(_, key, _)| format!("the text for {key} is a placeholder: write your own before you ship it"));
    let known = if let SignWith::Keychain(_, known) = &order.sign_with { known.as_slice() } else { &[] };
    let offer = FixOffer {
        signer: signing.signer.program(),
        identity: who(&plan, &order.sign_with),
        app: session.app(),
        way_back: session.way_back(),
        folder: session.folder(),
        steps: session.steps().to_vec(),
        cautions: known.iter().cloned().chain(cautions).chain(placeholders).collect(),
    };
    Ok(Prepared { plan, session, offer })
}

/// The program that signs, and with whose identity.
fn signing(system: &dyn System, with: &SignWith) -> Result<Signing, String> {
    let (wanted, who) = match with {
        SignWith::InUse => (None, Who::InUse),
        SignWith::AdHoc => (None, Who::AdHoc),
        SignWith::Keychain(who, _) => (Some(Signer::Codesign), who.clone()),
        SignWith::File(file) => (Some(Signer::Rcodesign), Who::P12(key_file(system, file)?)),
    };
    let signer = apply::signer_on_path(system, wanted).map_err(|error| match wanted {
        Some(_) => error.to_string(),
        None => {
            "no program that signs is in PATH. codesign comes with macOS (xcode-select --install); elsewhere get rcodesign with 'cargo \
                 install apple-codesign'"
                .to_owned()
        }
    })?;
    Ok(Signing { signer, who, ..Signing::default() })
}

/// The real path of a PKCS #12 file, since the commands run in another folder.
fn key_file(system: &dyn System, file: &Path) -> Result<PathBuf, String> {
    let real = system.canonical(file).map_err(|error| format!("{}: the identity cannot be read: {error}", file.display()))?;
    match system.entry(&real) {
        Ok(EntryKind::File(_)) => Ok(real),
        Ok(_) => Err(format!("{}: the identity cannot be read: not a file", file.display())),
        Err(error) => Err(format!("{}: the identity cannot be read: {error}", file.display())),
    }
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
            "the app is not signed by anybody who could sign it again. 'I' chooses who signs; 'a' signs it ad hoc, for an experiment on this \
             machine"
                .into(),
        );
    }
    if has(NO_FILE) {
        return Err(
            "rcodesign has no keychain. 'I' takes certificate and key of a .p12 file; 'a' signs ad hoc, for an experiment on this machine"
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
fn who(plan: &Plan, with: &SignWith) -> String {
    let sign = plan.sign.iter().find_map(|step| {
        let at = step.argv.iter().position(|argument| argument == "--sign")?;
        step.argv.get(at + 1).map(String::as_str)
    });
    match (with, sign) {
        (SignWith::AdHoc, _) => "nobody: ad hoc, for an experiment on this machine".into(),
        (SignWith::Keychain(Who::Hash { hash, name }, _), _) => format!("{name} (of the keychain, by its hash {hash})"),
        (SignWith::Keychain(..), Some(name)) => format!("{name} (of the keychain)"),
        (SignWith::Keychain(..), None) => "one of the keychain".into(),
        (SignWith::File(file), _) => format!("certificate and key in {}", file.display()),
        (SignWith::InUse, Some("-")) => "nobody: ad hoc, as the app is signed now".into(),
        (SignWith::InUse, Some(name)) => format!("{name} (the one in use)"),
        (SignWith::InUse, None) => "the one in use".into(),
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

/// What the user said yes to.
pub struct Confirmed {
    /// What is to be done, and how.
    pub order: FixOrder,
    /// Exactly what was shown.
    pub shown: FixOffer,
    /// Password of the file that is signed with; nobody reads it otherwise.
    pub password: Secret,
}

/// Does exactly what was shown, and proves it. What fails or is stopped is taken back.
pub fn run(
    system: &dyn System,
    job: JobId,
    confirmed: Confirmed,
    stop: &AtomicBool,
    last: &Last,
    out: &Sender<Msg>,
) -> Result<Msg, String> {
    let Confirmed { order, shown, password } = confirmed;
    let nothing = |why: String| Ok(Msg::FixStopped(job, Stopped { why, left: None }));
    let Prepared { plan, mut session, offer } = match prepared(system, &order, Some(password)) {
        Ok(prepared) => prepared,
        Err(why) => return nothing(why),
    };
    if offer != shown {
        return nothing("something has changed since it was shown, so other things would be done; look at it once more".into());
    }
    let done = steps(system, job, &mut session, stop, out).and_then(|()| proof(system, &order, &plan, &session));
    // Asked for during the last step, or while it was proved.
    let outcome = done.and_then(|proof| if stop.load(Ordering::Relaxed) { Err(STOPPED.into()) } else { Ok(proof) });
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
            return Err(STOPPED.into());
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::super::state::PlanOrder;
    use super::*;
    use crate::system::Output;
    use crate::system::fake::FakeSystem;
    use std::sync::{Arc, mpsc};

    const APP: &str = "/apps/Sketchbook.app";

    /// A practice app in memory, and a signing program that changes nothing.
    fn machine(signer: Option<&str>) -> FakeSystem {
        let lab = &crate::lab::all()[0];
        let mut system = FakeSystem::new().program(|_, _| Ok(Output { status: Some(0), ..Output::default() }));
        for (path, bytes, _) in lab.files {
            system = system.file(&format!("{APP}/{path}"), *bytes);
        }
        if let Some(signer) = signer {
            system = system.file(&format!("/bin/{signer}"), "#!");
        }
        system.variables.insert("PATH".into(), "/usr/bin:/bin".into());
        system
    }

    fn order(system: &FakeSystem) -> FixOrder {
        let lab = &crate::lab::all()[0];
        let pasted = lab.evidence.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let anchors = crate::read::cms::TrustAnchors { extra: vec![crate::lab::anchor()] };
        let request = Request { path: Some(APP.into()), pasted, anchors, at: Some(1_773_100_800), ..Request::default() };
        let examination = Arc::new(crate::examine(system, &request, &|_| {}, &AtomicBool::new(false)).unwrap());
        let remedy = examination.report.diagnoses[0].remedies.iter().position(|remedy| remedy.least).unwrap();
        let files = vec![("Contents/MacOS/Sketchbook".into(), "/project/own.entitlements".into())];
        let plan = PlanOrder { examination, request: Arc::new(request), diagnosis: 0, remedy, files };
        FixOrder { plan, in_place: false, sign_with: SignWith::InUse }
    }

    #[test]
    fn without_a_signer_it_says_what_to_get() {
        let system = machine(None);
        let why = offer(&system, &order(&system)).unwrap_err();
        assert!(why.contains("codesign comes with macOS") && why.contains("rcodesign"), "{why}");
    }

    #[test]
    fn rcodesign_without_a_file_says_the_two_ways() {
        let system = machine(Some("rcodesign"));
        let order = order(&system);
        let why = offer(&system, &order).unwrap_err();
        assert!(why.contains("'I' takes") && why.contains("'a' signs ad hoc"), "{why}");
        let offer = offer(&system, &FixOrder { sign_with: SignWith::AdHoc, ..order }).unwrap();
        assert!(offer.signer == "rcodesign" && offer.identity.contains("ad hoc"), "{offer:?}");
    }

    fn with(order: &FixOrder, sign_with: SignWith) -> FixOrder {
        FixOrder { sign_with, ..order.clone() }
    }

    /// The signing commands, as text.
    fn commands(offer: &FixOffer) -> Vec<Vec<String>> {
        let commands = offer.steps.iter().map(|step| step.argv()).filter(|argv| !argv.is_empty());
        commands.map(|argv| argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()).collect()
    }

    #[test]
    fn an_identity_of_the_keychain_is_in_every_command() {
        let system = machine(Some("codesign"));
        let order = order(&system);
        let name = "Developer ID Application: Other (OTHER00001)".to_owned();
        let hash = "89ABCDEF0123456789ABCDEF0123456789ABCDEF".to_owned();
        let in_use = commands(&offer(&system, &order).unwrap()).len();
        for (who, argument) in [(Who::Named(name.clone()), &name), (Who::Hash { hash: hash.clone(), name: name.clone() }, &hash)] {
            let offer = offer(&system, &with(&order, SignWith::Keychain(who, vec!["another team".into()]))).unwrap();
            let commands = commands(&offer);
            assert!(commands.len() > in_use, "all code of the app: {commands:?}");
            assert!(commands.iter().all(|argv| argv.windows(2).any(|pair| pair == ["--sign", argument])), "{commands:?}");
            assert!(offer.identity.contains(&name) && offer.cautions[0] == "another team", "{offer:?}");
        }
        let only = machine(Some("rcodesign"));
        let why = offer(&only, &with(&order, SignWith::Keychain(Who::Named(name), Vec::new()))).unwrap_err();
        assert!(why.contains("codesign is not in PATH"), "{why}");
    }

    #[test]
    fn a_file_is_named_by_its_real_path_and_one_that_is_none_is_refused() {
        let system = machine(Some("rcodesign")).file("/keys/id.p12", "p12");
        let order = order(&system);
        let with_file = |file: &str| offer(&system, &with(&order, SignWith::File(file.into())));
        let shown = with_file("/keys/../keys/id.p12").unwrap();
        let commands = commands(&shown);
        let wanted = ["--p12-file", "/keys/id.p12", "--p12-password-file", "/dev/stdin"];
        assert!(!commands.is_empty() && commands.iter().all(|argv| argv.windows(4).any(|words| words == wanted)), "{commands:?}");
        assert_eq!(shown.signer, "rcodesign");
        assert!(with_file("/keys/no.p12").unwrap_err().starts_with("/keys/no.p12: the identity cannot be read"));
        assert!(with_file("/keys").unwrap_err().contains("not a file"));
        let only = machine(Some("codesign")).file("/keys/id.p12", "p12");
        let why = offer(&only, &with(&order, SignWith::File("/keys/id.p12".into()))).unwrap_err();
        assert!(why.contains("rcodesign is not in PATH"), "{why}");
    }

    #[test]
    fn what_there_is_to_sign_with_is_found_without_running_anything() {
        let system = machine(Some("codesign")).file("/usr/bin/security", "#!");
        assert_eq!(tools(&system), Tools { codesign: true, rcodesign: false, security: Some("/usr/bin/security".into()) });
        assert!(system.ran().is_empty());
        assert!(identities(&system).unwrap().is_empty());
        let ran = system.ran();
        assert_eq!((ran.len(), &ran[0].argv), (1, &identity::FIND.map(Into::into).to_vec()));
        assert_eq!(ran[0].without, [PASSWORD_VARIABLE], "it inherits no password");
    }

    #[test]
    fn what_was_typed_is_read_by_the_signer_alone_and_once() {
        use super::super::super::state::{Effect, Stroke};
        let system = Arc::new(machine(Some("rcodesign")).file("/keys/id.p12", "p12"));
        let order = with(&order(&system), SignWith::File("/keys/id.p12".into()));
        let shown = offer(&*system, &order).unwrap();
        let (out, messages) = mpsc::channel();
        let mut worker = super::super::Worker::new(Arc::clone(&system) as Arc<dyn System>, &[], out);
        let typed = |text: &str| Effect::Password(Stroke::Add(Secret(text.as_bytes().to_vec())));
        let strokes =
            [typed("wrong"), Effect::Password(Stroke::Wipe), typed("hü"), typed("x"), Effect::Password(Stroke::Erase), typed("sh")];
        strokes.into_iter().for_each(|stroke| worker.start(stroke));
        worker.start(Effect::Fix(JobId(1), Box::new(order), Box::new(shown)));
        assert_eq!(worker.password, Secret::default(), "it was given away");
        let end = messages.iter().find(|message| matches!(message, Msg::Fixed(..) | Msg::FixStopped(..) | Msg::Failed(..)));
        assert!(matches!(end, Some(Msg::Fixed(..))), "{end:?}");
        let ran = system.ran();
        assert!(!ran.is_empty() && ran.iter().all(|command| command.input == Some(Secret("hüsh".as_bytes().to_vec()))), "{ran:?}");
        assert!(!format!("{ran:?}").contains("hüsh"));
    }

    #[test]
    fn the_copy_lies_beside_the_app_where_its_name_is_free() {
        let system = machine(Some("codesign"));
        let order = order(&system);
        let first = offer(&system, &order).unwrap();
        assert_eq!(first.app, Path::new("/apps/mended/Sketchbook.app"));
        let commands: Vec<_> = first.steps.iter().flat_map(|step| step.argv()).map(|argument| argument.to_string_lossy()).collect();
        assert!(commands.iter().any(|argument| argument == "own.entitlements"), "the chosen file, by its bare name: {commands:?}");
        system.write_atomic(Path::new("/apps/mended/Sketchbook.app/x"), b"").unwrap();
        assert_eq!(offer(&system, &order).unwrap().app, Path::new("/apps/mended-2/Sketchbook.app"));
        assert_eq!(offer(&system, &FixOrder { in_place: true, ..order }).unwrap().app, Path::new(APP));
    }

    fn ran(system: &FakeSystem, order: &FixOrder, offer: &FixOffer, stop: bool) -> (Msg, Vec<Msg>, Last) {
        let (out, messages) = mpsc::channel();
        let last = Last::default();
        let confirmed = Confirmed { order: order.clone(), shown: offer.clone(), password: Secret(b"hush".to_vec()) };
        let end = run(system, JobId(7), confirmed, &AtomicBool::new(stop), &last, &out).unwrap();
        drop(out);
        (end, messages.iter().collect(), last)
    }

    #[test]
    fn each_step_is_told_and_a_signer_that_does_nothing_is_found_out() {
        let system = machine(Some("codesign"));
        let before = system.tree(APP);
        let order = order(&system);
        let offer = offer(&system, &order).unwrap();
        let (end, messages, last) = ran(&system, &order, &offer, false);
        let Msg::Fixed(_, proof) = end else { panic!("{end:?}") };
        assert!(!proof.holds && !proof.gone);
        assert_eq!(messages.iter().filter(|message| matches!(message, Msg::FixStep(..))).count(), offer.steps.len());
        assert!(matches!(undo(&system, JobId(8), JobId(7), &offer.app, &last), Ok(Msg::FixUndone(JobId(8)))));
        assert_eq!(system.tree(APP), before);
        assert!(!system.tree("/").keys().any(|path| path.to_string_lossy().contains(".temper")), "nothing is left behind");
    }

    #[test]
    fn what_is_not_what_was_shown_is_not_done() {
        let system = machine(Some("codesign"));
        let order = order(&system);
        let mut other = offer(&system, &order).unwrap();
        other.steps.pop();
        let before = system.tree("/");
        let (end, ..) = ran(&system, &order, &other, false);
        assert!(matches!(&end, Msg::FixStopped(_, stopped) if stopped.left.is_none() && stopped.why.contains("has changed")), "{end:?}");
        assert_eq!(system.tree("/"), before);
        assert!(system.ran().is_empty());
    }

    #[test]
    fn what_is_stopped_is_taken_back() {
        let system = machine(Some("codesign"));
        let order = order(&system);
        let offer = offer(&system, &order).unwrap();
        let before = system.tree("/");
        let (end, ..) = ran(&system, &order, &offer, true);
        assert!(matches!(&end, Msg::FixStopped(_, stopped) if stopped.left.is_none() && stopped.why.contains("you stopped it")), "{end:?}");
        assert_eq!(system.tree("/"), before);
    }

    #[test]
    fn a_proof_never_replaces_a_file() {
        let system = FakeSystem::new().file("/p/proof.md", "mine");
        let proof = super::super::super::sample::proved();
        assert!(save(&system, JobId(1), &proof, Path::new("/p/proof.md")).unwrap_err().contains("is there already"));
        assert!(save(&system, JobId(1), &proof, Path::new("/p/other.md")).is_ok());
    }
}
