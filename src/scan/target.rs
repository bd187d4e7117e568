//! What the user named: a bundle, a folder, a Mach-O, a script, evidence, or something Temper does not open.

use super::{ScanError, bundle, file, texts};
use crate::casefile;
use crate::evidence::TargetKind;
use crate::read::macho;
use crate::system::{EntryKind, System};
use std::path::{Path, PathBuf};

/// Deepest folder in which the one app of a build folder is looked for (`Build/Products/Release/Demo.app` in derived data).
const MAX_DEPTH: usize = 4;
/// Entries that are looked at to find it.
const MAX_ENTRIES: usize = 20_000;
/// Bytes of a file that tell what it is.
const HEAD: usize = 4 << 20;

/// What is to be done with the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// Everything in this folder.
    Folder {
        /// As named by the user, or the app in it.
        path: PathBuf,
        /// The same without links.
        root: PathBuf,
        kind: TargetKind,
    },
    /// This file, without links, and what it loads.
    MachO(PathBuf),
    /// This script, without links, and what it starts.
    Script(PathBuf),
    /// It is evidence, not a target.
    Evidence,
    /// A case file, without links.
    Case(PathBuf),
}

/// Recognises the path.
pub(super) fn recognise(system: &dyn System, path: &Path) -> Result<Goal, ScanError> {
    let io = |error| ScanError::io(path, error);
    let real = system.canonical(path).map_err(io)?;
    match system.entry(&real).map_err(io)? {
        EntryKind::File(size) => recognise_file(system, path, real, size),
        EntryKind::Directory => recognise_folder(system, path, real),
        EntryKind::Link | EntryKind::Special => Err(ScanError::refused(
            path,
            "a FIFO, socket or device, which Temper does not open: name an app, a bundle, a folder or a Mach-O file",
        )),
    }
}

/// The file that is started for a path.
pub(super) fn program(system: &dyn System, path: &Path) -> Result<PathBuf, ScanError> {
    let refused = |why: &str| Err(ScanError::refused(path, why));
    let (named, root, kind) = match recognise(system, path)? {
        // A name without a slash would be looked up in PATH.
        Goal::MachO(_) | Goal::Script(_) => {
            return Ok(if path.components().count() == 1 { Path::new(".").join(path) } else { path.into() });
        }
        Goal::Case(_) => return refused("a saved case, not a program: name the app, or a Mach-O file"),
        Goal::Evidence => return refused("evidence, not a program: name the app, or a Mach-O file"),
        // The main executable of the bundle itself was named.
        Goal::Folder { .. }
            if matches!(system.entry(&system.canonical(path).map_err(|error| ScanError::io(path, error))?), Ok(EntryKind::File(_))) =>
        {
            return Ok(path.to_path_buf());
        }
        Goal::Folder { path: named, root, kind } => (named, root, kind),
    };
    match kind {
        TargetKind::App | TargetKind::Bundle => {}
        TargetKind::Xpc | TargetKind::Appex => return refused("macOS alone starts such a service, when its app asks for it: name the app"),
        TargetKind::Framework => return refused("a framework is no program: name the app that uses it"),
        _ => return refused("a folder: name the app or the program in it that is to be started"),
    }
    let (info, code) = match system.entry(&root.join("Contents")) {
        Ok(EntryKind::Directory) => ("Contents/Info.plist", "Contents/MacOS"),
        _ => ("Info.plist", ""),
    };
    let read = system.read_small(&root.join(info), 8 << 20).map_err(|error| ScanError::io(&path.join(info), error))?;
    let executable = crate::read::info_plist::read(&read).ok().and_then(|info| info.executable);
    // The name stands in a file from elsewhere: it must name a file in that very folder.
    let Some(name) = executable.filter(|name| !name.contains('/') && !matches!(name.as_str(), "" | "." | "..")) else {
        return refused("its Info.plist names no main executable (CFBundleExecutable)");
    };
    let tail = Path::new(code).join(name);
    match system.canonical(&root.join(&tail)).and_then(|real| Ok((system.entry(&real)?, real))) {
        Ok((EntryKind::File(_), real)) if real.starts_with(&root) => Ok(named.join(tail)),
        Ok(_) => refused("its main executable is no file of its own"),
        Err(error) => Err(ScanError::io(&named.join(tail), error)),
    }
}

