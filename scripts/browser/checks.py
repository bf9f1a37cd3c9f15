"""What must hold for the pages, in any browser. Each check is a method that says what it saw;
`Failed` says what it should have seen."""

from urllib.parse import quote

from . import sample

PART = 5 * 1024 * 1024


class Failed(Exception):
    """A page is not as it should be."""


def expect(seen, is_right, what):
    if not is_right:
        raise Failed(f"{what}: {seen!r}")
    return seen


def play_page(site, folder, name):
    return f"{site}{quote(folder)}/{quote(name, safe='')}?play"


def names(browser):
    """The names that the list of the folder page shows, in order."""
    return browser.value("[...document.querySelectorAll('#entries tbody th a')].map((link) => link.textContent);")


# --- Without scripts ---

def a_visitor_lists_sorts_and_filters(browser, site):
    browser.open(site)
    expect(names(browser), names(browser) == ["Archive", "Cinema", "Music", "Night Trains", "Other", "Photos", "Sounds"], "the folders")
    browser.click("#entries a[href^='Night']")
    expected = sorted([*sample.EPISODES[:2], sample.EPISODES[0].replace(".mp4", ".en.srt"),
                       sample.EPISODES[0].replace(".mp4", ".de.srt")]) + [sample.EPISODES[2], "poster.jpg"]
    expect(names(browser), names(browser) == expected, "the files in natural order")
    browser.click("thead a[href*='sort=size']")
    expect(names(browser), names(browser)[-1].endswith(".srt"), "the largest first")
    browser.run("document.getElementById('filter').value = 'terminus';")
    browser.click("form[role=search] button")
    expect(names(browser), names(browser) == [sample.EPISODES[2]], "what the filter leaves")
    return "list, sort and filter"


def a_visitor_plays_without_scripts(browser, site):
    browser.open(site + quote(sample.SERIES) + "/")
    browser.click("#entries a[href$='?play']")
    expect(browser.value("player.readyState >= 1 && player.duration"), True, "")
    browser.click("#player")
    time = browser.value("player.currentTime > 0.5 && player.currentTime")
    expect(time, time < 30, "it plays")
    browser.click("a[rel=next]")
    title = browser.run("return document.querySelector('h1').textContent;")
    expect(title, title == sample.EPISODES[1].removesuffix(".mp4"), "the next episode")
    return f"{time:.1f} s, then {title}"


# --- With scripts ---

def a_film_plays_with_seeks_to_its_end(browser, site):
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[2]))
    seen = browser.run("""
        await until(() => player.readyState >= 1);
        const seen = [player.duration, player.videoWidth];
        player.playbackRate = 8;
        await player.play();
        await until(() => player.currentTime > 5);
        for (const time of [50, 2]) {
            player.currentTime = time;
            await event('seeked');
            seen.push(player.currentTime);
        }
        player.currentTime = 55;
        await event('ended');
        return [...seen, player.currentTime];""")
    expected = [60, 1280, 50, 2, 60]
    expect(seen, all(abs(one - other) < 3 for one, other in zip(seen, expected, strict=True)), "length, width, times")
    return seen


def keys_do_what_they_do_on_youtube(browser, site):
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[0]))
    browser.value("player.readyState >= 2")
    steps = [
        ("k", "!player.paused"), ("k", "player.paused"), ("Space", "!player.paused"), ("Space", "player.paused"),
        ("5", "Math.abs(player.currentTime - 30) < 1"), ("l", "Math.abs(player.currentTime - 40) < 1"),
        ("j", "Math.abs(player.currentTime - 30) < 1"), ("Left", "Math.abs(player.currentTime - 25) < 1"),
        ("Right", "Math.abs(player.currentTime - 30) < 1"),
        (".", "player.currentTime > 30.01 && player.currentTime < 30.1"),
        ("m", "player.muted"), ("m", "!player.muted"), (">", "player.playbackRate === 1.25"), ("<", "player.playbackRate === 1"),
        ("c", "[...player.textTracks].every(({ mode }) => mode !== 'showing')"),
        ("c", "[...player.textTracks].some(({ mode }) => mode === 'showing')"),
        ("f", "document.fullscreenElement === player"), ("f", "!document.fullscreenElement"),
        ("?", "document.getElementById('help').open"), ("Escape", "!document.getElementById('help').open"),
    ]
    for key, so_that in steps:
        browser.press(key)
        expect(key, browser.value(so_that) is True, "a key")
    # Once by the page, not a second time by the browser's own controls.
    browser.run("player.focus(); player.volume = 0.5; player.pause();")
    for key, so_that in [("Space", "!player.paused"), ("Space", "player.paused"), ("Down", "player.volume < 0.5"), ("Up", "player.volume > 0.44")]:
        browser.press(key)
        browser.value(so_that)
    volume = browser.run("return player.volume;")
    expect(volume, abs(volume - 0.5) < 0.01, "the volume after one step down and one up")
    time = browser.run("player.currentTime = 30; await event('seeked'); return player.currentTime;")
    browser.press("Right")
    browser.value(f"player.currentTime !== {time} && !player.seeking")
    seen = browser.run("return player.currentTime;")
    expect(seen, abs(seen - 35) < 0.5, "five seconds, once")
    browser.run("document.activeElement.blur();")
    browser.press("Control+j")
    seen = browser.run("return player.currentTime;")
    expect(seen, abs(seen - 35) < 0.5, "a key with Control is not ours")
    browser.press("Shift+n")
    browser.value(f"document.title === {sample.EPISODES[1].removesuffix('.mp4')!r}")
    browser.press("Shift+p")
    browser.value(f"document.title === {sample.EPISODES[0].removesuffix('.mp4')!r}")
    return f"{len(steps)} keys, the focused player, next and previous"


