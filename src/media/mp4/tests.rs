//! MP4 and QuickTime files made of their boxes.

mod chapters;
mod tracks;

use std::time::Duration;

use self::chapters::{chapter_tables, chapter_track};
use crate::limits::{MEDIA_TEXT_MAX, MEDIA_TRACKS_MAX, VIEW_INDEX_MAX};
use crate::media::describe;
use crate::media::description::{Container, Cover, Description, Dimensions, Faststart, Fault, TrackKind};

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), &content].concat()
}

fn described(mut file: &[u8]) -> Description {
    describe(&mut file).expect("memory does not fail")
}

fn ftyp(brand: &[u8; 4]) -> Vec<u8> {
    boxed(b"ftyp", &[brand, &[0; 4]])
}

/// mvhd or mdhd of version 0.
fn times(kind: &[u8; 4], scale: u32, units: u32, language: u16) -> Vec<u8> {
    boxed(kind, &[&[0; 12], &scale.to_be_bytes(), &units.to_be_bytes(), &language.to_be_bytes(), &[0; 2]])
}

const UPRIGHT: [u32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];
const TURNED: [u32; 9] = [0, 1 << 16, 0, u32::MAX << 16, 0, 0, 0, 0, 1 << 30];

struct Track<'a> {
    id: u32,
    flags: u8,
    matrix: [u32; 9],
    handler: &'a [u8; 4],
    handler_name: &'a [u8],
    language: u16,
    external: bool,
    /// The entry of stsd, and the other sample tables.
    entry: Vec<u8>,
    tables: Vec<u8>,
    /// Boxes beside those of media.
    more: Vec<u8>,
    /// Boxes beside those of media, in mdia.
    more_media: Vec<u8>,
}

impl Default for Track<'_> {
    fn default() -> Self {
        Track {
            id: 1,
            flags: 3,
            matrix: UPRIGHT,
            handler: b"vide",
            handler_name: b"VideoHandler\0",
            language: packed(b"und"),
            external: false,
            entry: video(b"avc1", &boxed(b"avcC", &[&[1, 0x64, 0, 0x1f]])),
            tables: Vec::new(),
            more: Vec::new(),
            more_media: Vec::new(),
        }
    }
}

impl Track<'_> {
    fn audio() -> Self {
        Track { handler: b"soun", handler_name: b"", entry: audio(b"ac-3", &[]), ..Track::default() }
    }

    fn build(&self) -> Vec<u8> {
        let matrix: Vec<u8> = self.matrix.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        let size = [160_u32 << 16, 90 << 16].map(u32::to_be_bytes).concat();
        let head = [[0, 0, 0, self.flags], [0; 4], [0; 4], self.id.to_be_bytes()].concat();
        let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &self.entry]);
        let reference = boxed(b"url ", &[&[0, 0, 0, u8::from(!self.external)]]);
        let dinf = boxed(b"dinf", &[&boxed(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1], &reference])]);
        let minf = boxed(b"minf", &[&dinf, &boxed(b"stbl", &[&stsd, &self.tables])]);
        let hdlr = boxed(b"hdlr", &[&[0; 8], self.handler, &[0; 12], self.handler_name]);
        let mdhd = times(b"mdhd", 1000, 4000, self.language);
        let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &self.more_media, &minf]);
        boxed(b"trak", &[&boxed(b"tkhd", &[&head, &[0; 24], &matrix, &size]), &self.more, &mdia])
    }
}

fn packed(language: &[u8; 3]) -> u16 {
    language.iter().fold(0, |packed, letter| packed << 5 | u16::from(letter - 0x60))
}

fn video(code: &[u8; 4], children: &[u8]) -> Vec<u8> {
    boxed(code, &[&[0; 24], &[0, 160, 0, 90], &[0; 50], children])
}

fn audio(code: &[u8; 4], children: &[u8]) -> Vec<u8> {
    boxed(code, &[&[0; 16], &[0, 2, 0, 16], &[0; 8], children])
}

