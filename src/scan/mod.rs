//! System + target → [`Evidence`]: each file streamed once, in parallel, with progress and cancel.
//!
//! Only regular files inside the target are opened. What cannot be read is a [`Gap`]; only a target or a text that cannot be examined at all is
//! an error. The result does not depend on the number of threads.

mod archive;
mod bundle;
mod detached;
mod digest;
mod file;
pub mod install_name;
mod queue;
mod reports;
mod script;
mod seal;
mod single;
mod stream;
pub mod strings;
mod target;
mod texts;
mod walk;

use crate::evidence::{Evidence, EvidenceText, Gap, Image, MAX_FILES, Script, Target, TargetKind};
use crate::read::cms::TrustAnchors;
use crate::read::macho::Arch;
use crate::system::{EntryKind, System};
use bundle::Found;
use digest::{Digests, Wanted};
use file::{Head, Scanned, Surroundings};
use queue::Spare;
pub use reports::{FoundReport, REPORTS, find as find_reports};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use target::Goal;
use thiserror::Error;
use walk::Seen;

/// Rounds in which files opened by name are added to a single Mach-O.
const MAX_ROUNDS: usize = 4;
/// Scripts that are read.
const MAX_SCRIPTS: usize = 500;
/// Bytes after which progress is told within a file.
const PROGRESS_STEP: u64 = 16 << 20;

/// What to examine.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// App, bundle, folder or Mach-O; `None` for evidence only.
    pub path: Option<PathBuf>,
    /// Evidence files in the order given, whichever option brought them; `-` is standard input. Of a folder the reports and logs in it.
    pub texts: Vec<PathBuf>,
    /// Folders in which reports of the app are looked for (`--reports-dir`).
    pub reports: Vec<PathBuf>,
    /// Evidence given in memory: (name, bytes): a paste, standard input already read, a practice app's report.
    pub pasted: Vec<(String, Vec<u8>)>,
    /// Extra roots.
    pub anchors: TrustAnchors,
    /// `--os`.
    pub os: Option<(u16, u16)>,
    /// `--arch`.
    pub arch: Option<Arch>,
    /// `--at`: seconds since 1970 UTC instead of the clock.
    pub at: Option<i64>,
    /// `--project`: the folder of the app's project.
    pub project: Option<PathBuf>,
    /// Signatures and seals only: calls, bindings and strings are not looked for, which is most of the work.
    pub signatures_only: bool,
}

/// Progress of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files found so far.
    pub files: usize,
    /// Mach-O files read of `images_total`.
    pub images_done: usize,
    /// Mach-O files known so far.
    pub images_total: usize,
    /// Bytes read.
    pub bytes: u64,
    /// What is being read now, relative.
    pub current: String,
}

/// Why nothing could be examined.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The path is not there or may not be read.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// Path.
        path: PathBuf,
        /// What the system said. Not called `source`: the message says it already, and a chain of errors would say it twice.
        error: std::io::Error,
    },
    /// The path is something Temper does not open; the message names the command that does.
    #[error("{path}: {why}", path = .path.display())]
    Refused {
        /// Path.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// Cancelled by the user.
    #[error("cancelled")]
    Cancelled,
}

impl ScanError {
    /// A path that cannot be read, with what to do about it.
    fn io(path: &Path, error: std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::NotFound => "check the spelling",
            std::io::ErrorKind::PermissionDenied => {
                "get read access, or copy it to a folder of your own (on macOS the terminal may need Full Disk Access)"
            }
            _ => "copy it to another place and try again",
        };
        let error = std::io::Error::new(error.kind(), format!("{error}: {advice}"));
        ScanError::Io { path: path.to_path_buf(), error }
    }

    fn refused(path: &Path, why: &str) -> Self {
        ScanError::Refused { path: path.to_path_buf(), why: why.to_owned() }
    }
}

/// The file that is started for a path: the main executable of an app, a Mach-O, a script; named by the path as it was given. Reads nothing but Info.plist.
pub fn program(system: &dyn System, path: &Path) -> Result<PathBuf, ScanError> {
    target::program(system, path)
}

/// Whether a path is a bundle or a Mach-O itself, which no evidence is. False for a folder that holds one, and for what cannot be read.
pub fn is_code(system: &dyn System, path: &Path) -> bool {
    let is_file = || system.canonical(path).and_then(|real| system.entry(&real)).is_ok_and(|kind| matches!(kind, EntryKind::File(_)));
    match target::recognise(system, path) {
        Ok(Goal::Folder { kind, path: named, .. }) => kind != TargetKind::Folder && (named == path || is_file()),
        Ok(Goal::MachO(_)) => true,
        Ok(Goal::Script(_) | Goal::Evidence | Goal::Case(_)) | Err(_) => false,
    }
}

