//! Which image loads which: `@rpath`, `@loader_path`, `@executable_path`, in the bundle, outside, missing; with the policy's verdict per edge.

use crate::evidence::{Evidence, Image, TargetKind};
use crate::policy::{self, Action, Process, constraint};
use crate::read::callsites::Value;
use crate::read::cms::SignerKind;
use crate::read::macho::{Arch, FileType, LinkKind};
use crate::scan::install_name::{self, Candidate, Context, Rpath};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Images of one process that are followed.
const MAX_PROCESS_IMAGES: usize = 20_000;
/// LC_RPATHs of a loading chain that are kept.
const MAX_RPATHS: usize = 256;
/// Folders that plug-ins and extension modules lie in, which are loaded by name at run time.
const PLUGIN_FOLDERS: &[&str] = &["PlugIns", "Plug-ins", "Plug-Ins", "Plugins", "plugins", "lib-dynload", "site-packages", "node_modules"];
/// Extensions of modules that are loaded by name at run time.
const PLUGIN_EXTENSIONS: &[&str] = &["node", "so"];

/// What becomes of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadVerdict {
    /// Found and allowed.
    Allowed,
    /// Found; library validation or the program's library constraint refuses it.
    Refused,
    /// Not found anywhere it would be looked for (and not weak).
    Missing,
    /// Outside the target: not looked at.
    Outside,
    /// Found without a slice for this architecture.
    WrongArch,
}

impl LoadVerdict {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            LoadVerdict::Allowed => "allowed",
            LoadVerdict::Refused => "refused",
            LoadVerdict::Missing => "missing",
            LoadVerdict::Outside => "outside",
            LoadVerdict::WrongArch => "wrong-arch",
        }
    }
}

/// How an image comes into a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadKind {
    /// A load command. A weak one that is missing is no fault.
    Linked(LinkKind),
    /// A constant name given to `dlopen`.
    Dlopen,
    /// A file in a plug-in folder, which is opened by a name made at run time.
    Plugin,
}

impl LoadKind {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            LoadKind::Linked(LinkKind::Required) => "required",
            LoadKind::Linked(LinkKind::Weak) => "weak",
            LoadKind::Linked(LinkKind::Reexport) => "re-export",
            LoadKind::Linked(LinkKind::Upward) => "upward",
            LoadKind::Linked(LinkKind::Lazy) => "lazy",
            LoadKind::Dlopen => "dlopen",
            LoadKind::Plugin => "plug-in",
        }
    }

    fn is_dynamic(self) -> bool {
        matches!(self, LoadKind::Dlopen | LoadKind::Plugin)
    }
}

/// One edge: an executable (or a library on its behalf) loads an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Executable whose signature decides, relative.
    pub executable: PathBuf,
    /// Image whose load command (or `dlopen`) it is, relative; the executable itself or a library it loads.
    pub from: PathBuf,
    /// Slice.
    pub arch: Arch,
    /// Name as written.
    pub name: String,
    /// File it resolves to, relative; `None` when outside or missing.
    pub to: Option<PathBuf>,
    /// Verdict.
    pub verdict: LoadVerdict,
    /// Rule, in words ("different Team IDs: A and B").
    pub rule: String,
    /// It is the program's library constraint that refuses it, not library validation.
    pub is_constrained: bool,
    /// A weak link: missing is no fault.
    pub weak: bool,
    /// A constant `dlopen` path or a file in a plug-in folder, not a load command.
    pub is_dynamic: bool,
    /// What names it.
    pub kind: LoadKind,
    /// The load command leads out of the target or nowhere, in a hardened program without library validation: Gatekeeper refuses such a program when it
    /// is quarantined (Apple's developer support: "failed on loadCmd").
    pub is_dangling: bool,
}

/// An LC_RPATH that leads out of the target, in a process that Gatekeeper looks at for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DanglingRpath {
    /// Executable without library validation, relative.
    pub executable: PathBuf,
    /// Image that has the LC_RPATH, relative.
    pub image: PathBuf,
    /// Slice.
    pub arch: Arch,
    /// As written.
    pub rpath: String,
}

/// Gatekeeper looks for paths that lead nowhere where library validation is off.
fn is_looked_at(process: &Process) -> bool {
    process.is_hardened() && process.has(policy::key::LIBRARY_VALIDATION)
}

