//! The crowds, and what must hold beside each.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Client};
use crate::crowd::{self, Busy, Paused};
use crate::freshness::freshness;
use crate::probe::{Times, probe};
use crate::report::{Report, milliseconds};
use crate::server::{PART, SMALL, Server, Sight};
use crate::verify::verify;

pub struct Preset {
    pub name: &'static str,
    pub run: fn(&Path, &mut Report) -> io::Result<()>,
}

/// In the order in which they are run.
pub const ALL: &[Preset] = &[
    Preset { name: "idle-and-paused", run: idle_and_paused },
    Preset { name: "crowd", run: |program, report| crowd(program, report, 8, milli(10)) },
    Preset { name: "crowd-2-workers", run: |program, report| crowd(program, report, 2, milli(15)) },
    Preset { name: "idle-9000", run: idle_9000 },
    Preset { name: "readers", run: readers },
    Preset { name: "fairness", run: fairness },
    Preset { name: "burst", run: burst },
    Preset { name: "slow", run: slow },
    Preset { name: "overload", run: overload },
    Preset { name: "descriptors", run: descriptors },
    Preset { name: "ending", run: ending },
    Preset { name: "verify", run: verify },
    Preset { name: "freshness", run: freshness },
];

/// Not among them, because it takes 20 minutes.
pub const SOAK: Preset = Preset { name: "soak", run: soak };

fn milli(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The share of one processor that the server used between two samples.
fn processor_share(before: &Sight, after: &Sight) -> f64 {
    (after.cpu - before.cpu).as_secs_f64() / (after.at - before.at).as_secs_f64()
}

/// How long a crowd is observed.
const WATCHED: Duration = Duration::from_secs(5);

/// How long a crowd settles before it is measured.
const SETTLED: Duration = Duration::from_secs(1);

/// 500 idle and 200 paused clients on 4 workers.
fn idle_and_paused(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "4"], None)?;
    let _idle = crowd::idle(server.address, report.clients(500))?;
    let paused = Paused::open(server.address, report.clients(200))?;
    let (fresh, kept) = probe(server.address, report.clients(200));
    report.p99("fresh probe", &fresh, milli(10));
    report.p99("kept probe", &kept, milli(10));
    report.threads(&server.sight()?, 4);
    report.none_failed("paused readers that read on", paused.resume(&server.film));
    Ok(())
}

/// 1,000 idle, 500 paused, 300 dripping and 300 silent clients.
fn crowd(program: &Path, report: &mut Report, workers: usize, most: Duration) -> io::Result<()> {
    let server = Server::start(program, &["--workers", &workers.to_string()], None)?;
    let tries = report.clients(500);
    let (fresh_alone, kept_alone) = probe(server.address, tries);
    let before = server.sight()?;
    let _idle = crowd::idle(server.address, report.clients(1000))?;
    let readers = report.clients(500);
    let paused = Paused::open(server.address, readers)?;
    let dripping = Busy::dripping(server.address, report.clients(300))?;
    let _silent = crowd::silent(server.address, report.clients(300))?;
    thread::sleep(SETTLED);
    let hanging_on = server.sight()?;
    thread::sleep(report.time(WATCHED));
    let watched = server.sight()?;
    let (fresh, kept) = probe(server.address, tries);
    for (what, times, alone) in [("fresh probe", &fresh, &fresh_alone), ("kept probe", &kept, &kept_alone)] {
        report.p99(what, times, most.min(alone.p99() + milli(5)));
        report.none_failed("the same without the crowd", alone.failed);
    }
    let share = processor_share(&hanging_on, &watched);
    report.must_in_time("processor while they hang on", format!("{:.1} %", share * 100.0), "≤ 3 %", share <= 0.03);
    let (resident, pinned) = (watched.resident_bytes, watched.tcp_bytes.saturating_sub(before.tcp_bytes));
    report.must("resident memory", megabytes(resident), "≤ 24 MB", resident <= 24_000_000);
    let each = pinned / readers as u64;
    let kilobytes = format!("{} kB", each / 1000);
    report.must_in_time("TCP memory for each paused reader", kilobytes, "≤ 400 kB", each <= 400_000);
    report.threads(&watched, workers);
    let stats = dripping.stop();
    report.must("dripping clients", stats.why.unwrap_or("no error".into()), "no error", stats.failed == 0);
    report.none_failed("paused readers that read on", paused.resume(&server.film));
    Ok(())
}

