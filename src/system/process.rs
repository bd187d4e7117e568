//! Programs that are run, and secrets that are asked for: the types of the door; the real machine's half stands below.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use zeroize::Zeroize as _;

/// Most bytes of each output stream that are kept.
const MAX_OUTPUT: usize = 1 << 20;
/// Longest secret that is read, in bytes.
const MAX_SECRET: usize = 4096;

/// A program to run to its end. No shell is involved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Argument list; the first is looked up in `PATH` when it has no slash.
    pub argv: Vec<OsString>,
    /// Folder it runs in; Temper's own when `None`.
    pub folder: Option<PathBuf>,
    /// Variables that it must not inherit.
    pub without: Vec<String>,
    /// What it reads from standard input; nothing when `None`.
    pub input: Option<Secret>,
}

/// What a program left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, at most 1 MiB.
    pub stdout: Vec<u8>,
    /// Standard error, at most 1 MiB.
    pub stderr: Vec<u8>,
}

impl Output {
    /// It ended with status 0.
    pub fn is_success(&self) -> bool {
        self.status == Some(0)
    }

    /// Both streams as text, errors first; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        [&self.stderr, &self.stdout].map(|stream| String::from_utf8_lossy(stream).into_owned()).concat()
    }
}

/// A password. Never shown, also not by `Debug`, and overwritten when it is not needed any more.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl Secret {
    /// Adds to its end. A grown buffer would leave the old one as it is, so all goes to a new one.
    pub fn push(&mut self, more: &Secret) {
        let mut all = Vec::with_capacity(self.0.len() + more.0.len());
        all.extend_from_slice(&self.0);
        all.extend_from_slice(&more.0);
        *self = Secret(all);
    }

    /// Takes the last character away.
    pub fn pop(&mut self) {
        let begins = |byte: &u8| byte & 0xc0 != 0x80;
        self.0.truncate(self.0.iter().rposition(begins).unwrap_or(0));
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where a password comes from. Never an argument: everybody on the machine can read those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The terminal, with this question; nothing is echoed.
    Prompt(String),
    /// An open file descriptor: its first line.
    Descriptor(i32),
    /// An environment variable.
    Variable(String),
}

/// A change of the disk that is no write of bytes. Each happens whole or not at all, as far as the file system can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Makes a folder with the mode of `like`, open to its owner; nothing may lie there.
    MakeFolder {
        /// New folder; its parent exists.
        at: &'a std::path::Path,
        /// Folder whose mode it gets.
        like: &'a std::path::Path,
    },
    /// Copies a regular file with its mode, on a Mac with its attributes; nothing may lie there.
    CopyFile(&'a std::path::Path, &'a std::path::Path),
    /// Makes a link.
    MakeLink {
        /// New link.
        at: &'a std::path::Path,
        /// What it says.
        target: &'a std::path::Path,
    },
    /// Renames a file or folder within a file system; nothing may lie there.
    Move(&'a std::path::Path, &'a std::path::Path),
    /// Exchanges two that are both there, in one moment. An error of kind `Unsupported` where the file system cannot.
    Exchange(&'a std::path::Path, &'a std::path::Path),
    /// Removes a file or a link.
    RemoveFile(&'a std::path::Path),
    /// Removes an empty folder.
    RemoveFolder(&'a std::path::Path),
}

pub(super) fn run(command: &Command) -> io::Result<Output> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program to run"));
    };
    let mut process = std::process::Command::new(program);
    process.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.stdin(if command.input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.without.iter().for_each(|name| {
        process.env_remove(name);
    });
    if let Some(folder) = &command.folder {
        process.current_dir(folder);
    }
    let mut child = process.spawn()?;
    if let (Some(secret), Some(mut input)) = (&command.input, child.stdin.take()) {
        // A program that ends without reading it is judged by its status.
        let _ = input.write_all(&secret.0).and_then(|()| input.write_all(b"\n"));
    }
    let output = child.wait_with_output()?;
    let kept = |mut bytes: Vec<u8>| {
        bytes.truncate(MAX_OUTPUT);
        bytes
    };
    Ok(Output { status: output.status.code(), stdout: kept(output.stdout), stderr: kept(output.stderr) })
}

pub(super) fn secret(from: &SecretSource) -> io::Result<Secret> {
    let bytes = match from {
        SecretSource::Variable(name) => std::env::var_os(name)
            .map(OsString::into_encoded_bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("the environment variable {name} is not set")))?,
        // Works on Linux and macOS, and needs no unsafe code.
        SecretSource::Descriptor(number) => first_line(std::fs::File::open(format!("/dev/fd/{number}"))?)?,
        SecretSource::Prompt(question) => prompted(question)?,
    };
    Ok(Secret(bytes))
}

