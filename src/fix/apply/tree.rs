//! A bundle as a tree of files: listed with hashes, copied, removed. Links are copied, never followed; what is neither file, folder nor link is refused.

use super::session::SessionError;
use crate::read::hex;
use crate::system::{Change, EntryKind, System};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Deepest folder that is followed.
const MAX_DEPTH: usize = 128;
/// Most entries of a tree.
const MAX_ENTRIES: usize = 1_000_000;
/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

/// What lies at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// SHA-256 of a regular file, and its size in bytes.
    File([u8; 32], u64),
    /// Target of a link.
    Link(PathBuf),
    /// A folder.
    Folder,
}

/// Everything in a tree, by path relative to its root; the root itself has the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entries in order.
    pub entries: BTreeMap<PathBuf, Content>,
}

impl Listing {
    /// One hash of it all, in hexadecimal digits: equal when every name and every byte is.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, content) in &self.entries {
            let path = path.as_os_str().as_encoded_bytes();
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            match content {
                Content::File(digest, size) => {
                    hash.update([0]);
                    hash.update(digest);
                    hash.update(size.to_be_bytes());
                }
                Content::Link(target) => {
                    let target = target.as_os_str().as_encoded_bytes();
                    hash.update([1]);
                    hash.update((target.len() as u64).to_be_bytes());
                    hash.update(target);
                }
                Content::Folder => hash.update([2]),
            }
        }
        hex(&hash.finalize())
    }
}

/// Lists the tree at `root` with the hash of every file. `tell` hears each path, relative.
pub fn list(system: &dyn System, root: &Path, tell: &dyn Fn(&Path)) -> Result<Listing, SessionError> {
    let mut listing = Listing::default();
    visit(system, root, &mut |relative, path, kind| {
        tell(relative);
        let content = match kind {
            EntryKind::File(_) => digest(system, path)?,
            EntryKind::Link => Content::Link(system.read_link(path).map_err(SessionError::at(path))?),
            _ => Content::Folder,
        };
        listing.entries.insert(relative.to_path_buf(), content);
        Ok(())
    })?;
    Ok(listing)
}

fn digest(system: &dyn System, path: &Path) -> Result<Content, SessionError> {
    let file = system.open(path).map_err(SessionError::at(path))?;
    let (mut hash, mut at, mut buffer) = (Sha256::new(), 0_u64, vec![0; STEP]);
    loop {
        let count = file.read_at(at, &mut buffer).map_err(SessionError::at(path))?;
        if count == 0 {
            return Ok(Content::File(hash.finalize().into(), at));
        }
        hash.update(&buffer[..count]);
        at += count as u64;
    }
}

/// Copies a tree; nothing may lie at `to`, whose folder exists.
pub fn copy(system: &dyn System, from: &Path, to: &Path, tell: &dyn Fn(&Path)) -> Result<(), SessionError> {
    visit(system, from, &mut |relative, path, kind| {
        tell(relative);
        let at = join(to, relative);
        let outcome = match kind {
            EntryKind::File(_) => system.change(Change::CopyFile(path, &at)),
            EntryKind::Link => system.read_link(path).and_then(|target| system.change(Change::MakeLink { at: &at, target: &target })),
            _ => system.change(Change::MakeFolder { at: &at, like: path }),
        };
        outcome.map_err(SessionError::at(&at))
    })
}

/// Removes a tree; nothing there is no error.
pub fn remove(system: &dyn System, root: &Path) -> Result<(), SessionError> {
    if system.entry(root).is_err() {
        return Ok(());
    }
    let mut found = Vec::new();
    visit(system, root, &mut |_, path, kind| {
        found.push((path.to_path_buf(), kind));
        Ok(())
    })?;
    // A folder stands before what is in it.
    for (path, kind) in found.iter().rev() {
        let change = if *kind == EntryKind::Directory { Change::RemoveFolder(path) } else { Change::RemoveFile(path) };
        system.change(change).map_err(SessionError::at(path))?;
    }
    Ok(())
}

/// `root` itself for the empty path: a join would add a slash, which no file may have.
fn join(root: &Path, relative: &Path) -> PathBuf {
    if relative.as_os_str().is_empty() { root.to_path_buf() } else { root.join(relative) }
}

type Visitor<'a> = dyn FnMut(&Path, &Path, EntryKind) -> Result<(), SessionError> + 'a;

/// Every entry with its relative and its full path, folders before what is in them.
fn visit(system: &dyn System, root: &Path, each: &mut Visitor<'_>) -> Result<(), SessionError> {
    let mut todo = vec![(PathBuf::new(), 0_usize)];
    let mut count = 0_usize;
    while let Some((relative, depth)) = todo.pop() {
        let path = join(root, &relative);
        let kind = system.entry(&path).map_err(SessionError::at(&path))?;
        count += 1;
        if kind == EntryKind::Special || depth > MAX_DEPTH || count > MAX_ENTRIES {
            let why = if kind == EntryKind::Special { "a device, socket or pipe cannot be copied" } else { "too many files or folders" };
            return Err(SessionError::Refused(format!("{}: {why}", path.display())));
        }
        each(&relative, &path, kind)?;
        if kind == EntryKind::Directory {
            let entries = system.list(&path).map_err(SessionError::at(&path))?;
            let names = entries.iter().rev().filter_map(|entry| entry.path.file_name());
            todo.extend(names.map(|name| (relative.join(name), depth + 1)));
        }
    }
    Ok(())
}
