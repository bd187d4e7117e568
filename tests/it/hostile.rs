//! Bundles made to harm whoever looks at them. `temper verify` and `temper check` end, in a bounded time, without a panic, with nothing on the terminal but
//! text, and never say that all is well where something could not be read.

use crate::support::files::lab_file;
use crate::support::sign::{self, SignOptions};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use temper::cli::verify::{self as face, Options, Said};
use temper::evidence::Evidence;
use temper::read::cms::{self, TrustAnchors};
use temper::scan::{self, Request};
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;
use temper::system::{Entry, EntryKind, OpenFile, System};
use temper::verify::verify;

/// 2026-02-01, within the practice certificates' life.
const DAY: i64 = 1_769_904_000;
const APP: &str = "/Hostile.app";
/// Long even for a debug build on a busy machine.
const TOO_LONG: Duration = Duration::from_secs(300);

const INFO: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>Main</string>\
     <key>CFBundleIdentifier</key><string>org.example.hostile</string><key>CFBundlePackageType</key><string>APPL</string></dict></plist>";

/// A signed app on the disk, with a library, two resources and a link.
fn app() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("Hostile.app");
    let write = |path: &str, bytes: &[u8]| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), bytes).unwrap();
    };
    let program = lab_file("MacOS/Sketchbook");
    write("Contents/Info.plist", INFO.as_bytes());
    write("Contents/MacOS/Main", &program[sign::slices(program)[0].clone()]);
    write("Contents/Frameworks/libbrush.dylib", lab_file("libbrush.dylib"));
    write("Contents/Resources/a.txt", b"first");
    write("Contents/Resources/b.txt", b"other");
    symlink("a.txt", root.join("Contents/Resources/link")).unwrap();
    let codes = [
        ("Contents/Frameworks/libbrush.dylib", SignOptions::hardened("org.example.brush")),
        ("", SignOptions::hardened("org.example.hostile")),
    ];
    sign::sign_bundle(&root, &codes).unwrap();
    (folder, root)
}

/// What the program said, and how it ended.
#[derive(Debug)]
struct Run {
    out: String,
    error: String,
    status: i32,
}

fn run(arguments: &[&OsStr]) -> Run {
    let anchor = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs/pki/root.cert.pem");
    let begin = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_temper"))
        .env_clear()
        .args(arguments)
        .args([OsStr::new("--at"), OsStr::new("2026-02-01"), OsStr::new("--trust-anchor"), anchor.as_os_str()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("text only");
    let run = Run { out: text(output.stdout), error: text(output.stderr), status: output.status.code().expect("no signal") };
    assert!(begin.elapsed() < TOO_LONG, "{:?}", begin.elapsed());
    assert!(!run.error.contains("panicked") && !run.out.contains("panicked"), "{run:?}");
    let is_text = |text: &str| !text.chars().any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(is_text(&run.out) && is_text(&run.error), "{run:?}");
    run
}

/// `temper verify --deep --strict`.
fn verified(path: &Path) -> Run {
    run(&[OsStr::new("verify"), OsStr::new("--deep"), OsStr::new("--strict"), OsStr::new("-v"), path.as_os_str()])
}

/// `temper check`, as JSON.
fn checked(path: &Path) -> serde_json::Value {
    let run = run(&[OsStr::new("check"), path.as_os_str(), OsStr::new("--format"), OsStr::new("json")]);
    assert!(run.status < 2, "{run:?}");
    serde_json::from_str(&run.out).unwrap()
}

#[track_caller]
fn names(report: &serde_json::Value, part: &str, path: &str) -> bool {
    report[part].as_array().unwrap().iter().any(|one| one["path"].as_str().or(one["subject"].as_str()).unwrap_or_default().contains(path))
}

/// An app of this machine in memory.
fn in_memory(root: &Path) -> FakeSystem {
    let mut system = FakeSystem::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{APP}/{}", path.strip_prefix(root).unwrap().to_str().unwrap());
            if path.is_symlink() {
                system = system.link(&name, std::fs::read_link(&path).unwrap().to_str().unwrap());
            } else if path.is_dir() {
                folders.push(path);
            } else {
                system = system.file(&name, std::fs::read(&path).unwrap());
            }
        }
    }
    system
}

fn request() -> Request {
    let root = cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap();
    Request { path: Some(APP.into()), anchors: TrustAnchors { extra: vec![root] }, at: Some(DAY), ..Request::default() }
}

fn scanned(system: &dyn System) -> Evidence {
    scan::scan(system, &request(), &|_| {}, &AtomicBool::new(false)).unwrap()
}

