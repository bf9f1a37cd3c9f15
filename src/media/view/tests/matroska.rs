//! Audio tracks of Matroska files of a few elements.

use super::*;

fn element(id: u32, content: &[Vec<u8>]) -> Vec<u8> {
    let content = content.concat();
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [&id[..], &(content.len() as u64 | 1 << 56).to_be_bytes(), &content].concat()
}

/// The content, behind its checksum.
fn summed(content: &[Vec<u8>]) -> Vec<u8> {
    let content = content.concat();
    let mut crc = u32::MAX;
    for bit in content.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit & 1))) {
        crc = if (crc ^ bit) & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    }
    [element(0xbf, &[(!crc).to_le_bytes().to_vec()]), content].concat()
}

fn entry(kind: u8, codec: &str) -> Vec<Vec<u8>> {
    vec![element(0x83, &[vec![kind]]), element(0x86, &[codec.into()])]
}

fn header() -> Vec<u8> {
    element(0x1a45_dfa3, &[element(0x4282, &[b"matroska".to_vec()])])
}

fn tracks(content: Vec<u8>) -> Vec<u8> {
    element(0x1654_ae6b, &[content])
}

fn entries() -> [Vec<u8>; 3] {
    [entry(1, "V_AV1"), entry(2, "A_AC3"), entry(2, "A_AAC")].map(|entry| element(0xae, &entry))
}

/// The changed bytes, each with its position.
fn changed(file: &[u8], audio: usize) -> Result<Vec<(usize, u8)>, &'static str> {
    let film = Film { parts: vec![Part::Bytes(file.to_vec())] };
    let view = view(&film, &Changes { audio: Some(audio), faststart: true })?;
    assert_eq!(view.size(), file.len() as u64);
    let bytes = view.bytes(0, file.len(), &film);
    Ok(bytes.into_iter().enumerate().filter(|(at, byte)| file[*at] != *byte).collect())
}

#[test]
fn one_letter_of_each_unwanted_codec_changes() {
    let described = tracks(entries().concat());
    let cluster = || element(0x1f43_b675, &[vec![1; 100]]);
    let list = |position: usize| {
        let seek = [element(0x53ab, &[vec![0x16, 0x54, 0xae, 0x6b]]), element(0x53ac, &[vec![0, position as u8]])];
        element(0x114d_9b74, &[element(0x4dbb, &seek)])
    };
    let behind = list(0).len() + cluster().len();
    for content in [vec![element(0xec, &[]), described.clone(), cluster()], vec![list(behind), cluster(), described]] {
        let mut file = [header(), element(0x1853_8067, &content)].concat();
        let position = |codec: &[u8]| file.windows(5).position(|bytes| bytes == codec).expect("it has one");
        let (first, second) = (position(b"A_AC3"), position(b"A_AAC"));
        assert_eq!(changed(&file, 1), Ok(vec![(second, b'X')]));
        assert_eq!(changed(&file, 2), Ok(vec![(first, b'X')]));
        for audio in [0, 3] {
            assert!(changed(&file, audio).expect_err("it has two").contains("no audio track"));
        }
        // The length of the segment is unknown while it is recorded, and wrong when that breaks
        // off.
        for length in [[0xff; 7], [0x7f; 7]] {
            let start = header().len() + 5;
            file[start..start + 7].copy_from_slice(&length);
            assert_eq!(changed(&file, 2), Ok(vec![(first, b'X')]));
        }
    }
}

#[test]
fn checksums_fit_the_changed_codecs() {
    let build = |codec: &str| {
        let entries = [entry(2, codec), entry(2, "A_AAC")].map(|entry| element(0xae, &[summed(&entry)]));
        [header(), element(0x1853_8067, &[tracks(summed(&entries))])].concat()
    };
    let (before, after) = (build("A_AC3"), build("X_AC3"));
    let expected: Vec<(usize, u8)> = after.into_iter().enumerate().filter(|(at, byte)| before[*at] != *byte).collect();
    assert_eq!(expected.len(), 1 + 4 + 4);
    assert_eq!(changed(&before, 2), Ok(expected));
}

#[test]
fn a_file_without_readable_tracks_is_refused() {
    let segment = |content: &[Vec<u8>]| [header(), element(0x1853_8067, content)].concat();
    let large = tracks(element(0xec, &[vec![0; 1 << 20]]));
    let many: Vec<u8> = (0..65).flat_map(|_| element(0xae, &entry(2, "A_AAC"))).collect();
    for (file, reason) in [
        (header(), "does not say"),
        (header()[..9].to_vec(), "does not say"),
        (segment(&[element(0x1f43_b675, &[])]), "does not say"),
        (segment(&[tracks(vec![0; 100])[..40].to_vec()]), "does not say"),
        (segment(&[tracks(Vec::new())]), "no audio track"),
        (segment(&[large]), "more than 1 MiB"),
        (segment(&[tracks(many)]), "more audio tracks"),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), "this kind of file"),
    ] {
        let sentence = changed(&file, 1).expect_err(reason);
        assert!(sentence.contains(reason), "{sentence} instead of {reason}");
    }
}
