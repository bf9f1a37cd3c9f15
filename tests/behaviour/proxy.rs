//! Clients behind a proxy. A test connects from 127.0.0.1 as the trusted proxy and from 127.0.0.2
//! as anyone else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::support::*;

const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ANYONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x07\xc0\0\x02\x01\0\x01\0\x02\x04\0\x01\0";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const GET: &[u8] = b"GET /small.txt HTTP/1.1\r\nHost: h\r\n\r\n";
const BROWSER: &str = "Accept: text/html\r\n";

fn behind_a_proxy(flags: &[&str]) -> Server {
    Server::start(&[&["--trusted-proxy", "127.0.0.1"], flags].concat())
}

fn from(address: Ipv4Addr, server: &Server) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::V4(address), 0).into()).expect("a loopback address");
    socket.connect(&server.address.into()).expect("the server listens");
    Client::new(socket.into())
}

/// Whether the server has received all that the client sent (proc(5), /proc/net/tcp).
fn is_read(client: &Client, server: &Server) -> bool {
    let end = |address: SocketAddr| format!(":{:04X}", address.port());
    let client = end(client.stream.local_addr().expect("it is connected"));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a text");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row[1].ends_with(&end(server.address)) && row[2].ends_with(&client));
    rows.next().is_some_and(|row| row[4].ends_with(":00000000"))
}

fn get(address: Ipv4Addr, server: &Server, target: &str, fields: &str) -> Answer {
    let mut client = from(address, server);
    client.get(target, fields);
    client.answer()
}

/// The clients in the access log, in order.
fn clients(server: Server) -> Vec<String> {
    let log = server.log();
    log.lines().map(|line| line.split(' ').next().expect("a client").to_string()).collect()
}

#[test]
fn the_access_log_shows_the_client_that_a_trusted_proxy_names() {
    let server = behind_a_proxy(&[]);
    let rows = [
        ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.8, 2001:db8::7, 127.0.0.1\r\n", "2001:db8::7"),
        ("Forwarded: for=\"[2001:db8::7]:4711\";proto=https\r\n", "2001:db8::7"),
        ("Forwarded: for=192.0.2.8\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7, nonsense\r\n", "127.0.0.1"),
        ("Forwarded: for=unknown\r\n", "127.0.0.1"),
        ("", "127.0.0.1"),
    ];
    // One connection, as a proxy sends the requests of several clients on it.
    let mut proxy = from(PROXY, &server);
    for (fields, _) in rows {
        proxy.get("/small.txt", fields);
        assert_eq!(proxy.answer().status, 200, "{fields:?}");
    }
    drop(proxy);
    assert_eq!(clients(server), rows.map(|(_, client)| client));
}

#[test]
fn what_anyone_else_says_of_the_client_is_ignored() {
    const FORGED: &str = "X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\nX-Forwarded-Prefix: /media\r\n\
                          X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n";
    for server in [behind_a_proxy(&[]), Server::start(&[])] {
        assert_eq!(get(ANYONE, &server, "/films", FORGED).field("Location"), Some("/films/"));
        let playlist = get(ANYONE, &server, "/film.mp4?m3u", FORGED);
        assert!(String::from_utf8_lossy(&playlist.body).contains("\nhttp://h/film.mp4?whole\n"), "{playlist:?}");
        assert_eq!(playlist.field("Vary"), Some("Host"));
        assert_eq!(clients(server), ["127.0.0.2", "127.0.0.2"]);
    }
}

#[test]
fn a_redirect_keeps_the_path_prefix() {
    let server = behind_a_proxy(&[]);
    for (prefix, location) in [
        ("/media", "/media/films/?a=1"),
        ("/media/", "/media/films/?a=1"),
        ("/", "/films/?a=1"),
        ("//evil.example", "/films/?a=1"),
        ("https://evil.example", "/films/?a=1"),
        ("/%2Fevil.example%0D%0AA:b", "/evil.example%0D%0AA%3Ab/films/?a=1"),
    ] {
        let answer = get(PROXY, &server, "/films?a=1", &format!("X-Forwarded-Prefix: {prefix}\r\n"));
        assert_eq!((answer.status, answer.field("Location")), (301, Some(location)), "{prefix}");
    }
}

#[test]
fn playlists_and_qr_codes_have_the_address_that_the_client_used() {
    const FIELDS: &str =
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: films.example\r\nX-Forwarded-Prefix: /media\r\n";
    let server = behind_a_proxy(&[]);
    server.wait_until_read();
    for target in ["/film.mp4?m3u", "/?m3u"] {
        let playlist = get(PROXY, &server, target, FIELDS);
        let text = String::from_utf8_lossy(&playlist.body);
        assert!(text.contains("\nhttps://films.example/media/film.mp4?whole\n"), "{text}");
        assert_eq!(playlist.field("Vary"), Some("Host, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Prefix"));
    }
    let page = get(PROXY, &server, "/film.mp4?play", &format!("{FIELDS}{BROWSER}"));
    let page = String::from_utf8_lossy(&page.body);
    assert!(page.contains("href=\"https://films.example/media/film.mp4?play\""), "{page}");
}

