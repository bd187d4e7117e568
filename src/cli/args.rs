//! The command line: what is asked for, checked as far as that goes without a disk.

use super::explain::Ask;
use crate::read::macho::Arch;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The terminal face; the text report when there is no terminal.
    Open(Subject, Theme),
    /// The report.
    Check(Subject, Format, Color),
    /// Pages on words.
    Explain(Ask, Color),
    /// The least entitlements files.
    Minimize(super::minimize::MinimizeArgs),
    /// What a remedy would do.
    Plan(Subject, super::plan::Options),
    /// Does it.
    Fix(Subject, Box<super::fix::Options>),
    /// Takes it back.
    Undo(PathBuf),
    /// What `codesign --verify` says.
    Verify(Subject, super::verify::Options),
    /// The report, and again after each change of the target.
    Watch(Subject, Format, Color),
    /// The report of a run of the program.
    Run(Box<super::run::Asked>),
    /// What `codesign --display` says.
    Display(Subject, super::display::Options),
    /// What is wrong with property lists.
    Lint(Vec<PathBuf>, Format),
}

/// What is to be examined, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// App, bundle, folder or Mach-O: the first path.
    pub path: Option<PathBuf>,
    /// Evidence in the order given, whichever option brought it, further paths among it; `-` is standard input.
    pub texts: Vec<PathBuf>,
    /// Certificates of extra roots.
    pub anchors: Vec<PathBuf>,
    /// `--os`: major and minor version of macOS.
    pub os: Option<(u16, u16)>,
    /// `--arch`.
    pub arch: Option<Arch>,
    /// `--at`: seconds since 1970 UTC.
    pub at: Option<i64>,
    /// `--reports-dir`: where reports of the app are looked for.
    pub reports: Option<Reports>,
    /// `--save-case`: file to write the case to.
    pub save_case: Option<PathBuf>,
    /// `--project`.
    pub project: Option<PathBuf>,
    /// `--collect`: gather what this machine keeps about the app.
    pub collect: bool,
}

/// Where reports of the app are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reports {
    /// Where macOS keeps them for the user and for the system.
    Usual,
    /// In this folder.
    In(PathBuf),
}

impl Subject {
    /// True when there is neither a target nor evidence.
    pub fn is_empty(&self) -> bool {
        self.path.is_none() && self.texts.is_empty()
    }
}

/// Form of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: docs/report.schema.json describes it
    Json,
}

/// When the text report is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR or CLICOLOR=0 is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Colours of the terminal face.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// Ask the terminal for its background; no colours when NO_COLOR is set
    #[default]
    Auto,
    /// For a light background
    Light,
    /// For a dark background
    Dark,
    /// No colours
    None,
}

const EXIT_CODES: &str = "\
Exit status:
  0  nothing to report (leaving the terminal face is 0 too)
  1  something was found
  2  Temper failed, or was called wrongly";

const EXAMPLES: &str = "\
Examples:
  temper                                       a practice app, to look around
  temper MyApp.app MyApp.ips                   why this crash? with your keyboard
  temper check MyApp.app                       what would macOS refuse?
  temper check MyApp.ips build.log             what do these say alone, without the app?
  temper check MyApp.app --collect             it just broke on this Mac: read its reports and the log
  log show --last 10m | temper check MyApp.app --log -
  temper run MyApp.app                         start it, and say why it broke
  temper check MyApp.app --format json | jq .verdict";

/// Stands for `--reports-dir` without a value; no path can hold it.
const USUAL: &str = "\u{1}usual";

