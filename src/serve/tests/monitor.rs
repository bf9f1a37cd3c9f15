//! What a server shows of itself.

use super::*;

/// Asks until the server is alive or this many milliseconds are over.
fn becomes_alive(monitor: &Monitor, milliseconds: u64) -> bool {
    let until = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < until {
        if monitor.is_alive() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn a_server_is_alive_while_a_worker_and_both_pollers_move() {
    let (_content, pool, _events) = pool_with(|_| {});
    let monitor = Monitor(Arc::clone(&pool));
    let _finish = Finish(&pool.shutdown);
    let acceptor = pool.admission.acceptor();
    let poll = |inactive: bool| {
        let poller = move |pool: &Pool| match inactive {
            true => Poller::new(pool, &pool.inactive, None).run(),
            false => Poller::new(pool, &pool.active, Some(&pool.inactive)).run(),
        };
        spawn(&pool, "poller".into(), poller).expect("a thread");
    };
    poll(true);
    poll(false);
    assert!(!becomes_alive(&monitor, 50), "no worker runs");
    // The second worker hangs on a file system: it never runs here.
    spawn(&pool, "worker".into(), worker::work).expect("a thread");
    assert!(becomes_alive(&monitor, 30_000));
    assert!(becomes_alive(&monitor, 30_000), "an idle server goes on being alive");
    assert_eq!((monitor.workers(), monitor.connections()), (2, 0));
    drop(acceptor);
    pool.end();
}

#[test]
fn a_server_without_a_poller_is_not_alive() {
    let (_content, pool, _events) = pool_with(|_| {});
    let monitor = Monitor(Arc::clone(&pool));
    spawn(&pool, "worker".into(), worker::work).expect("a thread");
    let acceptor = pool.admission.acceptor();
    spawn(&pool, "poller".into(), |pool| Poller::new(pool, &pool.active, Some(&pool.inactive)).run())
        .expect("a thread");
    assert!(!becomes_alive(&monitor, 50), "the inactive poller does not run");
    drop(acceptor);
    pool.end();
}

#[test]
fn waits_for_the_disk_are_counted_until_they_end() {
    let late = |settings: &mut Settings| settings.stall_timeout = Duration::from_millis(200);
    let (_content, pool, events) = pool_with(late);
    let monitor = Monitor(Arc::clone(&pool));
    let listener = Listener::bind(Some("127.0.0.1"), 0, PATIENCE).expect("a free port");
    let address = listener.addresses().expect("it is bound")[0];
    let threads = start_threads(&pool, listener).expect("threads");
    {
        let _end = Finish(&pool.shutdown);
        let held = permit(&pool).expect("no other holder");
        pool.set_cold(true);
        let cold: Vec<TcpStream> = (0..5).map(|_| asking(address, GET_A)).collect();
        wait_for(&pool, 5);
        let Snapshot { disk_permits, waiting_for_disk, disk_waits, .. } = monitor.snapshot();
        assert_eq!((disk_permits, waiting_for_disk, disk_waits), (1, 5, 5));
        // No permit comes in time.
        cold.into_iter().for_each(|stream| assert!(!answer(stream).ends_with("text")));
        let Snapshot { disk_waits, waiting_for_disk, timeouts, .. } = monitor.snapshot();
        assert_eq!((disk_waits, waiting_for_disk, timeouts[3]), (5, 0, ("disk", 5)));
        drop(held);
        assert_eq!(monitor.snapshot().disk_permits, 0);
    }
    wait(threads, &events).expect("no thread panicked");
}
