//! Launcher scripts: which variables they set, which programs they start, which files they overwrite. Nothing is run.
//!
//! Reads the plain parts of the shell language (assignments, `export`, `env`, `exec`, lists, pipes, here-documents) and knows the usual ways
//! to say "the folder of this script". What a shell would have to run to know a value is a gap.

mod shell;
mod words;

use crate::evidence::{Script, ScriptAct, ScriptLine};
use crate::scan::install_name;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Largest script that is read, in bytes.
pub(super) const MAX_SCRIPT: usize = 1 << 20;
/// Lines that are kept of one script.
const MAX_LINES: usize = 500;
/// Longest quote, in characters.
const MAX_QUOTE: usize = 500;

/// What was read of a script: the facts, and reasons why more could not be known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) interpreter: String,
    pub(super) lines: Vec<ScriptLine>,
    pub(super) gaps: Vec<String>,
    /// Why little was read: it is no shell script. Matters for a main executable only.
    pub(super) other_language: Option<String>,
}

/// Reads a script that begins with `#!`; `None` when it does not. `path` is relative to the root; `files` are those of the target, sorted.
pub(super) fn read(text: &str, path: &Path, root: &Path, files: &[PathBuf]) -> Option<Read> {
    let first = text.strip_prefix("#!")?.lines().next().unwrap_or_default();
    let interpreter: String = first.trim().chars().take(MAX_QUOTE).collect();
    let mut read = if is_shell(&interpreter) {
        let place = Place { path, root, files };
        shell::read(text, &place)
    } else {
        Read {
            interpreter: String::new(),
            lines: assignments_of_others(text),
            gaps: Vec::new(),
            other_language: Some(other_language(&interpreter)),
        }
    };
    read.interpreter = interpreter;
    read.lines.truncate(MAX_LINES);
    Some(read)
}

/// Where a script lies, and what lies around it.
struct Place<'a> {
    path: &'a Path,
    root: &'a Path,
    files: &'a [PathBuf],
}

impl Place<'_> {
    /// The file of the target that a command word means. `here` words start from the script's folder.
    fn file(&self, word: &words::Value) -> Option<PathBuf> {
        match word {
            words::Value::Here(tail) => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                let path = install_name::join(folder, Path::new(tail))?;
                self.has(&path).then_some(path)
            }
            words::Value::Text(text) if text.starts_with('/') => {
                let path = Path::new(text);
                install_name::inside_root(path, self.root).filter(|path| self.has(path)).or_else(|| self.by_tail(path))
            }
            words::Value::Text(text) => {
                install_name::join(Path::new(""), Path::new(text)).filter(|path| text.contains('/') && self.has(path))
            }
            words::Value::Unknown => None,
        }
    }

    /// An absolute path of the machine where the program is installed, by its last parts: at least a folder and a name, in one file only.
    fn by_tail(&self, path: &Path) -> Option<PathBuf> {
        let parts: Vec<&OsStr> = path.iter().skip(1).collect();
        let tails = (0..parts.len().saturating_sub(1)).map(|skip| parts[skip..].iter().collect::<PathBuf>());
        tails.into_iter().find_map(|tail| {
            let mut fits = self.files.iter().filter(|file| file.ends_with(&tail));
            fits.next().filter(|_| fits.next().is_none()).cloned()
        })
    }

    fn has(&self, path: &Path) -> bool {
        self.files.binary_search_by(|file| file.as_path().cmp(path)).is_ok()
    }
}

/// The last part of the interpreter, past `env` and its options: `bash` of `/usr/bin/env -S bash -e`.
fn program(interpreter: &str) -> &str {
    let name = |word: &'static str| move |text: &&str| Path::new(*text).file_name() == Some(OsStr::new(word));
    let mut words = interpreter.split_whitespace().peekable();
    if words.next_if(|word| name("env")(word)).is_some() {
        while words.next_if(|word| word.starts_with('-') || word.contains('=')).is_some() {}
    }
    words.next().and_then(|word| word.rsplit('/').next()).unwrap_or_default()
}

fn is_shell(interpreter: &str) -> bool {
    matches!(program(interpreter), "sh" | "bash" | "zsh" | "dash" | "ksh")
}

fn other_language(interpreter: &str) -> String {
    format!("a {} script: only shell scripts are read, and DYLD_ variables that are set in plain words", program(interpreter))
}

