//! Views of films of a few boxes, whose media data depends on its position alone.

use std::io;

use proptest::prelude::*;

use super::*;
use film::Item::{self, Index, Raw};
use film::*;

mod film;
mod matroska;

/// Positions of each kind that a film has.
fn index(media: &[Range<u64>]) -> Vec<u8> {
    let positions = chunks(media);
    let narrow: Vec<u64> = positions.iter().copied().filter(|position| *position <= u32::MAX.into()).collect();
    let few = |positions: &[u64], count| positions.iter().copied().take(count).collect::<Vec<u64>>();
    boxed(
        "moov",
        &[
            boxed("mvhd", &[vec![0; 100]]),
            track("vide", &[stco(&narrow), table("saio", 0, 4, &few(&narrow, 1))]),
            track("soun", &[co64(&positions), table("saio", 1 << 24, 8, &few(&positions, 2))]),
            track("soun", &[stco(&few(&narrow, 2))]),
            boxed("udta", &[boxed("meta", &[vec![0; 4], boxed("ilst", &[vec![9; 40]])])]),
        ],
    )
}

/// Walks boxes that must fill this range, and collects the positions of media data, each with its
/// table.
fn walk(film: &Film, of: &Film, within: Range<u64>, kinds: &mut Vec<String>, positions: &mut Vec<u64>) {
    let mut at = within.start;
    while at < within.end {
        let head = film.bytes(at, 16, of);
        let kind = String::from_utf8_lossy(&head[4..8]).into_owned();
        let (header, length) = match u32::from_be_bytes(*head.first_chunk().expect("4")) {
            0 if kind != "moov" && kind != "mdat" => break, // The end of `udta`.
            0 => (8, within.end - at),
            1 => (16, u64::from_be_bytes(*head.last_chunk().expect("8"))),
            length => (8, u64::from(length)),
        };
        let content = at + header..at + length;
        assert!(length >= header && content.end <= within.end, "{kind} has {length} bytes at {at} of {within:?}");
        kinds.push(kind.clone());
        match &*kind {
            "moov" | "trak" | "mdia" | "minf" | "stbl" | "udta" => walk(film, of, content.clone(), kinds, positions),
            "stco" | "co64" | "saio" => {
                let bytes = film.bytes(content.start, (content.end - content.start) as usize, of);
                let width = if kind == "co64" || (kind == "saio" && bytes[0] == 1) { 8 } else { 4 };
                let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
                assert_eq!(number(&bytes[4..8]) as usize * width, bytes.len() - 8, "{kind}");
                positions.extend(bytes[8..].chunks(width).map(number));
            }
            _ => {}
        }
        at = content.end;
    }
}

fn walked(film: &Film, of: &Film) -> (Vec<String>, Vec<u64>) {
    let (mut kinds, mut positions) = Default::default();
    walk(film, of, 0..film.size(), &mut kinds, &mut positions);
    (kinds, positions)
}

fn view(film: &Film, changes: &Changes) -> Result<Film, &'static str> {
    let pieces = pieces(&mut film.clone(), changes).map_err(|error| match error {
        NoView::Refused(sentence) => sentence,
        NoView::Source(error) => panic!("{error}"),
    })?;
    let part = |piece| match piece {
        Piece::Memory(bytes, range) => Part::Bytes(bytes[range].to_vec()),
        Piece::File(range) => Part::Of(range),
    };
    Ok(Film { parts: pieces.into_iter().map(part).collect() })
}

const MOVED: Changes = Changes { audio: None, faststart: true };

/// What has to hold if the index moves; returns the kinds of box in the view.
fn assert_moved(film: &Film) -> Vec<String> {
    let view = view(film, &MOVED).expect("it moves");
    let ((_, before), (kinds, after)) = (walked(film, film), walked(&view, film));
    assert!(kinds.iter().position(|kind| kind == "moov") < kinds.iter().position(|kind| kind == "mdat"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "moov").count(), 1);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.into_iter().zip(after) {
        assert_eq!(film.bytes(before, 8, film), view.bytes(after, 8, film), "{before} became {after}");
    }
    kinds
}

