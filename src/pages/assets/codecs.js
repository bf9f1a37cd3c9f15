'use strict';
// What this browser lacks to play a file, by asking it (HTML, canPlayType).
const decoders = (() => {
    const probe = document.createElement('video');
    const plays = (type) => probe.canPlayType(type) !== '';
    // Chromium plays QuickTime as MP4, and denies it.
    const containerOf = (type) => type.split(';')[0].replace('video/quicktime', 'video/mp4');
    const codecsOf = (type) => (/codecs="(.*)"/.exec(type)?.[1] ?? '').split(', ').filter(Boolean);
    // Firefox knows MP3 in MP4 by its short name alone.
    const spellings = (codec) => (/^mp4a\.6[9b]$/i.test(codec) ? [codec, 'mp3'] : [codec]);

    function isMissing(container, codec) {
        return !spellings(codec).some((spelling) => plays(`${container}; codecs="${spelling}"`));
    }

    // A sentence, or null if it lacks nothing. `video` and `audio` are the names of the codecs of a picture and a sound, in the order of the
    // media type; `sounds` are the codecs of all sounds, where there is a choice.
    function lack({ type, format, video, audio, sounds }) {
        if (!type) return null;
        const container = containerOf(type);
        if (!plays(container)) return `This browser cannot play ${format} files.`;
        const names = [video, audio].filter((name) => name !== undefined);
        const missing = names.filter((_, place) => {
            const codec = codecsOf(type)[place];
            return codec !== undefined && isMissing(container, codec);
        });
        if (missing.length === 0) return null;
        const isSoundAlone = video !== undefined && missing[0] !== video;
        if (isSoundAlone && sounds?.split(', ').some((codec) => !isMissing(container, codec))) return null;
        if (isSoundAlone) return `No sound here: this browser has no decoder for ${audio}.`;
        return `This browser has no decoder for ${missing.join(' and ')}.`;
    }
    return { lack };
})();
