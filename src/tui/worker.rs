//! Jobs: one thread each, one channel back. A job's panic is caught and becomes [`Msg::Failed`].

mod fix;

use super::lines::LineReader;
use super::state::{Effect, JobId, Msg, Needle, PlanOrder, SourceId, Stroke, TextOrigin};
use crate::evidence::TextFacts;
use crate::fix::plan::Plan;
use crate::fix::sign::Signing;
use crate::lab::Lab;
use crate::run::{Lines, Prepared};
use crate::scan::{Progress, Request};
use crate::system::launch::Control;
use crate::system::{EntryKind, Secret, System};
use crate::watch::Watcher;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// An entitlements file larger than this is none.
const LARGEST_ENTITLEMENTS: usize = 1 << 20;
/// Entries of a folder that are kept.
const MOST_ENTRIES: usize = 5_000;

/// Starts jobs.
pub struct Worker {
    system: Arc<dyn System>,
    labs: &'static [Lab],
    out: Sender<Msg>,
    cancels: HashMap<JobId, Arc<AtomicBool>>,
    watching: Option<(JobId, Arc<AtomicBool>)>,
    started: Option<(JobId, Arc<Control>)>,
    fixing: Option<(JobId, Arc<AtomicBool>)>,
    fetching: Option<(JobId, Arc<AtomicBool>, JoinHandle<()>)>,
    fixed: Arc<fix::Last>,
    /// What was typed of a password, until the fix that needs it takes it.
    password: Secret,
    texts: Sender<TextJob>,
}

enum TextJob {
    Lines(JobId, TextOrigin, Range<u64>),
    Find(JobId, TextOrigin, Needle),
}

impl Worker {
    /// A worker that answers on `out`.
    pub fn new(system: Arc<dyn System>, labs: &'static [Lab], out: Sender<Msg>) -> Self {
        let (texts, jobs) = mpsc::channel();
        let (reader_system, reader_out) = (Arc::clone(&system), out.clone());
        // One thread for texts: it keeps the line index of the last text.
        std::thread::spawn(move || read_texts(&*reader_system, &jobs, &reader_out));
        Self {
            system,
            labs,
            out,
            cancels: HashMap::new(),
            watching: None,
            started: None,
            fixing: None,
            fetching: None,
            fixed: Arc::default(),
            password: Secret::default(),
            texts,
        }
    }

