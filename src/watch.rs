//! Has something of the target changed, and is it quiet again? By polling, which works on every file system and has no events to lose.

use crate::system::launch::Stamp;
use crate::system::{EntryKind, System};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks while nothing happens.
const IDLE: Duration = Duration::from_millis(500);
/// A change is told when this long nothing more changed: a build writes many files.
const QUIET: Duration = Duration::from_millis(400);
/// Files that are watched; a larger bundle is watched in its first ones, by folder and name.
const MOST_FILES: usize = 20_000;
/// Folders below each other.
const DEEPEST: usize = 40;

/// Watches files and folders. The caller waits [`Watcher::wait`], then calls [`Watcher::look`], again and again.
#[derive(Debug, Clone)]
pub struct Watcher {
    paths: Vec<PathBuf>,
    /// What was told last.
    told: Files,
    /// What was seen last, when it is not what was told.
    unsettled: Option<Files>,
}

/// Files with their stamps.
type Files = BTreeMap<PathBuf, Stamp>;

/// What changed, between two quiet moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files that came, went or have another content; sorted.
    pub files: Vec<PathBuf>,
}

impl Watcher {
    /// Watches what is there now. A path may be a file or a folder; links in it are not followed.
    pub fn new(system: &dyn System, paths: Vec<PathBuf>) -> Self {
        let told = snapshot(system, &paths);
        Self { paths, told, unsettled: None }
    }

    /// How long to wait before the next look.
    pub fn wait(&self) -> Duration {
        if self.unsettled.is_some() { QUIET } else { IDLE }
    }

    /// Looks once. Something only when files differ from what was told, and have not changed since the look before.
    /// A path that is not there keeps it unsettled: a build that begins with deleting is not over.
    pub fn look(&mut self, system: &dyn System) -> Option<Changed> {
        let now = snapshot(system, &self.paths);
        if now == self.told {
            self.unsettled = None;
            return None;
        }
        let is_quiet = self.unsettled.as_ref() == Some(&now) && self.paths.iter().all(|path| now.keys().any(|file| file.starts_with(path)));
        if !is_quiet {
            self.unsettled = Some(now);
            return None;
        }
        self.unsettled = None;
        let changed = now.iter().filter(|(file, stamp)| self.told.get(*file) != Some(stamp)).map(|(file, _)| file.clone());
        let gone = self.told.keys().filter(|file| !now.contains_key(*file)).cloned();
        let mut files: Vec<PathBuf> = changed.chain(gone).collect();
        files.sort();
        self.told = now;
        Some(Changed { files })
    }
}

impl Changed {
    /// One line: the first file, and how many more. `root` is left out of the name.
    pub fn words(&self, root: &Path) -> String {
        let Some(first) = self.files.first() else { return "nothing changed".into() };
        // The main executable and the seal change with every build; they say more than an icon.
        let telling = self.files.iter().find(|file| file.to_string_lossy().contains("/MacOS/")).unwrap_or(first);
        let name = telling.strip_prefix(root).ok().filter(|name| !name.as_os_str().is_empty()).unwrap_or(telling).display();
        match self.files.len() {
            1 => format!("{name} changed"),
            2 => format!("{name} and 1 more file changed"),
            count => format!("{name} and {} more files changed", count - 1),
        }
    }
}

fn snapshot(system: &dyn System, paths: &[PathBuf]) -> Files {
    let mut files = Files::new();
    for path in paths {
        // What the user named may be a link.
        let real = system.canonical(path).unwrap_or_else(|_| path.clone());
        match system.entry(&real) {
            Ok(EntryKind::Directory) => folder(system, &real, path, &mut files),
            Ok(_) => note(system, &real, path.clone(), &mut files),
            Err(_) => {}
        }
    }
    files
}

fn folder(system: &dyn System, real: &Path, named: &Path, files: &mut Files) {
    let mut todo = vec![(real.to_path_buf(), 0)];
    while let Some((folder, depth)) = todo.pop() {
        for entry in system.list(&folder).unwrap_or_default() {
            if files.len() >= MOST_FILES {
                return;
            }
            match entry.kind {
                EntryKind::Directory if depth < DEEPEST => todo.push((entry.path, depth + 1)),
                EntryKind::Directory | EntryKind::Special => {}
                EntryKind::File(_) | EntryKind::Link => {
                    let name = entry.path.strip_prefix(real).map_or_else(|_| entry.path.clone(), |tail| named.join(tail));
                    note(system, &entry.path, name, files);
                }
            }
        }
    }
}

