//! The pictures in the README are what the program shows.

#[path = "../../examples/pictures.rs"]
mod drawing;

use std::path::Path;

/// Text of a picture, piece by piece: what moves by a pixel is no difference.
fn words(svg: &str) -> Vec<&str> {
    let texts = svg.lines().filter(|line| line.starts_with("<text"));
    texts.filter_map(|line| Some(line.split_once('>')?.1.split_once("</text>")?.0)).collect()
}

#[test]
fn committed_pictures_show_what_the_program_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let drawn = drawing::draw_all();
    for (name, svg) in &drawn {
        let committed = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(words(svg).len() > 10, "{name} is empty");
        assert_eq!(words(&committed), words(svg), "{name} is old: run `cargo run --example pictures` and look at it");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), drawn.len(), "a picture that nothing draws");
}
