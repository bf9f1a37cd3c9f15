//! Subtitles are read before the answer begins.

use super::*;

#[test]
fn subtitles_that_wait_for_a_disk_permit_hold_no_worker() {
    serving(|address, pool| {
        let held = permit(pool).expect("nobody else wants it");
        pool.set_cold(true);
        let get_subtitles = GET_A.replace("a.txt", "film.srt?vtt");
        let waiting: Vec<TcpStream> = (0..5).map(|_| asking(address, &get_subtitles)).collect();
        wait_for(pool, 5);
        let secret = GET_A.replace("a.txt", "confidential");
        assert!(answer(asking(address, &secret)).starts_with("HTTP/1.1 403 "));
        assert_eq!((pool.disk.counts(|_| true).1, pool.reads()), (5, 0));
        drop(held);
        for stream in waiting {
            let answer = answer(stream);
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\n\r\nWEBVTT\n"), "{answer:.400}");
            assert_eq!(answer.matches("-->").count(), 1000);
        }
        assert!(permit(pool).is_some(), "every permit has been given back");
    });
}
