//! All the terminal face knows, what can happen to it, and what it can ask for. Screens are an enum with data, so that no flag can contradict another.

mod collect;
mod fixing;
mod place;
mod walk;
mod who;

use super::theme::Theme;
use crate::Examination;
use crate::collect::Fetched;
use crate::fix::apply;
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::prove::Proof;
use crate::lab::Lab;
use crate::read::identity::Identity;
use crate::report::Report;
use crate::run::{Order, Prepared, Ran};
use crate::scan::{FoundReport, Progress, Request};
use crate::scenario::{Interview, Scenario};
use crate::system::EntryKind;
use crossterm::event::{KeyEvent, MouseEvent};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tui_input::Input;

pub use collect::{CollectPage, CollectStage};
pub use fixing::{FixOffer, FixOrder, FixPage, FixRun, FixStage, Fixed, Since, Stopped};
pub use walk::{Mend, Outcome, Paste, Planning, Stage};
pub use who::{Keychain, Masked, SignRow, SignWith, Stroke, Tools, WhoPage};

/// Number of a job. An answer whose number is not awaited any more changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Index of an evidence text in `Evidence::texts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);

/// Words that do not change while Temper runs.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// Documented issues.
    pub scenarios: &'static [Scenario],
    /// Questions.
    pub interview: &'static Interview,
    /// Practice apps.
    pub labs: &'static [Lab],
}

/// Everything the face knows.
#[derive(Debug, Clone)]
pub struct State {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Colours.
    pub theme: Theme,
    /// Words.
    pub library: Library,
    /// The user's home folder, for `~`.
    pub home: Option<PathBuf>,
    /// What is (being) examined.
    pub request: Option<Arc<Request>>,
    /// The practice app that is examined; index into the library.
    pub lab: Option<usize>,
    /// The examination that runs.
    pub running: Option<Running>,
    /// The last finished examination.
    pub examination: Option<Arc<Examination>>,
    /// The one before a second check of the same target, for "was / is".
    pub before: Option<Arc<Examination>>,
    /// Screens, the one on top last. Never empty: [`Screen::Start`] is always the first.
    pub stack: Vec<Screen>,
    /// The job that watches the target for changes.
    pub watch: Option<JobId>,
    /// The program `log` of this machine; only a Mac has one.
    pub log: Option<PathBuf>,
    /// Crash reports of the examined app on this machine, newest first. Offered, not read.
    pub reports: Vec<FoundReport>,
    /// The job that looks for them.
    pub looking: Option<JobId>,
    /// The last run that was confirmed.
    pub ran: Option<Order>,
    /// Fixes that were done and not taken back, the last one last.
    pub fixes: Vec<Fixed>,
    /// Temper leaves as soon as the fix in hand is taken back.
    pub leaving: bool,
    /// What changed on the disk, while it is examined again for that.
    pub changed: Option<String>,
    /// Something said once on the lower frame line.
    pub notice: Option<String>,
    /// Lines of evidence texts read so far: one window a text.
    pub windows: Vec<Window>,
    /// Next job number.
    pub next_job: u64,
}

/// An examination that runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its number.
    pub job: JobId,
    /// What it examines: name for people.
    pub name: String,
    /// It repeats the last examination.
    pub again: bool,
    /// The practice app it opens.
    pub lab: Option<usize>,
    /// The request; `None` until a practice app is unpacked.
    pub request: Option<Arc<Request>>,
    /// How far it is.
    pub progress: Progress,
}

/// Where one is on a page: the selected item and the first row shown of each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Index of the selected item among the page's targets.
    pub cursor: usize,
    /// First row shown of the main column.
    pub scroll: usize,
    /// First row shown of the second column.
    pub aside: usize,
}

