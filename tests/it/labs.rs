//! The practice apps as they are committed: intact, embedded whole, and with evidence of these very builds.

use crate::support::{check, sign};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use temper::lab::{self, Lab};
use temper::system::{Entry, EntryKind, OpenFile, System};

fn folder(lab: &Lab) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs").join(lab.id)
}

fn file<'a>(lab: &'a Lab, path: &str) -> Option<&'a [u8]> {
    lab.files.iter().find(|(name, ..)| *name == path).map(|(_, bytes, _)| *bytes)
}

/// Info.plist and CodeResources of the bundle whose main executable lies at `path`.
fn bundle_files<'a>(lab: &'a Lab, path: &str) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let Some((contents, _)) = path.rsplit_once("/MacOS/") else { return (None, None) };
    (file(lab, &format!("{contents}/Info.plist")), file(lab, &format!("{contents}/_CodeSignature/CodeResources")))
}

fn programs(lab: &Lab) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    lab.files.iter().filter(|(_, _, executable)| *executable).map(|(path, bytes, _)| (*path, *bytes))
}

fn slices(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    sign::slices(bytes).into_iter().map(|range| &bytes[range])
}

#[test]
fn every_signature_holds() {
    for lab in lab::all() {
        for (path, bytes) in programs(lab) {
            let (info, seal) = bundle_files(lab, path);
            for slice in slices(bytes) {
                let checked = check::slice(slice, info, seal).unwrap_or_else(|why| panic!("{}: {path}: {why}", lab.id));
                let team = if path.contains("PlugIns") { "OTHERTEAM1" } else { "PRACTICE01" };
                assert_eq!(checked.team.as_deref(), Some(team), "{}: {path}", lab.id);
                assert_eq!((checked.flags, checked.version), (sign::RUNTIME, 0x20500), "{}: {path}", lab.id);
                assert!(checked.signer.unwrap().contains(team), "{}: {path}", lab.id);
            }
        }
    }
}

#[test]
fn only_the_apps_that_say_so_have_entitlements() {
    for lab in lab::all() {
        for (path, bytes) in programs(lab) {
            let entitled =
                slices(bytes).all(|slice| check::slice(slice, bundle_files(lab, path).0, bundle_files(lab, path).1).unwrap().entitled);
            let expected = matches!(path, "Contents/MacOS/Sketchbook" | "Contents/MacOS/Cardfile");
            assert_eq!(entitled, expected, "{}: {path}", lab.id);
        }
    }
}

#[test]
fn seals_name_the_nested_code_that_is_there() {
    for lab in lab::all() {
        let seal = plist::Value::from_reader_xml(file(lab, "Contents/_CodeSignature/CodeResources").unwrap()).unwrap();
        let sealed = seal.as_dictionary().unwrap()["files2"].as_dictionary().unwrap();
        let nested: Vec<_> = programs(lab).filter(|(path, _)| !path.starts_with("Contents/MacOS/")).collect();
        assert_eq!(sealed.len(), nested.len(), "{}", lab.id);
        for (path, bytes) in nested {
            let (_, entry) = sealed.iter().find(|(name, _)| path.starts_with(&format!("Contents/{name}"))).unwrap();
            let cdhash = entry.as_dictionary().unwrap()["cdhash"].as_data().unwrap();
            assert!(slices(bytes).any(|slice| sign::cdhash(slice).unwrap() == cdhash), "{}: {path}", lab.id);
        }
    }
}

#[test]
fn every_file_of_a_bundle_is_embedded() {
    for lab in lab::all() {
        let bundle = folder(lab).join(lab.bundle);
        let on_disk: BTreeMap<String, Vec<u8>> = walkdir::WalkDir::new(&bundle)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| (entry.path().strip_prefix(&bundle).unwrap().display().to_string(), std::fs::read(entry.path()).unwrap()))
            .collect();
        let embedded: BTreeMap<String, Vec<u8>> = lab.files.iter().map(|(path, bytes, _)| ((*path).to_owned(), bytes.to_vec())).collect();
        assert!(on_disk == embedded, "{}: {:?} and {:?}", lab.id, on_disk.keys(), embedded.keys());
        assert!(lab.files.iter().all(|(_, bytes, program)| *program == (bytes[0] == 0xca || bytes[0] == 0xcf)), "{}", lab.id);
    }
}

#[test]
fn every_folder_with_a_bundle_is_a_practice_app() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs");
    let mut on_disk: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.join("src").is_dir()).collect();
    let mut embedded: Vec<_> = lab::all().iter().map(folder).collect();
    on_disk.sort();
    embedded.sort();
    assert_eq!(on_disk, embedded);
    assert_eq!(lab::all()[0].id, "jit-flip");
}