fn first_line(file: impl Read) -> io::Result<Vec<u8>> {
    // Never grown: an old buffer would keep what was read.
    let mut bytes = Vec::with_capacity(MAX_SECRET);
    let mut file = file.take(MAX_SECRET as u64);
    let mut byte = [0];
    // Byte by byte: what stands behind the line belongs to somebody else.
    while file.read(&mut byte)? == 1 && byte != *b"\n" {
        bytes.extend(byte);
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(bytes)
}

fn prompted(question: &str) -> io::Result<Vec<u8>> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let mut terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    terminal.write_all(question.as_bytes())?;
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
    let line = first_line(&terminal);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before)?;
    terminal.write_all(b"\n")?;
    line
}

pub(super) fn change(change: Change<'_>) -> io::Result<()> {
    use std::fs;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
    match change {
        Change::MakeFolder { at, like } => {
            let mode = fs::metadata(like)?.permissions().mode();
            fs::DirBuilder::new().mode(0o700).create(at)?;
            fs::set_permissions(at, fs::Permissions::from_mode((mode & 0o777) | 0o700))
        }
        Change::CopyFile(from, to) => {
            free(to)?;
            fs::copy(from, to)?;
            fs::File::open(to)?.sync_all()
        }
        Change::MakeLink { at, target } => symlink(target, at),
        Change::Move(from, to) => {
            free(to)?;
            fs::rename(from, to)?;
            settle(to);
            Ok(())
        }
        Change::Exchange(a, b) => {
            exchange(a, b)?;
            settle(a);
            settle(b);
            Ok(())
        }
        Change::RemoveFile(path) => fs::remove_file(path),
        Change::RemoveFolder(path) => fs::remove_dir(path),
    }
}

/// An error when something lies there.
fn free(path: &std::path::Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something lies there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A rename reaches the disk with its folder. Not every file system can sync one.
fn settle(path: &std::path::Path) {
    let _ = path.parent().map(|folder| std::fs::File::open(folder).and_then(|folder| folder.sync_all()));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn exchange(a: &std::path::Path, b: &std::path::Path) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, a, AT_FDCWD, b, RenameFlags::RENAME_EXCHANGE).map_err(|error| match error {
        Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP => io::ErrorKind::Unsupported.into(),
        error => error.into(),
    })
}

#[cfg(target_os = "macos")]
fn exchange(a: &std::path::Path, b: &std::path::Path) -> io::Result<()> {
    super::macos::exchange(a, b)
}

#[cfg(not(any(all(target_os = "linux", target_env = "gnu"), target_os = "macos")))]
fn exchange(_: &std::path::Path, _: &std::path::Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn command(argv: &[&str]) -> Command {
        Command { argv: argv.iter().map(Into::into).collect(), ..Command::default() }
    }

    #[test]
    fn a_program_gets_its_arguments_its_folder_and_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let script = "pwd; printf '%s|' \"$@\"; cat; echo oops >&2; exit 3";
        let run = run(&Command {
            folder: Some(folder.path().into()),
            input: Some(Secret(b"pass".to_vec())),
            ..command(&["sh", "-c", script, "sh", "a b", "", "-x"])
        });
        let output = run.unwrap();
        let folder = folder.path().canonicalize().unwrap();
        assert_eq!(String::from_utf8(output.stdout.clone()).unwrap(), format!("{}\na b||-x|pass\n", folder.display()));
        assert_eq!((output.status, output.is_success(), output.stderr.as_slice()), (Some(3), false, &b"oops\n"[..]));
        assert_eq!(command(&["/no/such/program"]).argv.len(), 1);
        assert_eq!(super::run(&command(&["/no/such/program"])).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", Secret(b"hush".to_vec())), "Secret(…)");
        assert_eq!(first_line(&b"hush\r\nrest"[..]).unwrap(), b"hush");
        assert_eq!(first_line(&b"hush"[..]).unwrap(), b"hush");
    }

    #[test]
    fn a_secret_is_typed_character_by_character() {
        let mut secret = Secret::default();
        secret.pop();
        ["h", "ü", "日s"].iter().for_each(|typed| secret.push(&Secret(typed.as_bytes().to_vec())));
        assert_eq!(secret.0, "hü日s".as_bytes());
        for left in ["hü日", "hü", "h", "", ""] {
            secret.pop();
            assert_eq!(secret.0, left.as_bytes());
        }
    }

    #[test]
    fn a_password_comes_from_a_descriptor() {
        use std::os::fd::AsRawFd;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hush\nmore").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let secret = secret(&SecretSource::Descriptor(file.as_raw_fd())).unwrap();
        assert_eq!(secret, Secret(b"hush".to_vec()));
        assert!(super::secret(&SecretSource::Variable("TEMPER_NO_SUCH_VARIABLE".into())).is_err());
    }

    #[test]
    fn two_folders_change_places() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for path in [&a, &b] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("name"), path.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
        match change(Change::Exchange(&a, &b)) {
            Ok(()) => assert_eq!(fs::read(a.join("name")).unwrap(), b"b"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        assert!(change(Change::Move(&a, &b)).is_err(), "a move replaces nothing");
        assert!(change(Change::CopyFile(&a.join("name"), &b.join("name"))).is_err(), "nor does a copy");
    }
}