/// A screen.
#[derive(Debug, Clone)]
pub enum Screen {
    /// Where to begin.
    Start {
        /// Place.
        place: Place,
    },
    /// An examination runs.
    Progress {
        /// Place.
        place: Place,
    },
    /// Nothing could be examined.
    Failure {
        /// What was tried.
        what: String,
        /// Why it failed.
        why: String,
        /// Place.
        place: Place,
    },
    /// The answer: one diagnosis, or why there is none.
    Answer {
        /// Index of the diagnosis.
        diagnosis: usize,
        /// Place.
        place: Place,
    },
    /// What to tell the one who can mend it.
    Tell {
        /// Index of the diagnosis.
        diagnosis: usize,
        /// Place.
        place: Place,
    },
    /// The walk through a remedy.
    Mend(Box<Mend>),
    /// The fix is done, after a yes.
    Fix(Box<FixPage>),
    /// Who signs it.
    Who(Box<WhoPage>),
    /// Asks for the password of a PKCS #12 file.
    Password(Masked),
    /// What the last fix has done, and the way back.
    Proof {
        /// Waits for a yes to take it back.
        asks: bool,
        /// Place.
        place: Place,
    },
    /// The app is started, after a yes.
    Run(Box<RunPage>),
    /// The log is fetched, after a yes.
    Collect(Box<CollectPage>),
    /// The tree of all code.
    Code(Tree),
    /// One file of code.
    Object {
        /// Relative path.
        path: String,
        /// Place.
        place: Place,
    },
    /// An evidence text.
    Text(TextView),
    /// All diagnoses, findings, gaps.
    List {
        /// Place.
        place: Place,
    },
    /// One finding.
    Finding {
        /// Index of the finding.
        finding: usize,
        /// Place.
        place: Place,
    },
    /// A question.
    Interview {
        /// Id of the question.
        question: String,
        /// Place.
        place: Place,
    },
    /// What words mean: the page of one, a choice of several, or what can be explained when there is none.
    Explain {
        /// Words, each with a page.
        words: Vec<String>,
        /// The diagnosis it was opened from.
        diagnosis: Option<usize>,
        /// Place.
        place: Place,
    },
    /// Keys switched on facts.
    WhatIf(Box<TryOut>),
    /// Keys and signs.
    Help {
        /// The screen it was opened on.
        of: super::keymap::Context,
        /// Place.
        place: Place,
    },
    /// Asks for a path.
    Open(Box<Open>),
    /// Before the case or a proof is saved.
    Save(Box<Save>),
}

/// Keys that are tried.
#[derive(Debug, Clone)]
pub struct TryOut {
    /// The app as it is.
    pub before: Arc<Examination>,
    /// What the model said of it as it would be, when it last decided; `None`: nothing was decided yet, it is as it is.
    pub after: Option<Box<Report>>,
    /// What the change brings, as of `after`.
    pub outcome: crate::whatif::Outcome,
    /// Index among `whatif::executables`.
    pub executable: usize,
    /// What is switched, on all executables.
    pub change: crate::diagnose::Change,
    /// The decision that is awaited.
    pub asked: Option<JobId>,
    /// Place.
    pub place: Place,
}

impl TryOut {
    /// The report on the app as it would be.
    pub fn after(&self) -> &Report {
        self.after.as_deref().unwrap_or(&self.before.report)
    }

    /// Path of the executable.
    pub fn executable(&self) -> Option<String> {
        crate::whatif::executables(&self.before.report).into_iter().nth(self.executable)
    }
}

/// A run of the app.
#[derive(Debug, Clone)]
pub struct RunPage {
    /// What is to be run.
    pub order: Order,
    /// How far it is.
    pub stage: RunStage,
    /// The last lines that it wrote, as they came.
    pub output: Vec<String>,
    /// The line of arguments is open.
    pub prompt: Option<Prompt>,
    /// Place.
    pub place: Place,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub enum RunStage {
    /// What would be started is looked for.
    Preparing(JobId),
    /// It is shown; waits for a yes.
    Asking(Box<Prepared>),
    /// Confirmed; it runs.
    Running(JobId),
    /// It could not be started; why.
    Failed(String),
}

/// The tree of code.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Folded folders, by relative path.
    pub folded: BTreeSet<String>,
    /// Only paths, signers or keys that contain this.
    pub filter: String,
    /// Only code with problems.
    pub only_problems: bool,
    /// Entitlement keys are listed below each object.
    pub show_keys: bool,
    /// What is searched for.
    pub find: String,
    /// A line of input is open.
    pub prompt: Option<Prompt>,
    /// Place.
    pub place: Place,
}

/// A line of input at the foot of a screen.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What is asked.
    pub kind: PromptKind,
    /// The line.
    pub input: Input,
}

/// What a line of input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// Find.
    Find,
    /// Show only what matches.
    Filter,
    /// Arguments of the program to start.
    Arguments,
}

/// An evidence text on the screen.
#[derive(Debug, Clone, Default)]
pub struct TextView {
    /// Which text.
    pub source: usize,
    /// The selected line, from 0.
    pub line: u64,
    /// The first line shown, from 0.
    pub top: u64,
    /// What is searched for.
    pub find: String,
    /// A search that runs.
    pub finding: Option<JobId>,
    /// A line of input is open.
    pub prompt: Option<Prompt>,
}

