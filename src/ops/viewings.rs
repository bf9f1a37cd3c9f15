//! What is being played: the requests for one film or track, joined into a viewing.
//!
//! Players ask for a film in parts, and again after each seek. Requests of one client and program
//! for one file belong together unless more than [`GAP`] lies between them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::record::{Observer, Record};
use crate::http::target;
use crate::http::{Method, Status};
use crate::limits::{VIEWING_TEXT_MAX, VIEWINGS_MAX};

/// A viewing ends when nothing of it was under way for this long. Players that have read ahead ask
/// again within it.
pub const GAP: Duration = Duration::from_secs(60);

/// The viewings that have not ended.
#[derive(Debug, Default)]
pub struct Viewings(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_key: HashMap<Key, Viewing>,
    swept: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    client: Arc<str>,
    agent: Box<[u8]>,
    path: Box<[u8]>,
}

/// The requests of one client and program for one file.
#[derive(Debug)]
struct Viewing {
    since: Instant,
    last: Instant,
    /// Bytes of the file.
    size: u64,
    /// Of the exchanges that have ended.
    promised: u64,
    sent: u64,
    wasted: u64,
    under_way: Vec<UnderWay>,
    begun: u64,
    /// The number of the latest exchange that has ended, and up to which place in the file it was
    /// taken.
    ended: u64,
    position: u64,
}

/// An exchange under way.
#[derive(Debug)]
struct UnderWay {
    /// Exchanges are numbered as they begin; on two connections they may end in another order.
    number: u64,
    /// Where its bytes begin in the file.
    start: u64,
    promised: u64,
    sent: Arc<AtomicU64>,
}

/// A viewing as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub client: Arc<str>,
    /// The User-Agent.
    pub agent: Vec<u8>,
    /// The path of the file relative to the content folder.
    pub path: Vec<u8>,
    pub time: Duration,
    /// Since something was last under way; zero if it is.
    pub idle: Duration,
    /// Bytes of the file.
    pub size: u64,
    /// Up to which byte of the file the client has taken it. Players read ahead.
    pub position: u64,
    /// Bytes that were to be sent, those that were, and those that the client did not take.
    pub promised: u64,
    pub sent: u64,
    pub wasted: u64,
}

impl Observer for Viewings {
    fn begin(&self, record: &Record) -> Option<Arc<AtomicU64>> {
        let key = key(record)?;
        let now = Instant::now();
        let mut state = self.lock();
        if !state.by_key.get(&key).is_some_and(|viewing| viewing.is_on(now)) {
            state.by_key.remove(&key);
            if state.by_key.len() >= VIEWINGS_MAX {
                state.sweep(now);
            }
            if state.by_key.len() >= VIEWINGS_MAX {
                return None;
            }
        }
        let viewing = state.by_key.entry(key).or_insert_with(|| Viewing {
            since: now,
            last: now,
            size: 0,
            promised: 0,
            sent: 0,
            wasted: 0,
            under_way: Vec::new(),
            begun: 0,
            ended: 0,
            position: 0,
        });
        let sent = Arc::new(AtomicU64::new(0));
        let start = record.range.as_ref().map_or(0, |range| range.start);
        viewing.begun += 1;
        viewing.under_way.push(UnderWay {
            number: viewing.begun,
            start,
            promised: record.promised,
            sent: Arc::clone(&sent),
        });
        (viewing.size, viewing.last) = (record.size, now);
        Some(sent)
    }

    fn observe(&self, record: &Record) {
        let Some(key) = record.progress.as_ref().and_then(|_| key(record)) else { return };
        let mut state = self.lock();
        let Some(viewing) = state.by_key.get_mut(&key) else { return };
        let is_it =
            |under_way: &UnderWay| record.progress.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &under_way.sent));
        let Some(place) = viewing.under_way.iter().position(is_it) else { return };
        let UnderWay { number, start, .. } = viewing.under_way.remove(place);
        viewing.promised += record.promised;
        viewing.sent += record.sent;
        viewing.wasted += record.promised.saturating_sub(record.sent);
        if number > viewing.ended {
            (viewing.ended, viewing.position) = (number, start + record.sent);
        }
        viewing.last = Instant::now();
    }
}

/// What the request is joined by. None unless it is a GET of a film or track that is answered with
/// its content.
fn key(record: &Record) -> Option<Key> {
    let kind = &record.content_type;
    // A playlist is a text.
    let plays = (kind.starts_with("video/") || kind.starts_with("audio/")) && !kind.contains("mpegurl");
    let is_content = matches!(record.status, Status::Ok | Status::PartialContent) && record.size > 0;
    if !plays || !is_content || record.method != Some(Method::Get) {
        return None;
    }
    let target = record.request_line.split(|&byte| byte == b' ').nth(1)?;
    let target = target::parse(target).ok()?;
    let cut = |text: &[u8]| text[..text.len().min(VIEWING_TEXT_MAX)].into();
    Some(Key {
        client: Arc::clone(&record.client.0),
        agent: cut(&record.user_agent),
        path: cut(target.path.relative()),
    })
}

