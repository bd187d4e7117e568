//! A single Mach-O: the libraries that its load commands name in its own folder tree, and theirs.

use super::Meter;
use super::file::FileSource;
use super::install_name::{self, Candidate, Context, Rpath};
use crate::evidence::Image;
use crate::read::callsites::Value;
use crate::read::macho::{self, MachO};
use crate::read::source::Window;
use crate::system::{EntryKind, System};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Files that are taken together with one Mach-O.
const MAX_FILES: usize = 2_000;
/// Slices whose load commands are followed.
const MAX_SLICES: usize = 32;
/// Folders that programs lie in beside their libraries' folder.
const CODE_FOLDERS: &[&str] = &["bin", "sbin", "libexec", "MacOS", "Helpers"];
/// Where a library that is named without a folder usually lies, from the program's folder.
const USUAL_FOLDERS: &[&str] = &["", "lib", "Frameworks", "../lib", "../Frameworks", "../Libraries"];

/// A Mach-O with its libraries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// Folder that relative paths start from.
    pub(super) root: PathBuf,
    /// All files, absolute.
    pub(super) files: BTreeSet<PathBuf>,
}

/// A folder that programs lie in, with their libraries beside it.
pub(super) fn is_code_folder(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| CODE_FOLDERS.contains(&name))
}

/// Folders that may be looked into for a file: its own, or that folder's parent when it is a `bin`.
fn bounds(file: &Path) -> (PathBuf, PathBuf) {
    let own = file.parent().unwrap_or(Path::new("/")).to_path_buf();
    let outer = own.parent().filter(|_| is_code_folder(&own)).map_or_else(|| own.clone(), Path::to_path_buf);
    (own, outer)
}

/// What is known while files are collected.
struct Collector<'a> {
    system: &'a dyn System,
    cancel: &'a AtomicBool,
    meter: &'a Meter<'a>,
    /// Nothing outside this folder is taken.
    outer: PathBuf,
    /// Folder of the main file, relative to `outer`.
    executable: PathBuf,
}

/// Collects `main` and what it loads; `also` are files found otherwise (opened by name, started by a script). All paths without links.
pub(super) fn collect(system: &dyn System, main: &Path, also: &[PathBuf], cancel: &AtomicBool, meter: &Meter<'_>) -> Tree {
    let (own, outer) = bounds(main);
    let executable = own.strip_prefix(&outer).unwrap_or(Path::new("")).to_path_buf();
    let collector = Collector { system, cancel, meter, outer, executable };
    let mut files = BTreeSet::new();
    let starts = std::iter::once(main.to_path_buf()).chain(also.iter().cloned());
    let mut todo: Vec<(PathBuf, Vec<Rpath>)> = starts.map(|path| (path, Vec::new())).collect();
    while let Some((path, chain)) = todo.pop() {
        if files.len() >= MAX_FILES || cancel.load(Ordering::Relaxed) {
            break;
        }
        if files.insert(path.clone()) {
            todo.extend(collector.libraries(&path, &chain));
        }
    }
    let root = if files.iter().all(|file| file.starts_with(&own)) { own } else { collector.outer };
    Tree { root, files }
}

/// `main` without what it loads.
pub(super) fn alone(main: &Path) -> Tree {
    Tree { root: main.parent().unwrap_or(Path::new("/")).to_path_buf(), files: BTreeSet::from([main.to_path_buf()]) }
}

