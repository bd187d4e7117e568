//! `temper minimize`: the least entitlements file of each executable, and a file of reasons beside them. Without a folder it prints what it would write.

use super::Answer;
use super::args::Format;
use crate::clean::{clean, clean_json, clean_lines};
use crate::fix::minimal::{Fate, KeyFate, LeastFile, least};
use crate::scan::Request;
use crate::system::System;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Name and version of the JSON form.
const SCHEMA: &str = "temper-minimize/1";
/// Largest file that is compared before it would be replaced, in bytes.
const MAX_EXISTING: usize = 4 << 20;

/// What `--help` says of the exit status.
pub const EXIT_CODES: &str = "\
Exit status:
  0  the signed entitlements are the least already
  1  they are not: keys are missing, or not needed
  2  Temper failed, or was called wrongly

Files that exist and hold something else are never replaced without --force.";

/// The options.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct MinimizeArgs {
    /// App, bundle, folder or Mach-O
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Folder to write the files into; without it they are printed
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Form of the reasons: text is Markdown
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
    /// Replace files that hold something else
    #[arg(long)]
    pub force: bool,
}

/// Examines, and writes or prints. An error is about Temper, how it was called, or a file that must not be replaced.
pub fn minimize(system: &dyn System, args: &MinimizeArgs) -> anyhow::Result<Answer> {
    let request = Request { path: Some(args.path.clone()), ..Request::default() };
    let examined = crate::examine(system, &request, &|_| {}, &AtomicBool::new(false)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let files = least(&examined.evidence, &examined.report);
    if files.is_empty() {
        bail!("{}: there is no executable in it", args.path.display());
    }
    let target = examined.report.target.path.clone();
    let reasons = match args.format {
        Format::Text => markdown(&target, &files),
        Format::Json => json_text(&target, &files)?,
    };
    let status = u8::from(files.iter().any(LeastFile::changes));
    let text = match &args.output {
        None if args.format == Format::Json => clean_json(&reasons),
        None => printed(&files, &reasons),
        Some(folder) => {
            let name = if args.format == Format::Json { "reasons.json" } else { "reasons.md" };
            written(system, folder, &files, name, &reasons, args.force)?
        }
    };
    Ok(Answer { text, status })
}

/// The files as they would be, then the reasons.
fn printed(files: &[LeastFile], reasons: &str) -> String {
    let mut out = String::new();
    for file in files {
        let Some(text) = &file.text else { continue };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "==> {} <==", clean(&file.name));
        clean_lines(text).for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
        out.push('\n');
    }
    clean_lines(reasons).for_each(|line| {
        let _ = writeln!(out, "{line}");
    });
    out
}

/// Writes all or, when one of them would replace something else, none.
fn written(system: &dyn System, folder: &Path, files: &[LeastFile], name: &str, reasons: &str, force: bool) -> anyhow::Result<String> {
    let mut wanted: Vec<(PathBuf, &str)> =
        files.iter().filter_map(|file| file.text.as_deref().map(|text| (folder.join(&file.name), text))).collect();
    wanted.push((folder.join(name), reasons));
    let mut same = vec![false; wanted.len()];
    let mut different = Vec::new();
    for ((path, text), same) in wanted.iter().zip(&mut same) {
        match system.entry(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be looked at", path.display())),
            Ok(crate::system::EntryKind::File(_)) => {
                *same = system.read_small(path, MAX_EXISTING).is_ok_and(|found| found == text.as_bytes());
                if !*same {
                    different.push(path.display().to_string());
                }
            }
            // A link would be followed to a file that nobody named.
            Ok(_) => bail!("{}: there is something that is no file", path.display()),
        }
    }
    if !different.is_empty() && !force {
        bail!("{} would be replaced, and nothing was written; give --force, or another folder", different.join(", "));
    }
    let mut out = String::new();
    for ((path, text), same) in wanted.iter().zip(same) {
        if !same {
            system.write_atomic(path, text.as_bytes()).with_context(|| format!("{}: cannot be written", path.display()))?;
        }
        let word = if same { "unchanged" } else { "wrote" };
        let _ = writeln!(out, "{word} {}", clean(&path.display().to_string()));
    }
    for file in files {
        let count = |fate: Fate| file.keys.iter().filter(|key| key.fate == fate).count();
        let (added, out_of, open) = (count(Fate::Added), count(Fate::LeftOut), count(Fate::KeptUndecided));
        let _ = writeln!(out, "{}: {added} added, {out_of} left out, {open} kept because it is not known", clean(&file.executable));
    }
    Ok(out)
}

/// A value that can stand in Markdown code.
fn code(text: &str) -> String {
    format!("`{}`", clean(text).replace('`', "'"))
}

fn markdown(target: &str, files: &[LeastFile]) -> String {
    let mut out = format!("# Least entitlements of {}\n", code(target));
    for file in files {
        let _ = write!(out, "\n## {}\n\n", code(&file.executable));
        let said = match &file.text {
            Some(_) => format!("File: {}. Sign with it: `codesign --force --options runtime --entitlements …`.", code(&file.name)),
            None if file.warnings.is_empty() => "It needs no entitlements: sign it without an entitlements file.".to_owned(),
            None => "No file was made.".to_owned(),
        };
        let _ = writeln!(out, "{said}");
        file.warnings.iter().for_each(|warning| {
            let _ = writeln!(out, "\nNote: {}.", clean(warning));
        });
        const HEADINGS: [(Fate, &str); 5] = [
            (Fate::Added, "Added: its code needs it"),
            (Fate::Kept, "Kept: its code needs it"),
            (Fate::KeptUndecided, "Kept because it is not known"),
            (Fate::LeftOut, "Left out"),
            (Fate::Perhaps, "Perhaps needed, and not added"),
        ];
        for (fate, heading) in HEADINGS {
            let mine: Vec<&KeyFate> = file.keys.iter().filter(|key| key.fate == fate).collect();
            if !mine.is_empty() {
                let _ = write!(out, "\n### {heading}\n\n");
                mine.iter().for_each(|key| entry(&mut out, key));
            }
        }
    }
    out
}

fn entry(out: &mut String, key: &KeyFate) {
    let slices = if key.slices.is_empty() { String::new() } else { format!(" ({})", key.slices.join(", ")) };
    let _ = writeln!(out, "- {}{slices}: {}", code(&key.key), clean(&key.why));
    if let Some(instead) = &key.instead {
        let _ = writeln!(out, "  - better than the key: {}", clean(instead));
    }
    for proof in &key.proof {
        let _ = writeln!(out, "  - {}", code(proof));
    }
}

fn json_text(target: &str, files: &[LeastFile]) -> anyhow::Result<String> {
    let key = |key: &KeyFate| json!({ "key": key.key, "fate": key.fate.word(), "why": key.why, "instead": key.instead, "proof": key.proof, "slices": key.slices });
    let file = |file: &LeastFile| -> Value {
        json!({
            "executable": file.executable,
            "file": file.text.as_ref().map(|_| &file.name),
            "text": file.text,
            "changes": file.changes(),
            "keys": file.keys.iter().map(key).collect::<Vec<_>>(),
            "warnings": file.warnings,
        })
    };
    let document = json!({ "schema": SCHEMA, "target": target, "executables": files.iter().map(file).collect::<Vec<_>>() });
    let mut text = serde_json::to_string_pretty(&document).context("the reasons could not be written as JSON")?;
    text.push('\n');
    Ok(text)
}