/// Lines of one text that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// The read that is awaited, and for which lines.
    pub asked: Option<(JobId, Range<u64>)>,
    /// Lines of the whole text; `None` until the first read.
    pub total: Option<u64>,
    /// Number of the first line in `lines`, from 0.
    pub first: u64,
    /// Lines.
    pub lines: Vec<String>,
    /// Why it cannot be read.
    pub fault: Option<String>,
}

/// Saving the case or a proof.
#[derive(Debug, Clone)]
pub struct Save {
    /// The proof to save; `None`: the case.
    pub proof: Option<Box<Proof>>,
    /// File to write.
    pub path: PathBuf,
    /// Asked, under way or refused.
    pub outcome: Outcome,
    /// Place.
    pub place: Place,
}

/// The path prompt.
#[derive(Debug, Clone)]
pub struct Open {
    /// What the path is for.
    pub purpose: Purpose,
    /// The line.
    pub input: Input,
    /// The folder that was asked for last and what is in it (names that are not hidden).
    pub listing: Option<(PathBuf, Vec<(PathBuf, EntryKind)>)>,
    /// Place; the first target is the line itself.
    pub place: Place,
}

/// What a path is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Examine it.
    Examine,
    /// Write this edit of the walk there; index of the edit.
    WriteTo(usize),
    /// Save the case to it.
    SaveCase,
    /// Save the proof on the screen below to it.
    SaveProof,
    /// Sign with this PKCS #12 file.
    SignWith,
}

/// What happened.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// A practice app was unpacked; its examination goes on.
    Unpacked(JobId, Box<Request>),
    /// An examination goes on.
    Progress(JobId, Progress),
    /// An examination ended.
    Examined(JobId, Arc<Examination>),
    /// Lines of a text: the first line's number, the lines, the number of all lines.
    Lines(JobId, SourceId, u64, Vec<String>, u64),
    /// A search ended: the line it found, from 0.
    Found(JobId, SourceId, Option<u64>),
    /// A folder was listed.
    Listed(PathBuf, Vec<(PathBuf, EntryKind)>),
    /// The model has decided on switched keys.
    Tried(JobId, Box<Report>, Box<crate::whatif::Outcome>),
    /// A plan was made.
    Planned(JobId, Box<Plan>),
    /// A file was written.
    Written(JobId),
    /// What there is to sign with.
    ToolsFound(JobId, Tools),
    /// The identities of the keychain.
    Identities(JobId, Vec<Identity>),
    /// What a fix would do.
    FixOffered(JobId, Box<FixOffer>),
    /// A step of a fix goes on.
    FixProgress(JobId, apply::Progress),
    /// A step of a fix is done.
    FixStep(JobId, apply::Done),
    /// A step failed, or was stopped.
    FixStopped(JobId, Stopped),
    /// The fix is done and proved.
    Fixed(JobId, Box<Proof>),
    /// The fix was taken back.
    FixUndone(JobId),
    /// What a run would start.
    Prepared(JobId, Box<Prepared>),
    /// Lines that the app wrote.
    Said(JobId, Vec<String>),
    /// The run is over.
    Ran(JobId, Box<Ran>),
    /// The log that is fetched has so many bytes.
    LogGrows(JobId, u64),
    /// The log is there.
    LogFetched(JobId, Box<Fetched>),
    /// Crash reports of the app on this machine.
    ReportsFound(JobId, Vec<FoundReport>),
    /// The watched target changed and is quiet again; what changed.
    Changed(JobId, String),
    /// A job failed (or panicked); why.
    Failed(JobId, String),
    /// A signal came.
    Signal(Signal),
    /// The terminal gives no more input.
    InputEnded,
}

/// A signal that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Leave.
    Terminate,
    /// Stop until continued.
    Suspend,
}

