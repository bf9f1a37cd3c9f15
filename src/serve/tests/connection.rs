//! A connection that the test itself serves.

use super::*;
use crate::limits::{HEAD_MAX, UNFINISHED_HEADS_MAX};

#[test]
fn a_head_in_pieces_comes_from_a_slow_sender_only_after_50_ms() {
    let (_content, pool, _events) = pool_with(|settings| settings.head_timeout = Duration::from_millis(500));
    let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
    let mut worker = Worker::new(&pool);
    let began = Instant::now();
    let mut seen = Vec::new();
    client.write_all(b"GET / HTTP/1.1\r\nX: ").expect("the server receives");
    loop {
        client.write_all(b"x").expect("the server receives");
        thread::sleep(Duration::from_millis(1));
        let next = connection.run(Wakeup::Ready(Instant::now()), &mut worker, &mut ReadBuffer::new());
        let Next::Wait(interest) = next else { panic!("the head is unfinished") };
        let parked = connection.park(interest, &pool);
        seen.push(parked.interest);
        if parked.interest == Interest::SlowRead {
            break;
        }
        connection = parked.connection;
    }
    assert!(seen.len() > 2 && began.elapsed() >= Duration::from_millis(50), "{seen:?}");
}

#[test]
fn the_time_of_the_poll_is_the_arrival_of_one_request() {
    serving(|_, pool| {
        let request = GET_A.as_bytes();
        let then = Instant::now();
        let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
        let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
        let mut arrived_by = connection.arrived_by(&Wakeup::Ready(then));
        assert_eq!(arrived(&mut arrived_by, request), then);
        assert!(arrived(&mut arrived_by, request) > then, "another request may have arrived since");
        assert!(arrived(&mut Some(then), b"\r\nGET /") > then, "perhaps only the empty line had arrived");

        // Readiness for more of a response says nothing about a request.
        let mut worker = Worker::new(pool);
        let _nobody_waits_for_the_client = worker.try_block();
        client.write_all(request).expect("the server receives");
        while send(&connection, &[0; 4096], SendFlags::DONTWAIT).is_ok() {}
        let next = connection.run(Wakeup::New(Instant::now()), &mut worker, &mut ReadBuffer::new());
        assert_eq!(next, Next::Wait(Interest::Writable), "the client takes nothing");
        assert_eq!(connection.arrived_by(&Wakeup::Ready(then)), None);
    });
}

#[test]
fn a_wait_for_the_disk_gives_no_more_time_to_a_client_that_has_timed_out() {
    let (_content, pool, _events) = pool_with(|settings| settings.parts.size = Bytes(LARGE as u64));
    let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
    let (mut worker, mut read_buffer) = (Worker::new(&pool), ReadBuffer::new());
    let _nobody_waits_for_the_client = worker.try_block();
    client.write_all(GET_A.replace("a.txt", "large.bin").as_bytes()).expect("the server receives");
    let next = connection.run(Wakeup::New(Instant::now()), &mut worker, &mut read_buffer);
    assert_eq!(next, Next::Wait(Interest::Writable), "the client takes a part of the response");
    connection = connection.park(Interest::Writable, &pool).connection;
    pool.set_cold(true);
    let permit = permit(&pool).expect("no other holder");
    let next = connection.run(Wakeup::TimedOut, &mut worker, &mut read_buffer);
    assert_eq!(next, Next::WaitForDisk(permit.file_system()));
    let next = connection.run(Wakeup::DiskPermit(permit), &mut worker, &mut read_buffer);
    assert_eq!(next, Next::Close);
}

#[test]
fn the_oldest_unfinished_head_is_evicted_when_they_take_too_much_memory() {
    let patient = |settings: &mut Settings| {
        settings.max_connections = 1000;
        settings.head_timeout = Duration::from_secs(1000);
    };
    serving_with(patient, |address, pool| {
        let head = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: {}", "x".repeat(HEAD_MAX - 100));
        let fitting = UNFINISHED_HEADS_MAX / head.len();
        let mut clients = Vec::new();
        for sizes in [1, fitting - 1] {
            clients.extend((0..sizes).map(|_| asking(address, &head)));
            let until = Instant::now() + PATIENCE;
            while pool.unfinished_heads.taken() < clients.len() * head.len() {
                assert!(Instant::now() < until, "only {} bytes", pool.unfinished_heads.taken());
                thread::yield_now();
            }
        }
        let mut newest = asking(address, &head);
        assert!(answer(clients.swap_remove(0)).starts_with("HTTP/1.1 408 "), "the oldest");
        newest.write_all(b"\r\n\r\n").expect("the server receives");
        assert_is_a(&answer(newest));
        assert!(pool.unfinished_heads.taken() >= clients.len() * head.len(), "no other");
        assert_eq!(pool.counters.evicted.get(), 1);
    });
}
