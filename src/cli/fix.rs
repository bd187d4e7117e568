//! `temper fix`: does what `temper plan` prints, on a copy or in place, examines the app again and proves it.

use super::Answer;
use super::args::{Format, Subject, SubjectArgs};
use super::plan::{self, Choice};
use super::text::{self, Look};
use crate::Examination;
use crate::clean::clean_json;
use crate::diagnose::Change;
use crate::evidence::{Evidence, EvidenceText};
use crate::fix::apply::{self, Destination, Order, Session};
use crate::fix::identity;
use crate::fix::plan::{FOLDER_CAUTION, Plan};
use crate::fix::prove::{Deed, Proof, Side, prove};
use crate::fix::sign::{PLACEHOLDER, Signer, Signing, Who};
use crate::proof;
use crate::report::{Diagnosis, Remedy, Report};
use crate::scan::Request;
use crate::system::{Secret, SecretSource, System};
use anyhow::{Context, bail};
use clap::Args;
use std::path::PathBuf;

/// Variable that holds the password when no other is named.
const PASSWORD_VARIABLE: &str = "TEMPER_P12_PASSWORD";

/// `temper fix`.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// What, and how signed.
    #[command(flatten)]
    pub choice: Choice,
    /// Folder for the mended copy; the app itself is only read
    #[arg(long, value_name = "DIR", required_unless_present = "in_place", conflicts_with = "in_place")]
    pub copy: Option<PathBuf>,
    /// Mend the app in its place; what it was is kept beside it for 'temper undo'
    #[arg(long)]
    pub in_place: bool,
    /// Do it: without this the plan is printed and nothing is done
    #[arg(long)]
    pub yes: bool,
    /// Read the password of the PKCS #12 file from this open file descriptor
    #[arg(long, value_name = "FD", conflicts_with = "p12_password_env")]
    pub p12_password_fd: Option<i32>,
    /// Read the password of the PKCS #12 file from this environment variable; TEMPER_P12_PASSWORD is read without asking
    #[arg(long, value_name = "NAME")]
    pub p12_password_env: Option<String>,
    /// Write the proof to this file too, as Markdown
    #[arg(long, value_name = "FILE")]
    pub proof: Option<PathBuf>,
    /// Form of the proof
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
}

/// Mends. `tell` hears each step as it is done. An error leaves everything as it was.
pub fn fix(system: &dyn System, subject: &Subject, options: &Options, look: Look, tell: &dyn Fn(&str)) -> anyhow::Result<Answer> {
    let request = plan::mending_request(system, subject)?;
    let before = plan::examined(system, &request)?;
    let Some((diagnosis, remedy)) = plan::chosen(&before, &options.choice)? else {
        return Ok(Answer { text: "Temper found nothing to mend.\n".into(), status: 0 });
    };
    let signer = match options.yes {
        true => apply::signer_on_path(system, options.choice.wanted())?,
        false => options.choice.wanted().unwrap_or_default(),
    };
    let mut signing = options.choice.signing(system, signer)?;
    let mut notes = Vec::new();
    if options.yes {
        (signing.who, notes) = unambiguous(system, signer, signing.who, &before.evidence, options)?;
    }
    let plan = plan::made(&before, diagnosis, remedy, &signing, &options.choice)?;
    if !options.yes {
        // `tell` shows plain lines.
        text::mend::plan(diagnosis, remedy, &plan, Look { color: false, ..look }).lines().for_each(tell);
        bail!("nothing was done: say --yes to do it");
    }
    if remedy.needs_new_code {
        bail!("\"{}\" needs new code first: 'temper plan' says what to do by hand", remedy.title);
    }
    refuse_what_is_missing(&plan, options)?;
    let cautions = plan.cautions.iter().filter(|caution| !caution.starts_with(FOLDER_CAUTION));
    cautions.chain(&notes).for_each(|caution| tell(&format!("Note: {caution}")));
    let deed = Planned { request: &request, before: &before, diagnosis, remedy, plan: &plan, signing: &signing };
    let (proof, way_back) = deed.run(system, options, tell)?;
    if let Some(file) = &options.proof {
        system
            .write_atomic(file, proof::markdown(&proof).as_bytes())
            .with_context(|| format!("the app was mended ({}), but the proof cannot be written to {}", proof.app, file.display()))?;
    }
    let text = match options.format {
        Format::Text => text::mend::proof(&proof, &way_back, look),
        Format::Json => clean_json(&serde_json::to_string_pretty(&proof)?) + "\n",
    };
    Ok(Answer { text, status: u8::from(!proof.holds) })
}

/// The one identity of the keychain that the user named, and what to know of it. An error when the name fits none, several, or one that cannot sign. Where
/// there is no keychain to ask, codesign itself finds out.
fn unambiguous(
    system: &dyn System,
    signer: Signer,
    who: Who,
    evidence: &Evidence,
    options: &Options,
) -> anyhow::Result<(Who, Vec<String>)> {
    let wanted = match &who {
        Who::Named(name) if name != "-" && signer == Signer::Codesign && identity::has_keychain(system) => name,
        _ => return Ok((who, Vec::new())),
    };
    let list = match identity::of_keychain(system, &no_password(options)) {
        Ok(list) => list,
        Err(why) => return Ok((who, vec![format!("whether the identity is there and fit is not known: {why}")])),
    };
    let found = identity::named(&list, wanted).map_err(anyhow::Error::msg)?;
    let team = evidence.team();
    Ok((identity::who(&list, found), identity::cautions(found, team)))
}