    /// Starts the job of an effect. Effects that are no jobs are the caller's.
    pub fn start(&mut self, effect: Effect) {
        match effect {
            Effect::Examine(job, request) => {
                let cancel = self.cancel_flag(job);
                self.spawn(job, move |system, out| examine(system, job, &request, &cancel, out));
            }
            Effect::OpenLab(job, lab) => {
                let cancel = self.cancel_flag(job);
                let labs = self.labs;
                self.spawn(job, move |system, out| open_lab(system, job, labs, lab, &cancel, out));
            }
            Effect::Plan(job, order) => {
                self.spawn(job, move |system, _| Ok(Msg::Planned(job, Box::new(plan(system, &order, &Signing::default())?))))
            }
            Effect::Try(job, before, change) => {
                self.spawn(job, move |_, _| {
                    let (after, outcome) = crate::whatif::try_out(&before.evidence, &before.report, &change);
                    Ok(Msg::Tried(job, Box::new(after), Box::new(outcome)))
                });
            }
            Effect::Apply(job, root, edit) => self.spawn(job, move |system, _| {
                crate::fix::apply::write(system, &root, &edit).map_err(|error| error.to_string())?;
                Ok(Msg::Written(job))
            }),
            Effect::TakeBack(job, root, edit) => self.spawn(job, move |system, _| {
                crate::fix::apply::take_back(system, &root, &edit).map_err(|error| error.to_string())?;
                Ok(Msg::Written(job))
            }),
            Effect::FindTools(job) => self.spawn(job, move |system, _| Ok(Msg::ToolsFound(job, fix::tools(system)))),
            Effect::ListIdentities(job) => self.spawn(job, move |system, _| Ok(Msg::Identities(job, fix::identities(system)?))),
            Effect::Password(Stroke::Add(more)) => self.password.push(&more),
            Effect::Password(Stroke::Erase) => self.password.pop(),
            Effect::Password(Stroke::Wipe) => self.password = Secret::default(),
            Effect::PrepareFix(job, order) => {
                self.spawn(job, move |system, _| Ok(Msg::FixOffered(job, Box::new(fix::offer(system, &order)?))));
            }
            Effect::Fix(job, order, offer) => {
                let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.fixed));
                self.fixing = Some((job, Arc::clone(&stop)));
                let confirmed = fix::Confirmed { order: *order, shown: *offer, password: std::mem::take(&mut self.password) };
                self.spawn(job, move |system, out| fix::run(system, job, confirmed, &stop, &last, out));
            }
            Effect::UndoFix(job, done, app) => {
                let last = Arc::clone(&self.fixed);
                self.spawn(job, move |system, _| fix::undo(system, job, done, &app, &last));
            }
            Effect::SaveProof(job, proof, path) => self.spawn(job, move |system, _| fix::save(system, job, &proof, &path)),
            Effect::SaveCase(job, examination, path) => self.spawn(job, move |system, _| {
                examination.save_case(system, &path)?;
                Ok(Msg::Written(job))
            }),
            Effect::List(folder) => self.spawn(JobId(0), move |system, _| Ok(list(system, folder))),
            // A send fails only when the thread has ended, which it does only with this program.
            Effect::ReadLines(job, origin, range) => drop(self.texts.send(TextJob::Lines(job, origin, range))),
            Effect::Find(job, origin, needle) => drop(self.texts.send(TextJob::Find(job, origin, needle))),
            Effect::Prepare(job, order) => self.spawn(job, move |system, _| {
                let prepared = crate::run::prepare(system, &order).map_err(|error| error.to_string())?;
                Ok(Msg::Prepared(job, Box::new(prepared)))
            }),
            Effect::Run(job, prepared) => {
                let control = Arc::new(Control::default());
                self.started = Some((job, Arc::clone(&control)));
                self.spawn(job, move |system, out| run(system, job, &prepared, &control, out));
            }
            Effect::FetchLog(job, argv) => {
                let flag = Arc::new(AtomicBool::new(false));
                let stop = Arc::clone(&flag);
                let thread = self.thread(job, move |system, out| fetch(system, job, &argv, &stop, out));
                self.fetching = Some((job, flag, thread));
            }
            Effect::FindReports(job, examination) => self.spawn(job, move |system, _| {
                let folders = crate::collect::report_folders(system);
                let found = crate::scan::find_reports(system, &examination.evidence, &folders, &AtomicBool::new(false));
                Ok(Msg::ReportsFound(job, found))
            }),
            Effect::Interrupt(job) => {
                if let Some((_, control)) = self.started.as_ref().filter(|(started, _)| *started == job) {
                    control.interrupt();
                }
            }
            Effect::Watch(job, files) => {
                let flag = Arc::new(AtomicBool::new(false));
                self.watching = Some((job, Arc::clone(&flag)));
                self.spawn(job, move |system, out| watch(system, job, files, &flag, out));
            }
            Effect::Cancel(job) => {
                if let Some((_, stop)) = self.fixing.take_if(|(fixing, _)| *fixing == job) {
                    stop.store(true, Ordering::Relaxed);
                }
                if let Some((_, flag, _)) = self.fetching.as_ref().filter(|(fetching, ..)| *fetching == job) {
                    flag.store(true, Ordering::Relaxed);
                }
                if let Some((_, flag)) = self.watching.take_if(|(watching, _)| *watching == job) {
                    flag.store(true, Ordering::Relaxed);
                }
                if let Some(cancel) = self.cancels.remove(&job) {
                    cancel.store(true, Ordering::Relaxed);
                }
            }
            Effect::Copy(_) | Effect::Suspend | Effect::Redraw | Effect::Quit => {}
        }
    }

    fn cancel_flag(&mut self, job: JobId) -> Arc<AtomicBool> {
        // Only one examination runs at a time: flags of those that ended are of no use.
        self.cancels.clear();
        let flag = Arc::new(AtomicBool::new(false));
        self.cancels.insert(job, Arc::clone(&flag));
        flag
    }

    /// Before Temper ends: a program that was started to fetch something does not outlive it.
    pub fn end(&mut self) {
        if let Some((_, flag, thread)) = self.fetching.take() {
            flag.store(true, Ordering::Relaxed);
            // A panic of the job was told.
            drop(thread.join());
        }
    }

    fn spawn(&self, job: JobId, work: impl FnOnce(&dyn System, &Sender<Msg>) -> Result<Msg, String> + Send + 'static) {
        drop(self.thread(job, work));
    }

    fn thread(&self, job: JobId, work: impl FnOnce(&dyn System, &Sender<Msg>) -> Result<Msg, String> + Send + 'static) -> JoinHandle<()> {
        let (system, out) = (Arc::clone(&self.system), self.out.clone());
        std::thread::spawn(move || {
            let result = caught(|| {
                panic_if_asked(&*system);
                work(&*system, &out)
            });
            // Nobody listens only while the program ends.
            drop(out.send(result.unwrap_or_else(|why| Msg::Failed(job, why))));
        })
    }
}

