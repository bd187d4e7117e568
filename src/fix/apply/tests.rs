#![allow(clippy::unwrap_used)]

use super::*;
use crate::system::{Entry, OpenFile};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A disk in memory: files with their content, folders by being parents, links.
#[derive(Default)]
struct Memory {
    files: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
    links: BTreeMap<PathBuf, PathBuf>,
    full: bool,
}

struct Bytes(Vec<u8>);

impl OpenFile for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap()..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Memory {
    fn absolute(path: &Path) -> PathBuf {
        let path = Path::new("/work dir").join(path);
        path.components().filter(|component| !matches!(component, std::path::Component::CurDir)).collect()
    }
}

impl System for Memory {
    fn entry(&self, path: &Path) -> io::Result<EntryKind> {
        let path = Self::absolute(path);
        let files = self.files.lock().unwrap();
        match files.get(&path) {
            _ if self.links.contains_key(&path) => Ok(EntryKind::Link),
            Some(bytes) => Ok(EntryKind::File(bytes.len() as u64)),
            None if files.keys().any(|file| file.starts_with(&path)) => Ok(EntryKind::Directory),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
    fn list(&self, _: &Path) -> io::Result<Vec<Entry>> {
        unreachable!()
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let bytes = self.files.lock().unwrap().get(&Self::absolute(path)).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Bytes(bytes)))
    }
    fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
        unreachable!()
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = Self::absolute(path);
        let link = self.links.iter().find(|(link, _)| path.starts_with(link));
        let path = link.map_or(path.clone(), |(link, to)| match path.strip_prefix(link).unwrap() {
            rest if rest.as_os_str().is_empty() => to.clone(),
            rest => to.join(rest),
        });
        self.entry(&path).map(|_| path)
    }
    fn attribute(&self, _: &Path, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn now(&self) -> i64 {
        0
    }
    fn standard_input(&self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.files.lock().unwrap().insert(Self::absolute(path), bytes.to_vec());
        Ok(())
    }
    fn threads(&self) -> usize {
        1
    }
}

fn disk() -> Memory {
    let files = [
        "/work dir/Demo.app/Contents/Info.plist",
        "/work dir/src/x",
        "/tools/tool",
        "/other/Kit.framework/Versions/A/Kit",
        "/site.app/index.html",
    ];
    Memory { files: Mutex::new(files.into_iter().map(|file| (file.into(), Vec::new())).collect()), ..Memory::default() }
}

fn edit(file: &str, before: &str, from: &str) -> FileEdit {
    FileEdit {
        executable: "Contents/MacOS/Demo".into(),
        file: file.into(),
        before: before.into(),
        after: "new".into(),
        diff: String::new(),
        from: from.into(),
        warnings: Vec::new(),
    }
}

