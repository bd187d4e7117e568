//! What lies in the target: files, folders and links, by name. Opens nothing and follows no link.

use super::ScanError;
use super::install_name;
use crate::evidence::Gap;
use crate::system::{EntryKind, System};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 64;
/// Entries after which the walk ends.
const MAX_ENTRIES: usize = 1_000_000;
/// Links that are followed one after the other.
const MAX_HOPS: usize = 32;

/// What was seen, relative to the root.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Regular files and their sizes.
    pub(super) files: BTreeMap<PathBuf, u64>,
    folders: Vec<PathBuf>,
    folder_set: BTreeSet<PathBuf>,
    links: BTreeMap<PathBuf, PathBuf>,
    /// What could not be looked at.
    pub(super) gaps: Vec<Gap>,
}

impl Seen {
    /// Folders in order of their paths, the root (an empty path) first.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    pub(super) fn has_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn has_folder(&self, path: &Path) -> bool {
        self.folder_set.contains(path)
    }

    /// The file or folder that a path means when its links are followed inside the root; `None` when there is none, or it leads out.
    pub(super) fn real(&self, path: &Path) -> Option<PathBuf> {
        let mut todo: Vec<PathBuf> = path.iter().rev().map(PathBuf::from).collect();
        let mut real = PathBuf::new();
        let mut hops = 0;
        while let Some(part) = todo.pop() {
            match part.components().next()? {
                Component::Normal(name) => real.push(name),
                Component::ParentDir if real.pop() => continue,
                Component::CurDir => continue,
                _ => return None,
            }
            if let Some(target) = self.links.get(&real) {
                hops += 1;
                if hops > MAX_HOPS {
                    return None;
                }
                todo.extend(target.iter().rev().map(PathBuf::from));
                real.pop();
            }
        }
        (self.has_file(&real) || self.has_folder(&real)).then_some(real)
    }

    /// Where a link leads, as written; `None` for anything else.
    pub(super) fn link(&self, path: &Path) -> Option<&Path> {
        self.links.get(path).map(PathBuf::as_path)
    }

    /// Files anywhere below a folder.
    pub(super) fn files_below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Path> + 'a {
        self.files.range::<Path, _>(from(folder)).map(|(path, _)| path.as_path()).take_while(move |path| path.starts_with(folder))
    }

    /// Folders anywhere below a folder, outer ones first.
    pub(super) fn folders_below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Path> + 'a {
        let all = self.folder_set.range::<Path, _>(from(folder)).map(PathBuf::as_path);
        all.take_while(move |path| path.starts_with(folder)).filter(move |path| *path != folder)
    }

    /// Links anywhere below a folder, with their targets.
    pub(super) fn links_below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a Path, &'a Path)> + 'a {
        let all = self.links.range::<Path, _>(from(folder)).map(|(path, target)| (path.as_path(), target.as_path()));
        all.take_while(move |(path, _)| path.starts_with(folder))
    }

    /// Folders, files and links that lie in a folder itself.
    pub(super) fn children<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let links = self.links_below(folder).map(|(path, _)| path);
        let all = self.folders_below(folder).chain(self.files_below(folder)).chain(links);
        all.filter(move |path| path.parent() == Some(folder)).map(Path::to_path_buf)
    }

    /// Adds a file that is known to be there.
    pub(super) fn add_file(&mut self, path: PathBuf, size: u64) {
        self.files.insert(path, size);
    }
}

/// All paths from `folder` on.
fn from(folder: &Path) -> (std::ops::Bound<&Path>, std::ops::Bound<&Path>) {
    (std::ops::Bound::Included(folder), std::ops::Bound::Unbounded)
}

fn gap(path: &Path, why: impl Into<String>) -> Gap {
    Gap { path: path.to_path_buf(), why: why.into() }
}

