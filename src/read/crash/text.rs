//! Legacy `.crash` text, the translated report in front of an `.ips`, and pieces of either.

use super::{CrashReport, Frame, LoadedImage, Termination, region};

/// Most frames, images and messages that are kept.
const MAX_ITEMS: usize = 20_000;
/// Most lines of a region table.
const MAX_REGION_ROWS: usize = 64;

/// A number in decimal or with `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A hexadecimal number with or without `0x`.
pub(super) fn hex(text: &str) -> Option<u64> {
    let text = text.trim();
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// `0x…, 0x…` as numbers.
pub(super) fn codes(text: &str) -> Vec<u64> {
    text.split([',', ' ']).filter(|word| word.starts_with("0x")).filter_map(number).take(16).collect()
}

/// A UUID in upper case with hyphens; `None` when it is none, or all zero.
pub(super) fn upper_uuid(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != '-').collect::<String>().to_uppercase();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) || digits.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("");
    Some(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// The UUID of the main image, found by path, then by name or identifier.
pub(super) fn main_uuid(report: &CrashReport) -> Option<String> {
    let by_path = report.path.as_deref().and_then(|path| report.images.iter().find(|image| image.path == path));
    let by_name = || {
        let process = report.process.as_deref()?;
        let identifier = report.identifier.as_deref();
        report.images.iter().find(|image| image.name == process || Some(image.name.as_str()) == identifier)
    };
    by_path.or_else(by_name).map(|image| image.uuid.clone()).filter(|uuid| !uuid.is_empty())
}

/// The address of an `EXC_BAD_ACCESS`: the second code, else the one in the subtype (`KERN_INVALID_ADDRESS at 0x0`).
pub(super) fn set_fault_address(report: &mut CrashReport) {
    if report.exception.as_deref().is_some_and(|name| name != "EXC_BAD_ACCESS") {
        return;
    }
    let of_subtype = || {
        let (_, address) = report.subtype.as_deref()?.split_once(" at 0x")?;
        hex(address.split_whitespace().next()?)
    };
    let of_codes = report.exception.as_ref().and_then(|_| report.codes.get(1).copied());
    if let Some(address) = of_codes.or_else(of_subtype) {
        report.fault_address = Some(address);
    }
}

/// The part of the report that a line belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Head,
    Termination,
    Messages,
    Dyld,
    Triage,
    Region,
    Crashed,
    OtherThread,
    Registers,
    Images,
}

/// Reads cleaned text, whose first line is line 1.
pub(super) fn read(text: &str) -> CrashReport {
    let mut reader = Reader {
        report: CrashReport::default(),
        section: Section::Head,
        crashed: None,
        region: Vec::new(),
        dyld: Vec::new(),
        threads: 0,
        has_images: false,
    };
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        reader.line(line, number);
    }
    reader.finish()
}

struct Reader<'a> {
    report: CrashReport,
    section: Section,
    /// Number of the thread that crashed, from `Crashed Thread:`.
    crashed: Option<u64>,
    region: Vec<(&'a str, u32)>,
    dyld: Vec<&'a str>,
    threads: usize,
    has_images: bool,
}

impl<'a> Reader<'a> {
    fn mark(&mut self, field: &'static str, line: u32) {
        if self.report.line(field).is_none() {
            self.report.lines.push((field, line));
        }
    }

    fn line(&mut self, line: &'a str, number: u32) {
        let text = line.trim();
        if matches!(text, "[...]" | "[…]" | "..." | "…" | "[snip]" | "<snip>") {
            self.report.truncated = true;
            return;
        }
        if self.heading(line, text, number) {
            return;
        }
        match self.section {
            Section::Head | Section::OtherThread => {}
            Section::Termination => self.termination_line(text),
            Section::Messages => self.message(text),
            Section::Dyld if text.is_empty() => self.section = Section::Head,
            Section::Dyld => self.dyld.push(text),
            Section::Triage => self.triage(text),
            Section::Region if self.region.len() < MAX_REGION_ROWS => self.region.push((line, number)),
            Section::Region => {}
            Section::Crashed => self.frame(text, number),
            Section::Registers => self.register(text),
            Section::Images => self.image(text, number),
        }
    }

