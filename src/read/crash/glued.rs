//! Reports whose line ends were lost: mail programs and comment fields make one line of many, some take the blanks at the ends too.

use super::CrashReport;

/// Fields that begin a line of a report, in its own spelling. Only what decides, and what ends such a field.
const FIELDS: [&str; 30] = [
    "Process:",
    "Path:",
    "Identifier:",
    "Version:",
    "Code Type:",
    "Parent Process:",
    "Responsible:",
    "User ID:",
    "Date/Time:",
    "OS Version:",
    "Report Version:",
    "Bridge OS Version:",
    "Anonymous UUID:",
    "Sleep/Wake UUID:",
    "Time Awake Since Boot:",
    "Time Since Wake:",
    "System Integrity Protection:",
    "Crashed Thread:",
    "Exception Type:",
    "Exception Codes:",
    "Exception Subtype:",
    "Exception Note:",
    "Termination Signal:",
    "Termination Reason:",
    "Terminating Process:",
    "VM Regions Near",
    "VM Region Info:",
    "Application Specific Information:",
    "Dyld Error Message:",
    "Binary Images:",
];
/// A line with so many fields is several lines.
const MANY: usize = 4;

/// A text in lines again, and of each line the one (from 1) of the given text in which it stands.
pub(super) struct Separated {
    pub text: String,
    lines: Vec<u32>,
}

impl Separated {
    /// The places of a report's facts in the given text.
    pub fn restore(&self, report: &mut CrashReport) {
        for (_, line) in &mut report.lines {
            let index = usize::try_from(*line).unwrap_or(usize::MAX).saturating_sub(1);
            *line = self.lines.get(index).copied().unwrap_or(*line);
        }
    }
}

/// True when one line among the first ones holds many fields of a report.
pub(super) fn is_one(text: &str) -> bool {
    text.lines().take(4_000).any(is_glued)
}

fn is_glued(line: &str) -> bool {
    const ALWAYS: [&str; 2] = ["Exception Type:", "ExceptionType:"];
    line.len() > 120 && ALWAYS.iter().any(|field| line.contains(field)) && fields(line).len() >= MANY
}

/// `None` when no line of the text holds many fields: the usual case.
pub(super) fn separated(text: &str) -> Option<Separated> {
    if !is_one(text) {
        return None;
    }
    let mut all = Separated { text: String::with_capacity(text.len()), lines: Vec::new() };
    for (number, line) in (1_u32..).zip(text.lines()) {
        if is_glued(line) {
            for part in parts(line) {
                all.push(&part, number);
            }
        } else {
            all.push(line, number);
        }
    }
    Some(all)
}

impl Separated {
    fn push(&mut self, line: &str, number: u32) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines.push(number);
    }
}

/// Where fields begin in a line, with their lengths, in order: in their own spelling, or without its blanks.
fn fields(line: &str) -> Vec<(usize, usize, &'static str)> {
    let mut found: Vec<(usize, usize, &'static str)> = Vec::new();
    for field in FIELDS {
        let tight = field.replace(' ', "");
        let spellings = [field, tight.as_str()];
        let known = if tight == field { 1 } else { 2 };
        for spelling in spellings.iter().take(known) {
            found.extend(line.match_indices(spelling).map(|(at, _)| (at, spelling.len(), field)));
        }
    }
    // `Parent Process:` holds `Process:`; the one that begins first has it.
    found.sort_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)));
    let mut end = 0_usize;
    found.retain(|(at, length, _)| {
        let is_free = *at >= end;
        if is_free {
            end = at.saturating_add(*length);
        }
        is_free
    });
    found
}

/// A line cut before each field, which gets its own spelling back.
fn parts(line: &str) -> Vec<String> {
    let fields = fields(line);
    let mut parts: Vec<String> = fields.first().and_then(|(at, ..)| line.get(..*at)).map(str::to_owned).into_iter().collect();
    for (index, (at, length, field)) in fields.iter().enumerate() {
        let next = fields.get(index.saturating_add(1)).map_or(line.len(), |(next, ..)| *next);
        let value = line.get(at.saturating_add(*length)..next).unwrap_or("");
        parts.push(format!("{field} {}", value.trim().replace(" at0x", " at 0x")));
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::read;

    const FIRST: &str = "Process:               Tern [812]Path:                 /Applications/Tern.app/Contents/MacOS/TernIdentifier:            org.example.TernVersion:               2.5.1Code Type:             X86-64 (Native)Parent Process:        ??? [1]";

    #[test]
    fn a_report_in_one_line_is_read_like_any_other() {
        let text = format!(
            "it crashed:\n{FIRST}OS Version:            Mac OS X 10.15.1 (19B88) Exception Type:        EXC_BAD_ACCESS (SIGSEGV)ExceptionCodes:       KERN_INVALID_ADDRESS at0x0000000000000100Exception Note:        EXC_CORPSE_NOTIFY TerminationReason:    Namespace \nSIGNAL, Code 0xb\n"
        );
        let report = read(&text).unwrap();
        assert_eq!(report.process.as_deref(), Some("Tern"));
        assert_eq!(report.path.as_deref(), Some("/Applications/Tern.app/Contents/MacOS/Tern"));
        assert_eq!(report.parent, None);
        assert_eq!((report.exception.as_deref(), report.signal.as_deref()), (Some("EXC_BAD_ACCESS"), Some("SIGSEGV")));
        assert_eq!(report.fault_address, Some(0x100));
        assert_eq!((report.line("process"), report.line("exception")), (Some(2), Some(2)));
    }

    #[test]
    fn a_report_with_its_lines_stays_as_it_is() {
        assert!(super::separated("Process: A [1]\nPath: /a\nException Type: EXC_CRASH (SIGABRT)\nException Codes: 0x0, 0x0\n").is_none());
        let told = "The fields Process:, Path: and Exception Type: stand at the start of a line each, as everybody knows who has read one of them before now.";
        assert!(super::separated(told).is_none());
    }
}
