// The player page: keys, the position, what comes next, the media keys of the system. Without this
// script the browser's own controls still play.
{
    const byId = (id) => document.getElementById(id);
    const page = byId('page');
    const player = byId('player');
    const notice = byId('notice');
    const help = byId('help');
    const isFilm = player.localName === 'video';
    const link = (relation) => document.querySelector(`#about a[rel=${relation}]`);
    const title = () => document.querySelector('h1').textContent;

    // Browsers may forbid the storage, and it may be full: nothing is remembered then.
    const stored = (act) => {
        try { return act(localStorage); } catch { return null; }
    };
    const recall = (key) => stored((storage) => storage.getItem(key));
    const remember = (key, value) => stored((storage) => storage.setItem(key, value));
    const forget = (key) => stored((storage) => storage.removeItem(key));

    function clock(seconds) {
        const whole = Math.floor(seconds);
        const two = (number) => String(number).padStart(2, '0');
        const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
        return (hours ? `${hours}:${two(minutes)}` : minutes) + `:${two(whole % 60)}`;
    }

    // A message at the bottom, in full screen too: a popover opened later lies above it.
    let noticeTimer;
    function say(text, { buttons = [], seconds = 2, className = '' } = {}) {
        clearTimeout(noticeTimer);
        notice.className = className;
        notice.replaceChildren(text, ...buttons.map(([label, act]) => {
            const button = document.createElement('button');
            button.type = 'button';
            button.textContent = label;
            button.addEventListener('click', () => { hush(); act(); });
            return button;
        }));
        notice.hidePopover?.();
        notice.showPopover?.();
        noticeTimer = setTimeout(hush, seconds * 1000);
    }
    function hush() {
        clearTimeout(noticeTimer);
        notice.hidePopover?.();
        notice.replaceChildren();
    }

    // --- The position, kept while it is worth coming back to. ---
    const WORTH_FROM = 0.05, WORTH_TO = 0.95;
    const SAVE_EVERY_MS = 5000;
    // A song is heard from the start; an audiobook is not.
    const LONG_TRACK_SECONDS = 600;
    let savedAt = 0;

    const positionKey = () => `reeld:position:${page.dataset.path}`;
    const isWorth = ({ time, duration }) => time >= duration * WORTH_FROM && time <= duration * WORTH_TO
        && (isFilm || duration >= LONG_TRACK_SECONDS);

    function save() {
        const { currentTime: time, duration } = player;
        if (!Number.isFinite(duration)) return;
        savedAt = Date.now();
        if (isWorth({ time, duration })) {
            const { tag } = page.dataset;
            remember(positionKey(), JSON.stringify({ time, duration, tag, title: title(), at: savedAt }));
        } else if (time > duration * WORTH_TO) {
            forget(positionKey());
        }
    }

    function savedTime() {
        try {
            const saved = JSON.parse(recall(positionKey()));
            return saved.tag === page.dataset.tag && isWorth(saved) ? saved.time : null;
        } catch {
            return null;
        }
    }

    // Media Fragments URI: #t=90, #t=1:30, #t=1:02:03.
    function timeInAddress() {
        const found = /^#t=(?:npt:)?((?:\d+:){0,2}\d+(?:\.\d+)?)/.exec(location.hash);
        return found ? found[1].split(':').reduce((sum, part) => sum * 60 + Number(part), 0) : null;
    }

    function resume() {
        const [wanted, saved] = [timeInAddress(), savedTime()];
        if (wanted !== null) {
            player.currentTime = wanted;
        } else if (saved !== null) {
            player.currentTime = saved;
            const startOver = () => {
                forget(positionKey());
                player.currentTime = 0;
            };
            say(`Resumes at ${clock(saved)}`, { buttons: [['Start over', startOver]], seconds: 15 });
        }
    }

    player.addEventListener('loadedmetadata', () => { if (!audioTracks.restore()) resume(); });
    player.addEventListener('timeupdate', () => {
        if (!player.paused && Date.now() - savedAt > SAVE_EVERY_MS) save();
    });
    player.addEventListener('pause', save);
    player.addEventListener('seeked', () => { if (player.played.length) save(); });
    addEventListener('pagehide', save);
    addEventListener('hashchange', () => {
        const wanted = timeInAddress();
        if (wanted !== null) player.currentTime = wanted;
    });

    // --- What comes next: in this page, so that full screen and the leave to play sound stay. ---
    const NOTICE_SECONDS = 10;
    let countdown;

    function stopCountdown() {
        if (countdown === undefined) return;
        clearTimeout(countdown);
        countdown = undefined;
        hush();
    }

    let wanted;
    async function go(target) {
        if (!target) return;
        stopCountdown();
        save();
        const address = wanted = target.href;
        try {
            const answer = await fetch(address);
            const other = new DOMParser().parseFromString(await answer.text(), 'text/html');
            if (wanted !== address) return;
            const next = other.getElementById('player');
            if (next?.localName !== player.localName) throw new Error('it needs another page');
            history.replaceState(null, '', address);
            document.title = other.title;
            for (const name of Object.keys(page.dataset)) delete page.dataset[name];
            Object.assign(page.dataset, other.getElementById('page').dataset);
            for (const id of ['cover', 'problem', 'about', 'queue']) byId(id)?.replaceWith(other.getElementById(id));
            player.defaultPlaybackRate = player.playbackRate;
            player.replaceChildren(...next.children);
            if (isFilm) player.poster = next.poster;
            player.src = audioTracks.best(next.getAttribute('src'));
            setUp();
            play();
        } catch {
            location.assign(address);
        }
    }

    player.addEventListener('ended', () => {
        save();
        const next = link('next');
        if (!next) return;
        if (!isFilm) {
            go(next);
            return;
        }
        say(`Next in ${NOTICE_SECONDS} seconds: ${next.querySelector('b').textContent}`, {
            buttons: [['Play now', () => go(next)], ['Stop', stopCountdown]],
            seconds: NOTICE_SECONDS,
            className: 'countdown',
        });
        countdown = setTimeout(() => go(next), NOTICE_SECONDS * 1000);
    });
    player.addEventListener('playing', stopCountdown);
    player.addEventListener('seeking', stopCountdown);

    // --- Subtitles: those of the last choice, or of the browser's languages. ---
    const SUBTITLES_KEY = 'reeld:subtitles';
    const OFF = 'off';
    const tracks = () => [...player.textTracks];
    const shownTrack = () => tracks().find((track) => track.mode === 'showing');
    const nameOf = (track) => (track ? track.language : OFF);
    let shown = OFF;

    function show(track) {
        for (const other of tracks()) other.mode = other === track ? 'showing' : 'disabled';
        shown = nameOf(track);
    }

    function choice() {
        const remembered = recall(SUBTITLES_KEY);
        if (remembered === OFF) return undefined;
        const primary = (language) => language.toLowerCase().split('-')[0];
        const languages = [...(remembered ? [remembered] : []), ...navigator.languages];
        for (const language of languages) {
            const found = tracks().find((track) => track.language === language)
                ?? tracks().find((track) => primary(track.language) === primary(language));
            if (found) return found;
        }
        return undefined;
    }

    function toggleSubtitles() {
        const all = tracks();
        if (all.length === 0) {
            say('There are no subtitles');
            return;
        }
        if (shownTrack()) {
            show(undefined);
        } else {
            forget(SUBTITLES_KEY);
            show(choice() ?? all[0]);
        }
        remember(SUBTITLES_KEY, shown);
        say(`Subtitles: ${shownTrack()?.label ?? 'off'}`);
    }

    // From the menu of the browser.
    player.textTracks?.addEventListener('change', () => {
        if (nameOf(shownTrack()) === shown) return;
        shown = nameOf(shownTrack());
        remember(SUBTITLES_KEY, shown);
    });

    // --- Keys, as on YouTube. ---
    const RATES = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
    const FRAME_SECONDS = 1 / 30;
    const KEYS_KEY = 'reeld:keys';

    function play() {
        // Browsers refuse it to pages that nobody has touched.
        player.play().catch(() => {});
    }
    function toggle() {
        if (player.paused) play(); else player.pause();
    }
    function seek(to) {
        const end = player.duration;
        if (!Number.isFinite(end)) return;
        player.currentTime = Math.min(Math.max(to, 0), end);
        say(`${clock(player.currentTime)} of ${clock(end)}`);
    }
    function mute() {
        player.muted = !player.muted;
        say(player.muted ? 'Sound off' : 'Sound on');
    }
    function louder(by) {
        player.muted = false;
        player.volume = Math.min(Math.max(player.volume + by, 0), 1);
        say(`Volume ${Math.round(player.volume * 100)} %`);
    }
    function faster(step) {
        const rates = step > 0 ? RATES : [...RATES].reverse();
        player.playbackRate = rates.find((rate) => (rate - player.playbackRate) * step > 0) ?? player.playbackRate;
        say(`Speed ${player.playbackRate}×`);
    }
    function frame(step) {
        if (player.paused) player.currentTime += step * FRAME_SECONDS;
    }
    function fullScreen() {
        if (document.fullscreenElement) document.exitFullscreen();
        else if (isFilm) player.requestFullscreen?.();
    }
    function float() {
        if (document.pictureInPictureElement) document.exitPictureInPicture();
        else player.requestPictureInPicture?.().catch(() => say('There is no picture to float yet'));
    }

    const ACTIONS = {
        ' ': toggle,
        k: toggle,
        j: () => seek(player.currentTime - 10),
        l: () => seek(player.currentTime + 10),
        ArrowLeft: () => seek(player.currentTime - 5),
        ArrowRight: () => seek(player.currentTime + 5),
        ArrowUp: () => louder(0.05),
        ArrowDown: () => louder(-0.05),
        m: mute,
        f: fullScreen,
        c: toggleSubtitles,
        i: float,
        '<': () => faster(-1),
        '>': () => faster(1),
        ',': () => frame(-1),
        '.': () => frame(1),
        N: () => go(link('next')),
        P: () => go(link('prev')),
        '?': () => help.showModal(),
    };

    function actionOf(event) {
        const { key, shiftKey, target } = event;
        const hasFocus = target === player || document.fullscreenElement;
        const isArrow = key.startsWith('Arrow');
        if (target.closest('input, select, textarea, [contenteditable], dialog')) return undefined;
        // Links, buttons and remote controls need these; the page scrolls with the vertical ones.
        if ((isArrow || key === ' ') && target.closest('a, button, summary')) return undefined;
        if ((key === 'ArrowUp' || key === 'ArrowDown') && !hasFocus) return undefined;
        if (/^[0-9]$/.test(key)) return () => seek(player.duration * Number(key) / 10);
        if (key.length > 1) return ACTIONS[key];
        return ACTIONS[shiftKey ? key.toUpperCase() : key.toLowerCase()];
    }

    addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
        if (!byId('keys').checked) return;
        const action = actionOf(event);
        if (!action) return;
        // Before the browser's controls act on it too.
        event.preventDefault();
        event.stopImmediatePropagation();
        action();
    }, { capture: true });

    byId('keys').checked = recall(KEYS_KEY) !== OFF;
    byId('keys').addEventListener('change', ({ target }) => {
        if (target.checked) forget(KEYS_KEY); else remember(KEYS_KEY, OFF);
    });

    // --- Buttons, where the browser can do what they say. ---
    function share(event) {
        event.preventDefault();
        history.replaceState(null, '', `#t=${Math.floor(player.currentTime)}`);
        const inAddressBar = () => say('The address bar now has the link', { seconds: 5 });
        // Only pages on https or on this device may write to the clipboard.
        if (!navigator.clipboard) inAddressBar();
        else navigator.clipboard.writeText(location.href).then(() => say('Link copied'), inAddressBar);
    }

    function offer(id, act) {
        byId(id).onclick = act;
        byId(id).parentElement.hidden = false;
    }

    function offerButtons() {
        offer('share', share);
        offer('shortcuts', () => help.showModal());
        if (isFilm && document.pictureInPictureEnabled) offer('floating', float);
        if (hasScreen) offer('remote', () => player.remote.prompt().catch(() => {}));
    }

    // Rejected where the browser cannot look for screens in the background.
    let hasScreen = false;
    player.remote?.watchAvailability((isThere) => {
        hasScreen = isThere;
        if (isThere) offer('remote', () => player.remote.prompt().catch(() => {}));
        else byId('remote').parentElement.hidden = true;
    }).catch(() => {});

    // --- The media keys and the lock screen. ---
    function announce() {
        if (!navigator.mediaSession) return;
        const artwork = isFilm ? player.poster : document.querySelector('#cover img')?.src;
        navigator.mediaSession.metadata = new MediaMetadata({
            title: title(),
            artist: page.dataset.artist ?? '',
            album: page.dataset.album ?? document.querySelector('a[rel=up]').textContent,
            artwork: artwork ? [{ src: artwork }] : [],
        });
        const handle = (action, handler) => {
            // Not every browser has each.
            try { navigator.mediaSession.setActionHandler(action, handler); } catch { /* Not this one. */ }
        };
        const to = (target) => (target ? () => go(target) : null);
        handle('previoustrack', to(link('prev')));
        handle('nexttrack', to(link('next')));
        handle('seekbackward', ({ seekOffset }) => seek(player.currentTime - (seekOffset ?? 10)));
        handle('seekforward', ({ seekOffset }) => seek(player.currentTime + (seekOffset ?? 10)));
        handle('seekto', ({ seekTime }) => seek(seekTime));
    }

    function setUp() {
        const track = choice();
        if (track) show(track);
        else shown = nameOf(player.querySelector('track[default]')?.track);
        offerButtons();
        announce();
        const current = document.querySelector('#queue [aria-current]');
        const list = current?.closest('ol');
        if (list) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 3;
    }

    const source = player.getAttribute('src');
    const best = audioTracks.best(source);
    if (best !== source) player.src = best;
    setUp();
    if (player.readyState > 0) resume();
    // To come here by a link that says Play is to ask for it.
    const [navigation] = performance.getEntriesByType('navigation');
    if (navigation?.type === 'navigate' && document.referrer.startsWith(`${location.origin}/`)) play();
}
