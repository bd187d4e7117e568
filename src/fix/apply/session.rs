//! One fix, step by step, on a copy of the app; the last step puts the copy in its place in one moment. For the headless face and for a worker thread:
//!
//! ```text
//! let mut session = Session::prepare(system, order)?;       // writes nothing
//! session.steps()                                           // what will be done, as it will be done
//! while session.run_next(system, &progress)?.is_some() {}   // one step each
//! session.undo(system)?                                     // at any time; also `apply::undo` later, from another process
//! ```
//!
//! A step that fails leaves the app as it was; `undo` then removes what is left.

use super::journal::{Journal, Stage, State, Undone};
use super::tree::{self, Listing};
use crate::detect::log::failure_words;
use crate::evidence::{Evidence, TargetKind};
use crate::fix::edit::{EditError, info, unified_diff};
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::sign::{SignStep, Signer, command_line_exact, from_outside};
use crate::read::log::{self, LogFact, SigningFailure};
use crate::system::{Change, Command, EntryKind, Output, Secret, System};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// Largest Info.plist that is edited, in bytes.
const MAX_INFO: usize = 4 << 20;
/// Longest output of a failed command that an error repeats, in characters.
const MAX_SAID: usize = 2000;

/// Why a fix was not begun, or not finished.
#[derive(Debug, Error)]
pub enum SessionError {
    /// It cannot be done so; why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The system refused.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A command ended with another status than 0.
    #[error("{}", failure(.command, .output))]
    Failed {
        /// The command, as a line for pasting.
        command: String,
        /// What it left behind.
        output: Box<Output>,
    },
    /// An Info.plist cannot be edited.
    #[error("{path}: {source}", path = .path.display())]
    Edit {
        /// Path in the app.
        path: PathBuf,
        /// Why.
        source: EditError,
    },
}

fn failure(command: &str, output: &Output) -> String {
    let ended = output.status.map_or_else(|| "was ended by a signal".to_owned(), |status| format!("ended with status {status}"));
    let text = output.text();
    // rcodesign tells all that it does, and the error at the end.
    let from = text.find("\nError: ").map_or(0, |at| at + 1);
    let said: String = text[from..].trim().chars().take(MAX_SAID).collect();
    let why = log::read(&text).into_iter().find_map(|line| if let LogFact::SigningFailed { why } = line.fact { Some(why) } else { None });
    let why = why.map(|why| format!(" ({}{})", failure_words(why), way_out(why))).unwrap_or_default();
    if said.is_empty() { format!("{command} {ended}") } else { format!("{command} {ended}: {said}{why}") }
}

/// What can be done about it here.
fn way_out(why: SigningFailure) -> &'static str {
    match why {
        SigningFailure::NoTimestamp => "; to try the fix without one: --no-timestamp",
        SigningFailure::Ambiguous => "; name one by its SHA-1 hash: --identity HASH",
        _ => "",
    }
}

impl SessionError {
    /// For `map_err`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }
}

/// Where the mended app comes to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// In this folder, under its own name; the app itself is only read.
    Copy(PathBuf),
    /// In the app's place; the app as it was is kept beside it.
    InPlace,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Facts on the app.
    pub evidence: &'a Evidence,
    /// The plan of a remedy.
    pub plan: &'a Plan,
    /// Where.
    pub destination: Destination,
    /// Texts for usage keys: (key, text). A key without one gets the plan's suggestion.
    pub usage: &'a [(String, String)],
    /// Password of the PKCS #12 file.
    pub password: Option<Secret>,
    /// Variables that no command inherits (the one that held the password).
    pub without: Vec<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Copies the app.
    Copy,
    /// Sets usage strings (key, text) in an Info.plist, relative to the app.
    Info(PathBuf, Vec<(String, String)>),
    /// Writes an entitlements file: name and text.
    Write(PathBuf, String),
    /// Runs a signing command.
    Sign(Box<SignStep>),
    /// Puts the copy in its place.
    Place,
}

