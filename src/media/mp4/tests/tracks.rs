//! Tracks and their codecs.

use super::*;

#[test]
fn a_turned_picture_has_its_sides_swapped() {
    for (matrix, width, height) in [(UPRIGHT, 160, 90), (TURNED, 90, 160)] {
        let track = Track { matrix, ..Track::default() };
        assert_eq!(described(&film(&[&track.build()])).video().expect("one").1, Dimensions { width, height });
    }
}

#[test]
fn codecs_and_channels_come_from_the_sample_description() {
    let full = |bytes: &[u8]| [&[0; 4], bytes].concat();
    let wave = boxed(b"wave", &[&boxed(b"frma", &[b"mp4a"]), &esds(0x40, &[0x11, 0xb0]), &[0, 0, 0, 8, 0, 0, 0, 0]]);
    let version_1 = boxed(b"mp4a", &[&[0; 8], &[0, 1], &[0; 6], &[0, 2], &[0; 10], &[0; 16], &wave]);
    let version_2 = boxed(b"lpcm", &[&[0; 8], &[0, 2], &[0; 6], &[0, 3], &[0; 22], &[0, 0, 0, 8], &[0; 20]]);
    for (entry, parameter, channels) in [
        (audio(b"mp4a", &esds(0x40, &[0x11, 0xb0])), "mp4a.40.2", 6),
        (audio(b"mp4a", &esds(0x6b, &[])), "mp4a.6B", 2),
        (audio(b"mp4a", &boxed(b"esds", &[&[0; 4], &[3, 0x85]])), "mp4a", 2),
        (version_1, "mp4a.40.2", 6),
        (version_2, "lpcm", 8),
        (audio(b"ac-3", &boxed(b"dac3", &[&[0x10, 0x3d, 0xe0]])), "ac-3", 6),
        (audio(b"ec-3", &boxed(b"dec3", &[&[6, 0, 0x20, 0x0f, 0]])), "ec-3", 6),
        (audio(b"ec-3", &boxed(b"dec3", &[&[6, 0]])), "ec-3", 2),
        (audio(b"Opus", &boxed(b"dOps", &[&[0, 1]])), "opus", 1),
        (audio(b"fLaC", &boxed(b"dfLa", &[&full(&[0; 16]), &[0x0a]])), "flac", 6),
        (audio(b"alac", &boxed(b"alac", &[&full(&[0; 9]), &[4]])), "alac", 4),
        (audio(b"d\"s,", &[]), "ds", 2),
    ] {
        let described = described(&film(&[&Track { entry, ..Track::audio() }.build()]));
        assert_eq!(described.faults, [], "{parameter}");
        assert_eq!(described.tracks[0].codec.parameter, parameter);
        assert_eq!(described.tracks[0].kind, TrackKind::Audio { channels }, "{parameter}");
    }
    for (entry, parameter) in [
        (video(b"hvc1", &boxed(b"hvcC", &[&[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 120]])), "hvc1.1.6.L120.90"),
        (video(b"av01", &boxed(b"av1C", &[&[0x81, 4, 12, 0]])), "av01.0.04M.08"),
        (video(b"vp09", &boxed(b"vpcC", &[&full(&[2, 41, 0xa2])])), "vp09.02.41.10"),
        (video(b"mp4v", &esds(0x20, &[0, 0, 1, 0xb0, 3])), "mp4v.20.3"),
        (video(b"apch", &[]), "apch"),
    ] {
        let described = described(&film(&[&Track { entry, ..Track::default() }.build()]));
        assert_eq!((described.tracks[0].codec.parameter.as_str(), described.faults), (parameter, vec![]));
    }
}

#[test]
fn an_encrypted_track_says_what_it_is_below() {
    let sinf = boxed(b"sinf", &[&boxed(b"frma", &[b"avc1"])]);
    let avcc = boxed(b"avcC", &[&[1, 0x64, 0, 0x1f]]);
    for (entry, parameter) in [
        (video(b"encv", &[avcc.clone(), sinf.clone()].concat()), "avc1.64001f"),
        (video(b"drmi", &[sinf, avcc].concat()), "avc1.64001f"),
        (video(b"encv", &[]), "encv"),
    ] {
        let described = described(&film(&[&Track { entry, ..Track::default() }.build()]));
        assert_eq!(described.tracks[0].codec.parameter, parameter);
        assert_eq!(described.faults, [Fault::Encrypted]);
    }
}

#[test]
fn a_language_is_a_tag_and_the_extended_one_wins() {
    let elng = |tag: &[u8]| boxed(b"elng", &[&[0; 4], tag, &[0]]);
    for (language, more_media, tag) in [
        (packed(b"ger"), vec![], Some("de")),
        (packed(b"deu"), vec![], Some("de")),
        (packed(b"gsw"), vec![], Some("gsw")),
        (packed(b"und"), vec![], None),
        (0, vec![], Some("en")),
        (11, vec![], Some("ja")),
        (0x7fff, vec![], None),
        (packed(b"por"), elng(b"pt-BR"), Some("pt-BR")),
        (packed(b"por"), elng(b"\x01\""), Some("pt")),
    ] {
        let track = Track { language, more_media, ..Track::audio() };
        assert_eq!(described(&film(&[&track.build()])).tracks[0].language.as_deref(), tag, "{language:x}");
    }
}

#[test]
fn a_track_has_the_title_that_people_gave_it() {
    let udta = |kind: &[u8; 4], text: &[u8]| boxed(b"udta", &[&boxed(kind, &[text])]);
    for (handler_name, more, title) in [
        (&b"SoundHandler\0"[..], vec![], None),
        (b"Core Media Audio", vec![], None),
        (b"\x0eApple Handlers", vec![], None),
        (b"Commentary\0", vec![], Some("Commentary")),
        (b"\x05Stars", vec![], Some("Stars")),
        (b"SoundHandler\0", udta(b"name", b"Director"), Some("Director")),
        (b"Other\0", udta(b"\xa9nam", b"\0\x04\x55\xc4Cast and more"), Some("Cast")),
        (b"", vec![], None),
    ] {
        let track = Track { handler_name, more, ..Track::audio() };
        assert_eq!(described(&film(&[&track.build()])).tracks[0].title.as_deref(), title);
    }
}