fn recognise_file(system: &dyn System, path: &Path, real: PathBuf, size: u64) -> Result<Goal, ScanError> {
    let head = file::first_bytes(system, &real, HEAD).map_err(|error| ScanError::io(path, error))?;
    if head.is_empty() {
        return Err(ScanError::refused(path, "an empty file: name an app, a bundle, a folder, a Mach-O file or a script"));
    }
    let code = if head.len() >= 8 && macho::looks_like_macho(&head) {
        Some(Goal::MachO(real.clone()))
    } else if head.starts_with(b"#!") {
        Some(Goal::Script(real.clone()))
    } else {
        None
    };
    if let Some(code) = code {
        return Ok(bundle_around(system, &real).unwrap_or(code));
    }
    if casefile::looks_like_case(&head) {
        return Ok(Goal::Case(real));
    }
    if let Some(why) = container(system, path, &real, &head, size) {
        return Err(ScanError::refused(path, &why));
    }
    if texts::is_evidence(path, &head) {
        return Ok(Goal::Evidence);
    }
    Err(ScanError::refused(path, "not a Mach-O file, a script or a bundle: name the app, or the file in it that contains code"))
}

/// The bundle whose main executable this is: macOS judges the program with its Info.plist, its seal and its provisioning profile, so Temper does too.
fn bundle_around(system: &dyn System, real: &Path) -> Option<Goal> {
    let folder = real.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "MacOS"))?;
    let root = folder.parent().filter(|contents| contents.file_name().is_some_and(|name| name == "Contents"))?.parent()?;
    let bytes = system.read_small(&root.join("Contents/Info.plist"), 1 << 20).ok()?;
    let info = crate::read::info_plist::read(&bytes).ok()?;
    let is_main = info.executable.as_deref() == real.file_name().and_then(|name| name.to_str());
    let kind = bundle::kind_by_name(root).filter(|_| is_main)?;
    Some(Goal::Folder { path: root.to_path_buf(), root: root.to_path_buf(), kind })
}

/// Why a container is refused, with the command that opens it; `None` for any other file.
fn container(system: &dyn System, path: &Path, real: &Path, head: &[u8], size: u64) -> Option<String> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let quoted = quote(path);
    let is_mac = cfg!(target_os = "macos");
    let on_mac = if is_mac { "" } else { " (on a Mac)" };
    let (what, mac, here) = if head.starts_with(b"xar!") || matches!(extension.as_str(), "pkg" | "mpkg" | "xip") {
        let opens = if extension == "xip" { format!("xip --expand {quoted}") } else { format!("pkgutil --expand-full {quoted} expanded") };
        ("an installer package", opens, format!("bsdtar -xf {quoted}, then bsdtar -xf on the Payload in it"))
    } else if head.starts_with(b"PK\x03\x04") || matches!(extension.as_str(), "zip" | "ipa") {
        ("a zip archive", format!("ditto -x -k {quoted} expanded"), format!("unzip {quoted} -d expanded"))
    } else if extension == "dmg" || has_disk_image_trailer(system, real, size) {
        ("a disk image", format!("hdiutil attach -readonly {quoted}"), format!("7z x {quoted} -oexpanded"))
    } else if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(b"BZh") || head.starts_with(b"\xfd7zXZ\0") || extension == "tar" {
        ("a compressed archive", format!("tar -xf {quoted}"), format!("tar -xf {quoted}"))
    } else {
        return None;
    };
    let also = if is_mac || mac == here { String::new() } else { format!(" or `{here}` (here)") };
    let on_mac = if mac == here { "" } else { on_mac };
    Some(format!("{what}, which Temper does not open: run `{mac}`{on_mac}{also} and name the app in it"))
}

/// The 512 bytes at the end of a UDIF image begin with `koly`.
fn has_disk_image_trailer(system: &dyn System, path: &Path, size: u64) -> bool {
    let mut magic = [0; 4];
    let Some(at) = size.checked_sub(512) else { return false };
    system.open(path).and_then(|file| file.read_at(at, &mut magic)).is_ok() && &magic == b"koly"
}

