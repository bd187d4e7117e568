//! Measures one part of Temper on real files: `cargo run --release --example bench -- callsites [--print] FILE…`.
//!
//! `callsites`: megabytes of code per second in which the calls of [`temper::read::callsites::WANTED`] are found; reading the file and its
//! bindings is not counted. `--print` shows the calls too.

use std::time::{Duration, Instant};
use temper::read::macho::{self, MachO};
use temper::read::source::Window;
use temper::read::{Source, callsites, fixups};

/// Runs of one measurement; the fastest counts.
const RUNS: usize = 5;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let print = arguments.iter().position(|argument| argument == "--print").map(|at| arguments.remove(at)).is_some();
    let Some(("callsites", files)) = arguments.split_first().map(|(what, files)| (what.as_str(), files)) else {
        eprintln!("usage: bench callsites [--print] FILE…");
        std::process::exit(2);
    };
    let mut total = (0u64, Duration::ZERO);
    for path in files {
        if let Err(error) = of_file(path, print, &mut total) {
            eprintln!("{path}: {error}");
        }
    }
    report("all", total.0, total.1, 0);
}

fn of_file(path: &str, print: bool, total: &mut (u64, Duration)) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    for slice in macho::slices(&bytes).map_err(|error| error.what)?.slices {
        let window = Window::new(&bytes, slice.offset, slice.size).ok_or("a slice leaves the file")?;
        let image = macho::read(&window).map_err(|error| error.what)?;
        let bindings = fixups::read(&window, &image);
        let runs = if print { 1 } else { RUNS };
        let (best, sites) = fastest(&window, &image, &bindings, runs).ok_or("nothing was run")?;
        let code: u64 = image.sections.iter().filter(|section| section.name == "__text").map(|section| section.size).sum();
        report(&format!("{path} ({})", image.arch.name()), code, best, sites.calls.len());
        sites.faults.iter().for_each(|fault| println!("  fault: {fault}"));
        if print {
            sites.calls.iter().for_each(|call| println!("  {}", line(call)));
        }
        *total = (total.0 + code, total.1 + best);
    }
    Ok(())
}

fn fastest(source: &dyn Source, image: &MachO, bindings: &fixups::Bindings, runs: usize) -> Option<(Duration, callsites::CallSites)> {
    let run = |_| {
        let start = Instant::now();
        let sites = callsites::find(source, image, bindings);
        (start.elapsed(), sites)
    };
    (0..runs).map(run).min_by_key(|(time, _)| *time)
}

fn report(what: &str, code: u64, time: Duration, calls: usize) {
    let megabytes = code as f64 / 1e6;
    println!("{megabytes:8.1} MB {:8.1} ms {:8.0} MB/s {calls:6} calls  {what}", time.as_secs_f64() * 1e3, megabytes / time.as_secs_f64());
}

fn line(call: &callsites::CallSite) -> String {
    let via: Vec<String> = call.via.iter().map(|at| format!("{at:#x}")).collect();
    format!(
        "{:#x} {} {:x?} via [{}] in {}",
        call.address,
        call.callee,
        call.arguments,
        via.join(" "),
        call.symbol.as_deref().unwrap_or("?")
    )
}
