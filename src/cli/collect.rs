//! `temper check --collect`: what this machine keeps about the app becomes evidence.

use crate::collect;
use crate::fix::sign::command_line;
use crate::scan::{self, Request};
use crate::system::System;
use std::sync::atomic::AtomicBool;

/// Adds the app's crash reports, where macOS keeps them, and what `log show` says. `tell` gets the exact command before it runs.
pub fn gather(system: &dyn System, request: &mut Request, tell: &dyn Fn(&str)) -> anyhow::Result<()> {
    if request.path.is_some() && request.reports.is_empty() {
        request.reports = collect::report_folders(system);
    }
    // The command names the program, which only the app itself knows.
    let stop = AtomicBool::new(false);
    let evidence = scan::scan(system, request, &|_| {}, &stop).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argv = collect::command(&evidence);
    tell(&format!("running: {}", command_line(&argv)));
    let fetched = collect::fetch(system, &argv, &stop, &mut |_| {}).map_err(anyhow::Error::msg)?;
    if let Some(caution) = &fetched.caution {
        tell(&format!("careful: {caution}"));
    }
    collect::add(request, &fetched);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::Output;
    use crate::system::fake::FakeSystem;
    use std::cell::RefCell;

    #[test]
    fn the_command_is_told_before_it_runs_and_its_output_is_evidence() {
        let output = Output { status: Some(0), stdout: b"tccd: denied\n".to_vec(), stderr: Vec::new() };
        let system = FakeSystem::new().file("/t/a.log", "dyld: x\n").program(move |_, _| Ok(output.clone()));
        let mut request = Request { texts: vec!["/t/a.log".into()], ..Request::default() };
        let told = RefCell::new(Vec::new());
        let tell = |line: &str| {
            assert!(system.ran().is_empty(), "told before");
            told.borrow_mut().push(line.to_owned());
        };
        gather(&system, &mut request, &tell).unwrap();
        let ran: Vec<String> = system.ran()[0].argv.iter().map(|argument| argument.to_str().unwrap().to_owned()).collect();
        assert_eq!(told.into_inner(), [format!("running: {}", command_line(&ran))]);
        assert_eq!(request.pasted, [(collect::SOURCE.to_owned(), b"tccd: denied\n".to_vec())]);
    }
}
