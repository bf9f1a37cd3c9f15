//! Probes: what a client that requests a small file experiences.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Client};
use crate::server::SMALL;

/// How long each successful probe took, and how many failed.
#[derive(Clone, Debug, Default)]
pub struct Times {
    taken: Vec<Duration>,
    pub failed: usize,
}

impl Times {
    /// Counts a probe that began then; `Ok(true)` is a success.
    pub fn add(&mut self, began: Instant, result: io::Result<bool>) {
        match result {
            Ok(true) => self.taken.push(began.elapsed()),
            _ => self.failed += 1,
        }
    }

    pub fn extend(&mut self, more: Times) {
        self.taken.extend(more.taken);
        self.failed += more.failed;
    }

    /// The time that this share of the probes did not exceed.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort();
        let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
        sorted.get(place).copied().unwrap_or(Duration::MAX)
    }

    pub fn p99(&self) -> Duration {
        self.percentile(0.99)
    }
}

/// Fetches the small file this often, alternating between a new and a kept connection, with a short
/// rest.
pub fn probe(address: SocketAddr, tries: usize) -> (Times, Times) {
    let (mut fresh, mut kept) = (Times::default(), Times::default());
    let mut body = Vec::new();
    let mut old = Client::connect(address);
    for _ in 0..tries {
        let began = Instant::now();
        fresh.add(began, Client::connect(address).and_then(|mut client| fetch(&mut client, &mut body)));
        thread::sleep(REST);
        let began = Instant::now();
        kept.add(
            began,
            match &mut old {
                Ok(client) => fetch(client, &mut body),
                Err(error) => Err(error.kind().into()),
            },
        );
        thread::sleep(REST);
    }
    (fresh, kept)
}

const REST: Duration = Duration::from_millis(5);

fn fetch(client: &mut Client, body: &mut Vec<u8>) -> io::Result<bool> {
    let status = client.fetch(client::SMALL, body)?;
    Ok(status == 200 && body.len() == SMALL)
}
