//! DYLD_ variables: who sets them, for whom. The Info.plist, launcher scripts, LC_DYLD_ENVIRONMENT, and code that calls `setenv`.

use super::memory::call_text;
use super::{Clue, Detected, Scene};
use crate::evidence::{Bundle, Image, Script, ScriptAct};
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::read::callsites::{CallSite, Value};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let evidence = scene.evidence;
    let mut all: Vec<Detected> = evidence.bundles.iter().flat_map(from_info_plist).collect();
    all.extend(evidence.scripts.iter().flat_map(|script| from_script(scene, script)));
    all.extend(evidence.images.iter().flat_map(from_load_commands));
    all.extend(evidence.images.iter().filter_map(|image| expects_injection(scene, image)));
    all.extend(evidence.images.iter().flat_map(|image| image.calls.calls.iter().filter_map(|call| from_call(scene, image, call))));
    all
}

fn sets(variable: &str, message: String, through_script: bool) -> Detected {
    let clue = Clue::SetsDyld { variable: variable.to_owned(), through_script };
    Detected::of_code("sets-dyld-variable", Kind::Need, Severity::Note, Confidence::Certain, message, clue)
}

/// LSEnvironment (LaunchServices sets it before launch).
fn from_info_plist(bundle: &Bundle) -> Vec<Detected> {
    let Some(info) = &bundle.info else { return Vec::new() };
    let subject = bundle.executable.as_deref().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let path = bundle.info_path.to_string_lossy().into_owned();
    info.environment
        .iter()
        .filter(|(name, _)| name.starts_with("DYLD_"))
        .map(|(name, value)| {
            let mut detected = sets(name, format!("LSEnvironment sets {name} for the app"), false).on(subject.clone(), None);
            detected.finding.location.path = path.clone();
            detected.finding.location.place = "LSEnvironment".into();
            detected.seen(Proof { source: path.clone(), quote: format!("{name} = {value}"), ..Proof::default() })
        })
        .collect()
}

/// A script that sets a variable and then starts a program of the bundle.
fn from_script(scene: &Scene<'_>, script: &Script) -> Vec<Detected> {
    let starts = script.lines.iter().rev().find_map(|line| match &line.does {
        ScriptAct::Starts { image: Some(image), .. } => Some(image.clone()),
        _ => None,
    });
    let subject = starts.or_else(|| scene.main().map(|image| image.path.clone()));
    let path = script.path.to_string_lossy().into_owned();
    let set = |line: &crate::evidence::ScriptLine| match &line.does {
        ScriptAct::Sets { name, .. } if name.starts_with("DYLD_") => Some(name.clone()),
        _ => None,
    };
    script
        .lines
        .iter()
        .filter_map(|line| set(line).map(|name| (line, name)))
        .map(|(line, name)| {
            let message = format!("{path} sets {name} before it starts the program");
            let subject = subject.as_deref().unwrap_or(&script.path).to_string_lossy().into_owned();
            let mut detected = sets(&name, message, true).on(subject, None);
            detected.finding.location.path = path.clone();
            detected.finding.location.place = format!("line {}", line.line);
            detected.seen(Proof { source: path.clone(), line: Some(line.line), quote: line.text.clone(), ..Proof::default() })
        })
        .collect()
}

fn from_load_commands(image: &Image) -> Vec<Detected> {
    let path = image.path.to_string_lossy().into_owned();
    image
        .macho
        .dyld_environment
        .iter()
        .map(|text| {
            let variable = text.split('=').next().unwrap_or(text);
            sets(variable, format!("LC_DYLD_ENVIRONMENT asks dyld for {variable}"), false)
                .on(path.clone(), Some(image.arch()))
                .at("load commands")
                .seen(Proof { source: path.clone(), quote: format!("LC_DYLD_ENVIRONMENT {text}"), ..Proof::default() })
        })
        .collect()
}

/// `setenv("DYLD_…")` or `putenv("DYLD_…=")`: never changes the process itself, only what it starts.
fn from_call(scene: &Scene<'_>, image: &Image, call: &CallSite) -> Option<Detected> {
    let first = call.arguments.first();
    let (Some(Value::Text(text)), "_setenv" | "_putenv") = (first, call.callee.as_str()) else { return None };
    let variable = text.split('=').next().unwrap_or(text);
    if !variable.starts_with("DYLD_") {
        return None;
    }
    let path = image.path.to_string_lossy().into_owned();
    let subject = scene.hosts(image).first().map_or(path.clone(), |host| host.path.to_string_lossy().into_owned());
    let mut detected = sets(variable, format!("{path} sets {variable} for the programs it starts"), false).on(subject, Some(image.arch()));
    detected.finding.location.path = path.clone();
    Some(detected.seen(Proof { source: path, address: Some(call.address), quote: call_text(call), ..Proof::default() }))
}

/// Code that reads `DYLD_INSERT_LIBRARIES`: it counts on somebody else having set it (a store client's overlay).
fn expects_injection(scene: &Scene<'_>, image: &Image) -> Option<Detected> {
    const VARIABLE: &str = "DYLD_INSERT_LIBRARIES";
    let hit = image.strings.iter().find(|hit| hit.wanted == "dyld-variable" && hit.text == VARIABLE)?;
    let reads = image.macho.imports("_getenv") && !image.macho.imports("_setenv") && !image.macho.imports("_putenv");
    let host = scene.hosts(image).into_iter().next().filter(|_| reads)?;
    let path = image.path.to_string_lossy().into_owned();
    let message = format!("{path} looks at {VARIABLE}: it expects a library to be put in from outside");
    let detected =
        Detected::of_code("expects-injected-library", Kind::Need, Severity::Note, Confidence::Possible, message, Clue::ExpectsInjection)
            .on(host.path.to_string_lossy(), Some(image.arch()));
    Some(detected.seen(Proof { source: path, offset: Some(hit.offset), quote: hit.text.clone(), ..Proof::default() }))
}
