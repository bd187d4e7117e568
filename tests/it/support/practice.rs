//! A bench for the fix loop: practice apps on the disk, and a `codesign` first in PATH that records its arguments and signs with the practice identities.

use super::sign::{self, Identity, SignOptions};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use temper::lab::Lab;

/// Variable that tells this program to be `codesign`: a file with the arguments, each ended by NUL.
const ARGUMENTS: &str = "PRACTICE_CODESIGN_ARGUMENTS";

pub struct Bench {
    folder: tempfile::TempDir,
}

/// What a program left behind.
pub struct Run {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Run {
    pub fn error(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// This program was started by the stub.
pub fn is_stub() -> bool {
    std::env::var_os(ARGUMENTS).is_some()
}

impl Bench {
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bench.folder().join("bin")).unwrap();
        let log = bench.folder().join("log");
        let tests = std::env::current_exe().unwrap();
        // `printf` writes the bytes as they are. The count goes first, so that an empty argument is one.
        let stub = format!(
            "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >> '{log}'\n\
             if [ -f '{log}.kill' ]; then\n\
             read left < '{log}.kill'; left=$((left - 1)); echo $left > '{log}.kill'\n\
             [ $left -ne 0 ] || kill -9 $PPID\nfi\n\
             printf '%s\\0' \"$@\" > '{log}.last'\n\
             {ARGUMENTS}='{log}.last' exec '{tests}' --exact --nocapture fix_loop::practice_codesign\n",
            log = log.display(),
            tests = tests.display(),
        );
        bench.program("codesign", &stub);
        bench
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a program into the folder that stands first in PATH.
    pub fn program(&self, name: &str, script: &str) {
        let path = self.folder().join("bin").join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A `security` that lists these identities (hash, name, what stands behind it), and leaves a trace that it was run.
    pub fn keychain(&self, rows: &[(&str, &str, &str)]) -> PathBuf {
        let trace = self.folder().join("security.ran");
        let list: String =
            rows.iter().enumerate().map(|(at, (hash, name, fault))| format!("  {}) {hash} \"{name}\"{fault}\n", at + 1)).collect();
        let stub = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\ncat <<'END'\n{list}     {} valid identities found\nEND\n",
            trace.display(),
            rows.len()
        );
        self.program("security", &stub);
        trace
    }

    /// The stub kills whoever started it, `kill -9`, when it is called for the n-th time from now.
    pub fn kill_at(&self, number: usize) {
        std::fs::write(self.folder().join("log.kill"), format!("{number}\n")).unwrap();
    }

    /// Arguments of every call since the last time this was asked.
    pub fn take_log(&self) -> Vec<Vec<Vec<u8>>> {
        let path = self.folder().join("log");
        let bytes = std::fs::read(&path).unwrap_or_default();
        let _ = std::fs::remove_file(&path);
        let mut words = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        let mut calls = Vec::new();
        while let Some(count) = words.next().filter(|count| !count.is_empty()) {
            let count: usize = String::from_utf8(count).unwrap().parse().unwrap();
            calls.push(words.by_ref().take(count).collect());
        }
        calls
    }

    /// A program with the stub first in PATH.
    pub fn command(&self, program: &str) -> Command {
        let mut path = self.folder().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.env("PATH", path).env("HOME", self.folder()).env("TMPDIR", self.folder()).stdin(Stdio::null());
        command.env_remove("TEMPER_P12_PASSWORD");
        command
    }

    pub fn temper(&self, arguments: &[&[&OsStr]]) -> Run {
        let output = self.command(env!("CARGO_BIN_EXE_temper")).args(arguments.concat()).output().unwrap();
        Run { status: output.status, stdout: output.stdout, stderr: output.stderr }
    }

    /// The practice app on the disk, as new.
    pub fn unpacked(&self, lab: &Lab) -> PathBuf {
        let folder = self.folder().join("labs");
        temper::lab::unpack(&temper::system::disk::RealSystem, lab, &folder).unwrap().path.unwrap()
    }

    /// Options that give the evidence of a practice app and its root.
    pub fn evidence(&self, lab: &Lab) -> Vec<&'static OsStr> {
        let file = |name: &str| -> &'static OsStr {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs").join(name);
            Box::leak(path.into_os_string().into_boxed_os_str())
        };
        let mut arguments = vec![OsStr::new("--trust-anchor"), file("pki/root.cert.pem")];
        for (name, _) in lab.evidence {
            arguments.extend([OsStr::new("--log"), file(&format!("{}/evidence/{name}", lab.id))]);
        }
        arguments
    }

    /// The report on an app, with the evidence of a practice app.
    pub fn report(&self, app: &Path, lab: &Lab) -> serde_json::Value {
        self.check(app, &self.evidence(lab))
    }

    /// The report on an app by itself.
    pub fn report_alone(&self, app: &Path, lab: &Lab) -> serde_json::Value {
        self.check(app, &self.evidence(lab)[..2])
    }

    fn check(&self, app: &Path, evidence: &[&OsStr]) -> serde_json::Value {
        let run = self.temper(&[&["check".as_ref(), "--format".as_ref(), "json".as_ref(), app.as_os_str()], evidence]);
        serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.error()))
    }
}

