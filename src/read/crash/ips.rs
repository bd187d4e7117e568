//! `.ips`: a header object and a body object, either of which may be missing, wrapped in one document, quoted or cut.

use super::loose::{self, Json};
use super::text::{self, upper_uuid};
use super::{CrashReport, Frame, LoadedImage, Termination, region};

/// Keys of which a body has at least one.
const BODY_KEYS: [&str; 8] =
    ["threads", "exception", "termination", "usedImages", "procName", "procPath", "faultingThread", "codeSigningFlags"];
/// Most objects that are tried in one text.
const MAX_OBJECTS: usize = 64;
/// Deepest wrap (`{"header": …, "body": …}`) that is looked into.
const MAX_WRAP: usize = 3;
/// Most messages, images and frames that are kept.
const MAX_ITEMS: usize = 20_000;

/// The two objects of a report.
#[derive(Default)]
pub(super) struct Documents {
    pub header: Option<Json>,
    pub body: Option<Json>,
    /// Offset where the first of them begins: text before it is a translated report.
    pub start: usize,
    /// A piece is missing.
    pub cut: bool,
}

/// Finds the objects in a cleaned text.
pub(super) fn find(text: &str) -> Documents {
    let mut found = Documents { start: text.len(), ..Documents::default() };
    let mut at = 0;
    for _ in 0..MAX_OBJECTS {
        let Some(open) = next_object(text, at) else { break };
        let parsed = loose::parse(text, open);
        let before = (found.header.is_some(), found.body.is_some());
        let cut = parsed.cut;
        sort(parsed.value, &mut found, 0);
        if before != (found.header.is_some(), found.body.is_some()) {
            found.start = found.start.min(open);
            found.cut |= cut;
        }
        if found.body.is_some() {
            break;
        }
        at = parsed.end.max(open.saturating_add(1));
    }
    if found.body.is_none() {
        piece(text, &mut found);
    }
    found
}

/// The next `{` or `[{` that begins a line.
fn next_object(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let skipped = rest.find(['{', '['])?;
        let open = at.saturating_add(skipped);
        let line_start = text.get(..open)?.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let first_on_line = text.get(line_start.max(from)..open)?.trim().is_empty();
        let next = text.get(open.saturating_add(1)..)?.trim_start().chars().next();
        if first_on_line && matches!(next, Some('"' | '{')) {
            return Some(open);
        }
        at = open.saturating_add(1);
    }
}

/// Puts an object where it belongs; looks into a wrap.
fn sort(value: Json, found: &mut Documents, depth: usize) {
    if depth > MAX_WRAP {
        return;
    }
    let is_body = BODY_KEYS.iter().filter(|key| value.get(key).is_some()).count() >= 1 && value.get("app_name").is_none();
    if is_body {
        found.body.get_or_insert(value);
        return;
    }
    if value.get("bug_type").is_some() || value.get("app_name").is_some() {
        // One document with everything in it.
        if BODY_KEYS.iter().any(|key| value.get(key).is_some()) {
            found.body.get_or_insert(value.clone());
        }
        found.header.get_or_insert(value);
        return;
    }
    match value {
        Json::Object(members) => {
            members.into_iter().take(MAX_OBJECTS).for_each(|member| sort(member.value, found, depth.saturating_add(1)))
        }
        Json::Array(items) => items.into_iter().take(MAX_OBJECTS).for_each(|item| sort(item, found, depth.saturating_add(1))),
        _ => {}
    }
}

/// A piece out of the middle of a body: members without their object.
fn piece(text: &str, found: &mut Documents) {
    let header_end = if found.header.is_some() { text.find('}').unwrap_or(0) } else { 0 };
    let first = BODY_KEYS.iter().filter_map(|key| text.get(header_end..)?.find(&format!("\"{key}\""))).min();
    let Some(first) = first.map(|first| first.saturating_add(header_end)) else { return };
    // Start with the first key of the piece, not with the first known one.
    let before = text.get(header_end..first).unwrap_or("");
    let start = before
        .split_inclusive('\n')
        .scan(header_end, |at, line| {
            let start = *at;
            *at = at.saturating_add(line.len());
            Some((start, line))
        })
        .find(|(_, line)| line.trim_start().starts_with('"') && line.contains("\" :"))
        .map_or(first, |(start, _)| start);
    let parsed = loose::parse_members(text, start);
    if BODY_KEYS.iter().any(|key| parsed.value.get(key).is_some()) {
        found.body = Some(parsed.value);
        found.start = found.start.min(start);
        found.cut = true;
    }
}

