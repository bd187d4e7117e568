//! Terminal transcripts: prompts, deaths, `DYLD_` variables and who drops them, what worked, what was overwritten.

use super::cut::{after, between, file_name, has_word, known, quoted, until};
use super::runtime::signal_of_status;
use super::{Context, Following, LogFact, LogLine, Proc, Run, WorksHow};

/// Programs that System Integrity Protection protects and that start others: dyld drops `DYLD_` variables in them.
const PROTECTED: [&str; 16] =
    ["sh", "bash", "zsh", "ksh", "dash", "csh", "tcsh", "env", "sudo", "arch", "nohup", "nice", "xargs", "open", "xcrun", "perl"];
/// Most output lines that belong to one command here.
const MAX_OUTPUT: usize = 400;
/// Most commands of a transcript that are compared with each other, the last ones; at least half as many are kept.
const MAX_RUNS: usize = 200;

/// The command after a prompt (`$ `, `% `, `user@host dir % `, `bash-3.2$ `). `None` for other lines.
pub(super) fn prompt(line: &str) -> Option<&str> {
    let line = line.trim_start();
    for mark in ["$ ", "% ", "❯ ", "➜ "] {
        if let Some(command) = line.strip_prefix(mark) {
            return Some(command.trim());
        }
    }
    if matches!(line.trim_end(), "$" | "%") {
        return Some("");
    }
    for mark in ["% ", "$ ", "# "] {
        let Some((before, command)) = line.split_once(mark) else { continue };
        let host = before.contains('@') && before.len() < 120 && !before.contains([':', '"'])
            || before.contains('@') && before.contains(':') && before.len() < 120;
        let shell = before.starts_with("bash-") || before.starts_with("sh-") || before.starts_with("zsh-");
        if (host && (before.ends_with(' ') || mark != "% ") || shell) && !before.contains('=') {
            return Some(command.trim());
        }
    }
    None
}

