//! The seal of each bundle against the files that are there, as `StaticCode.cpp validateResources` goes about it: rules say what belongs to the seal,
//! entries say what it must be. Two steps: [`plan`] compares names and links and says which files must be hashed, [`Plan::finish`] compares the digests.

use super::bundle::{Found, current_version};
use super::digest::{Digests, Wanted};
use super::file::FileSource;
use super::queue::{self, Spare};
use super::walk::Seen;
use super::{Run, ScanError, install_name};
use crate::evidence::{Bundle, Gap, MAX_SEAL_FAULTS, SealCheck, SealFault, SealFaultKind, SealedCode};
use crate::read::code_resources::{self, Class, CodeResources, Folder, Rules, Seal};
use crate::system::System;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Nested code whose requirement is kept, of each bundle.
const MAX_NESTED: usize = 10_000;
/// Things beside `Contents` that are named, of each bundle.
const MAX_UNSEALED: usize = 1_000;
/// Faults of one CodeResources file that become differences.
const MAX_ENTRY_FAULTS: usize = 100;

/// What no sealed file may carry (`StaticCode.cpp validateResource`, `singlediskrep.cpp strictValidate`).
const SIDEBAND: [&str; 2] = ["com.apple.ResourceFork", "com.apple.FinderInfo"];

/// The digests that a seal has of a file.
#[derive(Clone, Copy)]
struct SealedDigests {
    sha1: Option<[u8; 20]>,
    sha256: Option<[u8; 32]>,
}

/// A file whose digests decide.
struct Sealed {
    /// Index in [`Plan::checks`].
    seal: usize,
    digests: SealedDigests,
}

/// Seals of which the files are still to be hashed.
#[derive(Default)]
pub(super) struct Plan {
    checks: Vec<SealCheck>,
    files: BTreeMap<PathBuf, Vec<Sealed>>,
    gaps: Vec<Gap>,
}

/// Reads the seals of all bundles, in parallel, and compares what needs no hashing.
pub(super) fn plan(run: &Run<'_>, root: &Path, seen: &Seen, found: &[Found]) -> Result<Plan, ScanError> {
    let disk = Disk { system: run.system, root, seen };
    let one = |found: &Found| of_bundle(run, found, disk);
    let done = queue::run(run.system.threads(), &Spare::default(), found, run.cancel, one).ok_or(ScanError::Cancelled)?;
    let mut plan = Plan::default();
    for (found, compared) in found.iter().zip(done) {
        match compared {
            Ok(compared) => plan.extend(compared),
            Err(fault) => {
                let unusable = Some(format!("Temper itself failed on it: {fault}"));
                plan.checks.push(SealCheck { unusable, ..layout(found, seen) });
            }
        }
    }
    Ok(plan)
}

/// `None` for a bundle without a seal of which nothing is to be said.
fn of_bundle(run: &Run<'_>, found: &Found, disk: Disk<'_>) -> Option<Compared> {
    let mut check = layout(found, disk.seen);
    if found.bundle.has_seal {
        match read(run, &disk.root.join(&found.seal)) {
            Ok(resources) => return compare(check, resources, found, disk),
            Err(why) => check.unusable = Some(why),
        }
    } else if check.unsealed.is_empty() && !check.is_ambiguous && !check.lacks_current {
        return None;
    }
    Some(Compared { check, files: Vec::new(), gaps: Vec::new() })
}

fn read(run: &Run<'_>, path: &Path) -> Result<CodeResources, String> {
    let file = run.system.open(path).map_err(|error| format!("it cannot be opened: {error}"))?;
    let resources = code_resources::read(&FileSource::new(file, run.cancel, run.meter)).map_err(|error| error.to_string())?;
    if resources.active_rules().is_none() {
        return Err("it has no rules".into());
    }
    Ok(resources)
}

/// What the layout alone tells.
fn layout(found: &Found, seen: &Seen) -> SealCheck {
    let base = found.seal.parent().and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf();
    let bundle = &found.bundle.path;
    let is_framework = base.parent().is_some_and(|versions| versions == bundle.join("Versions"));
    let mut check = SealCheck { bundle: bundle.clone(), seal: found.seal.clone(), is_framework, ..SealCheck::default() };
    if is_framework && current_version(bundle, seen).is_none() {
        check.lacks_current = true;
    } else if is_framework {
        check.unsealed = beside_versions(bundle, &base, seen);
        check.is_ambiguous = is_moved(&found.bundle, seen);
    } else if base == bundle.join("Contents") {
        check.unsealed = beside_contents(bundle, seen);
    }
    check.base = base;
    check
}

