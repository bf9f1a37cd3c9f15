//! `--check`: what is wrong with the files of a folder.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

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

/// A box of an MP4 file (ISO/IEC 14496-12 section 4.2).
fn mp4_box(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// The index of a film with a track of this coding.
fn moov(handler: &[u8; 4], coding: &[u8; 4], more: &[u8]) -> Vec<u8> {
    let mvhd = mp4_box(b"mvhd", &[&[0; 12], &1000u32.to_be_bytes(), &5000u32.to_be_bytes(), &[0; 80]]);
    let tkhd = mp4_box(b"tkhd", &[&[0, 0, 0, 7], &[0; 80]]);
    let mdhd = mp4_box(b"mdhd", &[&[0; 12], &1000u32.to_be_bytes(), &5000u32.to_be_bytes(), &[0x55, 0xc4, 0, 0]]);
    let hdlr = mp4_box(b"hdlr", &[&[0; 8], handler, &[0; 13]]);
    let entry = if handler == b"vide" {
        mp4_box(coding, &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 16], &[0, 64, 0, 48], &[0; 50]])
    } else {
        // AAC with two channels (ISO/IEC 14496-1 section 7.2.6).
        let elementary_stream = b"\0\0\0\0\x03\x16\0\x01\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x11\x90";
        let rate = (48_000u32 << 16).to_be_bytes();
        let esds = if coding == b"mp4a" { mp4_box(b"esds", &[elementary_stream]) } else { Vec::new() };
        mp4_box(coding, &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 8], &[0, 2, 0, 16], &[0; 4], &rate, &esds])
    };
    let stsd = mp4_box(b"stsd", &[&[0; 4], &[0, 0, 0, 1], &entry]);
    let empty = |kind: &[u8; 4], length: usize| mp4_box(kind, &[&vec![0; length]]);
    let tables = [empty(b"stts", 8), empty(b"stsc", 8), empty(b"stsz", 12), empty(b"stco", 8)].concat();
    let stbl = mp4_box(b"stbl", &[&stsd, &tables]);
    let mdia = mp4_box(b"mdia", &[&mdhd, &hdlr, &mp4_box(b"minf", &[&stbl])]);
    mp4_box(b"moov", &[&mvhd, &mp4_box(b"trak", &[&tkhd, &mdia]), more])
}

/// A film with these boxes after its first one.
fn film(boxes: &[&[u8]]) -> Vec<u8> {
    [&mp4_box(b"ftyp", &[b"isom", &[0; 4], b"isomavc1"])[..], &boxes.concat()].concat()
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
        fs::set_permissions(path, Permissions::from_mode(0o0)).expect("it is ours");
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

#[test]
fn every_kind_of_finding_has_its_file() {
    let mdat = mp4_box(b"mdat", &[&[7; 100]]);
    let long = [&mdat.len().to_be_bytes()[4..], b"mdat", &[7; 8]].concat();
    let [front, hevc] = [moov(b"vide", b"avc1", b""), moov(b"vide", b"hvc1", b"")];
    let [ac3, encrypted] = [moov(b"soun", b"ac-3", b""), moov(b"vide", b"encv", b"")];
    let ebml = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska\x18\x53\x80\x67\x80";
    let jpeg =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xd9";
    let avi = b"RIFF\x04\0\0\0AVI ";
    let fragmented = moov(b"vide", b"avc1", &mp4_box(b"mvex", &[]));
    for (name, bytes, kinds) in [
        ("front.mp4", &film(&[&front, &mdat])[..], &[][..]),
        ("front.m4v", &film(&[&front, &mdat]), &[]),
        ("front", &film(&[&front, &mdat]), &[]),
        ("behind.mp4", &film(&[&mdat, &front]), &["moov-behind"]),
        ("fragmented.mp4", &film(&[&mdat, &fragmented]), &["moov-behind"]),
        ("cut.mp4", &film(&[&front, &long]), &["truncated"]),
        ("empty.mkv", b"", &["empty"]),
        ("empty.srt", b"", &[]),
        ("film.mkv", &film(&[&front, &mdat]), &["wrong-extension"]),
        ("film.txt", &film(&[&front, &mdat]), &["wrong-extension"]),
        ("song.aac", &film(&[&moov(b"soun", b"mp4a", b""), &mdat]), &["wrong-extension"]),
        ("matroska.mp4", ebml, &["malformed", "wrong-extension"]),
        ("picture.png", jpeg, &["wrong-extension"]),
        ("picture.jpeg", jpeg, &[]),
        ("old.avi", avi, &["malformed", "codec"]),
        ("hevc.mp4", &film(&[&hevc, &mdat]), &["codec"]),
        ("ac3.mp4", &film(&[&ac3, &mdat]), &["codec"]),
        ("encrypted.mp4", &film(&[&encrypted, &mdat]), &["encrypted"]),
    ] {
        let folder = folder(&[(name, bytes)]);
        let found = findings(folder.path(), &[]);
        let found: Vec<&str> = found.iter().filter_map(|found| found.strip_prefix(name)?.strip_prefix(": ")).collect();
        assert!(kinds.iter().all(|kind| found.contains(kind)), "{name}: {found:?}");
        assert!(found.iter().all(|kind| kinds.contains(kind)), "{name}: {found:?}");
    }
}

#[test]
fn an_index_behind_is_shown_with_the_commands_that_mend_it() {
    let mdat = mp4_box(b"mdat", &[&[7; 100]]);
    let files = [("a b.mp4", moov(b"vide", b"avc1", b"")), ("c.mp4", moov(b"vide", b"avc1", &mp4_box(b"mvex", &[])))];
    let folder = folder(&files.each_ref().map(|(name, moov)| (*name, &*film(&[&mdat, moov]).leak())));
    let (code, stdout, _) = check(folder.path(), &[]);
    let at = folder.path().display();
    assert_eq!(code, Some(1));
    let (file, copy) = (format!("'{at}/a b.mp4'"), format!("'{at}/a b.new.mp4'"));
    let fix = format!("ffmpeg -nostdin -i {file} -c copy -map 0 -movflags +faststart {copy} && mv {copy} {file}");
    assert!(stdout.lines().any(|line| line.trim() == fix), "{stdout}");
    let words = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("reeld moves it on the way out if ?faststart is in the address, or with --faststart."));
    assert!(words.contains("reeld cannot move it on the way out: "), "{stdout}");
}