/// A path as a shell takes it.
fn quote(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c)) && !text.starts_with('-');
    if is_plain { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn recognise_folder(system: &dyn System, path: &Path, root: PathBuf) -> Result<Goal, ScanError> {
    if root.extension().is_some_and(|extension| extension == "xcarchive") {
        return archive(system, path, root);
    }
    let has = |tail: &str| matches!(system.entry(&root.join(tail)), Ok(EntryKind::File(_)));
    let kind = bundle::kind_by_name(&root).or_else(|| has("Contents/Info.plist").then_some(TargetKind::Bundle));
    if let Some(kind) = kind {
        return Ok(Goal::Folder { path: path.to_path_buf(), root, kind });
    }
    let entries = system.list(&root).map_err(|error| ScanError::io(path, error))?;
    let files = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File(size) if size >= 8)).take(200);
    let has_code = files.into_iter().any(|entry| file::head(system, &entry.path) == Ok(file::Head::MachO));
    match apps_in(system, &root).as_slice() {
        [app] if !has_code => Ok(one_app(path, &root, app)),
        _ => Ok(Goal::Folder { path: path.to_path_buf(), root, kind: TargetKind::Folder }),
    }
}

/// The app of an `.xcarchive`; all of its products when there is not exactly one.
fn archive(system: &dyn System, path: &Path, root: PathBuf) -> Result<Goal, ScanError> {
    let products = root.join("Products");
    match system.entry(&products) {
        Ok(EntryKind::Directory) => {}
        _ => return Err(ScanError::refused(path, "an archive without Products: archive the scheme again, or name the app itself")),
    }
    match apps_in(system, &products).as_slice() {
        [app] => Ok(one_app(path, &root, app)),
        _ => Ok(Goal::Folder { path: path.join("Products"), root: products, kind: TargetKind::Folder }),
    }
}

fn one_app(path: &Path, root: &Path, app: &Path) -> Goal {
    let tail = app.strip_prefix(root).unwrap_or(app);
    Goal::Folder { path: path.join(tail), root: app.to_path_buf(), kind: TargetKind::App }
}

