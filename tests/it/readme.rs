//! What the README says is what is there.

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_table_of_keys_is_the_program_s() {
    let readme = read("README.md");
    let table = temper::tui::keymap::markdown();
    let begin = readme.find(table.lines().next().unwrap()).expect("the README has a table of keys");
    let shown: Vec<&str> = readme[begin..].lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(shown, table.lines().collect::<Vec<_>>(), "write this into README.md:\n{table}");
}

#[test]
fn every_file_it_names_is_there() {
    let readme = read("README.md");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
    let quoted = readme.split('`').skip(1).step_by(2).filter(|word| {
        let in_the_tree = ["src/", "docs/", "scenarios/", "tests/", ".ci/", "examples/"].iter().any(|folder| word.starts_with(folder));
        in_the_tree && word != &"tests/cases/" && !word.contains(['<', '*', ' ', 'N'])
    });
    for name in links.chain(quoted) {
        let name = name.split('#').next().unwrap_or_default();
        assert!(name.is_empty() || Path::new(env!("CARGO_MANIFEST_DIR")).join(name).exists(), "{name}");
    }
}

#[test]
fn every_picture_is_shown() {
    let readme = read("README.md");
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("docs/pictures/{name}")), "{name}");
    }
}