/// LC_RPATHs that lead out of the target, of every process without library validation; `loads` are those of [`loads`]. By executable, each once.
pub fn dangling_rpaths(evidence: &Evidence, loads: &[Load]) -> Vec<DanglingRpath> {
    let index = Index::new(evidence);
    let mut all: Vec<DanglingRpath> = Vec::new();
    for executable in evidence.executables().filter(|image| is_looked_at(&Process::of(image))) {
        let mine = loads.iter().filter(|load| load.executable == executable.path && load.arch == executable.arch());
        let mut paths: Vec<&Path> = vec![&executable.path];
        paths.extend(mine.filter_map(|load| load.to.as_deref()));
        let unique: BTreeSet<&Path> = paths.into_iter().collect();
        for image in unique.into_iter().filter_map(|path| evidence.slice_at(path, executable.arch())) {
            let outside = image.macho.rpaths.iter().filter(|rpath| index.leads_out(image, executable, rpath));
            all.extend(outside.map(|rpath| DanglingRpath {
                executable: executable.path.clone(),
                image: image.path.clone(),
                arch: executable.arch(),
                rpath: rpath.clone(),
            }));
        }
    }
    all
}

/// All loads of every executable slice. System libraries (`/usr/lib`, `/System`) are left out. Order is stable: by executable, then breadth first
/// from it, then what is opened at run time.
pub fn loads(evidence: &Evidence) -> Vec<Load> {
    let index = Index::new(evidence);
    let executables: Vec<&Image> = evidence.executables().collect();
    let mut loads = Vec::new();
    let mut loaded = BTreeSet::new();
    let mut walks = Vec::new();
    for executable in executables {
        let mut walk = Walk::new(&index, executable);
        walk.from(executable, Vec::new());
        walks.push(walk);
    }
    for walk in &walks {
        loaded.extend(walk.loads.iter().filter_map(|load| load.to.clone()));
    }
    for mut walk in walks {
        for plugin in index.plugins(&loaded) {
            if index.hosts(plugin).contains(&walk.executable.path.as_path()) {
                walk.open_plugin(plugin);
            }
        }
        loads.append(&mut walk.loads);
    }
    loads
}

/// Images by path, with the slices of each.
struct Index<'a> {
    evidence: &'a Evidence,
    by_path: BTreeMap<&'a Path, Vec<&'a Image>>,
    root: &'a Path,
}