fn esds(object: u8, config: &[u8]) -> Vec<u8> {
    let config = [&[5, 0x80, 0x80, config.len() as u8], config].concat();
    let decoder = [&[4, 13 + config.len() as u8, object], [0; 12].as_slice(), &config].concat();
    boxed(b"esds", &[&[0; 4], &[3, 3 + decoder.len() as u8, 0, 1, 0], &decoder])
}

fn moov(parts: &[&[u8]]) -> Vec<u8> {
    boxed(b"moov", &[&times(b"mvhd", 600, 2550, 0), &parts.concat()])
}

fn film(parts: &[&[u8]]) -> Vec<u8> {
    [ftyp(b"isom"), moov(parts), boxed(b"mdat", &[b"samples"])].concat()
}

fn item(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    boxed(kind, &[&boxed(b"data", &[&[0; 8], data])])
}

fn udta(items: &[&[u8]]) -> Vec<u8> {
    boxed(b"udta", &[&boxed(b"meta", &[&[0; 4], &boxed(b"hdlr", &[&[0; 24]]), &boxed(b"ilst", items)])])
}

fn full_film() -> Vec<u8> {
    let items = [item(b"\xa9nam", "Ñight".as_bytes()), item(b"\xa9ART", b"A"), item(b"\xa9alb", b"B")].concat();
    let user = udta(&[&items, &item(b"covr", b"\xff\xd8\xff\xe0picture")]);
    let sound = Track { id: 2, flags: 2, language: packed(b"ger"), ..Track::audio() };
    film(&[&Track::default().build(), &sound.build(), &user])
}

#[test]
fn a_film_is_described() {
    let file = full_film();
    let described = described(&file);
    assert_eq!(described.container, Some(Container::Mp4));
    assert_eq!(described.duration, Some(Duration::from_millis(4250)));
    let texts = [described.title, described.artist, described.album].map(|text| text.expect("a text"));
    assert_eq!(texts, ["Ñight", "A", "B"]);
    let [picture, sound] = described.tracks.try_into().expect("two tracks");
    assert_eq!(picture.kind, TrackKind::Video(Dimensions { width: 160, height: 90 }));
    assert_eq!((picture.codec.parameter.as_str(), picture.codec.name), ("avc1.64001f", "H.264"));
    assert_eq!((picture.language, picture.title, picture.is_default), (None, None, true));
    assert_eq!(sound.kind, TrackKind::Audio { channels: 2 });
    assert_eq!((sound.language.as_deref(), sound.is_default), (Some("de"), false));
    let Some(Cover { bytes, content_type: "image/jpeg" }) = described.cover else { panic!("no cover") };
    assert_eq!(&file[bytes.start as usize..bytes.end as usize], b"\xff\xd8\xff\xe0picture");
    assert_eq!((described.faststart, described.faults), (Faststart::NotNeeded, vec![]));
}

#[test]
fn the_first_box_tells_mp4_from_quicktime() {
    for (first, container) in [
        (ftyp(b"isom"), Container::Mp4),
        (ftyp(b"M4A "), Container::Mp4),
        (ftyp(b"qt  "), Container::QuickTime),
        (boxed(b"wide", &[]), Container::QuickTime),
        // Section 4.3.1: read as one with the brand mp41.
        (vec![], Container::Mp4),
    ] {
        assert_eq!(described(&[first, moov(&[])].concat()).container, Some(container));
    }
    assert_eq!(described(b"plain text, no box").container, None);
}