/// One step, as it is shown before and done after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// For people.
    pub text: String,
    /// Unified diff of a file that is changed; empty for a binary one.
    pub diff: String,
}

impl Step {
    /// The exact command; empty when the step is none.
    pub fn argv(&self) -> &[OsString] {
        match &self.kind {
            StepKind::Sign(step) => &step.exact,
            _ => &[],
        }
    }
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Index into [`Session::steps`].
    pub step: usize,
    /// What a command left behind.
    pub output: Option<Output>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Index into [`Session::steps`].
    pub step: usize,
    /// Number of steps.
    pub steps: usize,
    /// File in hand, relative to the app; empty when the step is about no single file.
    pub current: PathBuf,
}

/// A fix that is being done.
#[derive(Debug)]
pub struct Session {
    source: PathBuf,
    journal: Journal,
    copies: bool,
    steps: Vec<Step>,
    done: Vec<Done>,
    state: Option<State>,
    before: Listing,
    after: Listing,
    password: Option<Secret>,
    without: Vec<String>,
}

impl Session {
    /// Looks whether it can be done, and says how. Writes nothing.
    pub fn prepare(system: &dyn System, order: Order<'_>) -> Result<Self, SessionError> {
        let (source, name) = source(system, order.evidence)?;
        let copies = matches!(order.destination, Destination::Copy(_));
        let place = match &order.destination {
            Destination::InPlace => source.parent().map(Path::to_path_buf).unwrap_or_default(),
            Destination::Copy(folder) => copy_place(system, folder, &source)?,
        };
        if !copies && source.file_name() != Some(&name) {
            return Err(SessionError::Refused(format!("{} is a link: name the app itself", order.evidence.target.path.display())));
        }
        let journal = Journal::new(system, &place, &name);
        if copies && system.entry(&journal.app()).is_ok() {
            return Err(SessionError::Refused(format!(
                "{} is there already: choose another folder, or move it away",
                journal.app().display()
            )));
        }
        let steps = steps(system, &order, &source, &journal)?;
        let (before, after) = (Listing::default(), Listing::default());
        let (password, without) = (order.password, order.without);
        Ok(Self { source, journal, copies, steps, done: Vec::new(), state: None, before, after, password, without })
    }

    /// What will be done, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What has been done.
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// Where the mended app comes to lie.
    pub fn app(&self) -> PathBuf {
        self.journal.app()
    }

    /// Every file before; empty until the app was copied.
    pub fn before(&self) -> &Listing {
        &self.before
    }

    /// Every file after; empty until the app is in its place.
    pub fn after(&self) -> &Listing {
        &self.after
    }

    /// Folder that [`Session::undo`] needs, beside the app. Whoever keeps the fix for good may remove it.
    pub fn way_back(&self) -> PathBuf {
        self.journal.folder.clone()
    }

    /// Folder that the commands run in while they are run. It is gone when the fix was undone.
    pub fn folder(&self) -> PathBuf {
        self.journal.work()
    }

    /// Does the next step; `None` when all are done. After an error the app is as it was: [`Session::undo`] removes what is left, or the same step is
    /// tried again.
    pub fn run_next(&mut self, system: &dyn System, progress: &dyn Fn(&Progress)) -> Result<Option<&Done>, SessionError> {
        let index = self.done.len();
        let Some(step) = self.steps.get(index).cloned() else { return Ok(None) };
        let steps = self.steps.len();
        let tell = |current: &Path| progress(&Progress { step: index, steps, current: current.to_path_buf() });
        tell(Path::new(""));
        let mut output = None;
        match &step.kind {
            StepKind::Copy => self.copy(system, &tell)?,
            StepKind::Info(file, strings) => self.edit_info(system, file, strings)?,
            StepKind::Write(file, text) => {
                let path = self.journal.work().join(file);
                system.write_atomic(&path, text.as_bytes()).map_err(SessionError::at(&path))?;
            }
            StepKind::Sign(sign) => output = Some(self.sign(system, sign)?),
            StepKind::Place => self.put_in_place(system, &tell)?,
        }
        self.done.push(Done { step: index, output });
        if self.done.len() == steps {
            self.password = None;
        }
        Ok(self.done.last())
    }

