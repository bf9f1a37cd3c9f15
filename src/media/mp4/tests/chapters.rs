//! Chapters, those of Nero and those of QuickTime.

use super::*;
use crate::limits::CHAPTERS_MAX;
use crate::media::description::Chapter;

/// The sample tables of a text track with a chapter every second, two to a chunk.
pub fn chapter_tables(offsets: &[u32], sizes: &[u32]) -> Vec<u8> {
    let list = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let count = sizes.len() as u32;
    let stts = boxed(b"stts", &[&list(&[0, 1, count, 1000])]);
    let stsc = boxed(b"stsc", &[&list(&[0, 2, 1, 2, 1, 2, 2, 1])]);
    let stsz = boxed(b"stsz", &[&list(&[0, 0, count]), &list(sizes)]);
    [stts, stsc, stsz, boxed(b"stco", &[&list(&[0, offsets.len() as u32]), &list(offsets)])].concat()
}

pub fn chapter_track(tables: Vec<u8>) -> Vec<u8> {
    Track { id: 7, handler: b"text", entry: boxed(b"text", &[&[0; 51]]), tables, ..Track::default() }.build()
}

fn chapter(seconds: u64, title: &str) -> Chapter {
    Chapter { start: Duration::from_secs(seconds), title: title.into() }
}

#[test]
fn chapters_of_quicktime_are_the_samples_of_a_text_track() {
    let texts = [&b"\0\x04Dawn"[..], b"\0\x02Noon", b"\0\x06\xfe\xff\0D\0k", b"\0\0"];
    let front = [ftyp(b"M4B "), boxed(b"mdat", &texts)].concat();
    let at = ftyp(b"M4B ").len() as u32 + 8;
    let tables = chapter_tables(&[at, at + 12], &texts.map(|text| text.len() as u32));
    let sound = Track { more: boxed(b"tref", &[&boxed(b"chap", &[&[0, 0, 0, 7, 0, 0, 0, 8]])]), ..Track::audio() };
    let pictures = Track { id: 8, entry: video(b"jpeg", &[]), ..Track::default() };
    let index = moov(&[&chapter_track(tables), &pictures.build(), &sound.build()]);
    let described = described(&[front, index].concat());
    assert_eq!(described.chapters, [chapter(0, "Dawn"), chapter(1, "No"), chapter(2, "Dk"), chapter(3, "Chapter 4")]);
    assert_eq!(described.tracks.len(), 1, "neither the titles nor the pictures of chapters are a track");
    assert_eq!((described.faststart, described.faults), (Faststart::Possible, vec![]));
}

#[test]
fn chapters_are_bounded_whatever_their_tables_say() {
    let sound = Track { more: boxed(b"tref", &[&boxed(b"chap", &[&[0, 0, 0, 7]])]), ..Track::audio() };
    let list = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let stts = |list: &[u8]| boxed(b"stts", &[list]);
    let many = u32::MAX;
    for (in_chunk, chapters) in [(many, CHAPTERS_MAX), (0, 0)] {
        let tables = [
            stts(&list(&[0, many, many, 1000])),
            boxed(b"stsc", &[&list(&[0, 1, 1, in_chunk, 1])]),
            boxed(b"stsz", &[&list(&[0, many, many])]),
            boxed(b"stco", &[&list(&[0, 1, 8])]),
        ]
        .concat();
        let described = described(&film(&[&chapter_track(tables), &sound.build()]));
        assert_eq!(described.chapters.len(), chapters);
    }
    let tables = chapter_tables(&[u32::MAX, u32::MAX], &[u32::MAX; 4]);
    let described = described(&film(&[&chapter_track(tables), &sound.build()]));
    assert!(described.chapters.iter().all(|chapter| chapter.title.starts_with("Chapter ")), "no text lies there");
}

#[test]
fn chapters_of_nero_are_read_from_the_user_data() {
    let entry = |seconds: u64, title: &[u8]| {
        [&(seconds * 10_000_000).to_be_bytes(), [title.len() as u8].as_slice(), title].concat()
    };
    let chpl = boxed(b"chpl", &[&[1, 0, 0, 0], &[0; 4], &[2], &entry(0, b"Dawn"), &entry(9, b"")]);
    let described_chapters = described(&film(&[&boxed(b"udta", &[&chpl])]));
    assert_eq!(described_chapters.chapters, [chapter(0, "Dawn"), chapter(9, "Chapter 2")]);
    let lies = boxed(b"chpl", &[&[1, 0, 0, 0], &[0; 4], &[255], &entry(0, b"Dawn"), &u64::MAX.to_be_bytes(), &[255]]);
    let described = described(&film(&[&boxed(b"udta", &[&lies])]));
    assert_eq!(described.chapters.len(), 2);
    assert!(matches!(described.faults[..], [Fault::Malformed(_)]));
}