/// Counts what was done and tells it. Shared by all threads.
struct Meter<'a> {
    tell: &'a (dyn Fn(&Progress) + Sync),
    state: Mutex<Progress>,
    bytes: AtomicU64,
}

impl<'a> Meter<'a> {
    fn new(tell: &'a (dyn Fn(&Progress) + Sync)) -> Self {
        Self { tell, state: Mutex::default(), bytes: AtomicU64::new(0) }
    }

    fn read(&self, count: u64) {
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        if before / PROGRESS_STEP != before.saturating_add(count) / PROGRESS_STEP {
            self.update(|_| {});
        }
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let told = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut state);
            state.bytes = self.bytes.load(Ordering::Relaxed);
            state.clone()
        };
        (self.tell)(&told);
    }
}

/// Examines the target and the texts.
pub fn scan(
    system: &dyn System,
    request: &Request,
    progress: &(dyn Fn(&Progress) + Sync),
    cancel: &AtomicBool,
) -> Result<Evidence, ScanError> {
    let meter = Meter::new(progress);
    let mut gaps = Vec::new();
    let goal = request.path.as_deref().map(|path| target::recognise(system, path)).transpose()?;
    let (folders, mut texts) = named_texts(system, request, cancel, &mut gaps)?;
    let run = Run { system, request, cancel, meter: &meter };
    let mut evidence = match (goal, &request.path) {
        (Some(Goal::Folder { path, root, kind }), _) => match run.folder(path.clone(), &root, kind) {
            // A folder without code may be a folder of reports.
            Err(ScanError::Refused { path: what, why }) if kind == TargetKind::Folder => {
                let found = reports::of_folder(system, &path, None, cancel, &mut gaps);
                texts.extend(found.map_err(|_| ScanError::Refused { path: what, why })?);
                Evidence::empty()
            }
            outcome => outcome?,
        },
        (Some(Goal::Case(real)), Some(path)) => {
            let mut evidence = case(system, path, &real)?;
            texts = evidence.texts.drain(..).chain(texts).collect();
            evidence
        }
        (Some(Goal::MachO(real)), Some(path)) => run.macho(path, &real)?,
        (Some(Goal::Script(real)), Some(path)) => run.script(path, &real)?,
        (Some(Goal::Evidence), Some(path)) => {
            texts.insert(0, texts::read_path(system, path, cancel, &mut gaps)?);
            Evidence::empty()
        }
        _ => Evidence::empty(),
    };
    if cancel.load(Ordering::Relaxed) {
        return Err(ScanError::Cancelled);
    }
    let wanted = reports::Wanted::of(&evidence);
    for folder in &folders {
        texts.extend(reports::of_folder(system, folder, wanted.as_ref(), cancel, &mut gaps)?);
    }
    if let Some(wanted) = wanted.as_ref().filter(|_| !request.reports.is_empty()) {
        texts.extend(reports::of_app(system, &request.reports, wanted, cancel, &mut gaps)?);
    }
    let texts = reports::grouped(texts);
    evidence.gaps.append(&mut gaps);
    evidence.gaps.extend(texts.iter().filter_map(unusable));
    evidence.gaps.sort();
    evidence.gaps.dedup();
    evidence.texts = texts;
    if !request.anchors.extra.is_empty() {
        evidence.trust_anchor = request.anchors.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    }
    // A case keeps the moment, system and slice it was judged for.
    if evidence.examined_at == 0 || request.at.is_some() {
        evidence.examined_at = request.at.unwrap_or_else(|| system.now());
    }
    evidence.os = request.os.or(evidence.os);
    evidence.arch = request.arch.or(evidence.arch);
    Ok(evidence)
}

/// Texts that are files, read; and those that are folders, for later: which of their reports count depends on the target.
fn named_texts(
    system: &dyn System,
    request: &Request,
    cancel: &AtomicBool,
    gaps: &mut Vec<Gap>,
) -> Result<(Vec<PathBuf>, Vec<EvidenceText>), ScanError> {
    let is_folder = |path: &PathBuf| {
        path != Path::new("-") && system.canonical(path).and_then(|real| system.entry(&real)).is_ok_and(|kind| kind == EntryKind::Directory)
    };
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = request.texts.iter().cloned().partition(is_folder);
    let texts = texts::read(system, &files, &request.pasted, cancel, gaps)?;
    Ok((folders, texts))
}