fn said(system: &dyn System) -> Said {
    face::verify(system, &request(), Options { verbosity: 1, strict: true, deep: true, ..Options::default() }).unwrap()
}

/// Everything that Temper does with a target; it must not panic, also where a worker would catch it.
#[track_caller]
fn examined(system: &dyn System) {
    let begin = Instant::now();
    match temper::examine(system, &request(), &|_| {}, &AtomicBool::new(false)) {
        Ok(examination) => {
            let report = examination.report;
            assert!(!report.gaps.iter().any(|gap| gap.why.contains("panic") || gap.why.contains("overflow")), "{:?}", report.gaps);
            assert!(!temper::cli::text::render(&report, temper::cli::text::Look { width: 80, color: false }).contains('\x1b'));
        }
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
    let _ = face::verify(system, &request(), Options { verbosity: 4, strict: true, deep: true, ..Options::default() });
    assert!(begin.elapsed() < TOO_LONG, "{:?}", begin.elapsed());
}

#[test]
fn the_app_is_valid_before_anything_is_done_to_it() {
    let (_folder, app) = app();
    let run = verified(&app);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.error.contains("valid on disk"), "{run:?}");
    assert_eq!(verify(&scanned(&in_memory(&app))), []);
}

#[test]
fn a_fifo_is_never_opened() {
    let (_folder, app) = app();
    for path in ["Contents/Resources/pipe", "Contents/Frameworks/pipe.dylib", "Contents/MacOS/pipe"] {
        assert!(Command::new("mkfifo").arg(app.join(path)).status().unwrap().success());
        verified(&app);
        assert!(names(&checked(&app), "gaps", path), "{path}");
    }
    // In the place of what is sealed.
    let sealed = app.join("Contents/Resources/a.txt");
    std::fs::remove_file(&sealed).unwrap();
    assert!(Command::new("mkfifo").arg(&sealed).status().unwrap().success());
    let run = verified(&app);
    assert!(run.status == 1 && run.error.contains("a.txt"), "{run:?}");
    // In the place of the program, of Info.plist, of the seal.
    for path in ["Contents/MacOS/Main", "Contents/Info.plist", "Contents/_CodeSignature/CodeResources"] {
        let (_folder, app) = self::app();
        std::fs::remove_file(app.join(path)).unwrap();
        assert!(Command::new("mkfifo").arg(app.join(path)).status().unwrap().success());
        assert_ne!(verified(&app).status, 0, "{path}");
    }
}

#[test]
fn a_socket_is_never_opened() {
    let (folder, app) = app();
    // The path of a socket may not be long.
    let socket = folder.path().join("s");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::rename(&socket, app.join("Contents/Resources/socket")).unwrap();
    verified(&app);
    assert!(names(&checked(&app), "gaps", "Contents/Resources/socket"));
    std::fs::remove_file(app.join("Contents/Resources/b.txt")).unwrap();
    std::fs::rename(app.join("Contents/Resources/socket"), app.join("Contents/Resources/b.txt")).unwrap();
    let run = verified(&app);
    assert!(run.status == 1 && run.error.contains("b.txt"), "{run:?}");
}

#[test]
fn a_device_is_never_opened() {
    let (_folder, app) = app();
    let device = app.join("Contents/Resources/zero");
    let made = Command::new("mknod").arg(&device).args(["c", "1", "5"]).stderr(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: this user may not make device nodes");
        return;
    }
    verified(&app);
    assert!(names(&checked(&app), "gaps", "Contents/Resources/zero"));
    std::fs::remove_file(app.join("Contents/MacOS/Main")).unwrap();
    std::fs::rename(&device, app.join("Contents/MacOS/Main")).unwrap();
    assert_ne!(verified(&app).status, 0);
}

#[test]
fn links_that_go_around_end() {
    let (_folder, app) = app();
    let resources = app.join("Contents/Resources");
    symlink("itself", resources.join("itself")).unwrap();
    symlink("pong", resources.join("ping")).unwrap();
    symlink("ping", resources.join("pong")).unwrap();
    symlink("../..", resources.join("up")).unwrap();
    let run = verified(&app);
    assert_eq!(run.status, 1, "{run:?}");
    for name in ["itself", "ping", "pong", "up"] {
        assert!(run.error.contains(&format!("Contents/Resources/{name}\n")), "{name}: {run:?}");
    }
    checked(&app);
    // What is needed to begin with is a loop.
    for path in ["Contents/MacOS/Main", "Contents/Info.plist", "Contents/_CodeSignature/CodeResources", "Contents/MacOS"] {
        let (_folder, app) = self::app();
        let path = app.join(path);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap()
        } else {
            std::fs::remove_file(&path).unwrap()
        }
        symlink(path.file_name().unwrap(), &path).unwrap();
        assert_ne!(verified(&app).status, 0, "{}", path.display());
    }
}

