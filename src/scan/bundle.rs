//! Bundles: where the Info.plist, the main executable, the seal and the profile of each lie. Works on the list of what was seen; reads only Info.plist.

use super::walk::Seen;
use crate::evidence::{Bundle, TargetKind};
use crate::read::info_plist::{self, InfoPlist};
use crate::read::profile::{self, Profile};
use crate::system::System;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Largest Info.plist that is read, in bytes.
pub(super) const MAX_INFO: usize = 8 << 20;

/// Extensions of folders that are bundles even without an Info.plist.
const EXTENSIONS: &[&str] = &[
    "app",
    "framework",
    "xpc",
    "appex",
    "bundle",
    "plugin",
    "component",
    "vst",
    "vst3",
    "clap",
    "aaxplugin",
    "kext",
    "dext",
    "systemextension",
    "mdimporter",
    "qlgenerator",
    "saver",
    "prefpane",
    "service",
    "action",
    "driver",
    "colorpicker",
    "wdgt",
    "dpm",
    "ideplugin",
    "jre",
    "jdk",
];

/// A bundle and the file its seal is in.
pub(super) struct Found {
    pub(super) bundle: Bundle,
    /// `_CodeSignature/CodeResources`, relative to the root, whether or not it exists.
    pub(super) seal: PathBuf,
    /// Why the Info.plist could not be read.
    pub(super) gap: Option<String>,
}

/// Kind of a folder by its name; `None` for a plain folder.
pub(super) fn kind_by_name(path: &Path) -> Option<TargetKind> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "app" => Some(TargetKind::App),
        "framework" => Some(TargetKind::Framework),
        "xpc" => Some(TargetKind::Xpc),
        "appex" => Some(TargetKind::Appex),
        other if EXTENSIONS.contains(&other) => Some(TargetKind::Bundle),
        _ => None,
    }
}

/// Where the parts of a bundle lie, relative to the root.
struct Layout {
    /// Folder of Info.plist.
    info: PathBuf,
    /// Folder of the main executable.
    code: PathBuf,
    /// Folder of `_CodeSignature`.
    seal: PathBuf,
}

/// All bundles among what was seen, outermost first, then by path. `root_kind` is the target's own kind.
pub(super) fn find(system: &dyn System, root: &Path, root_kind: TargetKind, seen: &Seen) -> Vec<Found> {
    let mut found = Vec::new();
    for folder in seen.folders() {
        let is_root = folder.as_os_str().is_empty();
        let named = if is_root { kind_by_name(root) } else { kind_by_name(folder) };
        let has_contents = seen.has_file(&folder.join("Contents/Info.plist"));
        let is_symbols = folder.extension() == Some(OsStr::new("dSYM"));
        let kind = match (is_root, named) {
            (true, _) if root_kind == TargetKind::Folder => continue,
            (true, _) => root_kind,
            (false, Some(kind)) => kind,
            (false, None) if has_contents && !is_symbols => TargetKind::Bundle,
            _ => continue,
        };
        let name = if is_root { root } else { folder };
        if let Some(layout) = layout(folder, name, kind, seen) {
            found.push(read(system, root, folder, kind, &layout, seen));
        }
    }
    found.sort_by(|a, b| {
        let key = |found: &Found| (found.bundle.path.components().count(), found.bundle.path.clone());
        key(a).cmp(&key(b))
    });
    found
}

/// `None` for a folder that only has the name of a bundle. `name` is the folder's own, which the root has not in `folder`.
fn layout(folder: &Path, name: &Path, kind: TargetKind, seen: &Seen) -> Option<Layout> {
    let contents = folder.join("Contents");
    if seen.has_folder(&contents) {
        return Some(Layout { info: contents.clone(), code: contents.join("MacOS"), seal: contents });
    }
    if let Some(version) = current_version(folder, seen) {
        return Some(Layout { info: version.join("Resources"), code: version.clone(), seal: version });
    }
    let resources = folder.join("Resources");
    if let Some(version) = last_version(folder, name, seen) {
        let of_version = version.join("Resources");
        let info = if has_info(&of_version, seen) { of_version } else { resources };
        return Some(Layout { info, code: version.clone(), seal: version });
    }
    if has_info(&resources, seen) && !seen.has_file(&folder.join("Info.plist")) {
        return Some(Layout { info: resources, code: folder.to_path_buf(), seal: folder.to_path_buf() });
    }
    let is_flat = seen.has_file(&folder.join("Info.plist")) || kind != TargetKind::Bundle;
    is_flat.then(|| Layout { info: folder.to_path_buf(), code: folder.to_path_buf(), seal: folder.to_path_buf() })
}