/// Every file below a folder with its bytes, every link with its target; relative.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let content = |path: &Path, kind: std::fs::FileType| match kind {
        kind if kind.is_symlink() => std::fs::read_link(path).unwrap().into_os_string().into_vec(),
        kind if kind.is_file() => std::fs::read(path).unwrap(),
        _ => Vec::new(),
    };
    entries.map(|entry| (entry.path().strip_prefix(folder).unwrap().to_owned(), content(entry.path(), entry.file_type()))).collect()
}

/// Names in a folder, sorted; none when it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Copies a file or a folder.
pub fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let relative = entry.path().strip_prefix(from).unwrap();
        let at = if relative.as_os_str().is_empty() { to.to_path_buf() } else { to.join(relative) };
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&at).unwrap();
        } else {
            std::fs::copy(entry.path(), &at).unwrap();
        }
    }
}

/// Signs an app anew with all it has: its Info.plist was changed.
pub fn sign_again(app: &Path) {
    let options = options_of(app, &Request { preserved: "entitlements,flags".into(), who: practice_name().into(), ..Request::default() });
    sign::sign_bundle(app, &[("", options)]).unwrap();
}

fn practice_name() -> &'static str {
    "Developer ID Application: Practice Software (PRACTICE01)"
}

/// Another identity that the stand-in has, and its hash in the lists of the tests.
pub const OTHER_NAME: &str = "Developer ID Application: Other Team (OTHERTEAM1)";
pub const OTHER_HASH: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";

/// What the command line asks for.
#[derive(Default)]
struct Request {
    identifier: Option<String>,
    options: Option<String>,
    entitlements: Option<PathBuf>,
    preserved: String,
    who: OsString,
    timestamp: bool,
    path: PathBuf,
}

/// Signs as the arguments in the file that [`ARGUMENTS`] names say; a panic is a failure, as of `codesign`.
pub fn codesign() {
    let Some(file) = std::env::var_os(ARGUMENTS) else { return };
    let bytes = std::fs::read(file).unwrap();
    let mut words = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect::<Vec<_>>();
    words.pop();
    let request = parse(words);
    sign::sign_bundle(&request.path, &[("", options_of(&request.path, &request))]).unwrap();
}

fn parse(words: Vec<OsString>) -> Request {
    let mut request = Request::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value");
        match word.as_bytes() {
            b"--force" => {}
            b"--timestamp" => request.timestamp = true,
            b"--identifier" => request.identifier = Some(value().into_string().unwrap()),
            b"--options" => request.options = Some(value().into_string().unwrap()),
            b"--entitlements" => request.entitlements = Some(value().into()),
            b"--sign" => request.who = value(),
            word if word.starts_with(b"--preserve-metadata=") => {
                request.preserved = String::from_utf8(word["--preserve-metadata=".len()..].to_vec()).unwrap();
            }
            word if word.starts_with(b"-") => panic!("unrecognized option {}", String::from_utf8_lossy(word)),
            word => {
                assert!(request.path.as_os_str().is_empty(), "one object at a time");
                request.path = OsStr::from_bytes(word).into();
            }
        }
    }
    request
}

fn options_of(path: &Path, request: &Request) -> SignOptions {
    let identity = match request.who.to_str() {
        Some("-") => Identity::AdHoc,
        Some(name) if name == practice_name() => Identity::Practice,
        Some(OTHER_NAME | OTHER_HASH) => Identity::OtherTeam,
        _ => panic!("no identity found"),
    };
    let present = present(path);
    let preserved: Vec<&str> = request.preserved.split(',').collect();
    let kept = preserved.contains(&"entitlements").then(|| present.as_ref().and_then(|present| present.2.clone())).flatten();
    let flags = match &request.options {
        Some(options) => options.split(',').fold(0, |flags, name| flags | flag(name)),
        None if preserved.contains(&"flags") => present.as_ref().map_or(0, |present| present.1),
        None => 0,
    };
    let by_name = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    SignOptions {
        identifier: request.identifier.clone().or(present.map(|present| present.0)).unwrap_or_else(by_name),
        identity,
        flags,
        entitlements: request.entitlements.as_ref().map(|file| std::fs::read(file).unwrap()).or(kept),
        timestamp: request.timestamp || identity == Identity::Practice,
        ..SignOptions::hardened("")
    }
}

fn flag(name: &str) -> u32 {
    match name {
        "runtime" => sign::RUNTIME,
        "hard" => 0x100,
        "kill" => 0x200,
        "library-validation" => 0x2000,
        _ => panic!("unknown option {name}"),
    }
}

/// Identifier, flags and entitlements (XML) of what is signed now; of the first slice.
fn present(path: &Path) -> Option<(String, u32, Option<Vec<u8>>)> {
    let file = if path.is_dir() {
        let info = plist::Value::from_file(path.join("Contents/Info.plist")).ok()?;
        path.join("Contents/MacOS").join(info.as_dictionary()?.get("CFBundleExecutable")?.as_string()?)
    } else {
        path.to_path_buf()
    };
    let bytes = std::fs::read(file).ok()?;
    let slice = &bytes[sign::slices(&bytes).first()?.clone()];
    let directory = sign::code_directory(slice)?;
    let word = |at: usize| u32::from_be_bytes(directory[at..at + 4].try_into().unwrap());
    let name = directory[word(20) as usize..].split(|byte| *byte == 0).next()?;
    let entitlements = sign::blob_of(sign::signature_of(slice)?, 5).map(|blob| blob[8..].to_vec());
    Some((String::from_utf8_lossy(name).into_owned(), word(12) & !0x20002, entitlements))
}