    /// Takes everything back that was done so far: the app is as it was, byte for byte.
    pub fn undo(&mut self, system: &dyn System) -> Result<Undone, SessionError> {
        let undone = match self.state {
            Some(_) => self.journal.undo(system)?,
            None => Undone { app: self.app(), restored: false },
        };
        self.done.clear();
        self.state = None;
        Ok(undone)
    }

    fn copy(&mut self, system: &dyn System, tell: &dyn Fn(&Path)) -> Result<(), SessionError> {
        self.before = tree::list(system, &self.source, tell)?;
        let state = State::new(self.copies, self.before.digest());
        make_folders(system, &self.journal.place)?;
        if self.state.is_some() {
            // What a failed attempt left.
            tree::remove(system, &self.journal.folder)?;
        }
        // From here on the folder is ours, and `undo` may remove it.
        self.journal.claim(system)?;
        self.state = Some(state.clone());
        self.journal.begin(system, &state)?;
        let name = &self.journal.name;
        if self.copies {
            // The app as it was lies beside the mended copy, for the way back.
            tree::copy(system, &self.source, &self.journal.old().join(name), tell)?;
        }
        let copy = self.journal.work().join(name);
        tree::copy(system, &self.source, &copy, tell)?;
        if tree::list(system, &copy, tell)? != self.before {
            return Err(SessionError::Refused(format!("{} changed while it was copied; try again", self.source.display())));
        }
        Ok(())
    }

    fn edit_info(&self, system: &dyn System, file: &Path, strings: &[(String, String)]) -> Result<(), SessionError> {
        let path = self.journal.work().join(&self.journal.name).join(file);
        let bytes = system.read_small(&path, MAX_INFO).map_err(SessionError::at(&path))?;
        let edited = info::set_strings(&bytes, strings).map_err(|source| SessionError::Edit { path: file.to_path_buf(), source })?;
        system.write_atomic(&path, &edited).map_err(SessionError::at(&path))
    }

    fn sign(&self, system: &dyn System, step: &SignStep) -> Result<Output, SessionError> {
        let asks = step.exact.iter().any(|argument| argument == "--p12-password-file");
        let command = Command {
            argv: step.exact.clone(),
            folder: Some(self.journal.work()),
            without: self.without.clone(),
            input: self.password.clone().filter(|_| asks),
        };
        let line = command_line_exact(&step.exact);
        let output = system.run(&command).map_err(|error| {
            SessionError::Refused(format!("{} could not be run: {error}", step.argv.first().map_or("the signing program", String::as_str)))
        })?;
        if output.is_success() { Ok(output) } else { Err(SessionError::Failed { command: line, output: Box::new(output) }) }
    }

    fn put_in_place(&mut self, system: &dyn System, tell: &dyn Fn(&Path)) -> Result<(), SessionError> {
        let new = self.journal.work().join(&self.journal.name);
        let app = self.journal.app();
        let after = tree::list(system, &new, tell)?;
        let copies = self.copies;
        if !copies && tree::list(system, &app, tell)? != self.before {
            return Err(SessionError::Refused(format!(
                "{} was changed by somebody else in the meantime; it is left as it is",
                app.display()
            )));
        }
        let files = self.new_files(system);
        let state = self.state.as_mut().ok_or_else(|| SessionError::Refused("the app was not copied yet".into()))?;
        (state.stage, state.after, state.files) = (Stage::Placing, after.digest(), files.clone());
        self.journal.write(system, state)?;
        if copies {
            system.change(Change::Move(&new, &app)).map_err(SessionError::at(&app))?;
        } else {
            self.journal.exchange(system, &new, &app)?;
        }
        for file in &files {
            let (from, to) = (self.journal.work().join(file), self.journal.place.join(file));
            let text = system.read_small(&from, MAX_INFO).map_err(SessionError::at(&from))?;
            system.write_atomic(&to, &text).map_err(SessionError::at(&to))?;
        }
        state.stage = Stage::Done;
        self.journal.write(system, state)?;
        self.after = after;
        Ok(())
    }

