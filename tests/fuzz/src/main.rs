//! `temper-fuzz TARGET|all RUNS SEED FOLDER…`: damages what the folders hold and gives it to Temper's readers, in this process.
//!
//! There is no instrumentation: an input that makes a reader allocate in a new way is kept and damaged further, which leads in deep enough without a special
//! compiler. Everything follows from the seed, so a run that dies can be run again.

mod meter;
#[path = "../../it/support/fuzz/mod.rs"]
mod support;

use meter::{Cost, Watch};
use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::mutator::{MAX_LEN, mutated};
use support::random::Random;
use support::readers::{READERS, Reader};
use support::seeds;

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

const MAX_TIME: Duration = Duration::from_secs(1);
const MAX_MEMORY: usize = 256 << 20;
/// What takes longer is not damaged further.
const SLOW: Duration = Duration::from_millis(2);
/// Inputs that are damaged further.
const MAX_POOL: usize = 4096;

/// The last panic: place and words.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, runs, seed, folders @ ..] = &arguments[..] else {
        eprintln!("temper-fuzz TARGET|all RUNS SEED FOLDER…");
        return ExitCode::from(2);
    };
    let (Ok(runs), Ok(seed)) = (runs.parse(), seed.parse()) else {
        eprintln!("RUNS and SEED are numbers");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        if let Ok(mut last) = PANIC.lock() {
            *last = Some(format!("{place}: {info}").replace('\n', " "));
        }
    }));
    let mut pools = collect(folders);
    let chosen: Vec<Reader> = READERS.into_iter().filter(|(name, _)| target == "all" || name == target).collect();
    if chosen.is_empty() {
        eprintln!("targets: {}", READERS.map(|(name, _)| name).join(" "));
        return ExitCode::from(2);
    }
    let mut findings = 0;
    for reader in chosen {
        let pool = pools.remove(reader.0).unwrap_or_default();
        findings += fuzz(reader, pool, runs, seed);
    }
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seeds of every reader, each once, short ones first.
fn collect(folders: &[String]) -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut all: BTreeMap<&'static str, Vec<Vec<u8>>> = BTreeMap::new();
    let mut files = Vec::new();
    folders.iter().for_each(|folder| walk(Path::new(folder), &mut files));
    files.sort();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let found =
            READERS.iter().find(|(reader, _)| path.parent().is_some_and(|parent| parent.ends_with(Path::new("findings").join(reader))));
        match found {
            Some((reader, _)) => all.entry(reader).or_default().push(bytes),
            None => seeds::seeds(&name, &bytes).into_iter().for_each(|(reader, bytes)| all.entry(reader).or_default().push(bytes)),
        }
    }
    for (reader, bytes) in seeds::written() {
        all.entry(reader).or_default().push(bytes);
    }
    for pool in all.values_mut() {
        pool.retain(|bytes| bytes.len() <= MAX_LEN && !bytes.is_empty());
        pool.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        pool.dedup();
        pool.truncate(MAX_POOL / 4);
    }
    all
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() < 8 << 20) => files.push(entry.path()),
            _ => {}
        }
    }
}

/// How a run may be wrong.
fn fault(reader: Reader, bytes: &[u8]) -> (Option<String>, Cost) {
    let thread = meter::thread_name();
    let clock = || thread.as_deref().and_then(meter::processor_time);
    let before = clock();
    judged(reader, bytes, || Some(clock()?.saturating_sub(before?)))
}

/// Runs once; `used` is asked for processor time only when the clock says too long, since asking is slow.
fn judged(reader: Reader, bytes: &[u8], used: impl Fn() -> Option<Duration>) -> (Option<String>, Cost) {
    let (result, cost) = meter::measured(|| catch_unwind(AssertUnwindSafe(|| (reader.1)(bytes))));
    let words = if result.is_err() {
        PANIC.lock().ok().and_then(|mut last| last.take()).or_else(|| Some("panic".into()))
    } else if cost.peak > MAX_MEMORY {
        Some(format!("memory: {} MB", cost.peak >> 20))
    } else if cost.time > MAX_TIME && used().is_none_or(|time| time > MAX_TIME) {
        Some("time: more than 1 s".to_owned())
    } else {
        None
    };
    (words, cost)
}

