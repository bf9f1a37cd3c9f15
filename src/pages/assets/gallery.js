'use strict';
// The page of a picture: arrow keys, Escape and swiping. Without this script its links do the same.
{
    const picture = document.getElementById('picture');
    const link = (relation) => document.querySelector(`a[rel=${relation}]`);
    const follow = (relation) => link(relation)?.click();

    const RELATIONS = { ArrowLeft: 'prev', ArrowRight: 'next', Escape: 'up' };
    addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
        const relation = RELATIONS[event.key];
        if (!relation || !link(relation)) return;
        event.preventDefault();
        follow(relation);
    });

    const SWIPE_PIXELS = 60;
    let start;
    picture.addEventListener('touchstart', (event) => {
        // Two fingers zoom, and one moves what is zoomed.
        const isSwipe = event.touches.length === 1 && (visualViewport?.scale ?? 1) === 1;
        start = isSwipe ? event.touches[0] : undefined;
    }, { passive: true });
    picture.addEventListener('touchend', (event) => {
        if (!start) return;
        const end = event.changedTouches[0];
        const [right, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
        if (Math.abs(right) > Math.max(SWIPE_PIXELS, 2 * Math.abs(down))) follow(right > 0 ? 'prev' : 'next');
    });

    // So that the next one is there at once.
    const next = link('next');
    if (next) new Image().src = next.href.replace(/\?play$/, '?whole');
}
