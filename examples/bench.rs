//! Measures one part of Temper on real files: `cargo run --release --example bench -- callsites [--print] FILE…`.
//!
//! `callsites`: megabytes of code per second in which the calls of [`temper::read::callsites::WANTED`] are found; reading the file and its
//! bindings is not counted. Time is that of the processor, on one core. `--print` shows the calls too.

use std::time::{Duration, Instant};
use temper::read::macho::{self, MachO};
use temper::read::source::Window;
use temper::read::{Source, callsites, fixups};

/// Runs of one measurement; their mean counts.
const RUNS: u32 = 5;

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
        let (mean, sites) = measured(&window, &image, &bindings, runs);
        let code: u64 = image.sections.iter().filter(|section| section.name == "__text").map(|section| section.size).sum();
        report(&format!("{path} ({})", image.arch.name()), code, mean, sites.calls.len());
        sites.faults.iter().for_each(|fault| println!("  fault: {fault}"));
        if print {
            sites.calls.iter().for_each(|call| println!("  {}", line(call)));
        }
        *total = (total.0 + code, total.1 + mean);
    }
    Ok(())
}

fn measured(source: &dyn Source, image: &MachO, bindings: &fixups::Bindings, runs: u32) -> (Duration, callsites::CallSites) {
    let since = Instant::now();
    let start = clock(since);
    let mut sites = callsites::find(source, image, bindings);
    for _ in 1..runs {
        sites = callsites::find(source, image, bindings);
    }
    (clock(since).saturating_sub(start) / runs, sites)
}

/// Time that this thread has run, so that other work on the machine does not count; where the system does not tell, time that has passed.
fn clock(since: Instant) -> Duration {
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran = ran.and_then(|text| text.split_whitespace().next()?.parse().ok());
    ran.map_or_else(|| since.elapsed(), Duration::from_nanos)
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
