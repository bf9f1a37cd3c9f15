//! Audio files made of their tags and frames.

use std::io;
use std::time::Duration;

use crate::media::describe;
use crate::media::description::{Container, Description, Dimensions, TrackKind};
use crate::media::source::Source;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture of some";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n another one";

/// Frames of 417 bytes of MPEG-1 layer III, 128 kbit/s, 44,100 Hz: 26 ms each.
fn mp3() -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0x64];
    frame.resize(417, 0);
    frame.repeat(8)
}

fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

fn id3(version: u8, flags: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let frames = frames.concat();
    [b"ID3", &[version, 0, flags][..], &synchsafe(frames.len()), &frames].concat()
}

fn frame(version: u8, id: &str, flags: u8, content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_be_bytes();
    match version {
        2 => [id.as_bytes(), &size[1..], content].concat(),
        3 => [id.as_bytes(), &size, &[0, flags], content].concat(),
        _ => [id.as_bytes(), &synchsafe(content.len()), &[0, flags], content].concat(),
    }
}

fn apic(kind: u8, picture: &[u8]) -> Vec<u8> {
    [b"\0image/jpeg\0", &[kind][..], b"words\0", picture].concat()
}

fn block(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], &(content.len() as u32).to_be_bytes()[1..], content].concat()
}

fn flac_picture(kind: u32, picture: &[u8]) -> Vec<u8> {
    let number = |number: usize| (number as u32).to_be_bytes();
    let type_and_words = [&number(10)[..], b"image/jpeg", &number(5), b"words"].concat();
    block(6, &[&kind.to_be_bytes()[..], &type_and_words, &[0; 16], &number(picture.len()), picture].concat())
}

fn flac(blocks: &[Vec<u8>]) -> Vec<u8> {
    // 44,100 Hz, one channel, 16 bits, 88,200 samples.
    let mut info = [0; 34];
    info[..18].copy_from_slice(&[16, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x40, 0xf0, 0, 1, 0x58, 0x88]);
    [b"fLaC".to_vec(), block(0, &info), blocks.concat(), block(0x81, &[0; 8])].concat()
}

fn wav() -> Vec<u8> {
    let format = [&[1, 0, 2, 0][..], &44_100_u32.to_le_bytes(), &176_400_u32.to_le_bytes(), &[4, 0, 16, 0]].concat();
    let chunk = |id: &[u8; 4], content: &[u8]| [id.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat();
    let content = [b"WAVE".to_vec(), chunk(b"fmt ", &format), chunk(b"data", &[0; 17_640])].concat();
    chunk(b"RIFF", &content)
}

#[track_caller]
fn described(bytes: &[u8]) -> Description {
    let mut source = bytes;
    describe(&mut source).expect("memory does not fail")
}

/// The bytes of the cover.
fn cover(bytes: &[u8]) -> Option<&[u8]> {
    described(bytes).cover.map(|cover| &bytes[cover.bytes.start as usize..cover.bytes.end as usize])
}

#[test]
fn tags_and_properties_of_audio_files_are_read() {
    let text = |version, id, text: &str| frame(version, id, 0, format!("\0{text}").as_bytes());
    let tag = id3(3, 0, &[text(3, "TIT2", "Tune"), text(3, "TPE1", "Somebody"), text(3, "TALB", "Some\x1bthing")]);
    let file = described(&[tag, mp3()].concat());
    assert_eq!(file.container, Some(Container::Mp3));
    assert_eq!(file.title.as_deref(), Some("Tune"));
    assert_eq!(file.artist.as_deref(), Some("Somebody"));
    assert_eq!(file.album.as_deref(), Some("Something"));
    assert!(file.duration.is_some_and(|duration| duration.as_millis().abs_diff(209) < 30), "{:?}", file.duration);
    for (bytes, parameter, channels, duration) in
        [(flac(&[]), "flac", 1, Duration::from_secs(2)), (wav(), "1", 2, Duration::from_millis(100))]
    {
        let file = described(&bytes);
        assert_eq!(file.tracks.len(), 1);
        assert_eq!(file.tracks[0].codec.parameter, parameter);
        assert_eq!(file.tracks[0].kind, TrackKind::Audio { channels });
        assert_eq!(file.duration, Some(duration), "{parameter}");
    }
}

#[test]
fn a_film_in_ogg_has_a_video_track() {
    let theora = b"\x80theora\x03\x02\x01\0\x28\0\x1e\0\x02\x80\0\x01\xe0\0\0";
    let film = [b"OggS\0\x02", &[0; 22][..], theora, b"OggS\0\x02", &[0; 22], b"\x01vorbis\0\0\0\0\x02"].concat();
    let film = described(&film);
    assert_eq!(film.video().map(|(_, dimensions)| dimensions), Some(Dimensions { width: 640, height: 480 }));
    assert_eq!(film.audio_tracks().count(), 1);
}

#[test]
fn what_lofty_panics_at_is_a_file_without_tags() {
    // Nine channels are allowed with mapping family 255 (RFC 7845 section 5.1.1.4).
    let head = [b"OpusHead\x01\x09\0\0\x80\xbb\0\0\0\0\xff\x09\0", &[0, 1, 2, 3, 4, 5, 6, 7, 8][..]].concat();
    let page = |kind, packet: &[u8]| [b"OggS\0", &[kind][..], &[0; 20], &[1, packet.len() as u8], packet].concat();
    let file = described(&[page(2, &head), page(0, b"OpusTags\0\0\0\0\0\0\0\0"), page(4, b"sound")].concat());
    assert_eq!((file.container, file.tracks.len(), file.duration), (Some(Container::Ogg), 1, None));
}

#[test]
fn a_frame_that_follows_itself_has_an_end() {
    let frame = |length: u8| [0xff, 0xf8, 0, 0, length >> 3, length << 5, 0x40, 0xff, 0x31];
    let file = described(&[frame(9), frame(9), frame(0), frame(0), frame(0)].concat());
    assert_eq!((file.container, file.tracks.len(), file.duration), (Some(Container::Aac), 1, None));
}

#[test]
fn the_front_cover_of_an_id3_tag_is_a_slice_of_the_file() {
    for version in [3, 4] {
        let frames =
            |one, other| [frame(version, "APIC", 0, &apic(one, PNG)), frame(version, "APIC", 0, &apic(other, JPEG))];
        assert_eq!(cover(&[id3(version, 0, &frames(4, 3)), mp3()].concat()), Some(JPEG));
        assert_eq!(cover(&[id3(version, 0, &frames(4, 5)), mp3()].concat()), Some(PNG), "the first otherwise");
    }
    let wide = [b"\x01image/jpeg\0\x03\xff\xfew\0\0\x01\0\0", JPEG].concat();
    assert_eq!(cover(&[id3(3, 0, &[frame(3, "APIC", 0, &wide)]), mp3()].concat()), Some(JPEG), "UTF-16");
    let old = [b"\0JPG\x03words\0", JPEG].concat();
    assert_eq!(cover(&[id3(2, 0, &[frame(2, "PIC", 0, &old)]), mp3()].concat()), Some(JPEG), "ID3v2.2");
    let long = [&[0, 0, 0, 99], &apic(3, JPEG)[..]].concat();
    assert_eq!(cover(&[id3(4, 0, &[frame(4, "APIC", 1, &long)]), mp3()].concat()), Some(JPEG), "with its length");
    let extended = [&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0], &frame(3, "APIC", 0, &apic(3, JPEG))[..]].concat();
    assert_eq!(cover(&[id3(3, 0x40, &[extended]), mp3()].concat()), Some(JPEG), "behind an extended header");
}

