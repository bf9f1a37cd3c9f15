//! Matroska files made of their elements.

use std::time::Duration;

use crate::limits::{CHAPTERS_MAX, MEDIA_TRACKS_MAX};
use crate::media::describe;
use crate::media::description::{Chapter, Container, Cover, Description, Dimensions, Fault, Track, TrackKind};

/// An element, its length in 8 bytes.
fn element(id: u32, content: &[u8]) -> Vec<u8> {
    claiming(id, content.len() as u64, content)
}

/// An element that claims another length.
fn claiming(id: u32, length: u64, content: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().position(|byte| *byte != 0).expect("no id is 0")..];
    [id, &(1 << 56 | length).to_be_bytes(), content].concat()
}

/// An element of unknown length.
fn open(id: u32, content: &[u8]) -> Vec<u8> {
    claiming(id, (1 << 56) - 1, content)
}

fn parent(id: u32, children: &[Vec<u8>]) -> Vec<u8> {
    element(id, &children.concat())
}

fn header(document_type: &str) -> Vec<u8> {
    parent(0x1a45_dfa3, &[element(0x4282, document_type.as_bytes())])
}

fn file(children: &[Vec<u8>]) -> Vec<u8> {
    [header("matroska"), parent(0x1853_8067, children)].concat()
}

fn info() -> Vec<u8> {
    let duration = 2500_f64.to_be_bytes();
    parent(
        0x1549_a966,
        &[element(0x2a_d7b1, &[0x0f, 0x42, 0x40]), element(0x4489, &duration), element(0x7ba9, b"Night")],
    )
}

fn entry(kind: u8, codec: &str, others: &[Vec<u8>]) -> Vec<u8> {
    parent(0xae, &[element(0x83, &[kind]), element(0x86, codec.as_bytes()), others.concat()])
}

fn tracks() -> Vec<u8> {
    let video = parent(0xe0, &[element(0xb0, &[2, 0xd0]), element(0xba, &[2, 0x40])]);
    let config = element(0x63a2, &[1, 0x64, 0, 0x1f, 0xff]);
    let audio = parent(0xe1, &[element(0x9f, &[6])]);
    let names = [element(0x22_b59c, b"ger"), element(0x536e, b"Commentary"), element(0x88, &[0])];
    parent(
        0x1654_ae6b,
        &[
            entry(1, "V_MPEG4/ISO/AVC", &[config, video]),
            entry(2, "A_AC3", &[vec![audio], names.to_vec()].concat()),
            entry(0x11, "S_TEXT/UTF8", &[element(0x22_b59d, b"pt-BR")]),
        ],
    )
}

fn cluster() -> Vec<u8> {
    element(0x1f43_b675, &[0xe7, 0x81, 0])
}

fn atom(start: u8, title: &str) -> Vec<u8> {
    parent(0xb6, &[element(0x91, &[start, 0, 0, 0, 0]), parent(0x80, &[element(0x85, title.as_bytes())])])
}

fn chapters() -> Vec<u8> {
    let hidden = parent(0xb6, &[element(0x91, &[0]), element(0x98, &[1])]);
    let editions = [parent(0x45b9, &[atom(0, "One"), hidden, atom(1, "Two")]), parent(0x45b9, &[atom(0, "Other")])];
    parent(0x1043_a770, &editions)
}

fn attached(name: &str, content: &[u8]) -> Vec<u8> {
    parent(0x61a7, &[element(0x466e, name.as_bytes()), element(0x465c, content)])
}

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture of some";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n another one";

fn tags() -> Vec<u8> {
    let simple = |name: &str, value: &str| {
        parent(0x67c8, &[element(0x45a3, name.as_bytes()), element(0x4487, value.as_bytes())])
    };
    parent(0x1254_c367, &[parent(0x7373, &[simple("ARTIST", "Somebody"), simple("ALBUM", "Something")])])
}