#[test]
fn the_duration_is_that_of_the_film_its_tracks_or_its_fragments() {
    let track = Track::default().build();
    let film =
        |header: Vec<u8>, more: &[u8]| described(&[ftyp(b"isom"), boxed(b"moov", &[&header, &track, more])].concat());
    let long = |scale: u32, units: u64| boxed(b"mvhd", &[&[1], &[0; 19], &scale.to_be_bytes(), &units.to_be_bytes()]);
    let mvex = |mehd: &[u8]| boxed(b"mvex", &[mehd]);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(film(times(b"mvhd", 10, 25, 0), &[]).duration, Some(Duration::from_millis(2500)));
    assert_eq!(film(long(1, u64::MAX - 1), &[]).duration, seconds(u64::MAX - 1));
    for header in
        [times(b"mvhd", 10, 0, 0), times(b"mvhd", 0, 5, 0), times(b"mvhd", 1, u32::MAX, 0), long(1, u64::MAX), vec![]]
    {
        assert_eq!(film(header, &[]).duration, seconds(4));
    }
    let header = times(b"mvhd", 10, 25, 0);
    assert_eq!(film(header.clone(), &mvex(&boxed(b"mehd", &[&[0; 4], &[0, 0, 0, 70]]))).duration, seconds(7));
    assert_eq!(
        film(header.clone(), &mvex(&boxed(b"mehd", &[&[1, 0, 0, 0], &70_u64.to_be_bytes()]))).duration,
        seconds(7)
    );
    assert_eq!(film(header, &mvex(&[])).duration, None, "that of the first fragment says nothing");
}

#[test]
fn a_segment_index_has_the_duration_of_the_whole_file_only() {
    let head = [ftyp(b"iso5"), moov(&[&boxed(b"mvex", &[])])].concat();
    let fragments = [boxed(b"moof", &[]), boxed(b"mdat", &[&[7; 400]])].concat();
    let index = |first: u8, size: u32, units: u32| {
        let entry = |size: u32| [size, units, 0].map(u32::to_be_bytes).concat();
        let entries = [entry(size), entry(200)].concat();
        boxed(b"sidx", &[&[0; 8], &[0, 0, 0, 100], &[0; 7], &[first], &[0, 0, 0, 2], &entries])
    };
    let sidx = |size| index(0, size, 500);
    for (size, duration) in [(216, Some(Duration::from_secs(10))), (0, None)] {
        let described = described(&[head.clone(), sidx(size), fragments.clone()].concat());
        assert_eq!((described.duration, described.faststart), (duration, Faststart::NotNeeded));
    }
    // An index for each track, of which the longest is that of the film.
    let length = sidx(216).len() as u8;
    for (units, next) in [(500, 600), (600, 500)] {
        let indexes = [index(length, 216, units), index(0, 216, next)].concat();
        let described = described(&[head.clone(), indexes, fragments.clone()].concat());
        assert_eq!(described.duration, Some(Duration::from_secs(12)));
    }
}

#[test]
fn a_cover_is_jpeg_or_png_by_its_bytes_and_lies_in_the_file() {
    for (picture, content_type) in [
        (&b"\xff\xd8\xff\xe0"[..], Some("image/jpeg")),
        (b"\x89PNG\r\n\x1a\n", Some("image/png")),
        (b"GIF89a", None),
        (b"<svg onload=alert(1)>", None),
        (b"", None),
    ] {
        let cover = described(&film(&[&udta(&[&item(b"covr", picture)])])).cover;
        assert_eq!(cover.map(|cover| cover.content_type), content_type);
    }
    let mut beyond = item(b"covr", b"\xff\xd8\xff\xe0");
    beyond[8..12].copy_from_slice(&1000_u32.to_be_bytes());
    assert_eq!(described(&film(&[&udta(&[&beyond])])).cover, None);
}

#[test]
fn texts_are_clean_and_short() {
    let long = "x".repeat(3000);
    let described =
        described(&film(&[&udta(&[&item(b"\xa9nam", b" a\x1b\nb\xff "), &item(b"\xa9ART", long.as_bytes())])]));
    assert_eq!(described.title.as_deref(), Some("ab\u{fffd}"));
    assert_eq!(described.artist.map(|artist| artist.len()), Some(MEDIA_TEXT_MAX));
    let quicktime = boxed(b"udta", &[&boxed(b"\xa9nam", &[b"\0\x03\x55\xc4Sea"]), &[0; 4]]);
    let described = super::tests::described(&film(&[&quicktime]));
    assert_eq!((described.title.as_deref(), described.faults), (Some("Sea"), vec![]));
}