#[test]
fn evidence_names_the_builds_that_are_committed() {
    for lab in lab::all() {
        for (name, text) in lab.evidence {
            assert!(!text.contains("@{"), "{}: {name} has an unfilled place", lab.id);
            let text = text.to_uppercase();
            let loaded_at_death = match lab.id {
                "silent-microphone" => vec![], // tccd's lines name a path, no build.
                "dyld-launcher" => vec!["Contents/MacOS/Tidewatch"],
                "foreign-plugin" => vec!["Contents/PlugIns/Reverb.bundle/Contents/MacOS/Reverb"],
                _ => programs(lab).map(|(path, _)| path).collect(),
            };
            for path in loaded_at_death {
                let arm64 = slices(file(lab, path).unwrap()).find(|slice| sign::arch_name(slice) == "arm64").unwrap();
                assert!(text.contains(&sign::uuid(arm64).unwrap()), "{}: {name} does not name {path}", lab.id);
            }
        }
    }
}

#[test]
fn two_parts_of_an_ips_report_are_json() {
    for lab in lab::all() {
        for (name, text) in lab.evidence.iter().filter(|(name, _)| name.ends_with(".ips")) {
            let (header, body) = text.split_once('\n').unwrap();
            for part in [header, body] {
                assert!(serde_json::from_str::<serde_json::Value>(part).is_ok(), "{}: {name}", lab.id);
            }
        }
    }
}

#[test]
fn practice_apps_stay_small() {
    let total: usize = lab::all().iter().flat_map(|lab| lab.files).map(|(_, bytes, _)| bytes.len()).sum();
    assert!(total < 700 << 10, "{total} bytes are embedded");
}

#[test]
fn unpacking_writes_what_is_missing_or_different() {
    let system = Memory::default();
    let lab = &lab::all()[0];
    let request = lab::unpack(&system, lab, Path::new("/cache")).unwrap();
    assert_eq!(request.path.as_deref(), Some(Path::new("/cache/jit-flip/Sketchbook.app")));
    assert_eq!(system.take_writes(), lab.files.len());

    lab::unpack(&system, lab, Path::new("/cache")).unwrap();
    assert_eq!(system.take_writes(), 0);

    let info = PathBuf::from("/cache/jit-flip/Sketchbook.app/Contents/Info.plist");
    system.files.lock().unwrap().get_mut(&info).unwrap().push(b'\n');
    lab::unpack(&system, lab, Path::new("/cache")).unwrap();
    assert_eq!(system.take_writes(), 1);
    assert_eq!(system.files.lock().unwrap()[&info], file(lab, "Contents/Info.plist").unwrap());
}

#[test]
fn a_request_brings_its_evidence_and_the_practice_root() {
    let request = lab::unpack(&Memory::default(), &lab::all()[0], Path::new("/cache")).unwrap();
    assert_eq!(request.pasted.len(), 1);
    assert_eq!(request.anchors.extra, [lab::anchor()]);
}

#[test]
fn practice_apps_go_to_the_users_cache() {
    let folder = |variables: &[(&'static str, &'static str)]| lab::folder(&Memory { variables: variables.to_vec(), ..Memory::default() });
    let name = concat!("temper/labs-", env!("CARGO_PKG_VERSION"));
    assert_eq!(folder(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/home/u")]), Path::new("/x").join(name));
    assert_eq!(folder(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/home/u")]), Path::new("/home/u/.cache").join(name));
    assert_eq!(folder(&[]), Path::new("/tmp").join(name));
}

/// Files in memory that count what is written.
#[derive(Default)]
struct Memory {
    files: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
    writes: Mutex<usize>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Memory {
    fn take_writes(&self) -> usize {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

struct MemoryFile(Vec<u8>);

impl OpenFile for MemoryFile {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl System for Memory {
    fn entry(&self, _: &Path) -> io::Result<EntryKind> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<Entry>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let files = self.files.lock().unwrap();
        let bytes = files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(bytes.clone())))
    }

    fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn canonical(&self, _: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn attribute(&self, _: &Path, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn now(&self) -> i64 {
        0
    }

    fn standard_input(&self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        *self.writes.lock().unwrap() += 1;
        self.files.lock().unwrap().insert(path.to_path_buf(), bytes.to_vec());
        Ok(())
    }

    fn threads(&self) -> usize {
        1
    }
}

/// The whole pipeline on each practice app: the answer its story promises, about this build, with a least remedy that names a file or a key.
#[test]
fn each_practice_app_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    for lab in temper::lab::all() {
        let request = temper::lab::unpack(&temper::system::disk::RealSystem, lab, folder.path()).unwrap();
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let report = temper::examine(&temper::system::disk::RealSystem, &request, &|_| {}, &cancel).unwrap().report;
        let top = report.diagnoses.first().unwrap_or_else(|| panic!("{}: no diagnosis", lab.id));
        assert_eq!(top.cause, lab.cause, "{}: {}", lab.id, top.summary);
        assert_eq!(report.verdict.word(), "explained", "{}", lab.id);
        assert!(["certain", "likely"].contains(&top.confidence), "{}: {}", lab.id, top.confidence);
        assert!(top.remedies.iter().any(|remedy| remedy.least && !remedy.steps.is_empty()), "{}: no least remedy with steps", lab.id);
        let wrong: Vec<_> = report.code.iter().filter(|code| code.signature != "valid").map(|code| &code.path).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", lab.id);
        eprintln!(
            "{}: {} ({}) {}",
            lab.id,
            top.summary,
            top.confidence,
            report.evidence.iter().map(|e| e.matches).collect::<Vec<_>>().join(" ")
        );
    }
}