/// `bundlediskrep.cpp checkMoved`: the program or the Info.plist that lies in a framework's own folder is another file than that of its current version. Links
/// into the version are the same file; copies of what was linked are not.
fn is_moved(bundle: &Bundle, seen: &Seen) -> bool {
    let Some(program) = bundle.executable.as_ref().filter(|program| seen.has_file(program)) else { return false };
    let is_other = |path: &Path, current: &Path| seen.real(path).is_some_and(|real| seen.has_file(&real) && real != current);
    let name = program.file_name().unwrap_or_default();
    let resources = bundle.path.join("Resources");
    let info = seen.real(&resources).map_or_else(|| bundle.path.clone(), |_| resources).join("Info.plist");
    is_other(&bundle.path.join(name), program) || seen.has_file(&bundle.info_path) && is_other(&info, &bundle.info_path)
}

/// `bundlediskrep.cpp setup`: `Contents`, and four names that Finder and the installer leave.
fn beside_contents(bundle: &Path, seen: &Seen) -> Vec<PathBuf> {
    const ALLOWED: [&str; 4] = [".LSOverride", ".DS_Store", "Icon\r", ".SoftwareDepot.tracking"];
    let is_allowed = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        (name == "Contents" && seen.has_folder(path)) || (ALLOWED.iter().any(|allowed| name == *allowed) && seen.has_file(path))
    };
    seen.children(bundle).filter(|path| !is_allowed(path)).take(MAX_UNSEALED).collect()
}

/// `bundlediskrep.cpp validateFrameworkRoot`: `Versions` with a link `Current`, links to namesakes in the current version, `module.map`.
fn beside_versions(bundle: &Path, base: &Path, seen: &Seen) -> Vec<PathBuf> {
    let version = base.file_name().unwrap_or_default();
    let is_allowed = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        if name == "Versions" {
            return seen.has_folder(path);
        }
        if let Some(target) = seen.link(path) {
            let target = target.strip_prefix(".").unwrap_or(target);
            let versions = Path::new("Versions");
            return [Path::new("Current"), Path::new(version)].iter().any(|one| target == versions.join(one).join(name));
        }
        (name == ".DS_Store" || name == "module.map") && seen.has_file(path)
    };
    let current = bundle.join("Versions/Current");
    let no_current = seen.link(&current).is_none().then_some(current);
    seen.children(bundle).filter(|path| !is_allowed(path)).chain(no_current).take(MAX_UNSEALED).collect()
}

/// What is there.
#[derive(Clone, Copy)]
struct Disk<'a> {
    system: &'a dyn System,
    root: &'a Path,
    seen: &'a Seen,
}

/// A bundle under comparison.
struct Work<'a> {
    disk: Disk<'a>,
    resources: &'a CodeResources,
    rules: &'a Rules,
    /// Indexes of entries that were met on the disk.
    met: HashSet<usize>,
    /// What came out so far.
    check: SealCheck,
    files: Vec<(PathBuf, SealedDigests)>,
    gaps: Vec<Gap>,
}

/// What came out of one bundle.
struct Compared {
    check: SealCheck,
    /// Files to be hashed.
    files: Vec<(PathBuf, SealedDigests)>,
    gaps: Vec<Gap>,
}

/// Compares what needs no hashing. `None` when there are no rules.
fn compare(mut check: SealCheck, mut resources: CodeResources, found: &Found, disk: Disk<'_>) -> Option<Compared> {
    check.version = resources.version();
    check.has_weak_rules = resources.has_weak_rules();
    let relative = found.bundle.executable.as_ref().and_then(|path| path.strip_prefix(&check.base).ok());
    let executable = relative.map(|path| path.to_string_lossy().into_owned());
    for rules in [&mut resources.rules, &mut resources.rules2].into_iter().flatten() {
        rules.executable.clone_from(&executable);
    }
    let rules = resources.active_rules()?;
    let mut work = Work { disk, resources: &resources, rules, met: HashSet::new(), check, files: Vec::new(), gaps: Vec::new() };
    for fault in resources.faults.iter().take(MAX_ENTRY_FAULTS) {
        let seal = work.check.seal.clone();
        work.fault(seal, SealFaultKind::Malformed(fault.what.clone()));
    }
    work.walk();
    work.leftovers();
    if let Some(executable) = &found.bundle.executable {
        work.sideband(executable);
    }
    Some(Compared { check: work.check, files: work.files, gaps: work.gaps })
}

impl Plan {
    /// Which digests of which files are needed.
    pub(super) fn wanted(&self) -> HashMap<PathBuf, Wanted> {
        let wanted = |sealed: &Vec<Sealed>| Wanted {
            sha1: sealed.iter().any(|sealed| sealed.digests.sha1.is_some()),
            sha256: sealed.iter().any(|sealed| sealed.digests.sha256.is_some()),
        };
        self.files.iter().map(|(path, sealed)| (path.clone(), wanted(sealed))).collect()
    }

