//! `rcodesign`, beside Temper: it signs bundles, and its `verify` looks at the same changes.

use crate::bundles::{self, Bundle, Node};
use crate::changes::{Change, Expected};
use crate::is_code_head;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Bundles that `rcodesign` signs.
const COUNT: usize = 12;

/// What `rcodesign verify` reported.
#[derive(Default)]
pub struct Rcodesign {
    /// What it says of untouched bundles, by their names.
    untouched: BTreeMap<String, String>,
    /// Covered changes: kind, then how many were tried and reported.
    lines: BTreeMap<String, (usize, usize)>,
    /// Changes that macOS ignores, tried and reported.
    ignored: (usize, usize),
}

/// The practice certificates with RSA keys, made for this run: `rcodesign` does not keep the bytes of certificates that an ECDSA authority signed.
static PKI: OnceLock<TempDir> = OnceLock::new();

fn pki() -> &'static Path {
    let made = PKI.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs/pki/make.sh");
        assert!(Command::new(script).arg(folder.path()).stderr(Stdio::null()).status().unwrap().success());
        for name in ["authority", "root"] {
            let [pem, der] = ["cert.pem", "der"].map(|end| folder.path().join(format!("{name}.{end}")));
            let status = Command::new("openssl").args(["x509", "-outform", "DER", "-in"]).arg(pem).arg("-out").arg(der).status().unwrap();
            assert!(status.success());
        }
        folder
    });
    made.path()
}

/// The root of what `rcodesign` signed, when it signed something.
pub fn root() -> Option<Vec<u8>> {
    PKI.get().map(|folder| std::fs::read(folder.path().join("root.der")).unwrap())
}

/// The shapes of the practice apps, signed again by `rcodesign`: ad hoc, or with the practice identity.
pub fn signed() -> Vec<Bundle> {
    (0..COUNT).map(sign).collect()
}

fn sign(n: usize) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("Again{n}.app");
    let root = folder.path().join(&name);
    bundles::store(&bundles::app(n), &root);
    let mut command = Command::new("rcodesign");
    command.args(["sign", "--timestamp-url", "none", "--code-signature-flags", "runtime"]);
    if n % 2 == 1 {
        for file in ["practice.practice-only.key.pem", "practice.cert.pem"] {
            command.arg("--pem-file").arg(pki().join(file));
        }
        for file in ["authority.der", "root.der"] {
            command.arg("--certificate-der-file").arg(pki().join(file));
        }
    }
    let output = command.arg(&root).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    bundles::load(&root, &name)
}

impl Rcodesign {
    /// Looks at a changed bundle. That it says anything else than of the untouched one counts as reported.
    pub fn look(&mut self, untouched: &Bundle, changed: &Bundle, change: &Change) {
        let before = self.untouched.entry(untouched.name.clone()).or_insert_with(|| said(untouched));
        let is_reported = said(changed) != *before;
        let line = match change.expected {
            Expected::Reported(_) => self.lines.entry(change.class.clone()).or_default(),
            Expected::Nothing => &mut self.ignored,
            Expected::Counted => return,
        };
        line.0 += 1;
        line.1 += usize::from(is_reported);
    }
}

/// Status and words of `rcodesign verify` on every Mach-O file; it verifies single files only.
fn said(bundle: &Bundle) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("bundle");
    bundles::store(bundle, &root);
    let mut all = String::new();
    for (path, node) in &bundle.nodes {
        let Node::File(bytes) = node else { continue };
        if !bytes.get(..4).is_some_and(|head| is_code_head(head.try_into().unwrap())) {
            continue;
        }
        let file = if path.is_empty() { root.clone() } else { root.join(path) };
        let output = Command::new("rcodesign").arg("verify").arg(&file).stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        all += &format!("{path}: {:?}\n{}", output.status.code(), text.replace(&*folder.path().to_string_lossy(), ""));
    }
    all
}

impl fmt::Display for Rcodesign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Covered change | rcodesign: tried | reported |\n|---|---:|---:|")?;
        for (class, (tried, reported)) in &self.lines {
            writeln!(f, "| {class} | {tried} | {reported} |")?;
        }
        let sum = self.lines.values().fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1));
        let percent = sum.1 as f64 * 100.0 / sum.0.max(1) as f64;
        writeln!(f, "| **All** | {} | {} ({percent:.1} %) |", sum.0, sum.1)?;
        writeln!(f, "\nOf {} changes that macOS ignores it reported {}.", self.ignored.0, self.ignored.1)
    }
}
