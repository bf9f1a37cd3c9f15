"""A folder to browse, made of the sample media and the standard library alone."""

import shutil
import struct
import wave
import zlib
from pathlib import Path

CONTENT = Path(__file__).resolve().parent.parent.parent / "content"

SERIES = "Night Trains"
EPISODES = [f"Night Trains S01E{number} - {name}.mp4" for number, name in [
    (1, "Departure"), (2, "The Sleeping Car"), (10, "Terminus")]]
TRACKS = ["1 Overture.wav", "2 Slow Train.wav", "10 Last Stop.wav"]
PICTURES = ["Station 1.png", "Station 2.png", "Station 10.png"]
HOSTILE = "\"><script>document.title='owned'<script>.mp4"
UNPLAYABLE = "old.avi"

# For the whole of the sample film.
SUBTITLES = "1\n00:00:00,000 --> 00:01:00,000\n{{\\an8}}<i>{}</i> & more\n"


def fill(folder):
    """Fills an empty folder."""
    series = folder / SERIES
    for name in (series, folder / "Music", folder / "Photos", folder / "Other"):
        name.mkdir()
    for name in EPISODES:
        shutil.copy(CONTENT / "clock.mp4", series / name)
    stem = EPISODES[0].removesuffix(".mp4")
    (series / f"{stem}.en.srt").write_text(SUBTITLES.format("All aboard"))
    (series / f"{stem}.de.srt").write_text(SUBTITLES.format("Alles einsteigen"))
    shutil.copy(CONTENT / "clock.jpg", series / "poster.jpg")
    for place, name in enumerate(TRACKS):
        tone(folder / "Music" / name, seconds=1.5, period=100 + 20 * place)
    shutil.copy(CONTENT / "clock.jpg", folder / "Music" / "cover.jpg")
    for place, name in enumerate(PICTURES):
        picture(folder / "Photos" / name, 90 * place)
    shutil.copy(CONTENT / "extras/short.webm", folder / "Other" / HOSTILE)
    (folder / "Other" / UNPLAYABLE).write_bytes(bytes(range(256)) * 1000)


def tone(path, seconds, period):
    """A triangle wave, 8 bits at 8 kHz; `period` in samples."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes(128 + abs(place % period - period // 2) // 2 for place in range(int(8000 * seconds))))


def picture(path, shade, width=960, height=640):
    """A PNG of a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((shade, row * 255 // height, column * 255 // width)) for column in range(width))
        for row in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
