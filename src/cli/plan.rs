//! `temper plan`: what a remedy would do, as text, JSON or a shell script. Changes nothing.

use super::args::{Subject, SubjectArgs};
use super::text::{self, Look};
use super::{Answer, request};
use crate::clean::clean_json;
use crate::fix::plan::{FOLDER_CAUTION, Plan, plan_signed};
use crate::fix::sign::{self, Signer, Signing, Who, command_line_exact, quote, quote_exact};
use crate::report::{Diagnosis, Remedy};
use crate::scan::Request;
use crate::system::{EntryKind, System};
use crate::{Examination, evidence::TargetKind};
use anyhow::{Context, bail};
use base64::Engine as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Largest text that is read from standard input, in bytes.
const MAX_INPUT: usize = 256 << 20;

/// Which remedy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The least change that mends this build
    #[default]
    Least,
    /// The first that applies of those Apple recommends
    Recommended,
    /// The first alternative that applies
    Alternative,
    /// The first fallback that applies
    Fallback,
}

/// The program that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// Apple's, on a Mac
    Codesign,
    /// Of the crate apple-codesign, anywhere
    Rcodesign,
}

/// What is to be mended, and how it is signed: what `plan` and `fix` share.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Choice {
    /// Which of its remedies
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Which::Least)]
    pub remedy: Which,
    /// Which diagnosis, counted as in the report
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub diagnosis: usize,
    /// Program that signs; the first that is in PATH when not given
    #[arg(long, value_enum, value_name = "PROGRAM")]
    pub signer: Option<Program>,
    /// Identity of the keychain to sign with, by name or hash, instead of the one in use
    #[arg(long, value_name = "ID", conflicts_with_all = ["p12", "ad_hoc"])]
    pub identity: Option<String>,
    /// Certificate and key to sign with, as a PKCS #12 file (for rcodesign)
    #[arg(long, value_name = "FILE", conflicts_with = "ad_hoc")]
    pub p12: Option<PathBuf>,
    /// Sign with no identity, for an experiment on this machine
    #[arg(long)]
    pub ad_hoc: bool,
    /// Sign without the runtime flag, for an experiment: library validation refuses ad hoc code
    #[arg(long)]
    pub no_runtime: bool,
    /// Ask no timestamp server, on a machine without network: the notary refuses such a signature
    #[arg(long)]
    pub no_timestamp: bool,
    /// Text for a usage key, which the user of the app reads: NSContactsUsageDescription='To greet them'. May be repeated
    #[arg(long, value_name = "KEY=TEXT", value_parser = usage)]
    pub usage: Vec<(String, String)>,
}

/// Form of the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// A shell script that does it
    Sh,
}

/// `temper plan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// What, and how signed.
    #[command(flatten)]
    pub choice: Choice,
    /// Form of the plan
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
}

fn usage(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, text)) if key.ends_with("UsageDescription") && !text.trim().is_empty() => Ok((key.into(), text.into())),
        _ => Err("write it as NSContactsUsageDescription='To greet them'".into()),
    }
}

impl Choice {
    /// How it is signed. A PKCS #12 file is named by its real path, since commands run in another folder.
    pub fn signing(&self, system: &dyn System, signer: Signer) -> anyhow::Result<Signing> {
        let who = match (&self.identity, &self.p12) {
            _ if self.ad_hoc => Who::AdHoc,
            (Some(identity), _) => Who::Named(identity.clone()),
            (None, Some(file)) => {
                Who::P12(system.canonical(file).with_context(|| format!("{}: the identity cannot be read", file.display()))?)
            }
            (None, None) => Who::InUse,
        };
        match (signer, &who) {
            (Signer::Codesign, Who::P12(_)) => {
                bail!("codesign takes identities from the keychain: import the file there, or sign with rcodesign (--signer rcodesign)")
            }
            (Signer::Rcodesign, Who::Named(name)) if name != "-" => {
                bail!("rcodesign has no keychain: give certificate and key as a file (--p12 FILE)")
            }
            (Signer::Rcodesign, _) if self.no_runtime => {
                bail!("rcodesign keeps the flags that are there, so it cannot sign without the runtime flag: sign with codesign")
            }
            _ => Ok(Signing { signer, who, no_runtime: self.no_runtime, no_timestamp: self.no_timestamp }),
        }
    }

