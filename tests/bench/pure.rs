//! How long the pure parts of a request take: `cargo bench`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use reeld::bytes::Bytes;
use reeld::http::head::{Parsed, parse};
use reeld::http::range::{self, PartPolicy, Parts};
use reeld::http::{Representation, Request, Response, Validators, target};
use reeld::media::subtitles::to_webvtt;
use reeld::pages;
use reeld::site::{AccessRules, Listing, Site};

fn main() {
    divan::main();
}

const WRK: &[u8] = b"GET /1k.bin HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// While it plays a film.
const CHROMIUM: &[u8] = b"GET /films/clock.mp4 HTTP/1.1\r\nHost: films.example:8080\r\nConnection: keep-alive\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nAccept-Encoding: identity;q=1, *;q=0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\n\
    Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: video\r\nReferer: http://films.example:8080/\r\n\
    Accept-Language: en-US,en;q=0.9\r\nRange: bytes=5242880-\r\nIf-Range: \"7f04be-18790aa2e3d40a00\"\r\n\r\n";

/// Requests by the name of the client, which divan shows as the argument.
#[derive(Clone, Copy, Debug)]
enum Of {
    Wrk,
    Chromium,
}

impl Of {
    fn bytes(self) -> &'static [u8] {
        match self {
            Of::Wrk => WRK,
            Of::Chromium => CHROMIUM,
        }
    }
}

fn with_request<T>(bytes: &[u8], then: impl FnOnce(&Request) -> T) -> T {
    match parse(bytes) {
        Ok(Parsed::Complete(request, _)) => then(&request),
        other => panic!("{other:?}"),
    }
}

#[divan::bench(args = [Of::Wrk, Of::Chromium])]
fn head(request: Of) -> usize {
    with_request(black_box(request.bytes()), |request| request.target.len())
}

#[divan::bench]
fn target_of_two_segments() -> usize {
    target::parse(black_box(b"/films/clock%20one.mp4")).expect("a path").path.relative().len()
}

#[divan::bench(args = ["bytes=5242880-", "bytes=0-99,200-299,-100"])]
fn ranges(field: &str) -> usize {
    let parts = Parts { policy: PartPolicy::Always, size: Bytes(5 * 1024 * 1024) };
    let wanted = range::parse(black_box(field.as_bytes())).ok();
    size_of_val(&parts.select(wanted.as_deref(), 8_324_222))
}

#[divan::bench(args = [Of::Wrk, Of::Chromium])]
fn response_head(bencher: Bencher, request: Of) {
    let now = SystemTime::now();
    let validators = Validators::File { size: 8_324_222, modified: UNIX_EPOCH + Duration::from_secs(1_763_000_000) };
    let parts = Parts { policy: PartPolicy::Always, size: Bytes(5 * 1024 * 1024) };
    with_request(request.bytes(), |request| {
        bencher.bench_local(|| {
            let file = Representation { validators, content_type: "video/mp4".into(), fields: Vec::new() };
            let mut head = String::with_capacity(512);
            Response::of(request, file, &parts, now).write_head(&mut head, true, None, now);
            head
        });
    });
}

#[divan::bench]
fn subtitles_of_1_mib(bencher: Bencher) {
    let cue =
        "1\r\n00:00:12,480 --> 00:00:15,120\r\n<i>In the year 1889, a ship</i>\r\nleft the harbour & sank.\r\n\r\n";
    let file = cue.repeat(1024 * 1024 / cue.len());
    bencher.counter(BytesCount::of_str(&*file)).bench(|| to_webvtt(black_box(file.as_bytes())));
}

/// A folder of 10,000 films, as programs ask for it: all on one page.
#[divan::bench(args = ["/", "/?json", "/?sort=time&order=desc&q=9"])]
fn folder_of_10_000(bencher: Bencher, target: &str) {
    let content = tempfile::tempdir().expect("a temporary folder");
    for number in 0..5_000 {
        for extension in ["mp4", "jpg"] {
            let name = format!("The.Long.Show.S{:02}E{:02}.{extension}", number / 100, number % 100);
            std::fs::write(content.path().join(name), "").expect("a file");
        }
    }
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
    let Ok(Listing::Read(folder)) = site.list(b"") else { panic!("it is read") };
    with_request(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes(), |request| {
        let target = target::parse(request.target).expect("a path");
        bencher.bench_local(|| pages::FolderPage::new(request, &target, &folder).render(&site, 0));
    });
}