/// A list of the positions of the elements that follow it and some clusters.
fn seek_head(gap: u64, following: &[Vec<u8>]) -> Vec<u8> {
    let list = |start: u64| {
        let mut position = start;
        let seeks = following.iter().map(|element| {
            let seek =
                parent(0x4dbb, &[self::element(0x53ab, &element[..4]), self::element(0x53ac, &position.to_be_bytes())]);
            position += element.len() as u64;
            seek
        });
        parent(0x114d_9b74, &seeks.collect::<Vec<_>>())
    };
    list(list(0).len() as u64 + gap)
}

#[track_caller]
fn described(bytes: &[u8]) -> Description {
    let mut source = bytes;
    describe(&mut source).expect("memory does not fail")
}

fn assert_is_the_film(film: &Description) {
    assert_eq!(film.duration, Some(Duration::from_millis(2500)));
    assert_eq!(film.title.as_deref(), Some("Night"));
    let track = |kind, parameter: &str, name, language: &str, title: Option<&str>, is_default| Track {
        kind,
        codec: crate::media::description::Codec { parameter: parameter.into(), name },
        language: Some(language.into()),
        title: title.map(String::from),
        is_default,
    };
    let video = TrackKind::Video(Dimensions { width: 720, height: 576 });
    let audio = TrackKind::Audio { channels: 6 };
    let expected = [
        track(video, "avc1.64001f", "H.264", "en", None, true),
        track(audio, "ac-3", "Dolby Digital (AC-3)", "de", Some("Commentary"), false),
        track(TrackKind::Subtitles, "srt", "SubRip", "pt-BR", None, true),
    ];
    assert_eq!(film.tracks, expected);
    assert_eq!(film.faults, []);
}

#[test]
fn a_film_is_described_wherever_its_elements_lie() {
    let attachments = parent(0x1941_a469, &[attached("back.png", PNG), attached("Cover.jpg", JPEG)]);
    let behind = [info(), tracks(), chapters(), attachments, tags()];
    let seeks = seek_head(cluster().len() as u64, &behind);
    for children in [
        [behind.as_slice(), &[cluster()]].concat(),
        [&[cluster(), cluster()], behind.as_slice()].concat(),
        [&[seeks, cluster()], behind.as_slice()].concat(),
    ] {
        let bytes = file(&children);
        let film = described(&bytes);
        assert_eq!(film.container, Some(Container::Matroska));
        assert_is_the_film(&film);
        let chapter = |start, title: &str| Chapter { start: Duration::from_nanos(start), title: title.into() };
        assert_eq!(film.chapters, [chapter(0, "One"), chapter(1 << 32, "Two")]);
        let Some(Cover { bytes: cover, content_type: "image/jpeg" }) = film.cover else { panic!("{:?}", film.cover) };
        assert_eq!(bytes[cover.start as usize..cover.end as usize], *JPEG);
        assert_eq!((film.artist.as_deref(), film.album.as_deref()), (Some("Somebody"), Some("Something")));
    }
}

#[test]
fn a_live_film_has_no_lengths_and_no_duration() {
    let film = [header("webm"), open(0x1853_8067, &[tracks(), open(0x1f43_b675, &[0xe7, 0x81, 0])].concat())].concat();
    let film = described(&film);
    assert_eq!(film.container, Some(Container::WebM));
    assert_eq!(film.duration, None);
    assert_eq!(film.tracks.len(), 3);
    assert_eq!(film.faults, []);
}

#[test]
fn a_film_that_is_cut_off_is_truncated_and_described_up_to_there() {
    let whole = file(&[info(), tracks(), cluster(), chapters()]);
    let segment = header("matroska").len() + 12;
    for length in segment..whole.len() {
        let film = described(&whole[..length]);
        let missing = (whole.len() - length) as u64;
        assert_eq!(film.faults, [Fault::Truncated { missing }], "{length}");
        assert_eq!(film.title.is_some(), length >= segment + info().len(), "{length}");
        assert_eq!(film.tracks.len() == 3, length >= segment + info().len() + tracks().len(), "{length}");
    }
    for length in 4..segment {
        assert_ne!(described(&whole[..length]).faults, [], "{length}");
    }
}