#[test]
fn links_out_of_the_bundle_are_not_followed() {
    let (folder, app) = app();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret.txt"), "secret").unwrap();
    std::fs::copy(app.join("Contents/MacOS/Main"), outside.join("libsecret.dylib")).unwrap();
    symlink(&outside, app.join("Contents/Resources/absolute")).unwrap();
    symlink("../../../outside/secret.txt", app.join("Contents/Resources/relative")).unwrap();
    symlink("/etc/passwd", app.join("Contents/Resources/passwd")).unwrap();
    let run = verified(&app);
    assert_eq!(run.status, 1, "{run:?}");
    for name in ["absolute", "relative", "passwd"] {
        assert!(run.error.contains(&format!("Contents/Resources/{name}\n")), "{name}: {run:?}");
    }
    let report = checked(&app);
    assert!(!report.to_string().contains("secret.dylib") && !report.to_string().contains("libsecret"), "nothing outside is looked at");
    // A folder of code that lies elsewhere.
    std::fs::rename(app.join("Contents/Frameworks"), folder.path().join("moved")).unwrap();
    symlink("../../moved", app.join("Contents/Frameworks")).unwrap();
    let run = verified(&app);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(!names(&checked(&app), "code", "libbrush"), "code outside is not this app's");
}

#[test]
fn what_may_not_be_read_is_never_called_valid() {
    let (_folder, app) = app();
    for path in [
        "Contents/MacOS/Main",
        "Contents/Frameworks/libbrush.dylib",
        "Contents/Info.plist",
        "Contents/_CodeSignature/CodeResources",
        "Contents/Resources/a.txt",
    ] {
        let system = in_memory(&app).unreadable(&format!("{APP}/{path}"));
        let outcome = face::verify(&system, &request(), Options { verbosity: 1, strict: true, deep: true, ..Options::default() });
        assert!(outcome.as_ref().map_or(true, |said| said.status != 0), "{path}: {outcome:?}");
        examined(&system);
    }
    let mut system = in_memory(&app);
    system = system.unreadable_folder(&format!("{APP}/Contents/Hidden"));
    examined(&system);
}

