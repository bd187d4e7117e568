//! The real program on a pseudo-terminal, in an environment that is the same everywhere.

use std::path::{Path, PathBuf};
use std::time::Duration;
use temper::lab::{self, Lab};
use temper::system::disk::RealSystem;
use termlens::{Key, Screen, Terminal, TerminalBuilder};

/// Generous: a debug build on a busy machine examines an app in a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own for each run: home, cache and working directory.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["home", "cache", "work"] {
            std::fs::create_dir(desk.path(name)).unwrap();
        }
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A practice app on the disk, its evidence beside it, and the arguments that examine it as the start without arguments would.
    pub fn unpack(&self, lab: &Lab) -> (PathBuf, Vec<String>) {
        let request = lab::unpack(&RealSystem, lab, &self.path("apps")).unwrap();
        let app = request.path.unwrap();
        let anchor = self.path("root.der");
        std::fs::write(&anchor, lab::anchor().1).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments = vec![text(&app), "--trust-anchor".into(), text(&anchor)];
        for (name, content) in lab.evidence {
            let file = self.path(name);
            std::fs::write(&file, content).unwrap();
            arguments.extend(["--log".into(), text(&file)]);
        }
        (app, arguments)
    }

    /// Nothing of the tester's environment reaches the program.
    pub fn builder(&self) -> TerminalBuilder {
        Terminal::builder()
            .size(80, 24)
            .timeout(PATIENCE)
            .env_clear()
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .current_dir(self.path("work"))
    }

    pub fn start(&self, builder: TerminalBuilder, arguments: &[&str]) -> Session {
        let terminal = builder.args(arguments).spawn(env!("CARGO_BIN_EXE_temper")).unwrap();
        Session { terminal, pressed: 0, seen: None }
    }

    /// Without arguments, as a newcomer starts it, and the answer is there.
    pub fn practice(&self) -> Session {
        let mut session = self.start(self.builder(), &[]);
        session.shows(&["broken", "certain"]);
        session
    }
}

/// A running program: keys in, screens out. Waits for what the screen shows, never for a time.
pub struct Session {
    pub terminal: Terminal,
    /// Keys pressed so far.
    pub pressed: usize,
    /// The last whole screen that was waited for, until a key is pressed.
    seen: Option<Screen>,
}

impl Session {
    /// Waits until the screen has all of these.
    #[track_caller]
    pub fn shows(&mut self, wanted: &[&str]) -> Screen {
        self.until(|screen| wanted.iter().all(|text| screen.contains(text)), &format!("{wanted:?}"))
    }

    /// Waits for a whole screen, drawn to its end, that is as wanted.
    #[track_caller]
    pub fn until(&mut self, mut wanted: impl FnMut(&Screen) -> bool, what: &str) -> Screen {
        if let Some(seen) = self.seen.as_ref().filter(|seen| wanted(seen)) {
            return seen.clone();
        }
        match self.terminal.wait_frame(wanted) {
            Ok(screen) => self.seen.insert(screen).clone(),
            Err(error) => panic!("{what} did not come: {error}"),
        }
    }

    /// The last screen that was waited for.
    pub fn screen(&self) -> Screen {
        self.seen.clone().unwrap_or_else(|| self.terminal.screen())
    }

    #[track_caller]
    pub fn press(&mut self, key: Key) {
        self.pressed += 1;
        self.seen = None;
        self.terminal.send(key).unwrap();
    }

    /// Presses keys; after each waits until the screen has what stands beside it.
    #[track_caller]
    pub fn walk(&mut self, steps: &[(Key, &str)]) -> Screen {
        for (key, wanted) in steps {
            self.press(*key);
            self.shows(&[wanted]);
        }
        self.screen()
    }

    /// Waits for the end: the exit status, and that the terminal is as it was.
    #[track_caller]
    pub fn ends(&mut self) -> Option<u32> {
        let status = self.terminal.wait_exit().unwrap();
        let screen = self.terminal.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was left");
        assert!(!screen.bracketed_paste() && screen.mouse_modes().is_empty(), "pastes and mouse are the shell's again");
        assert!(screen.cursor_visible(), "the cursor is shown");
        assert_eq!(status.signal(), None, "{status}");
        status.code()
    }
}