/// What a name leads to.
enum Found<'a> {
    Image(&'a Image),
    /// The file is there, without a slice for the architecture; the architectures it has.
    WrongArch(&'a Path, String),
    Missing(String),
    Outside(String),
    /// A library of the system.
    System,
}

impl<'a> Index<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let mut by_path: BTreeMap<&Path, Vec<&Image>> = BTreeMap::new();
        evidence.images.iter().for_each(|image| by_path.entry(&image.path).or_default().push(image));
        let target = &evidence.target;
        let root = if target.root.as_os_str().is_empty() { &target.path } else { &target.root };
        Self { evidence, by_path, root }
    }

    /// The path of the image that a path means: itself, a framework's binary in its current version, or the file behind a version link.
    fn path_of(&self, path: &Path) -> Option<&'a Path> {
        self.exact(path).or_else(|| self.in_framework(path)).or_else(|| self.behind_link(path))
    }

    fn exact(&self, path: &Path) -> Option<&'a Path> {
        self.by_path.get_key_value(path).map(|(path, _)| *path)
    }

    /// `X.framework/X`, `X.framework/Versions/Current/X` and `X.framework/Versions/A/X` are one file: links lead from the first two to the third.
    fn in_framework(&self, path: &Path) -> Option<&'a Path> {
        let framework = path.ancestors().skip(1).find(|folder| folder.extension() == Some(OsStr::new("framework")))?;
        let inner = path.strip_prefix(framework).ok()?;
        let mut parts = inner.components();
        let versioned = parts.next().is_some_and(|part| part.as_os_str() == "Versions");
        let is_current = versioned && parts.next().is_some_and(|part| part.as_os_str() == "Current");
        let tail = if is_current {
            parts.as_path()
        } else if versioned {
            return None;
        } else {
            inner
        };
        let main = self.evidence.bundles.iter().find(|bundle| bundle.path == framework).and_then(|bundle| bundle.executable.as_deref());
        let current = main.and_then(Path::parent).map(|folder| folder.join(tail));
        let versions = framework.join("Versions");
        current.and_then(|path| self.exact(&path)).or_else(|| {
            let in_version = |path: &&Path| path.strip_prefix(&versions).is_ok_and(|rest| rest.components().skip(1).eq(tail.components()));
            self.under(&versions).filter(in_version).last()
        })
    }

    /// Images below a folder, by path.
    fn under(&self, folder: &Path) -> impl Iterator<Item = &'a Path> {
        let range = (std::ops::Bound::Included(folder), std::ops::Bound::Unbounded);
        self.by_path.range::<Path, _>(range).map(|(path, _)| *path).take_while(move |path| path.starts_with(folder))
    }

    /// `libfoo.dylib` is usually a link to `libfoo.1.dylib`, whose install name is either. Links are not in the evidence, so the names decide:
    /// the file lies in the same folder and has the wanted name as its install name, or extends it by a version.
    fn behind_link(&self, path: &Path) -> Option<&'a Path> {
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        let stem = name.strip_suffix(".dylib")?;
        let beside = self.by_path.iter().filter(|(other, _)| other.parent() == Some(folder));
        let mut fits = beside.filter(|(other, images)| {
            let other = other.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let extends = other.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.') && is_version(rest));
            let installed =
                images.iter().any(|image| image.macho.install_name.as_deref().and_then(|name| name.rsplit('/').next()) == Some(name));
            extends || installed
        });
        fits.next().map(|(path, _)| *path)
    }

    /// The slice of the image at `path` for an architecture.
    fn slice(&self, path: &'a Path, arch: Arch) -> Found<'a> {
        let slices = self.by_path.get(path).map(Vec::as_slice).unwrap_or_default();
        let exact = slices.iter().find(|image| image.arch() == arch);
        // A process with pointer authentication of its own takes plain arm64 libraries where that is allowed at all.
        let near = slices.iter().find(|image| arch == Arch::Arm64e && image.arch() == Arch::Arm64);
        match exact.or(near) {
            Some(image) => Found::Image(image),
            None => Found::WrongArch(path, slices.iter().map(|image| image.arch().name()).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Follows candidates in dyld's order: the first file for the architecture wins.
    fn pick(&self, candidates: Vec<Candidate>, arch: Arch, name: &str) -> Found<'a> {
        let mut wrong = None;
        let mut outside = None;
        let mut is_system = false;
        let mut looked = Vec::new();
        for candidate in candidates {
            match candidate {
                Candidate::Inside(path) => match self.path_of(&path).map(|path| self.slice(path, arch)) {
                    Some(Found::Image(image)) => return Found::Image(image),
                    Some(other) => wrong = wrong.or(Some(other)),
                    None => looked.push(path.display().to_string()),
                },
                Candidate::Outside(path) if is_from_system_rpath(&path) => is_system = true,
                Candidate::Outside(path) if path.starts_with("/usr/lib/swift") => {}
                Candidate::Outside(path) => outside = outside.or(Some(path)),
            }
        }
        let missing = || {
            let place =
                if looked.is_empty() { "no LC_RPATH leads into the target".to_owned() } else { format!("not at {}", looked.join(", ")) };
            Found::Missing(format!("{name} is {place}"))
        };
        let elsewhere = || outside.map_or_else(missing, |path| Found::Outside(format!("outside the target: {path}")));
        wrong.or(is_system.then_some(Found::System)).unwrap_or_else(elsewhere)
    }

    /// An LC_RPATH that is neither in the target nor a folder of the system.
    fn leads_out(&self, image: &Image, executable: &Image, rpath: &str) -> bool {
        let folder = |image: &Image| image.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let rpaths = [Rpath { text: rpath.to_owned(), folder: folder(image) }];
        let (loader, main) = (folder(image), folder(executable));
        let context = Context { loader: &loader, executable: &main, rpaths: &rpaths, root: self.root };
        let found = install_name::candidates("@rpath/x", &context);
        found.iter().any(|candidate| matches!(candidate, Candidate::Outside(path) if !install_name::is_system(path)))
    }

    /// Modules in plug-in folders that nothing names: they are loaded at run time, by a path made up then. By path, one entry each.
    fn plugins(&self, loaded: &BTreeSet<PathBuf>) -> Vec<&'a Path> {
        let unnamed = self.by_path.iter().filter(|(path, _)| !loaded.contains(**path));
        unnamed.filter(|(path, images)| images.iter().any(|image| is_plugin(path, image.macho.file_type))).map(|(path, _)| *path).collect()
    }

    /// The executables that load a plug-in: the main one of the innermost app, XPC service or extension around it; without one the target's,
    /// and without that the innermost program in whose folder it lies.
    fn hosts(&self, plugin: &Path) -> Vec<&'a Path> {
        let is_host = |path: &&Path| self.by_path.get(*path).is_some_and(|images| images.iter().any(|image| image.is_executable()));
        let bundles = self
            .evidence
            .bundles
            .iter()
            .rev()
            .filter(|bundle| matches!(bundle.kind, TargetKind::App | TargetKind::Xpc | TargetKind::Appex));
        let around =
            bundles.filter(|bundle| plugin.starts_with(&bundle.path)).find_map(|bundle| bundle.executable.as_deref().filter(is_host));
        let main = around.or_else(|| self.evidence.target.executable.as_deref().filter(is_host));
        let nearest = || {
            let around = |path: &&Path| program_folder(path).is_some_and(|folder| plugin.starts_with(folder));
            let executables = self.by_path.keys().copied().filter(is_host).filter(around);
            executables.max_by_key(|path| (program_folder(path).map_or(0, |folder| folder.components().count()), std::cmp::Reverse(*path)))
        };
        main.or_else(nearest).into_iter().collect()
    }
}

