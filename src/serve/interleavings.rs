//! Properties that hold for every interleaving of threads; loom tries them all.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::pool::disk::{DiskPermit, DiskPermits};
use super::pool::inbox::PollInbox;
use super::pool::run_slots::RunSlots;
use super::pool::waker::Wake;
use crate::site::{FileSystem, Kind};

const LOCAL: FileSystem = FileSystem::numbered(0, Kind::Local);
const REMOTE: FileSystem = FileSystem::numbered(1, Kind::Remote);

/// A blocking queue, in place of the channel.
struct Queue<T> {
    items: Mutex<Vec<T>>,
    added: Condvar,
}

impl<T> Queue<T> {
    fn new() -> Arc<Self> {
        Arc::new(Queue { items: Mutex::new(Vec::new()), added: Condvar::new() })
    }

    fn push(&self, item: T) {
        self.items.lock().expect("no panic").push(item);
        self.added.notify_one();
    }

    fn pop(&self) -> T {
        let mut items = self.items.lock().expect("no panic");
        loop {
            match items.pop() {
                Some(item) => return item,
                None => items = self.added.wait(items).expect("no panic"),
            }
        }
    }
}

/// Three waiters for two file systems on two workers: each is delivered, and every permit is
/// released, even by a panic.
#[test]
fn no_permit_is_lost_and_no_waiter_is_forgotten() {
    loom::model(|| {
        let delivered = Queue::<(u8, DiskPermit<u8>)>::new();
        let queue = Arc::clone(&delivered);
        let two = NonZeroUsize::new(2).expect("not zero");
        let permits = DiskPermits::new(two, Box::new(move |waiter, permit| queue.push((waiter, permit))));
        let waiting: Vec<_> = [(1, LOCAL), (2, LOCAL), (3, REMOTE)]
            .into_iter()
            .map(|(waiter, file_system)| {
                let permits = Arc::clone(&permits);
                let wait = move || {
                    permits.wait(file_system, waiter);
                };
                if waiter == 1 {
                    wait();
                    None
                } else {
                    Some(thread::spawn(wait))
                }
            })
            .collect();
        let mut seen: Vec<u8> = Vec::new();
        for _ in 0..3 {
            let (waiter, permit) = delivered.pop();
            seen.push(waiter);
            let failing = AssertUnwindSafe(|| {
                let _permit = permit;
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(catch_unwind(failing).is_err());
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
        waiting.into_iter().flatten().for_each(|thread| thread.join().expect("no panic"));
        assert!(permits.try_acquire(LOCAL).is_some() && permits.try_acquire(REMOTE).is_some());
    });
}

/// A model of an eventfd, reduced to waking and resetting.
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().expect("no panic");
        while !*rung {
            rung = self.changed.wait(rung).expect("no panic");
        }
    }
}

impl Wake for Bell {
    fn wake(&self) {
        *self.rung.lock().expect("no panic") = true;
        self.changed.notify_one();
    }

    fn reset(&self) {
        *self.rung.lock().expect("no panic") = false;
    }
}

/// A poller sleeps only after it has drained its inbox.
#[test]
fn whatever_is_parked_wakes_the_poller() {
    loom::model(|| {
        let inbox = Arc::new(PollInbox::new(Bell { rung: Mutex::new(false), changed: Condvar::new() }));
        let parking: Vec<_> = (1..=2)
            .map(|item| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || inbox.park([item]))
            })
            .collect();
        let mut seen: Vec<u8> = Vec::new();
        while seen.len() < 2 {
            inbox.before_poll();
            let arrived = inbox.drain();
            if arrived.is_empty() {
                inbox.waker().wait();
            }
            seen.extend(arrived);
            inbox.after_poll();
        }
        parking.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

/// With one run slot, a worker that blocks lets another worker run the task that it waits for.
#[test]
fn a_blocking_worker_releases_its_run_slot() {
    loom::model(|| {
        let run_slots = Arc::new(RunSlots::new(NonZeroUsize::MIN));
        let (tasks, done) = (Queue::new(), Queue::new());
        let worker = || {
            let (run_slots, tasks, done) = (Arc::clone(&run_slots), Arc::clone(&tasks), Arc::clone(&done));
            thread::spawn(move || {
                let run_slot = run_slots.acquire();
                let blocks = tasks.pop();
                if blocks {
                    drop(run_slot);
                    done.pop();
                } else {
                    done.push(());
                }
            })
        };
        let workers = [worker(), worker()];
        tasks.push(false);
        tasks.push(true);
        workers.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}