/// `environ["DYLD_X"] = "…"`, `ENV['DYLD_X'] = …`, `process.env.DYLD_X = …` in a script of another language.
fn assignments_of_others(text: &str) -> Vec<ScriptLine> {
    let lines =
        text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with(['#', ';']) && !line.trim_start().starts_with("//"));
    lines.filter_map(|(line, number)| Some(script_line(number, line, assignment_of_others(line)?))).take(MAX_LINES).collect()
}

fn assignment_of_others(line: &str) -> Option<ScriptAct> {
    let (before, rest) = line.split_once("DYLD_")?;
    before.to_ascii_lowercase().contains("env").then_some(())?;
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let value = rest.trim_start_matches(['"', '\'', ']', ' ']).strip_prefix(['=', ','])?;
    if value.starts_with('=') {
        return None;
    }
    let value = value.trim().trim_end_matches([';', ')']).trim_matches(['"', '\'']);
    Some(ScriptAct::Sets { name: format!("DYLD_{name}"), value: value.to_owned() })
}

fn script_line(line: u32, text: &str, does: ScriptAct) -> ScriptLine {
    ScriptLine { line, text: text.trim().chars().take(MAX_QUOTE).collect(), does }
}

/// The script as evidence.
pub(super) fn script(path: PathBuf, read: Read, is_main: bool) -> Script {
    Script { path, interpreter: read.interpreter, lines: read.lines, is_main }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILES: &[&str] = &["Contents/MacOS/Demo", "Contents/MacOS/Demo-bin", "Contents/Resources/tool", "bin/tool"];

    fn parse(text: &str) -> Read {
        let files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
        read(text, Path::new("Contents/MacOS/Demo"), Path::new("/x/Demo.app"), &files).unwrap()
    }

    fn check(body: &str, expected: &[(u32, &str)]) {
        let read = parse(&format!("#!/bin/sh\n{body}"));
        let said: Vec<(u32, String)> = read
            .lines
            .iter()
            .map(|line| {
                let does = match &line.does {
                    ScriptAct::Sets { name, value } => format!("{name}={value}"),
                    ScriptAct::Starts { command, image } => {
                        format!("run {command} -> {}", image.as_deref().unwrap_or(Path::new("?")).display())
                    }
                    ScriptAct::Overwrites { file } => format!("write {file}"),
                };
                (line.line, does)
            })
            .collect();
        let expected: Vec<(u32, String)> = expected.iter().map(|(line, does)| (*line, (*does).to_owned())).collect();
        assert_eq!(said, expected, "{body}");
    }

    #[test]
    fn a_variable_counts_when_it_is_exported() {
        check("A=1\n", &[]);
        check("A=1\nexport A\n", &[(2, "A=1")]);
        check("export A=1 B='x y'\n", &[(2, "A=1"), (2, "B=x y")]);
        check("export A\nA=2\n", &[(3, "A=2")]);
        check("set -a\nA=2\n", &[(3, "A=2")]);
        check("declare -x A=3; typeset -r B=4\n", &[(2, "A=3")]);
    }

    #[test]
    fn a_launcher_sets_and_starts() {
        check(
            "DIR=\"$(cd \"$(dirname \"$0\")\" && pwd)\"\nexport DYLD_LIBRARY_PATH=\"$DIR/../lib:$DYLD_LIBRARY_PATH\"\nexec \"$DIR/Demo-bin\" \"$@\"\n",
            &[(3, "DYLD_LIBRARY_PATH=$DIR/../lib:$DYLD_LIBRARY_PATH"), (4, "run $DIR/Demo-bin -> Contents/MacOS/Demo-bin")],
        );
    }

    #[test]
    fn the_folder_of_the_script_is_known_in_its_usual_spellings() {
        for here in [
            "$(dirname \"$0\")",
            "`dirname $0`",
            "${0%/*}",
            "$(dirname \"${BASH_SOURCE[0]}\")",
            "$(cd -- \"$(dirname -- \"$0\")\" >/dev/null 2>&1 ; pwd -P)",
            "$(dirname \"$(realpath \"$0\")\")",
            "$(dirname \"$(readlink -f \"$0\")\")",
        ] {
            check(&format!("D={here}\n\"$D/../Resources/tool\" -x\n"), &[(3, "run $D/../Resources/tool -> Contents/Resources/tool")]);
        }
    }

    #[test]
    fn assignments_before_a_command_and_env_are_seen() {
        check("DYLD_INSERT_LIBRARIES=/x/a.dylib ./Demo-bin\n", &[(2, "DYLD_INSERT_LIBRARIES=/x/a.dylib"), (2, "run ./Demo-bin -> ?")]);
        check(
            "exec env -i A=1 -u B /opt/Demo.app/Contents/MacOS/Demo-bin\n",
            &[(2, "A=1"), (2, "run /opt/Demo.app/Contents/MacOS/Demo-bin -> Contents/MacOS/Demo-bin")],
        );
        check("arch -x86_64 /Users/me/bin/tool &\n", &[(2, "run /Users/me/bin/tool -> bin/tool")]);
        check("launchctl setenv A 1\n", &[(2, "A=1")]);
    }

    #[test]
    fn the_last_command_is_a_start_and_a_builtin_is_not() {
        check("echo hello\n", &[]);
        check("python3 -m demo\n", &[(2, "run python3 -> ?")]);
        check("exit 0\n", &[]);
    }

    #[test]
    fn files_overwritten_in_place_are_seen() {
        check("cp -f new \"$APP/Contents/MacOS/Demo\"\nexit\n", &[(2, "write $APP/Contents/MacOS/Demo")]);
        check("rsync -a --inplace a/ /b/\nrsync -a a/ b/\nexit\n", &[(2, "write /b/")]);
        check("sed -i '' 's/a/b/' file.txt\nsed 's/a/b/' other\nexit\n", &[(2, "write file.txt")]);
        check("cat a b > /tmp/c && exit\ncat a > /dev/null\nexit\n", &[(2, "write /tmp/c")]);
        check("dd if=a of=b\nexit\n", &[(2, "write b")]);
        check("echo x | tee -a log.txt\n", &[(2, "write log.txt")]);
    }

    #[test]
    fn comments_quotes_and_here_documents_hide_nothing_and_show_nothing() {
        check("# export A=1\necho 'export B=2; exec /bin/x'\ncat <<'END'\nexport C=3\nEND\nexport D=4 # why\n", &[(7, "D=4")]);
        check("export A=1 \\\n  B=2\n", &[(2, "A=1"), (2, "B=2")]);
        check("if [ -d x ]; then export A=1; fi\n", &[(2, "A=1")]);
        check("f() { export A=1; }\n", &[(2, "A=1")]);
        check("case $1 in\n  a) export A=1;;\nesac\n", &[(3, "A=1")]);
    }

    #[test]
    fn what_a_shell_would_have_to_run_is_a_gap() {
        let read = parse(
            "#!/bin/bash\nexport DYLD_LIBRARY_PATH=$(brew --prefix)/lib\nexec \"$(find . -name Demo-bin)\"\n. ./env.sh\neval \"$X\"\n",
        );
        assert_eq!(read.gaps.len(), 4, "{:?}", read.gaps);
        assert!(read.gaps[0].starts_with("line 2: "), "{:?}", read.gaps);
        assert_eq!(parse("#!/bin/sh\nD=$(date)\nexport A=1\n").gaps, Vec::<String>::new());
    }

    #[test]
    fn other_languages_are_named() {
        let read =
            parse("#!/usr/bin/env python3\nimport os\nos.environ[\"DYLD_LIBRARY_PATH\"] = \"/x\"\nif os.environ['DYLD_X'] == 1: pass\n");
        assert_eq!(read.lines.len(), 1);
        assert_eq!(read.lines[0].does, ScriptAct::Sets { name: "DYLD_LIBRARY_PATH".into(), value: "/x".into() });
        assert!(read.other_language.unwrap().starts_with("a python3 script"));
    }

    #[test]
    fn odd_text_does_no_harm() {
        for body in [
            "\"",
            "'",
            "$(",
            "`",
            "${",
            "$((1+",
            "<<",
            "\\",
            "A=$(($(",
            "\"$(\"",
            "<<''",
            "a=(1 2 3)",
            "é$é=\u{0}",
            "export",
            "env",
            "exec",
        ] {
            parse(&format!("#!/bin/sh\n{body}\n{body}"));
        }
        let deep = format!("#!/bin/sh\nA={}", "$(dirname ".repeat(5000));
        parse(&deep);
        assert_eq!(parse("#!").interpreter, "");
    }
}
