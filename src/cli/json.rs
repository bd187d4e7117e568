//! The report for programs: [`Report`] as it stands, in `temper-report/1`. The schema is `docs/report.schema.json`.

use crate::clean::clean_json;
use crate::report::Report;

/// The document, indented, with a line break at its end. Fails only if a value cannot be serialized.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    Ok(clean_json(&serde_json::to_string_pretty(report)?) + "\n")
}