    /// A line that begins a section or holds a field. False when it is content.
    fn heading(&mut self, line: &'a str, text: &'a str, number: u32) -> bool {
        if self.thread_heading(text) {
            return true;
        }
        if let Some((key, value)) = summary(text) {
            return self.failure_field(key, value, number);
        }
        let Some((key, value)) = text.split_once(':') else { return false };
        let value = value.trim();
        // Content of some sections has colons too (messages, paths); only known names at the start of a line count.
        let indented = line.starts_with([' ', '\t']) && matches!(self.section, Section::Messages | Section::Dyld | Section::Region);
        !indented && (self.process_field(key, value, number) || self.failure_field(key, value, number))
    }

    fn thread_heading(&mut self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix("Thread ") else { return false };
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        let Ok(number) = digits.parse::<u64>() else { return false };
        let rest = rest.get(digits.len()..).unwrap_or("");
        if rest.starts_with(" crashed with") {
            self.section = Section::Registers;
        } else if rest.starts_with(" Crashed") {
            self.threads = self.threads.saturating_add(1);
            self.report.frames.clear();
            self.section = Section::Crashed;
        } else if rest.starts_with(':') {
            self.threads = self.threads.saturating_add(1);
            self.section =
                if self.crashed == Some(number) && self.report.frames.is_empty() { Section::Crashed } else { Section::OtherThread };
        } else {
            return false;
        }
        true
    }

    fn process_field(&mut self, key: &str, value: &str, number: u32) -> bool {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        let report = &mut self.report;
        match key {
            "Process" | "Command" => {
                let (name, pid) = name_and_pid(value);
                report.process = report.process.take().or(name);
                report.pid = report.pid.or(pid);
                self.mark("process", number);
            }
            "Path" => {
                report.path = text();
                self.mark("path", number);
            }
            "Identifier" => report.identifier = text(),
            "Version" => report.version = text(),
            "Code Type" => {
                report.cpu = value.split_whitespace().next().map(str::to_owned);
                report.translated = if value.contains("Translated") {
                    Some(true)
                } else if value.contains("Native") {
                    Some(false)
                } else {
                    None
                };
                self.mark("cpu", number);
            }
            "Role"
            | "User ID"
            | "Report Version"
            | "Anonymous UUID"
            | "Bridge OS Version"
            | "Time Awake Since Boot"
            | "Parent Coalition" => {}
            "Parent Process" => report.parent = name_and_pid(value).0,
            "Responsible" | "Responsible Process" => {
                report.responsible = name_and_pid(value).0;
                self.mark("responsible", number);
            }
            "Date/Time" => report.when = text(),
            "OS Version" => {
                report.os = text();
                self.mark("os", number);
            }
            "System Integrity Protection" => report.sip = text(),
            "Crashed Thread" | "Triggered by Thread" => {
                self.crashed = value.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
            }
            _ => return false,
        }
        self.section = Section::Head;
        true
    }