#[test]
fn media_data_is_found_at_the_positions_of_a_moved_index() {
    let free = Item::Box("free", 33);
    let long = Item::Media { length: 1000, is_long: true };
    let last = Raw([&[0; 4][..], b"mdat", &[5; 50]].concat());
    for items in [
        vec![FTYP, mdat(1000), Index],
        vec![FTYP, free.clone(), mdat(1000), Index, free.clone()],
        vec![free.clone(), FTYP, Item::Box("wide", 0), long.clone(), free.clone(), Index],
        vec![FTYP, mdat(100), free.clone(), mdat(200), Index, mdat(300), free.clone(), long.clone()],
        vec![FTYP, mdat(100), Item::Box("uuid", 20), long, Index, free.clone(), last],
        vec![mdat(100), Index],
        vec![FTYP, mdat(100), Item::Box("meta", 0), Index, Raw(boxed("meta", &[])[..4].to_vec())][..4].to_vec(),
    ] {
        let kinds = assert_moved(&film(&items, index));
        assert!(kinds.contains(&"stco".to_string()), "{kinds:?}");
    }
    // The length of the last box may be missing, and any may have 64 bits.
    let open = film(&[FTYP, mdat(100), Index], |media| [&[0; 4], &index(media)[4..]].concat());
    assert_moved(&open);
    let long = |media: &[Range<u64>]| {
        let index = index(media);
        [&[0, 0, 0, 1][..], b"moov", &(index.len() as u64 + 8).to_be_bytes(), &index[8..]].concat()
    };
    assert_moved(&film(&[FTYP, mdat(100), Index, free], long));
}

#[test]
fn positions_take_64_bits_where_32_do_not_suffice() {
    let index = |position| {
        let tables = [stco(&[100, position]), table("saio", 0, 4, &[200])];
        boxed("moov", &[track("vide", &tables), track("soun", &[stco(&[300]), table("saio", 1 << 24, 8, &[400])])])
    };
    let largest = u64::from(u32::MAX) - index(0).len() as u64;
    for (position, overflows) in [(1000, false), (largest, false), (largest + 1, true), (u32::MAX.into(), true)] {
        let film = film(&[FTYP, mdat(4_400_000_000), Index, mdat(100)], |_| index(position));
        let kinds = assert_moved(&film).join(" ");
        assert_eq!(kinds.contains("stco"), !overflows, "{position}");
        assert_eq!(kinds.contains("co64"), overflows, "{position}");
    }
}

#[test]
fn an_index_in_front_stays() {
    for items in [vec![FTYP, Index, mdat(100)], vec![Index, mdat(10), Index], vec![FTYP, Index, Item::Box("moof", 8)]] {
        let mut film = film(&items, index);
        assert_eq!(pieces(&mut film, &MOVED).expect("itself"), [Piece::File(0..film.size())]);
    }
    for bytes in [&b""[..], b"x", b"\x1a\x45\xdf\xa3 not a film", b"ID3 a song of which nothing moves"] {
        let whole = edited(0..bytes.len() as u64, Vec::new());
        assert_eq!(pieces(&mut { bytes }, &MOVED).expect("itself"), whole);
    }
}

#[test]
fn what_cannot_be_moved_is_refused() {
    let around = |items: &[Item]| film(items, index);
    let within = |make: fn(&[Range<u64>]) -> Vec<u8>| film(&[FTYP, mdat(100), Index], make);
    let iloc = || boxed("iloc", &[vec![0; 8]]);
    for (film, reason) in [
        (around(&[FTYP, mdat(100), Item::Box("moof", 9), Index]), "fragments"),
        (around(&[FTYP, mdat(100), Index, Item::Box("mfra", 9)]), "fragments"),
        (around(&[FTYP, Item::Box("sidx", 9), mdat(100), Index]), "fragments"),
        (within(|_| boxed("moov", &[boxed("mvex", &[])])), "fragments"),
        (within(|_| boxed("moov", &[boxed("cmov", &[])])), "compressed"),
        (within(|_| boxed("moov", &[track_with("vide", dref(0), &[])])), "other files"),
        (within(|_| boxed("moov", &[track("vide", &[stco(&[132])])])), "within its index"),
        (within(|_| boxed("moov", &[track("vide", &[table("saio", 0, 4, &[140])])])), "within its index"),
        (
            within(|_| boxed("moov", &[track("vide", &[boxed("stco", &[vec![0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 40]])])])),
            "malformed",
        ),
        (within(|_| boxed("moov", &[vec![0, 0, 0, 7, 1, 2, 3, 4]])), "malformed"),
        (within(|_| boxed("moov", &[boxed("meta", &[vec![0; 4], boxed("iloc", &[])])])), "metadata"),
        (within(|_| boxed("moov", &[boxed("udta", &[boxed("meta", &[boxed("iloc", &[])])])])), "metadata"),
        (around(&[FTYP, Raw(boxed("meta", &[vec![0; 4], iloc()])), mdat(100), Index]), "metadata"),
        (around(&[FTYP, mdat(100), Index, Raw(boxed("meta", &[iloc()]))]), "metadata"),
        (around(&[FTYP, mdat(100), Item::Box("meta", 8), Raw(boxed("meta", &[iloc()])), Index]), "metadata"),
        (around(&[FTYP, mdat(100), Index, Index]), "more than one index"),
        (around(&[FTYP, mdat(100)]), "no index"),
        (around(&[FTYP, Raw([&[0; 4][..], b"mdat"].concat()), Index]), "no index"),
        (around(&[FTYP, mdat(100), Raw([&[0, 0, 0, 99][..], b"moov", &[0; 8]].concat())]), "ends before"),
        (within(|_| boxed("moov", &[boxed("free", &[vec![0; 16 << 20]])])), "larger than 16 MiB"),
        (around(&[&[FTYP, mdat(100)][..], &vec![Item::Box("free", 20_000); 300]].concat()), "more boxes"),
    ] {
        match view(&film, &MOVED) {
            Err(sentence) => assert!(sentence.contains(reason), "{sentence} instead of {reason}"),
            Ok(_) => panic!("it is not refused: {reason}"),
        }
    }
}