/// The folder of a program and its parts: its own, or for `bin/program` the one around `bin`.
fn program_folder(executable: &Path) -> Option<&Path> {
    let folder = executable.parent()?;
    let is_code_folder = folder.file_name().is_some_and(|name| name == "bin" || name == "MacOS" || name == "libexec");
    if is_code_folder { folder.parent() } else { Some(folder) }
}

/// What an LC_RPATH of the system can hold: Swift's own libraries in `/usr/lib/swift`, and frameworks. Nearly every Swift program has that
/// rpath, so any other library is not to be taken for one of the system's because of it.
fn is_from_system_rpath(path: &str) -> bool {
    path.starts_with("/System/")
        || path.strip_prefix("/usr/lib/swift/").is_some_and(|rest| rest.trim_start_matches('/').starts_with("libswift"))
}

/// `.1.2`, `.0.6.dylib`: what versions add to a library's name.
fn is_version(rest: &str) -> bool {
    let version = rest.strip_suffix(".dylib").unwrap_or(rest);
    version.len() > 1 && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && version.chars().any(|c| c.is_ascii_digit())
}

/// A module that programs open at run time: MH_BUNDLE, or a library in a plug-in folder.
fn is_plugin(path: &Path, file_type: FileType) -> bool {
    let in_folder = || path.parent().is_some_and(|folder| folder.iter().any(|part| PLUGIN_FOLDERS.iter().any(|name| part == *name)));
    let by_name = || path.extension().and_then(OsStr::to_str).is_some_and(|extension| PLUGIN_EXTENSIONS.contains(&extension));
    match file_type {
        FileType::Bundle => true,
        FileType::Dylib => in_folder() || by_name(),
        _ => false,
    }
}

/// One process: what it loads.
struct Walk<'a, 'i> {
    index: &'i Index<'a>,
    executable: &'a Image,
    process: Process,
    /// Images already in the process.
    mapped: BTreeSet<&'a Path>,
    loads: Vec<Load>,
}

/// How an image comes into the process.
#[derive(Clone, Copy)]
struct Way<'n> {
    name: &'n str,
    kind: LoadKind,
}

impl<'a, 'i> Walk<'a, 'i> {
    fn new(index: &'i Index<'a>, executable: &'a Image) -> Self {
        let process = Process { os: index.evidence.os, ..Process::of(executable) };
        Self { index, executable, process, mapped: BTreeSet::from([executable.path.as_path()]), loads: Vec::new() }
    }

