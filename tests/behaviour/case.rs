//! A row of a table: the bytes a client sends, and the responses it must get. The number of a row
//! is that of a sentence in `docs/http.md`, which every failure shows.

use std::fs::{self, File};
use std::net::Shutdown;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::support::*;

/// The whole of `film.mp4` here, which is larger than a part.
pub const FILM: [u8; 250] = {
    let mut film = [0; 250];
    let mut place = 0;
    while place < film.len() {
        film[place] = place as u8;
        place += 1;
    }
    film
};

/// The entity tag of the film, and when it was modified.
pub const TAG: &str = "\"fa-ae1b981bc490a00\"";
pub const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A further check of the responses.
type Check = Box<dyn Fn(&[Answer])>;

pub struct Case {
    number: u32,
    said: Vec<u8>,
    /// The statuses of all responses.
    answers: Vec<u16>,
    ends: bool,
    announced: bool,
    says_no_more: bool,
    checks: Vec<Check>,
}

/// A row: these bytes get a 200 and the connection persists, unless the methods below say
/// otherwise.
pub fn case(number: u32, said: impl AsRef<[u8]>) -> Case {
    let said = said.as_ref().to_vec();
    Case { number, said, answers: vec![200], ends: false, announced: true, says_no_more: false, checks: Vec::new() }
}

/// The bytes of a request.
pub fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

pub fn get(target: &str, fields: &str) -> String {
    request("GET", target, fields)
}

impl Case {
    pub fn answers(mut self, answers: &[u16]) -> Self {
        self.answers = answers.to_vec();
        self
    }

    /// The last response says close, and the connection closes.
    pub fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    pub fn refused(self, status: u16) -> Self {
        self.answers(&[status]).ends()
    }

    /// The connection closes, but the last response could not announce it.
    pub fn ends_unannounced(mut self) -> Self {
        (self.ends, self.announced) = (true, false);
        self
    }

    /// The client closes its side after sending.
    pub fn says_no_more(mut self) -> Self {
        self.says_no_more = true;
        self
    }

    pub fn check(mut self, check: impl Fn(&[Answer]) + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// The first response has this field.
    pub fn field(self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.check(move |answers| assert_eq!(answers[0].field(name), Some(&*value), "{name}"))
    }

    pub fn without(self, name: &'static str) -> Self {
        self.check(move |answers| assert_eq!(answers[0].field(name), None, "{name}"))
    }

    /// The first response has this content.
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        self.check(move |answers| assert_eq!(answers[0].body, body))
    }

    /// The response is this part of the film.
    pub fn part(self, first: usize, length: usize) -> Self {
        self.answers(&[206])
            .field("Content-Range", format!("bytes {first}-{}/250", first + length - 1))
            .field("Content-Length", length.to_string())
            .body(&FILM[first..first + length])
    }

    /// The response is the first part of the film, as to a request without a valid Range.
    pub fn first_part(self) -> Self {
        self.part(0, 100)
    }

    fn next_answer(&self, client: &mut Client) -> Answer {
        if self.said.starts_with(b"HEAD ") { client.head() } else { client.answer() }
    }

    fn play(&self, server: &Server) {
        let mut client = server.connect();
        client.send(&self.said);
        if self.says_no_more {
            client.stream.shutdown(Shutdown::Write).expect("it is open");
        } else if self.ends {
            // It must not be answered.
            client.get("/small.txt", "");
        }
        let mut answers = Vec::new();
        for status in &self.answers {
            let answer = self.next_answer(&mut client);
            assert_eq!(answer.status, *status, "{}", answer.head);
            assert_well_formed(&answer);
            // RFC 9110 sections 15.5 and 15.6.
            if answer.status >= 400 && !self.said.starts_with(b"HEAD ") {
                assert_eq!(answer.field("Content-Type"), Some("text/plain; charset=utf-8"));
                assert!(answer.body.ends_with(b".\n"), "it explains itself");
            }
            answers.push(answer);
        }
        if self.ends {
            assert!(client.is_closed(), "the connection ends");
        } else {
            client.get("/small.txt", "");
            assert_eq!(client.answer().body, b"small", "the next request is answered");
        }
        if let Some(last) = answers.last() {
            let close = self.ends && self.announced;
            assert_eq!(last.field("Connection"), Some(if close { "close" } else { "keep-alive" }));
        }
        self.checks.iter().for_each(|check| check(&answers));
    }
}

/// Checks every response: the grammar, that no field is repeated, and the mandatory fields.
fn assert_well_formed(answer: &Answer) {
    let mut lines = answer.head.strip_suffix("\r\n\r\n").expect("an empty line").split("\r\n");
    let status = lines.next().expect("a status line").strip_prefix("HTTP/1.1 ").expect("the version");
    assert!(status.len() > 4 && status.as_bytes()[3] == b' ', "{status}");
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a field");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{line}");
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        assert_eq!(answer.field(name), Some(value), "it is there once");
    }
    let date = answer.field("Date").expect("a date").as_bytes();
    assert!(date.len() == MODIFIED.len() && date.ends_with(b" GMT") && date[3] == b',', "IMF-fixdate");
    assert_eq!(answer.field("Accept-Ranges"), Some("bytes"));
    assert_eq!(answer.field("Transfer-Encoding"), None);
}