#[test]
fn one_of_several_audio_tracks_stays() {
    let layouts = [vec![FTYP, Index, mdat(1000)], vec![FTYP, mdat(1000), Index]];
    for film in layouts.map(|items| film(&items, index)) {
        for (audio, tracks) in [(1, "trak trak free"), (2, "trak free trak")] {
            let choice = Changes { audio: Some(audio), faststart: false };
            let view = view(&film, &choice).expect("it has two");
            assert_eq!(view.size(), film.size());
            let length = film.size() as usize;
            let bytes = [&film, &view].map(|source| source.bytes(0, length, &film));
            let differing = (0..length).filter(|at| bytes[0][*at] != bytes[1][*at]).count();
            // `trak` and `free` have a letter in common; the flags were 2 and are 3.
            assert_eq!(differing, 3 + 1);
            let kinds = walked(&view, &film).0.join(" ").replace(" tkhd", "");
            let kinds: Vec<&str> = kinds.split(' ').filter(|kind| ["trak", "free"].contains(kind)).collect();
            assert_eq!(kinds.join(" "), tracks);
            let both = Changes { audio: Some(audio), faststart: true };
            let both = self::view(&film, &both).expect("both");
            let kinds = walked(&both, &film).0;
            assert_eq!(kinds.iter().filter(|kind| *kind == "trak").count(), 2);
            assert_eq!(kinds[1], "moov");
        }
        for audio in [0, 3, usize::MAX] {
            let none = view(&film, &Changes { audio: Some(audio), faststart: false }).expect_err("it has two");
            assert!(none.contains("no audio track"), "{none}");
        }
    }
    let fragmented = |count| {
        let track = || track("soun", &[stco(&[])]);
        let boxes = [vec![boxed("mvex", &[])], (0..count).map(|_| track()).collect()].concat();
        let film = film(&[FTYP, Index], |_| boxed("moov", &boxes));
        view(&film, &Changes { audio: Some(1), faststart: false }).map(drop)
    };
    assert_eq!(fragmented(1), Ok(()));
    assert!(fragmented(2).expect_err("its fragments depend on each other").contains("fragments"));
    assert!(fragmented(65).expect_err("nobody chooses from them").contains("more audio tracks"));
}

#[test]
fn a_source_that_would_block_is_no_reason_to_refuse() {
    struct Blocking(Film, u64);
    impl Source for Blocking {
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
            if position >= self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.read_at(buffer, position)
        }
    }
    let film = film(&[FTYP, mdat(100_000), Index], index);
    for limit in [0, 1, 90_000] {
        let error = pieces(&mut Blocking(film.clone(), limit), &MOVED).expect_err("it cannot be read");
        assert!(matches!(error, NoView::Source(error) if error.kind() == io::ErrorKind::WouldBlock));
    }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        (0..60usize).prop_map(|length| Item::Box("free", length)),
        (16..300u64, any::<bool>()).prop_map(|(length, is_long)| Item::Media { length, is_long }),
        (4_294_900_000..4_300_000_000u64).prop_map(mdat),
    ];
    (prop::collection::vec(item, 0..8), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut items, at, named)| {
            items.insert(at.index(items.len() + 1), Index);
            items.splice(0..0, [mdat(50)]);
            items.splice(0..0, named.then_some(FTYP));
            items
        },
    )
}

proptest! {
    #[test]
    fn media_data_is_found_in_any_layout(items in items()) {
        assert_moved(&film(&items, index));
    }
}
