//! The access log in a file, its forms, and SIGHUP.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use super::support::*;

/// A server that logs to this file.
fn server(log: &Path, flags: &[&str]) -> Server {
    Server::start(&[&["--log-file", log.to_str().expect("UTF-8")], flags].concat())
}

fn lines(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap_or_default().lines().map(String::from).collect()
}

#[test]
fn a_hangup_opens_the_log_file_again_and_loses_no_line() {
    let folder = tempdir().expect("a folder");
    let (log, rotated) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let server = server(&log, &[]);
    let mut client = server.connect();
    let mut ask = |number: usize| {
        client.get(&format!("/small.txt?{number}"), "");
        assert_eq!(client.answer().status, 200);
    };
    (0..100).for_each(&mut ask);
    fs::rename(&log, &rotated).expect("it is there");
    (100..200).for_each(&mut ask);
    // What is still queued at the signal goes to the new file.
    wait_until("the old file has all lines", || lines(&rotated).len() >= 200);
    server.signal(Signal::HUP);
    wait_until("the file is opened again", || log.exists());
    (200..300).for_each(&mut ask);
    wait_until("all lines are written", || lines(&log).len() >= 100);
    let (before, after) = (lines(&rotated), lines(&log));
    assert_eq!((before.len(), after.len()), (200, 100));
    for (number, line) in before.iter().chain(&after).enumerate() {
        assert!(line.contains(&format!("\"GET /small.txt?{number} HTTP/1.1\" 200 5")), "{line}");
    }
}

#[test]
fn lines_that_a_full_disk_lost_are_counted_after_every_outage() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let point_to = |target: &Path| {
        let _ = fs::remove_file(&log);
        symlink(target, &log).expect("a link");
    };
    point_to(Path::new("/dev/full"));
    let server = server(&log, &[]);
    // Each line has 1 KiB of it, so that the queue of 4 MiB overflows.
    let agent = format!("User-Agent: {}\r\n", "a".repeat(1024));
    const REQUESTS: u64 = 6_000;
    for outage in 1..=2 {
        let mut client = server.connect();
        for _ in 0..REQUESTS {
            client.get("/small.txt", &agent);
            client.answer();
        }
        server.wait_for_diagnostic("access-log: cannot write to");
        let file = folder.path().join(format!("{outage}.log"));
        point_to(&file);
        server.signal(Signal::HUP);
        let lost = |line: &String| line.split_once("lines lost: ").and_then(|(_, count)| count.parse::<u64>().ok());
        let count = || {
            let lines = lines(&file);
            let notices: Vec<u64> = lines.iter().filter_map(lost).collect();
            (lines.len() as u64 - notices.len() as u64, notices.iter().sum::<u64>())
        };
        wait_until("all lines are written or counted", || count().0 + count().1 >= REQUESTS);
        let (written, lost) = count();
        assert_eq!(written + lost, REQUESTS, "{written} written, {lost} lost");
        assert!(lost > 0, "the queue has overflowed");
        point_to(Path::new("/dev/full"));
        server.signal(Signal::HUP);
        server.wait_for_diagnostic("SIGHUP");
        server.wait_for_diagnostic("SIGHUP");
    }
}

#[test]
fn each_line_of_json_is_an_object_that_agrees_with_the_answer() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("access.json");
    let server = server(&log, &["--log", "json"]);
    let part = server.get("/film.mp4", "Range: bytes=0-99\r\nUser-Agent: \"odd\"\r\n");
    // Lines come when connections end, and so in any order.
    wait_until("the first line is written", || lines(&log).len() == 1);
    assert_eq!(server.get("/missing", "").status, 404);
    wait_until("the second line is written", || lines(&log).len() == 2);
    let mut client = server.connect();
    client.send("NONSENSE\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    wait_until("all lines are written", || lines(&log).len() == 3);
    let objects: Vec<Value> = lines(&log).iter().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let facts: Vec<_> = objects.iter().map(|line| (&line["method"], &line["status"], &line["outcome"])).collect();
    let complete = Value::from("complete");
    let expected = [("GET", 206), ("GET", 404), ("NONSENSE", 400)]
        .map(|(method, status)| (Value::from(method), Value::from(status)));
    assert_eq!(facts, expected.iter().map(|(method, status)| (method, status, &complete)).collect::<Vec<_>>());
    let film = &objects[0];
    assert_eq!((&film["sent"], &film["promised"]), (&part.body.len().into(), &100.into()));
    assert_eq!((&film["range"], &film["user_agent"]), (&"0-99".into(), &"\"odd\"".into()));
    let seconds = |name: &str| film[name].as_f64().expect("a number");
    assert!(seconds("queue_wait") <= seconds("first_byte") && seconds("first_byte") <= seconds("duration"));
}

#[test]
fn a_log_file_that_cannot_be_opened_ends_the_start() {
    let content = content();
    for (path, code) in [("/", 64), ("/nowhere/access.log", 64)] {
        let output = reeld(content.path(), &["--log-file", path]).args(ON_A_FREE_PORT).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code));
        let sentence = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(sentence.contains(&format!("cannot write the access log to '{path}'")), "{sentence}");
    }
}