/// For tests of the whole program, in debug builds only: a job that panics.
fn panic_if_asked(system: &dyn System) {
    if cfg!(debug_assertions) && system.variable("TEMPER_TEST_PANIC").as_deref() == Some("worker") {
        panic!("TEMPER_TEST_PANIC is set");
    }
}

/// Runs a job; a panic becomes an error with its text.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("Temper itself failed here, please report it: {}", text.unwrap_or_else(|| "no text".into())))
    })
}

fn examine(system: &dyn System, job: JobId, request: &Request, cancel: &AtomicBool, out: &Sender<Msg>) -> Result<Msg, String> {
    let teller = Teller { job, out: Mutex::new(out.clone()), told: AtomicU64::new(u64::MAX) };
    let examination = crate::examine(system, request, &|progress| teller.tell(progress), cancel).map_err(|error| error.to_string())?;
    Ok(Msg::Examined(job, Arc::new(examination)))
}

/// Passes progress on, at most once for each file and each 8 MiB.
struct Teller {
    job: JobId,
    out: Mutex<Sender<Msg>>,
    told: AtomicU64,
}

impl Teller {
    fn tell(&self, progress: &Progress) {
        let step = (progress.images_done as u64) << 32 | (progress.files as u64 / 256) << 16 | (progress.bytes >> 23 & 0xffff);
        if self.told.swap(step, Ordering::Relaxed) == step {
            return;
        }
        if let Ok(out) = self.out.lock() {
            drop(out.send(Msg::Progress(self.job, progress.clone())));
        }
    }
}

/// Lines of a program that are shown as they come; of what follows, the last [`LAST`] are shown at its end.
const FIRST: usize = 5_000;
const LAST: usize = 200;

/// Starts the app and passes on what it writes, in lines. A flood is not: it would fill the channel.
fn run(system: &dyn System, job: JobId, prepared: &Prepared, control: &Control, out: &Sender<Msg>) -> Result<Msg, String> {
    let (mut lines, mut sent, mut held) = (Lines::default(), 0, VecDeque::new());
    let ran = crate::run::run(system, prepared, control, &mut |bytes| {
        let new = lines.push(bytes);
        sent += new.len();
        if sent <= FIRST {
            let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
            return if new.is_empty() { Ok(()) } else { out.send(Msg::Said(job, new)).map_err(gone) };
        }
        held.extend(new);
        let excess = held.len().saturating_sub(LAST);
        held.drain(..excess);
        Ok(())
    })
    .map_err(|error| format!("{}: {error}", prepared.launch.program.display()))?;
    drop(out.send(Msg::Said(job, held.into_iter().chain(lines.rest()).collect())));
    Ok(Msg::Ran(job, Box::new(ran)))
}