/// The commands as they are printed, one after another from a script.
#[test]
fn the_commands_for_an_index_behind_mend_the_files() {
    if !has_programs(&["ffmpeg", "bash"]) {
        return;
    }
    let film = Path::new(env!("CARGO_MANIFEST_DIR")).join("content/clock.mp4");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names = [
        "a b.mp4",
        "it's \"$HOME\".mp4",
        "-y.mp4",
        "größe 電影.mp4",
        "a\nb.mp4",
        "a:b.mp4",
        "time code.mov",
        "-y/no type",
    ];
    fs::create_dir(folder.path().join("-y")).expect("a folder");
    for name in names {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(&film).args(["-t", "1", "-c", "copy"]);
        if name.ends_with("mov") {
            ffmpeg.args(["-timecode", "00:00:00:00"]);
        } else {
            ffmpeg.args(["-f", "mp4"]);
        }
        assert!(ffmpeg.arg(folder.path().join(name)).status().expect("it starts").success(), "{name}");
    }
    let output = reeld(Path::new("."), &["--check"]).current_dir(&folder).output().expect("the program starts");
    let report = String::from_utf8(output.stdout).expect("a text");
    let script: Vec<&str> = report.lines().map(str::trim).filter(|line| line.starts_with("ffmpeg ")).collect();
    assert_eq!(script.len(), names.len(), "{report}");
    let mut bash = Command::new("bash");
    bash.current_dir(&folder).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = bash.spawn().expect("it starts");
    bash.stdin.take().expect("it is piped").write_all(script.join("\n").as_bytes()).expect("it reads");
    let output = bash.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(findings(folder.path(), &[]), [""; 0]);
    for name in names {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn ten_thousand_hostile_files_take_bounded_memory() {
    let mdat = mp4_box(b"mdat", &[&[7; 100]]);
    let ebml =
        b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska\x18\x53\x80\x67\xff\x15\x49\xa9\x66\x87\x2a\xd7\xb1\x83\x0f\x42\x40";
    let seeds =
        [film(&[&moov(b"vide", b"avc1", b""), &mdat]), film(&[&mdat, &moov(b"soun", b"mp4a", b"")]), ebml.to_vec()];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for number in 0..10_000 {
        let mut bytes = seeds[number % seeds.len()].clone();
        for _ in 0..1 + random() % 8 {
            let at = random() % bytes.len();
            bytes[at] = [0, 0x7f, 0xff, random() as u8][random() % 4];
        }
        let file = File::create(folder.path().join(format!("{number}.mp4"))).expect("a file");
        file.write_all_at(&bytes, 0).expect("the disk has room");
        if number % 10 == 0 {
            file.set_len(4 << 30).expect("a sparse file");
        }
    }
    // Writable memory, with the stacks of the threads.
    let mut command = program(&["prlimit", "--data=33554432"]);
    let output = command.args(["--check", "--json"]).arg(folder.path()).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(1), ""));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["files"], 10_000);
}