/// A file that goes away between two calls is not there.
fn note(system: &dyn System, real: &Path, name: PathBuf, files: &mut Files) {
    if let Ok(stamp) = system.stamp(real) {
        files.insert(name, stamp);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::disk::RealSystem;
    use crate::system::fake::FakeSystem;

    fn app() -> FakeSystem {
        FakeSystem::new()
            .file("/a/My.app/Contents/MacOS/My", "one")
            .file("/a/My.app/Contents/Info.plist", "x")
            .file("/a/my.entitlements", "e")
    }

    fn watcher(system: &FakeSystem) -> Watcher {
        Watcher::new(system, vec!["/a/My.app".into(), "/a/my.entitlements".into()])
    }

    #[test]
    fn nothing_is_told_while_nothing_changes() {
        let system = app();
        let mut watcher = watcher(&system);
        assert_eq!((watcher.look(&system), watcher.wait()), (None, IDLE));
    }

    #[test]
    fn a_change_is_told_once_and_only_when_it_is_quiet() {
        let system = app();
        let mut watcher = watcher(&system);
        system.write_atomic(Path::new("/a/My.app/Contents/MacOS/My"), b"two").unwrap();
        assert_eq!((watcher.look(&system), watcher.wait()), (None, QUIET));
        system.write_atomic(Path::new("/a/My.app/Contents/MacOS/My"), b"three").unwrap();
        assert_eq!(watcher.look(&system), None, "it still changes");
        let changed = watcher.look(&system).unwrap();
        assert_eq!(changed.files, [PathBuf::from("/a/My.app/Contents/MacOS/My")]);
        assert_eq!(changed.words(Path::new("/a/My.app")), "Contents/MacOS/My changed");
        assert_eq!(watcher.look(&system), None);
    }

    #[test]
    fn what_is_changed_back_was_no_change() {
        let system = app();
        let mut watcher = watcher(&system);
        system.write_atomic(Path::new("/a/my.entitlements"), b"f").unwrap();
        assert_eq!(watcher.look(&system), None);
        system.write_atomic(Path::new("/a/my.entitlements"), b"e").unwrap();
        assert_eq!((watcher.look(&system), watcher.wait()), (None, IDLE));
    }

    #[test]
    fn an_app_that_is_deleted_and_built_again_is_told_when_it_is_back() {
        let disk = tempfile::tempdir().unwrap();
        let app = disk.path().join("My.app");
        let build = |text: &str| {
            std::fs::create_dir_all(app.join("Contents/MacOS")).unwrap();
            std::fs::write(app.join("Contents/MacOS/My"), text).unwrap();
        };
        build("one");
        let mut watcher = Watcher::new(&RealSystem, vec![app.clone()]);
        std::fs::remove_dir_all(&app).unwrap();
        for _ in 0..3 {
            assert_eq!(watcher.look(&RealSystem), None, "a build that is not over is nothing to look at");
        }
        build("another");
        assert_eq!(watcher.look(&RealSystem), None);
        assert_eq!(watcher.look(&RealSystem).unwrap().files.len(), 1);
    }

    #[test]
    fn a_file_of_the_same_size_in_its_place_is_a_change() {
        let disk = tempfile::tempdir().unwrap();
        let file = disk.path().join("tool");
        std::fs::write(&file, "one").unwrap();
        let mut watcher = Watcher::new(&RealSystem, vec![file.clone()]);
        RealSystem.write_atomic(&file, b"two").unwrap();
        assert_eq!(watcher.look(&RealSystem), None);
        assert!(watcher.look(&RealSystem).is_some());
    }

    #[test]
    fn more_files_than_are_watched_do_no_harm() {
        let mut system = FakeSystem::new();
        for number in 0..50 {
            system = system.file(&format!("/many/{number}"), "x");
        }
        let mut files = Files::new();
        for number in 0..MOST_FILES - 10 {
            files.insert(PathBuf::from(format!("/other/{number}")), Stamp::default());
        }
        folder(&system, Path::new("/many"), Path::new("/many"), &mut files);
        assert_eq!(files.len(), MOST_FILES);
    }
}
