//! The headless face: arguments, text, JSON. It decides nothing: it shows the report.

pub mod args;
pub mod collect;
pub mod display;
pub mod explain;
pub mod fix;
pub mod json;
pub mod lint;
pub mod minimize;
pub mod plan;
pub mod run;
pub mod text;
pub mod undo;
pub mod verify;
pub mod watch;

use crate::lab;
use crate::read::cms::{self, TrustAnchors};
use crate::scan::{self, REPORTS, Request};
use crate::system::System;
use anyhow::{Context, bail};
use args::{Format, Reports, Subject};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use text::Look;

/// Largest certificate file that is read, in bytes.
const MAX_CERTIFICATE: usize = 1 << 20;

/// What a run has to say: the text for standard output, and the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// 0 nothing to report, 1 something found.
    pub status: u8,
}

/// Examines and renders. An error is about Temper or how it was called, never about what was found.
/// With `save` the case is written there too, names replaced.
pub fn check(system: &dyn System, request: &Request, format: Format, look: Look, save: Option<&Path>) -> anyhow::Result<Answer> {
    // The message of a scan's error holds its source already: as a chain it would be said twice.
    let examination = crate::examine(system, request, &|_| {}, &AtomicBool::new(false)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let report = &examination.report;
    if let Some(file) = save {
        examination.save_case(system, file).map_err(|why| anyhow::anyhow!("the case was not saved: {why}"))?;
    }
    let text = match format {
        Format::Text => text::render(report, look),
        Format::Json => json::render(report).context("the report could not be written as JSON")?,
    };
    Ok(Answer { text, status: report.exit_status() })
}

/// The request that the arguments describe. Reads the trust anchors.
pub fn request(system: &dyn System, subject: &Subject) -> anyhow::Result<Request> {
    let extra = subject.anchors.iter().map(|path| anchor(system, path)).collect::<anyhow::Result<_>>()?;
    let (path, texts) = target(system, subject)?;
    Ok(Request {
        path,
        texts,
        anchors: TrustAnchors { extra },
        os: subject.os,
        arch: subject.arch,
        at: subject.at,
        reports: report_folders(system, subject.reports.as_ref())?,
        project: subject.project.clone(),
        ..Request::default()
    })
}

/// The target and the evidence: of several things that were named, the one that is code is the target, wherever it stood.
fn target(system: &dyn System, subject: &Subject) -> anyhow::Result<(Option<PathBuf>, Vec<PathBuf>)> {
    let (mut path, mut texts) = (subject.path.clone(), subject.texts.clone());
    if path.iter().chain(&texts).count() < 2 {
        return Ok((path, texts));
    }
    let is_code = |path: &Path| path != Path::new("-") && scan::is_code(system, path);
    let Some(at) = texts.iter().position(|text| is_code(text)) else { return Ok((path, texts)) };
    let code = texts.remove(at);
    let other = path.iter().chain(&texts).find(|path| is_code(path));
    if let Some(other) = other {
        bail!(
            "{} and {}: both are code, and one thing is examined at a time: give the second to a command of its own",
            other.display(),
            code.display()
        );
    }
    texts.splice(0..0, path.replace(code));
    Ok((path, texts))
}

/// Folders in which reports of the app are looked for.
fn report_folders(system: &dyn System, reports: Option<&Reports>) -> anyhow::Result<Vec<PathBuf>> {
    match reports {
        None => Ok(Vec::new()),
        Some(Reports::In(folder)) => Ok(vec![folder.clone()]),
        Some(Reports::Usual) => {
            let there = crate::collect::report_folders(system);
            if there.is_empty() {
                bail!("no folder of crash reports on this machine (on a Mac: ~/{REPORTS} and /{REPORTS}): name one, --reports-dir=DIR");
            }
            Ok(there)
        }
    }
}

fn anchor(system: &dyn System, path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let name = path.display();
    let read = system.canonical(path).and_then(|path| system.read_small(&path, MAX_CERTIFICATE));
    let bytes = read.with_context(|| format!("{name}: the trust anchor cannot be read"))?;
    cms::read_anchor(&bytes).map_err(|error| {
        anyhow::anyhow!("{name}: not a certificate in PEM or DER form ({error}); --trust-anchor takes one root certificate")
    })
}

/// The first practice app, unpacked: what `temper` shows when it is given nothing. With the story to print above its report.
pub fn practice(system: &dyn System) -> anyhow::Result<(Request, String)> {
    let Some(lab) = lab::all().first() else { bail!("nothing to examine: give an app, for example 'temper MyApp.app'") };
    let folder = lab::folder(system);
    let request = lab::unpack(system, lab, &folder).with_context(|| {
        format!("{}: the practice app cannot be written there; give an app instead: 'temper MyApp.app'", folder.display())
    })?;
    Ok((request, format!("Practice app (no PATH was given). {}", lab.story)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::disk::RealSystem;
    use crate::system::fake::FakeSystem;

    #[test]
    fn a_missing_trust_anchor_is_named_with_its_path() {
        let subject = Subject { anchors: vec!["/no/such/root.pem".into()], ..Subject::default() };
        let said = format!("{:#}", request(&RealSystem, &subject).expect_err("there is no such file"));
        assert!(said.contains("/no/such/root.pem") && said.contains("trust anchor"), "{said}");
    }

    #[test]
    fn something_that_is_no_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary folder");
        let subject = Subject { anchors: vec![file.path().into()], ..Subject::default() };
        let said = format!("{:#}", request(&RealSystem, &subject).expect_err("an empty file is no certificate"));
        assert!(said.contains("--trust-anchor takes one root certificate"), "{said}");
    }

    #[test]
    fn the_code_is_the_target_wherever_it_stands() {
        let app = |name: &str| format!("/x/{name}.app/Contents/Info.plist");
        let system = FakeSystem::new()
            .file(&app("My"), "")
            .file(&app("Other"), "")
            .file("/x/a.log", "dyld: x")
            .file("/x/reports/a.ips", "{}")
            .file("/y/build/In.app/Contents/Info.plist", "");
        let named = |path: &str, texts: &[&str]| {
            let subject = Subject { path: Some(path.into()), texts: texts.iter().map(PathBuf::from).collect(), ..Subject::default() };
            request(&system, &subject).map(|request| (request.path.unwrap_or_default(), request.texts))
        };
        let right = |texts: &[&str]| (PathBuf::from("/x/My.app"), texts.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(named("/x/My.app", &["/x/a.log"]).expect("one app"), right(&["/x/a.log"]));
        assert_eq!(named("/x/a.log", &["-", "/x/My.app"]).expect("one app"), right(&["/x/a.log", "-"]));
        assert_eq!(named("/x/reports", &["/x/My.app"]).expect("one app"), right(&["/x/reports"]));
        // A folder of reports may hold an app too.
        assert_eq!(named("/x/My.app", &["/y"]).expect("one app"), (PathBuf::from("/x/My.app"), vec![PathBuf::from("/y")]));
        let said = named("/x/Other.app", &["/x/My.app"]).expect_err("two apps").to_string();
        assert!(said.starts_with("/x/Other.app and /x/My.app: both are code"), "{said}");
    }

    #[test]
    fn the_request_holds_what_was_asked() {
        let subject =
            Subject { path: Some("a".into()), texts: vec!["-".into(), "b".into()], os: Some((14, 4)), at: Some(7), ..Subject::default() };
        let request = request(&RealSystem, &subject).expect("nothing to read");
        assert_eq!((request.path, request.texts), (subject.path, subject.texts));
        assert_eq!((request.os, request.arch, request.at), (subject.os, subject.arch, subject.at));
        assert!(request.pasted.is_empty() && request.anchors.extra.is_empty());
    }
}