/// What must be said before anything is done.
fn refuse_what_is_missing(plan: &Plan, options: &Options) -> anyhow::Result<()> {
    if plan.sign.iter().any(|step| step.argv.iter().any(|argument| argument == PLACEHOLDER)) {
        bail!("the app is not signed by anybody who could sign it again: choose --identity ID, --p12 FILE, or --ad-hoc for an experiment");
    }
    if plan.sign.iter().any(|step| step.argv.iter().any(|argument| argument == "YOUR-IDENTITY.p12")) {
        bail!("rcodesign has no keychain: give certificate and key as a file (--p12 FILE), or sign ad hoc for an experiment (--ad-hoc)");
    }
    let missing = plan.info_plist.iter().find(|(_, key, _)| !options.choice.usage.iter().any(|(given, _)| given == key));
    match missing {
        Some((_, key, _)) if options.in_place => {
            bail!("say what the user of the app reads: --usage {key}='…' (on a copy, --copy DIR, a placeholder is enough)")
        }
        _ => Ok(()),
    }
}

/// A plan with all it comes from.
struct Planned<'a> {
    request: &'a Request,
    before: &'a Examination,
    diagnosis: &'a Diagnosis,
    remedy: &'a Remedy,
    plan: &'a Plan,
    signing: &'a Signing,
}

impl Planned<'_> {
    fn run(&self, system: &dyn System, options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<(Proof, PathBuf)> {
        let destination = options.copy.clone().map_or(Destination::InPlace, Destination::Copy);
        let (password, without) = password(system, self.signing, options)?;
        let evidence = &self.before.evidence;
        let order = Order { evidence, plan: self.plan, destination, usage: &options.choice.usage, password, without };
        let mut session = Session::prepare(system, order)?;
        if let Err(error) = steps(system, &mut session, tell) {
            return Err(taken_back(system, &mut session, error));
        }
        let request = Request { path: Some(session.app()), texts: Vec::new(), pasted: Vec::new(), ..self.request.clone() };
        let after = match plan::examined(system, &request) {
            Ok(after) => after,
            Err(error) => return Err(taken_back(system, &mut session, error)),
        };
        let with_texts = judged(after.evidence.clone(), evidence.texts.clone());
        let deed = Deed {
            diagnosis: self.diagnosis,
            with_texts: &with_texts,
            remedy: &self.remedy.title,
            plan: self.plan,
            steps: session.steps(),
            done: session.done(),
            no_runtime: self.signing.no_runtime,
        };
        let alone = judged(evidence.clone(), Vec::new());
        let before = Side { evidence, report: &alone, files: session.before() };
        let proof = prove(before, Side { evidence: &after.evidence, report: &after.report, files: session.after() }, deed);
        Ok((proof, session.way_back()))
    }
}

/// What the facts mean together with some texts.
fn judged(evidence: Evidence, texts: Vec<EvidenceText>) -> Report {
    crate::decide(Evidence { texts, ..evidence }, &Change::default()).report
}

fn steps(system: &dyn System, session: &mut Session, tell: &dyn Fn(&str)) -> anyhow::Result<()> {
    loop {
        if let Some(step) = session.steps().get(session.done().len()) {
            tell(&step.text);
        }
        if session.run_next(system, &|_| {})?.is_none() {
            return Ok(());
        }
    }
}

/// The error, after everything was taken back; both errors when that failed too.
fn taken_back(system: &dyn System, session: &mut Session, error: anyhow::Error) -> anyhow::Error {
    match session.undo(system) {
        Ok(_) => error.context("nothing was changed"),
        Err(second) => {
            let app = session.app();
            error.context(format!("could not be taken back ({second}): run 'temper undo' on {}", app.display()))
        }
    }
}

/// The password, and the variable that nobody else may inherit.
fn password(system: &dyn System, signing: &Signing, options: &Options) -> anyhow::Result<(Option<Secret>, Vec<String>)> {
    let Who::P12(file) = &signing.who else { return Ok((None, no_password(options))) };
    let named = options.p12_password_env.clone();
    let present = || system.variable(PASSWORD_VARIABLE).map(|_| PASSWORD_VARIABLE.to_owned());
    let source = match (options.p12_password_fd, named.or_else(present)) {
        (Some(number), _) => SecretSource::Descriptor(number),
        (None, Some(name)) => SecretSource::Variable(name),
        (None, None) => SecretSource::Prompt(format!("Password of {}: ", crate::clean::clean(&file.to_string_lossy()))),
    };
    let secret =
        system.secret(&source).context("the password of the PKCS #12 file cannot be read: use --p12-password-fd or --p12-password-env")?;
    Ok((Some(secret), no_password(options)))
}

/// Variables that no command inherits.
fn no_password(options: &Options) -> Vec<String> {
    [Some(PASSWORD_VARIABLE.to_owned()), options.p12_password_env.clone()].into_iter().flatten().collect()
}

/// For the end of its help.
pub const EXIT_CODES: &str = "\
Exit status:
  0  the diagnosis is gone, and nothing else has changed
  1  something is left
  2  Temper failed, or was called wrongly; then nothing has changed";

/// `temper fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    #[command(flatten)]
    pub(super) options: Options,
}
