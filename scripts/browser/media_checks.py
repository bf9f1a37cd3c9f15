"""What must hold for films with several sounds, chapters, and codecs that not every browser plays."""

from urllib.parse import quote

from . import sample
from .checks import expect, play_page

# `hears` waits until the player sounds of this frequency, by a recording of what it plays: Firefox
# needs no sound card for that.
HEARS = """
    const heard = async () => {
        const stream = player.mozCaptureStream?.() ?? player.captureStream();
        const recorder = new MediaRecorder(new MediaStream(stream.getAudioTracks()));
        const parts = [];
        recorder.addEventListener('dataavailable', ({ data }) => parts.push(data));
        const stopped = new Promise((resolve) => recorder.addEventListener('stop', resolve));
        const { currentTime } = player;
        recorder.start();
        await until(() => player.currentTime > currentTime + 0.6 || player.ended);
        recorder.stop();
        await stopped;
        const bytes = await new Blob(parts).arrayBuffer();
        const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
        // Its edges have what the player and the codec need to get going.
        const samples = sound.getChannelData(0).subarray(sound.length / 3, sound.length * 2 / 3);
        const crossings = samples.filter((sample, at) => at > 0 && samples[at - 1] < 0 && sample >= 0).length;
        return crossings * sound.sampleRate / samples.length;
    };
    const hears = async (frequency) => {
        const { currentTime } = player;
        await until(() => player.currentTime > currentTime);
        let last;
        for (let attempt = 0; attempt < 5; attempt += 1) {
            last = await heard();
            if (Math.abs(last - frequency) < 20) return;
        }
        throw new Error(`${last} Hz rather than ${frequency}`);
    };
"""


def film(site, name):
    return play_page(site, sample.CINEMA, name)


def reason(browser):
    return browser.value("!document.getElementById('problem').hidden && document.getElementById('reason').textContent")


def a_chosen_audio_track_is_heard(browser, site):
    for name in sample.TWO_LANGUAGES:
        browser.run("try { localStorage.removeItem('reeld:audio'); } catch {}")
        browser.open(film(site, name))
        browser.value("player.readyState >= 1")
        browser.run(f"{HEARS} player.currentTime = 3; await player.play(); await hears(440);")
        browser.click("#audio li:nth-child(2) a")
        seen = browser.run(f"{HEARS} await hears(880); return [player.currentTime, player.src];")
        expect(seen, 3 <= seen[0] < 12 and "audio=2" in seen[1], "it goes on where it was")
        browser.run(f"{HEARS} player.currentTime = 14; await event('seeked'); await hears(880);")
        browser.run("player.pause(); player.currentTime = 5; await event('seeked');")
        browser.click("#audio li:nth-child(1) a")
        browser.value("player.src.includes('audio=1') && Math.abs(player.currentTime - 5) < 0.2 && player.paused")
        browser.run(f"{HEARS} await player.play(); await hears(440);")
    return "440 and 880 Hz, after seeks too, where it was, paused as it was"


def the_language_is_remembered(browser, site):
    browser.open(film(site, sample.TWO_LANGUAGES[0]))
    browser.click("#audio li:nth-child(2) a")
    browser.open(film(site, sample.TWO_LANGUAGES[1]))
    browser.value("player.readyState >= 1 && player.src.includes('audio=2')")
    current = browser.run(f"{HEARS} await player.play(); await hears(880);"
                          "return document.querySelector('#audio [aria-current]').textContent;")
    expect(current, current.startswith("German"), "the track of the menu")
    browser.run("localStorage.removeItem('reeld:audio');")
    return current


def note(browser):
    return browser.run("return document.querySelector('#audio [role=status]').textContent;")


def each_of_several_audio_tracks_is_heard(browser, site):
    heard, lacking = 0, set()
    for name, codecs in sample.SEVERAL_SOUNDS.items():
        browser.open(play_page(site, sample.SOUNDS, name))
        texts = browser.value("player.readyState >= 1 && [...document.querySelectorAll('#audio a')].map((link) => link.textContent)")
        expect(texts, len(texts) == len(codecs), "the menu")
        plays = ["no decoder here" not in text for text in texts]
        expect(texts, all(it or codec != "aac" for it, codec in zip(plays, codecs)), "every browser decodes AAC")
        lacking |= {codec for it, codec in zip(plays, codecs) if not it}
        browser.run(f"{HEARS} player.currentTime = 2; await player.play(); await hears({sample.TONES[plays.index(True)]});")
        # The last first, so that each is a change.
        for place in reversed([place for place, it in enumerate(plays) if it]):
            browser.click(f"#audio li:nth-child({place + 1}) a")
            browser.value(f"player.src.includes('audio={place + 1}') && player.readyState >= 1")
            browser.run(f"""{HEARS}
                await hears({sample.TONES[place]});
                player.currentTime = 12;
                await event('seeked');
                await hears({sample.TONES[place]});
                player.currentTime = 4;
                await event('seeked');""")
            heard += 1
    return f"{heard} tracks of {len(sample.SEVERAL_SOUNDS)} films, after seeks too; no decoder for: {', '.join(sorted(lacking)) or 'none'}"


def the_first_track_that_plays_is_chosen(browser, site):
    browser.open(film(site, sample.AC3_FIRST))
    texts = browser.value("[...document.querySelectorAll('#audio a')].map((link) => link.textContent)")
    expect(texts, "no decoder here" in texts[0] and "AAC" in texts[1], "the menu")
    browser.run(f"{HEARS} await until(() => player.readyState >= 1); await player.play(); await hears(880);")
    hidden = browser.run("return document.getElementById('problem').hidden;")
    expect(hidden, hidden and not note(browser), "nothing to explain")
    return texts