impl Collector<'_> {
    fn libraries(&self, path: &Path, chain: &[Rpath]) -> Vec<(PathBuf, Vec<Rpath>)> {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(&self.outer).ok()).unwrap_or(Path::new("")).to_path_buf();
        let mut found = Vec::new();
        for macho in self.slices(path) {
            let own = macho.rpaths.iter().map(|text| Rpath { text: text.clone(), folder: folder.clone() });
            let rpaths: Vec<Rpath> = own.chain(chain.iter().cloned()).take(256).collect();
            for library in &macho.libraries {
                found.extend(self.resolve(&library.name, &folder, &rpaths).into_iter().map(|path| (path, rpaths.clone())));
            }
        }
        found
    }

    fn slices(&self, path: &Path) -> Vec<MachO> {
        let Ok(file) = self.system.open(path) else { return Vec::new() };
        let source = FileSource::new(file, self.cancel, self.meter);
        let Ok(slices) = macho::slices(&source) else { return Vec::new() };
        let windows = slices.slices.iter().take(MAX_SLICES).filter_map(|slice| Window::new(&source, slice.offset, slice.size));
        windows.filter_map(|window| macho::read(&window).ok()).collect()
    }

    /// Files in the tree that a name can mean, without links.
    fn resolve(&self, name: &str, loader: &Path, rpaths: &[Rpath]) -> Vec<PathBuf> {
        if install_name::is_system(name) {
            return Vec::new();
        }
        let context = Context { loader, executable: &self.executable, rpaths, root: &self.outer };
        let mut places: Vec<PathBuf> = install_name::candidates(name, &context)
            .into_iter()
            .filter_map(|candidate| match candidate {
                Candidate::Inside(path) => Some(path),
                Candidate::Outside(_) => None,
            })
            .collect();
        if !name.starts_with(['/', '@']) {
            let usual = USUAL_FOLDERS.iter().filter_map(|folder| install_name::join(&self.executable, Path::new(folder)));
            places.extend(usual.chain([loader.to_path_buf()]).filter_map(|folder| install_name::join(&folder, Path::new(name))));
        }
        places.iter().filter_map(|place| self.real(place)).take(1).collect()
    }

    /// The regular file at a place, when following its links stays in the tree.
    fn real(&self, place: &Path) -> Option<PathBuf> {
        let real = self.system.canonical(&self.outer.join(place)).ok()?;
        let is_file = matches!(self.system.entry(&real), Ok(EntryKind::File(_)));
        (is_file && real.starts_with(&self.outer)).then_some(real)
    }
}

/// Files that the images open by a constant name and that lie in the tree of `main`, absolute; without those already there.
pub(super) fn opened_by_name(
    system: &dyn System,
    main: &Path,
    tree: &Tree,
    images: &[Image],
    cancel: &AtomicBool,
    meter: &Meter<'_>,
) -> Vec<PathBuf> {
    let (own, outer) = bounds(main);
    let executable = own.strip_prefix(&outer).unwrap_or(Path::new("")).to_path_buf();
    let collector = Collector { system, cancel, meter, outer, executable };
    let mut found = BTreeSet::new();
    for image in images {
        let full = tree.root.join(&image.path);
        let folder = full.parent().and_then(|folder| folder.strip_prefix(&collector.outer).ok()).unwrap_or(Path::new(""));
        let rpaths: Vec<Rpath> = image.macho.rpaths.iter().map(|text| Rpath { text: text.clone(), folder: folder.to_path_buf() }).collect();
        let names = image.calls.calls.iter().filter(|call| call.callee == "_dlopen").filter_map(|call| match call.arguments.first() {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        });
        found.extend(names.flat_map(|name| collector.resolve(name, folder, &rpaths)).filter(|path| !tree.files.contains(path)));
    }
    found.into_iter().take(MAX_FILES).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    #[test]
    fn a_bin_folder_may_be_left_for_its_parent_only() {
        assert_eq!(bounds(Path::new("/x/tool/bin/tool")), ("/x/tool/bin".into(), "/x/tool".into()));
        assert_eq!(bounds(Path::new("/x/tool/tool")), ("/x/tool".into(), "/x/tool".into()));
    }

    fn resolve(system: &FakeSystem, name: &str) -> Vec<PathBuf> {
        let meter = Meter::new(&|_| {});
        let cancel = AtomicBool::new(false);
        let collector = Collector { system, cancel: &cancel, meter: &meter, outer: "/x/tool".into(), executable: "bin".into() };
        collector.resolve(name, Path::new("bin"), &[Rpath { text: "@loader_path/../lib".into(), folder: "bin".into() }])
    }

    #[test]
    fn names_are_resolved_in_the_tree_and_through_links_that_stay_in_it() {
        let system = FakeSystem::new()
            .file("/x/tool/lib/liba.1.dylib", "")
            .link("/x/tool/lib/liba.dylib", "liba.1.dylib")
            .link("/x/tool/lib/libout.dylib", "../../secret.dylib")
            .file("/x/secret.dylib", "")
            .special("/x/tool/lib/libpipe.dylib");
        let real = [PathBuf::from("/x/tool/lib/liba.1.dylib")];
        assert_eq!(resolve(&system, "@rpath/liba.dylib"), real);
        assert_eq!(resolve(&system, "@executable_path/../lib/liba.dylib"), real);
        assert_eq!(resolve(&system, "liba.dylib"), real);
        for none in
            ["@rpath/libout.dylib", "@rpath/libpipe.dylib", "@loader_path/../../secret.dylib", "/x/secret.dylib", "/usr/lib/liba.dylib"]
        {
            assert_eq!(resolve(&system, none), Vec::<PathBuf>::new(), "{none}");
        }
    }
}
