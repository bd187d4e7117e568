//! The machine Temper runs on.
//!
//! Regular files only: a FIFO, socket or device is never opened for reading, and a link in the last component is never followed.

use super::launch::{Control, Ended, Launch, Machine, Stamp};
use super::{Change, Command, Entry, EntryKind, OpenFile, Output, Secret, SecretSource, Stream, Streamed, System, process};
use etcetera::BaseStrategy;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Name of Temper's own folder in the user's cache and configuration.
const FOLDER: &str = "temper";

/// The real machine. Has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealSystem;

/// An open regular file.
struct DiskFile {
    file: File,
    len: u64,
}

impl OpenFile for DiskFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

/// What a file type is; `size` is asked of a regular file only.
fn kind_of(kind: fs::FileType, size: impl FnOnce() -> io::Result<u64>) -> io::Result<EntryKind> {
    Ok(if kind.is_symlink() {
        EntryKind::Link
    } else if kind.is_dir() {
        EntryKind::Directory
    } else if kind.is_file() {
        EntryKind::File(size()?)
    } else {
        EntryKind::Special
    })
}

impl System for RealSystem {
    fn entry(&self, path: &Path) -> io::Result<EntryKind> {
        let metadata = fs::symlink_metadata(path)?;
        kind_of(metadata.file_type(), || Ok(metadata.len()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // The folder itself tells most kinds; a size is asked of the entry, which may have gone away since, and then is none.
            match entry.file_type().and_then(|kind| kind_of(kind, || Ok(entry.metadata()?.len()))) {
                Ok(kind) => entries.push(Entry { kind, path: entry.path() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        // O_NONBLOCK: opening a FIFO that came into place since the folder was listed returns at once, and is refused below.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Box::new(DiskFile { len: metadata.len(), file }))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    /// On macOS the attribute; elsewhere always `None`: copies lose Apple's attributes, so quarantine is unknown there.
    #[cfg(target_os = "macos")]
    fn attribute(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        super::macos::attribute(path, name)
    }

    #[cfg(target_os = "macos")]
    fn has_attribute(&self, path: &Path, name: &str) -> bool {
        super::macos::has_attribute(path, name)
    }

    #[cfg(not(target_os = "macos"))]
    fn attribute(&self, _path: &Path, _name: &str) -> Option<Vec<u8>> {
        None
    }

    /// The pasteboard of this Mac; over SSH the terminal's own way reaches the user's machine, this would not.
    #[cfg(target_os = "macos")]
    fn copy(&self, text: &str) -> io::Result<bool> {
        match std::env::var_os("SSH_CONNECTION") {
            Some(_) => Ok(false),
            None => super::macos::copy(text).map(|()| true),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
    }

    fn standard_input(&self, cap: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().lock().take(cap as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mode = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Some(metadata.permissions()),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut new = tempfile::Builder::new().prefix(".temper-").permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)?;
        new.write_all(bytes)?;
        if let Some(mode) = mode {
            new.as_file().set_permissions(mode)?;
        }
        new.as_file().sync_all()?;
        new.persist(path).map_err(|error| error.error)?;
        // The rename itself reaches the disk with the folder. Not every file system can sync one.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    fn set_executable(&self, path: &Path) -> io::Result<()> {
        let mode = fs::symlink_metadata(path)?.permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        etcetera::choose_base_strategy().ok().map(|folders| folders.cache_dir().join(FOLDER))
    }

    fn config_folder(&self) -> Option<PathBuf> {
        etcetera::choose_base_strategy().ok().map(|folders| folders.config_dir().join(FOLDER))
    }

    fn change(&self, change: Change<'_>) -> io::Result<()> {
        process::change(change)
    }

    fn run(&self, command: &Command) -> io::Result<Output> {
        process::run(command)
    }

    fn stream(&self, stream: &Stream, stop: &AtomicBool, output: &mut dyn FnMut(&[u8])) -> io::Result<Streamed> {
        super::stream::stream(stream, stop, output)
    }

    fn secret(&self, from: &SecretSource) -> io::Result<Secret> {
        process::secret(from)
    }

    fn threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(16)
    }

    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())).collect()
    }

    fn stamp(&self, path: &Path) -> io::Result<Stamp> {
        let metadata = fs::symlink_metadata(path)?;
        let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Ok(Stamp {
            size: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        })
    }

    fn pause(&self, how_long: Duration) {
        std::thread::sleep(how_long);
    }

    fn launch(&self, launch: &Launch, control: &Control, output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Ended> {
        super::pty::launch(launch, control, output)
    }

    #[cfg(target_os = "macos")]
    fn machine(&self) -> Machine {
        super::macos::machine()
    }

    #[cfg(not(target_os = "macos"))]
    fn machine(&self) -> Machine {
        Machine::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_fifo_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("pipe");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(RealSystem.entry(&fifo).unwrap(), EntryKind::Special);
        assert_eq!(RealSystem.open(&fifo).err().unwrap().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("real"), b"text").unwrap();
        symlink("real", folder.path().join("link")).unwrap();
        assert_eq!(RealSystem.entry(&folder.path().join("link")).unwrap(), EntryKind::Link);
        assert!(RealSystem.open(&folder.path().join("link")).is_err());
    }

    #[test]
    fn a_folder_is_listed_in_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c", "a", "b"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let names: Vec<_> = RealSystem.list(folder.path()).unwrap().into_iter().map(|e| e.path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        RealSystem.write_atomic(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        RealSystem.write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the temporary file is gone");
    }

    #[test]
    fn a_link_is_never_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("real"), b"text").unwrap();
        symlink("real", folder.path().join("link")).unwrap();
        assert!(RealSystem.write_atomic(&folder.path().join("link"), b"new").is_err());
        assert_eq!(fs::read(folder.path().join("real")).unwrap(), b"text");
    }

    #[test]
    fn a_file_larger_than_the_cap_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"12345").unwrap();
        assert_eq!(RealSystem.read_small(&folder.path().join("file"), 5).unwrap(), b"12345");
        assert!(RealSystem.read_small(&folder.path().join("file"), 4).is_err());
    }
}
