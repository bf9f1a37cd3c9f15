//! Notifies the service manager of the state of the server (sd_notify(3)).

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

/// How often the state is looked at. Each change that is sent costs the service manager a wake-up.
const LOOK: Duration = Duration::from_secs(1);

/// How long each renewal lets a drain go on: several looks, as a busy machine may delay one.
const EXTENSION: Duration = Duration::from_secs(10);

/// What the service manager wants to know of a server.
pub trait Supervised {
    /// Whether it listens and has opened its content folder.
    fn is_ready(&self) -> bool;

    /// Whether it finishes what is under way and accepts nothing new.
    fn is_draining(&self) -> bool;

    /// Whether it has made progress since this was last asked.
    fn is_alive(&self) -> bool;

    /// One line about what it does.
    fn status(&self) -> String;
}

/// Sends notifications; clones send to the same place.
#[derive(Clone, Debug)]
pub struct ServiceManager {
    address: SocketAddr,
    /// How often it must hear that the server is alive; None for never.
    watchdog: Option<Duration>,
    /// Whether a failure has been logged.
    has_failed: Arc<AtomicBool>,
}

impl ServiceManager {
    /// The service manager that waits for notifications of this process, if there is one. What is
    /// malformed is logged and ignored.
    pub fn from_env() -> Option<Self> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let place = variable("NOTIFY_SOCKET")?;
        let Some(address) = socket_address(&place) else {
            log::warn!("NOTIFY_SOCKET is {place:?}; it must be an absolute path, or a name after @; it is not used");
            return None;
        };
        let watchdog = watchdog(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), std::process::id());
        Some(ServiceManager { address, watchdog, has_failed: Arc::default() })
    }

    /// Starts a thread that notifies it of every change until the process ends. `drain` is readable
    /// once the server drains, which it does for `drain_time` at most.
    pub fn watch(
        self,
        server: impl Supervised + Send + 'static,
        drain: Arc<impl std::os::fd::AsFd + Send + Sync + 'static>,
        drain_time: Duration,
    ) -> io::Result<()> {
        let run = move || self.run(&server, drain.as_fd(), drain_time);
        thread::Builder::new().name("notify".into()).spawn(run).map(drop)
    }

    /// Announces a reload, and its end after `reload` has returned.
    pub fn reload(&self, reload: impl FnOnce()) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
        reload();
        self.send("READY=1\n");
    }

    fn run(&self, server: &impl Supervised, drain: BorrowedFd, drain_time: Duration) -> ! {
        let mut state = State::default();
        let half = self.watchdog.map(|limit| limit / 2);
        loop {
            let now = Instant::now();
            self.send(&state.message(server, now, half, drain_time));
            let time = half.map_or(LOOK, |half| half.min(LOOK));
            if state.draining_until.is_some() {
                thread::sleep(time);
            } else {
                let time = Timespec::try_from(time).expect("it is at most a second");
                // An interrupted wait only ends early.
                let _ = poll(&mut [PollFd::from_borrowed_fd(drain, PollFlags::IN)], Some(&time));
            }
        }
    }

    fn send(&self, message: &str) {
        if message.is_empty() {
            return;
        }
        // A new socket each time, as the service manager may have been started again.
        let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(message.as_bytes(), &self.address));
        if let Err(error) = sent
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            log::warn!("cannot notify the service manager: {error}");
        }
    }
}

/// What has been sent.
#[derive(Debug, Default)]
struct State {
    is_ready: bool,
    draining_until: Option<Instant>,
    status: String,
    /// When it must next be said that the server is alive.
    next_beat: Option<Instant>,
}

impl State {
    /// The variables that have changed; empty if none has.
    fn message(
        &mut self,
        server: &impl Supervised,
        now: Instant,
        half_watchdog: Option<Duration>,
        drain_time: Duration,
    ) -> String {
        let mut message = String::new();
        if server.is_draining() {
            let until = *self.draining_until.get_or_insert_with(|| {
                message.push_str("STOPPING=1\n");
                now + drain_time
            });
            // The server itself ends the drain. If it fails to, the service manager does.
            if now < until && (message.starts_with("STOPPING") || server.is_alive()) {
                writeln!(message, "EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()).expect("a String takes it");
            }
        } else if !self.is_ready && server.is_ready() {
            self.is_ready = true;
            message.push_str("READY=1\n");
        }
        if let Some(half) = half_watchdog {
            let is_due = self.next_beat.is_some_and(|beat| now >= beat);
            if self.next_beat.is_none() || (is_due && server.is_alive()) {
                message.push_str("WATCHDOG=1\n");
                self.next_beat = Some(now + half);
            }
        }
        let status = server.status();
        if status != self.status {
            writeln!(message, "STATUS={status}").expect("a String takes it");
            self.status = status;
        }
        message
    }
}

/// The address of a socket: a path, or an abstract name after `@` (unix(7)).
fn socket_address(place: &OsStr) -> Option<SocketAddr> {
    match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(place).ok(),
        _ => None,
    }
}