fn content(disk: &Memory, file: &str) -> Option<String> {
    disk.files.lock().unwrap().get(Path::new(file)).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

const ROOT: &str = "Demo.app";

#[test]
fn a_new_file_is_written_beside_the_bundle() {
    let disk = disk();
    write(&disk, Path::new(ROOT), &edit("Demo.entitlements", "", "as signed, 0 keys")).unwrap();
    assert_eq!(content(&disk, "/work dir/Demo.entitlements").as_deref(), Some("new"));
    write(&disk, Path::new("/tools"), &edit("/tools/tool.entitlements", "", "no entitlements signed")).unwrap();
    assert_eq!(content(&disk, "/tools/tool.entitlements").as_deref(), Some("new"), "the folder of a bare tool is no bundle");
    write(&disk, Path::new(ROOT), &edit("/site.app/x.entitlements", "", "")).unwrap();
}

#[test]
fn an_unchanged_file_is_replaced_and_a_changed_one_is_not() {
    let disk = disk();
    disk.write_atomic(Path::new("a"), b"old").unwrap();
    let changed = write(&disk, Path::new(ROOT), &edit("a", "older", "a")).unwrap_err();
    assert!(matches!(&changed, ApplyError::Changed(name) if name == "a"), "{changed}");
    assert_eq!(content(&disk, "/work dir/a").as_deref(), Some("old"));
    write(&disk, Path::new(ROOT), &edit("a", "old", "a")).unwrap();
    assert_eq!(content(&disk, "/work dir/a").as_deref(), Some("new"));
    write(&disk, Path::new(ROOT), &edit("a", "old", "a")).unwrap();
}

#[test]
fn a_default_name_that_is_taken_is_not_overwritten() {
    let disk = disk();
    disk.write_atomic(Path::new("Demo.entitlements"), b"precious").unwrap();
    assert!(matches!(write(&disk, Path::new(ROOT), &edit("Demo.entitlements", "", "no entitlements signed")), Err(ApplyError::Changed(_))));
    assert_eq!(content(&disk, "/work dir/Demo.entitlements").as_deref(), Some("precious"));
}

#[test]
fn a_file_that_vanished_is_a_change() {
    assert!(matches!(write(&disk(), Path::new(ROOT), &edit("gone", "old", "gone")), Err(ApplyError::Changed(_))));
}

#[test]
fn nothing_is_written_into_a_bundle() {
    let mut disk = disk();
    disk.links.insert("/work dir/shortcut".into(), "/work dir/Demo.app/Contents".into());
    for file in [
        "Demo.app/x",
        "Demo.app/Contents/x",
        "/work dir/Demo.app/Contents/x",
        "./Demo.app/Contents/x",
        "shortcut/x",
        "/other/Kit.framework/Versions/A/x",
    ] {
        let result = write(&disk, Path::new(ROOT), &edit(file, "", ""));
        assert!(matches!(result, Err(ApplyError::InsideBundle(_))), "{file}: {result:?}");
    }
}

#[test]
fn a_link_is_followed_and_judged_by_where_it_leads() {
    let mut disk = disk();
    disk.links.insert("/work dir/inside".into(), "/work dir/Demo.app/Contents/Info.plist".into());
    disk.links.insert("/work dir/outside".into(), "/work dir/src/x".into());
    assert!(matches!(write(&disk, Path::new(ROOT), &edit("inside", "", "inside")), Err(ApplyError::InsideBundle(_))));
    write(&disk, Path::new(ROOT), &edit("outside", "", "outside")).unwrap();
    assert_eq!(content(&disk, "/work dir/src/x").as_deref(), Some("new"));
}

#[test]
fn what_the_system_refuses_is_told() {
    let disk = Memory { full: true, ..disk() };
    let error = write(&disk, Path::new(ROOT), &edit("a", "", "")).unwrap_err();
    assert!(matches!(&error, ApplyError::Io { file, .. } if file == "a"), "{error}");
    assert!(matches!(write(&disk, Path::new(ROOT), &edit("src", "", "")), Err(ApplyError::Io { .. })));
    assert!(matches!(write(&disk, Path::new(ROOT), &edit("no/folder/a", "", "")), Err(ApplyError::Io { .. })));
}

#[test]
fn what_was_written_is_taken_back_and_what_was_changed_since_is_left_alone() {
    use crate::system::fake::FakeSystem;
    let edit = |from: &str, before: &str| FileEdit {
        executable: "x".into(),
        file: "/p/app.entitlements".into(),
        before: before.into(),
        after: "after".into(),
        diff: String::new(),
        from: from.into(),
        warnings: Vec::new(),
    };
    let root = Path::new("/elsewhere/Demo.app");
    let now = |system: &FakeSystem| system.read_small(Path::new("/p/app.entitlements"), 99).ok();
    let (there, new) = (edit("/p/app.entitlements", "before"), edit("as signed", "signed"));
    // One that was there is what it was.
    let system = FakeSystem::new().file("/p/app.entitlements", "before");
    write(&system, root, &there).unwrap();
    take_back(&system, root, &there).unwrap();
    assert_eq!(now(&system).as_deref(), Some(&b"before"[..]));
    // One that was not there is gone again.
    let system = FakeSystem::new().file("/p/other", "x");
    write(&system, root, &new).unwrap();
    take_back(&system, root, &new).unwrap();
    assert_eq!(now(&system), None);
    // One that somebody has changed since stays.
    for edit in [&there, &new] {
        let system = FakeSystem::new().file("/p/app.entitlements", "edited");
        assert!(matches!(take_back(&system, root, edit), Err(ApplyError::Changed(_))));
        assert_eq!(now(&system).as_deref(), Some(&b"edited"[..]));
    }
}
