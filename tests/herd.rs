//! The presets of `scripts/herd.sh` with a twentieth of their clients. Bounds on time are not
//! checked.

use std::process::Command;

#[test]
fn small_crowds_are_served_and_lose_no_byte() {
    // Examples are built next to the folder of the tests.
    let tests = std::env::current_exe().expect("this program has a path");
    let herd = tests.ancestors().nth(2).expect("the build folder").join("examples/herd");
    let output = Command::new(&herd)
        .args(["--server", env!("CARGO_BIN_EXE_reeld"), "--divide", "20"])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; cargo build --example herd makes it", herd.display()));
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.lines().count() > 40, "every preset has run: {table}");
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
}