def keys_can_be_switched_off(browser, site):
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[0]))
    browser.value("player.readyState >= 1")
    browser.click("#shortcuts")
    browser.click("#keys")
    browser.click("#help button")
    browser.run("document.activeElement.blur();")
    browser.press("m")
    expect("m", not browser.run("return player.muted;"), "a key that is off")
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[0]))
    expect("m", not browser.run("return document.getElementById('keys').checked;"), "the choice is remembered")
    browser.click("#shortcuts")
    browser.click("#keys")
    return "off, remembered, on again"


def a_film_resumes_where_it_was_left(browser, site):
    page = play_page(site, sample.SERIES, sample.EPISODES[1])
    browser.open(page)
    browser.run("""
        await until(() => player.readyState >= 1);
        player.currentTime = 20;
        await player.play();
        await until(() => player.currentTime > 20.3);
        player.pause();
        await event('pause');""")
    browser.open(site + quote(sample.SERIES) + "/")
    link = browser.value("document.querySelector('#continue:not([hidden]) a')?.href")
    expect(link, link == page, "continue watching")
    browser.open(page)
    seen = browser.value("player.readyState >= 1 && !player.seeking && player.currentTime")
    expect(seen, 20 < seen < 25, "it resumes")
    browser.click("#notice button")
    browser.value("player.currentTime === 0")
    browser.open(page + "#t=0:42")
    browser.value("Math.abs(player.currentTime - 42) < 0.5")
    browser.run("""
        player.currentTime = 58.5;
        await player.play();
        await event('ended');""")
    left = browser.run("return localStorage.getItem('reeld:position:' + location.pathname);")
    expect(left, left is None, "it is forgotten at its end")
    return f"at {seen:.1f} s, from the start, by #t=, and no more at its end"


def the_next_episode_comes_and_can_be_stopped(browser, site):
    end = "await until(() => player.readyState >= 1); player.currentTime = 59; await player.play(); await event('ended');"
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[0]))
    browser.run(end)
    text = browser.value("document.getElementById('notice').textContent")
    expect(text, "Next in 10 seconds" in text and "The Sleeping Car" in text, "the notice")
    browser.click("#notice button:last-of-type")
    browser.value("document.getElementById('notice').textContent === ''")
    browser.run(end)
    browser.value("document.querySelectorAll('#notice button').length === 2")
    browser.click("#notice button:first-of-type")
    browser.value("!player.paused && player.currentTime > 0.2 && document.title.includes('Sleeping')")
    address = browser.run("return location.href;")
    expect(address, address == play_page(site, sample.SERIES, sample.EPISODES[1]), "the address")
    return text


def the_next_track_plays_at_once(browser, site):
    browser.open(play_page(site, "Music", sample.TRACKS[0]))
    # Without a sound card, Firefox is at the end of a track at once.
    heard = browser.run("""
        const heard = [];
        const current = () => document.querySelector('#queue [aria-current]').textContent;
        player.addEventListener('playing', () => heard.push([document.title, current()]));
        await until(() => player.readyState >= 1);
        await player.play();
        await until(() => heard.length === 3);
        return heard;""")
    stems = [name.removesuffix(".wav") for name in sample.TRACKS]
    expect(heard, heard == [[stem, stem] for stem in stems], "titles and places in the playlist")
    metadata = browser.run("return navigator.mediaSession?.metadata?.title ?? 'none';")
    expect(metadata, metadata in ("none", "10 Last Stop"), "the media session")
    return "three tracks"


def subtitles_are_shown_in_the_language_of_the_browser(browser, site):
    browser.run("localStorage.removeItem('reeld:subtitles');")
    browser.open(play_page(site, sample.SERIES, sample.EPISODES[0]))
    text = browser.run("""
        await until(() => player.readyState >= 1);
        player.currentTime = 5;
        await player.play();
        const track = await until(() => [...player.textTracks].find((track) => track.activeCues?.length));
        player.pause();
        return [track.label, track.activeCues[0].text, track.activeCues[0].line];""")
    expect(text, text == ["German", "<i>Alles einsteigen</i> &amp; more", 0], "the cue")
    return text


