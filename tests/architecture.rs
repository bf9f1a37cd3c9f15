//! The rules of the architecture, checked by reading the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules and their layers, as in the map in `src/lib.rs`. A module imports from
/// itself and from lower layers.
const LAYERS: [(&str, i8); 19] = [
    ("main", 8),
    ("failure", 8),
    ("supervision", 8),
    ("config", 7),
    ("environment", 6),
    ("args", 6),
    ("admin", 6),
    ("check", 5),
    ("serve", 5),
    ("ops", 4),
    ("pages", 3),
    ("site", 2),
    ("media", 1),
    ("http", 0),
    ("nearest", -1),
    ("limits", -1),
    ("bytes", -1),
    ("piece", -1),
    ("json", -1),
];

fn layer(room: &str) -> i8 {
    LAYERS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is in no layer")).1
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are there").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The module, path and text of each Rust file of `src/` but `lib.rs`.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let room = |path: &Path| {
        let first = path.strip_prefix(&root).expect("it lies there").components().next().expect("a name");
        first.as_os_str().to_str().expect("ASCII").trim_end_matches(".rs").to_string()
    };
    let is_in_a_room =
        |path: &PathBuf| path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("src/lib.rs");
    let files = sources(&root).into_iter().filter(is_in_a_room);
    files.map(|path| (room(&path), path.clone(), fs::read_to_string(&path).expect("a text"))).collect()
}

#[test]
fn imports_go_down_only() {
    let rooms = rooms();
    assert!(rooms.len() > 20, "the sources are found");
    for (room, path, text) in &rooms {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for name in code.flat_map(|line| line.split("crate::").skip(1).chain(line.split("reeld::").skip(1))) {
            let other: String = name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            assert!(
                other == *room || layer(&other) < layer(room),
                "{} in layer {} imports {other} in layer {}",
                path.display(),
                layer(room),
                layer(&other)
            );
        }
    }
}

/// Each file of a crate by its module path, such as `serve::pool::disk`, with its code: no tests,
/// no comments.
fn modules(root: &Path) -> Vec<(String, String)> {
    let module = |path: &Path| {
        let names = path.strip_prefix(root).expect("it lies there").with_extension("");
        let names = names.iter().map(|name| name.to_str().expect("ASCII")).filter(|name| *name != "mod");
        names.collect::<Vec<_>>().join("::")
    };
    let code = |path: &Path| {
        let text = fs::read_to_string(path).expect("a text");
        let code = text.split("\nmod tests {").next().expect("it is not empty");
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        // A visibility is not an import.
        lines.map(|line| line.replace("pub(in crate::", "pub(in ") + "\n").collect()
    };
    let files = sources(root).into_iter().map(|path| (module(&path), code(&path)));
    files.filter(|(module, _)| !module.ends_with("tests") && module != "lib").collect()
}

/// Expands a use tree: `a::{b, c}` to `a::b` and `a::c`.
fn expand(tree: &str) -> Vec<String> {
    let Some((stem, group)) = tree.split_once('{') else { return vec![tree.to_string()] };
    let mut depth = 0;
    let members = group.trim_end().trim_end_matches('}').split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    members.flat_map(|member| expand(&format!("{stem}{}", member.trim()))).collect()
}

/// The files among `modules` that a module names: by `crate::`, by `super::`, or as its children.
fn imports(module: &str, code: &str, modules: &[String]) -> BTreeSet<String> {
    let in_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let trees = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
    let paths = trees.flat_map(expand).chain(code.split(|letter| !in_path(letter)).map(String::from));
    let absolute = |path: String| {
        let mut names: Vec<String> = module.split("::").filter(|name| *name != "main").map(String::from).collect();
        for name in path.split(|letter| !in_path(letter)).next().expect("a path").split("::") {
            match name {
                "crate" | "reeld" => names.clear(),
                "super" => drop(names.pop()),
                "self" => {}
                name => names.push(name.to_string()),
            }
        }
        names
    };
    let imported =
        paths.filter(|path| path.contains("::") && !path.ends_with("::")).map(absolute).filter_map(|names| {
            // The longest prefix of the path that is a file.
            (1..=names.len()).rev().map(|length| names[..length].join("::")).find(|name| modules.contains(name))
        });
    imported.filter(|name| name != module).collect()
}

#[test]
fn files_do_not_import_each_other_in_a_cycle() {
    for (folder, least) in [("src", 150), ("scripts/herd", 10)] {
        let files = modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        let modules: Vec<String> = files.iter().map(|(module, _)| module.clone()).collect();
        let mut left: Vec<(&str, BTreeSet<String>)> =
            files.iter().map(|(module, code)| (&**module, imports(module, code, &modules))).collect();
        assert!(left.iter().map(|(_, imports)| imports.len()).sum::<usize>() > least, "the imports are found");
        // A module that imports none of the others left, or is imported by none, is in no cycle.
        loop {
            let before = left.len();
            let names: Vec<String> = left.iter().map(|(module, _)| module.to_string()).collect();
            left.retain(|(_, imports)| imports.iter().any(|import| names.contains(import)));
            let imported: Vec<String> = left.iter().flat_map(|(_, imports)| imports.clone()).collect();
            left.retain(|(module, _)| imported.iter().any(|import| import == module));
            if left.len() == before {
                break;
            }
        }
        assert!(left.is_empty(), "a cycle in {folder}: {left:#?}");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (_, path, text) in rooms() {
        assert!(text.starts_with("//! "), "{} begins without a line that says what it is", path.display());
    }
}

#[test]
fn the_lowest_layers_do_no_io() {
    for (room, path, text) in rooms() {
        if layer(&room) <= layer("media") {
            for name in ["std::fs", "std::net::Tcp", "rustix", "socket2", "std::thread"] {
                assert!(!text.contains(name), "{} uses {name}", path.display());
            }
            // What reads media files is given them as `media::source::Source`, which fails with an io::Error.
            assert!(room == "media" || !text.contains("std::io"), "{} uses std::io", path.display());
        }
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for (_, path, text) in rooms() {
        assert!(text.lines().count() <= 400, "{} is longer than 400 lines", path.display());
    }
}

#[test]
fn comments_are_at_most_100_columns_wide() {
    for (_, path, text) in rooms() {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//")) {
            // Tables and drawings cannot be wrapped.
            let is_text = !line.trim_start_matches(['/', '!', ' ']).starts_with('|') && !line.contains('─');
            let is_wide = line.chars().count() > 100 && is_text;
            assert!(!is_wide, "{}:{} is wider than 100 columns", path.display(), number + 1);
        }
    }
}

#[test]
fn nothing_brings_epoll() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("a text");
    for name in ["epoll", "mio", "tokio", "polling", "async-io", "notify"] {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "Cargo.lock has {name}");
    }
    // rustix offers it with the feature that poll(2) needs.
    for (_, path, text) in rooms() {
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert!(!code.any(|line| line.to_lowercase().contains("epoll")), "{} uses epoll", path.display());
    }
}

/// RUSTSEC-2025-0024: 0.5.12 to 0.5.14 can free memory twice.
#[test]
fn the_channel_is_not_one_of_the_broken_ones() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("a text");
    let (_, rest) = lock.split_once("name = \"crossbeam-channel\"\nversion = \"0.5.").expect("it is locked");
    let patch: u32 = rest.split('"').next().and_then(|patch| patch.parse().ok()).expect("a number");
    assert!(patch >= 15, "crossbeam-channel 0.5.{patch}");
}
