//! `VM Region Info:` and `VM Regions Near`: which region the fault address lies in.

use super::text::hex;
use super::{CrashReport, Region};

/// One row of the table.
fn row(line: &str) -> Option<Region> {
    let (before, after) = line.split_once('[')?;
    let before = before.trim_end();
    let range_text = before.split_whitespace().next_back()?;
    let (start, end) = range_text.split_once('-')?;
    let range = (hex(start)?, hex(end)?);
    let kind = before.strip_suffix(range_text)?.trim().to_owned();
    let columns = after.split_once(']').map_or("", |(_, columns)| columns).trim();
    let (protection, rest) = columns.split_once(char::is_whitespace).unwrap_or((columns, ""));
    let (share, detail) = match rest.trim_start().strip_prefix("SM=") {
        Some(rest) => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        None => ("", rest),
    };
    Some(Region { kind, range, protection: protection.into(), share: share.into(), detail: detail.trim().into() })
}

/// A row without the arrow in front of it, and whether there was one (`--->`, in old reports `-->`).
fn without_arrow(line: &str) -> (&str, bool) {
    let start = line.trim_start();
    let rest = start.trim_start_matches('-');
    match rest.strip_prefix('>') {
        Some(rest) if rest.len() < start.len() && start.starts_with("--") => (rest, true),
        _ => (start, false),
    }
}

/// Reads the table's first line and rows into the report. Returns the index of the row that decided.
pub(super) fn read(report: &mut CrashReport, lines: &[&str]) -> Option<usize> {
    let first = lines.first().copied().unwrap_or("");
    let address = first.split_whitespace().find_map(|word| word.trim_end_matches(':').strip_prefix("0x").and_then(hex));
    if report.fault_address.is_none() {
        report.fault_address = address;
    }
    if first.contains("is not in any region") {
        report.not_in_a_region = true;
        return Some(0);
    }
    for (index, line) in lines.iter().enumerate() {
        let (text, arrow) = without_arrow(line);
        if !arrow {
            continue;
        }
        let Some(mut region) = row(text) else {
            // An arrow that points between two rows.
            report.not_in_a_region = text.trim().is_empty();
            return Some(index);
        };
        let next = lines.get(index.saturating_add(1)).map_or("", |next| next.trim());
        if region.detail.is_empty() && next.starts_with('/') {
            region.detail = next.into();
        }
        report.region = Some(region);
        return Some(index);
    }
    // The arrow was lost in a paste: the row whose range holds the address.
    let address = address?;
    let holds = |region: &Region| region.range.0 <= address && address < region.range.1;
    let found = lines.iter().enumerate().find_map(|(index, line)| row(line).filter(holds).map(|region| (index, region)));
    found.map(|(index, region)| {
        report.region = Some(region);
        index
    })
}