    fn failure_field(&mut self, key: &'a str, value: &'a str, number: u32) -> bool {
        self.section = match key {
            "Exception Type" | "Exception Codes" | "Exception Subtype" | "Exception Message" | "Exception Note" => {
                self.exception(key, value);
                self.mark("exception", number);
                Section::Head
            }
            "Termination Reason" => {
                self.report.termination = Some(read_termination(value));
                self.mark("termination", number);
                Section::Termination
            }
            "Termination Details" | "Termination Description" => {
                self.report.termination.get_or_insert_default().reasons.push(value.to_owned());
                self.mark("termination", number);
                Section::Termination
            }
            "Termination Signal" => Section::Head,
            "Terminating Process" => {
                self.report.termination.get_or_insert_default().by = name_and_pid(value).0;
                Section::Head
            }
            "Application Specific Information" | "Application Specific Signatures" => {
                self.mark("message", number);
                self.section = Section::Messages;
                self.message(value);
                Section::Messages
            }
            "Dyld Error Message" => {
                self.mark("message", number);
                if !value.is_empty() {
                    self.dyld.push(value);
                }
                Section::Dyld
            }
            "Kernel Triage" | "Kernel triage" => {
                self.mark("triage", number);
                self.section = Section::Triage;
                self.triage(value);
                Section::Triage
            }
            "Binary Images" => {
                self.has_images = true;
                self.mark("images", number);
                Section::Images
            }
            "kernel messages"
            | "External Modification Summary"
            | "VM Region Summary"
            | "Last Exception Backtrace"
            | "Logical CPU"
            | "Error Code"
            | "Trap Number"
            | "Global Trace Buffer (reverse chronological seconds)"
            | "Application Specific Backtrace 0"
            | "Application Specific Backtrace 1"
            | "Model" => Section::Head,
            "VM Region Info" => {
                self.region.clear();
                self.region.push((value, number));
                Section::Region
            }
            _ if key.starts_with("VM Regions Near ") => {
                self.region.clear();
                self.region.push((key.strip_prefix("VM Regions Near ").unwrap_or(""), number));
                Section::Region
            }
            _ if key.contains("Backtrace not available") => {
                self.report.no_backtrace = true;
                Section::Head
            }
            _ => return false,
        };
        true
    }

    fn exception(&mut self, key: &str, value: &str) {
        let report = &mut self.report;
        match key {
            "Exception Type" => {
                let (value, tail) = value.split_once(", codes").unwrap_or((value, ""));
                if !tail.is_empty() {
                    report.codes = codes(tail);
                }
                let (name, signal) = match value.split_once('(') {
                    _ if value.starts_with("SIG") => ("", Some(value)),
                    Some((name, signal)) => (name.trim(), signal.trim_end().strip_suffix(')').or(Some(signal))),
                    None => (value, None),
                };
                report.exception = Some(name.to_owned()).filter(|name| !name.is_empty());
                report.signal = signal.map(|signal| signal.trim().to_owned());
            }
            "Exception Message" => report.messages.push(value.to_owned()),
            "Exception Note" => {}
            _ if value.starts_with("0x") => {
                let numbers = codes(value);
                if report.codes.is_empty() {
                    report.codes = numbers;
                }
            }
            _ => report.subtype = Some(value.to_owned()),
        }
    }

    fn termination_line(&mut self, text: &str) {
        if text.is_empty() {
            self.section = Section::Head;
        } else if self.report.termination.as_ref().is_some_and(|termination| termination.reasons.len() < MAX_ITEMS)
            && let Some(termination) = &mut self.report.termination
        {
            termination.reasons.push(text.to_owned());
        }
    }

    fn message(&mut self, text: &str) {
        if !text.is_empty() && self.report.messages.len() < MAX_ITEMS {
            self.report.messages.push(text.to_owned());
        }
    }

    fn triage(&mut self, text: &str) {
        if !text.is_empty() && self.report.triage.len() < MAX_ITEMS {
            self.report.triage.push(text.to_owned());
        }
    }

    fn frame(&mut self, text: &str, number: u32) {
        if text.is_empty() {
            if !self.report.frames.is_empty() {
                self.section = Section::OtherThread;
            }
            return;
        }
        if text.contains("Backtrace not available") {
            self.report.no_backtrace = true;
        }
        if let Some(frame) = read_frame(text)
            && self.report.frames.len() < MAX_ITEMS
        {
            self.mark("frame", number);
            self.report.frames.push(frame);
        }
    }