#[derive(Debug, Parser)]
#[command(
    name = "temper",
    version,
    about = "Finds why a hardened macOS app breaks, and the least change that mends it",
    long_about = "Finds why a hardened macOS app breaks, and the least change that mends it.\n\n\
        Give it the app, what was left when it broke (crash report, log, terminal output), or both. It reads files, changes nothing unless you confirm \
        that very step, and needs neither a Mac nor Apple's tools. Without a terminal it prints the report that 'temper check' prints.",
    after_help = EXIT_CODES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    subject: SubjectArgs,
    /// Colours of the terminal face
    #[arg(long, value_enum, value_name = "THEME", default_value_t = Theme::Auto, hide_possible_values = true)]
    #[arg(long_help = "Colours of the terminal face: auto (asks the terminal for its background), light, dark, none")]
    theme: Theme,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the report instead of opening the terminal face
    #[command(after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
    Check(CheckArgs),
    /// Start the app, show what it writes, and say why it broke
    #[command(after_help = EXIT_CODES, after_long_help = format!("{}\n\n{EXIT_CODES}", super::run::EXAMPLES))]
    Run(super::run::RunArgs),
    /// Print what a remedy would do: files with their differences, commands in their order. Changes nothing
    #[command(after_help = EXIT_CODES)]
    Plan(super::plan::PlanArgs),
    /// Do it, on a copy or in place, examine the app again, and print the proof
    #[command(after_help = super::fix::EXIT_CODES)]
    Fix(super::fix::FixArgs),
    /// Take the last fix back: the app is what it was, byte for byte
    #[command(after_help = super::undo::EXIT_CODES)]
    Undo {
        /// The app, or the folder that holds it
        #[arg(value_name = "DIR")]
        path: PathBuf,
    },
    /// Make the least entitlements file for each executable, with the reason of every key
    #[command(after_help = super::minimize::EXIT_CODES)]
    Minimize(super::minimize::MinimizeArgs),
    /// Verify signatures, seals and nested code as codesign does
    #[command(after_help = super::verify::EXIT_CODES)]
    Verify(super::verify::VerifyArgs),
    /// Show signatures, entitlements and requirements as codesign does
    #[command(after_help = super::display::EXIT_CODES)]
    Display(super::display::DisplayArgs),
    /// Check entitlements files (and Info.plist files) more strictly than plutil
    #[command(after_help = super::lint::EXIT_CODES)]
    Lint(super::lint::LintArgs),
    /// Say what a word means: an entitlement, flag, code, error number, log line …
    #[command(after_help = super::explain::EXAMPLES)]
    Explain(super::explain::ExplainArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Check again whenever the target or a given file changes, until ctrl-c; says what changed in the verdict
    #[arg(long)]
    watch: bool,
    /// Gather what this Mac keeps about the app: its crash reports, and the output of 'log show', which is run and printed before
    #[arg(long, conflicts_with = "watch")]
    #[arg(
        long_help = "Gather what this Mac keeps about the app: its crash reports (as --reports-dir), and what the system logged in the last ten minutes. \
                 For that 'log show' is run; the exact command is printed before, on standard error. Nothing else is run, and without --collect \
                 nothing at all"
    )]
    collect: bool,
    /// Form of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// Also write the facts and the verdict to a new file, names of people, machines, teams and bundles replaced
    #[arg(long, value_name = "FILE")]
    #[arg(
        long_help = "Also write the facts and the verdict to a new file, with names of people, machines, teams and bundles replaced, to attach to a \
                 report of a problem. 'temper FILE' opens it again"
    )]
    save_case: Option<PathBuf>,
    /// When to colour the text report
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Args)]
pub(super) struct SubjectArgs {
    /// App, bundle, folder or Mach-O to examine, and what was left when it broke (as --crash and --log); - reads that from standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Crash report (.ips, .crash, or pasted text), or a folder of them; - reads standard input. May be repeated
    #[arg(long, value_name = "FILE")]
    crash: Vec<PathBuf>,
    /// Log or terminal output: unified log, dyld, codesign, notary; - reads standard input. May be repeated
    #[arg(long, value_name = "FILE")]
    #[arg(long_help = "Log or terminal output: unified log, dyld, codesign, notary; - reads standard input. May be repeated. \
                 What a file is is told by its content: --crash, --log and --entitlements differ only for the reader of your command")]
    log: Vec<PathBuf>,
    /// Look for crash reports of the app at PATH in this folder; without DIR where macOS keeps them
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = USUAL)]
    reports_dir: Option<PathBuf>,
    /// Entitlements file of your project. May be repeated
    #[arg(long, value_name = "FILE")]
    entitlements: Vec<PathBuf>,
    /// Root certificate (PEM or DER) to trust beside Apple's. May be repeated
    #[arg(long, value_name = "FILE")]
    trust_anchor: Vec<PathBuf>,
    /// Version of macOS to judge for, when the evidence does not say: 14, 14.4, 10.15
    #[arg(long, value_name = "VERSION", value_parser = os_version)]
    os: Option<(u16, u16)>,
    /// Slice that ran, when the evidence does not say: arm64, arm64e, x86_64
    #[arg(long, value_name = "ARCH", value_parser = architecture)]
    arch: Option<Arch>,
    /// Judge certificates as of this date instead of now: 2026-03-02, 2026-03-02T10:14:22Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    at: Option<i64>,
    /// Folder of the app's project, for the fix in the words of its build system (default: found around the app)
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

