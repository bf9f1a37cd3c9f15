//! The command line: what it prints, what it refuses, and with which exit code.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reeld::ops::file_limit::{SMALLEST, WITHOUT_CLIENTS};
use rustix::process::Signal;

use super::support::*;

/// The exit code and what went to standard output and standard error.
fn run(content: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let output = reeld(content, flags).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_and_version_go_to_standard_output() {
    let content = content();
    let (code, help, _) = run(content.path(), &["--help"]);
    assert_eq!(code, Some(0));
    // README has a row for each.
    let rows = include_str!("../../README.md").lines().filter(|line| line.starts_with("| `-"));
    let documented = rows.flat_map(|row| row.split('|').nth(1).expect("a cell").split(", "));
    let documented: BTreeSet<&str> = documented.map(|flag| flag.trim_matches([' ', '`'])).collect();
    let options = help.lines().skip_while(|line| *line != "Options:").filter(|line| line.starts_with("  -"));
    let words = options.flat_map(|line| line.split([' ', ',']).filter(|word| !word.is_empty()).take(2));
    let listed: BTreeSet<&str> = words.filter(|word| word.starts_with('-')).collect();
    assert_eq!(listed, documented);
    assert_eq!(run(content.path(), &["-h"]).1, help);
    let version = format!("reeld {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(run(content.path(), &[flag]), (Some(0), version.clone(), String::new()));
    }
}

#[test]
fn bad_input_is_one_sentence_and_an_exit_code() {
    let content = content();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let nowhere = content.path().join("nowhere");
    let file = content.path().join("small.txt");
    for (folder, flags, code, named) in [
        (content.path(), &["--prot", "80"][..], 64, "--prot"),
        (content.path(), &["--part-size", "5XB"], 64, "--part-size is '5XB'; it must be"),
        (content.path(), &["--workers", "0"], 64, "--workers is '0'; it must be"),
        (content.path(), &["--confidential", "../x"], 64, "--confidential is '../x'; it must be"),
        (content.path(), &["--host", "300.1.1.1"], 64, "--host is '300.1.1.1'; it must be"),
        (content.path(), &["--host", "127.0.0.1:80"], 64, "--host is '127.0.0.1:80'; it must be"),
        (content.path(), &["--host", "192.0.2.1"], 71, "'192.0.2.1' is not an address of this machine"),
        (content.path(), &["--host", "nowhere.invalid"], 71, "cannot listen on 'nowhere.invalid', port 8080: "),
        (content.path(), &["--confidential", "flims"], 64, "; did you mean 'films'?"),
        (&nowhere, &[], 66, "nowhere"),
        (&file, &[], 66, "is not a folder"),
        (content.path(), &["--host", "127.0.0.1", "--port", &port], 69, "is in use"),
    ] {
        let (found, stdout, stderr) = run(folder, flags);
        assert_eq!((found, &*stdout), (Some(code), ""), "{flags:?}: {stderr}");
        assert!(stderr.contains(named) && stderr.lines().count() == 1, "{flags:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn an_unreadable_folder_is_refused() {
    let content = content();
    let closed = content.path().join("films");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("it is ours");
    if fs::read_dir(&closed).is_ok() {
        eprintln!("not tested: this user (root?) may read every folder");
        return;
    }
    let (code, _, stderr) = run(&closed, &[]);
    assert_eq!(code, Some(77), "{stderr}");
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    let content = content();
    let output = reeld(content.path(), &[]).env("REELD_CONFIDENTAL", "films").output().expect("the program starts");
    let stderr = String::from_utf8(output.stderr).expect("a text");
    assert!(stderr.contains("REELD_CONFIDENTAL") && stderr.contains("did you mean REELD_CONFIDENTIAL?"), "{stderr}");
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn localhost_is_served_on_both_its_addresses() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let content = content();
    let mut command = reeld(content.path(), &["--host", "localhost", "--port", "0", "--log", "off"]);
    let mut server = Server::spawn(content, &mut command);
    let port = server.address.port();
    let named = format!(" on http://127.0.0.1:{port}/ and http://[::1]:{port}/ in parts");
    assert!(server.start_line.contains(&named), "{}", server.start_line);
    // In turn, so that the acceptor waits for either.
    for _ in 0..3 {
        assert_eq!(server.get("/small.txt", "").body, b"small");
        let mut client = Client::new(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("it listens"));
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_folder_whose_name_is_not_utf8_is_served() {
    for is_argument in [true, false] {
        let content = content();
        let folder = content.path().join(OsStr::from_bytes(b"caf\xe9"));
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("a.txt"), "found").expect("a file");
        let mut command = program(&[]);
        let command = if is_argument { command.arg(&folder) } else { command.env("REELD_CONTENT", &folder) };
        let server = Server::spawn(content, command.args(ON_A_FREE_PORT).args(["--log", "off"]));
        assert_eq!(server.get("/a.txt", "").body, b"found");
    }
}

#[test]
fn the_smallest_limit_of_open_files_serves_and_one_less_is_refused() {
    let prlimit = |limit: u64| format!("--nofile={limit}");
    let server = Server::start_under(&["prlimit", &prlimit(SMALLEST)], content(), &["--workers", "2"]);
    assert_eq!(server.get("/small.txt", "").body, b"small");
    wait_until("the client has gone", || server.held() == 0);
    assert!(server.links().len() < WITHOUT_CLIENTS as usize, "without a client: {:?}", server.links());
    // With a limit of 3 no program can load its libraries.
    for limit in [4, 8, 11, SMALLEST - 1] {
        let content = content();
        let output = program(&["prlimit", &prlimit(limit)]).arg(content.path()).output();
        let output = output.expect("the program starts");
        let stderr = String::from_utf8(output.stderr).expect("a text");
        let sentence = format!("the limit of open files is {limit}; it must be at least {SMALLEST}");
        assert!(stderr.contains(&sentence), "{stderr}");
        assert_eq!(output.status.code(), Some(71), "{stderr}");
    }
}

#[test]
fn the_environment_counts_and_the_flag_wins() {
    let content = content();
    let environment = |flags: &[&str]| {
        let output = reeld(content.path(), flags).env("REELD_WORKERS", "none").output().expect("the program starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("a text"))
    };
    let (code, stderr) = environment(&[]);
    assert!(code == Some(64) && stderr.contains("REELD_WORKERS is 'none'"), "{stderr}");
    let output = reeld(content.path(), &[]).env("REELD_CONFIDENTIAL", OsStr::from_bytes(b"caf\xe9")).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(64), "what cannot be read is not passed over");
    let (code, stderr) = environment(&["--workers", "0"]);
    assert!(code == Some(64) && stderr.contains("--workers is '0'"), "{stderr}");
}

#[test]
fn a_start_that_fails_for_want_of_threads_ends_with_71() {
    let content = content();
    fs::set_permissions(content.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    // A user without other processes, as the limit counts all processes of a user.
    let user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"];
    let may_become_another = Command::new(user[0]).args(&user[1..]).arg("true").status();
    if !may_become_another.is_ok_and(|status| status.success()) {
        eprintln!("not tested: only root can become another user");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A client that connects meanwhile does not keep the program from ending.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = TcpStream::connect(("127.0.0.1", port));
            }
        });
        for threads in (2..threads_with(2)).chain([threads_with(2) - 1; 20]) {
            let limit = format!("--nproc={threads}");
            let mut server = program(&[&user[..], &["prlimit", &limit]].concat())
                .arg(content.path())
                .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--workers", "2"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts");
            let ended = wait_for_exit(&mut server);
            stop.store(ended.is_none(), Ordering::Relaxed);
            assert_eq!(ended.and_then(|status| status.code()), Some(71), "{threads} threads");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// The exit status of a program; None if it does not end and is killed.
fn wait_for_exit(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("the process exists") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    None
}