/// Line (from 1) of an offset.
fn line_of(text: &str, at: usize) -> u32 {
    let newlines = text.as_bytes().get(..at).map_or(0, |before| memchr::memchr_iter(b'\n', before).count());
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}

/// Fills a report from the documents.
pub(super) fn read(text: &str, documents: &Documents) -> CrashReport {
    let mut report = CrashReport { is_ips: true, truncated: documents.cut, ..CrashReport::default() };
    if let Some(header) = &documents.header {
        read_header(&mut report, header);
    }
    let Some(body) = &documents.body else {
        report.truncated = true;
        return report;
    };
    read_process(&mut report, body);
    read_signing(&mut report, body);
    read_failure(&mut report, body);
    read_images(&mut report, body);
    read_threads(&mut report, body);
    if report.uuid.is_none() {
        report.uuid = text::main_uuid(&report);
    }
    for (field, keys) in FIELD_KEYS {
        if let Some(member) = keys.iter().find_map(|key| body.member(key)) {
            report.lines.push((field, line_of(text, member.at)));
        }
    }
    report
}

/// Field names for quoting, and the keys that hold them.
const FIELD_KEYS: [(&str, &[&str]); 17] = [
    ("exception", &["exception"]),
    ("termination", &["termination"]),
    ("region", &["vmRegionInfo", "vmregioninfo"]),
    ("message", &["asi"]),
    ("frame", &["threads"]),
    ("triage", &["ktriageinfo"]),
    ("cs_flags", &["codeSigningFlags"]),
    ("cs_identifier", &["codeSigningID"]),
    ("cs_team", &["codeSigningTeamID"]),
    ("cs_category", &["codeSigningValidationCategory"]),
    ("process", &["procName"]),
    ("path", &["procPath"]),
    ("cpu", &["cpuType"]),
    ("translated", &["translated"]),
    ("os", &["osVersion"]),
    ("responsible", &["responsibleProc"]),
    ("images", &["usedImages"]),
];

fn owned(value: &Json, key: &str) -> Option<String> {
    value.get(key).and_then(Json::text).map(str::to_owned)
}

fn read_header(report: &mut CrashReport, header: &Json) {
    report.bug_type = bug_type(header);
    report.process = owned(header, "app_name").or_else(|| owned(header, "name"));
    report.identifier = owned(header, "bundleID");
    report.uuid = owned(header, "slice_uuid").and_then(|uuid| upper_uuid(&uuid));
    report.os = owned(header, "os_version");
    report.when = owned(header, "timestamp");
    report.version = version(owned(header, "app_version"), owned(header, "build_version"));
}

/// `bug_type` is a string; some tools write a number.
pub(super) fn bug_type(value: &Json) -> Option<String> {
    match value.get("bug_type")? {
        Json::String(text) | Json::Number(text) => Some(text.clone()),
        _ => None,
    }
}

fn version(short: Option<String>, build: Option<String>) -> Option<String> {
    let short = short.filter(|text| !text.is_empty());
    let build = build.filter(|text| !text.is_empty());
    match (short, build) {
        (Some(short), Some(build)) => Some(format!("{short} ({build})")),
        (short, build) => short.or(build),
    }
}

fn read_process(report: &mut CrashReport, body: &Json) {
    report.bug_type = report.bug_type.take().or_else(|| bug_type(body));
    report.process = owned(body, "procName").or(report.process.take());
    report.path = owned(body, "procPath");
    report.pid = body.get("pid").and_then(Json::number);
    report.parent = owned(body, "parentProc");
    report.responsible = owned(body, "responsibleProc");
    report.cpu = owned(body, "cpuType");
    report.translated = body.get("translated").and_then(Json::flag);
    report.sip = owned(body, "sip");
    report.when = owned(body, "captureTime").or(report.when.take());
    if let Some(bundle) = body.get("bundleInfo") {
        report.identifier = owned(bundle, "CFBundleIdentifier").or(report.identifier.take());
        report.version = version(owned(bundle, "CFBundleShortVersionString"), owned(bundle, "CFBundleVersion")).or(report.version.take());
    }
    if let Some(system) = body.get("osVersion")
        && let Some(train) = owned(system, "train")
    {
        report.os = Some(owned(system, "build").map_or_else(|| train.clone(), |build| format!("{train} ({build})")));
    }
}

fn read_signing(report: &mut CrashReport, body: &Json) {
    report.cs_flags = body.get("codeSigningFlags").and_then(Json::number).and_then(|flags| u32::try_from(flags).ok());
    report.cs_identifier = owned(body, "codeSigningID");
    report.cs_team = owned(body, "codeSigningTeamID");
    report.cs_category = body.get("codeSigningValidationCategory").and_then(Json::number);
    let level = body.get("codeSigningTrustLevel").and_then(Json::number);
    report.cs_trust_level = level.filter(|level| *level != u64::from(u32::MAX));
}