/// Runs one target; the number of findings.
fn fuzz(reader: Reader, mut pool: Vec<Vec<u8>>, runs: usize, seed: u64) -> usize {
    let name = reader.0;
    if pool.is_empty() {
        println!("{name}: no seeds");
        return 1;
    }
    let watch = Arc::new(Watch { run: AtomicUsize::new(0), is_done: AtomicBool::new(false), input: Mutex::default() });
    let dog = watchdog(name, seed, Arc::clone(&watch));
    let mut random = Random::new(seed);
    let (mut known, mut features) = (HashSet::new(), HashSet::new());
    let (mut most, mut longest) = (0, Duration::ZERO);
    quick(reader, &mut pool);
    let seeds = pool.len();
    let begin = Instant::now();
    for run in 0..runs {
        watch.run.store(run, Ordering::Relaxed);
        // Every seed once as it is, then damaged.
        let bytes = if run < seeds { pool[run].clone() } else { mutated(&mut random, &pool) };
        if let Ok(mut input) = watch.input.lock() {
            input.clone_from(&bytes);
        }
        let (mut words, cost) = judged(reader, &bytes, || None);
        if words.as_deref().is_some_and(|words| words.starts_with("time")) {
            words = fault(reader, &bytes).0;
        } else {
            longest = longest.max(cost.time);
        }
        most = most.max(cost.peak);
        if let Some(words) = words {
            keep(reader, &bytes, &words, run, &mut known);
        } else if features.insert(feature(&cost)) && run >= seeds && cost.time < SLOW {
            if pool.len() < MAX_POOL {
                pool.push(bytes)
            } else {
                *pool.get_mut(seeds + random.below(MAX_POOL - seeds)).unwrap_or(&mut Vec::new()) = bytes
            }
        }
    }
    watch.is_done.store(true, Ordering::Relaxed);
    drop(dog.join());
    let seconds = begin.elapsed().as_secs_f64();
    let milliseconds = longest.as_secs_f64() * 1e3;
    println!(
        "{name}: {runs} runs from {seeds} seeds ({} kept) with seed {seed} in {seconds:.0} s; at most {milliseconds:.0} ms and {:.1} MB; {} findings",
        pool.len() - seeds,
        most as f64 / 1_048_576.0,
        known.len()
    );
    known.len()
}

/// Leaves out seeds that take long when there are enough quick ones: what is found in a second is found in more runs.
fn quick(reader: Reader, pool: &mut Vec<Vec<u8>>) {
    const QUICK: Duration = Duration::from_micros(500);
    const ENOUGH: usize = 16;
    let time = |bytes: &[u8]| match judged(reader, bytes, || None) {
        (None, cost) => cost.time,
        // What is wrong already is to be reported.
        (Some(_), _) => Duration::ZERO,
    };
    let mut timed: Vec<(Duration, Vec<u8>)> = pool.drain(..).map(|bytes| (time(&bytes), bytes)).collect();
    timed.sort();
    let count = timed.iter().filter(|(time, _)| *time <= QUICK).count().max(ENOUGH.min(timed.len()));
    pool.extend(timed.into_iter().take(count).map(|(_, bytes)| bytes));
}

/// What tells runs apart: allocations and memory, coarser the more there are.
fn feature(cost: &Cost) -> (usize, usize) {
    let coarse = |value: usize| {
        if value < 64 {
            value
        } else {
            let shift = value.ilog2() - 4;
            (shift as usize) << 8 | value >> shift
        }
    };
    (coarse(cost.allocations), cost.peak.checked_ilog2().unwrap_or(0) as usize)
}

/// Makes a finding small and writes it down; one of each place.
fn keep(reader: Reader, bytes: &[u8], words: &str, run: usize, known: &mut HashSet<String>) {
    let place = place(words);
    if !known.insert(place.clone()) {
        return;
    }
    let mut small = bytes.to_vec();
    let mut piece = small.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < small.len() {
            let mut shorter = small.clone();
            shorter.drain(at..(at + piece).min(small.len()));
            if fault(reader, &shorter).0.is_some_and(|words| self::place(&words) == place) { small = shorter } else { at += piece }
        }
        // Minutes of halving do not help whoever reads a long file.
        piece = if small.len() > 16_384 && piece < 64 { 0 } else { piece / 2 };
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(reader.0);
    let file = folder.join(format!("{run}"));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &small));
    println!(
        "{}: {words}\n  {} bytes in {}{}",
        reader.0,
        small.len(),
        file.display(),
        if written.is_err() { " (not written)" } else { "" }
    );
}

/// Place of a panic, or the kind of another finding.
fn place(words: &str) -> String {
    words.split(": ").next().unwrap_or_default().to_owned()
}

/// Ends the process when a run takes a minute of processor time: nobody else can.
fn watchdog(name: &'static str, seed: u64, watch: Arc<Watch>) -> std::thread::JoinHandle<()> {
    let worker = meter::thread_name();
    std::thread::spawn(move || {
        let clock = || worker.as_deref().and_then(meter::processor_time);
        let (mut run, mut since) = (usize::MAX, clock());
        while !watch.is_done.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            let now = watch.run.load(Ordering::Relaxed);
            if now != run {
                (run, since) = (now, clock());
            } else if let (Some(before), Some(now)) = (since, clock())
                && now.saturating_sub(before) > Duration::from_secs(60)
            {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(name);
                let input = watch.input.lock().map(|input| input.clone()).unwrap_or_default();
                let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(run.to_string()), input));
                let lost = if written.is_err() { " (not written)" } else { "" };
                println!("{name}: run {run} with seed {seed} does not end; its input is in {}{lost}", folder.display());
                std::process::exit(1);
            }
        }
    })
}