/// No header tells the pages of the prefix, so that they work behind any proxy.
#[test]
fn no_link_of_a_page_begins_at_the_root_of_the_host() {
    let server = Server::start(&[]);
    server.wait_until_read();
    for target in ["/film.mp4?play", "/films/", "/films/missing", "/films//a/b/", "/missing"] {
        let page = server.get(target, BROWSER);
        let page = String::from_utf8_lossy(&page.body);
        let (_, base) = target.split_at(1);
        let folders: Vec<&str> = base.split('?').next().expect("a path").split('/').collect();
        let mut links = 0;
        for link in page.split(['\n', '<']).flat_map(|tag| ["href=\"", "src=\""].map(|name| tag.split_once(name))) {
            let Some(link) = link.and_then(|(_, rest)| rest.split('"').next()) else { continue };
            assert!(!link.starts_with('/'), "{link} on {target}");
            let Some((up, asset)) = link.split_once(".reeld/") else { continue };
            assert_eq!(up.matches("../").count(), folders.len() - 1, "{link} on {target}");
            assert_eq!(server.get(&format!("/.reeld/{asset}"), "").status, 200);
            links += 1;
        }
        assert!(links >= 2, "{target}");
    }
}

#[test]
fn a_proxy_header_names_the_client_of_all_requests_after_it() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    for header in [LINE, BINARY, LOCAL, b"PROXY UNKNOWN\r\n"] {
        let mut proxy = from(PROXY, &server);
        proxy.send([header, GET, GET].concat());
        proxy.send(GET);
        for _ in 0..3 {
            assert_eq!(proxy.answer().body, b"small");
        }
    }
    let expected = [["192.0.2.7"; 3], ["192.0.2.7"; 3], ["127.0.0.1"; 3], ["127.0.0.1"; 3]].concat();
    assert_eq!(clients(server), expected);
}

#[test]
fn a_proxy_header_may_arrive_in_any_two_pieces() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    let mut cuts = 0;
    for header in [LINE, BINARY] {
        for cut in 1..=header.len() {
            let mut proxy = from(PROXY, &server);
            proxy.send(&header[..cut]);
            // Its end would come with the rest otherwise.
            wait_until("the piece is read", || is_read(&proxy, &server));
            proxy.send([&header[cut..], GET].concat());
            assert_eq!(proxy.answer().body, b"small", "cut at {cut}");
            cuts += 1;
        }
    }
    assert_eq!(clients(server), vec!["192.0.2.7"; cuts]);
}

/// With PROXY headers the proxy passes on the bytes of the client, who could write anything.
#[test]
fn after_a_proxy_header_the_fields_of_the_client_do_not_count() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    let mut proxy = from(PROXY, &server);
    proxy.send(LINE);
    proxy.get("/films", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Prefix: /media\r\n");
    assert_eq!(proxy.answer().field("Location"), Some("/films/"));
    drop(proxy);
    assert_eq!(clients(server), ["192.0.2.7"]);
}

#[test]
fn a_trusted_proxy_must_send_a_whole_proxy_header() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    for said in [
        GET,
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 192.0.2.300 192.0.2.1 1 2\r\n",
        &[&b"PROXY UNKNOWN "[..], &[b'a'; 100]].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ] {
        let mut proxy = from(PROXY, &server);
        proxy.send(said);
        let answer = proxy.answer();
        assert_eq!((answer.status, answer.field("Connection")), (400, Some("close")), "{}", said.escape_ascii());
    }
    let mut proxy = from(PROXY, &server);
    proxy.send([LINE, GET].concat());
    assert_eq!(proxy.answer().body, b"small", "the server goes on");
}

#[test]
fn anyone_else_is_served_without_a_proxy_header_and_refused_with_one() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    assert_eq!(get(ANYONE, &server, "/small.txt", "").body, b"small");
    for header in [LINE, BINARY, LOCAL] {
        let mut client = from(ANYONE, &server);
        client.send([header, GET].concat());
        assert_eq!(client.answer().status, 400, "{}", header.escape_ascii());
    }
    assert_eq!(clients(server), ["127.0.0.2"; 4]);
}

#[test]
fn a_proxy_header_must_arrive_in_time() {
    let server = behind_a_proxy(&["--proxy-protocol", "--head-timeout", "0.2"]);
    for piece in [&LINE[..1], &LINE[..30], &BINARY[..2], &BINARY[..20]] {
        let mut proxy = from(PROXY, &server);
        proxy.send(piece);
        assert_eq!(proxy.answer().status, 408, "{}", piece.escape_ascii());
    }
    // The request after a header that came in pieces has its own time.
    let mut proxy = from(PROXY, &server);
    proxy.send(&LINE[..5]);
    wait_until("the piece is read", || is_read(&proxy, &server));
    proxy.send(&LINE[5..]);
    proxy.stream.set_read_timeout(Some(Duration::from_millis(600))).expect("a timeout");
    let waited = proxy.stream.peek(&mut [0]).expect_err("the connection is idle, not late");
    assert_eq!(waited.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_health_check_that_connects_and_closes_is_not_logged() {
    let server = behind_a_proxy(&["--proxy-protocol"]);
    for said in [&b""[..], LOCAL, LINE] {
        let mut proxy = from(PROXY, &server);
        proxy.send(said);
        proxy.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        assert!(proxy.is_closed());
    }
    assert_eq!(server.log(), "");
}
