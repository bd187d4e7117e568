//! `temper check --watch`: the report, then what changed in it after each rebuild.

use super::args::{Format, Subject};
use super::text::{self, Look};
use super::{json, request};
use crate::report::{Report, delta};
use crate::system::System;
use crate::watch::Watcher;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Checks, and checks again after each change, until it is ended from outside or nobody reads any more.
pub fn watch(system: &dyn System, subject: &Subject, format: Format, look: Look, out: &mut dyn Write) -> anyhow::Result<u8> {
    let request = request(system, subject)?;
    let files: Vec<PathBuf> = request.path.iter().chain(request.texts.iter().filter(|path| *path != Path::new("-"))).cloned().collect();
    // Before the first examination: what changes while it runs is a change.
    let mut watcher = Watcher::new(system, files);
    let examine = || crate::examine(system, &request, &|_| {}, &AtomicBool::new(false)).map(|examination| examination.report);
    let render = |report: &Report| match format {
        Format::Text => Ok(text::render(report, look)),
        Format::Json => json::render(report).context("the report could not be written as JSON"),
    };
    let mut last = examine().map_err(|error| anyhow::anyhow!("{error}"))?;
    out.write_all(render(&last)?.as_bytes())?;
    let root = request.path.clone().unwrap_or_default();
    if format == Format::Text {
        out.write_all(text::paragraph(&format!("Watching {} for changes; ctrl-c ends it.", root.display()), look).as_bytes())?;
    }
    out.flush()?;
    loop {
        system.pause(watcher.wait());
        let Some(changed) = watcher.look(system) else { continue };
        let said = match examine() {
            Ok(report) => {
                let lines = delta::between(&last, &report).lines();
                last = report;
                match format {
                    Format::Text => said(&changed.words(&root), &lines, last.verdict.word(), look),
                    Format::Json => render(&last)?,
                }
            }
            // The next change is another chance.
            Err(error) if format == Format::Text => said(&changed.words(&root), &[format!("it cannot be examined: {error}")], "none", look),
            Err(_) => continue,
        };
        out.write_all(said.as_bytes())?;
        out.flush()?;
    }
}

/// What changed on the disk, what changed in the report, and the verdict.
fn said(changed: &str, lines: &[String], verdict: &str, look: Look) -> String {
    let mut all = text::paragraph(&format!("{changed}:"), look).trim_end().to_owned() + "\n";
    for line in lines {
        all.push_str(&format!("  {}\n", crate::clean::clean(line)));
    }
    all.push_str(&format!("  verdict now: {verdict}\n\n"));
    all
}