#[test]
fn a_hundred_thousand_files_are_counted_and_not_all_told() {
    let (_folder, app) = app();
    let many = app.join("Contents/Resources/many");
    std::fs::create_dir(&many).unwrap();
    for number in 0..100_000 {
        std::fs::File::create(many.join(number.to_string())).unwrap();
    }
    let begin = Instant::now();
    let request = Request { path: Some(app.clone()), ..request() };
    let evidence = scan::scan(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    let findings = verify(&evidence);
    assert!(begin.elapsed() < TOO_LONG, "{:?}", begin.elapsed());
    assert!((2..500).contains(&findings.len()), "{}", findings.len());
    assert!(findings.iter().any(|finding| finding.id == "file-added-to-seal"));
    let run = verified(&app);
    assert_eq!(run.status, 1);
    assert!(run.error.len() < 1 << 20, "{}", run.error.len());
}

#[test]
fn a_sparse_file_of_4_gib_takes_no_memory() {
    let (_folder, app) = app();
    // What must be hashed to its end is shorter here: a debug build hashes slowly.
    for (path, length) in [
        ("Contents/Resources/huge", 4 << 30),
        ("Contents/embedded.provisionprofile", 4 << 30),
        ("Contents/Info.plist", 64 << 20),
        ("Contents/_CodeSignature/CodeResources", 64 << 20),
    ] {
        let system = in_memory(&app).sparse(&format!("{APP}/{path}"), INFO, length);
        let said = face::verify(&system, &request(), Options { verbosity: 1, strict: true, deep: true, ..Options::default() });
        assert!(said.as_ref().map_or(true, |said| said.status != 0), "{path}: {said:?}");
        examined(&system);
    }
    // Code that is followed by 4 GiB of nothing.
    let code = std::fs::read(app.join("Contents/MacOS/Main")).unwrap();
    let system = in_memory(&app).sparse(&format!("{APP}/Contents/MacOS/Main"), code, 4 << 30);
    assert_eq!(said(&system).status, 1);
    examined(&system);
}

#[test]
fn names_with_escape_sequences_and_broken_text_stay_text() {
    let (_folder, app) = app();
    let names: [&[u8]; 6] = [
        b"a\x1b]0;owned\x07\x1b[2J",
        b"b\xff\xfe\x80",
        "c\u{202e}txt.exe".as_bytes(),
        b"d\x9b31m",
        b"e\r\x08\x08 valid on disk",
        "f\u{85}\u{2028}\u{200b}".as_bytes(),
    ];
    for folder in ["Contents/Resources", "Contents/Frameworks", "Contents/MacOS"] {
        for name in names {
            let path = app.join(folder).join(OsStr::from_bytes(name));
            let written = if folder.ends_with("Resources") {
                std::fs::write(path, "x")
            } else {
                std::fs::copy(app.join("Contents/MacOS/Main"), path).map(drop)
            };
            if written.is_err() {
                println!("skipped: this file system does not take {name:?}");
            }
        }
    }
    let run = verified(&app);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(!run.error.lines().any(|line| line.ends_with(": valid on disk")), "{run:?}");
    checked(&app);
    let text = self::run(&[OsStr::new("check"), app.as_os_str(), OsStr::new("--color"), OsStr::new("never")]);
    assert_eq!(text.status, 1, "{text:?}");
}

#[test]
fn a_line_break_in_a_name_makes_no_line() {
    let (_folder, app) = app();
    let name = "x\nHostile.app: valid on disk\nfile added: nothing";
    std::fs::write(app.join("Contents/Resources").join(name), "x").unwrap();
    let run = verified(&app);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(!run.error.lines().any(|line| line.starts_with("Hostile.app") || line.starts_with("file added: nothing")), "{run:?}");
}

/// A plist nested 100,000 deep, as XML and as a binary plist.
fn deep() -> [Vec<u8>; 3] {
    const DEPTH: u32 = 100_000;
    let open = "<array>".repeat(DEPTH as usize);
    let keys = "<dict><key>a</key>".repeat(DEPTH as usize);
    // Every array holds the next one; the reference takes four bytes.
    let mut binary = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for number in 0..DEPTH {
        offsets.extend((binary.len() as u32).to_be_bytes());
        binary.push(0xa1);
        binary.extend((number + 1).to_be_bytes());
    }
    offsets.extend((binary.len() as u32).to_be_bytes());
    binary.push(0x09);
    let table = binary.len() as u64;
    binary.extend(offsets);
    binary.extend([0, 0, 0, 0, 0, 0, 4, 4]);
    for value in [u64::from(DEPTH) + 1, 0, table] {
        binary.extend(value.to_be_bytes());
    }
    [
        format!("<plist version=\"1.0\"><dict><key>a</key>{open}</dict></plist>").into_bytes(),
        format!("<plist version=\"1.0\">{keys}<true/>{}</plist>", "</dict>".repeat(DEPTH as usize)).into_bytes(),
        binary,
    ]
}

#[test]
fn a_plist_nested_a_hundred_thousand_deep_is_an_error() {
    let (_folder, app) = app();
    for plist in deep() {
        for path in ["Contents/Info.plist", "Contents/_CodeSignature/CodeResources", "Contents/embedded.provisionprofile"] {
            let system = in_memory(&app).file(&format!("{APP}/{path}"), plist.clone());
            let said = face::verify(&system, &request(), Options { verbosity: 1, strict: true, deep: true, ..Options::default() });
            assert!(said.as_ref().map_or(true, |said| said.status != 0), "{path}: {said:?}");
            examined(&system);
        }
        // As embedded entitlements, signed.
        let program = std::fs::read(app.join("Contents/MacOS/Main")).unwrap();
        let options = SignOptions { der: sign::DerForm::Bytes([0x30, 0x80].repeat(50_000)), ..SignOptions::hardened("a").entitled(&plist) };
        examined(&FakeSystem::new().file(APP, sign::sign(&program, &options)));
    }
}

#[test]
fn counts_and_offsets_at_the_extremes_are_only_numbers() {
    let program = lab_file("MacOS/Sketchbook");
    let program = sign::sign(&program[sign::slices(program)[0].clone()], &SignOptions::hardened("a"));
    let signature = program.len() - sign::signature_of(&program).unwrap().len();
    let directory = sign::code_directory(&program).unwrap().as_ptr() as usize - program.as_ptr() as usize;
    let commands = 32 + u32::from_le_bytes(program[20..24].try_into().unwrap()) as usize;
    let words = (0..commands.min(1_400)).step_by(4).map(|at| (at, false));
    let words = words.chain((0..60).step_by(4).map(|at| (signature + at, true))).chain((0..96).step_by(4).map(|at| (directory + at, true)));
    for (number, (at, is_big)) in words.enumerate() {
        let values = [0_u32, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];
        // Of the load commands each word gets one value in turn, of the signature all.
        for value in values.into_iter().enumerate().filter(|(index, _)| is_big || *index == number % values.len()).map(|(_, value)| value) {
            let mut bytes = program.clone();
            let value = if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
            if bytes[at..at + 4] == value {
                continue;
            }
            bytes[at..at + 4].copy_from_slice(&value);
            let system = FakeSystem::new().file(APP, bytes);
            let begin = Instant::now();
            match scan::scan(&system, &request(), &|_| {}, &AtomicBool::new(false)) {
                Ok(evidence) => {
                    assert!(
                        !evidence.gaps.iter().any(|gap| gap.why.contains("overflow") || gap.why.contains("panic")),
                        "{at}: {:?}",
                        evidence.gaps
                    );
                    // Room behind the SuperBlob belongs to nothing.
                    assert!(is_big || !verify(&evidence).is_empty() || !evidence.gaps.is_empty(), "word at {at}");
                }
                Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
            }
            assert!(begin.elapsed() < TOO_LONG);
        }
    }
}

/// What a file does after it was opened.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Other bytes at every reading.
    Flickers,
    /// Ends early, or is empty.
    Shrinks,
    /// Is not there any more when it is opened.
    Vanishes,
    /// Fails while it is read.
    Fails,
    /// Says that it is longer than it is.
    Grows,
    /// Is a link by the time it is opened.
    BecomesLink,
}