    /// Entitlements files that can be put beside the app, since there is none of that name.
    fn new_files(&self, system: &dyn System) -> Vec<String> {
        let written = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Write(file, _) => file.to_str().map(str::to_owned),
            _ => None,
        });
        written.filter(|file| system.entry(&self.journal.place.join(file)).is_err()).collect()
    }
}

/// The real path of what is mended, and its name in commands.
fn source(system: &dyn System, evidence: &Evidence) -> Result<(PathBuf, OsString), SessionError> {
    let target = &evidence.target;
    let whole = match target.kind {
        TargetKind::None => {
            return Err(SessionError::Refused("no app was given, only evidence: there is nothing that could be mended".into()));
        }
        TargetKind::MachO => target.executable.clone().unwrap_or_else(|| target.path.file_name().map(PathBuf::from).unwrap_or_default()),
        _ => from_outside(evidence, Path::new("")),
    };
    let mut parts = whole.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
        return Err(SessionError::Refused(format!("{}: name the app itself", target.path.display())));
    };
    let path = if target.kind == TargetKind::MachO { target.root.join(name) } else { target.root.clone() };
    Ok((system.canonical(&path).map_err(SessionError::at(&path))?, name.to_owned()))
}

/// The real path of the folder for the copy, which need not be there yet.
fn copy_place(system: &dyn System, folder: &Path, source: &Path) -> Result<PathBuf, SessionError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let there = folder.ancestors().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let (missing, real) = there
        .enumerate()
        .find_map(|(missing, folder)| system.canonical(folder).ok().map(|real| (missing, real)))
        .ok_or_else(|| SessionError::Refused(format!("{}: no such place", folder.display())))?;
    let names: Vec<_> = folder.components().rev().take(missing).collect();
    if names.iter().any(|name| !matches!(name, Component::Normal(_))) {
        return Err(SessionError::Refused(format!("{}: no such place", folder.display())));
    }
    let place = names.iter().rev().fold(real, |path, name| path.join(name));
    if place.starts_with(source) {
        return Err(SessionError::Refused(format!("{} lies in the app itself: choose another folder", folder.display())));
    }
    match system.entry(&place) {
        Ok(kind) if kind != EntryKind::Directory => Err(SessionError::Refused(format!("{} is not a folder", folder.display()))),
        _ => Ok(place),
    }
}

fn make_folders(system: &dyn System, folder: &Path) -> Result<(), SessionError> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| system.entry(folder).is_err()).collect();
    for at in missing.into_iter().rev() {
        let like = at.parent().unwrap_or(at);
        system.change(Change::MakeFolder { at, like }).map_err(SessionError::at(at))?;
    }
    Ok(())
}