/// The folder for the tables: a film of two and a half parts, and files that have broken servers
/// before.
fn content() -> TempDir {
    let folder = super::support::content();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("film.mp4"), FILM).expect("a file");
    fs::write(at("old.txt"), "old").expect("a file");
    fs::write(at("future.txt"), "future").expect("a file");
    let day = Duration::from_secs(86_400);
    for (name, modified) in [
        ("film.mp4", SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)),
        ("old.txt", SystemTime::UNIX_EPOCH - 40_000 * day),
        ("future.txt", SystemTime::now() + day),
    ] {
        File::options().write(true).open(at(name)).and_then(|file| file.set_modified(modified)).expect("a time");
    }
    for (to, name) in [
        ("/etc/passwd", "passwd.txt"),
        ("..", "up"),
        ("confidential/secret.txt", "leak.txt"),
        ("nowhere", "dangling.txt"),
        ("loop.txt", "loop.txt"),
    ] {
        symlink(to, at(name)).expect("a link");
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o644.into()).expect("a FIFO");
    drop(UnixListener::bind(at("socket")).expect("a socket"));
    folder
}

/// The sentences of a section of `docs/http.md`, the one with number 1 first.
fn sentences(section: &str) -> Vec<String> {
    let document = include_str!("../../docs/http.md");
    let (_, text) = document.split_once(&format!("\n## {section}\n")).expect("docs/http.md has the section");
    let text = text.split("\n## ").next().expect("it is not empty");
    let mut sentences: Vec<String> = Vec::new();
    for line in text.lines() {
        let item = line.split_once(". ").and_then(|(number, item)| Some((number.parse::<usize>().ok()?, item)));
        if let Some((number, item)) = item {
            assert_eq!(number, sentences.len() + 1, "{section} of docs/http.md has every number once, in order");
            sentences.push(format!("{section}, {number}: {item}"));
        } else if let (Some(rest), Some(sentence)) = (line.strip_prefix("    "), sentences.last_mut()) {
            sentence.extend([" ", rest]);
        }
    }
    sentences
}

/// Prints the sentence and the request of a row that panics.
struct Row<'a> {
    sentence: &'a str,
    said: &'a [u8],
}

impl<'a> Row<'a> {
    fn new(case: &'a Case, sentences: &'a [String]) -> Self {
        Row { sentence: &sentences[case.number as usize - 1], said: &case.said }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\nThe client sent: {:.300}", self.sentence, self.said.escape_ascii().to_string());
        }
    }
}

/// Plays all cases against one server, and checks after each that no descriptor or thread is left.
pub fn play(section: &str, cases: &[Case]) {
    let sentences = sentences(section);
    let server = Server::start_on(content(), &["--workers", "2", "--part-size", "100"]);
    server.wait_until_read();
    server.wait_for_threads(2);
    for case in cases {
        let _row = Row::new(case, &sentences);
        case.play(&server);
        wait_until("descriptors are given back", || server.held() == 0);
        assert_eq!(server.threads(), threads_with(2));
    }
}

/// Sends every request that does not close the connection in two pieces, cut at every byte, and
/// checks that the responses are the same. Whether a worker sees one piece or two is left to
/// chance; `serve/tests.rs` tests the same deterministically.
pub fn play_in_two_pieces(section: &str, cases: &[Case]) {
    let sentences = sentences(section);
    let server = Server::start_on(content(), &["--workers", "2", "--part-size", "100"]);
    server.wait_until_read();
    let mut client = server.connect();
    let mut cuts = 0;
    for case in cases.iter().filter(|case| !case.ends && case.said.len() < 1000) {
        let _row = Row::new(case, &sentences);
        for cut in 0..case.said.len() {
            let (one, other) = case.said.split_at(cut);
            client.send(one);
            client.send(other);
            let answers: Vec<Answer> = case.answers.iter().map(|_| case.next_answer(&mut client)).collect();
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, case.answers, "cut at {cut}");
            case.checks.iter().for_each(|check| check(&answers));
            cuts += 1;
        }
    }
    assert!(cuts > 1000, "there is much to cut: {cuts}");
}

/// Checks that every sentence of a section of `docs/http.md` has a case, a test elsewhere, or a
/// reason why there is none, and that every number has a sentence.
pub fn assert_covered(section: &str, cases: &[Case], elsewhere: &[(u32, &str, &str)], none: &[(u32, &str)]) {
    let sentences = sentences(section);
    let rows = cases.iter().map(|case| case.number).chain(elsewhere.iter().map(|row| row.0));
    for number in rows.chain(none.iter().map(|row| row.0)) {
        assert!((1..=sentences.len()).contains(&(number as usize)), "{section} of docs/http.md has no {number}");
    }
    for (number, file, test) in elsewhere {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let is_there =
            text.contains(&format!("#[test]\n    fn {test}(")) || text.contains(&format!("#[test]\nfn {test}("));
        assert!(is_there, "{file} has no test {test} for {}", sentences[*number as usize - 1]);
    }
    for (number, sentence) in (1..).zip(&sentences) {
        let tested = cases.iter().any(|case| case.number == number) || elsewhere.iter().any(|row| row.0 == number);
        let has_reason = none.iter().any(|row| row.0 == number);
        assert!(tested != has_reason, "there must be either a test or a reason for none: {sentence}");
    }
}
