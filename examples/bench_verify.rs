//! How fast Temper verifies, and in how much memory, beside what nothing can beat: `openssl dgst -sha256`, one for each core, on the same bytes.
//!
//! `cargo run --release --example bench_verify [--rounds N] PATH…`: apps, folders or Mach-O files. `rcodesign verify` runs too where it is installed (it verifies
//! single files only). Every contestant is a process of its own; the rounds go around, so that a busy machine hurts all alike; the best round counts.
//! Peak memory is `VmHWM` of Linux; elsewhere it is not said.
#![allow(clippy::unwrap_used, reason = "a tool: a panic with the place is what is needed")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use temper::cli::verify::Options;
use temper::scan::Request;
use temper::system::disk::RealSystem;

/// One run of a contestant.
#[derive(Debug, Clone, Copy)]
struct Run {
    time: Duration,
    /// Processor time of all its processes.
    processor: Duration,
    /// Bytes; of several processes the sum.
    peak: u64,
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "--child") {
        return child(Path::new(&arguments[1]));
    }
    let mut rounds = 5;
    if let Some(at) = arguments.iter().position(|word| word == "--rounds") {
        rounds = arguments.get(at + 1).and_then(|word| word.parse().ok()).unwrap_or(rounds);
        arguments.drain(at..(at + 2).min(arguments.len()));
    }
    if arguments.is_empty() {
        eprintln!("bench_verify [--rounds N] PATH…");
        return ExitCode::from(2);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, best of {rounds} rounds\n");
    println!("| What | MB | Contestant | s | MB/s | of the floor | processor s | peak MiB |\n|---|---:|---|---:|---:|---:|---:|---:|");
    for path in arguments {
        bench(Path::new(&path), rounds, cores);
    }
    ExitCode::SUCCESS
}

/// What `temper verify --deep --strict` does, in this process.
fn child(path: &Path) -> ExitCode {
    let request = Request { path: Some(path.to_path_buf()), ..Request::default() };
    let options = Options { verbosity: 1, strict: true, deep: true, ..Options::default() };
    match temper::cli::verify::verify(&RealSystem, &request, options) {
        Ok(said) => {
            eprint!("{}", said.text);
            ExitCode::from(said.status)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn bench(path: &Path, rounds: usize, cores: usize) {
    let mut files = Vec::new();
    collect(path, &mut files);
    let total: u64 = files.iter().map(|(size, _)| size).sum();
    let lists = shares(files, cores);
    let is_file = path.is_file();
    let own = std::env::current_exe().unwrap();
    let temper = || vec![command(&own, &["--child".as_ref(), path])];
    let floor = || lists.iter().map(|list| openssl(list)).collect::<Vec<_>>();
    let rcodesign = || vec![command(Path::new("rcodesign"), &["verify".as_ref(), path])];
    let has_rcodesign = is_file && Command::new("rcodesign").arg("--version").stdout(Stdio::null()).status().is_ok();
    // Everything into the cache first.
    run(floor());
    let mut best: [Option<Run>; 3] = [None; 3];
    for _ in 0..rounds {
        let runs = [Some(run(floor())), Some(run(temper())), has_rcodesign.then(|| run(rcodesign()))];
        for (best, run) in best.iter_mut().zip(runs) {
            *best = match (*best, run) {
                (Some(one), Some(other)) => Some(Run {
                    time: one.time.min(other.time),
                    processor: one.processor.min(other.processor),
                    peak: one.peak.max(other.peak),
                }),
                (one, other) => one.or(other),
            };
        }
    }
    let megabytes = total as f64 / 1e6;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let floor = best[0].unwrap();
    for (contestant, run) in ["openssl, one for each core", "Temper", "rcodesign"].iter().zip(best) {
        let Some(run) = run else { continue };
        println!(
            "| {name} | {megabytes:.0} | {contestant} | {:.3} | {:.0} | {:.2} | {:.2} | {:.1} |",
            run.time.as_secs_f64(),
            megabytes / run.time.as_secs_f64(),
            floor.time.as_secs_f64() / run.time.as_secs_f64(),
            run.processor.as_secs_f64(),
            run.peak as f64 / 1_048_576.0
        );
    }
}

fn collect(path: &Path, files: &mut Vec<(u64, PathBuf)>) {
    let Ok(data) = path.symlink_metadata() else { return };
    if data.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), files);
        }
    } else if data.is_file() {
        files.push((data.len(), path.to_path_buf()));
    }
}

/// Files for each core, the largest first to whoever has least.
fn shares(mut files: Vec<(u64, PathBuf)>, cores: usize) -> Vec<Vec<PathBuf>> {
    files.sort_by(|one, other| other.cmp(one));
    let mut lists: Vec<(u64, Vec<PathBuf>)> = vec![(0, Vec::new()); cores];
    for (size, path) in files {
        let least = lists.iter_mut().min_by_key(|(sum, _)| *sum).unwrap();
        least.0 += size;
        least.1.push(path);
    }
    lists.into_iter().map(|(_, list)| list).filter(|list| !list.is_empty()).collect()
}

fn openssl(files: &[PathBuf]) -> Command {
    let arguments: Vec<&Path> = ["dgst".as_ref(), "-sha256".as_ref()].into_iter().chain(files.iter().map(PathBuf::as_path)).collect();
    command(Path::new("openssl"), &arguments)
}

fn command(program: &Path, arguments: &[&Path]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts all and waits for all.
fn run(commands: Vec<Command>) -> Run {
    let before = children_time();
    let begin = Instant::now();
    let children: Vec<Child> = commands.into_iter().map(|mut command| command.spawn().unwrap()).collect();
    let peaks = std::thread::scope(|scope| {
        let watchers: Vec<_> = children.into_iter().map(|mut child| scope.spawn(move || watch(&mut child))).collect();
        watchers.into_iter().map(|watcher| watcher.join().unwrap()).sum()
    });
    Run { time: begin.elapsed(), processor: children_time().saturating_sub(before), peak: peaks }
}

/// Waits for a process and gives the most memory it had. The kernel keeps the maximum, so that looking now and then is enough.
fn watch(child: &mut Child) -> u64 {
    let file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&file) {
            peak = peak.max(kilobytes(&text, "VmHWM:").unwrap_or(0) * 1024);
        }
        if child.try_wait().unwrap().is_some() {
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// Processor time of all children that were waited for; zero where the kernel does not say. A tick is 10 ms on Linux.
fn children_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(") ").map(|(_, after)| after).unwrap_or_default();
    let ticks: u64 = after.split(' ').skip(13).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
