//! The only door to disk, processes, environment and clock.

use launch::{Control, Ended, Launch, Machine, Stamp};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub mod disk;
pub mod fake;
pub mod launch;
#[cfg(target_os = "macos")]
mod macos;
mod process;
mod pty;
mod stream;

pub use process::{Change, Command, Output, Secret, SecretSource};
pub use stream::{Cut, Stream, Streamed};

/// What a path is, without following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Regular file with its size.
    File(u64),
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// FIFO, socket, device: never opened.
    Special,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full path.
    pub path: PathBuf,
    /// Kind.
    pub kind: EntryKind,
}

/// An open file: positioned reads, from any thread.
pub trait OpenFile: Send + Sync {
    /// Length at the time of opening.
    fn len(&self) -> u64;
    /// True when empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Reads at most `buf.len()` bytes at `offset`; 0 at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

/// Disk, environment and clock. Tests use [`fake::FakeSystem`] or the real one on a temporary folder.
pub trait System: Send + Sync {
    /// What `path` is; links are not followed.
    fn entry(&self, path: &Path) -> io::Result<EntryKind>;
    /// Entries of a directory, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Opens a regular file for reading. Never blocks on a FIFO, never follows a link in the last component.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;
    /// Target of a link.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// Absolute path with links resolved.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    /// Value of an extended attribute; `None` when absent or not supported.
    fn attribute(&self, path: &Path, name: &str) -> Option<Vec<u8>>;
    /// Whether a file has an extended attribute, however long.
    fn has_attribute(&self, path: &Path, name: &str) -> bool {
        self.attribute(path, name).is_some()
    }
    /// Puts a text on the system's clipboard. `Ok(false)`: there is none to be had here, the terminal's own way is left.
    fn copy(&self, _text: &str) -> io::Result<bool> {
        Ok(false)
    }
    /// Environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// Seconds since 1970 UTC.
    fn now(&self) -> i64;
    /// All of standard input, at most `cap` bytes.
    fn standard_input(&self, cap: usize) -> io::Result<Vec<u8>>;
    /// Writes a file atomically: a new file beside it, then a rename; the old or the new content, never half. Keeps the mode of an existing file.
    /// Makes missing parent folders. Extended attributes of a replaced file are lost.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Lets the file at `path` be run by whoever may read it. Does nothing where there are no modes.
    fn set_executable(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Temper's folder for what can be made again (`~/.cache/temper`, or below `XDG_CACHE_HOME`); `None` without a home.
    fn cache_folder(&self) -> Option<PathBuf> {
        None
    }
    /// Temper's folder for what the user wrote (`~/.config/temper`, or below `XDG_CONFIG_HOME`); `None` without a home.
    fn config_folder(&self) -> Option<PathBuf> {
        None
    }
    /// Changes the disk otherwise than by writing bytes.
    fn change(&self, _change: Change<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Runs a program to its end and keeps what it said. An error when it cannot be started; a status that is not 0 is none.
    fn run(&self, _command: &Command) -> io::Result<Output> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// The file that is run under this name: the first in `PATH`. `None` when there is none.
    fn on_path(&self, program: &str) -> Option<PathBuf> {
        let path = self.variable("PATH")?;
        let mut files = path.split(':').filter(|folder| !folder.is_empty()).map(|folder| Path::new(folder).join(program));
        files.find(|file| matches!(self.entry(file), Ok(EntryKind::File(_) | EntryKind::Link)))
    }

    /// Runs a program and passes on what it writes to standard output as it comes, until it ends, a bound is reached, or `stop` is set. An error when it cannot
    /// be started.
    fn stream(&self, _stream: &Stream, _stop: &AtomicBool, _output: &mut dyn FnMut(&[u8])) -> io::Result<Streamed> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// A password; an error when there is nobody or nothing to ask.
    fn secret(&self, _from: &SecretSource) -> io::Result<Secret> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Number of threads worth starting.
    fn threads(&self) -> usize;
    /// All environment variables, for show: what is not text is replaced.
    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// What tells that a file was changed or replaced; links are not followed.
    /// A system that knows no times gives the size alone.
    fn stamp(&self, path: &Path) -> io::Result<Stamp> {
        let size = if let EntryKind::File(size) = self.entry(path)? { size } else { 0 };
        Ok(Stamp { size, ..Stamp::default() })
    }
    /// Waits; where time does not pass, not at all.
    fn pause(&self, _how_long: Duration) {}
    /// Starts a program on a terminal of its own and stays with it until it ended, or was ended. `output` gets what it writes as it comes; when `output` fails
    /// the program is ended. An error means that it could not be started, or that `output` failed.
    fn launch(&self, _launch: &Launch, _control: &Control, _output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Ended> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "programs cannot be started here"))
    }
    /// Settings of this machine that decide what a test on it proves.
    fn machine(&self) -> Machine {
        Machine::default()
    }

    /// Reads a whole small file, at most `cap` bytes (an error of kind `InvalidData` when larger).
    fn read_small(&self, path: &Path, cap: usize) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let size = usize::try_from(file.len())
            .ok()
            .filter(|&n| n <= cap)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "larger than Temper reads"))?;
        let mut bytes = vec![0; size];
        let mut done = 0;
        while done < size {
            match file.read_at(done as u64, &mut bytes[done..])? {
                0 => break,
                n => done += n,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }
}