    fn extend(&mut self, compared: Option<Compared>) {
        let Some(Compared { check, files, gaps }) = compared else { return };
        let seal = self.checks.len();
        for (path, digests) in files {
            self.files.entry(path).or_default().push(Sealed { seal, digests });
        }
        self.checks.push(check);
        self.gaps.extend(gaps);
    }

    /// Compares the digests; a file without one could not be read (a gap says so).
    pub(super) fn finish(mut self, digests: &HashMap<PathBuf, Digests>) -> (Vec<SealCheck>, Vec<Gap>) {
        for (path, sealed) in self.files {
            let Some(found) = digests.get(&path) else { continue };
            for sealed in sealed {
                let differs = |sealed: Option<bool>| sealed == Some(false);
                let SealedDigests { sha1, sha256 } = sealed.digests;
                let sha256 = sha256.map(|digest| found.sha256 == Some(digest));
                let sha1 = sha1.map(|digest| found.sha1 == Some(digest));
                let kind = match (differs(sha256), differs(sha1)) {
                    (true, _) => SealFaultKind::Modified,
                    (false, true) if sha256.is_some() => SealFaultKind::Sha1Differs,
                    (false, true) => SealFaultKind::Modified,
                    (false, false) => continue,
                };
                if let Some(check) = self.checks.get_mut(sealed.seal) {
                    note(check, path.clone(), kind);
                }
            }
        }
        for check in &mut self.checks {
            check.faults.sort();
        }
        (self.checks, self.gaps)
    }
}

/// Counts a difference and keeps it while there is room.
fn note(check: &mut SealCheck, path: PathBuf, kind: SealFaultKind) {
    let counts = &mut check.counts;
    let count = match &kind {
        SealFaultKind::Modified | SealFaultKind::LinkChanged(..) | SealFaultKind::ChangedKind => Some(&mut counts.modified),
        SealFaultKind::Missing => Some(&mut counts.missing),
        SealFaultKind::Added | SealFaultKind::AddedCode => Some(&mut counts.added),
        SealFaultKind::Malformed(_) => Some(&mut counts.malformed),
        SealFaultKind::Sha1Differs | SealFaultKind::LinkLeaves(_) | SealFaultKind::DsStoreLink | SealFaultKind::Sideband(_) => None,
    };
    if let Some(count) = count {
        *count += 1;
    }
    if kind == SealFaultKind::Added {
        counts.added_files += 1;
    }
    if check.faults.len() < MAX_SEAL_FAULTS {
        check.faults.push(SealFault { path, kind });
    }
}

