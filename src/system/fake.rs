//! A machine in memory, for tests: files, folders, links, FIFOs, unreadable files, files of any length, a fixed clock.

use super::launch::{Control, Ended, Launch, Machine, Stamp};
use super::{Change, Command, Entry, EntryKind, OpenFile, Output, Secret, SecretSource, Stream, Streamed, System};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What lies at a path.
#[derive(Debug, Clone)]
enum Node {
    /// The bytes, then zeros up to the length.
    File(Arc<Vec<u8>>, u64),
    Directory,
    Link(PathBuf),
    Special,
    /// A regular file that may not be opened.
    Unreadable,
    /// A folder that may not be listed.
    UnreadableDirectory,
}

/// What a program does to the machine in memory, and what it says.
pub type Program = Box<dyn Fn(&FakeSystem, &Command) -> io::Result<Output> + Send + Sync>;

/// A machine in memory.
pub struct FakeSystem {
    nodes: Mutex<BTreeMap<PathBuf, Node>>,
    opened: Mutex<Vec<PathBuf>>,
    ran: Mutex<Vec<Command>>,
    commands: Option<Program>,
    /// Passwords by variable name; a prompt and a descriptor have none.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The file system cannot exchange two files.
    pub no_exchange: bool,
    /// Extended attributes: (path, name) → value.
    pub attributes: BTreeMap<(PathBuf, String), Vec<u8>>,
    /// Environment.
    pub variables: BTreeMap<String, String>,
    /// What the clock says: seconds since 1970 UTC.
    pub clock: i64,
    /// Standard input.
    pub input: Vec<u8>,
    /// Number of threads worth starting.
    pub thread_count: usize,
    /// What a started program writes, and how it ends; `None`: it cannot be started.
    pub program: Option<(Vec<u8>, Ended)>,
    /// What was started.
    pub launched: Mutex<Vec<Launch>>,
    /// What the machine says about itself.
    pub settings: Machine,
}

impl std::fmt::Debug for FakeSystem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FakeSystem").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl Default for FakeSystem {
    fn default() -> Self {
        Self {
            nodes: Mutex::new(BTreeMap::from([(PathBuf::from("/"), Node::Directory)])),
            opened: Mutex::default(),
            ran: Mutex::default(),
            commands: None,
            secrets: BTreeMap::new(),
            no_exchange: false,
            attributes: BTreeMap::new(),
            variables: BTreeMap::new(),
            clock: 1_700_000_000,
            input: Vec::new(),
            thread_count: 2,
            program: None,
            launched: Mutex::default(),
            settings: Machine::default(),
        }
    }
}

/// An open file in memory.
struct FakeFile {
    bytes: Arc<Vec<u8>>,
    len: u64,
}

impl OpenFile for FakeFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let stored = &self.bytes[start..self.bytes.len().min(start.saturating_add(left))];
        buf[..stored.len()].copy_from_slice(stored);
        buf[stored.len()..left].fill(0);
        Ok(left)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such file or directory")
}

fn denied() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "permission denied")
}