    /// The program that was asked for, if any.
    pub fn wanted(&self) -> Option<Signer> {
        match (self.signer, &self.p12) {
            (Some(Program::Codesign), _) => Some(Signer::Codesign),
            (Some(Program::Rcodesign), _) | (None, Some(_)) => Some(Signer::Rcodesign),
            (None, None) => None,
        }
    }
}

/// The request for a fix: standard input is read once and kept; `.` gets its name, and a link becomes what it leads to.
pub fn mending_request(system: &dyn System, subject: &Subject) -> anyhow::Result<Request> {
    let mut request = request(system, subject)?;
    let Some(path) = request.path.take() else { bail!("nothing to mend: give the app, for example 'temper plan MyApp.app MyApp.ips'") };
    let has_name = path.components().next_back().is_some_and(|part| matches!(part, std::path::Component::Normal(_)));
    let is_itself = has_name && !matches!(system.entry(&path), Ok(EntryKind::Link));
    request.path = Some(if is_itself { path } else { system.canonical(&path).with_context(|| path.display().to_string())? });
    if request.texts.iter().any(|text| text.as_os_str() == "-") {
        request.texts.retain(|text| text.as_os_str() != "-");
        request.pasted.push(("stdin".into(), system.standard_input(MAX_INPUT)?));
    }
    Ok(request)
}

/// Examines.
pub fn examined(system: &dyn System, request: &Request) -> anyhow::Result<Examination> {
    crate::examine(system, request, &|_| {}, &AtomicBool::new(false)).map_err(|error| anyhow::anyhow!("{error}"))
}

/// The diagnosis and the remedy of a choice; `None` when there is nothing to mend. An error when there is no such remedy, with what there is.
pub fn chosen<'a>(examination: &'a Examination, choice: &Choice) -> anyhow::Result<Option<(&'a Diagnosis, &'a Remedy)>> {
    let report = &examination.report;
    if examination.evidence.target.kind == TargetKind::None {
        bail!("nothing to mend: give the app too");
    }
    if report.diagnoses.is_empty() {
        return Ok(None);
    }
    let index = choice.diagnosis.checked_sub(1).filter(|index| *index < report.diagnoses.len());
    let Some(index) = index else { bail!("there is no diagnosis {}: the report has {}", choice.diagnosis, report.diagnoses.len()) };
    let diagnosis = &report.diagnoses[index];
    let rank = match choice.remedy {
        Which::Least => "least",
        Which::Recommended => "recommended",
        Which::Alternative => "alternative",
        Which::Fallback => "fallback",
    };
    let fits = |remedy: &&Remedy| if rank == "least" { remedy.least } else { remedy.rank == rank };
    let of_rank: Vec<&Remedy> = diagnosis.remedies.iter().filter(fits).collect();
    match of_rank.iter().find(|remedy| remedy.applies) {
        Some(remedy) => Ok(Some((diagnosis, *remedy))),
        None => {
            let there = diagnosis.remedies.iter().filter(|remedy| remedy.applies);
            let there: Vec<String> = there.map(|remedy| format!("{} ({})", remedy.rank, remedy.title)).collect();
            let why = of_rank.first().and_then(|remedy| remedy.why_not.as_deref()).unwrap_or("there is none");
            let others = if there.is_empty() { "no remedy applies".to_owned() } else { format!("these apply: {}", there.join("; ")) };
            bail!("no {rank} remedy for \"{}\": {why}; {others}", diagnosis.summary)
        }
    }
}

/// What a remedy would do.
pub fn plan(system: &dyn System, subject: &Subject, options: &Options, look: Look) -> anyhow::Result<Answer> {
    let request = mending_request(system, subject)?;
    let signing = options.choice.signing(system, options.choice.wanted().unwrap_or_default())?;
    let examination = examined(system, &request)?;
    let Some((diagnosis, remedy)) = chosen(&examination, &options.choice)? else {
        return Ok(Answer { text: "Temper found nothing to mend.\n".into(), status: 0 });
    };
    let plan = made(&examination, diagnosis, remedy, &signing, &options.choice)?;
    let text = match options.format {
        PlanFormat::Text => text::mend::plan(diagnosis, remedy, &plan, look),
        PlanFormat::Json => clean_json(&serde_json::to_string_pretty(&document(&examination, diagnosis, remedy, &plan))?) + "\n",
        PlanFormat::Sh => script(&examination, remedy, &plan),
    };
    Ok(Answer { text, status: 1 })
}

