//! More clients than the server may have.

use crate::support::*;

#[test]
fn who_comes_beyond_the_limit_reads_why_and_may_come_again() {
    let server = Server::start(&["--max-connections", "3", "--workers", "1"]);
    let mut admitted: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut admitted {
        client.get("/small.txt", "");
        assert_eq!(client.answer().status, 200);
    }
    let mut beyond: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut beyond {
        // The server may have answered and closed its side already; it still receives.
        client.get("/small.txt", "");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("Retry-After")), (503, Some("1")));
        assert_eq!(answer.field("Connection"), Some("close"));
        assert!(client.is_closed());
    }
    admitted.pop();
    wait_until("there is room again", || server.get("/small.txt", "").status == 200);
}