impl FakeSystem {
    /// An empty machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; its folders come into being.
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let len = bytes.len() as u64;
        self.put(path, Node::File(Arc::new(bytes), len))
    }

    /// Adds a file of `len` bytes: `head`, then zeros that take no memory.
    pub fn sparse(self, path: &str, head: impl Into<Vec<u8>>, len: u64) -> Self {
        self.put(path, Node::File(Arc::new(head.into()), len))
    }

    /// Adds an empty folder.
    pub fn folder(self, path: &str) -> Self {
        self.put(path, Node::Directory)
    }

    /// Adds a link.
    pub fn link(self, path: &str, target: &str) -> Self {
        self.put(path, Node::Link(target.into()))
    }

    /// Adds a FIFO.
    pub fn special(self, path: &str) -> Self {
        self.put(path, Node::Special)
    }

    /// Adds a file that may not be opened.
    pub fn unreadable(self, path: &str) -> Self {
        self.put(path, Node::Unreadable)
    }

    /// Adds a folder that may not be listed.
    pub fn unreadable_folder(self, path: &str) -> Self {
        self.put(path, Node::UnreadableDirectory)
    }

    /// Lets `program` answer for every program that is run. Without it there is none.
    pub fn program(self, program: impl Fn(&FakeSystem, &Command) -> io::Result<Output> + Send + Sync + 'static) -> Self {
        Self { commands: Some(Box::new(program)), ..self }
    }

    /// Every command that was run, in order.
    pub fn ran(&self) -> Vec<Command> {
        locked(&self.ran).clone()
    }

    /// Every file below `folder` with its bytes, every link with its target.
    pub fn tree(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let nodes = locked(&self.nodes);
        let inside = nodes.iter().filter(|(path, _)| path.starts_with(folder));
        inside
            .filter_map(|(path, node)| match node {
                Node::File(bytes, _) => Some((path.clone(), bytes.to_vec())),
                Node::Link(target) => Some((path.clone(), target.as_os_str().as_encoded_bytes().to_vec())),
                _ => None,
            })
            .collect()
    }

    /// Everything at and below `from`, taken away and given back with `to` in its place.
    fn take(nodes: &mut BTreeMap<PathBuf, Node>, from: &Path, to: &Path) -> Vec<(PathBuf, Node)> {
        let paths: Vec<PathBuf> = nodes.keys().filter(|path| path.starts_with(from)).cloned().collect();
        let moved = |path: &PathBuf| match path.strip_prefix(from) {
            Ok(rest) if !rest.as_os_str().is_empty() => to.join(rest),
            _ => to.to_path_buf(),
        };
        paths.iter().filter_map(|path| nodes.remove(path).map(|node| (moved(path), node))).collect()
    }

    /// Everything that was opened, in order.
    pub fn opened(&self) -> Vec<PathBuf> {
        locked(&self.opened).clone()
    }

    fn put(self, path: &str, node: Node) -> Self {
        self.insert(Path::new(path), node);
        self
    }

    fn insert(&self, path: &Path, node: Node) {
        let mut nodes = locked(&self.nodes);
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            nodes.entry(folder.to_path_buf()).or_insert(Node::Directory);
        }
        nodes.insert(path.to_path_buf(), node);
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        locked(&self.nodes).get(path).cloned().ok_or_else(missing)
    }

    /// The path with the links of its parent resolved.
    fn parent_resolved(&self, path: &Path) -> io::Result<PathBuf> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(self.canonical(parent)?.join(name)),
            _ => Ok(path.to_path_buf()),
        }
    }
}

