//! Writes seeds: `seeds OUT FOLDER…` takes every file below the folders apart and writes `OUT/READER/DIGEST`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Longer inputs cost executions and find nothing more.
const LONGEST: usize = 100 << 10;
/// Seeds of one reader.
const MOST: usize = 400;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let out = arguments.next().ok_or_else(|| std::io::Error::other("seeds OUT FOLDER…"))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (reader, _) in temper_fuzz::readers::READERS {
        std::fs::create_dir_all(out.join(reader))?;
    }
    let mut all = temper_fuzz::seeds::written();
    for folder in arguments {
        below(&folder, &mut |name, bytes| all.extend(temper_fuzz::seeds::seeds(name, bytes)))?;
    }
    for (reader, bytes) in all {
        let count = counts.entry(reader).or_default();
        if bytes.len() > LONGEST || *count >= MOST {
            continue;
        }
        *count += 1;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        std::fs::write(out.join(reader).join(format!("seed-{:016x}", hasher.finish())), &bytes)?;
    }
    println!("{counts:?}");
    Ok(())
}

fn below(folder: &Path, each: &mut dyn FnMut(&str, &[u8])) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        let kind = path.symlink_metadata()?;
        if kind.is_dir() {
            below(&path, each)?;
        } else if kind.is_file() && kind.len() < 64 << 20 {
            each(&path.file_name().unwrap_or_default().to_string_lossy(), &std::fs::read(&path)?);
        }
    }
    Ok(())
}