/// Apps in a folder that lie in no other bundle, at most two.
fn apps_in(system: &dyn System, root: &Path) -> Vec<PathBuf> {
    let mut apps = Vec::new();
    let mut todo = vec![(root.to_path_buf(), 0)];
    let mut entries = 0;
    while let Some((folder, depth)) = todo.pop() {
        let listed = system.list(&folder).unwrap_or_default();
        entries += listed.len();
        if entries > MAX_ENTRIES || apps.len() > 1 {
            break;
        }
        for entry in listed.into_iter().filter(|entry| entry.kind == EntryKind::Directory) {
            match bundle::kind_by_name(&entry.path) {
                Some(TargetKind::App) => apps.push(entry.path),
                Some(_) => {}
                None if entry.path.extension().is_some_and(|extension| extension == "dSYM") => {}
                // What a fix keeps for its undoing is no other app.
                None if entry.path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".temper-fix-")) => {}
                None if depth < MAX_DEPTH => todo.push((entry.path, depth + 1)),
                None => {}
            }
        }
    }
    apps
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    fn refusal(system: &FakeSystem, path: &str) -> String {
        recognise(system, Path::new(path)).unwrap_err().to_string()
    }

    #[test]
    fn containers_are_refused_with_the_command_that_opens_them() {
        let mut image = vec![0; 1024];
        image[512..516].copy_from_slice(b"koly");
        let system = FakeSystem::new()
            .file("/d/My App.dmg", "x")
            .file("/d/image", image)
            .file("/d/a.pkg", "xar!1234")
            .file("/d/a.zip", "PK\x03\x04aaaa")
            .file("/d/a.tgz", vec![0x1f, 0x8b, 8, 0]);
        assert!(refusal(&system, "/d/My App.dmg").contains("hdiutil attach -readonly '/d/My App.dmg'"));
        assert!(refusal(&system, "/d/image").contains("hdiutil attach"));
        assert!(refusal(&system, "/d/a.pkg").contains("pkgutil --expand-full /d/a.pkg"));
        assert!(refusal(&system, "/d/a.zip").contains("ditto -x -k /d/a.zip"));
        assert!(refusal(&system, "/d/a.tgz").contains("tar -xf /d/a.tgz"));
        assert_eq!(quote(Path::new("it's")), r"'it'\''s'");
    }

    #[test]
    fn what_has_no_code_says_what_to_do() {
        let system =
            FakeSystem::new().file("/d/empty", "").file("/d/picture.png", vec![0x89, 0x50, 0, 1, 2, 3, 4, 5, 0]).special("/d/pipe");
        assert!(refusal(&system, "/d/empty").contains("an empty file"));
        assert!(refusal(&system, "/d/picture.png").contains("not a Mach-O file, a script or a bundle"));
        assert!(refusal(&system, "/d/pipe").contains("FIFO"));
        assert!(refusal(&system, "/d/none").contains("check the spelling"));
        assert!(!system.opened().contains(&PathBuf::from("/d/pipe")));
    }

    #[test]
    fn an_archive_and_a_build_folder_become_the_one_app_in_them() {
        let system = FakeSystem::new()
            .file("/a/Demo.xcarchive/Products/Applications/Demo.app/Contents/Info.plist", "")
            .file("/a/Demo.xcarchive/Products/Applications/Demo.app/Contents/Helpers/Other.app/Contents/Info.plist", "")
            .file("/b/Build/Products/Release/Demo.app/Contents/Info.plist", "")
            .file("/b/Build/Products/Release/Demo.app.dSYM/Contents/Info.plist", "")
            .file("/c/One.app/x", "")
            .file("/c/Two.app/x", "");
        let goal = recognise(&system, Path::new("/a/Demo.xcarchive")).unwrap();
        let path = PathBuf::from("/a/Demo.xcarchive/Products/Applications/Demo.app");
        assert_eq!(goal, Goal::Folder { path: path.clone(), root: path, kind: TargetKind::App });
        let goal = recognise(&system, Path::new("/b")).unwrap();
        assert!(matches!(goal, Goal::Folder { path, kind: TargetKind::App, .. } if path.ends_with("Release/Demo.app")));
        assert!(matches!(recognise(&system, Path::new("/c")).unwrap(), Goal::Folder { kind: TargetKind::Folder, .. }));
        assert!(matches!(recognise(&system, Path::new("/c/One.app")).unwrap(), Goal::Folder { kind: TargetKind::App, .. }));
    }

    #[test]
    fn the_main_executable_of_a_bundle_is_judged_with_the_bundle() {
        let plist = r#"<plist version="1.0"><dict><key>CFBundleExecutable</key><string>Demo</string></dict></plist>"#;
        let head = vec![0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1, 0, 0, 0, 0];
        let system = FakeSystem::new()
            .file("/d/Demo.app/Contents/Info.plist", plist)
            .file("/d/Demo.app/Contents/MacOS/Demo", head.clone())
            .file("/d/Demo.app/Contents/MacOS/tool", head);
        let app = recognise(&system, Path::new("/d/Demo.app/Contents/MacOS/Demo")).unwrap();
        assert!(matches!(app, Goal::Folder { root, kind: TargetKind::App, .. } if root == Path::new("/d/Demo.app")));
        let tool = recognise(&system, Path::new("/d/Demo.app/Contents/MacOS/tool")).unwrap();
        assert!(matches!(tool, Goal::MachO(_)));
    }

    #[test]
    fn a_link_to_an_app_is_the_app() {
        let system = FakeSystem::new().file("/a/Demo.app/Contents/Info.plist", "").link("/b/latest", "../a/Demo.app");
        let goal = recognise(&system, Path::new("/b/latest")).unwrap();
        assert_eq!(goal, Goal::Folder { path: "/b/latest".into(), root: "/a/Demo.app".into(), kind: TargetKind::App });
    }

    #[test]
    fn a_script_and_a_log_are_recognised_by_content() {
        let system = FakeSystem::new().file("/d/run", "#!/bin/sh\n").file("/d/some.log", "hello\n");
        assert_eq!(recognise(&system, Path::new("/d/run")).unwrap(), Goal::Script("/d/run".into()));
        assert_eq!(recognise(&system, Path::new("/d/some.log")).unwrap(), Goal::Evidence);
    }
}
