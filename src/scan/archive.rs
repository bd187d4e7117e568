//! Zip archives in the target, jars among them: the notary unpacks them and looks at the code inside, so Temper does too.
//!
//! Nothing is written to disk. Every entry's first bytes are unpacked; the rest only of code and of archives in archives, one entry at a time and within bounds.
//! What lies beyond them is a gap: an archive that unpacks to more than it should is never followed.

use super::walk::Seen;
use super::{Run, ScanError, file};
use crate::evidence::{Evidence, Gap, Image};
use crate::read::callsites::CallSites;
use crate::read::macho::{self, FileType};
use crate::read::signature::check_pages;
use crate::read::source::Window;
use crate::system::OpenFile;
use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;
use zip::result::ZipError;

/// Names of files that are looked into.
const EXTENSIONS: &[&str] = &["zip", "jar", "war", "ear", "whl", "egg", "nupkg", "xpi", "aar"];
/// Largest archive that is opened, in bytes.
const MAX_ARCHIVE: u64 = 2 << 30;
/// Largest directory of an archive, in bytes.
const MAX_DIRECTORY: u64 = 32 << 20;
/// Entries of all archives together.
const MAX_ENTRIES: usize = 50_000;
/// Largest entry that is unpacked, in bytes.
const MAX_ENTRY: u64 = if cfg!(test) { 4 << 20 } else { 256 << 20 };
/// Bytes that are unpacked of all archives together.
const MAX_UNPACKED: u64 = 1 << 30;
/// An archive in an archive is opened, one in that is not.
const MAX_DEPTH: usize = 2;
/// Slices of one entry.
const MAX_SLICES: usize = 32;
/// Gaps of one archive, with those in it.
const MAX_GAPS: usize = 16;
/// Bytes that tell what an entry is.
const HEAD: usize = 64;

/// Looks into all archives among what was seen.
pub(super) fn read(run: &Run<'_>, root: &Path, seen: &Seen, evidence: &mut Evidence) -> Result<(), ScanError> {
    let mut left = Left { entries: MAX_ENTRIES, bytes: MAX_UNPACKED };
    for (path, size) in seen.files.iter().filter(|(path, _)| is_archive(path)) {
        if run.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        let mut look = Look { run, images: &mut evidence.archived, gaps: &mut evidence.gaps, left: &mut left };
        if *size > MAX_ARCHIVE {
            look.gap(path, "an archive larger than Temper opens");
            continue;
        }
        match run.system.open(&root.join(path)) {
            Ok(file) => {
                let budget = Cell::new(MAX_DIRECTORY);
                look.archive(path, FileReader { file, at: 0, budget: &budget }, &budget, 1);
            }
            Err(error) => look.gap(path, &format!("cannot be opened: {error}")),
        }
    }
    evidence.archived.sort_by(|a, b| (&a.path, a.slice).cmp(&(&b.path, b.slice)));
    Ok(())
}

fn is_archive(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// An entry: its path, and its bytes.
type Unpacked = (PathBuf, Vec<u8>);

/// What may still be unpacked.
struct Left {
    entries: usize,
    bytes: u64,
}

/// An open file as the archive reader takes it.
struct FileReader<'a> {
    file: Box<dyn OpenFile>,
    at: u64,
    /// Bytes that may still be read.
    budget: &'a Cell<u64>,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(self.at, buffer)?;
        self.at += count as u64;
        let left = self.budget.get().checked_sub(count as u64);
        self.budget.set(left.ok_or_else(|| io::Error::other("its directory is larger than Temper reads"))?);
        Ok(count)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

struct Look<'a> {
    run: &'a Run<'a>,
    images: &'a mut Vec<Image>,
    gaps: &'a mut Vec<Gap>,
    left: &'a mut Left,
}