    /// Follows an image's load commands and constant `dlopen` names, breadth first. `chain` are the LC_RPATHs of what loaded it.
    fn from(&mut self, image: &'a Image, chain: Vec<Rpath>) {
        let mut todo = VecDeque::from([(image, chain)]);
        while let Some((image, chain)) = todo.pop_front() {
            let folder = image.path.parent().unwrap_or(Path::new(""));
            let own = image.macho.rpaths.iter().map(|text| Rpath { text: text.clone(), folder: folder.to_path_buf() });
            let rpaths: Vec<Rpath> = own.chain(chain).take(MAX_RPATHS).collect();
            for library in &image.macho.libraries {
                let way = Way { name: &library.name, kind: LoadKind::Linked(library.kind) };
                let found = self.resolve(image, &rpaths, way);
                self.add(image, found, way).into_iter().for_each(|image| todo.push_back((image, rpaths.clone())));
            }
            for name in opened(image) {
                let way = Way { name, kind: LoadKind::Dlopen };
                let found = self.resolve(image, &rpaths, way);
                self.add(image, found, way).into_iter().for_each(|image| todo.push_back((image, rpaths.clone())));
            }
        }
    }

    fn open_plugin(&mut self, path: &'a Path) {
        let arch = self.executable.arch();
        let has_shared_arch = || {
            self.index.by_path.get(path).is_some_and(|images| {
                let executables = self.index.by_path.get(self.executable.path.as_path()).map(Vec::as_slice).unwrap_or_default();
                executables.iter().any(|executable| images.iter().any(|image| image.arch() == executable.arch()))
            })
        };
        let found = self.index.slice(path, arch);
        // Some other slice of the program can load it: the program is meant to run as that one.
        if matches!(found, Found::WrongArch(..)) && has_shared_arch() {
            return;
        }
        let name = path.to_string_lossy();
        let way = Way { name: &name, kind: LoadKind::Plugin };
        if let Some(image) = self.add(self.executable, Some(found), way) {
            let folder = self.executable.path.parent().unwrap_or(Path::new("")).to_path_buf();
            let chain = self.executable.macho.rpaths.iter().map(|text| Rpath { text: text.clone(), folder: folder.clone() }).collect();
            self.from(image, chain);
        }
    }