#[test]
fn each_byte_may_be_wrong() {
    let attachments = parent(0x1941_a469, &[attached("cover.jpg", JPEG)]);
    let behind = [info(), tracks(), chapters(), attachments, tags()];
    let whole = file(&[vec![seek_head(cluster().len() as u64, &behind), cluster()], behind.to_vec()].concat());
    for at in 0..whole.len() {
        for wrong in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = wrong;
            let film = described(&bytes);
            assert!(film.cover.is_none_or(|cover| cover.bytes.end <= bytes.len() as u64), "{at}");
        }
    }
}

#[test]
fn nothing_is_as_long_as_it_claims() {
    let whole = |children: &[Vec<u8>]| described(&file(children));
    let malformed = |film: &Description| matches!(film.faults[..], [Fault::Malformed(_)]);
    // A CodecPrivate of 1 TiB in a track entry of 100 bytes.
    let track = |private| parent(0x1654_ae6b, &[entry(1, "V_AV1", &[private])]);
    assert!(malformed(&whole(&[info(), track(claiming(0x63a2, 1 << 40, &[0; 100]))])));
    // A number of 9 bytes, a floating-point number of 5.
    assert!(malformed(&whole(&[parent(0x1549_a966, &[element(0x2a_d7b1, &[1; 9])])])));
    assert!(malformed(&whole(&[parent(0x1549_a966, &[element(0x4489, &[1; 5])])])));
    // No tracks; an id of 5 bytes; a length of 9.
    assert!(malformed(&whole(&[info()])));
    assert!(malformed(&whole(&[tracks(), vec![8; 16]])));
    assert!(malformed(&whole(&[tracks(), [&[0xec, 0][..], &[1; 14]].concat()])));
    // A title of 1 MiB is shortened, and a text in place of a cover is none.
    let title = parent(0x1549_a966, &[element(0x7ba9, &[b'a'; 1 << 20])]);
    let film = whole(&[title, tracks(), parent(0x1941_a469, &[attached("cover.jpg", b"<script>alert(1)</script>")])]);
    assert_eq!(film.title.map(|title| title.len()), Some(256));
    assert_eq!(film.cover, None);
    // A segment of 2^56 - 2 bytes.
    let film = described(&[header("matroska"), claiming(0x1853_8067, (1 << 56) - 2, &tracks())].concat());
    assert_eq!(film.tracks.len(), 3);
    assert!(matches!(film.faults[..], [Fault::Truncated { missing }] if missing > 1 << 55));
    // Durations that are none.
    for duration in [f64::NAN, f64::INFINITY, -1.0, f64::MAX, 0.0] {
        let info = parent(0x1549_a966, &[element(0x4489, &duration.to_be_bytes())]);
        assert_eq!(whole(&[info, tracks()]).duration, None, "{duration}");
    }
}

#[test]
fn nothing_is_as_many_as_the_file_has() {
    let entries = vec![entry(2, "A_OPUS", &[]); MEDIA_TRACKS_MAX + 1];
    let atoms = vec![atom(1, "One"); CHAPTERS_MAX + 1];
    let film = described(&file(&[parent(0x1654_ae6b, &entries), parent(0x1043_a770, &[parent(0x45b9, &atoms)])]));
    assert_eq!(film.tracks.len(), MEDIA_TRACKS_MAX);
    assert_eq!(film.chapters.len(), CHAPTERS_MAX);
    // Elements of two bytes.
    let voids = [0xec, 0x80].repeat(100_000);
    let film = described(&file(&[tracks(), voids]));
    assert_eq!(film.faults, [Fault::Malformed("It has more elements than any film.")]);
    // Lists of positions that lead to themselves and to each other.
    let itself = seek_head(0, &[]);
    let seek =
        |position: u8| parent(0x4dbb, &[element(0x53ab, &0x114d_9b74_u32.to_be_bytes()), element(0x53ac, &[position])]);
    let lists = [parent(0x114d_9b74, &[seek(0), seek(0), seek(200)]), itself, tracks(), cluster()];
    assert_eq!(described(&file(&lists)).tracks.len(), 3);
}

