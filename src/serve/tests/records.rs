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
    for wakeup in [Wakeup::New(Instant::now())].into_iter().chain(wakeups) {
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

/// The waits in the queue of the requests of a connection, and the times from the arrival to the
/// first byte.
#[derive(Debug, Default)]
struct Times(Mutex<Vec<(Duration, Duration)>>);

impl Observer for Times {
    fn observe(&self, record: &Record) {
        let first_byte = record.first_byte.expect("it was sent") - record.arrived;
        self.0.lock().expect("no test panicked").push((record.queue_wait, first_byte));
    }
}

#[test]
fn the_wait_in_the_queue_is_that_of_the_request_and_no_other() {
    const SECOND: Duration = Duration::from_secs(1);
    let times = Arc::new(Times::default());
    // A single worker never blocks on a client.
    let single = |settings: &mut Settings| settings.workers = NonZeroUsize::MIN;
    let (_content, pool, _events) = observed_pool_with(single, Some(Arc::<Times>::clone(&times)));
    let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
    let mut run = |wakeup| connection.run(wakeup, &mut Worker::new(&pool), &mut ReadBuffer::new());
    let ago = |seconds| Instant::now().checked_sub(seconds * SECOND).expect("this machine has run for so long");
    let get = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut send = |text: &str| client.write_all(text.as_bytes()).expect("the server receives");
    // Nothing has arrived: it waits for no response.
    run(Wakeup::New(ago(40)));
    // The second of two requests at once has not waited.
    send(&get.repeat(2));
    run(Wakeup::Ready(ago(2)));
    // A head in pieces is in the queue for each of them.
    send(&get[..10]);
    run(Wakeup::Ready(ago(9)));
    send(&get[10..]);
    run(Wakeup::Ready(ago(4)));
    // A wait for the disk is none in the queue.
    pool.set_cold(true);
    let held: Vec<_> = std::iter::from_fn(|| permit(&pool)).collect();
    send(get);
    assert!(matches!(run(Wakeup::Ready(ago(3))), Next::WaitForDisk(_)));
    drop(held);
    run(Wakeup::DiskPermit(permit(&pool).expect("all are free")));
    let times: Vec<_> = times
        .0
        .lock()
        .expect("no test panicked")
        .iter()
        .map(|(wait, first)| (wait.as_secs(), first.as_secs()))
        .collect();
    assert_eq!(times, [(2, 2), (0, 0), (13, 9), (3, 3)]);
}