/// How often the process with this number must say that it is alive.
fn watchdog(time: Option<OsString>, pid: Option<OsString>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.to_str().and_then(|pid| pid.parse().ok()) == Some(own));
    let time = time.filter(|_| is_ours)?;
    let micros = time.to_str().and_then(|text| text.parse().ok()).filter(|micros| *micros > 0);
    if micros.is_none() {
        log::warn!("WATCHDOG_USEC is {time:?}; it must be a number of microseconds; there is no watchdog");
    }
    micros.map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Default)]
    struct Server {
        is_ready: Cell<bool>,
        is_draining: Cell<bool>,
        is_alive: Cell<bool>,
    }

    impl Supervised for Server {
        fn is_ready(&self) -> bool {
            self.is_ready.get()
        }

        fn is_draining(&self) -> bool {
            self.is_draining.get()
        }

        fn is_alive(&self) -> bool {
            self.is_alive.get()
        }

        fn status(&self) -> String {
            if self.is_draining.get() { "draining".into() } else { "serving".into() }
        }
    }

    #[test]
    fn each_change_is_sent_once_and_a_beat_only_while_the_server_is_alive() {
        let (server, mut state, start) = (Server::default(), State::default(), Instant::now());
        let mut message = |server: &Server, seconds| {
            let now = start + Duration::from_secs(seconds);
            state.message(server, now, Some(Duration::from_secs(15)), Duration::from_secs(30))
        };
        assert_eq!(message(&server, 0), "WATCHDOG=1\nSTATUS=serving\n");
        server.is_ready.set(true);
        assert_eq!(message(&server, 1), "READY=1\n");
        assert_eq!(message(&server, 14), "");
        // The pool does not move, then it does.
        assert_eq!(message(&server, 15), "");
        server.is_alive.set(true);
        assert_eq!(message(&server, 16), "WATCHDOG=1\n");
        assert_eq!(message(&server, 30), "");
        server.is_draining.set(true);
        assert_eq!(message(&server, 30), "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000\nSTATUS=draining\n");
        assert_eq!(message(&server, 31), "EXTEND_TIMEOUT_USEC=10000000\nWATCHDOG=1\n");
        server.is_alive.set(false);
        assert_eq!(message(&server, 32), "");
        server.is_alive.set(true);
        assert_eq!(message(&server, 33), "EXTEND_TIMEOUT_USEC=10000000\n");
        // The drain timeout has passed.
        assert_eq!(message(&server, 60), "WATCHDOG=1\n");
    }

    #[test]
    fn a_place_is_a_path_or_an_abstract_name() {
        for (place, is_place) in [("/run/systemd/notify", true), ("@name", true), ("name", false), ("vsock:2:1", false)]
        {
            assert_eq!(socket_address(OsStr::new(place)).is_some(), is_place, "{place}");
        }
        assert!(socket_address(OsStr::new(&format!("/{}", "a".repeat(200)))).is_none());
    }

    #[test]
    fn a_watchdog_is_for_one_process() {
        for (time, pid, expected) in [
            (Some("30000000"), Some("7"), Some(30)),
            (Some("30000000"), None, Some(30)),
            (Some("30000000"), Some("8"), None),
            (Some("30000000"), Some("x"), None),
            (Some("0"), Some("7"), None),
            (Some("soon"), Some("7"), None),
            (None, Some("7"), None),
        ] {
            let found = watchdog(time.map(OsString::from), pid.map(OsString::from), 7);
            assert_eq!(found, expected.map(Duration::from_secs), "{time:?} {pid:?}");
        }
    }

    #[test]
    fn a_reload_is_announced_and_its_end() {
        let name = format!("reeld-reload-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a free name");
        let manager = ServiceManager { address, watchdog: None, has_failed: Arc::default() };
        let receive = || {
            let mut bytes = [0; 256];
            let length = socket.recv(&mut bytes).expect("a notification");
            String::from_utf8(bytes[..length].to_vec()).expect("a text")
        };
        manager.reload(|| assert!(receive().starts_with("RELOADING=1\nMONOTONIC_USEC=")));
        assert_eq!(receive(), "READY=1\n");
    }
}
