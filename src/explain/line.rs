//! A line of evidence: which pages are about what stands in it.

use super::{Kind, Page, all, by_id, pages};

/// Nothing longer is read.
const LONGEST: usize = 4096;
/// Most pages of a line.
const MOST: usize = 8;

/// Words that find the pages of a line of a crash report, log or terminal, best first, at most eight; empty when Temper has a page for nothing in it.
///
/// A single word that stands by chance in a line proves nothing, so only whole lines, known phrases and names that cannot be anything else count: keys,
/// exceptions, flags, and a termination namespace with its code.
pub fn in_evidence(line: &str) -> Vec<String> {
    let line: String = line.chars().take(LONGEST).collect();
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: &str| {
        if words.len() < MOST && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    };
    if let Some(termination) = termination(&line) {
        add(&termination.id);
    }
    if line.contains(' ') || line.contains('=') {
        pages(&line).iter().for_each(|page| add(&page.id));
    }
    names(&line).for_each(|page| add(&page.id));
    words
}

/// Pages of the termination and the unmistakable names in a line.
pub(super) fn named(line: &str) -> Vec<&'static Page> {
    let line: String = line.chars().take(LONGEST).collect();
    let mut pages: Vec<&'static Page> = termination(&line).into_iter().collect();
    for page in names(&line) {
        if pages.len() < MOST && !pages.iter().any(|known| std::ptr::eq(*known, page)) {
            pages.push(page);
        }
    }
    pages
}

fn tokens(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).filter(|token| !token.is_empty())
}

/// `Namespace CODESIGNING, Code 0x2`, `"code":2,"namespace":"CODESIGNING"`: the page of the code, or of the namespace when the code has none.
fn termination(line: &str) -> Option<&'static Page> {
    let value_of = |name: &str| {
        let mut tokens = tokens(line).skip_while(|token| !token.eq_ignore_ascii_case(name));
        tokens.next()?;
        tokens.next()
    };
    let namespace = value_of("namespace")?;
    let is_one = |page: &&Page| page.kind == Kind::Termination;
    let code = value_of("code").and_then(|code| match code.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => code.parse().ok(),
    });
    let exact = code.and_then(|code| by_id(&format!("{namespace} {code}")).filter(is_one));
    exact.or_else(|| by_id(namespace).filter(is_one))
}

/// Names in the line that mean one thing only.
fn names(line: &str) -> impl Iterator<Item = &'static Page> {
    let is_name = |page: &&'static Page| match page.kind {
        Kind::Entitlement | Kind::RestrictedEntitlement | Kind::UsageKey | Kind::TccService => true,
        Kind::Exception | Kind::Flag => page.id.contains('_') || page.id.starts_with("SIG"),
        Kind::Dyld => page.id.starts_with("DYLD_") || page.id.starts_with("LC_"),
        _ => false,
    };
    let named = |token: &str| all().iter().filter(is_name).find(|page| page.id == token);
    tokens(line).filter_map(named).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_crash_report_is_explained() {
        for (line, word) in [
            ("Termination Reason:    Namespace CODESIGNING, Code 2 Invalid Page", "CODESIGNING 2"),
            ("  \"termination\" : {\"flags\":0,\"code\":2,\"namespace\":\"CODESIGNING\",\"indicator\":\"Invalid Page\"},", "CODESIGNING 2"),
            ("Termination Reason: Namespace DYLD, Code 1 Library missing", "DYLD 1"),
            ("Namespace TCC, Code 0", "TCC"),
            ("Exception Type:        EXC_BAD_ACCESS (SIGKILL (Code Signature Invalid))", "EXC_BAD_ACCESS"),
            ("  \"codeSigningFlags\" : 570503953,", "0x22013311"),
            ("    <key>com.apple.security.cs.allow-jit</key>", "com.apple.security.cs.allow-jit"),
            (
                "kernel: CODE SIGNING: cs_invalid_page(0x1050f0000): p=812[Demo] final status 0x23000200, denying page sending SIGKILL",
                "log-invalid-page",
            ),
            ("export DYLD_LIBRARY_PATH=/opt/demo/lib", "DYLD_LIBRARY_PATH"),
        ] {
            assert_eq!(in_evidence(line).first().map(String::as_str), Some(word), "{line}: {:?}", in_evidence(line));
        }
    }

    #[test]
    fn every_word_of_a_line_finds_a_page() {
        let line = "NSCameraUsageDescription kTCCServiceCamera com.apple.security.device.camera codeSigningFlags EXC_CRASH SIGABRT";
        let words = in_evidence(line);
        assert!(words.len() >= 5, "{words:?}");
        assert!(words.iter().all(|word| super::super::page(word).is_some()), "{words:?}");
    }

    #[test]
    fn a_line_that_says_nothing_has_no_page() {
        for line in [
            "",
            "}",
            "  ],",
            "Thread 0 Crashed:",
            "1024 bytes",
            "137",
            "7  libsystem_c.dylib  0x18 abort + 180",
            "0x32",
            "2026-03-02 10:14:22 x",
        ] {
            assert_eq!(in_evidence(line), Vec::<String>::new(), "{line}");
        }
        in_evidence(&"x ".repeat(1_000_000));
    }
}
