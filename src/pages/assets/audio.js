// The audio tracks of a film: the one of the last language, or else the first that this browser can
// play. The server sends the film with each of them.
const audioTracks = (() => {
    const KEY = 'reeld:audio';
    const page = document.getElementById('page');
    const player = document.getElementById('player');
    const section = () => document.getElementById('audio');
    const links = () => [...(section()?.querySelectorAll('a') ?? [])];
    const currentLink = () => section()?.querySelector('[aria-current]');
    const lackOf = (link) => decoders.lack({ ...page.dataset, ...link.dataset });
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
        const playable = links().filter((link) => !lackOf(link));
        // The one that plays by itself, if it will do.
        playable.sort((one, other) => (other === currentLink()) - (one === currentLink()));
        return playable.find((link) => language && primary(link.dataset.language) === language) ?? playable[0];
    }

    // What to play instead of this source.
    function best(source) {
        for (const link of links()) {
            if (!lackOf(link) || link.querySelector('small')) continue;
            const note = document.createElement('small');
            note.textContent = 'no decoder here';
            link.append(' ', note);
        }
        if (!section() || 'isChosen' in section().dataset) return source;
        const link = wanted();
        if (!link || link === currentLink()) return source;
        mark(link);
        return link.dataset.src;
    }

    function choose(link) {
        const language = primary(link.dataset.language);
        if (language) stored((storage) => storage.setItem(KEY, language));
        mark(link);
        const { currentTime, paused, playbackRate } = player;
        interrupted = { time: interrupted?.time ?? currentTime, isPaused: interrupted?.isPaused ?? paused };
        player.defaultPlaybackRate = playbackRate;
        player.src = link.dataset.src;
    }

    // Goes on after a change of the track; false if there was none.
    function restore() {
        if (!interrupted) return false;
        const { time, isPaused } = interrupted;
        interrupted = null;
        player.currentTime = time;
        // Refused on a page that nobody has touched.
        if (!isPaused) player.play().catch(() => {});
        return true;
    }

    // The links come and go with the film.
    page.addEventListener('click', (event) => {
        const link = event.target.closest('#audio a');
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        if (link !== currentLink()) choose(link);
    });
    return { best, restore };
})();