/// 9,000 idle keep-alive connections.
fn idle_9000(program: &Path, report: &mut Report) -> io::Result<()> {
    let server =
        Server::start(program, &["--workers", "8", "--max-connections", "10000", "--idle-timeout", "300"], None)?;
    let _idle = crowd::idle(server.address, report.clients(9000))?;
    let (fresh, kept) = probe(server.address, report.clients(500));
    report.p99("fresh probe", &fresh, milli(15));
    report.p99("kept probe", &kept, milli(15));
    let resident = server.sight()?.resident_bytes;
    report.must("resident memory", megabytes(resident), "≤ 40 MB", resident <= 40_000_000);
    Ok(())
}

/// 64 readers of parts at full speed, without and with small requests beside them.
fn readers(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let part = Arc::new(server.film[..PART].to_vec());
    let mut rates = Vec::new();
    // Alternating, because the speed of a machine changes from one second to the next.
    for round in 0..6 {
        let readers = Busy::asking(server.address, report.clients(64), client::FILM, Arc::clone(&part), None)?;
        let began = Instant::now();
        if round % 2 == 0 {
            thread::sleep(report.time(WATCHED / 2));
        } else {
            let (mut fresh, kept) = (Times::default(), Times::default());
            while began.elapsed() < report.time(WATCHED / 2) {
                let (more_fresh, more_kept) = probe(server.address, 10);
                fresh.extend(more_fresh);
                fresh.extend(more_kept);
            }
            fresh.extend(kept);
            report.p99("small request", &fresh, milli(50));
        }
        let stats = readers.stop();
        rates.push(stats.bytes as f64 / began.elapsed().as_secs_f64());
        report.must("readers", stats.why.unwrap_or("no error".into()), "no error", stats.failed == 0);
    }
    let median = |start: usize| {
        let mut rates: Vec<f64> = rates.iter().skip(start).step_by(2).copied().collect();
        rates.sort_by(f64::total_cmp);
        rates[1]
    };
    let share = median(1) / median(0);
    let measured = format!("{:.0} % of {:.2} GB/s", share * 100.0, median(0) / 1e9);
    report.must_in_time("throughput with small requests beside", measured, "≥ 90 %", share >= 0.9);
    Ok(())
}

/// 512 keep-alive clients that ask without pause.
fn fairness(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let small = Arc::new(vec![b's'; SMALL]);
    let asking = Busy::asking(server.address, report.clients(512), client::SMALL, small, None)?;
    thread::sleep(report.time(WATCHED));
    let stats = asking.stop();
    report.must("clients", stats.why.unwrap_or("no error".into()), "no error", stats.failed == 0);
    let (most, least) = (stats.answers.iter().max(), stats.answers.iter().min());
    let (most, least) = (most.copied().unwrap_or(0), least.copied().unwrap_or(0));
    let ratio = most as f64 / least as f64;
    let measured = format!("{ratio:.2} ({most} : {least} answers)");
    report.must_in_time("the luckiest to the unluckiest", measured, "≤ 1.5", ratio <= 1.5);
    Ok(())
}

/// 2,000 connects in one burst.
fn burst(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let count = report.clients(2000);
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        let mut client = Client::connect(server.address)?;
        client.ask(client::SMALL)?;
        clients.push((began, client));
    }
    let mut times = Times::default();
    let mut body = Vec::new();
    for (began, client) in &mut clients {
        let answer = client.answer(&mut body).map(|status| status == 200 && body.len() == SMALL);
        times.add(*began, answer);
    }
    report.none_failed("clients", times.failed);
    let longest = times.percentile(1.0);
    report.must_in_time("the longest wait", milliseconds(longest), "< 1 s", longest < Duration::from_secs(1));
    Ok(())
}

/// 300 readers at 20 kB/s for a minute.
fn slow(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let part = Arc::new(server.film[..PART].to_vec());
    let slow = Busy::asking(server.address, report.clients(300), client::FILM, part, Some(20_000))?;
    let began = Instant::now();
    let (mut fresh, mut kept) = (Times::default(), Times::default());
    while began.elapsed() < report.time(Duration::from_secs(60)) {
        let (more_fresh, more_kept) = probe(server.address, 100);
        fresh.extend(more_fresh);
        kept.extend(more_kept);
    }
    let stats = slow.stop();
    let each = stats.bytes as f64 / report.clients(300) as f64 / began.elapsed().as_secs_f64();
    report.must("readers that were cut", format!("{} ({:.0} B/s each)", stats.failed, each), "0", stats.failed == 0);
    report.p99("fresh probe", &fresh, milli(10));
    report.p99("kept probe", &kept, milli(10));
    Ok(())
}