/// The folder of a framework's current version: where `Versions/Current` leads (`bundlediskrep.cpp setup`).
pub(super) fn current_version(folder: &Path, seen: &Seen) -> Option<PathBuf> {
    seen.real(&folder.join("Versions/Current")).filter(|path| seen.has_folder(path))
}

/// The last version of a framework that lost `Versions/Current`: dyld loads it by its path all the same. Security and CFBundle look into the framework's own
/// folder then, so `None` when the program lies there; its `Resources/Info.plist` counts when the version has none (`CFBundle_InfoPlist.c`).
fn last_version(folder: &Path, name: &Path, seen: &Seen) -> Option<PathBuf> {
    if seen.real(&folder.join(name.file_stem()?)).is_some_and(|program| seen.has_file(&program)) {
        return None;
    }
    let versions = folder.join("Versions");
    seen.folders().iter().rev().find(|path| path.parent() == Some(&versions)).cloned()
}

fn has_info(folder: &Path, seen: &Seen) -> bool {
    seen.real(&folder.join("Info.plist")).is_some_and(|path| seen.has_file(&path))
}

fn read(system: &dyn System, root: &Path, folder: &Path, kind: TargetKind, layout: &Layout, seen: &Seen) -> Found {
    let info_path = seen.real(&layout.info.join("Info.plist")).unwrap_or_else(|| layout.info.join("Info.plist"));
    let (info, gap) = if seen.has_file(&info_path) { read_info(system, &root.join(&info_path)) } else { (None, None) };
    let name = if folder.as_os_str().is_empty() { root } else { folder };
    let executable = executable(layout, name, info.as_ref(), seen);
    let seal = layout.seal.join("_CodeSignature/CodeResources");
    let profiles = [layout.seal.join("embedded.provisionprofile"), folder.join("embedded.provisionprofile")];
    let bundle = Bundle {
        path: folder.to_path_buf(),
        kind,
        info_path,
        info,
        executable,
        has_profile: profiles.iter().any(|profile| seen.has_file(profile)),
        profile: profiles.iter().find(|profile| seen.has_file(profile)).map(|profile| read_profile(system, &root.join(profile))),
        has_seal: seen.has_file(&seal),
    };
    Found { bundle, seal, gap }
}

fn read_profile(system: &dyn System, path: &Path) -> Result<Box<Profile>, String> {
    let bytes = system.read_small(path, profile::MAX_PROFILE).map_err(|error| error.to_string())?;
    profile::read(&bytes).map(Box::new).map_err(|error| error.to_string())
}

fn read_info(system: &dyn System, path: &Path) -> (Option<InfoPlist>, Option<String>) {
    match system.read_small(path, MAX_INFO) {
        Err(error) => (None, Some(format!("Info.plist cannot be read: {error}"))),
        Ok(bytes) => match info_plist::read(&bytes) {
            Ok(info) => (Some(info), None),
            Err(error) => (None, Some(format!("Info.plist cannot be read: {error}"))),
        },
    }
}

