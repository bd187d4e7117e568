//! `temper display`: what `codesign --display` says of code, line for line.
//!
//! Line formats are those of captures that people published; `docs/display.md` says which lines have none. Apple's tool writes the description to standard
//! error and entitlements and requirements to standard output; Temper writes all to standard output.

mod code;
mod entitlements;
mod lines;

use super::Answer;
use super::args::{self, Asked, Subject};
use crate::clean::clean;
use crate::read::macho::Arch;
use crate::scan::Request;
use crate::system::System;
use crate::verify::codes;
use clap::Args;
use code::{Code, Fault};
use std::path::PathBuf;

pub(super) const EXIT_CODES: &str = "\
Exit status:
  0  shown
  1  not signed, or no code
  2  Temper failed, or was called wrongly";

/// Arguments of `temper display`.
#[derive(Debug, Args)]
pub(super) struct DisplayArgs {
    /// App, bundle or Mach-O
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Show more: -v, -vv … to -vvvvvv, as codesign does
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Show the entitlements
    #[arg(long)]
    entitlements: bool,
    /// Show them as XML on one line
    #[arg(long, requires = "entitlements")]
    xml: bool,
    /// Show the internal requirements
    #[arg(short, long)]
    requirements: bool,
    /// Slice to show: arm64, arm64e, x86_64. Otherwise the one an Apple silicon Mac runs
    #[arg(short, long, value_name = "ARCH", value_parser = args::architecture)]
    arch: Option<Arch>,
    /// Root certificate (PEM or DER) to trust beside Apple's. May be repeated
    #[arg(long, value_name = "FILE")]
    trust_anchor: Vec<PathBuf>,
}

impl DisplayArgs {
    pub(super) fn asked(self) -> Asked {
        let form = match (self.entitlements, self.xml) {
            (false, _) => None,
            (true, false) => Some(Form::Abstract),
            (true, true) => Some(Form::Xml),
        };
        let options = Options { verbosity: self.verbose, entitlements: form, requirements: self.requirements };
        let subject = Subject { path: Some(self.path), anchors: self.trust_anchor, arch: self.arch, ..Subject::default() };
        Asked::Display(subject, options)
    }
}

/// Form of entitlements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `[Dict]`, `[Key]`, `[Value]`
    Abstract,
    /// `--xml`
    Xml,
}

/// What to show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Count of `-v`.
    pub verbosity: u8,
    /// `--entitlements`
    pub entitlements: Option<Form>,
    /// `-r`
    pub requirements: bool,
}

/// Shows what the request names. An error is about Temper or how it was called.
pub fn display(system: &dyn System, request: &Request, options: Options) -> anyhow::Result<Answer> {
    let path = request.path.clone().unwrap_or_default();
    let name = clean(&path.to_string_lossy());
    let said = |words: &str| Answer { text: format!("{name}: {words}\n"), status: 1 };
    let code = match code::read(system, &path, request.arch, &request.anchors) {
        Ok(code) => code,
        Err(Fault::Missing) => return Ok(said("No such file or directory")),
        Err(Fault::Code(code)) => return Ok(said(codes::text(code).unwrap_or_default())),
        Err(Fault::NoSlice) => return Ok(said("no slice of that architecture")),
        Err(Fault::Io(why)) => anyhow::bail!("{}: {why}", path.display()),
    };
    Ok(Answer { text: render(&code, options), status: 0 })
}

fn render(code: &Code, options: Options) -> String {
    let asks_for_part = options.entitlements.is_some() || options.requirements;
    let mut text = String::new();
    if options.verbosity > 0 || !asks_for_part {
        text.push_str(&lines::describe(code, options.verbosity));
    }
    if options.requirements {
        text.push_str(&lines::requirements(code));
    }
    if let Some(form) = options.entitlements {
        text.push_str(&entitlements::render(code.signature.entitlements.as_ref(), form));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        match args::parse(line.split_whitespace().map(std::ffi::OsString::from)) {
            Ok(Asked::Display(_, options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_arguments_of_codesign_are_taken() {
        assert_eq!(options("temper display A.app"), Options::default());
        assert_eq!(options("temper display -vvv A.app").verbosity, 3);
        assert_eq!(options("temper display --entitlements A.app").entitlements, Some(Form::Abstract));
        assert_eq!(options("temper display --entitlements --xml A.app").entitlements, Some(Form::Xml));
        assert!(options("temper display -r A.app").requirements);
    }

    #[test]
    fn xml_alone_is_a_usage_error() {
        let error = args::parse(["temper", "display", "--xml", "A.app"].map(std::ffi::OsString::from)).expect_err("no --entitlements");
        assert!(args::one_line(&error).contains("--entitlements"));
    }
}