/// Bytes of a log after which its growth is told again.
const LOG_STEP: u64 = 256 << 10;

/// Fetches the log with exactly this command.
fn fetch(system: &dyn System, job: JobId, argv: &[String], stop: &AtomicBool, out: &Sender<Msg>) -> Result<Msg, String> {
    let mut told = 0;
    let fetched = crate::collect::fetch(system, argv, stop, &mut |bytes| {
        if bytes / LOG_STEP > told / LOG_STEP {
            told = bytes;
            // Nobody listens only while the program ends.
            drop(out.send(Msg::LogGrows(job, bytes)));
        }
    })?;
    Ok(Msg::LogFetched(job, Box::new(fetched)))
}

/// Looks for changes until it is stopped, or nobody listens.
fn watch(system: &dyn System, job: JobId, files: Vec<PathBuf>, stop: &AtomicBool, out: &Sender<Msg>) -> Result<Msg, String> {
    let root = files.first().cloned().unwrap_or_default();
    let mut watcher = Watcher::new(system, files);
    loop {
        system.pause(watcher.wait());
        if stop.load(Ordering::Relaxed) {
            return Err("stopped".into());
        }
        if let Some(changed) = watcher.look(system)
            && out.send(Msg::Changed(job, changed.words(&root))).is_err()
        {
            return Err("nobody listens".into());
        }
    }
}

fn open_lab(system: &dyn System, job: JobId, labs: &[Lab], lab: usize, cancel: &AtomicBool, out: &Sender<Msg>) -> Result<Msg, String> {
    let lab = labs.get(lab).ok_or("there is no such practice app")?;
    let folder = crate::lab::folder(system);
    let request = crate::lab::unpack(system, lab, &folder)
        .map_err(|error| format!("the practice app cannot be unpacked into {}: {error}", folder.display()))?;
    drop(out.send(Msg::Unpacked(job, Box::new(request.clone()))));
    examine(system, job, &request, cancel, out)
}

/// The plan of a remedy, made from the entitlements files the user has: those named with `f`, those given as evidence, and one of the usual name.
fn plan(system: &dyn System, order: &PlanOrder, signing: &Signing) -> Result<Plan, String> {
    let report = &order.examination.report;
    let diagnosis = report.diagnoses.get(order.diagnosis).ok_or("the diagnosis is gone")?;
    let remedy = diagnosis.remedies.get(order.remedy).ok_or("the remedy is gone")?;
    let make = |existing: &[(PathBuf, PathBuf, String)]| {
        crate::fix::plan::plan_signed(&order.examination.evidence, diagnosis, remedy, existing, signing).map_err(|error| error.to_string())
    };
    let mut existing = given_entitlements(system, order, remedy.on.as_deref().unwrap_or(&diagnosis.subject));
    let first = make(&existing)?;
    for edit in &first.edits {
        let chosen = order.files.iter().find(|(executable, _)| *executable == edit.executable).map(|(_, file)| file);
        let file = chosen.unwrap_or(&edit.file);
        let is_given = existing.iter().any(|(executable, known, _)| *executable == edit.executable && known == file);
        if is_given {
            continue;
        }
        if let Some(text) = read_text(system, file)? {
            existing.retain(|(executable, ..)| *executable != edit.executable);
            existing.push((edit.executable.clone(), file.clone(), text));
        }
    }
    let mut plan = make(&existing)?;
    for (executable, file) in &order.files {
        rename(&mut plan, executable, file);
    }
    Ok(plan)
}