fn read_failure(report: &mut CrashReport, body: &Json) {
    if let Some(exception) = body.get("exception") {
        report.exception = owned(exception, "type");
        report.signal = owned(exception, "signal");
        report.subtype = owned(exception, "subtype");
        let written = exception.get("codes").and_then(Json::text).map(text::codes).unwrap_or_default();
        let raw = || exception.get("rawCodes").map(|codes| codes.items().iter().filter_map(Json::number).take(16).collect());
        report.codes = if written.is_empty() { raw().unwrap_or_default() } else { written };
        report.messages.extend(owned(exception, "message"));
    }
    report.termination = body.get("termination").map(termination);
    if let Some(messages) = body.get("asi") {
        let texts = messages.members().iter().flat_map(|member| strings(&member.value));
        report.messages.extend(texts.take(MAX_ITEMS));
    }
    if let Some(triage) = body.get("ktriageinfo") {
        report.triage = strings(triage)
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
    }
    text::set_fault_address(report);
    if let Some(info) = body.get("vmRegionInfo").or_else(|| body.get("vmregioninfo")).and_then(Json::text) {
        let lines: Vec<&str> = info.lines().collect();
        region::read(report, &lines);
    }
}

/// A string, or the strings of an array.
fn strings(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().filter_map(Json::text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn termination(value: &Json) -> Termination {
    let texts = |member: &&loose::Member| member.key == "details" || member.key == "reasons";
    let namespace = owned(value, "namespace").unwrap_or_default().to_uppercase();
    let indicator = owned(value, "indicator").unwrap_or_default();
    Termination {
        code: value.get("code").and_then(Json::number).unwrap_or_else(|| super::code_of(&namespace, &indicator)),
        namespace,
        indicator,
        flags: value.get("flags").and_then(Json::number),
        reasons: value.members().iter().filter(texts).flat_map(|member| strings(&member.value)).collect(),
        by: owned(value, "byProc"),
    }
}

fn read_images(report: &mut CrashReport, body: &Json) {
    let Some(images) = body.get("usedImages") else { return };
    report.images = images
        .items()
        .iter()
        .take(MAX_ITEMS)
        .map(|image| {
            let path = owned(image, "path").unwrap_or_default();
            let of_path = path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
            LoadedImage {
                name: owned(image, "name").or(of_path).unwrap_or_else(|| "???".into()),
                path,
                uuid: owned(image, "uuid").and_then(|uuid| upper_uuid(&uuid)).unwrap_or_default(),
                arch: owned(image, "arch").unwrap_or_default(),
                base: image.get("base").and_then(Json::number).unwrap_or(0),
                size: image.get("size").and_then(Json::number).unwrap_or(0),
            }
        })
        .collect();
}

fn read_threads(report: &mut CrashReport, body: &Json) {
    let threads = body.get("threads").map(Json::items).unwrap_or_default();
    let triggered = threads.iter().find(|thread| thread.get("triggered").and_then(Json::flag) == Some(true));
    let faulting = || {
        let index = body.get("faultingThread").and_then(Json::number)?;
        threads.get(usize::try_from(index).ok()?)
    };
    let Some(thread) = triggered.or_else(faulting) else {
        report.no_backtrace = threads.is_empty() && !report.truncated;
        return;
    };
    report.pc = thread.get("threadState").and_then(|state| {
        let register = ["pc", "rip", "eip"].iter().find_map(|name| state.get(name))?;
        register.get("value").unwrap_or(register).number()
    });
    let frames = thread.get("frames").map(Json::items).unwrap_or_default();
    report.no_backtrace = frames.is_empty() && !report.truncated;
    report.frames = frames.iter().take(MAX_ITEMS).map(|frame| read_frame(report, frame)).collect();
}

fn read_frame(report: &CrashReport, frame: &Json) -> Frame {
    let index = frame.get("imageIndex").and_then(Json::number).and_then(|index| usize::try_from(index).ok());
    let image = index.and_then(|index| report.images.get(index));
    let offset = frame.get("imageOffset").and_then(Json::number);
    Frame {
        image: image.map_or_else(|| "???".into(), |image| image.name.clone()),
        image_index: index.filter(|_| image.is_some()),
        address: image.and_then(|image| image.base.checked_add(offset?)),
        symbol: owned(frame, "symbol"),
    }
}
