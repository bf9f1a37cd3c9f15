// The folder page: the view that was chosen last, local times, what does not play here, films that were
// begun, arrow keys.
// Without this script the page has all links.
{
    const folder = document.getElementById('folder');
    const entries = document.getElementById('entries');

    // Browsers may forbid the storage.
    const stored = (act) => {
        try { return act(localStorage); } catch { return null; }
    };

    function show(view) {
        if (entries.localName === 'table') entries.className = view;
        for (const link of folder.querySelectorAll('.views a')) {
            if (link.dataset.view === view) link.setAttribute('aria-current', 'true');
            else link.removeAttribute('aria-current');
        }
    }
    for (const link of folder.querySelectorAll('.views a')) {
        link.addEventListener('click', () => stored((storage) => storage.setItem('reeld:view', link.dataset.view)));
    }
    if (!new URLSearchParams(location.search).has('view') && stored((storage) => storage.getItem('reeld:view')) === 'grid') {
        show('grid');
    }

    const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
    for (const time of entries.querySelectorAll('time')) time.textContent = format.format(new Date(time.dateTime));
    document.getElementById('zone')?.remove();

    // What this browser cannot play, in words.
    function judge(details) {
        if (!details.dataset.type) return;
        const lack = decoders.lack(details.dataset);
        details.querySelector('.doubt')?.remove();
        if (!lack) return;
        const note = document.createElement('span');
        note.className = 'doubt';
        note.textContent = lack;
        details.append(note);
    }
    for (const details of entries.querySelectorAll('.details')) judge(details);

    // Files that the server had not read yet: the page as it is a moment later knows more of them.
    const LOOKS_IN_VAIN_MAX = 5;
    const LOOK_AFTER_MS = 1000;
    const keyOf = (row) => row.querySelector('th a')?.getAttribute('href');
    async function refresh() {
        const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
        const other = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const rows = new Map([...other.querySelectorAll('#entries tbody tr')].map((row) => [keyOf(row), row]));
        for (const row of entries.querySelectorAll('tbody tr')) {
            const found = rows.get(keyOf(row));
            const details = found?.querySelector('.details');
            if (!details?.hasChildNodes() || row.querySelector('.details').hasChildNodes()) continue;
            row.querySelector('.details').replaceWith(details);
            row.cells[0].replaceWith(found.cells[0]);
            judge(details);
        }
        return Number(other.getElementById('folder').dataset.pending ?? 0);
    }
    // More rarely where nothing becomes known, as when the disk permits are taken.
    function refreshLater(fewest, looksInVain) {
        if (fewest === 0 || looksInVain === LOOKS_IN_VAIN_MAX) return;
        setTimeout(async () => {
            const pending = await refresh().catch(() => fewest);
            refreshLater(Math.min(pending, fewest), pending < fewest ? 0 : looksInVain + 1);
        }, LOOK_AFTER_MS * (1 + looksInVain));
    }
    refreshLater(Number(folder.dataset.pending ?? 0), 0);

    // The player page keeps an entry for each film: see player.js.
    const PREFIX = 'reeld:position:';
    const SHOWN_MAX = 6;

    function begun() {
        const path = PREFIX + folder.dataset.path;
        const keys = Object.keys(localStorage).filter((key) => key.startsWith(path));
        const films = keys.map((key) => {
            try { return { ...JSON.parse(localStorage.getItem(key)), path: key.slice(PREFIX.length) }; } catch { return {}; }
        });
        return films.filter(({ time, duration }) => time > 0 && duration > time).sort((a, b) => b.at - a.at).slice(0, SHOWN_MAX);
    }

    function card({ path, title, time, duration }) {
        const link = document.createElement('a');
        // Relative, as there may be a prefix that the server does not know.
        link.href = `./${path.slice(folder.dataset.path.length)}?play`;
        const name = document.createElement('strong');
        name.textContent = title;
        const left = document.createElement('span');
        left.textContent = `${Math.max(1, Math.round((duration - time) / 60))} min left`;
        const progress = document.createElement('progress');
        progress.value = time / duration;
        progress.setAttribute('aria-hidden', 'true');
        link.append(name, left, progress);
        const item = document.createElement('li');
        item.append(link);
        return item;
    }

    // Again when the browser shows the page from its memory, after the way back from a film.
    addEventListener('pageshow', () => {
        const cards = (stored(begun) ?? []).map(card);
        const section = document.getElementById('continue');
        section.querySelector('ul').replaceChildren(...cards);
        section.hidden = cards.length === 0;
    });

    const links = [...entries.querySelectorAll('.go')];
    function columns() {
        const top = (link) => link.closest('tr').offsetTop;
        const next = links.findIndex((link) => top(link) !== top(links[0]));
        return next < 0 ? links.length : next;
    }
    entries.addEventListener('keydown', (event) => {
        const place = links.indexOf(document.activeElement);
        if (place < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
        const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
        const target = links[place + steps[event.key]];
        if (!target) return;
        event.preventDefault();
        target.focus();
    });
}