/// Reads the command line, the program's name first. The error is also how `--help` and `--version` come back (`use_stderr()` is false then).
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Asked, clap::Error> {
    let matches = Line::command().try_get_matches_from(argv)?;
    let line = Line::from_arg_matches(&matches)?;
    let inner = matches.subcommand().map_or(&matches, |(_, inner)| inner);
    let check = match line.command {
        None => {
            let is_command = |path: &&PathBuf| Line::command().get_subcommands().any(|command| path.as_os_str() == command.get_name());
            if let Some(command) = line.subject.paths.iter().find(is_command) {
                let command = command.display();
                return Err(usage(&format!(
                    "'{command}' is a command and stands first: temper {command} …; a file of that name is ./{command}"
                )));
            }
            return Ok(Asked::Open(subject(line.subject, &matches)?, line.theme));
        }
        Some(Command::Explain(args)) => return Ok(args.asked()),
        Some(Command::Verify(args)) => return Ok(args.asked()),
        Some(Command::Run(run)) => return run.asked(inner).map(|asked| Asked::Run(Box::new(asked))),
        Some(Command::Display(display)) => return Ok(display.asked()),
        Some(Command::Lint(lint)) => return Ok(Asked::Lint(lint.files, lint.format)),
        Some(Command::Plan(plan)) => return Ok(Asked::Plan(subject(plan.subject, inner)?, plan.options)),
        Some(Command::Fix(fix)) => return Ok(Asked::Fix(subject(fix.subject, inner)?, Box::new(fix.options))),
        Some(Command::Undo { path }) => return Ok(Asked::Undo(path)),
        Some(Command::Minimize(args)) => return Ok(Asked::Minimize(args)),
        Some(Command::Check(check)) => check,
    };
    let subject = Subject { save_case: check.save_case, collect: check.collect, ..subject(check.subject, inner)? };
    if subject.is_empty() {
        let why = "nothing to examine: give an app or evidence, for example 'temper check MyApp.app MyApp.ips'";
        return Err(Line::command().error(clap::error::ErrorKind::MissingRequiredArgument, why));
    }
    if check.watch && subject.path.is_none() {
        let why = "nothing to watch: --watch needs the app, bundle, folder or Mach-O";
        return Err(Line::command().error(clap::error::ErrorKind::MissingRequiredArgument, why));
    }
    Ok(if check.watch { Asked::Watch(subject, check.format, check.color) } else { Asked::Check(subject, check.format, check.color) })
}

/// A usage error in Temper's own words.
pub(super) fn usage(why: &str) -> clap::Error {
    Line::command().error(clap::error::ErrorKind::ValueValidation, why)
}

pub(super) fn subject(args: SubjectArgs, matches: &clap::ArgMatches) -> Result<Subject, clap::Error> {
    let mut texts: Vec<(usize, PathBuf)> = Vec::new();
    for (id, paths) in [("paths", args.paths), ("crash", args.crash), ("log", args.log), ("entitlements", args.entitlements)] {
        // clap knows where each value stood; derive alone would lose the order between options.
        texts.extend(matches.indices_of(id).into_iter().flatten().zip(paths));
    }
    // The first path is the target, until its content says otherwise; what else was named is evidence.
    let is_target = |(_, path): &(usize, PathBuf)| path.as_os_str() != "-";
    let named = matches.indices_of("paths").map_or(0, Iterator::count);
    let path = texts.iter().take(named).position(is_target).map(|at| texts.remove(at).1);
    texts.sort_by_key(|(index, _)| *index);
    let texts: Vec<PathBuf> = texts.into_iter().map(|(_, path)| path).collect();
    if texts.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        let why = "standard input can be read only once: give '-' once and the other texts as files";
        return Err(Line::command().error(clap::error::ErrorKind::ArgumentConflict, why));
    }
    let reports = args.reports_dir.map(|folder| if folder.as_os_str() == USUAL { Reports::Usual } else { Reports::In(folder) });
    if reports.is_some() && path.is_none() {
        let why = "--reports-dir looks for reports of an app: give PATH too (before it, or as --reports-dir=DIR PATH); a folder of reports alone is --crash DIR";
        return Err(Line::command().error(clap::error::ErrorKind::MissingRequiredArgument, why));
    }
    Ok(Subject {
        path,
        texts,
        anchors: args.trust_anchor,
        os: args.os,
        arch: args.arch,
        at: args.at,
        reports,
        save_case: None,
        project: args.project,
        collect: false,
    })
}