/// A file that is not there yet: the plan writes it under the name the user chose, and the commands use it.
fn rename(plan: &mut Plan, executable: &Path, file: &Path) {
    let Some(edit) = plan.edits.iter_mut().find(|edit| edit.executable == executable && edit.file != file) else { return };
    let old = std::mem::replace(&mut edit.file, file.to_owned());
    let (old_text, new_text) = (old.to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
    edit.diff = edit.diff.replace(&old_text, &new_text);
    for step in plan.sign.iter_mut().filter(|step| step.entitlements.as_deref() == Some(&old)) {
        step.entitlements = Some(file.to_owned());
        for argument in step.argv.iter_mut().filter(|argument| **argument == old_text) {
            argument.clone_from(&new_text);
        }
        for argument in step.exact.iter_mut().filter(|argument| argument.as_os_str() == old.as_os_str()) {
            *argument = file.as_os_str().to_owned();
        }
    }
}

/// The text of a file; `None` when there is none.
fn read_text(system: &dyn System, file: &Path) -> Result<Option<String>, String> {
    match system.read_small(file, LARGEST_ENTITLEMENTS) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| format!("{}: not text, so it cannot be edited as an entitlements file", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Entitlements files given as evidence. One named like an executable is that one's; any other is the remedy's.
fn given_entitlements(system: &dyn System, order: &PlanOrder, on: &str) -> Vec<(PathBuf, PathBuf, String)> {
    let evidence = &order.examination.evidence;
    let texts = evidence.texts.iter().filter(|text| matches!(text.facts, TextFacts::Entitlements(_)));
    let with_paths = texts.filter_map(|text| {
        let path = text.path.clone()?;
        let content = read_text(system, &path).ok().flatten()?;
        let named = evidence.executables().find(|image| image.path.file_stem().is_some() && image.path.file_stem() == path.file_stem());
        let executable = named.map_or_else(|| PathBuf::from(on), |image| image.path.clone());
        Some((executable, path, content))
    });
    with_paths.collect()
}

fn list(system: &dyn System, folder: PathBuf) -> Msg {
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let entries = system.list(&folder).unwrap_or_default();
    let shown = entries.into_iter().filter(|entry| entry.kind != EntryKind::Special && !is_hidden(&entry.path));
    let shown = shown.take(MOST_ENTRIES).map(|entry| (entry.path, entry.kind)).collect();
    Msg::Listed(folder, shown)
}

/// The thread for texts: the newest read of many waiting ones is the only one still wanted, but each answers for itself and is quick.
fn read_texts(system: &dyn System, jobs: &mpsc::Receiver<TextJob>, out: &Sender<Msg>) {
    let mut reader: Option<((usize, SourceId), LineReader)> = None;
    while let Ok(job) = jobs.recv() {
        let (id, origin) = match &job {
            TextJob::Lines(id, origin, _) | TextJob::Find(id, origin, _) => (*id, origin.clone()),
        };
        let key = (Arc::as_ptr(&origin.examination) as usize, origin.source);
        let result = caught(|| {
            if reader.as_ref().is_none_or(|(known, _)| *known != key) {
                reader = Some((key, open_text(system, &origin)?));
            }
            let reader = &mut reader.as_mut().ok_or("the text is gone")?.1;
            match &job {
                TextJob::Lines(_, _, range) => {
                    let lines = reader.lines(range.clone()).map_err(|error| error.to_string())?;
                    Ok(Msg::Lines(id, origin.source, range.start, lines, reader.total()))
                }
                TextJob::Find(_, _, needle) => {
                    let found = reader.find(&needle.text, needle.from, needle.backwards).map_err(|error| error.to_string())?;
                    Ok(Msg::Found(id, origin.source, found))
                }
            }
        });
        if out.send(result.unwrap_or_else(|why| Msg::Failed(id, why))).is_err() {
            return;
        }
    }
}

fn open_text(system: &dyn System, origin: &TextOrigin) -> Result<LineReader, String> {
    let text = origin.examination.evidence.texts.get(origin.source.0).ok_or("there is no such text")?;
    if let Some(path) = &text.path {
        // A link in the last place is not followed by `open`, so it is resolved first: the user named this file.
        let path = system.canonical(path).unwrap_or_else(|_| path.clone());
        let file = system.open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        return LineReader::file(file).map_err(|error| error.to_string());
    }
    let pasted = origin.request.pasted.iter().find(|(name, _)| *name == text.source);
    let (_, bytes) = pasted
        .ok_or("its text is not kept: it was read from standard input, or stands in a case file, which holds only what was understood")?;
    LineReader::memory(bytes.clone()).map_err(|error| error.to_string())
}