    fn register(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            if matches!(word, "rip:" | "pc:" | "eip:") {
                self.report.pc = words.next().and_then(number);
            }
        }
    }

    fn image(&mut self, text: &str, _number: u32) {
        if let Some(image) = read_image(text)
            && self.report.images.len() < MAX_ITEMS
        {
            self.report.images.push(image);
        }
    }

    fn finish(mut self) -> CrashReport {
        set_fault_address(&mut self.report);
        let rows: Vec<&str> = self.region.iter().map(|(row, _)| *row).collect();
        if !rows.is_empty()
            && let Some(row) = region::read(&mut self.report, &rows)
            && let Some((_, line)) = self.region.get(row)
        {
            self.mark("region", *line);
        }
        if !self.dyld.is_empty() {
            // One message of several lines: dyld's first line says what, the last why.
            self.report.messages.push(self.dyld.join("\n"));
        }
        self.report.truncated |= !self.has_images;
        self.report.no_backtrace |= self.threads == 0 && !self.report.truncated;
        let names: Vec<String> = self.report.images.iter().map(|image| image.name.clone()).collect();
        let tails: Vec<String> = self.report.images.iter().map(|image| image.path.rsplit('/').next().unwrap_or("").to_owned()).collect();
        for frame in self.report.frames.iter_mut().filter(|frame| frame.image != "???") {
            frame.image_index =
                names.iter().position(|name| *name == frame.image).or_else(|| tails.iter().position(|tail| *tail == frame.image));
        }
        self.report.uuid = main_uuid(&self.report);
        self.report
    }
}

/// The decisive fields as people sum a report up: `exception: EXC_BREAKPOINT (SIGTRAP)`, `**Termination:** CODESIGNING 2`, a row of a table.
/// The value must be one of macOS's own words.
pub(super) fn summary(line: &str) -> Option<(&'static str, &str)> {
    let plain = |c: char| matches!(c, '*' | '_' | '`' | '-' | '|' | '"') || c.is_whitespace();
    // The bar before a row may be gone: mail is quoted with it too.
    let (key, value) = line.trim().trim_start_matches('|').split_once([':', '|'])?;
    let value = value.trim_matches(plain);
    let key = key.trim_matches(plain);
    let is = |names: [&str; 2]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    let killed = value.starts_with("SIGKILL") && value.contains("Code Signature Invalid");
    if is(["exception", "exception type"]) && (value.starts_with("EXC_") || killed) {
        return Some(("Exception Type", value));
    }
    let reason = value.strip_prefix("Namespace ").unwrap_or(value);
    let namespace = reason.split(|c: char| !c.is_ascii_uppercase()).next().unwrap_or("");
    let known = ["CODESIGNING", "DYLD", "TCC", "SIGNAL", "EXEC", "GUARD", "JETSAM", "LIBSYSTEM"].contains(&namespace);
    (is(["termination", "termination reason"]) && (known || in_namespace(value).is_some())).then_some(("Termination Reason", value))
}

/// `Code 2 in namespace CODESIGNING, indicator Invalid Page`: code, namespace and what follows it.
fn in_namespace(value: &str) -> Option<(u64, &str, &str)> {
    let (code, rest) = value.strip_prefix("Code ")?.split_once(" in namespace ")?;
    let end = rest.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(rest.len());
    let (namespace, tail) = rest.split_at_checked(end)?;
    let tail = tail.trim_start_matches([',', ' ']);
    Some((number(code)?, namespace, tail.strip_prefix("indicator ").unwrap_or(tail)))
}

/// Functions of dyld that somebody who retells a report lists without numbers and addresses: nothing else has names that begin so.
pub(super) fn retold_frames(text: &str) -> Vec<Frame> {
    let names = text.lines().map(|line| line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '•' | '`')));
    let of_dyld = names.filter(|name| ["dyld3::", "dyld4::"].iter().any(|space| name.starts_with(space)));
    let symbol = |name: &str| name.split_once(" + ").map_or(name, |(symbol, _)| symbol).trim_end_matches(['`', ' ']).to_owned();
    of_dyld.take(64).map(|name| Frame { image: "dyld".to_owned(), symbol: Some(symbol(name)), ..Frame::default() }).collect()
}

/// `Name [pid]`; `???` is no name.
fn name_and_pid(value: &str) -> (Option<String>, Option<u64>) {
    let (name, pid) = match value.rsplit_once('[') {
        Some((name, pid)) => (name.trim(), pid.split(']').next().and_then(|pid| pid.trim().parse().ok())),
        None => (value.trim(), None),
    };
    (Some(name.to_owned()).filter(|name| !name.is_empty() && name != "???"), pid)
}