/// A machine on which one file changes while it is read.
struct Moving {
    still: FakeSystem,
    path: PathBuf,
    change: Change,
    reads: Arc<AtomicU64>,
}

struct MovingFile {
    still: Box<dyn OpenFile>,
    change: Change,
    reads: Arc<AtomicU64>,
}

impl OpenFile for MovingFile {
    fn len(&self) -> u64 {
        match self.change {
            Change::Grows => self.still.len() + 100_000,
            _ => self.still.len(),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        let half = self.still.len() / 2;
        let end = match self.change {
            Change::Shrinks => usize::try_from(half.saturating_sub(offset)).unwrap_or(0).min(buf.len()),
            Change::Fails if offset + buf.len() as u64 > half => return Err(io::Error::other("the disk is gone")),
            _ => buf.len(),
        };
        let read = self.still.read_at(offset, &mut buf[..end])?;
        if matches!(self.change, Change::Flickers)
            && let Some(byte) = buf[..read].last_mut()
        {
            *byte = byte.wrapping_add(1 + (reads & 0x7f) as u8);
        }
        Ok(read)
    }
}

impl System for Moving {
    fn entry(&self, path: &Path) -> io::Result<EntryKind> {
        self.still.entry(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.still.list(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let still = self.still.open(path)?;
        if path != self.path {
            return Ok(still);
        }
        match self.change {
            Change::Vanishes => Err(io::Error::new(io::ErrorKind::NotFound, "no such file or directory")),
            Change::BecomesLink => Err(io::Error::other("too many levels of symbolic links")),
            change => Ok(Box::new(MovingFile { still, change, reads: Arc::clone(&self.reads) })),
        }
    }
    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.still.read_link(path)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.still.canonical(path)
    }
    fn attribute(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        self.still.attribute(path, name)
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.still.variable(name)
    }
    fn now(&self) -> i64 {
        DAY
    }
    fn standard_input(&self, cap: usize) -> io::Result<Vec<u8>> {
        self.still.standard_input(cap)
    }
    fn write_atomic(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(io::Error::other("nothing is written here"))
    }
    fn threads(&self) -> usize {
        2
    }
}

#[test]
fn a_bundle_that_changes_while_it_is_read_is_never_called_valid() {
    let (_folder, app) = app();
    let changes = [Change::Flickers, Change::Shrinks, Change::Vanishes, Change::Fails, Change::Grows, Change::BecomesLink];
    let paths = [
        "Contents/MacOS/Main",
        "Contents/Frameworks/libbrush.dylib",
        "Contents/Info.plist",
        "Contents/_CodeSignature/CodeResources",
        "Contents/Resources/a.txt",
    ];
    let mut wrong = Vec::new();
    for path in paths {
        for change in changes {
            let moving = || Moving { still: in_memory(&app), path: Path::new(APP).join(path), change, reads: Arc::default() };
            examined(&moving());
            let outcome = face::verify(&moving(), &request(), Options { verbosity: 1, strict: true, deep: true, ..Options::default() });
            // What grows while it is read is read as far as it went when it was opened: the bytes that were signed.
            if outcome.as_ref().is_ok_and(|said| said.status == 0) && !matches!(change, Change::Grows) {
                wrong.push(format!("{path} {change:?}: {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