fn os_version(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "a version of macOS looks like 14, 14.4 or 10.15".to_owned();
    let mut parts = text.split('.').map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten());
    let major = parts.next().flatten().filter(|major| *major >= 10).ok_or_else(wrong)?;
    let minor = match parts.next() {
        Some(minor) => minor.ok_or_else(wrong)?,
        // "10" alone is sixteen different systems.
        None if major == 10 => return Err("macOS 10 needs its minor version too: 10.14, 10.15".into()),
        None => 0,
    };
    // A patch level (14.4.1) is accepted and makes no difference.
    match (parts.next(), parts.next()) {
        (None | Some(Some(_)), None) => Ok((major, minor)),
        _ => Err(wrong()),
    }
}

pub(super) fn architecture(text: &str) -> Result<Arch, String> {
    match text {
        "arm64" => Ok(Arch::Arm64),
        "arm64e" => Ok(Arch::Arm64e),
        "x86_64" => Ok(Arch::X86_64),
        _ => Err("choose arm64, arm64e or x86_64".into()),
    }
}

/// A day is its first second in UTC.
pub(super) fn date(text: &str) -> Result<i64, String> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).map(|date| date.with_time(Time::MIDNIGHT).assume_utc());
    let moment = day.or_else(|_| OffsetDateTime::parse(text, &Rfc3339));
    moment.map(OffsetDateTime::unix_timestamp).map_err(|_| "a date looks like 2026-03-02 or 2026-03-02T10:14:22Z".into())
}

