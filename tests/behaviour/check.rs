//! `--check`: what is wrong with the files of a folder.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tempfile::TempDir;

use super::support::*;

/// The exit code, standard output and standard error of `--check` on this folder.
fn check(folder: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let output = reeld(folder, &["--check"]).args(flags).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The findings as `path: kind`, of a check that says nothing on standard error.
fn findings(folder: &Path, flags: &[&str]) -> Vec<String> {
    let (code, stdout, stderr) = check(folder, &[&["--json"], flags].concat());
    assert_eq!(stderr, "");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let text = |finding: &Value, field: &str| finding[field].as_str().expect("a text").to_string();
    let findings = report["findings"].as_array().expect("a list").iter();
    let findings: Vec<String> =
        findings.map(|finding| format!("{}: {}", text(finding, "path"), text(finding, "kind"))).collect();
    assert_eq!(code, Some(i32::from(!findings.is_empty())));
    findings
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    folder
}

#[test]
fn a_folder_without_faults_is_exit_code_0() {
    let folder = folder(&[("a.txt", b"text"), ("b/empty.txt", b""), ("b/c/none", b"1234")]);
    let (code, stdout, stderr) = check(folder.path(), &[]);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "3 files, 8 B: nothing found\n", ""));
    let (code, stdout, _) = check(folder.path(), &["--json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, report), (Some(0), serde_json::json!({"files": 3, "bytes": 8, "findings": []})));
}

#[test]
fn what_is_not_served_is_not_checked() {
    let folder = folder(&[
        ("confidential/a.mp4", b""),
        ("private/a.mp4", b""),
        (".hidden/a.mp4", b""),
        (".a.mp4", b""),
        (".well-known/a.mp4", b""),
        ("b/a.mp4", b""),
    ]);
    // Opening it would block.
    mknodat(CWD, folder.path().join("pipe.mp4"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    symlink("b", folder.path().join("c")).expect("a link");
    symlink("b/a.mp4", folder.path().join("d.mp4")).expect("a link");
    let found = findings(folder.path(), &["--confidential", "private"]);
    assert_eq!(found, [".well-known/a.mp4: empty", "b/a.mp4: empty"]);
    assert_eq!(findings(folder.path(), &[]).len(), 3);
}

#[test]
fn links_that_are_not_served_are_listed() {
    let folder = folder(&[("films/a.txt", b"a")]);
    for (target, link) in
        [("/etc/passwd", "films/z.txt"), ("../..", "films/up"), ("none", "gone.mp4"), ("loop", "loop"), ("films", "ok")]
    {
        symlink(target, folder.path().join(link)).expect("a link");
    }
    let expected =
        ["films/up: link-leads-out", "films/z.txt: link-leads-out", "gone.mp4: broken-link", "loop: broken-link"];
    assert_eq!(findings(folder.path(), &[]), expected);
}

#[test]
fn what_this_user_may_not_read_is_listed_with_the_error() {
    let folder = folder(&[("a.txt", b"a"), ("b/c.txt", b"c")]);
    let closed = ["a.txt", "b"].map(|name| folder.path().join(name));
    for path in &closed {
        fs::set_permissions(path, Permissions::from_mode(0)).expect("it is ours");
    }
    if File::open(&closed[0]).is_ok() {
        eprintln!("skipped: this user (root?) may read every file");
        return;
    }
    let (code, stdout, stderr) = check(folder.path(), &[]);
    fs::set_permissions(&closed[1], Permissions::from_mode(0o700)).expect("it is ours");
    assert_eq!((code, &*stderr), (Some(1), ""));
    let line = "  unreadable       It cannot be read: Permission denied (os error 13).\n";
    assert_eq!(stdout, format!("a.txt\n{line}b\n{line}\n0 files, 0 B: 2 findings\n"));
}

#[test]
fn names_reach_the_report_without_escape_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = b"a\x1b]0;t\x07\n\xff\xc2\x9b.mp4";
    File::create(folder.path().join(OsStr::from_bytes(name))).expect("a file");
    let (_, stdout, _) = check(folder.path(), &[]);
    assert!(stdout.starts_with("a\\u{1b}]0;t\\u{7}\\n\\xff\\u{9b}.mp4\n"), "{stdout:?}");
    let (_, stdout, _) = check(folder.path(), &["--json"]);
    assert!(!stdout.contains(|letter: char| letter.is_control() && letter != '\n'), "{stdout:?}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["findings"][0]["path"], "a\x1b]0;t\x07\n\u{fffd}\u{9b}.mp4");
    assert_eq!(report["findings"][0]["url"], "/a%1B%5D0%3Bt%07%0A%FF%C2%9B.mp4");
}

#[test]
fn wrong_usage_keeps_its_exit_code() {
    let folder = folder(&[]);
    let path = folder.path();
    let nowhere = path.join("nowhere");
    for (folder, flags, code, named) in [
        (&*nowhere, &["--check"][..], 66, "nowhere"),
        (path, &["--json"], 64, "--json is for --check; `reeld --check --json"),
        (path, &["--check", "--confidential", "nowhere"], 64, "the confidential folder 'nowhere'"),
        (path, &["--check", "--workers", "0"], 64, "--workers is '0'"),
    ] {
        let output = reeld(folder, flags).output().expect("the program starts");
        let stderr = String::from_utf8(output.stderr).expect("a text");
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), &b""[..]), "{flags:?}: {stderr}");
        assert!(stderr.contains(named) && stderr.lines().count() == 1, "{flags:?}: {stderr}");
    }
}

#[test]
fn a_report_fits_the_terminal_and_leaves_no_bar_on_it() {
    let folder = folder(&[("a.mp4", b"")]);
    symlink("/etc/passwd", folder.path().join("out")).expect("a link");
    let (mut reader, other_side) = terminal(40);
    let stderr = other_side.try_clone().expect("a descriptor");
    let mut command = reeld(folder.path(), &["--check"]);
    let mut child = command.stdout(other_side).stderr(stderr).spawn().expect("the program starts");
    // The reader sees the end when nobody else has the other side.
    drop(command);
    let mut text = Vec::new();
    // The end of a terminal is an error (pty(7)).
    let _ = reader.read_to_end(&mut text);
    assert_eq!(child.wait().expect("it is ours").code(), Some(1));
    let text = String::from_utf8(text).expect("UTF-8").replace('\r', "");
    let expected = "a.mp4
  empty            It has no bytes. Copy
                   it again.
out
  link leads out   The link leads out of
                   the folder, so it is
                   not served.

1 file, 0 B: 2 findings
";
    assert_eq!(text, expected);
}
