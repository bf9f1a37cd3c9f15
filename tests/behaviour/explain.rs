//! `--explain`: what the server would answer, and the rules that decide it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::support::*;

/// The exit code, standard output and standard error of `--explain`.
fn explain(folder: &Path, target: &str, fields: &[&str], flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = reeld(folder, &["--explain", target]);
    command.args(fields.iter().flat_map(|field| ["-H", field]));
    let output = command.args(flags).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A content folder with what each rule is about.
fn folder() -> TempDir {
    let folder = content();
    let at = |name: &str| folder.path().join(name);
    for (name, bytes) in
        [("private/a.txt", "a"), (".git/config", "c"), ("films/a.srt", SUBTITLES), ("plain/b.txt", "b")]
    {
        fs::create_dir_all(at(name).parent().expect("a folder")).expect("a folder");
        fs::write(at(name), bytes).expect("a file");
        let hour = Duration::from_secs(3600);
        let file = File::options().write(true).open(at(name)).expect("it is there");
        file.set_modified(SystemTime::now() - hour).expect("a time");
    }
    for (target, link) in [
        ("/etc/passwd", "out.txt"),
        ("none", "broken.txt"),
        ("small.txt", "link.txt"),
        ("confidential/secret.txt", "secret.txt"),
    ] {
        symlink(target, at(link)).expect("a link");
    }
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    folder
}

const SUBTITLES: &str = "1\n00:00:01,000 --> 00:00:02,000\nHello\n";

const VLC: &str = "User-Agent: VLC/3.0.24 LibVLC/3.0.24";
const OPEN: &str = "Range: bytes=100-";

/// Targets and fields with the status and a phrase of the rule that decides it.
type Row = (&'static str, &'static [&'static str], u16, &'static str);

/// Rows that hold with these flags.
const ROWS: [(&[&str], &[Row]); 5] = [
    (
        &[],
        &[
            ("/small.txt", &[], 200, "small.txt', 5 bytes, last modified "),
            ("/film.mp4", &[], 206, "always: every response is cut to one part of 5 MiB"),
            ("/film.mp4", &[OPEN], 206, "asks for bytes from 100 on; there are 10498105."),
            ("/film.mp4", &["Range: bytes=0-9"], 206, "always: what is asked for is not more than one part of 5 MiB"),
            ("/film.mp4", &["Range: bytes=0-0,-1"], 206, "asks for bytes 0 to 0, the last 1 bytes; there are"),
            ("/film.mp4?whole", &[], 200, "always: not applied, as pages, covers, ?whole"),
            ("/film.mp4?download", &[OPEN], 206, "to be saved (?download)"),
            ("/small.txt", &["Range: bytes=9-"], 416, "there are only 5, hence 416"),
            ("/small.txt", &["Range: bytes=3-1"], 200, "ignored, because it is malformed"),
            ("/small.txt", &["Range: lines=1-2"], 200, "ignored, because its unit is not bytes"),
            (
                "/small.txt",
                &["Range: bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0"],
                200,
                "more than 16 ranges",
            ),
            ("/small.txt", &["Range: bytes=0-1", "Range: bytes=0-1"], 200, "Several Range fields are ignored"),
            ("/small.txt", &["Range: bytes=0-1", "If-Range: \"other\""], 200, "ignored, because of If-Range"),
            ("/small.txt", &["If-None-Match: *"], 304, "If-None-Match names the entity tag \""),
            ("/small.txt", &["If-None-Match: \"other\""], 200, "If-None-Match does not name the entity tag"),
            ("/small.txt", &["If-Match: \"other\""], 412, "If-Match does not name the entity tag"),
            (
                "/small.txt",
                &["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
                200,
                "It was modified after the date",
            ),
            (
                "/small.txt",
                &["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
                412,
                "modified after the date in If-Unmodified-Since",
            ),
            ("/small.txt", &["If-Modified-Since: some day"], 200, "A date is ignored unless it is one valid date"),
            ("/small.txt?audio=1", &[], 404, "Audio tracks of this kind of file cannot be chosen"),
            ("/small.txt?cover", &[], 404, "The file has no cover in it"),
            ("/small.txt?faststart", &[], 200, "as it is: the view changes nothing in it"),
            ("/small.txt?play", &[], 200, "there is none for this kind of file"),
            ("/film.mp4?play", &[], 200, "It is the player page of the file"),
            ("/films/a.srt?vtt", &[], 200, "It is WebVTT made from the SubRip file"),
            ("/", &[], 200, "An index.html stands for its folder: '"),
            ("/?json", &[], 200, "the query asks for it, whether or not there is an index.html"),
            ("/plain/", &[], 200, "It is the page of the folder: no index.html stands for the folder"),
            ("/plain/", &["Accept: application/json"], 200, "the entries of the folder as JSON"),
            ("/plain", &[], 301, "The path of a folder ends in a slash"),
            ("/.reeld/reeld.css", &[], 200, "a part of reeld's own pages"),
            ("/none.txt", &[], 404, "There is no 'none.txt'"),
            ("/none/", &[], 404, "The scan found no folder 'none' either"),
            ("/small.txt/x", &[], 404, "A folder in 'small.txt/x' is a file"),
            ("/confidential/none", &[], 403, "'confidential/none' is in the confidential folder 'confidential'"),
            ("/Confidential/", &[], 403, "'Confidential' is a confidential folder"),
            ("/secret.txt", &[], 403, "leads to 'confidential/secret.txt'"),
            ("/.git/config", &[], 404, "A name in '.git/config' begins with a dot"),
            ("/.git/", &["Accept: text/html"], 404, "A name in '.git' begins with a dot"),
            ("/out.txt", &[], 404, "A link in 'out.txt' is absolute, or leads out of the content folder"),
            ("/broken.txt", &[], 404, "leads to 'none'"),
            ("/link.txt", &[], 200, "small.txt', 5 bytes"),
            ("/pipe", &[], 404, "'pipe' is neither a regular file nor a folder"),
            ("film.mp4", &[], 400, "neither a path nor an http URL"),
            ("/%zz", &[], 400, "not followed by two hexadecimal digits"),
            ("/..", &[], 400, "climbs above the content folder"),
            ("/a b", &[], 400, "with one space between them"),
            ("/small.txt", &["Host: other"], 400, "Host"),
        ],
    ),
    (
        &["--part-policy", "players"],
        &[
            ("/film.mp4", &[OPEN], 206, "players: the client is no media element or player known"),
            ("/film.mp4", &[OPEN, VLC], 206, "players: the client is VLC, for which a range without an end is cut"),
            ("/film.mp4", &["Range: bytes=0-99", VLC], 206, "players: only a range without an end is cut"),
        ],
    ),
    (
        &["--part-policy", "open-ended", "--confidential", "private", "--cors", "*"],
        &[
            ("/film.mp4", &[], 200, "open-ended: only a range without an end is cut"),
            ("/film.mp4", &[OPEN], 206, "open-ended: a range without an end is cut to one part"),
            ("/private/a.txt", &[], 403, "in the confidential folder 'private'"),
        ],
    ),
    (&["--part-policy", "never"], &[("/film.mp4", &[OPEN], 206, "never: nothing is cut")]),
    (
        &["--no-listing"],
        &[
            ("/plain/", &[], 404, "There is no page of the folder, because of --no-listing"),
            ("/film.mp4?play", &[], 206, "without a page, because of --no-listing"),
        ],
    ),
];

/// A head as it does not change with time: without Date, and without the boundary that has it.
fn timeless(head: &str) -> String {
    let head = head.replace("\r\n", "\n");
    let lines = head.lines().filter(|line| !line.starts_with("Date: ") && !line.is_empty());
    lines.map(|line| line.split("boundary=").next().expect("a text").to_string() + "\n").collect()
}

#[test]
fn each_response_is_that_of_the_server_with_the_rule_that_decides_it() {
    let mut server = Server::start_on(folder(), &["--log", "off"]);
    for (index, (flags, rows)) in ROWS.iter().enumerate() {
        if index > 0 {
            let content = std::mem::replace(&mut server.content, tempfile::tempdir().expect("a temporary folder"));
            drop(server);
            server = Server::start_on(content, &[&["--log", "off"], *flags].concat());
        }
        if !flags.contains(&"--no-listing") {
            server.wait_until_read();
        }
        for (target, fields, status, phrase) in *rows {
            let fields = [&["Host: h"], *fields].concat();
            let (code, stdout, stderr) = explain(server.content.path(), target, &fields, flags);
            assert_eq!((code, &*stderr), (Some(0), ""), "{target}");
            let (head, rules) = stdout.split_once("\n\n").expect("a head and rules");
            let lines: String = fields[1..].iter().map(|field| format!("{field}\r\n")).collect();
            let mut client = server.connect();
            client.get(target, &lines);
            assert_eq!(timeless(head), timeless(&client.head().head), "{target} {fields:?} {flags:?}");
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {fields:?} {flags:?}: {stdout}");
            assert!(rules.contains(phrase), "{phrase:?} is not among the rules of {target} {fields:?}: {rules}");
        }
    }
}

#[test]
fn a_request_without_host_is_completed() {
    let (code, stdout, _) = explain(folder().path(), "/small.txt", &[], &[]);
    assert!(code == Some(0) && stdout.starts_with("HTTP/1.1 200 OK\n"), "{stdout}");
    let (_, stdout, _) = explain(folder().path(), "/small.txt", &["HOST: h"], &[]);
    assert!(stdout.starts_with("HTTP/1.1 200 OK\n"), "{stdout}");
}

#[test]
fn names_reach_the_terminal_without_escape_codes() {
    let (_, stdout, _) = explain(folder().path(), "/%1b%5d0;t%07%0a%ff", &[], &[]);
    assert!(stdout.contains("There is no '\\u{1b}]0;t\\u{7}\\n\u{fffd}'."), "{stdout}");
}

#[test]
fn wrong_usage_is_one_sentence_and_an_exit_code() {
    let folder = folder();
    let path = folder.path();
    let nowhere = path.join("nowhere");
    for (folder, flags, code, named) in [
        (path, &["-H", "Range: bytes=0-"][..], 64, "-H is for --explain"),
        (path, &["--check", "--explain", "/"], 64, "--check and --explain cannot be combined"),
        (path, &["--explain", "/", "-H", "Range"], 64, "-H is 'Range'; it must be a field"),
        (path, &["--explain", "/", "-H", "A: b\r\nC: d"], 64, "it must be a field in one line"),
        (path, &["--explain", "/", "--part-policy", "some"], 64, "--part-policy is 'some'"),
        (path, &["--explain", "/", "--confidential", "nowhere"], 64, "the confidential folder 'nowhere'"),
        (&*nowhere, &["--explain", "/"], 66, "nowhere"),
    ] {
        let output = reeld(folder, flags).output().expect("the program starts");
        let stderr = String::from_utf8(output.stderr).expect("a text");
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), &b""[..]), "{flags:?}: {stderr}");
        assert!(stderr.contains(named) && stderr.lines().count() == 1, "{flags:?}: {stderr}");
    }
}

#[test]
fn what_this_user_may_not_read_is_told() {
    let folder = folder();
    let file = folder.path().join("small.txt");
    fs::set_permissions(&file, Permissions::from_mode(0o000)).expect("it is ours");
    if File::open(&file).is_ok() {
        eprintln!("skipped: this user (root?) may read every file");
        return;
    }
    let (_, stdout, _) = explain(folder.path(), "/small.txt", &[], &[]);
    assert!(stdout.starts_with("HTTP/1.1 403 ") && stdout.contains("This user may not read 'small.txt'"), "{stdout}");
}