/// A usage error as one line: what is wrong, and where to read on.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let said: Vec<&str> =
        text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information")).collect();
    let said = said.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("{said} (see 'temper --help')")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| one_line(&error))
    }

    fn subject_of(line: &str) -> Subject {
        match asked(line) {
            Ok(Asked::Open(subject, _) | Asked::Check(subject, ..) | Asked::Watch(subject, ..)) => subject,
            Ok(Asked::Verify(subject, _) | Asked::Display(subject, _) | Asked::Plan(subject, _) | Asked::Fix(subject, _)) => subject,
            Ok(Asked::Run(asked)) => asked.subject,
            Ok(other) => panic!("{line}: {other:?}"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn refused(line: &str) -> String {
        asked(line).expect_err(line)
    }

    #[test]
    fn nothing_at_all_opens_the_terminal_face() {
        assert_eq!(asked("temper"), Ok(Asked::Open(Subject::default(), Theme::Auto)));
    }

    #[test]
    fn a_path_opens_the_terminal_face_on_it() {
        let subject = Subject { path: Some("My.app".into()), texts: vec!["a.ips".into()], ..Subject::default() };
        assert_eq!(asked("temper My.app --crash a.ips --theme light"), Ok(Asked::Open(subject, Theme::Light)));
    }

    #[test]
    fn check_asks_for_the_report() {
        let subject = Subject { path: Some("My.app".into()), ..Subject::default() };
        assert_eq!(asked("temper check My.app"), Ok(Asked::Check(subject.clone(), Format::Text, Color::Auto)));
        assert_eq!(asked("temper check --format json --color never My.app"), Ok(Asked::Check(subject, Format::Json, Color::Never)));
    }

    #[test]
    fn explain_takes_words_and_negative_numbers() {
        let words = |words: &[&str]| Ask { words: words.iter().map(|w| (*w).to_owned()).collect(), ..Ask::default() };
        assert_eq!(asked("temper explain allow-jit"), Ok(Asked::Explain(words(&["allow-jit"]), Color::Auto)));
        assert_eq!(asked("temper explain -67054 CODESIGNING 2"), Ok(Asked::Explain(words(&["-67054", "CODESIGNING", "2"]), Color::Auto)));
        let list = Ask { list: true, format: Format::Json, ..Ask::default() };
        assert_eq!(asked("temper explain --list --format json"), Ok(Asked::Explain(list, Color::Auto)));
        assert_eq!(asked("temper explain"), Ok(Asked::Explain(Ask::default(), Color::Auto)));
    }

    #[test]
    fn evidence_keeps_its_order_across_options() {
        let subject = subject_of("temper check --log 1 --crash 2 My.app --entitlements 3 --log=4 --crash 5");
        assert_eq!(subject.texts, ["1", "2", "3", "4", "5"].map(PathBuf::from));
        assert_eq!(subject.path, Some("My.app".into()));
    }

    #[test]
    fn further_paths_are_evidence() {
        let subject = subject_of("temper My.app 1 --log 2 3");
        assert_eq!((subject.path, subject.texts), (Some("My.app".into()), ["1", "2", "3"].map(PathBuf::from).to_vec()));
        let subject = subject_of("temper check - My.app");
        assert_eq!((subject.path, subject.texts), (Some("My.app".into()), vec!["-".into()]));
    }

    #[test]
    fn a_dash_is_evidence_from_standard_input() {
        assert_eq!(subject_of("temper check --log a --crash - --log b").texts, ["a", "-", "b"].map(PathBuf::from));
        let subject = subject_of("temper check --log a - --log b");
        assert_eq!((subject.path, subject.texts), (None, ["a", "-", "b"].map(PathBuf::from).to_vec()));
        assert!(refused("temper check --log - --crash -").contains("only once"));
    }

    #[test]
    fn check_without_anything_says_what_to_give() {
        assert!(refused("temper check").contains("nothing to examine"));
        assert!(refused("temper check --os 14").contains("nothing to examine"));
    }

    #[test]
    fn trust_anchors_are_not_evidence() {
        let subject = subject_of("temper check My.app --trust-anchor a.pem --trust-anchor b.der");
        assert_eq!(subject.anchors, ["a.pem", "b.der"].map(PathBuf::from));
        assert!(subject.texts.is_empty());
    }

    #[test]
    fn reports_are_looked_for_where_they_usually_are_or_in_a_folder() {
        assert_eq!(subject_of("temper check My.app --reports-dir").reports, Some(Reports::Usual));
        assert_eq!(subject_of("temper My.app --reports-dir /r").reports, Some(Reports::In("/r".into())));
        assert!(refused("temper check --reports-dir /r").contains("give PATH too"));
        assert_eq!(subject_of("temper check My.app --save-case c.json").save_case, Some("c.json".into()));
    }

    #[test]
    fn nothing_is_collected_unless_it_is_asked_for() {
        assert!(subject_of("temper check My.app --collect").collect && !subject_of("temper check My.app").collect);
        assert!(refused("temper check My.app --collect --watch").contains("--watch"));
        assert!(refused("temper My.app --collect").contains("--collect"));
    }

    #[test]
    fn versions_of_macos_are_read() {
        let os = |text: &str| subject_of(&format!("temper check a --os {text}")).os;
        assert_eq!((os("14"), os("14.4"), os("10.15"), os("14.4.1")), (Some((14, 0)), Some((14, 4)), Some((10, 15)), Some((14, 4))));
        for wrong in ["10", "9.1", "14.", "14.x", "+14", "14.4.1.2", "70000", "Sonoma"] {
            assert!(os_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn architectures_are_read() {
        let arch = |text: &str| subject_of(&format!("temper check a --arch {text}")).arch;
        assert_eq!((arch("arm64"), arch("arm64e"), arch("x86_64")), (Some(Arch::Arm64), Some(Arch::Arm64e), Some(Arch::X86_64)));
        assert!(refused("temper check a --arch ppc").contains("arm64e"));
    }

    #[test]
    fn a_project_folder_is_taken() {
        assert_eq!(subject_of("temper check My.app --project ..").project, Some("..".into()));
        assert_eq!(subject_of("temper My.app --project ../app").project, Some("../app".into()));
    }

    #[test]
    fn dates_are_read() {
        let at = |text: &str| subject_of(&format!("temper check a --at {text}")).at;
        assert_eq!(at("1970-01-02"), Some(86_400));
        assert_eq!(at("2026-03-02T10:14:22Z"), Some(1_772_446_462));
        assert_eq!(at("2026-03-02T11:14:22+01:00"), at("2026-03-02T10:14:22Z"));
        assert!(refused("temper check a --at yesterday").contains("2026-03-02"));
        assert!(refused("temper check a --at 2026-02-30").contains("2026-03-02"));
    }

    #[test]
    fn a_usage_error_is_one_line_with_a_way_on() {
        for line in ["temper --nonsense", "temper check a --format xml", "temper undo a b", "temper check a --at", "temper --os 14 check a"]
        {
            let said = refused(line);
            assert!(!said.contains('\n') && said.ends_with("(see 'temper --help')") && !said.starts_with("error"), "{said}");
        }
        assert!(refused("temper check a --format xml").contains("json"));
        assert!(refused("temper My.app verify").contains("./verify"));
    }

    #[test]
    fn help_and_version_are_no_failures() {
        for line in ["temper --help", "temper -h", "temper --version", "temper check --help"] {
            let error = parse(line.split_whitespace().map(OsString::from)).expect_err(line);
            assert!(!error.use_stderr(), "{line}");
        }
        let help = parse(["temper", "--help"].map(OsString::from)).expect_err("help").render().to_string();
        assert!(help.contains("Exit status") && help.contains("Examples"), "{help}");
    }

    #[test]
    fn the_definition_is_consistent() {
        Line::command().debug_assert();
    }
}