fn steps(system: &dyn System, order: &Order<'_>, source: &Path, journal: &Journal) -> Result<Vec<Step>, SessionError> {
    let step = |kind, text: String| Step { kind, text, diff: String::new() };
    let name = journal.name.to_string_lossy();
    let plan = order.plan;
    let mut steps = vec![step(StepKind::Copy, format!("Copy {name}; the steps work on the copy"))];
    let mut files: Vec<&PathBuf> = plan.info_plist.iter().map(|(file, ..)| file).collect();
    files.dedup();
    for file in files {
        steps.push(info_step(system, order, source, file)?);
    }
    for edit in &plan.edits {
        steps.push(write_step(edit)?);
    }
    for sign in &plan.sign {
        let text = format!("Sign {}: {}", sign.exact.last().map(|object| object.to_string_lossy()).unwrap_or_default(), sign.why);
        steps.push(step(StepKind::Sign(Box::new(sign.clone())), text));
    }
    if steps.len() == 1 {
        return Err(SessionError::Refused("nothing in this remedy can be done for you: it is done by hand".into()));
    }
    let place = match order.destination {
        Destination::Copy(_) => format!("Put the copy to {}", journal.app().display()),
        Destination::InPlace => {
            format!("Let the copy take the place of {}; the app as it was is kept for 'temper undo'", journal.app().display())
        }
    };
    steps.push(step(StepKind::Place, place));
    Ok(steps)
}

fn info_step(system: &dyn System, order: &Order<'_>, source: &Path, file: &Path) -> Result<Step, SessionError> {
    let own = |key: &String| order.usage.iter().find(|(wanted, _)| wanted == key).map(|(_, text)| text.clone());
    let here = order.plan.info_plist.iter().filter(|(path, ..)| path == file);
    let strings: Vec<(String, String)> = here.map(|(_, key, text)| (key.clone(), own(key).unwrap_or_else(|| text.clone()))).collect();
    let path = source.join(file);
    let before = system.read_small(&path, MAX_INFO).map_err(SessionError::at(&path))?;
    let after = info::set_strings(&before, &strings).map_err(|source| SessionError::Edit { path: file.to_path_buf(), source })?;
    let diff = match (std::str::from_utf8(&before), std::str::from_utf8(&after)) {
        (Ok(before), Ok(after)) => unified_diff(before, after, &file.to_string_lossy()),
        _ => String::new(),
    };
    let keys: Vec<&str> = strings.iter().map(|(key, _)| key.as_str()).collect();
    let text = format!("Set {} in {}", keys.join(", "), file.display());
    Ok(Step { kind: StepKind::Info(file.to_path_buf(), strings), text, diff })
}

fn write_step(edit: &FileEdit) -> Result<Step, SessionError> {
    let inside = edit.file.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || edit.file.to_str().is_none() {
        // The commands run beside the copy, so a file of the project elsewhere would not be found.
        return Err(SessionError::Refused(format!(
            "{}: give the entitlements file by its name in the current folder",
            edit.file.display()
        )));
    }
    let text = format!("Write {} for {} ({})", edit.file.display(), edit.executable.display(), edit.from);
    let text = std::iter::once(text).chain(edit.warnings.iter().cloned()).collect::<Vec<_>>().join(". ");
    Ok(Step { kind: StepKind::Write(edit.file.clone(), edit.after.clone()), text, diff: edit.diff.clone() })
}

/// The program that signs, looked for in `PATH`: the one asked for, or the first of both that is there. An error says what to get.
pub fn signer_on_path(system: &dyn System, wanted: Option<Signer>) -> Result<Signer, SessionError> {
    let there = |signer: Signer| system.on_path(signer.program()).is_some();
    let get = |signer| match signer {
        Signer::Codesign => "codesign comes with macOS (xcode-select --install); on another system sign with rcodesign",
        Signer::Rcodesign => "get it with 'cargo install apple-codesign'",
    };
    match wanted {
        Some(signer) if there(signer) => Ok(signer),
        Some(signer) => Err(SessionError::Refused(format!("{} is not in PATH: {}", signer.program(), get(signer)))),
        None => [Signer::Codesign, Signer::Rcodesign].into_iter().find(|signer| there(*signer)).ok_or_else(|| {
            SessionError::Refused(
                "there is no program that signs: codesign comes with macOS; elsewhere get rcodesign ('cargo install apple-codesign') and a .p12 \
                 file (--p12), or sign ad hoc for an experiment (--ad-hoc)"
                    .into(),
            )
        }),
    }
}
