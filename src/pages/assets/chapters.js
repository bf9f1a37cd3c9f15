// The chapters: their links move the player, and the one that plays is marked.
{
    const page = document.getElementById('page');
    const player = document.getElementById('player');
    const links = () => [...document.querySelectorAll('#chapters a')];
    const startOf = (link) => Number(link.hash.slice('#t='.length));

    page.addEventListener('click', (event) => {
        const link = event.target.closest('#chapters a');
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        player.currentTime = startOf(link);
    });

    player.addEventListener('timeupdate', () => {
        const current = links().findLast((link) => startOf(link) <= player.currentTime + 0.05);
        for (const link of links()) {
            if (link !== current) link.removeAttribute('aria-current');
            else if (!link.hasAttribute('aria-current')) link.setAttribute('aria-current', 'true');
        }
    });
}