impl System for FakeSystem {
    fn entry(&self, path: &Path) -> io::Result<EntryKind> {
        Ok(match self.node(&self.parent_resolved(path)?)? {
            Node::File(_, len) => EntryKind::File(len),
            Node::Directory | Node::UnreadableDirectory => EntryKind::Directory,
            Node::Link(_) => EntryKind::Link,
            Node::Special => EntryKind::Special,
            Node::Unreadable => EntryKind::File(4096),
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let real = self.canonical(path)?;
        match self.node(&real)? {
            Node::Directory => {}
            Node::UnreadableDirectory => return Err(denied()),
            _ => return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory")),
        }
        let children: Vec<PathBuf> = locked(&self.nodes).keys().filter(|child| child.parent() == Some(&real)).cloned().collect();
        let names = children.iter().filter_map(|child| child.file_name());
        names.map(|name| Ok(Entry { path: path.join(name), kind: self.entry(&real.join(name))? })).collect()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        locked(&self.opened).push(path.to_path_buf());
        match self.node(&self.parent_resolved(path)?)? {
            Node::File(bytes, len) => Ok(Box::new(FakeFile { bytes, len })),
            Node::Unreadable => Err(denied()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        }
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.node(&self.parent_resolved(path)?)? {
            Node::Link(target) => Ok(target),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a link")),
        }
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let mut todo: Vec<std::ffi::OsString> = path.components().rev().map(|c| c.as_os_str().to_owned()).collect();
        let mut real = PathBuf::from("/");
        let mut hops = 0;
        while let Some(part) = todo.pop() {
            match Path::new(&part).components().next() {
                Some(Component::ParentDir) => {
                    real.pop();
                }
                Some(Component::Normal(name)) => {
                    let next = real.join(name);
                    match self.node(&next)? {
                        Node::Link(_) if hops >= 40 => return Err(io::Error::other("too many levels of symbolic links")),
                        Node::Link(target) => {
                            hops += 1;
                            if target.is_absolute() {
                                real = PathBuf::from("/");
                            }
                            todo.extend(target.components().rev().map(|c| c.as_os_str().to_owned()));
                        }
                        _ => real = next,
                    }
                }
                _ => {}
            }
        }
        Ok(real)
    }

    fn attribute(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        self.attributes.get(&(path.to_path_buf(), name.to_owned())).cloned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn now(&self) -> i64 {
        self.clock
    }

    fn standard_input(&self, cap: usize) -> io::Result<Vec<u8>> {
        Ok(self.input.iter().take(cap).copied().collect())
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.insert(path, Node::File(Arc::new(bytes.to_vec()), bytes.len() as u64));
        Ok(())
    }

    fn change(&self, change: Change<'_>) -> io::Result<()> {
        let taken = |path: &Path| match self.node(path) {
            Ok(_) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            Err(_) => Ok(()),
        };
        match change {
            Change::MakeFolder { at, .. } => {
                taken(at)?;
                self.insert(at, Node::Directory);
            }
            Change::CopyFile(from, to) => {
                taken(to)?;
                self.insert(to, self.node(from)?);
            }
            Change::MakeLink { at, target } => {
                taken(at)?;
                self.insert(at, Node::Link(target.to_path_buf()));
            }
            Change::Move(from, to) => {
                self.node(from)?;
                taken(to)?;
                let mut nodes = locked(&self.nodes);
                let moved = Self::take(&mut nodes, from, to);
                nodes.extend(moved);
            }
            Change::Exchange(..) if self.no_exchange => return Err(io::ErrorKind::Unsupported.into()),
            Change::Exchange(a, b) => {
                self.node(a)?;
                self.node(b)?;
                let mut nodes = locked(&self.nodes);
                let moved = [Self::take(&mut nodes, a, b), Self::take(&mut nodes, b, a)].concat();
                nodes.extend(moved);
            }
            Change::RemoveFile(path) => {
                self.node(path)?;
                locked(&self.nodes).remove(path);
            }
            Change::RemoveFolder(path) => {
                if !self.list(path)?.is_empty() {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                locked(&self.nodes).remove(path);
            }
        }
        Ok(())
    }

    fn run(&self, command: &Command) -> io::Result<Output> {
        locked(&self.ran).push(command.clone());
        self.commands.as_ref().map_or_else(|| Err(missing()), |program| program(self, command))
    }

    /// The same program as for [`System::run`]; all it writes comes at once, and no bound is reached.
    fn stream(&self, stream: &Stream, _stop: &AtomicBool, output: &mut dyn FnMut(&[u8])) -> io::Result<Streamed> {
        let said = self.run(&Command { argv: stream.argv.clone(), ..Command::default() })?;
        output(&said.stdout);
        Ok(Streamed { status: said.status, cut: None, stderr: said.stderr })
    }

    fn secret(&self, from: &SecretSource) -> io::Result<Secret> {
        match from {
            SecretSource::Variable(name) => self.secrets.get(name).cloned().map(Secret).ok_or_else(missing),
            SecretSource::Prompt(_) | SecretSource::Descriptor(_) => Err(missing()),
        }
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/cache/temper"))
    }

    fn config_folder(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/config/temper"))
    }

    fn threads(&self) -> usize {
        self.thread_count
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The content stands for the times: a file of another content has another stamp.
    fn stamp(&self, path: &Path) -> io::Result<Stamp> {
        let path = self.parent_resolved(path)?;
        Ok(match self.node(&path)? {
            Node::File(bytes, size) => {
                let sum = bytes.iter().fold(0_i128, |sum, byte| (sum * 31 + i128::from(*byte)) % 1_000_000_007);
                Stamp { size, modified: sum, ..Stamp::default() }
            }
            Node::Link(target) => Stamp { size: target.as_os_str().len() as u64, ..Stamp::default() },
            _ => Stamp::default(),
        })
    }

    fn launch(&self, launch: &Launch, _control: &Control, output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Ended> {
        locked(&self.launched).push(launch.clone());
        let (written, ended) = self.program.as_ref().ok_or_else(missing)?;
        output(written)?;
        Ok(*ended)
    }

    fn machine(&self) -> Machine {
        self.settings
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_through_links_is_resolved() {
        let system = FakeSystem::new().file("/a/real/file", "x").link("/a/link", "real").link("/loop", "loop");
        assert_eq!(system.canonical(Path::new("/a/link/../link/file")).unwrap(), Path::new("/a/real/file"));
        assert!(system.canonical(Path::new("/loop")).is_err());
        assert_eq!(system.entry(Path::new("/a/link")).unwrap(), EntryKind::Link);
        assert_eq!(system.read_small(Path::new("/a/link/file"), 9).unwrap(), b"x");
    }

    #[test]
    fn a_sparse_file_reads_as_zeros() {
        let system = FakeSystem::new().sparse("/big", "ab", 1 << 40);
        let file = system.open(Path::new("/big")).unwrap();
        let mut buf = [9; 4];
        assert_eq!(file.read_at(1, &mut buf).unwrap(), 4);
        assert_eq!(buf, [b'b', 0, 0, 0]);
        assert_eq!(file.read_at((1 << 40) - 1, &mut buf).unwrap(), 1);
        assert_eq!(file.read_at(1 << 40, &mut buf).unwrap(), 0);
    }
}