impl Look<'_> {
    fn gap(&mut self, path: &Path, why: &str) {
        self.gaps.push(Gap { path: path.to_path_buf(), why: why.to_owned() });
    }

    /// `budget` is what may be read to open it; after that what is unpacked is counted.
    fn archive<R: Read + Seek>(&mut self, path: &Path, mut reader: R, budget: &Cell<u64>, depth: usize) {
        let mut magic = [0; 4];
        let begins = reader.read_exact(&mut magic).and_then(|()| reader.rewind());
        if begins.is_err() || !matches!(&magic, b"PK\x03\x04" | b"PK\x05\x06") {
            // A file of another kind with such a name.
            return;
        }
        let mut archive = match ZipArchive::new(reader) {
            Ok(archive) => archive,
            Err(error) => return self.gap(path, &format!("an archive that cannot be read: {}", words(&error))),
        };
        budget.set(u64::MAX);
        let gaps_before = self.gaps.len();
        for index in 0..archive.len() {
            if self.run.is_cancelled() {
                return;
            }
            if self.gaps.len() >= gaps_before + MAX_GAPS {
                return self.gap(path, "too much in this archive cannot be read: the rest was not looked at");
            }
            let Some(entries) = self.left.entries.checked_sub(1) else {
                return self.gap(path, &format!("more than {MAX_ENTRIES} entries in archives: the rest was not looked at"));
            };
            self.left.entries = entries;
            match self.entry(&mut archive, index, path) {
                Ok(None) => {}
                Ok(Some((name, bytes))) if macho::looks_like_macho(&bytes) => self.code(&name, bytes),
                Ok(Some((name, _))) if depth >= MAX_DEPTH => self.gap(&name, "an archive in an archive in an archive, which is not opened"),
                Ok(Some((name, bytes))) => self.archive(&name, Cursor::new(bytes), &Cell::new(0), depth + 1),
                Err((name, why)) => {
                    self.gap(&name, &why);
                    if self.left.bytes == 0 {
                        return;
                    }
                }
            }
        }
    }

    /// The bytes of an entry that is code or an archive; `None` for any other.
    fn entry<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        index: usize,
        path: &Path,
    ) -> Result<Option<Unpacked>, (PathBuf, String)> {
        let mut entry = archive.by_index(index).map_err(|error| (path.to_path_buf(), format!("entry {index}: {}", words(&error))))?;
        if entry.is_dir() {
            return Ok(None);
        }
        let name = match entry.name() {
            Ok(name) => inside(path, &name),
            Err(error) => return Err((path.to_path_buf(), format!("entry {index}: {}", words(&error)))),
        };
        let fault = |error: io::Error| (name.clone(), format!("cannot be unpacked: {error}"));
        let mut bytes = Vec::new();
        (&mut entry).take(HEAD as u64).read_to_end(&mut bytes).map_err(fault)?;
        let is_code = bytes.len() >= 8 && macho::looks_like_macho(&bytes);
        let is_nested = bytes.starts_with(b"PK\x03\x04") && is_archive(&name);
        if !is_code && !is_nested {
            return Ok(None);
        }
        // What the archive says of the size is not believed: reading stops where it must.
        let most = MAX_ENTRY.min(self.left.bytes);
        (&mut entry).take(most.saturating_sub(HEAD as u64) + 1).read_to_end(&mut bytes).map_err(fault)?;
        self.left.bytes = self.left.bytes.saturating_sub(bytes.len() as u64);
        if bytes.len() as u64 > most {
            return Err((name, format!("unpacks to more than {} MiB, which Temper does not follow", most >> 20)));
        }
        Ok(Some((name, bytes)))
    }

    fn code(&mut self, path: &Path, bytes: Vec<u8>) {
        let slices = match macho::slices(&bytes) {
            Ok(slices) => slices,
            Err(error) => return self.gap(path, &format!("begins like a Mach-O file, but cannot be read as one: {error}")),
        };
        for (index, slice) in slices.slices.iter().enumerate().take(MAX_SLICES) {
            let Some(window) = Window::new(&bytes, slice.offset, slice.size) else {
                self.gap(path, &format!("slice {index} leaves the file"));
                continue;
            };
            match macho::read(&window) {
                Ok(macho) if macho.file_type == FileType::Dsym => {}
                Ok(macho) => {
                    let mut signed = file::sign(&window, &macho, &self.run.request.anchors);
                    if let crate::evidence::Signed::Yes(facts) = &mut signed {
                        facts.pages = facts.signature.directory().and_then(|directory| check_pages(&window, directory).ok());
                        facts.slice_size = slice.size;
                    }
                    self.images.push(Image {
                        path: path.to_path_buf(),
                        slice: index,
                        universal: slices.universal,
                        macho,
                        signed,
                        calls: CallSites::default(),
                        strings: Vec::new(),
                        main_of: None,
                        bundle: None,
                        quarantine: None,
                    });
                }
                Err(error) => self.gap(path, &format!("slice {index} cannot be read: {error}")),
            }
        }
    }
}

/// The path of an entry: the archive's, then what of the entry's name leads downwards.
fn inside(archive: &Path, name: &str) -> PathBuf {
    let parts = Path::new(name).components().filter(|part| matches!(part, Component::Normal(_)));
    parts.fold(archive.to_path_buf(), |path, part| path.join(part))
}