#[test]
fn an_index_behind_can_be_moved_unless_something_is_in_the_way() {
    let mdat = || boxed(b"mdat", &[b"samples"]);
    let behind = |parts: &[&[u8]]| [ftyp(b"isom"), mdat(), moov(parts)].concat();
    let iloc = boxed(b"meta", &[&[0; 4], &boxed(b"iloc", &[])]);
    let open = [&[0, 0, 0, 0], b"mdat".as_slice(), &moov(&[])].concat();
    let large = vec![0; VIEW_INDEX_MAX];
    for (file, reason) in [
        (behind(&[&Track::default().build()]), None),
        ([behind(&[]), mdat()].concat(), None),
        (behind(&[&Track { external: true, ..Track::default() }.build()]), Some("other files")),
        (behind(&[&boxed(b"mvex", &[])]), Some("fragments")),
        ([behind(&[]), boxed(b"moof", &[])].concat(), Some("fragments")),
        (behind(&[&boxed(b"cmov", &[])]), Some("compressed")),
        ([behind(&[]), moov(&[])].concat(), Some("more than one")),
        ([behind(&[]), iloc].concat(), Some("positions")),
        (behind(&[&boxed(b"free", &[&large])]), Some("16 MiB")),
        ([ftyp(b"isom"), open].concat(), Some("no index")),
        (behind(&[&Track::default().build()])[..200].to_vec(), Some("cut off")),
    ] {
        match (described(&file).faststart, reason) {
            (Faststart::Possible, None) => {}
            (Faststart::Impossible(sentence), Some(reason)) if sentence.contains(reason) => {}
            (faststart, _) => panic!("{faststart:?} instead of {reason:?}"),
        }
    }
}

#[test]
fn a_file_that_ends_early_says_how_much_is_missing() {
    let file = [ftyp(b"isom"), moov(&[&Track::default().build()]), boxed(b"mdat", &[&[7; 1000]])].concat();
    for missing in [1, 500, 999] {
        let described = described(&file[..file.len() - missing]);
        assert_eq!(described.faults, [Fault::Truncated { missing: missing as u64 }]);
        assert_eq!(described.tracks.len(), 1);
    }
    for rest in [&b"\0\0\0"[..], &[0; 8], &[0; 5000], b"\x12\x34\x56\x78\xff\xfe\x01\x02junk"] {
        assert_eq!(described(&[&file, rest].concat()).faults, [], "{rest:?}");
    }
}

#[test]
fn a_file_without_an_index_is_malformed() {
    for file in [ftyp(b"isom"), [ftyp(b"isom"), boxed(b"mdat", &[b"x"])].concat(), boxed(b"free", &[])] {
        assert!(matches!(described(&file).faults[..], [Fault::Malformed(reason)] if reason.contains("moov")));
    }
}

#[test]
fn tracks_and_boxes_are_counted() {
    let track = Track::audio().build();
    assert_eq!(described(&film(&[&track.repeat(MEDIA_TRACKS_MAX + 5)])).tracks.len(), MEDIA_TRACKS_MAX);
    let described = described(&film(&[&track, &boxed(b"udta", &[&boxed(b"free", &[]).repeat(20_000)])]));
    assert_eq!(described.tracks.len(), 1);
    assert!(matches!(described.faults[..], [Fault::Malformed(_)]));
}

#[test]
fn a_file_cut_or_changed_at_any_byte_is_described_all_the_same() {
    let sound = Track { more: boxed(b"tref", &[&boxed(b"chap", &[&[0, 0, 0, 7]])]), ..Track::audio() };
    let chapters = chapter_track(chapter_tables(&[10, 20], &[5, 6, 7, 8]));
    let file = [full_film(), film(&[&sound.build(), &chapters])].concat();
    for end in 1..file.len() {
        assert!(described(&file[..end]).memory() < 100_000);
    }
    let (_, second) = file.split_at(full_film().len());
    for file in [full_film(), second.to_vec()] {
        for at in 0..file.len() {
            for byte in [0, 1, 7, 8, 0x7f, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] = byte;
                let described = described(&changed);
                assert!(described.memory() < 1_000_000);
                assert!(described.cover.is_none_or(|cover| cover.bytes.end <= file.len() as u64));
            }
        }
    }
}