/// The plan, with the user's texts for usage keys.
pub fn made(examination: &Examination, diagnosis: &Diagnosis, remedy: &Remedy, signing: &Signing, choice: &Choice) -> anyhow::Result<Plan> {
    let mut plan = plan_signed(&examination.evidence, diagnosis, remedy, &[], signing)?;
    for (_, key, text) in &mut plan.info_plist {
        match choice.usage.iter().find(|(given, _)| given == key) {
            Some((_, given)) => *text = given.clone(),
            None => plan
                .cautions
                .push(format!("The text for {key} is a placeholder: write your own with --usage {key}='…' before you ship it.")),
        }
    }
    Ok(plan)
}

/// `temper-plan/1`.
fn document(examination: &Examination, diagnosis: &Diagnosis, remedy: &Remedy, plan: &Plan) -> Value {
    let bytes = |argument: &std::ffi::OsString| base64::engine::general_purpose::STANDARD.encode(argument.as_encoded_bytes());
    let sign = plan.sign.iter().map(|step| {
        let mut value = json!({
            "object": step.object.to_string_lossy(),
            "why": step.why,
            "entitlements": step.entitlements.as_ref().map(|file| file.to_string_lossy()),
            "argv": step.argv,
        });
        if step.exact.iter().any(|argument| argument.to_str().is_none()) {
            value["argv_bytes"] = step.exact.iter().map(bytes).collect();
        }
        value
    });
    let edits = plan.edits.iter().map(|edit| {
        json!({
            "executable": edit.executable.to_string_lossy(),
            "file": edit.file.to_string_lossy(),
            "from": edit.from,
            "diff": edit.diff,
            "text": edit.after,
            "warnings": edit.warnings,
        })
    });
    let info = plan.info_plist.iter().map(|(file, key, text)| json!({ "file": file.to_string_lossy(), "key": key, "text": text }));
    json!({
        "schema": "temper-plan/1",
        "target": examination.report.target.path,
        "folder": sign::folder(&examination.evidence).to_string_lossy(),
        "diagnosis": {
            "cause": diagnosis.cause,
            "scenario": diagnosis.scenario,
            "subject": diagnosis.subject,
            "summary": diagnosis.summary,
            "confidence": diagnosis.confidence,
        },
        "remedy": {
            "title": remedy.title,
            "rank": remedy.rank,
            "least": remedy.least,
            "needs_new_code": remedy.needs_new_code,
            "weakens": remedy.weakens,
        },
        "manual": plan.manual,
        "edits": edits.collect::<Vec<_>>(),
        "info_plist": info.collect::<Vec<_>>(),
        "cautions": plan.cautions,
        "sign": sign.collect::<Vec<_>>(),
        "check": plan.check,
    })
}

/// A script for bash, which macOS has: `$'…'` holds any name. It works in the folder that holds the app, on the app itself.
fn script(examination: &Examination, remedy: &Remedy, plan: &Plan) -> String {
    let mut script = String::from("#!/bin/bash\n");
    let mut comment = |text: &str| crate::clean::clean_lines(text).for_each(|line| script.push_str(&format!("# {line}\n")));
    comment(&format!("{} ({})", remedy.title, examination.evidence.target.name()));
    plan.manual.iter().for_each(|text| comment(&format!("By hand: {text}")));
    let cautions = plan.cautions.iter().filter(|caution| !caution.starts_with(FOLDER_CAUTION));
    cautions.for_each(|text| comment(&format!("Note: {text}")));
    script.push_str("set -eu\n");
    let folder = sign::folder(&examination.evidence);
    if !folder.as_os_str().is_empty() {
        script.push_str(&format!("cd -- {}\n", quote_exact(folder.as_os_str())));
    }
    for edit in &plan.edits {
        let file = quote_exact(&sign::exact_operand(&edit.file));
        script.push_str(&format!("printf '%s' {} > {file}\n", quote(&edit.after)));
    }
    for (file, key, text) in &plan.info_plist {
        let file = quote_exact(&sign::exact_operand(&sign::from_outside(&examination.evidence, file)));
        script.push_str(&format!("plutil -replace {} -string {} {file}\n", quote(key), quote(text)));
    }
    plan.sign.iter().for_each(|step| script.push_str(&format!("{}\n", command_line_exact(&step.exact))));
    plan.check.iter().for_each(|argv| script.push_str(&format!("# {}\n", crate::clean::clean(&sign::command_line(argv)))));
    script
}

/// `temper plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    #[command(flatten)]
    pub(super) options: Options,
}