/// CFBundleExecutable; without one the file that has the bundle's own name. A link is followed inside the target.
fn executable(layout: &Layout, name: &Path, info: Option<&InfoPlist>, seen: &Seen) -> Option<PathBuf> {
    let named = info.and_then(|info| info.executable.as_deref()).map(PathBuf::from);
    let name = named.or_else(|| name.file_stem().map(PathBuf::from).filter(|name| seen.real(&layout.code.join(name)).is_some()))?;
    let path = super::install_name::join(&layout.code, &name)?;
    Some(seen.real(&path).unwrap_or(path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scan::walk;
    use crate::system::fake::FakeSystem;
    use std::sync::atomic::AtomicBool;

    fn bundles(system: &FakeSystem, kind: TargetKind) -> Vec<Bundle> {
        let root = Path::new("/x/Demo.app");
        let seen = walk::walk(system, root, &|_| {}, &AtomicBool::new(false)).unwrap();
        find(system, root, kind, &seen).into_iter().map(|found| found.bundle).collect()
    }

    #[test]
    fn nested_bundles_are_found_wherever_they_lie() {
        let system = FakeSystem::new()
            .file("/x/Demo.app/Contents/Info.plist", "")
            .file("/x/Demo.app/Contents/MacOS/Demo", "")
            .file("/x/Demo.app/Contents/_CodeSignature/CodeResources", "")
            .file("/x/Demo.app/Contents/embedded.provisionprofile", "")
            .file("/x/Demo.app/Contents/Resources/deep/Helper.app/Contents/MacOS/Helper", "")
            .file("/x/Demo.app/Contents/PlugIns/jdk-11/Contents/Info.plist", "")
            .file("/x/Demo.app/Contents/Resources/Demo.dSYM/Contents/Info.plist", "")
            .file("/x/Demo.app/Contents/Resources/plain.bundle/readme", "");
        let found = bundles(&system, TargetKind::App);
        let paths: Vec<_> = found.iter().map(|bundle| (bundle.path.to_str().unwrap(), bundle.kind)).collect();
        assert_eq!(
            paths,
            [
                ("", TargetKind::App),
                ("Contents/PlugIns/jdk-11", TargetKind::Bundle),
                ("Contents/Resources/deep/Helper.app", TargetKind::App),
            ]
        );
        assert!(found[0].has_seal && found[0].has_profile && !found[2].has_seal);
        assert_eq!(found[0].executable.as_deref(), Some(Path::new("Contents/MacOS/Demo")));
        assert_eq!(found[2].executable.as_deref(), Some(Path::new("Contents/Resources/deep/Helper.app/Contents/MacOS/Helper")));
    }

    #[test]
    fn a_framework_is_read_in_its_current_version() {
        let base = "/x/Demo.app/Contents/Frameworks/Kit.framework";
        let system = FakeSystem::new()
            .file(&format!("{base}/Versions/A/Kit"), "")
            .file(&format!("{base}/Versions/A/Resources/Info.plist"), "")
            .file(&format!("{base}/Versions/B/Kit"), "")
            .link(&format!("{base}/Versions/Current"), "A")
            .link(&format!("{base}/Kit"), "Versions/Current/Kit")
            .file("/x/Demo.app/Contents/Frameworks/Flat.framework/Flat", "");
        let found = bundles(&system, TargetKind::App);
        let kit = found.iter().find(|bundle| bundle.path.ends_with("Kit.framework")).unwrap();
        assert_eq!(kit.executable.as_deref(), Some(Path::new("Contents/Frameworks/Kit.framework/Versions/A/Kit")));
        assert_eq!(kit.info_path, Path::new("Contents/Frameworks/Kit.framework/Versions/A/Resources/Info.plist"));
        let flat = found.iter().find(|bundle| bundle.path.ends_with("Flat.framework")).unwrap();
        assert_eq!(flat.executable.as_deref(), Some(Path::new("Contents/Frameworks/Flat.framework/Flat")));
    }

    #[test]
    fn a_framework_without_current_is_read_where_its_parts_lie() {
        const INFO: &str = "<plist><dict><key>CFBundleIdentifier</key><string>org.example.kit</string></dict></plist>";
        let base = "Contents/Frameworks/Kit.framework";
        let read = |files: &[&str]| {
            let system = FakeSystem::new().file("/x/Demo.app/Contents/Info.plist", "");
            let add = |system: FakeSystem, file: &&str| system.file(&format!("/x/Demo.app/{base}/{file}"), INFO);
            let found = bundles(&files.iter().fold(system, add), TargetKind::App).pop().unwrap();
            let identifier = found.info.and_then(|info| info.identifier);
            assert_eq!(identifier.as_deref(), Some("org.example.kit"), "{files:?}");
            [found.info_path, found.executable.unwrap()].map(|path| path.strip_prefix(base).unwrap().to_str().unwrap().to_owned())
        };
        let of_version = ["Versions/A/Resources/Info.plist", "Versions/A/Kit"];
        assert_eq!(read(&["Versions/A/Kit", "Versions/A/Resources/Info.plist"]), of_version);
        assert_eq!(read(&["Versions/A/Kit", "Versions/A/Resources/Info.plist", "Resources/Info.plist"]), of_version);
        assert_eq!(read(&["Versions/A/Kit", "Resources/Info.plist"]), ["Resources/Info.plist", "Versions/A/Kit"]);
        assert_eq!(read(&["Versions/A/Kit", "Resources/Info.plist", "Kit"]), ["Resources/Info.plist", "Kit"]);
    }
}
