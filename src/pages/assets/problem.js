'use strict';
// Says in words why the browser does not play the file or show the picture.
{
    const { dataset } = document.getElementById('page');
    const player = document.getElementById('player');
    const picture = document.getElementById('picture');

    // The page can get another file meanwhile, and with it another place for the reason.
    const place = () => document.getElementById('problem');
    function explain(reason) {
        document.getElementById('reason').textContent = reason;
        place().hidden = false;
    }

    function whyNot(code, answer) {
        if (!answer) return 'The server does not answer.';
        if (answer.status === 404) return 'The file is no longer there.';
        if (!answer.ok) return `The server refuses the file (${answer.status}).`;
        if (code === MediaError.MEDIA_ERR_NETWORK) return 'The connection was lost. Reload the page to go on.';
        if (code === MediaError.MEDIA_ERR_DECODE) {
            return 'This browser cannot decode the file from here on. It may be damaged.';
        }
        const lack = decoders.lack(dataset);
        if (lack) return lack;
        if (player.canPlayType(dataset.type) === '') return `This browser cannot play ${dataset.format} files.`;
        return `This browser has no decoder for what is in this ${dataset.format} file, or the file is damaged.`;
    }

    async function explainError() {
        const source = player.src;
        const { code } = player.error;
        const answer = await fetch(source, { method: 'HEAD' }).catch(() => null);
        if (player.src !== source) return;
        const isRefused = answer?.ok && code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
        if (!isRefused || !audioTracks.replaceRefused()) explain(whyNot(code, answer));
    }

    if (player) {
        // What the browser says before it tries.
        const predict = () => {
            place().hidden = true;
            document.querySelector('#about .doubt')?.remove();
            const lack = decoders.lack(dataset);
            if (lack) explain(lack);
        };
        // What it does then. Not every browser says whether there is sound.
        const observe = () => {
            const hasNoPicture = player.localName === 'video' && player.videoWidth === 0;
            const hasSound = player.webkitAudioDecodedByteCount > 0 || player.mozHasAudio === true;
            const hasNoSound = player.webkitAudioDecodedByteCount === 0 || player.mozHasAudio === false;
            if (player.currentTime < 0.5 || player.seeking || player.paused) return;
            if (hasNoPicture && dataset.video !== undefined) {
                explain(`This browser plays the sound of this file, but has no decoder for its picture: ${dataset.video}.`);
            } else if (hasNoPicture && dataset.audio === undefined) {
                explain('This browser plays the sound of this file, but has no decoder for its picture.');
            } else if (hasNoSound && dataset.audio !== undefined) {
                if (!audioTracks.replaceRefused()) explain(`No sound here: this browser has no decoder for ${dataset.audio}.`);
            } else if (hasSound || dataset.audio === undefined) {
                place().hidden = true;
            }
        };
        player.addEventListener('loadstart', predict);
        player.addEventListener('error', explainError);
        player.addEventListener('timeupdate', observe);
        predict();
        if (player.error) explainError();
    } else {
        const refuse = () => explain(`This browser cannot show this ${dataset.format} picture, or it is damaged.`);
        picture.addEventListener('error', refuse);
        if (picture.complete && picture.naturalWidth === 0) refuse();
    }
}