/// Words of a command; quotes kept together and taken off.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut escaped = false;
    for c in command.chars().take(4_000) {
        match (quote, c) {
            _ if escaped => {
                escaped = false;
                words.last_mut().map(|word| word.push(c)).unwrap_or_default();
            }
            (None, '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (_, c) => words.last_mut().map(|word| word.push(c)).unwrap_or_default(),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// The program a command starts, assignments and `env`, `sudo`, `exec` skipped.
fn program(words: &[String]) -> Option<&str> {
    let skipped =
        |word: &&String| !is_assignment(word) && !matches!(word.as_str(), "env" | "sudo" | "exec" | "time" | "command" | "/usr/bin/env");
    words.iter().find(skipped).map(String::as_str)
}

/// A prompt line: remembers the command and its output.
pub(super) fn command<'a>(text: &str, line: u32, context: &mut Context, following: &Following<'a>, out: &mut Vec<LogFact>) {
    let output: Vec<String> =
        following().take_while(|line| prompt(line).is_none()).take(MAX_OUTPUT).map(|line| line.trim().to_owned()).collect();
    let list = words(text);
    context.asks_entitlements = asks_entitlements(text);
    context.displays = context.asks_entitlements;
    context.executable = None;
    context.named_file = (text.contains("codesign") || text.contains("spctl"))
        .then(|| list.iter().rev().find(|word| word.contains('/') || word.contains('.')).cloned())
        .flatten();
    if text.contains("attach") {
        context.attach_pid = list.iter().filter_map(|word| word.parse().ok()).next_back();
    }
    if list.iter().any(|word| word == "sw_vers") {
        out.extend(output.iter().find_map(|line| system_version(line)));
    }
    if text.starts_with("echo") && text.contains("$?") {
        status(&output, context, out);
    }
    let variables = variables(text, &output);
    let by = dropped_by(&list);
    for (name, value) in &variables {
        context.variables.truncate(100);
        context.variables.push((name.clone(), value.clone()));
        out.push(LogFact::DyldVariable { name: name.clone(), value: value.clone(), by_protected: by.clone() });
    }
    if context.asks_entitlements && output.iter().all(|line| line.is_empty()) && following().next().is_some() {
        out.push(LogFact::DisplayedNoEntitlements { file: context.named_file.clone() });
        context.asks_entitlements = false;
    }
    context.program = program(&list).map(str::to_owned);
    if context.runs.len() >= MAX_RUNS {
        context.runs.drain(..MAX_RUNS / 2);
    }
    context.runs.push(Run { line, quote: text.to_owned(), words: list, output });
}

/// `codesign -d --entitlements` whose whole answer is shown: no filter after it, and not a signing command.
fn asks_entitlements(command: &str) -> bool {
    let signs = ["--sign", " -s ", " -f", "--force"].iter().any(|option| command.contains(option));
    let filter =
        command.split('|').skip(1).any(|part| !["plutil", "xmllint", "cat", "less"].iter().any(|tool| part.trim().starts_with(tool)));
    let to_file = command.replace("2>&1", "").replace("2>/dev/null", "").replace("2> /dev/null", "").contains('>');
    command.contains("codesign") && command.contains("--entitlements") && !signs && !filter && !to_file
}

/// `ProductVersion: 15.0` or the number alone, as `sw_vers` prints it.
fn system_version(line: &str) -> Option<LogFact> {
    let number = after(line, "ProductVersion:").unwrap_or(line).trim();
    let mut parts = number.split('.').map(|part| part.parse::<u16>().ok());
    let (major, minor) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
    (10..100).contains(&major).then_some(LogFact::SystemVersion { major, minor })
}

/// The number after `echo $?`: a status over 128 is a signal.
fn status(output: &[String], context: &Context, out: &mut Vec<LogFact>) {
    let Some(code) = output.iter().find(|line| !line.is_empty()).and_then(|line| line.parse::<i64>().ok()).filter(|code| *code != 0) else {
        return;
    };
    let process = context.program.as_deref().map(named).unwrap_or_default();
    out.push(LogFact::Died { process, signal: signal_of_status(code), exit: Some(code) });
}

fn named(program: &str) -> Proc {
    let path = program.starts_with('/').then(|| program.to_owned());
    Proc { name: known(file_name(program)), path, ..Proc::default() }
}

/// `DYLD_…` names with their values, in shell, property list and launchd spelling.
fn variables(text: &str, output: &[String]) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for (at, _) in text.match_indices("DYLD_").take(50) {
        let Some(rest) = text.get(at..) else { continue };
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        let (Some(name), Some(tail)) = (rest.get(..end), rest.get(end..)) else { continue };
        let before = text.get(..at).unwrap_or("");
        // `LC_DYLD_CHAINED_FIXUPS` is a load command.
        if name.len() <= 5 || before.trim_end().ends_with("unset") || before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let value = match tail.strip_prefix('=') {
            Some(value) if value.starts_with(['"', '\'']) => quoted(value).and_then(known),
            Some(value) => known(value.split([' ', ';', '&']).next().unwrap_or(value)),
            None if tail.starts_with("</key>") => between(tail, "<string>", "</string>").and_then(known),
            None if before.contains("setenv") => known(tail.split_whitespace().next().unwrap_or("")),
            None if text.starts_with("echo") => output.iter().find(|line| !line.is_empty()).cloned(),
            None => None,
        };
        if !found.iter().any(|(known, _)| known == name) {
            found.push((name.to_owned(), value));
        }
    }
    found
}

/// The protected program between the variable and what it is meant for: `DYLD_X=1 sh run.sh`, `DYLD_X=1 /usr/bin/foo`.
fn dropped_by(words: &[String]) -> Option<String> {
    let first = words.iter().find(|word| !is_assignment(word))?;
    let assigned_before = words.first().is_some_and(|word| is_assignment(word));
    (assigned_before && is_protected(first)).then(|| first.clone())
}

fn is_protected(program: &str) -> bool {
    let system =
        ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/", "/System/"].iter().any(|folder| program.starts_with(folder));
    system || PROTECTED.contains(&program)
}

/// A line that is no prompt.
pub(super) fn output(text: &str, context: &Context, out: &mut Vec<LogFact>) {
    died(text, out);
    if out.is_empty()
        && let Some(fact) = super::system::exit_words(text)
    {
        out.push(fact);
    }
    if text.contains("ProductVersion:") {
        out.extend(system_version(text));
    }
    if text.contains("environment variables being ignored because main executable") {
        let by = between(text, "main executable (", ")").filter(|program| is_protected(program)).and_then(known);
        out.push(LogFact::DyldVariable { name: "DYLD_*".into(), value: None, by_protected: by });
    } else if text.contains("DYLD_") {
        for (name, value) in variables(text, &[]) {
            out.push(LogFact::DyldVariable { name, value, by_protected: None });
        }
    }
    if let Some(interpreter) = text.strip_prefix("#!") {
        let program = interpreter.split_whitespace().next().unwrap_or("");
        if is_protected(program)
            && let Some((name, value)) = context.variables.last()
        {
            out.push(LogFact::DyldVariable { name: name.clone(), value: value.clone(), by_protected: Some(interpreter.trim().to_owned()) });
        }
    }
    if has_word(text, "overwriting") || text.contains("Overwriting ") {
        let path = text.split(['\'', '"', '(', ')']).flat_map(|part| part.split_whitespace()).rfind(|word| word.contains('/'));
        out.push(LogFact::Overwritten { file: path.and_then(known) });
    }
    if text.contains("exited with status = 0 (0x00000000)") {
        out.push(LogFact::WorksWhen { how: WorksHow::Debugger, file: None });
    }
}

/// `zsh: killed     ./tool`, `run.sh: line 3: 61422 Abort trap: 6  /path/tool`, `[1]    12345 killed     ./app`.
fn died(text: &str, out: &mut Vec<LogFact>) {
    let zsh = ["killed ", "trace trap ", "abort ", "segmentation fault ", "bus error ", "illegal hardware instruction "];
    if let Some(rest) = after(text, "zsh: ") {
        let rest = format!("{rest} ");
        let rest = after(&rest, "] ").filter(|_| rest.starts_with('[')).unwrap_or(&rest).trim_start().to_owned();
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if let Some(mark) = zsh.iter().find(|mark| rest.starts_with(**mark)) {
            let command = rest.strip_prefix(mark).unwrap_or("").trim();
            let command = command.strip_prefix("(core dumped)").unwrap_or(command).trim();
            out.push(LogFact::Died { process: program_of(command), signal: super::system::signal(mark), exit: None });
        }
        return;
    }
    // A job of zsh.
    if text.trim_start().starts_with('[')
        && let Some((_, rest)) = text.split_once(']')
        && let Some((pid, rest)) = rest.trim_start_matches(['+', '-', ' ']).split_once(char::is_whitespace)
        && let Ok(pid) = pid.parse::<u64>()
        && let Some(mark) = zsh.iter().find(|mark| format!("{} ", rest.trim_start()).starts_with(**mark))
    {
        let command = rest.trim_start().strip_prefix(mark).unwrap_or("").trim();
        out.push(LogFact::Died {
            process: Proc { pid: Some(pid), ..program_of(command) },
            signal: super::system::signal(mark),
            exit: None,
        });
        return;
    }
    let bash = [
        "Killed: 9",
        "Trace/BPT trap: 5",
        "Abort trap: 6",
        "Segmentation fault: 11",
        "Bus error: 10",
        "Illegal instruction: 4",
        "EXC_BAD_ACCESS (code=",
        "EXC_BREAKPOINT (code=",
    ];
    let Some(mark) = bash.iter().find(|mark| text.contains(**mark)) else { return };
    let (before, command) = text.split_once(mark).unwrap_or((text, ""));
    if mark.starts_with("EXC_") {
        let signal = if mark.contains("ACCESS") { 11 } else { 5 };
        out.push(LogFact::Died { process: Proc::default(), signal: Some(signal), exit: None });
        return;
    }
    let pid = before.split_whitespace().next_back().and_then(|word| word.parse().ok());
    out.push(LogFact::Died { process: Proc { pid, ..program_of(command) }, signal: super::system::signal(mark), exit: None });
}

fn program_of(command: &str) -> Proc {
    let list = words(command.trim());
    program(&list).map(named).unwrap_or_default()
}

/// True when the output is that of a run that failed.
fn failed(output: &[String]) -> bool {
    let marks = [
        "killed",
        "Killed: 9",
        "trap",
        "Abort",
        "abort",
        "egmentation fault",
        "us error",
        "dyld",
        "rror",
        "not found",
        "denied",
        "No such file",
        "failed",
        "Failed",
    ];
    output.iter().any(|line| marks.iter().any(|mark| line.contains(mark)))
}

/// What the commands of a transcript prove together.
pub(super) fn conclude(context: &Context, facts: &[LogLine]) -> Vec<LogLine> {
    let mut found = Vec::new();
    let dead = dead(context, facts);
    let failures = failures(context);
    let with_script = context.runs.iter().any(is_of_script);
    for (index, run) in context.runs.iter().enumerate() {
        copied(run, context.runs.get(index.saturating_add(1)), &dead, &mut found);
        direct(run, &failures, with_script, facts, &mut found);
        overwritten(run, context, &mut found);
        changed(index, run, context, &mut found);
        original_runs(index, run, context, &mut found);
        by_protected_script(index, run, context, &mut found);
    }
    found
}

/// Programs that died or could not be started.
fn dead(context: &Context, facts: &[LogLine]) -> Vec<String> {
    let mut names: Vec<String> = context
        .runs
        .iter()
        .filter(|run| failed(&run.output))
        .filter_map(|run| program(&run.words).map(|name| file_name(name).to_owned()))
        .collect();
    names.extend(facts.iter().filter_map(|line| match &line.fact {
        LogFact::Died { process, .. } => process.name.clone(),
        _ => None,
    }));
    names
}

/// Words of one command of a line with `&&` or `;`.
fn parts(words: &[String]) -> Vec<&[String]> {
    words.split(|word| matches!(word.as_str(), "&&" | ";" | "||")).filter(|part| !part.is_empty()).collect()
}

/// `cp A B && B …` with B running well where A died.
fn copied(run: &Run, next: Option<&Run>, dead: &[String], found: &mut Vec<LogLine>) {
    let parts = parts(&run.words);
    let copy = parts.iter().find(|part| part.first().is_some_and(|word| matches!(word.as_str(), "cp" | "ditto" | "/bin/cp")));
    let Some(part) = copy else { return };
    let files: Vec<&String> = part.iter().skip(1).filter(|word| !word.starts_with('-')).collect();
    let [source, target] = files.as_slice() else { return };
    let runs_target = |words: &[String]| {
        program(words).is_some_and(|name| name == target.as_str() || file_name(name) == file_name(target) && name.contains('/'))
    };
    let here = parts.iter().any(|part| runs_target(part)) && !failed(&run.output);
    let later =
        next.is_some_and(|next| runs_target(&next.words) && !failed(&next.output) && !next.output.iter().all(|line| line.is_empty()));
    if (here || later) && dead.iter().any(|name| name == file_name(source)) {
        let place = if here { run } else { next.unwrap_or(run) };
        found.push(LogLine {
            line: place.line,
            quote: super::quote_of(&place.quote),
            fact: LogFact::WorksWhen { how: WorksHow::Copied, file: Some((*source).clone()) },
        });
    }
}

/// Lines with which a command failed that say where: the command's program, the line.
fn failures(context: &Context) -> Vec<(&str, &str)> {
    let failed = context.runs.iter().filter(|run| failed(&run.output)).filter_map(|run| Some((program(&run.words)?, &run.output)));
    let told = |line: &&String| line.contains(": line ") || line.contains("Referenced from:");
    failed.flat_map(|(program, output)| output.iter().filter(told).map(move |line| (program, line.as_str()))).collect()
}

fn is_of_script(run: &Run) -> bool {
    run.words.iter().any(|word| file_name(word).ends_with(".sh") || word == "make" || word == "env")
}

/// A program that ran well from the prompt, and that a script could not start.
fn direct(run: &Run, failures: &[(&str, &str)], with_script: bool, facts: &[LogLine], found: &mut Vec<LogLine>) {
    let Some(name) = program(&run.words).filter(|name| name.contains('/')) else { return };
    let worked = !failed(&run.output) && run.output.iter().any(|line| !line.is_empty());
    if !worked {
        return;
    }
    let same = |path: &str| path == name || (path.ends_with(name.trim_start_matches('.')) && name.len() > 3);
    let by_script = failures.iter().any(|(other, line)| {
        let names = line.contains(": line ") && line.contains(name);
        *other != name && (names || after(line, "Referenced from:").is_some_and(|path| same(path.trim())))
    });
    let refused =
        || facts.iter().any(|line| matches!(&line.fact, LogFact::Load(failure) if failure.referenced_from.as_deref().is_some_and(same)));
    if by_script || with_script && refused() {
        found.push(LogLine {
            line: run.line,
            quote: super::quote_of(&run.quote),
            fact: LogFact::WorksWhen { how: WorksHow::Direct, file: Some(name.to_owned()) },
        });
    }
}

/// `cp`, `rsync --inplace`, `curl -o`, `cat >`, `dd of=` on a program that the transcript runs.
fn overwritten(run: &Run, context: &Context, found: &mut Vec<LogLine>) {
    for part in parts(&run.words) {
        let Some(tool) = part.first().map(|word| file_name(word)) else { continue };
        let words: Vec<&str> = part.iter().map(String::as_str).collect();
        let target = match tool {
            "cp" => words.iter().skip(1).rfind(|word| !word.starts_with('-')).copied(),
            "rsync" if words.contains(&"--inplace") => words.last().copied(),
            "curl" | "wget" => words
                .iter()
                .position(|word| matches!(*word, "-o" | "-O" | "--output" | "-Lo" | "-sLo" | "-fsSLo"))
                .and_then(|at| words.get(at.saturating_add(1)).copied()),
            "dd" => words.iter().find_map(|word| word.strip_prefix("of=")),
            "cat" | "gunzip" | "zcat" => words.iter().position(|word| *word == ">").and_then(|at| words.get(at.saturating_add(1)).copied()),
            _ => None,
        };
        let Some(target) = target.filter(|target| target.contains('/')) else { continue };
        // Only a file that ran before it was written over has a signature in the kernel's cache.
        let ran_before =
            context.runs.iter().filter(|other| other.line < run.line).any(|other| program(&other.words).is_some_and(|name| name == target));
        let inside_bundle = target.contains(".app/Contents/");
        let source_known = words.len() >= 3;
        if (ran_before || inside_bundle) && source_known {
            found.push(LogLine {
                line: run.line,
                quote: super::quote_of(&run.quote),
                fact: LogFact::Overwritten { file: Some(until(target, "\"").to_owned()) },
            });
        }
    }
}

/// A tool warned that it invalidates a file's signature, and the file was then killed without having been signed again.
fn changed(index: usize, run: &Run, context: &Context, found: &mut Vec<LogLine>) {
    const WARNING: &str = "will invalidate the code signature in";
    let Some(rest) = run.output.iter().find_map(|line| after(line, WARNING)) else { return };
    let file = rest.trim_start_matches([':', ' ']);
    let file = until(file, " (for architecture").trim();
    let name = file_name(file);
    let names = |other: &&Run| other.words.iter().any(|word| file_name(word) == name);
    for later in context.runs.iter().skip(index.saturating_add(1)).filter(names) {
        if later.words.iter().any(|word| file_name(word) == "codesign") {
            return;
        }
        if later.output.iter().any(|line| line.contains("Killed: 9") || line.contains("killed ")) {
            let text = "killed after a tool had changed it and nothing had signed it again".to_owned();
            let fact = LogFact::CodesignProblem { file: known(file), text, code: Some(-67061) };
            found.push(LogLine { line: run.line, quote: super::quote_of(&run.quote), fact });
            return;
        }
    }
}

/// A script that was shown before it was run begins with a protected interpreter, and a variable was set at the prompt.
fn by_protected_script(index: usize, run: &Run, context: &Context, found: &mut Vec<LogLine>) {
    let Some(script) = program(&run.words).filter(|name| name.contains('/')).map(file_name) else { return };
    let earlier = || context.runs.iter().take(index);
    let shows = |run: &&Run| run.words.first().is_some_and(|tool| matches!(tool.as_str(), "cat" | "head" | "less" | "more"));
    let shown = earlier().filter(shows).find(|run| run.words.iter().skip(1).any(|word| file_name(word) == script));
    let interpreter = shown.and_then(|run| run.output.iter().find_map(|line| line.strip_prefix("#!"))).map(str::trim);
    let Some(by) = interpreter.filter(|line| is_protected(line.split_whitespace().next().unwrap_or(""))) else { return };
    let set = earlier().flat_map(|run| variables(&run.words.join(" "), &[])).next_back();
    if let Some((name, value)) = set {
        let fact = LogFact::DyldVariable { name, value, by_protected: Some(by.to_owned()) };
        found.push(LogLine { line: run.line, quote: super::quote_of(&run.quote), fact });
    }
}

/// `cp A B`, then B is killed and A runs: the same bytes live in the one place and die in the other.
fn original_runs(index: usize, run: &Run, context: &Context, found: &mut Vec<LogLine>) {
    let parts = parts(&run.words);
    let Some(part) = parts.iter().find(|part| part.first().is_some_and(|word| matches!(word.as_str(), "cp" | "ditto" | "/bin/cp"))) else {
        return;
    };
    let files: Vec<&String> = part.iter().skip(1).filter(|word| !word.starts_with('-')).collect();
    let [source, target] = files.as_slice() else { return };
    let starts = |run: &Run, file: &str| {
        program(&run.words) == Some(file) || run.words.first().is_some_and(|word| word.trim_start_matches("./") == file)
    };
    let later = || context.runs.iter().skip(index.saturating_add(1));
    let killed = |run: &Run| run.output.iter().any(|line| line.contains("Killed: 9") || line.contains("killed "));
    let target_dies = later().any(|run| starts(run, target) && killed(run));
    let source_runs = later().find(|run| starts(run, source) && !failed(&run.output) && run.output.iter().any(|line| !line.is_empty()));
    if let Some(place) = source_runs.filter(|_| target_dies) {
        let fact = LogFact::WorksWhen { how: WorksHow::Copied, file: Some((*source).clone()) };
        found.push(LogLine { line: place.line, quote: super::quote_of(&place.quote), fact });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{LogFact, read};

    fn facts(text: &str) -> Vec<LogFact> {
        read(text).into_iter().map(|line| line.fact).collect()
    }

    #[test]
    fn the_version_of_macos_is_read_in_both_forms_of_sw_vers() {
        let version = |text: &str| facts(text).into_iter().find(|fact| matches!(fact, LogFact::SystemVersion { .. }));
        let is = |major, minor| Some(LogFact::SystemVersion { major, minor });
        assert_eq!(version("$ sw_vers\nProductName:\t\tmacOS\nProductVersion:\t\t15.0\n"), is(15, 0));
        assert_eq!(version("$ sw_vers -productVersion\n11.1\n"), is(11, 1));
        assert_eq!(version("ProductVersion: 26\n"), is(26, 0));
        for text in ["$ cat version\n11.1\n", "ProductVersion: unknown\n", "ProductVersion: 3.2.1\n"] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn a_script_that_was_shown_tells_who_drops_a_variable() {
        let run = |first: &str| {
            let text = format!(
                "$ cat demo.sh\n#!{first}\n./tool\n$ export DYLD_LIBRARY_PATH=/a/lib\n$ ./demo.sh\ndyld: Library not loaded: x.dylib\n"
            );
            let dropped = |fact: &LogFact| matches!(fact, LogFact::DyldVariable { by_protected: Some(by), .. } if by == first);
            facts(&text).iter().any(dropped)
        };
        assert!(run("/usr/bin/env bash") && run("/bin/sh"));
        assert!(!run("/opt/homebrew/bin/bash"));
    }
}