/// Facts of a case file.
fn case(system: &dyn System, path: &Path, real: &Path) -> Result<Evidence, ScanError> {
    let bytes = system.read_small(real, crate::casefile::MAX_CASE).map_err(|error| ScanError::io(path, error))?;
    let (evidence, _) = crate::casefile::read(&bytes).map_err(|error| ScanError::refused(path, &error.to_string()))?;
    Ok(evidence)
}

fn unusable(text: &EvidenceText) -> Option<Gap> {
    match &text.facts {
        crate::evidence::TextFacts::Unusable(why) => Some(Gap { path: PathBuf::from(&text.source), why: why.clone() }),
        _ => None,
    }
}

/// Files by their first bytes.
#[derive(Default)]
struct Sorted {
    /// Mach-O files with their sizes.
    images: Vec<(PathBuf, u64)>,
    scripts: Vec<PathBuf>,
    /// Files whose beginning could not be read.
    unread: Vec<PathBuf>,
}

/// A file to read.
struct Work {
    path: PathBuf,
    size: u64,
    /// A Mach-O; any other file is only hashed.
    is_image: bool,
}

/// What was read of all files.
#[derive(Default)]
struct Read {
    images: Vec<Image>,
    gaps: Vec<Gap>,
    digests: HashMap<PathBuf, Digests>,
    unread: Vec<PathBuf>,
}

/// What a script is to the target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The main executable of a bundle, or the target itself.
    Main,
    /// It lies in a place for code.
    Code,
    /// Any other file that begins with `#!`.
    Data,
}

/// One scan of a target.
#[derive(Clone, Copy)]
struct Run<'a> {
    system: &'a dyn System,
    request: &'a Request,
    cancel: &'a AtomicBool,
    meter: &'a Meter<'a>,
}