/// Lists everything below `root`. `progress` is told the number of files so far. The root itself must be readable.
pub(super) fn walk(system: &dyn System, root: &Path, progress: &dyn Fn(usize), cancel: &AtomicBool) -> Result<Seen, ScanError> {
    let mut seen = Seen::default();
    let mut todo = vec![PathBuf::new()];
    let mut entries = 0;
    while let Some(folder) = todo.pop() {
        if cancel.load(Ordering::Relaxed) {
            return Err(ScanError::Cancelled);
        }
        let listed = match system.list(&root.join(&folder)) {
            Ok(listed) => listed,
            Err(error) if folder.as_os_str().is_empty() => return Err(ScanError::io(root, error)),
            Err(error) => {
                seen.gaps.push(gap(&folder, format!("the folder cannot be listed: {error}")));
                seen.folder_set.insert(folder);
                continue;
            }
        };
        entries += listed.len();
        if entries > MAX_ENTRIES {
            seen.gaps.push(gap(&folder, format!("more than {MAX_ENTRIES} files: this folder and what comes after it was not looked at")));
            break;
        }
        for entry in listed {
            let Some(name) = entry.path.file_name() else { continue };
            let path = folder.join(name);
            match entry.kind {
                EntryKind::File(size) => {
                    seen.files.insert(path, size);
                }
                EntryKind::Directory if path.components().count() > MAX_DEPTH => {
                    seen.gaps.push(gap(&path, format!("deeper than {MAX_DEPTH} folders: not looked at")));
                }
                EntryKind::Directory => todo.push(path),
                EntryKind::Link => add_link(system, root, path, &mut seen),
                EntryKind::Special => seen.gaps.push(gap(&path, "a FIFO, socket or device: not opened")),
            }
        }
        seen.folder_set.insert(folder);
        progress(seen.files.len());
    }
    seen.folders = seen.folder_set.iter().cloned().collect();
    Ok(seen)
}

fn add_link(system: &dyn System, root: &Path, path: PathBuf, seen: &mut Seen) {
    match system.read_link(&root.join(&path)) {
        Ok(target) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            if target.is_absolute() || install_name::join(folder, &target).is_none() {
                seen.gaps.push(gap(&path, format!("a link that leads out of the target, to {}: not followed", target.display())));
            }
            seen.links.insert(path, target);
        }
        Err(error) => seen.gaps.push(gap(&path, format!("the link cannot be read: {error}"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    fn seen(system: &FakeSystem) -> Seen {
        walk(system, Path::new("/x"), &|_| {}, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn links_are_followed_only_by_name_and_only_inside() {
        let system = FakeSystem::new()
            .file("/x/a/file", "1")
            .link("/x/in", "a/file")
            .link("/x/dir", "a")
            .link("/x/out", "../y/secret")
            .link("/x/abs", "/y/secret")
            .link("/x/loop1", "loop2")
            .link("/x/loop2", "loop1")
            .link("/x/a/up", "..")
            .file("/y/secret", "2");
        let seen = seen(&system);
        assert_eq!(seen.files.keys().collect::<Vec<_>>(), [Path::new("a/file")]);
        assert_eq!(seen.real(Path::new("in")).as_deref(), Some(Path::new("a/file")));
        assert_eq!(seen.real(Path::new("dir/up/dir/file")).as_deref(), Some(Path::new("a/file")));
        for none in ["out", "abs", "loop1", "nothing", "../y/secret"] {
            assert_eq!(seen.real(Path::new(none)), None, "{none}");
        }
        let out: Vec<_> = seen.gaps.iter().map(|gap| gap.path.to_str().unwrap()).collect();
        assert_eq!(out, ["abs", "out"]);
        assert_eq!(system.opened(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_fifo_and_an_unreadable_folder_are_gaps() {
        let system = FakeSystem::new().special("/x/pipe").unreadable_folder("/x/closed").file("/x/z/file", "");
        let seen = seen(&system);
        assert_eq!(seen.gaps.len(), 2);
        assert!(seen.has_file(Path::new("z/file")));
    }

    #[test]
    fn a_very_deep_folder_is_a_gap() {
        let system = FakeSystem::new().file(&format!("/x/{}/file", ["d"; 80].join("/")), "");
        let seen = seen(&system);
        assert!(seen.files.is_empty());
        assert!(seen.gaps[0].why.starts_with("deeper"));
    }
}