impl Viewings {
    /// The newest of them, at most this many, the newest first.
    pub fn list(&self, limit: usize) -> Vec<Shown> {
        let now = Instant::now();
        let state = self.lock();
        let mut current: Vec<_> = state.by_key.iter().filter(|(_, viewing)| viewing.is_on(now)).collect();
        // Workers wait for the lock, so not all are sorted.
        if current.len() > limit {
            current.select_nth_unstable_by_key(limit, |(_, viewing)| Reverse(viewing.since));
            current.truncate(limit);
        }
        current.sort_unstable_by_key(|(_, viewing)| Reverse(viewing.since));
        current.into_iter().map(|(key, viewing)| viewing.show(key, now)).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let now = Instant::now();
        self.lock().by_key.values().filter(|viewing| viewing.is_on(now)).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes the viewings that have ended, at most once a second.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now >= swept + Duration::from_secs(1)) {
            self.swept = Some(now);
            self.by_key.retain(|_, viewing| viewing.is_on(now));
        }
    }
}

impl Viewing {
    fn is_on(&self, now: Instant) -> bool {
        !self.under_way.is_empty() || now < self.last + GAP
    }

    fn show(&self, key: &Key, now: Instant) -> Shown {
        let under_way = || self.under_way.iter().map(|under_way| under_way.sent.load(Ordering::Relaxed));
        let latest = self.under_way.last();
        Shown {
            client: Arc::clone(&key.client),
            agent: key.agent.to_vec(),
            path: key.path.to_vec(),
            time: now.saturating_duration_since(self.since),
            idle: if latest.is_some() { Duration::ZERO } else { now.saturating_duration_since(self.last) },
            size: self.size,
            position: latest.map_or(self.position, |last| last.start + last.sent.load(Ordering::Relaxed)),
            promised: self.promised + self.under_way.iter().map(|under_way| under_way.promised).sum::<u64>(),
            sent: self.sent + under_way().sum::<u64>(),
            wasted: self.wasted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::ops::Range;
    use std::time::SystemTime;

    use super::*;
    use crate::http::head::{Parsed, parse};
    use crate::http::range::Parts;
    use crate::http::{Representation, Response, Validators};
    use crate::ops::record::{Peer, Recording};

    const SIZE: u64 = 1000;

    /// Begins an exchange of this client for these bytes.
    fn begin(viewings: &Arc<dyn Observer>, client: u8, path: &str, range: Range<u64>) -> Recording {
        let line = format!("GET {path} HTTP/1.1");
        let range = format!("Range: bytes={}-{}", range.start, range.end - 1);
        let head = format!("{line}\r\nHost: h\r\nUser-Agent: player\r\n{range}\r\n\r\n");
        let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("it is a whole head") };
        let validators = Validators::File { size: SIZE, modified: SystemTime::UNIX_EPOCH };
        let content_type = if path.contains("mp4") { "video/mp4" } else { "text/html" };
        let file = Representation { validators, content_type: content_type.into(), fields: Vec::new() };
        let response = Response::of(&request, file, &Parts::WHOLE, SystemTime::now());
        let client = Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, client)));
        Recording::new(viewings, &client, line.as_bytes(), Some(&request), Instant::now(), &response)
    }

    fn both() -> (Arc<Viewings>, Arc<dyn Observer>) {
        let viewings = Arc::new(Viewings::default());
        (Arc::clone(&viewings), viewings)
    }

    #[test]
    fn parts_of_one_film_are_one_viewing_with_the_position_of_the_latest() {
        let (viewings, observer) = both();
        begin(&observer, 7, "/film.mp4", 0..100).set_sent(100);
        // The same file, whatever the view.
        let mut seek = begin(&observer, 7, "/film.mp4?audio=2", 500..800);
        seek.set_sent(50);
        let [shown] = &viewings.list(10)[..] else { panic!("there is one") };
        let numbers = (shown.size, shown.position, shown.promised, shown.sent, shown.wasted);
        assert_eq!(
            (&*shown.path, &*shown.agent, numbers),
            (&b"film.mp4"[..], &b"player"[..], (SIZE, 550, 400, 150, 0))
        );
        drop(seek);
        let [shown] = &viewings.list(10)[..] else { panic!("there is one") };
        assert_eq!((shown.position, shown.promised, shown.sent, shown.wasted), (550, 400, 150, 250));
        // On another connection the earlier request can end later.
        let [mut earlier, mut later] = [600..700, 700..800].map(|range| begin(&observer, 7, "/film.mp4", range));
        later.set_sent(100);
        drop(later);
        earlier.set_sent(100);
        drop(earlier);
        assert_eq!(viewings.list(10)[0].position, 800);
    }

    #[test]
    fn each_client_and_each_film_is_a_viewing_and_a_page_is_none() {
        let (viewings, observer) = both();
        for (client, path) in [(1, "/a.mp4"), (2, "/a.mp4"), (1, "/b.mp4"), (1, "/a.mp4"), (1, "/page.html")] {
            begin(&observer, client, path, 0..10).set_sent(10);
        }
        assert_eq!((viewings.count(), viewings.list(10).len()), (3, 3));
    }

    #[test]
    fn a_viewing_ends_after_the_gap_and_makes_room() {
        let (viewings, observer) = both();
        for number in 0..VIEWINGS_MAX {
            drop(begin(&observer, 1, &format!("/{number}.mp4"), 0..10));
        }
        drop(begin(&observer, 2, "/new.mp4", 0..10));
        assert_eq!(viewings.count(), VIEWINGS_MAX, "it is not shown");
        let state = &mut *viewings.lock();
        let past = Instant::now().checked_sub(GAP).expect("this machine has run for a minute");
        state.by_key.values_mut().for_each(|viewing| viewing.last = past);
        state.swept = None;
        assert!(state.by_key.values().all(|viewing| !viewing.is_on(Instant::now())));
        state.sweep(Instant::now());
        assert!(state.by_key.is_empty());
    }
}