    /// `None` for a library of the system.
    fn resolve(&self, from: &'a Image, rpaths: &[Rpath], way: Way<'_>) -> Option<Found<'a>> {
        let name = way.name;
        if install_name::is_system(name) {
            return None;
        }
        let folder = |image: &'a Image| image.path.parent().unwrap_or(Path::new(""));
        let context = Context { loader: folder(from), executable: folder(self.executable), rpaths, root: self.index.root };
        let arch = self.executable.arch();
        let path = policy::decide(&self.process, &Action::HonourDyldPath { path: name.to_owned() });
        if name.starts_with('@') && !name.starts_with("@@") && !path.allowed {
            return Some(Found::Missing(format!("{name} is not expanded: {}", path.rule)));
        }
        if name.starts_with(['/', '@']) {
            let found = self.index.pick(install_name::candidates(name, &context), arch, name);
            return Some(match found {
                Found::Missing(why) => self.same_install_name(name).map_or(Found::Missing(why), Found::Image),
                found => found,
            });
        }
        if !way.kind.is_dynamic() {
            return Some(self.relative(name));
        }
        // dlopen takes a bare name from the LC_RPATHs too, then from /usr/lib and the current folder.
        let by_rpath = install_name::candidates(&format!("@rpath/{name}"), &context);
        Some(match self.index.pick(if name.contains('/') { Vec::new() } else { by_rpath }, arch, name) {
            Found::Missing(_) => self.by_fallback(name),
            found => found,
        })
    }

    /// A name alone, in no LC_RPATH: dyld's fallback folders, as far as the policy lets it look there.
    fn by_fallback(&self, name: &str) -> Found<'a> {
        let decision = policy::decide(&self.process, &Action::UseFallbackPath);
        Found::Outside(match decision.allowed {
            true => format!("{name} is looked for in /usr/local/lib, /usr/lib and the current folder"),
            false => format!("{name} is looked for in /usr/lib only: {}", decision.rule),
        })
    }

    /// An `@rpath` name is also satisfied by an image that is already there under that install name.
    fn same_install_name(&self, name: &str) -> Option<&'a Image> {
        name.starts_with("@rpath/").then_some(())?;
        let slices = self.mapped.iter().flat_map(|path| self.index.by_path.get(path).into_iter().flatten());
        slices.copied().find(|image| image.arch() == self.executable.arch() && image.macho.install_name.as_deref() == Some(name))
    }

    /// A relative name in a load command: taken from the current folder, and in a hardened program from nowhere.
    fn relative(&self, name: &str) -> Found<'a> {
        let leaf = Path::new(name).file_name();
        let same = self.index.by_path.keys().find(|path| path.file_name() == leaf);
        let hint = same.map(|path| format!("; {} has that name, but dyld does not look there", path.display())).unwrap_or_default();
        Found::Missing(format!("a relative install name is looked for in the current folder, and not at all by a hardened program{hint}"))
    }

    /// Adds the edge. Gives the image when it is new in the process and has to be followed.
    fn add(&mut self, from: &'a Image, found: Option<Found<'a>>, way: Way<'_>) -> Option<&'a Image> {
        let found = found?;
        let mut is_constrained = false;
        let (to, verdict, rule) = match &found {
            Found::Image(image) => {
                let (verdict, rule) = self.judge(image, way.kind);
                let kept_out = (verdict == LoadVerdict::Allowed).then(|| self.constrained(image)).flatten();
                is_constrained = kept_out.is_some();
                let (verdict, rule) = kept_out.map_or((verdict, rule), |rule| (LoadVerdict::Refused, rule));
                (Some(image.path.clone()), verdict, rule)
            }
            Found::WrongArch(path, has) => {
                let rule = format!("the file has {has}, the process is {}", self.process.arch.name());
                (Some(path.to_path_buf()), LoadVerdict::WrongArch, rule)
            }
            Found::Missing(why) => (None, LoadVerdict::Missing, why.clone()),
            Found::Outside(why) => (None, LoadVerdict::Outside, why.clone()),
            Found::System => return None,
        };
        let leads_nowhere = matches!(verdict, LoadVerdict::Missing | LoadVerdict::Outside);
        let is_dangling = leads_nowhere && !way.kind.is_dynamic() && is_looked_at(&self.process);
        self.loads.push(Load {
            executable: self.executable.path.clone(),
            from: from.path.clone(),
            arch: self.executable.arch(),
            name: way.name.to_owned(),
            to,
            verdict,
            rule,
            is_constrained,
            weak: way.kind == LoadKind::Linked(LinkKind::Weak),
            is_dynamic: way.kind.is_dynamic(),
            kind: way.kind,
            is_dangling,
        });
        match found {
            Found::Image(image) if self.mapped.len() < MAX_PROCESS_IMAGES && self.mapped.insert(&image.path) => Some(image),
            _ => None,
        }
    }

    fn judge(&self, image: &Image, kind: LoadKind) -> (LoadVerdict, String) {
        let library = policy::Library::of(image);
        let decision = policy::decide(&self.process, &if kind.is_dynamic() { Action::Open(library) } else { Action::Load(library) });
        let verdict = if decision.allowed { LoadVerdict::Allowed } else { LoadVerdict::Refused };
        let rule = format!("{} (process: {}; library: {})", decision.rule, side(self.executable), side(image));
        (verdict, rule.trim_start().to_owned())
    }

    /// Why the library constraint of the program keeps a library out that library validation lets in; `None` when it does not, or that is not known.
    fn constrained(&self, image: &Image) -> Option<String> {
        let (decision, why) = constraint::keeps_out(&self.process, self.executable, image)?;
        Some(format!("{} ({why})", decision.rule))
    }
}

/// Constant names that an image gives to `dlopen`, in order, each once.
fn opened(image: &Image) -> Vec<&str> {
    let mut names = Vec::new();
    for call in image.calls.calls.iter().filter(|call| call.callee == "_dlopen") {
        match call.arguments.first() {
            Some(Value::Text(name)) if !name.is_empty() && !names.contains(&name.as_str()) => names.push(name.as_str()),
            _ => {}
        }
    }
    names
}

/// Who signed an image, for a rule: `team AB12CD34EF`, or the kind of signer.
fn side(image: &Image) -> String {
    let kind = image.facts().map_or(SignerKind::Unsigned, |facts| facts.signer.kind);
    image.team().map_or_else(|| format!("no team, {}", kind.word()), |team| format!("team {team}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