#[test]
fn what_is_no_plain_picture_is_no_cover() {
    let plain = apic(3, JPEG);
    let script = apic(3, b"<script>alert(1)</script>");
    for (version, tag_flags, frame_flags, content) in [
        (3, 0x80, 0, &plain),
        (3, 0, 0x80, &plain),
        (3, 0, 0x40, &plain),
        (4, 0, 0x02, &plain),
        (4, 0, 0x08, &plain),
        (4, 0, 0, &script),
        (4, 0, 0, &apic(3, &JPEG[..4])),
        (4, 0, 0, &b"\0image/jpeg".to_vec()),
        (4, 0, 0, &b"\x01image/jpeg\0\x03".to_vec()),
    ] {
        let tag = id3(version, tag_flags, &[frame(version, "APIC", frame_flags, content)]);
        assert_eq!(cover(&[tag, mp3()].concat()), None, "{version} {tag_flags} {frame_flags}");
    }
    let mut lie = frame(4, "APIC", 0, &plain);
    lie[4..8].copy_from_slice(&[0x7f; 4]);
    assert_eq!(cover(&[id3(4, 0, &[lie]), mp3()].concat()), None, "longer than its tag");
    let mut lie = flac_picture(3, JPEG);
    let at = lie.len() - JPEG.len() - 4;
    lie[at..at + 4].copy_from_slice(&[0xff; 4]);
    assert_eq!(cover(&flac(&[lie])), None, "longer than its block");
}

#[test]
fn the_front_cover_of_a_flac_file_is_a_slice_of_the_file() {
    assert_eq!(cover(&flac(&[flac_picture(4, PNG), flac_picture(3, JPEG)])), Some(JPEG));
    assert_eq!(cover(&flac(&[flac_picture(4, PNG), flac_picture(5, JPEG)])), Some(PNG));
    let tagged = [id3(4, 0, &[frame(4, "TIT2", 0, b"\0Tune")]), flac(&[flac_picture(3, JPEG)])].concat();
    assert_eq!(cover(&tagged), Some(JPEG));
}

#[test]
fn each_byte_may_be_missing_or_wrong() {
    let tagged = [id3(4, 0, &[frame(4, "TIT2", 0, b"\0Tune"), frame(4, "APIC", 0, &apic(3, JPEG))]), mp3()].concat();
    for whole in [tagged, flac(&[flac_picture(3, JPEG)]), wav()] {
        for at in 0..whole.len().min(300) {
            described(&whole[..at]);
            for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = wrong;
                let file = described(&bytes);
                assert!(file.cover.is_none_or(|cover| cover.bytes.end <= bytes.len() as u64), "{at}");
            }
        }
    }
}

#[test]
fn a_failing_source_is_an_error_however_late() {
    struct Failing(Vec<u8>, usize);
    impl Source for Failing {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
            self.1 = self.1.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
            (&mut &*self.0).read_at(buffer, position)
        }
    }
    // With a picture that takes several blocks, behind which the frames lie.
    let large = [JPEG, &[0; 100_000]].concat();
    for whole in
        [[id3(4, 0, &[frame(4, "APIC", 0, &apic(3, &large))]), mp3()].concat(), flac(&[flac_picture(3, &large)])]
    {
        let mut count = 0;
        loop {
            let mut source = Failing(whole.clone(), count);
            match describe(&mut source) {
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                Ok(file) => break assert!(file.cover.is_some() && file.duration.is_some()),
            }
            count += 1;
        }
        assert!((2..20).contains(&count), "{count}");
    }
}
