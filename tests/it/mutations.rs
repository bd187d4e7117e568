//! Damaged input for every reader: no panic, nothing that does not end. A short run of what `tests/fuzz/run.sh` does a million times.

use crate::support::fuzz::mutator::{MAX_LEN, mutated};
use crate::support::fuzz::random::Random;
use crate::support::fuzz::readers::{READERS, Reader};
use crate::support::fuzz::seeds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Damaged inputs of each reader.
const RUNS: usize = 2_000;
/// Where a debug build on a busy machine stops earlier.
const ENOUGH: Duration = Duration::from_millis(1_500);
/// What is too long even there.
const TOO_LONG: Duration = Duration::from_secs(20);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
    found.sort();
}

/// Short seeds first; of the practice apps and the recorded cases, and those that are written.
fn pool(reader: &str) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    ["scenarios/labs", "tests/cases", "tests/callsites"].iter().for_each(|folder| files(&root().join(folder), &mut paths));
    let of_file = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        seeds::seeds(&name, &std::fs::read(path).unwrap())
    };
    let all = paths.iter().flat_map(of_file).chain(seeds::written());
    let mut pool: Vec<Vec<u8>> = all.filter(|(name, _)| *name == reader).map(|(_, bytes)| bytes).collect();
    pool.sort_by_key(Vec::len);
    pool.dedup();
    pool.retain(|bytes| bytes.len() <= MAX_LEN);
    pool.truncate(24);
    pool
}

/// What is wrong with a run.
fn fault((name, read): Reader, bytes: &[u8]) -> Option<String> {
    let begin = Instant::now();
    let is_whole = catch_unwind(AssertUnwindSafe(|| read(bytes))).is_ok();
    (!is_whole || begin.elapsed() > TOO_LONG).then(|| format!("{name}: {}", if is_whole { "does not end" } else { "panics" }))
}

#[test]
fn readers_stand_damaged_input() {
    for reader in READERS {
        let pool = pool(reader.0);
        assert!(!pool.is_empty(), "no seeds for {}", reader.0);
        let mut random = Random::new(0x7e39);
        let begin = Instant::now();
        for run in 0..RUNS {
            let bytes = mutated(&mut random, &pool);
            if let Some(words) = fault(reader, &bytes) {
                panic!("{words}: run {run}, {} bytes", bytes.len());
            }
            if begin.elapsed() > ENOUGH && run >= 50 {
                break;
            }
        }
    }
}

#[test]
fn readers_stand_every_cut() {
    for reader in READERS {
        for seed in pool(reader.0).iter().take(2) {
            let step = (seed.len() / 64).max(1);
            for cut in (0..seed.len().min(256)).step_by(3).chain((0..seed.len()).step_by(step)) {
                assert_eq!(fault(reader, &seed[..cut]), None, "cut at {cut} of {}", seed.len());
            }
        }
    }
}

/// Inputs that once broke a reader: `tests/it/findings/TARGET/`.
#[test]
fn readers_stand_what_once_broke_them() {
    let mut faults = Vec::new();
    for reader in READERS {
        let mut paths = Vec::new();
        files(&root().join("tests/it/findings").join(reader.0), &mut paths);
        let broken = |path: &std::path::PathBuf| Some(format!("{} by {}", fault(reader, &std::fs::read(path).unwrap())?, path.display()));
        faults.extend(paths.iter().filter_map(broken));
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_same_seed_gives_the_same_damage() {
    let pool = [b"some bytes".to_vec(), b"<dict><key>a</key></dict>".to_vec()];
    let run = |seed| {
        let mut random = Random::new(seed);
        (0..200).map(|_| mutated(&mut random, &pool)).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).iter().filter(|bytes| !pool.contains(bytes)).count() > 150);
}
