//! What is being played, as the page shows it.

use serde_json::Value;

use super::*;

impl Operated {
    fn status(&self) -> Value {
        serde_json::from_slice(&self.get("/status.json").body).expect("it is JSON")
    }

    fn viewings(&self) -> Vec<Value> {
        self.status()["viewings"].as_array().expect("a list").clone()
    }

    /// Asks for this range of the film as this program, and leaves after these bytes.
    fn play(&self, agent: &str, range: &str, taken: usize) -> Client {
        let mut player = self.server.connect();
        player.get("/film.mp4", &format!("User-Agent: {agent}\r\nRange: bytes={range}\r\n"));
        assert_eq!(player.head().status, 206);
        player.body(taken);
        player
    }
}

#[test]
fn parts_are_joined_into_viewings_with_position_and_waste() {
    let operated = Operated::start(&["--workers", "2"]);
    assert_eq!(operated.viewings(), Vec::<Value>::new());
    operated.play("one", "0-99999", 100_000);
    operated.play("one", "100000-149999", 50_000);
    let other = operated.play("other", "5000000-", 10_000);
    // Leaves with most of a part not taken.
    drop(operated.play("third", "0-", 1_000));
    // A page and an error are no viewing.
    operated.server.get("/small.txt", "User-Agent: one\r\n");
    operated.server.get("/missing.mp4", "User-Agent: one\r\n");
    let of =
        |agent: &str| operated.viewings().into_iter().find(|viewing| viewing["agent"] == agent).expect("a viewing");
    let number = |viewing: &Value, name: &str| viewing[name].as_u64().expect("a number") as usize;
    wait_until("all that is not paused has ended", || {
        number(&of("third"), "wasted") > 0 && number(&of("one"), "position") == 150_000
    });
    let viewings = operated.viewings();
    assert_eq!(viewings.len(), 3, "{viewings:?}");
    assert!(viewings.iter().all(|viewing| viewing["path"] == "film.mp4" && viewing["client"] == "127.0.0.1"));
    let one = of("one");
    assert_eq!(
        ["size", "position", "promised", "sent", "wasted"].map(|name| number(&one, name)),
        [FILM, 150_000, 150_000, 150_000, 0]
    );
    // A worker may still be sending when the client has received some of it.
    wait_until("the position is noted", || number(&of("other"), "position") >= 5_010_000);
    let paused = of("other");
    assert_eq!(number(&paused, "promised"), PART);
    assert_eq!(number(&paused, "position"), 5_000_000 + number(&paused, "sent"));
    assert!(number(&paused, "sent") < PART && number(&paused, "wasted") == 0);
    let third = of("third");
    assert_eq!(number(&third, "sent") + number(&third, "wasted"), PART);
    drop(other);
}

#[test]
fn hostile_names_are_data_in_json_and_nowhere_on_the_page() {
    let operated = Operated::start(&[]);
    let hostile = "</script><img src=x onerror=alert(1)>\"\\\u{1}";
    let path = "a \"<b>\" \\ film.mp4";
    std::fs::copy(operated.server.content.path().join("film.mp4"), operated.server.content.path().join(path))
        .expect("a file");
    let agent = &hostile[..hostile.len() - 1];
    let target =
        path.replace(' ', "%20").replace('"', "%22").replace('<', "%3C").replace('>', "%3E").replace('\\', "%5C");
    operated.server.get(&format!("/{target}"), &format!("User-Agent: {agent}\r\n"));
    wait_until("it is shown", || !operated.viewings().is_empty());
    let viewing = &operated.viewings()[0];
    assert_eq!((&viewing["path"], &viewing["agent"]), (&path.into(), &agent.into()));
    let answer = operated.get("/status.json");
    assert_eq!(answer.field("Content-Type"), Some("application/json"));
    assert_eq!(answer.field("X-Content-Type-Options"), Some("nosniff"), "a browser takes it for no page");
    let page = operated.get("/").body;
    assert!(!page.windows(7).any(|window| window == b"onerror"));
    let script = String::from_utf8(operated.get("/admin.js").body).expect("a text");
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(sink), "{sink}");
    }
}