/// `Namespace CODESIGNING, Code 2 Invalid Page` and its older spellings: `Code 0x2`, `DYLD, [0x1] Library missing`,
/// `CODESIGNING 1 Taskgated Invalid Signature`, `TCC, This app has crashed because …`.
fn read_termination(value: &str) -> Termination {
    if let Some((code, namespace, indicator)) = in_namespace(value) {
        return Termination { namespace: namespace.to_owned(), code, indicator: indicator.to_owned(), ..Termination::default() };
    }
    let value = value.strip_prefix("Namespace ").unwrap_or(value);
    let (namespace, rest) = value.split_once([',', ' ']).unwrap_or((value, ""));
    let rest = rest.trim();
    let rest = rest.strip_prefix("Code ").unwrap_or(rest).trim_start_matches('[');
    let (word, tail) = rest.split_once([' ', ']']).unwrap_or((rest, ""));
    let mut termination = Termination { namespace: namespace.to_uppercase(), ..Termination::default() };
    match number(word.trim_end_matches(',')) {
        Some(code) => {
            termination.code = code;
            if tail.contains("has crashed because") {
                termination.reasons.push(tail.trim().to_owned());
                return termination;
            }
            termination.indicator = tail.trim().to_owned();
        }
        None if rest.is_empty() => {}
        None => {
            termination.code = super::code_of(&termination.namespace, rest);
            if termination.code == 0 {
                termination.reasons.push(rest.to_owned());
            } else {
                termination.indicator = rest.to_owned();
            }
        }
    }
    termination
}

/// `1   libluajit-5.1.2.dylib   0x1046dd4b1 lj_vm_exit_interp + 433`, also without symbol (`0x10c8df000 + 25960776`).
fn read_frame(text: &str) -> Option<Frame> {
    let (index, rest) = text.split_once(char::is_whitespace)?;
    index.parse::<u32>().ok()?;
    let at = [" 0x", "\t0x"].iter().filter_map(|mark| rest.find(mark)).min()?;
    let (image, rest) = rest.split_at_checked(at)?;
    let rest = rest.trim_start();
    let (address, symbol) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let symbol = symbol.rsplit_once(" + ").map_or(symbol, |(symbol, _)| symbol).trim();
    let known = !symbol.is_empty() && symbol != "???" && symbol != "0" && !symbol.starts_with("0x");
    Some(Frame { image: image.trim().to_owned(), image_index: None, address: number(address), symbol: known.then(|| symbol.to_owned()) })
}

/// `0x1040b8000 - 0x1040effff com.example.app (2.3.1) <uuid> /path`; old reports have a `+` before names that are not Apple's.
fn read_image(text: &str) -> Option<LoadedImage> {
    let (start, rest) = text.split_once(" - ").or_else(|| text.split_once("- "))?;
    let base = hex(start)?;
    let rest = rest.trim_start();
    let (end, rest) = rest.split_once(char::is_whitespace)?;
    let end = hex(end)?;
    let (before, after) = rest.split_once('<').unwrap_or((rest, ""));
    let (uuid, path) = after.split_once('>').unwrap_or(("", after));
    let path = path.trim();
    let title = before.trim().trim_start_matches('+');
    let title = title.split_once(" (").map_or(title, |(title, _)| title).trim();
    let words: Vec<&str> = title.split_whitespace().collect();
    let arch = words.last().filter(|word| word.starts_with("arm") || word.starts_with("x86_64") || **word == "i386").copied().unwrap_or("");
    let title = title.strip_suffix(arch).unwrap_or(title).trim();
    let of_path = path.rsplit('/').next().filter(|name| !name.is_empty() && *name != "???");
    Some(LoadedImage {
        name: of_path.unwrap_or(title).to_owned(),
        path: path.to_owned(),
        uuid: upper_uuid(uuid).unwrap_or_default(),
        arch: arch.to_owned(),
        base,
        size: end.saturating_sub(base).saturating_add(1),
    })
}