impl Run<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// A bundle or folder with everything in it.
    fn folder(&self, path: PathBuf, root: &Path, kind: TargetKind) -> Result<Evidence, ScanError> {
        let seen = walk::walk(self.system, root, &|files| self.meter.update(|progress| progress.files = files), self.cancel)?;
        let found = bundle::find(self.system, root, kind, &seen);
        let is_main = |path: &Path| found.iter().any(|found| found.bundle.executable.as_deref() == Some(path));
        let role = |path: &Path| {
            if is_main(path) {
                Role::Main
            } else if is_place_for_code(path) {
                Role::Code
            } else {
                Role::Data
            }
        };
        let mut evidence = self.read_all(root, &seen, &found, &role)?;
        if kind == TargetKind::Folder && evidence.images.is_empty() && evidence.scripts.is_empty() && found.is_empty() {
            return Err(ScanError::refused(
                &path,
                "a folder without a Mach-O file, a script or a bundle: name the app, or give reports as evidence",
            ));
        }
        let main = found.first().filter(|_| kind != TargetKind::Folder).map(|found| &found.bundle);
        let executable = main.map_or_else(|| only_executable(&evidence), |bundle| bundle.executable.clone());
        let identifier = main.and_then(|bundle| bundle.info.as_ref()?.identifier.clone());
        if kind != TargetKind::Folder && evidence.images.is_empty() && evidence.scripts.is_empty() {
            evidence.gaps.push(Gap { path: PathBuf::new(), why: "no code was found in this bundle".into() });
        }
        for main in found.iter().filter_map(|found| found.bundle.executable.as_ref()) {
            evidence.gaps.extend(no_code(&evidence, &seen, main));
        }
        archive::read(self, root, &seen, &mut evidence)?;
        evidence.target = Target { path, root: root.to_path_buf(), kind, identifier, executable };
        evidence.bundles = found.into_iter().map(|found| found.bundle).collect();
        Ok(evidence)
    }

    /// A single Mach-O and the libraries it loads from its own folder tree.
    fn macho(&self, path: &Path, real: &Path) -> Result<Evidence, ScanError> {
        let (mut evidence, root) = self.tree(real, real, &[])?;
        let executable = real.strip_prefix(&root).unwrap_or(real).to_path_buf();
        let directory = evidence.images_at(&executable).find_map(|image| image.facts()?.signature.directory());
        let identifier = directory.map(|directory| directory.identifier.clone());
        if evidence.images.is_empty() && evidence.gaps.is_empty() {
            evidence.gaps.push(Gap { path: PathBuf::new(), why: "no code was found in this file: symbols for a debugger are none".into() });
        }
        evidence.target = Target { path: path.to_path_buf(), root, kind: TargetKind::MachO, identifier, executable: Some(executable) };
        Ok(evidence)
    }

    /// A script and the programs it starts in its own folder tree, with their libraries.
    fn script(&self, path: &Path, real: &Path) -> Result<Evidence, ScanError> {
        let folder = real.parent().unwrap_or(Path::new("/"));
        let started = self.started_by(real, folder);
        let main = started.first().map_or(real, PathBuf::as_path);
        let (mut evidence, root) = self.tree(real, main, &started)?;
        let executable = real.strip_prefix(&root).unwrap_or(real).to_path_buf();
        evidence.target =
            Target { path: path.to_path_buf(), root, kind: TargetKind::Script, identifier: None, executable: Some(executable) };
        Ok(evidence)
    }

    /// Files that a script starts: below its folder, or beside it when that is a folder for programs.
    fn started_by(&self, script: &Path, folder: &Path) -> Vec<PathBuf> {
        let outer = folder.parent().filter(|_| single::is_code_folder(folder)).unwrap_or(folder);
        let Ok(bytes) = self.system.read_small(script, script::MAX_SCRIPT) else { return Vec::new() };
        let files = self.files_near(outer);
        let relative = script.strip_prefix(outer).unwrap_or(script);
        let Some(read) = script::read(&crate::read::lossy(&bytes), relative, outer, &files) else { return Vec::new() };
        let started = read.lines.into_iter().filter_map(|line| match line.does {
            crate::evidence::ScriptAct::Starts { image, .. } => image,
            _ => None,
        });
        started.map(|image| outer.join(image)).filter(|path| file::head(self.system, path) == Ok(Head::MachO)).collect()
    }

    /// Regular files below a folder, near it: enough to know what a script names.
    fn files_near(&self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut todo = vec![(PathBuf::new(), 0)];
        while let Some((relative, depth)) = todo.pop() {
            for entry in self.system.list(&folder.join(&relative)).unwrap_or_default() {
                let Some(name) = entry.path.file_name() else { continue };
                match entry.kind {
                    EntryKind::File(_) => files.push(relative.join(name)),
                    EntryKind::Directory if depth < 3 => todo.push((relative.join(name), depth + 1)),
                    _ => {}
                }
            }
            if files.len() > 20_000 {
                break;
            }
        }
        files.sort();
        files
    }

    /// The file `first`, `main` with its libraries, and what those open by name. Gives the root too.
    fn tree(&self, first: &Path, main: &Path, also: &[PathBuf]) -> Result<(Evidence, PathBuf), ScanError> {
        let mut also = also.to_vec();
        for round in 1.. {
            let mut tree = if self.request.signatures_only {
                single::alone(main)
            } else {
                single::collect(self.system, main, &also, self.cancel, self.meter)
            };
            if first != main {
                tree.files.insert(first.to_path_buf());
                tree.root = common_folder(&tree.root, first.parent().unwrap_or(Path::new("/")));
            }
            let mut seen = Seen::default();
            for path in &tree.files {
                let EntryKind::File(size) = self.system.entry(path).map_err(|error| ScanError::io(path, error))? else { continue };
                seen.add_file(path.strip_prefix(&tree.root).unwrap_or(path).to_path_buf(), size);
            }
            let evidence =
                self.read_all(&tree.root, &seen, &[], &|path| if tree.root.join(path) == first { Role::Main } else { Role::Data })?;
            let more = single::opened_by_name(self.system, main, &tree, &evidence.images, self.cancel, self.meter);
            if more.is_empty() || round >= MAX_ROUNDS {
                return Ok((evidence, tree.root));
            }
            also.extend(more);
        }
        Err(ScanError::Cancelled)
    }

    /// Reads every Mach-O among what was seen, and the scripts whose `role` is more than data.
    fn read_all(&self, root: &Path, seen: &Seen, found: &[Found], role: &dyn Fn(&Path) -> Role) -> Result<Evidence, ScanError> {
        let mut evidence = Evidence::empty();
        evidence.files = seen.files.keys().take(MAX_FILES).cloned().collect();
        evidence.gaps.clone_from(&seen.gaps);
        evidence.gaps.extend(found.iter().flat_map(|found| gaps_of_bundle(found, seen)));
        if seen.files.len() > MAX_FILES {
            evidence.gaps.push(Gap { path: PathBuf::new(), why: format!("more than {MAX_FILES} files: not all names were kept") });
        }
        let Sorted { images, scripts, unread } = self.sort_files(root, seen, &mut evidence.gaps)?;
        evidence.unread = unread;
        let plan = seal::plan(self, root, seen, found)?;
        let Read { images, gaps, digests, unread } = self.read_files(root, images, seen, found, &plan.wanted())?;
        evidence.images = images;
        evidence.sort_images();
        evidence.gaps.extend(gaps);
        evidence.unread.extend(unread);
        evidence.unread.sort();
        let (mut seals, gaps) = plan.finish(&digests);
        let known: HashSet<&PathBuf> = scripts.iter().collect();
        seals.iter_mut().flat_map(|check| &mut check.nested).for_each(|sealed| sealed.is_script = known.contains(&sealed.path));
        evidence.seals = seals;
        evidence.gaps.extend(gaps);
        let main = scripts.iter().map(PathBuf::as_path).filter(|path| role(path) == Role::Main);
        evidence.detached = detached::read(&evidence, seen, main, &self.surroundings(root, found, &Spare::default()));
        let scripts = scripts.into_iter().map(|path| (role(&path), path)).filter(|(role, _)| *role != Role::Data);
        for (index, (role, path)) in scripts.enumerate() {
            if index >= MAX_SCRIPTS {
                evidence
                    .gaps
                    .push(Gap { path, why: format!("more than {MAX_SCRIPTS} scripts: this one and those after it were not read") });
                break;
            }
            let script = self.read_script(root, path, role == Role::Main, &evidence.files, &mut evidence.gaps);
            evidence.scripts.extend(script);
        }
        Ok(evidence)
    }

    /// Mach-O files and scripts by their first bytes.
    fn sort_files(&self, root: &Path, seen: &Seen, gaps: &mut Vec<Gap>) -> Result<Sorted, ScanError> {
        let files: Vec<(&PathBuf, u64)> = seen.files.iter().map(|(path, size)| (path, *size)).filter(|(_, size)| *size > 2).collect();
        let head = |(path, _): &(&PathBuf, u64)| file::head(self.system, &root.join(path));
        let heads = queue::run(self.system.threads(), &Spare::default(), &files, self.cancel, head).ok_or(ScanError::Cancelled)?;
        let mut sorted = Sorted::default();
        for ((path, size), head) in files.into_iter().zip(heads) {
            match head.and_then(|head| head) {
                Ok(Head::MachO) => sorted.images.push((path.clone(), size)),
                Ok(Head::Script) => sorted.scripts.push(path.clone()),
                Ok(Head::Other) => {}
                Err(why) => {
                    sorted.unread.push(path.clone());
                    gaps.push(Gap { path: path.clone(), why });
                }
            }
        }
        Ok(sorted)
    }

    /// Reads Mach-O files and hashes sealed ones in parallel, the largest first so that no thread is left alone with it at the end. A file that is both is
    /// read once.
    fn read_files(
        &self,
        root: &Path,
        images: Vec<(PathBuf, u64)>,
        seen: &Seen,
        found: &[Found],
        wanted: &HashMap<PathBuf, Wanted>,
    ) -> Result<Read, ScanError> {
        let total = images.len();
        let mut work: Vec<Work> = images.into_iter().map(|(path, size)| Work { path, size, is_image: true }).collect();
        let known: HashSet<PathBuf> = work.iter().map(|work| work.path.clone()).collect();
        let sealed = wanted.keys().filter(|path| !known.contains(*path));
        work.extend(sealed.map(|path| Work { path: path.clone(), size: seen.files.get(path).copied().unwrap_or(0), is_image: false }));
        work.sort_by(|a, b| (b.size, &a.path).cmp(&(a.size, &b.path)));
        self.meter.update(|progress| progress.images_total = total);
        let spare = Spare::default();
        let around = self.surroundings(root, found, &spare);
        let one = |work: &Work| {
            let wanted = wanted.get(&work.path).copied();
            if !work.is_image {
                return digest_only(work, wanted.unwrap_or_default(), &around);
            }
            self.meter.update(|progress| progress.current = work.path.to_string_lossy().into_owned());
            let scanned = file::scan(&work.path, wanted, &around);
            self.meter.update(|progress| progress.images_done += 1);
            scanned
        };
        let done = queue::run(self.system.threads(), &spare, &work, self.cancel, one).ok_or(ScanError::Cancelled)?;
        let mut read = Read::default();
        for (work, scanned) in work.into_iter().zip(done) {
            match scanned {
                Ok(scanned) => {
                    read.images.extend(scanned.images);
                    read.gaps.extend(scanned.gaps);
                    read.unread.extend(scanned.is_unread.then(|| work.path.clone()));
                    read.digests.extend(scanned.whole.map(|digests| (work.path, digests)));
                }
                Err(fault) => {
                    read.unread.push(work.path.clone());
                    read.gaps.push(Gap { path: work.path, why: format!("Temper itself failed on this file: {fault}") });
                }
            }
        }
        Ok(read)
    }

    fn surroundings<'a>(&'a self, root: &'a Path, bundles: &'a [Found], spare: &'a Spare) -> Surroundings<'a> {
        Surroundings {
            system: self.system,
            root,
            bundles,
            anchors: &self.request.anchors,
            signatures_only: self.request.signatures_only,
            cancel: self.cancel,
            meter: self.meter,
            spare,
        }
    }

    fn read_script(&self, root: &Path, path: PathBuf, is_main: bool, files: &[PathBuf], gaps: &mut Vec<Gap>) -> Option<Script> {
        let bytes = match self.system.read_small(&root.join(&path), script::MAX_SCRIPT) {
            Ok(bytes) => bytes,
            Err(error) => {
                gaps.push(Gap { path, why: format!("the script cannot be read: {error}") });
                return None;
            }
        };
        let mut read = script::read(&crate::read::lossy(&bytes), &path, root, files)?;
        read.gaps.extend(read.other_language.take().filter(|_| is_main));
        gaps.extend(read.gaps.drain(..).map(|why| Gap { path: path.clone(), why }));
        Some(script::script(path, read, is_main))
    }
}