impl Work<'_> {
    fn fault(&mut self, path: PathBuf, kind: SealFaultKind) {
        note(&mut self.check, path, kind);
    }

    fn sideband(&mut self, path: &Path) {
        let full = self.disk.root.join(path);
        for name in SIDEBAND {
            if self.disk.system.has_attribute(&full, name) {
                self.fault(path.to_path_buf(), SealFaultKind::Sideband(name));
            }
        }
    }

    fn entry(&self, name: &str) -> Option<usize> {
        self.resources.entries().binary_search_by(|entry| entry.path.as_str().cmp(name)).ok()
    }

    /// Everything below the base: folders first, since nested bundles close what is in them.
    fn walk(&mut self) {
        let seen = self.disk.seen;
        let base = self.check.base.clone();
        let mut closed: HashSet<&Path> = HashSet::new();
        let is_closed = |closed: &HashSet<&Path>, path: &Path| {
            let below = path.ancestors().skip(1).take_while(|folder| *folder != base);
            below.into_iter().any(|folder| closed.contains(folder))
        };
        for folder in seen.folders_below(&base) {
            if is_closed(&closed, folder) {
                continue;
            }
            match self.rules.classify_folder(&name_in(&base, folder)) {
                Folder::Open => {}
                Folder::Excluded => {
                    closed.insert(folder);
                }
                Folder::Nested => {
                    closed.insert(folder);
                    self.nested_folder(folder);
                }
                Folder::Unknown => self.unknown(folder),
            }
        }
        for path in seen.files_below(&base).filter(|path| !is_closed(&closed, path)) {
            self.file(path, &name_in(&base, path));
        }
        for (path, target) in seen.links_below(&base).filter(|(path, _)| !is_closed(&closed, path)) {
            self.link(path, &name_in(&base, path), target);
        }
    }

    fn unknown(&mut self, path: &Path) {
        let why = "the rules of the seal that decide about it cannot be followed here: not compared".into();
        self.gaps.push(Gap { path: path.to_path_buf(), why });
    }

    fn nested_folder(&mut self, folder: &Path) {
        let name = name_in(&self.check.base, folder);
        let Some(index) = self.entry(&name) else {
            self.check.counts.added_files += self.disk.seen.files_below(folder).count() as u64;
            return self.fault(folder.to_path_buf(), SealFaultKind::AddedCode);
        };
        self.met.insert(index);
        if !matches!(self.resources.entries().get(index).map(|entry| &entry.seal), Some(Seal::Nested { .. })) {
            self.fault(folder.to_path_buf(), SealFaultKind::ChangedKind);
        }
    }

    fn file(&mut self, path: &Path, name: &str) {
        let entry = self.entry(name);
        let class = self.rules.classify(name, false);
        match (entry, class) {
            (Some(index), _) => self.sealed_file(path, index),
            (None, Class::Omitted) => {}
            (None, Class::Unknown) => self.unknown(path),
            (None, Class::Optional | Class::Required | Class::Nested) => self.fault(path.to_path_buf(), SealFaultKind::Added),
        }
    }

    fn sealed_file(&mut self, path: &Path, index: usize) {
        self.met.insert(index);
        match self.resources.entries().get(index).map(|entry| &entry.seal) {
            Some(Seal::File { sha1, sha256 }) => {
                self.files.push((path.to_path_buf(), SealedDigests { sha1: *sha1, sha256: *sha256 }));
                self.sideband(path);
            }
            Some(Seal::Symlink(_)) => self.fault(path.to_path_buf(), SealFaultKind::ChangedKind),
            Some(Seal::Malformed(_) | Seal::Nested { .. }) | None => {}
        }
    }

    fn link(&mut self, path: &Path, name: &str, target: &Path) {
        if path.file_name().is_some_and(|name| name == ".DS_Store") {
            self.fault(path.to_path_buf(), SealFaultKind::DsStoreLink);
        }
        let found = target.to_string_lossy().into_owned();
        match self.entry(name) {
            Some(index) => {
                self.met.insert(index);
                match self.resources.entries().get(index).map(|entry| entry.seal.clone()) {
                    Some(Seal::Symlink(sealed)) if sealed != found => {
                        self.fault(path.to_path_buf(), SealFaultKind::LinkChanged(sealed, found.clone()));
                    }
                    Some(Seal::Symlink(_) | Seal::Malformed(_)) | None => {}
                    Some(Seal::File { .. } | Seal::Nested { .. }) => self.fault(path.to_path_buf(), SealFaultKind::ChangedKind),
                }
            }
            // Version 1 ignores links altogether (`validateResource`).
            None if self.check.version == 1 => return,
            None => match self.rules.classify(name, true) {
                Class::Omitted => return,
                Class::Unknown => self.unknown(path),
                Class::Optional | Class::Required | Class::Nested => self.fault(path.to_path_buf(), SealFaultKind::Added),
            },
        }
        if leaves(&self.check.bundle, path, target) {
            self.fault(path.to_path_buf(), SealFaultKind::LinkLeaves(found));
        }
    }

    /// Entries, after the walk: nested code is kept to be judged, what was not met is missing.
    fn leftovers(&mut self) {
        for (index, entry) in self.resources.entries().iter().enumerate() {
            let path = self.check.base.join(&entry.path);
            let is_met = self.met.contains(&index);
            match &entry.seal {
                Seal::Nested { cdhash, requirement } => {
                    self.check.nested_count += 1;
                    let is_missing = !is_met && !self.disk.seen.has_file(&path) && !self.disk.seen.has_folder(&path);
                    if is_missing && !entry.optional {
                        self.fault(path.clone(), SealFaultKind::Missing);
                    }
                    if self.disk.seen.has_file(&path) {
                        self.sideband(&path);
                    }
                    if self.check.nested.len() < MAX_NESTED {
                        let requirement = requirement.clone();
                        let optional = entry.optional;
                        // Which files are scripts is known to whoever has read their first bytes.
                        let code = SealedCode { path, cdhash: *cdhash, requirement, is_missing, optional, is_script: false };
                        self.check.nested.push(code);
                    }
                    continue;
                }
                Seal::Malformed(why) => self.fault(path.clone(), SealFaultKind::Malformed((*why).to_owned())),
                Seal::File { .. } | Seal::Symlink(_) => {
                    if !is_met && !entry.optional {
                        self.fault(path.clone(), SealFaultKind::Missing);
                    }
                }
            }
            self.check.files += 1;
        }
    }
}

/// A path as the seal names it.
fn name_in(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned()
}

/// Whether a link leads out of its bundle; `/System` and `/Library` are allowed (`validateSymlinkResource`).
fn leaves(bundle: &Path, path: &Path, target: &Path) -> bool {
    if target.is_absolute() {
        return !target.starts_with("/System") && !target.starts_with("/Library");
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    install_name::join(folder, target).is_none_or(|target| !target.starts_with(bundle))
}