/// What the face asks for.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Examine.
    Examine(JobId, Arc<Request>),
    /// Unpack a practice app and examine it; index into the library.
    OpenLab(JobId, usize),
    /// Read lines of a text.
    ReadLines(JobId, TextOrigin, Range<u64>),
    /// Find a text from a line on, forwards or backwards.
    Find(JobId, TextOrigin, Needle),
    /// List a folder.
    List(PathBuf),
    /// Decide anew with switched keys. Reads nothing.
    Try(JobId, Arc<Examination>, crate::diagnose::Change),
    /// Make a plan.
    Plan(JobId, PlanOrder),
    /// Write a file. Only ever after the user confirmed exactly this edit.
    Apply(JobId, PathBuf, Box<FileEdit>),
    /// Take back a file that was written. Only ever after the user confirmed it.
    TakeBack(JobId, PathBuf, Box<FileEdit>),
    /// Find what there is to sign with. Runs nothing.
    FindTools(JobId),
    /// Ask the keychain for its identities. Only ever after the user chose the row that shows the command.
    ListIdentities(JobId),
    /// A change of the password that is being typed. It is kept by the worker, and nowhere else.
    Password(Stroke),
    /// Find what a fix would do. Does nothing.
    PrepareFix(JobId, Box<FixOrder>),
    /// Do it. Only ever after the user confirmed exactly this.
    Fix(JobId, Box<FixOrder>, Box<FixOffer>),
    /// Take the fix of the second number back; the app it made. Only ever after a yes.
    UndoFix(JobId, JobId, PathBuf),
    /// Write the proof to a new file. Only after a yes.
    SaveProof(JobId, Box<Proof>, PathBuf),
    /// Find what a run would start. Starts nothing.
    Prepare(JobId, Box<Order>),
    /// Start it. Only ever after the user confirmed exactly this.
    Run(JobId, Box<Prepared>),
    /// Run this `log show`. Only ever after the user confirmed exactly this.
    FetchLog(JobId, Vec<String>),
    /// Look for crash reports of the app where macOS keeps them.
    FindReports(JobId, Arc<Examination>),
    /// Interrupt what runs; a second time kill it.
    Interrupt(JobId),
    /// Watch these until it is cancelled.
    Watch(JobId, Vec<PathBuf>),
    /// Write the case, names replaced, to a new file. Only after a yes.
    SaveCase(JobId, Arc<Examination>, PathBuf),
    /// Stop a job.
    Cancel(JobId),
    /// Put text into the clipboard.
    Copy(String),
    /// Stop until continued.
    Suspend,
    /// Paint everything anew.
    Redraw,
    /// Leave.
    Quit,
}

/// Where a text can be read again.
#[derive(Debug, Clone)]
pub struct TextOrigin {
    /// Which text.
    pub source: SourceId,
    /// The request: holds texts given in memory.
    pub request: Arc<Request>,
    /// The examination: holds paths.
    pub examination: Arc<Examination>,
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// What to find; small letters find both.
    pub text: String,
    /// From this line on, from 0, that line left out.
    pub from: u64,
    /// Towards the beginning.
    pub backwards: bool,
}

/// A plan to make.
#[derive(Debug, Clone)]
pub struct PlanOrder {
    /// Facts and report.
    pub examination: Arc<Examination>,
    /// The request: holds texts given in memory.
    pub request: Arc<Request>,
    /// Index of the diagnosis.
    pub diagnosis: usize,
    /// Index of the remedy.
    pub remedy: usize,
    /// Files the user chose instead of the usual ones: (executable, file).
    pub files: Vec<(PathBuf, PathBuf)>,
}

impl State {
    /// A state with the start screen.
    pub fn new(size: (u16, u16), theme: Theme, library: Library, home: Option<PathBuf>) -> Self {
        Self {
            size,
            theme,
            library,
            home,
            request: None,
            lab: None,
            running: None,
            examination: None,
            before: None,
            watch: None,
            log: None,
            reports: Vec::new(),
            looking: None,
            ran: None,
            fixes: Vec::new(),
            leaving: false,
            changed: None,
            stack: vec![Screen::Start { place: Place::default() }],
            notice: None,
            windows: Vec::new(),
            next_job: 1,
        }
    }

    /// The screen on top.
    pub fn screen(&self) -> &Screen {
        static BOTTOM: Screen = Screen::Start { place: Place { cursor: 0, scroll: 0, aside: 0 } };
        self.stack.last().unwrap_or(&BOTTOM)
    }

    /// The screen on top.
    pub fn screen_mut(&mut self) -> &mut Screen {
        if self.stack.is_empty() {
            self.stack.push(Screen::Start { place: Place::default() });
        }
        let last = self.stack.len() - 1;
        &mut self.stack[last]
    }

    /// A fresh job number.
    pub fn job(&mut self) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        job
    }

    /// The report.
    pub fn report(&self) -> Option<&Report> {
        self.examination.as_deref().map(|examination| &examination.report)
    }

    /// The scenario with that id.
    pub fn scenario(&self, id: &str) -> Option<&'static Scenario> {
        self.library.scenarios.iter().find(|scenario| scenario.id == id)
    }
}