/// A file that is only hashed.
fn digest_only(work: &Work, wanted: Wanted, around: &Surroundings<'_>) -> Scanned {
    match digest::of_file(around.system, &around.root.join(&work.path), wanted, around.cancel, around.meter) {
        Ok(digests) => Scanned { whole: Some(digests), ..Scanned::default() },
        Err(why) => Scanned { gaps: vec![Gap { path: work.path.clone(), why }], is_unread: true, ..Scanned::default() },
    }
}

fn gaps_of_bundle(found: &Found, seen: &Seen) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = found.gap.iter().map(|why| Gap { path: found.bundle.info_path.clone(), why: why.clone() }).collect();
    if let Some(executable) = found.bundle.executable.as_ref().filter(|executable| !seen.has_file(executable)) {
        gaps.push(Gap { path: executable.clone(), why: "the main executable that the Info.plist names is not there".into() });
    }
    gaps
}

/// A main executable that is there and is neither code nor a script, where nothing else was said about it: an empty file, a placeholder.
fn no_code(evidence: &Evidence, seen: &Seen, main: &Path) -> Option<Gap> {
    let is_read = evidence.images_at(main).next().is_some() || evidence.scripts.iter().any(|script| script.path == main);
    let is_said = evidence.gaps.iter().any(|gap| gap.path == main);
    let why = "the main executable that the Info.plist names is neither a Mach-O file nor a script; it may be empty or damaged";
    (seen.has_file(main) && !is_read && !is_said).then(|| Gap { path: main.to_path_buf(), why: why.into() })
}

/// The executable of a folder that has exactly one.
fn only_executable(evidence: &Evidence) -> Option<PathBuf> {
    let mut paths: Vec<&PathBuf> = evidence.executables().map(|image| &image.path).collect();
    paths.dedup();
    match paths.as_slice() {
        [path] => Some((*path).clone()),
        _ => None,
    }
}

/// Where a script is code: in a folder for programs, at the top of the target, or a shell script by its name.
fn is_place_for_code(path: &Path) -> bool {
    let is_top = path.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let extension = path.extension().and_then(|extension| extension.to_str());
    is_top
        || path.parent().is_some_and(single::is_code_folder)
        || extension.is_some_and(|extension| ["sh", "command", "bash", "zsh", "tool"].contains(&extension))
}

/// The innermost folder that both lie in.
fn common_folder(a: &Path, b: &Path) -> PathBuf {
    a.ancestors().find(|folder| b.starts_with(folder)).unwrap_or(Path::new("/")).to_path_buf()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
