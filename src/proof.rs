//! The proof as a Markdown file: for a pull request, or for whoever asks later.

use crate::clean::clean;
use crate::fix::prove::{Proof, Ran};

/// The document.
pub fn markdown(proof: &Proof) -> String {
    let mut out = format!("# {}: {}\n\n", code(&proof.app), if proof.holds { "mended" } else { "not mended" });
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let tick = |good: bool| if good { "x" } else { " " };
    line(format!("- [{}] gone: {}", tick(proof.gone), prose(&proof.mended.summary)));
    if proof.gone && !proof.shown_by_bytes {
        line("  - only the report told of it: run the app once more to see it".into());
    }
    line(format!("- [{}] nothing new", tick(proof.new.is_empty())));
    proof.new.iter().for_each(|new| line(format!("  - {}", prose(&new.summary))));
    let problems = proof.problems();
    line(format!("- [{}] signed as planned, and nothing else changed", tick(problems.is_empty())));
    problems.iter().for_each(|problem| line(format!("  - {}", prose(problem))));
    line(format!("\nRemedy: {}\n", prose(&proof.remedy)));
    line(
        "## Entitlements\n\n| executable | slice | signed in | taken out | dropped | kept |\n| --- | --- | --- | --- | --- | --- |".into(),
    );
    for keys in &proof.keys {
        let list = |list: &[String]| list.iter().map(|key| code(key)).collect::<Vec<_>>().join(" ");
        line(format!(
            "| {} | {} | {} | {} | {} | {} |",
            code(&keys.executable),
            keys.arch,
            list(&keys.landed),
            list(&keys.removed),
            list(&keys.dropped),
            keys.kept
        ));
    }
    line("\n## Signatures\n\n| code | slice | before | after | signer |\n| --- | --- | --- | --- | --- |".into());
    for signature in &proof.signatures {
        let cells =
            [code(&signature.path), signature.arch.into(), signature.before.clone(), signature.after.clone(), prose(&signature.signer)];
        line(format!("| {} |", cells.join(" | ")));
    }
    line(format!("\n## Files\n\n{} files are the same. These differ:\n", proof.same_files));
    line("| file | change | why | SHA-256 before | SHA-256 after |\n| --- | --- | --- | --- | --- |".into());
    for file in &proof.files {
        let hash = |hash: &Option<String>| hash.clone().unwrap_or_default();
        let why = file.why.as_deref().unwrap_or("**by no step**");
        line(format!("| {} | {} | {} | {} | {} |", code(&file.path), file.change, why, hash(&file.before), hash(&file.after)));
    }
    line("\n## Steps\n".into());
    proof.steps.iter().for_each(|step| line(ran(step)));
    if !proof.notary.is_empty() {
        line("\n## Before it is shipped\n".into());
        proof.notary.iter().for_each(|text| line(format!("- the notary service would refuse: {}", prose(text))));
    }
    if !proof.other.is_empty() {
        line("\n## Still there, and another matter\n".into());
        proof.other.iter().for_each(|other| line(format!("- {} ({})", prose(&other.summary), other.confidence)));
    }
    out
}

fn ran(step: &Ran) -> String {
    if step.argv.is_empty() {
        return format!("1. {}", prose(&step.text));
    }
    let status = step.status.map_or_else(String::new, |status| format!(" (status {status})"));
    format!("1. {}{status}: {}", prose(&step.text), code(&crate::fix::sign::command_line(&step.argv)))
}

/// A text between backticks, more of them than are in it.
fn code(text: &str) -> String {
    let text = clean(text).replace('|', "\\|");
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

/// A text whose signs mean nothing to Markdown.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for character in clean(text).chars() {
        if "\\`*_[]<>#|!&".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_place() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a|b\nc"), "`a\\|b c`");
        assert_eq!(prose("<b> [x](y) *z*"), "\\<b\\> \\[x\\](y) \\*z\\*");
    }
}
