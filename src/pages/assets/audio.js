// The audio tracks of a film: the one of the last language, or else the first that this browser can
// play. The server sends the film with each of them.
const audioTracks = (() => {
    const KEY = 'reeld:audio';
    const page = document.getElementById('page');
    const player = document.getElementById('player');
    const section = () => document.getElementById('audio');
    const links = () => [...(section()?.querySelectorAll('a') ?? [])];
    const currentLink = () => section()?.querySelector('[aria-current]');
    // Links to tracks that this browser said it could play, and then did not.
    const refused = new WeakSet();
    const isLacking = (link) => refused.has(link) || decoders.lack({ ...page.dataset, ...link.dataset }) !== null;
    const labelOf = (link) => link.firstChild.textContent;
    const primary = (language) => language?.split('-')[0];

    // Browsers may forbid the storage.
    const stored = (act) => {
        try { return act(localStorage); } catch { return null; }
    };

    // Where the film goes on once the other track is there.
    let interrupted = null;

    function mark(link) {
        for (const other of links()) {
            if (other === link) other.setAttribute('aria-current', 'true');
            else other.removeAttribute('aria-current');
        }
        Object.assign(page.dataset, { type: link.dataset.type ?? page.dataset.type, audio: link.dataset.audio });
    }

    function wanted() {
        const language = stored((storage) => storage.getItem(KEY));
        const playable = links().filter((link) => !isLacking(link));
        // The one that plays by itself, if it will do.
        playable.sort((one, other) => (other === currentLink()) - (one === currentLink()));
        return playable.find((link) => language && primary(link.dataset.language) === language) ?? playable[0];
    }

    function markLacking() {
        for (const link of links()) {
            if (!isLacking(link) || link.querySelector('small')) continue;
            const note = document.createElement('small');
            note.textContent = 'no decoder here';
            link.append(' ', note);
        }
    }

    function say(text) {
        const place = section().querySelector('p');
        if (place.textContent !== text) place.textContent = text;
    }
    const sayInstead = (lacking, link) => say(`This browser cannot play ${labelOf(lacking)}. ${labelOf(link)} plays instead.`);

    // What to play instead of this source.
    function best(source) {
        if (!section()) return source;
        markLacking();
        const current = currentLink();
        if ('isChosen' in section().dataset && !(current && isLacking(current))) return source;
        const link = wanted();
        if (!link || link === current) return source;
        if ('isChosen' in section().dataset) sayInstead(current, link);
        mark(link);
        return link.dataset.src;
    }

    // Plays another track than one that the browser turned out to refuse; false if there is none.
    function replaceRefused() {
        const current = currentLink();
        if (!current) return false;
        refused.add(current);
        markLacking();
        const link = wanted();
        if (!link) return false;
        sayInstead(current, link);
        play(link);
        return true;
    }

    function play(link) {
        mark(link);
        const { currentTime, paused, playbackRate, readyState } = player;
        // Before it knows the length, it is nowhere.
        interrupted ??= { time: readyState > 0 ? currentTime : null, isPaused: paused };
        player.defaultPlaybackRate = playbackRate;
        player.src = link.dataset.src;
    }

    function choose(link) {
        const current = currentLink();
        if (isLacking(link) && current && !isLacking(current)) {
            sayInstead(link, current);
            return;
        }
        say('');
        const language = primary(link.dataset.language);
        if (language) stored((storage) => storage.setItem(KEY, language));
        play(link);
    }

    // Goes on after a change of the track; false if it was nowhere before.
    function restore() {
        if (!interrupted) return false;
        const { time, isPaused } = interrupted;
        interrupted = null;
        if (time !== null) player.currentTime = time;
        // Refused on a page that nobody has touched.
        if (!isPaused) player.play().catch(() => {});
        return time !== null;
    }

    // The links come and go with the film.
    page.addEventListener('click', (event) => {
        const link = event.target.closest('#audio a');
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        if (link !== currentLink()) choose(link);
    });
    return { best, replaceRefused, restore };
})();