/// 600 clients with a limit of 200, all of which are in the middle of a part.
fn overload(program: &Path, report: &mut Report) -> io::Result<()> {
    let most = report.clients(200);
    let server = Server::start(program, &["--workers", "8", "--max-connections", &most.to_string()], None)?;
    let paused = Paused::open(server.address, most)?;
    let mut clients = crowd::silent(server.address, 2 * most)?;
    let mut body = Vec::new();
    let mut told = 0;
    for client in &mut clients {
        // The server may answer and close before the client has sent its request.
        let _ = client.ask(client::SMALL);
        told += usize::from(client.answer(&mut body).is_ok_and(|status| status == 503) && client.has_ended());
    }
    report.must("clients that read a 503 to its end", told, 2 * most, told == 2 * most);
    report.none_failed("paused readers that read on", paused.resume(&server.film));
    drop(clients);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        if Client::connect(server.address)?.fetch(client::SMALL, &mut body)? == 200 {
            break;
        }
    }
    let back = began.elapsed();
    report.must_in_time("back to normal after", milliseconds(back), "≤ 1 s", back <= Duration::from_secs(1));
    Ok(())
}

/// 200 clients with a limit of 64 descriptors.
fn descriptors(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], Some(64))?;
    let clients = crowd::silent(server.address, 200)?;
    thread::sleep(SETTLED);
    let before = server.sight()?;
    thread::sleep(report.time(WATCHED));
    let after = server.sight()?;
    let share = processor_share(&before, &after);
    report.must_in_time("processor", format!("{:.1} %", share * 100.0), "≤ 5 %", share <= 0.05);
    report.threads(&after, 8);
    drop(clients);
    let mut body = Vec::new();
    let began = Instant::now();
    let mut status = 0;
    while status != 200 && began.elapsed() < Duration::from_secs(10) {
        status =
            Client::connect(server.address).and_then(|mut client| client.fetch(client::SMALL, &mut body)).unwrap_or(0);
    }
    report.must("serves again when they have left", status, 200, status == 200);
    Ok(())
}

/// SIGTERM with 200 transfers under way.
fn ending(program: &Path, report: &mut Report) -> io::Result<()> {
    let mut server = Server::start(program, &["--workers", "8"], None)?;
    let count = report.clients(200);
    let paused = Paused::open(server.address, count)?;
    server.terminate();
    report.none_failed(&format!("{count} transfers"), paused.resume(&server.film));
    let status = server.wait()?;
    report.must("exit code", status, "exit status: 0", status.success());
    Ok(())
}

/// 20 minutes of all of it mixed.
fn soak(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let small = Arc::new(vec![b's'; SMALL]);
    let part = Arc::new(server.film[..PART].to_vec());
    let (mut fresh, mut kept) = (Times::default(), Times::default());
    let mut wrong = 0;
    let mut sights = Vec::new();
    // Each round connects the whole crowd again, and disconnects it.
    for _ in 0..20 {
        let began = Instant::now();
        let _silent = crowd::silent(server.address, report.clients(200))?;
        let _idle = crowd::idle(server.address, report.clients(500))?;
        let paused = Paused::open(server.address, report.clients(200))?;
        let busy = [
            Busy::dripping(server.address, report.clients(100))?,
            Busy::aborting(server.address, 50),
            Busy::asking(server.address, report.clients(16), client::SMALL, Arc::clone(&small), Some(50_000))?,
            Busy::asking(server.address, report.clients(8), client::FILM, Arc::clone(&part), None)?,
            Busy::asking(server.address, report.clients(100), client::FILM, Arc::clone(&part), Some(20_000))?,
        ];
        while began.elapsed() < report.time(Duration::from_secs(50)) {
            let (more_fresh, more_kept) = probe(server.address, 100);
            fresh.extend(more_fresh);
            kept.extend(more_kept);
        }
        sights.push(server.sight()?);
        wrong += paused.resume(&server.film);
        for busy in busy {
            wrong += busy.stop().failed;
        }
        thread::sleep((report.time(Duration::from_secs(60))).saturating_sub(began.elapsed()));
    }
    report.none_failed("clients of the crowd", wrong);
    report.p99("fresh probe", &fresh, milli(50));
    report.p99("kept probe", &kept, milli(50));
    let (early, late) = (sights[1], sights[sights.len() - 1]);
    report.threads(&late, 8);
    for (what, early, late, tolerance) in [
        ("resident memory", early.resident_bytes, late.resident_bytes, 2_000_000),
        ("descriptors", early.descriptors as u64, late.descriptors as u64, 50),
    ] {
        report.must(what, format!("{early} → {late}"), format!("± {tolerance}"), early.abs_diff(late) <= tolerance);
    }
    Ok(())
}