#[test]
fn an_encrypted_track_is_a_fault_once() {
    let encoding = |kind| parent(0x6d80, &[parent(0x6240, &[element(kind, &[])])]);
    let film =
        |kind| parent(0x1654_ae6b, &[entry(1, "V_VP9", &[encoding(kind)]), entry(2, "A_OPUS", &[encoding(kind)])]);
    assert_eq!(described(&file(&[film(0x5035)])).faults, [Fault::Encrypted]);
    // Compressed headers are common.
    assert_eq!(described(&file(&[film(0x5034)])).faults, []);
}

#[test]
fn a_picture_is_shown_as_wide_as_its_aspect_ratio_says() {
    let film = |others: &[Vec<u8>]| {
        let pixels = [element(0xb0, &[2, 0xd0]), element(0xba, &[2, 0x40])];
        let video = parent(0xe0, &[pixels.as_slice(), others].concat());
        let film = described(&file(&[parent(0x1654_ae6b, &[entry(1, "V_MPEG2", &[video])])]));
        film.video().map(|(_, dimensions)| (dimensions.width, dimensions.height))
    };
    let display =
        |width: &[u8], height: &[u8], unit| [element(0x54b0, width), element(0x54ba, height), element(0x54b2, &[unit])];
    assert_eq!(film(&[]), Some((720, 576)));
    assert_eq!(film(&display(&[4, 0], &[2, 0x40], 0)), Some((1024, 576)));
    assert_eq!(film(&display(&[16], &[9], 3)), Some((1024, 576)));
    assert_eq!(film(&display(&[16], &[0], 3)), Some((720, 576)));
    assert_eq!(film(&display(&[0xff; 8], &[1], 3)), Some((u32::MAX, 576)));
}

#[test]
fn codecs_have_the_parameters_of_rfc_6381() {
    let bitmap = [&[0; 16][..], b"XVID", &[0; 20]].concat();
    for (id, private, parameter, name) in [
        ("V_MPEG4/ISO/AVC", &[1, 0x4d, 0x40, 0x28][..], "avc1.4d4028", "H.264"),
        ("V_MPEGH/ISO/HEVC", &[1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 120], "hvc1.1.6.L120.B0", "HEVC (H.265)"),
        ("V_AV1", &[0x81, 0x08, 0x0c, 0], "av01.0.08M.08", "AV1"),
        ("V_VP8", &[], "vp8", "VP8"),
        ("V_VP9", &[], "vp9", "VP9"),
        ("V_VP9", &[1, 1, 2, 2, 1, 31, 3, 1, 10], "vp09.02.31.10", "VP9"),
        ("V_VP9", &[1, 1, 2, 2, 1, 31, 3, 1, 255], "vp9", "VP9"),
        ("V_MPEG4/ISO/ASP", &[], "mp4v.20", "MPEG-4 ASP"),
        ("V_MS/VFW/FOURCC", &bitmap, "mp4v.20", "MPEG-4 ASP"),
        ("V_MS/VFW/FOURCC", &[], "VMSVFWFOURCC", "unknown"),
        ("A_AAC", &[0x12, 0x10], "mp4a.40.2", "AAC"),
        ("A_AAC/MPEG4/LC/SBR", &[], "mp4a.40.2", "AAC"),
        ("A_AC3/BSID9", &[], "ac-3", "Dolby Digital (AC-3)"),
        ("A_EAC3", &[], "ec-3", "Dolby Digital Plus (E-AC-3)"),
        ("A_DTS/LOSSLESS", &[], "dtsc", "DTS"),
        ("A_MPEG/L3", &[], "mp3", "MP3"),
        ("A_PCM/INT/LIT", &[], "pcm", "PCM"),
        ("S_TEXT/ASS", &[], "ass", "SSA/ASS"),
        ("A_NEW/\", <", &[], "ANEW", "unknown"),
        ("", &[], "unknown", "unknown"),
    ] {
        let film = described(&file(&[parent(0x1654_ae6b, &[entry(1, id, &[element(0x63a2, private)])])]));
        let codec = &film.tracks[0].codec;
        assert_eq!((codec.parameter.as_str(), codec.name), (parameter, name), "{id}");
    }
}