fn words(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(why) => format!("it needs what Temper does not read: {why}"),
        error => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scan::{Request, scan};
    use crate::system::fake::FakeSystem;
    use std::io::Write;
    use std::sync::atomic::AtomicBool;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        for (name, bytes) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// A program without a single load command.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1, 0, 0, 0, 0, 6, 0, 0, 0];
        bytes.extend([0; 112]);
        bytes
    }

    fn looked_at(path: &str, bytes: Vec<u8>) -> Evidence {
        let system = FakeSystem::new()
            .file("/x/Demo.app/Contents/Info.plist", "<plist><dict/></plist>")
            .file("/x/Demo.app/Contents/MacOS/Demo", program())
            .file(&format!("/x/Demo.app/{path}"), bytes);
        let request = Request { path: Some("/x/Demo.app".into()), ..Request::default() };
        scan(&system, &request, &|_| {}, &AtomicBool::new(false)).unwrap()
    }

    fn archived(evidence: &Evidence) -> Vec<String> {
        evidence.archived.iter().map(|image| image.path.to_string_lossy().into_owned()).collect()
    }

    fn gap_at<'a>(evidence: &'a Evidence, end: &str) -> Option<&'a str> {
        evidence.gaps.iter().find(|gap| gap.path.to_string_lossy().ends_with(end)).map(|gap| gap.why.as_str())
    }

    #[test]
    fn code_in_archives_and_in_archives_in_them_is_found() {
        let inner = zip_of(&[("native/lib.dylib", &program())]);
        let evidence = looked_at("Contents/a.zip", zip_of(&[("b.jar", &inner), ("tool", &program()), ("readme", b"text of some length")]));
        assert_eq!(archived(&evidence), ["Contents/a.zip/b.jar/native/lib.dylib", "Contents/a.zip/tool"]);
        assert!(evidence.images.iter().all(|image| image.path.ends_with("Demo")), "macOS runs nothing in an archive");
    }

    #[test]
    fn a_third_archive_is_a_gap() {
        let inmost = zip_of(&[("lib.dylib", &program())]);
        let evidence = looked_at("Contents/a.zip", zip_of(&[("b.zip", &zip_of(&[("c.zip", &inmost)]))]));
        assert_eq!(archived(&evidence), Vec::<String>::new());
        assert!(gap_at(&evidence, "a.zip/b.zip/c.zip").unwrap().contains("not opened"));
    }

    #[test]
    fn an_archive_full_of_faults_gives_few_gaps() {
        let inmost = zip_of(&[("lib.dylib", &program())]);
        let names: Vec<String> = (0..100).map(|n| format!("{n}.zip")).collect();
        let inner = zip_of(&names.iter().map(|name| (name.as_str(), inmost.as_slice())).collect::<Vec<_>>());
        let evidence = looked_at("Contents/a.zip", zip_of(&[("b.zip", &inner)]));
        assert!(gap_at(&evidence, "a.zip/b.zip").unwrap().contains("the rest was not looked at"));
        assert!(evidence.gaps.len() < 30, "{}", evidence.gaps.len());
    }

    #[test]
    fn a_bomb_is_a_gap() {
        let mut bomb = program();
        bomb.resize(usize::try_from(MAX_ENTRY).unwrap() + 1, 0);
        let evidence = looked_at("Contents/a.zip", zip_of(&[("bomb", &bomb), ("tool", &program())]));
        assert!(gap_at(&evidence, "a.zip/bomb").unwrap().contains("does not follow"));
        assert_eq!(archived(&evidence), ["Contents/a.zip/tool"]);
    }

    #[test]
    fn what_is_no_archive_or_broken_is_no_failure() {
        assert_eq!(gap_at(&looked_at("Contents/a.zip", b"no archive at all".to_vec()), "a.zip"), None);
        let mut cut = zip_of(&[("tool", &program())]);
        cut.truncate(cut.len() - 30);
        assert!(gap_at(&looked_at("Contents/a.jar", cut), "a.jar").unwrap().contains("cannot be read"));
    }

    #[test]
    fn an_entry_cannot_climb_out_of_its_archive() {
        assert_eq!(inside(Path::new("a.zip"), "../../etc/./tool"), Path::new("a.zip/etc/tool"));
        assert_eq!(inside(Path::new("a.zip"), "/tool"), Path::new("a.zip/tool"));
    }
}
