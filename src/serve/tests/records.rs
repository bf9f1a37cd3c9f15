//! What an observer sees of exchanges.

use std::sync::Mutex;

use super::*;
use crate::http::Status;
use crate::ops::record::{Outcome, Record};

/// Status, range, bytes promised and sent, whether a byte was sent, and the outcome.
type Seen = (Status, Option<std::ops::Range<u64>>, u64, u64, bool, Outcome);

#[derive(Debug, Default)]
struct Records(Mutex<Vec<Seen>>);

impl Observer for Records {
    fn observe(&self, record: &Record) {
        assert!(record.first_byte.is_none_or(|first_byte| first_byte >= record.arrived));
        let Record { status, range, promised, sent, first_byte, outcome, .. } = record;
        let seen = (*status, range.clone(), *promised, *sent, first_byte.is_some(), *outcome);
        self.0.lock().expect("no test panicked").push(seen);
    }
}

/// The records of a connection that the test itself serves: first with `request`, then with each of
/// `wakeups`, while the client reads nothing.
fn seen(request: &str, wakeups: impl IntoIterator<Item = Wakeup>) -> Vec<Seen> {
    let records = Arc::new(Records::default());
    let observer: Arc<dyn Observer> = Arc::<Records>::clone(&records);
    let (_content, pool, _events) = observed_pool_with(
        |settings| {
            settings.parts.size = Bytes(LARGE as u64);
            // A single worker never blocks on a client.
            settings.workers = NonZeroUsize::MIN;
        },
        Some(observer),
    );
    let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    client.write_all(request.as_bytes()).expect("the server receives");
    let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
    for wakeup in [Wakeup::New].into_iter().chain(wakeups) {
        connection.run(wakeup, &mut Worker::new(&pool), &mut ReadBuffer::new());
    }
    drop(connection);
    records.0.lock().expect("no test panicked").drain(..).collect()
}

#[test]
fn a_record_has_the_bytes_promised_and_sent() {
    let get = |path: &str, fields: &str| format!("GET /{path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    assert_eq!(seen(&get("a.txt", ""), []), [(Status::Ok, None, 4, 4, true, Outcome::Complete)]);
    let part = [(Status::PartialContent, Some(1..3), 2, 2, true, Outcome::Complete)];
    assert_eq!(seen(&get("a.txt", "Range: bytes=1-2\r\n"), []), part);
    let head = get("a.txt", "").replace("GET", "HEAD");
    assert_eq!(seen(&head, []), [(Status::Ok, None, 0, 0, true, Outcome::Complete)]);
    let two = get("a.txt", "") + &get("missing", "");
    assert_eq!(seen(&two, []).iter().map(|seen| seen.0).collect::<Vec<_>>(), [Status::Ok, Status::NotFound]);
    assert_eq!(seen("nonsense\r\n\r\n", [])[0].0, Status::BadRequest);
    assert_eq!(seen("GET /a.t", []), []);
}

#[test]
fn a_record_has_the_reason_for_an_incomplete_response() {
    let get = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
    let left = &seen(get, [])[..];
    let [(Status::Ok, None, promised, sent, true, Outcome::Aborted)] = left else { panic!("{left:?}") };
    assert!(*promised == LARGE as u64 && sent < promised, "{left:?}");
    // At the first timeout the client has taken enough to count as alive.
    let stalled = &seen(get, [Wakeup::TimedOut, Wakeup::TimedOut])[..];
    assert!(matches!(stalled, [(Status::Ok, None, _, _, true, Outcome::TimedOut)]), "{stalled:?}");
}