INSTEAD = "This browser cannot play English · Dolby Digital (AC-3) · mono. German · AAC · mono plays instead."


def a_track_without_a_decoder_is_not_played_and_that_is_said(browser, site):
    browser.open(film(site, sample.AC3_FIRST))
    browser.run(f"{HEARS} await until(() => player.readyState >= 1); player.currentTime = 5; await player.play(); await hears(880);")
    browser.click("#audio li:nth-child(1) a")
    expect(note(browser), note(browser) == INSTEAD, "the note")
    browser.run(f"{HEARS} await hears(880);")
    # By an address, which somebody has sent.
    browser.open(f"{film(site, sample.AC3_FIRST)}&audio=1")
    browser.run(f"{HEARS} await until(() => player.readyState >= 1); await player.play(); await hears(880);")
    expect(note(browser), note(browser) == INSTEAD, "the note")
    browser.click("#audio li:nth-child(2) a")
    return INSTEAD


def a_track_that_the_browser_refuses_is_replaced_and_that_is_said(browser, site):
    for name in (sample.AC3_FIRST, sample.AC3_MUSIC):
        browser.open(film(site, name))
        browser.run(f"{HEARS} await until(() => player.readyState >= 1); player.currentTime = 5; await player.play(); await hears(880);")
        browser.run("""
            document.querySelector('#audio small').remove();
            const prototype = (window.wrappedJSObject ?? window).HTMLMediaElement.prototype;
            prototype.canPlayType = typeof exportFunction === 'function' ? exportFunction(() => 'probably', window) : () => 'probably';""")
        browser.click("#audio li:nth-child(1) a")
        browser.value("document.querySelector('#audio [role=status]').textContent !== ''")
        expect(note(browser), note(browser) == INSTEAD, "the note")
        at = browser.run(f"{HEARS} await until(() => player.readyState >= 1); await hears(880); return player.currentTime;")
        expect(at, 5 <= at < 15, "it goes on where it was")
        hidden = browser.run("return document.getElementById('problem').hidden;")
        expect(hidden, hidden, "nothing to explain")
    return "a film and music, where it was"


def a_page_becomes_complete_without_a_reload(browser, site):
    browser.open(f"{site}{sample.ARCHIVE}/")
    empty = "[...document.querySelectorAll('#entries tbody .details')].filter((details) => !details.hasChildNodes()).length"
    pending = browser.run("document.body.dataset.isFirst = ''; return Number(document.getElementById('folder').dataset.pending);")
    expect(pending, pending > 0, "the server has not read all of them yet")
    browser.value(f"{empty} === 0 && document.body.dataset.isFirst === ''")
    rows = browser.run("return document.querySelectorAll('#entries tbody tr').length;")
    expect(rows, rows == sample.ARCHIVE_FILMS, "rows")
    text = browser.run("return document.querySelector('#entries tbody tr:last-child .details').textContent;")
    expect(text, "H.264" in text, "the last row")
    return f"{pending} of {rows} rows were pending; now each is like: {text}"


def what_a_browser_lacks_is_said(browser, site):
    browser.open(film(site, sample.AC3_ALONE))
    silent = reason(browser)
    expect(silent, silent == "No sound here: this browser has no decoder for Dolby Digital (AC-3).", "the reason")
    browser.open(film(site, sample.HEVC))
    plays = browser.run("return player.canPlayType('video/mp4; codecs=\"hvc1.1.6.L60.90\"') !== '';")
    if not plays:
        dark = reason(browser)
        expect(dark, dark == "This browser has no decoder for HEVC (H.265).", "the reason")
    browser.open(f"{site}{quote(sample.CINEMA)}/")
    notes = browser.value("""Object.fromEntries([...document.querySelectorAll('#entries tbody tr')].map((row) =>
        [row.querySelector('th a').textContent, row.querySelector('.doubt')?.textContent ?? '']))""")
    expect(notes, notes[sample.AC3_ALONE] == silent, "the note in the folder")
    expect(notes, bool(notes[sample.HEVC]) != plays, "the note in the folder")
    expect(notes, not notes[sample.AC3_FIRST] and not notes[sample.TWO_LANGUAGES[0]], "no note")
    return f"{silent} HEVC {'plays' if plays else 'does not'}"


def chapters_are_links_that_seek(browser, site):
    for name in sample.TWO_LANGUAGES:
        browser.open(film(site, name))
        browser.value("player.readyState >= 1")
        browser.click("#chapters li:nth-child(2) a")
        # The chapter is marked by the timeupdate that follows the seek.
        browser.value("document.querySelector('#chapters li:nth-child(2) [aria-current]') !== null")
        current = browser.value("document.querySelector('#chapters [aria-current]').textContent")
        expect(current, current == "0:08 The Night & the Rain", "the chapter")
        where = browser.run("return player.currentTime;")
        expect(where, abs(where - 8) < 1, "the position")
    return current


def a_visitor_chooses_a_track_without_scripts(browser, site):
    browser.open(film(site, sample.TWO_LANGUAGES[0]))
    browser.click("#audio li:nth-child(2) a")
    source = browser.value("player.readyState >= 1 && player.getAttribute('src')")
    expect(source, "audio=2" in source, "the source")
    return source


WITHOUT_SCRIPTS = [a_visitor_chooses_a_track_without_scripts]

WITH_SCRIPTS = [
    a_page_becomes_complete_without_a_reload, a_chosen_audio_track_is_heard, each_of_several_audio_tracks_is_heard,
    the_language_is_remembered, the_first_track_that_plays_is_chosen,
    a_track_without_a_decoder_is_not_played_and_that_is_said,
    a_track_that_the_browser_refuses_is_replaced_and_that_is_said, what_a_browser_lacks_is_said,
    chapters_are_links_that_seek,
]