def arrows_turn_the_pictures(browser, site):
    browser.open(play_page(site, "Photos", sample.PICTURES[1]))
    # The scripts of a page run after its picture can be there.
    here = ("document.readyState === 'complete' && document.querySelector('h1')?.textContent === {!r}"
            " && document.getElementById('picture').naturalWidth")
    browser.value(here.format("Station 2"))
    for key, title in [("Right", "Station 10"), ("Left", "Station 2"), ("Left", "Station 1"), ("Left", "Station 1")]:
        browser.press(key)
        expect(title, browser.value(here.format(title)) == 960, "a picture")
    browser.press("Escape")
    browser.value("location.pathname.endsWith('/Photos/') && document.readyState === 'complete'")
    return "right, left, left, back to the folder"


def a_hostile_name_is_text(browser, site):
    browser.open(f"{site}Other/")
    shown = names(browser)
    expect(shown, sample.HOSTILE in shown, "the name in the list")
    browser.open(play_page(site, "Other", sample.HOSTILE))
    title = browser.value("player.readyState >= 1 && document.title")
    expect(title, title == sample.HOSTILE.removesuffix(".mp4"), "the title")
    return title


def what_does_not_play_is_explained(browser, site):
    browser.open(play_page(site, "Other", sample.UNPLAYABLE))
    text = browser.value("!document.getElementById('problem').hidden && document.getElementById('reason').textContent")
    expect(text, text == "This browser cannot play AVI files.", "the reason")
    return text


WITHOUT_SCRIPTS = [a_visitor_lists_sorts_and_filters, a_visitor_plays_without_scripts]

WITH_SCRIPTS = [
    a_film_plays_with_seeks_to_its_end, keys_do_what_they_do_on_youtube, keys_can_be_switched_off,
    a_film_resumes_where_it_was_left, the_next_episode_comes_and_can_be_stopped, the_next_track_plays_at_once,
    subtitles_are_shown_in_the_language_of_the_browser, arrows_turn_the_pictures, a_hostile_name_is_text,
    what_does_not_play_is_explained,
]


# --- Chromium alone ---

def films_come_in_parts(responses):
    """Of what the network answered, films came in parts of 5 MiB at most."""
    films = [(status, int(fields["content-length"])) for status, fields in responses
             if fields.get("content-type") == "video/mp4"]
    expect(films, films and all(status == 206 and length <= PART for status, length in films), "answers with films")
    return f"{len(films)} parts, of {max(length for _, length in films)} bytes at most"


def no_violation(browser, site, axe):
    """axe-core finds nothing on any kind of page; `axe` is its source."""
    pages = [site, site + quote(sample.SERIES) + "/", play_page(site, sample.SERIES, sample.EPISODES[0]),
             play_page(site, "Music", sample.TRACKS[1]), play_page(site, "Photos", sample.PICTURES[1]),
             play_page(site, "Other", sample.UNPLAYABLE), f"{site}{sample.CINEMA}/",
             play_page(site, sample.CINEMA, sample.TWO_LANGUAGES[0]), play_page(site, sample.CINEMA, sample.AC3_FIRST)]
    for scheme in ("light", "dark"):
        browser.show_as(1440, 900, scheme)
        for page in pages:
            browser.open(page)
            # As a script of the DevTools, which no content security policy refuses.
            browser.devtools("Runtime.evaluate", expression=axe)
            found = browser.run("""
                const { violations, passes } = await axe.run();
                if (passes.length < 10) throw new Error('it looked at nothing');
                return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)]);""")
            expect(found, not found, f"violations on {page} ({scheme})")
    return f"{len(pages)} pages, light and dark"


def take_screenshots(browser, site, folder):
    browser.run("localStorage.clear();")
    pages = {
        "folder": site + quote(sample.SERIES) + "/", "film": play_page(site, sample.SERIES, sample.EPISODES[1]),
        "cinema": f"{site}{sample.CINEMA}/", "languages": play_page(site, sample.CINEMA, sample.TWO_LANGUAGES[0]),
        "music": play_page(site, "Music", sample.TRACKS[1]), "picture": play_page(site, "Photos", sample.PICTURES[1]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in [(390, 844), (1440, 900), (2560, 1440)]:
        for scheme in ("light", "dark"):
            browser.show_as(width, height, scheme)
            for name, page in pages.items():
                browser.open(page)
                browser.run("if (player) await until(() => player.readyState >= 3 && !player.seeking);")
                browser.screenshot(folder / f"{name}-{width}-{scheme}.png")
    return f"{folder}/"
