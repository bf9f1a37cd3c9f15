'use strict';
// The live page: fetches the numbers each second and draws them.
{
    const INTERVAL_MS = 1000;
    const PATIENCE_MS = 5000;
    // Samples across a chart, at least; the server keeps five minutes of them.
    const SPAN_MIN = 60;
    const byId = (id) => document.getElementById(id);

    function element(name, text, attributes = {}) {
        const made = document.createElement(name);
        if (text !== undefined) made.textContent = text;
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        return made;
    }

    function drawn(name, attributes) {
        const made = document.createElementNS('http://www.w3.org/2000/svg', name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        return made;
    }

    function bytes(count) {
        const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
        let [value, unit] = [count, 0];
        while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
        return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
    }

    function clock(seconds) {
        const whole = Math.floor(seconds);
        const two = (number) => String(number).padStart(2, '0');
        const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
        return (hours ? `${hours}:${two(minutes)}` : minutes) + `:${two(whole % 60)}`;
    }

    const plain = (count) => count.toLocaleString('en');
    const rate = (count) => `${bytes(count)}/s`;
    const each = (count) => `${plain(count)}/s`;

    // A chart: its title, the series, how a value is written, and the limit if there is one.
    const CHARTS = [
        ['Throughput', 'bytes', rate],
        ['Requests', 'requests', each],
        ['Errors (4xx, 5xx)', 'errors', each],
        ['Being played', 'viewings', plain],
        ['Connections', 'connections', plain, (status) => status.max_connections],
        ['Busy workers', 'busy_workers', plain, (status) => status.workers],
        ['Waiting for a worker', 'queued', plain],
        ['Waiting for the disk', 'disk', plain],
    ];

    const charts = CHARTS.map(([title, series, write, limit]) => {
        const card = element('div', undefined, { class: 'chart' });
        const now = element('p', '–', { class: 'now' });
        const most = element('p', '', { class: 'most' });
        const picture = drawn('svg', {
            preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}, the last five minutes`,
        });
        const area = drawn('path', { class: 'area' });
        const line = drawn('path', { class: 'line' });
        picture.append(area, line);
        card.append(element('h3', title), now, most, picture);
        byId('charts').append(card);
        return (status) => {
            const values = status.samples[series];
            const top = Math.max(1, ...values);
            const end = Math.max(SPAN_MIN, values.length) - 1;
            const start = end + 1 - values.length;
            picture.setAttribute('viewBox', `0 0 ${end} 100`);
            const points = values.map((value, place) => `${start + place} ${(100 - 96 * value / top).toFixed(1)}`);
            line.setAttribute('d', points.length ? `M${points.join('L')}` : '');
            area.setAttribute('d', points.length ? `M${start} 100L${points.join('L')}L${end} 100z` : '');
            now.textContent = write(values.at(-1) ?? 0);
            const highest = `most ${write(status.most[series])}`;
            most.textContent = limit ? `${highest} · limit ${write(limit(status))}` : highest;
        };
    });

    function cells(...texts) {
        return texts.map(([text, label, attributes]) => element('td', text, { 'data-label': label, ...attributes }));
    }

    // What each viewing had sent, and when, in the answers of the last seconds: players take films in bursts.
    const RATE_SPAN_MS = 10_000;
    let seen = new Map();
    const keyOf = ({ client, agent, path }) => JSON.stringify([client, agent, path]);

    function viewing(one) {
        const row = element('tr');
        const name = element('th', one.path, { scope: 'row' });
        const [first, last] = [seen.get(keyOf(one)).at(0), seen.get(keyOf(one)).at(-1)];
        const perSecond = last.sent > first.sent ? (last.sent - first.sent) / (last.time - first.time) * 1000 : 0;
        const share = one.size ? one.position / one.size : 0;
        const where = one.duration === undefined
            ? `${bytes(one.position)} of ${bytes(one.size)}`
            : `about ${clock(one.duration * share)} of ${clock(one.duration)}`;
        const [position] = cells([where, 'Position', { class: 'block' }]);
        position.append(element('progress', undefined, { max: 1, value: share, 'aria-label': 'Position' }));
        row.append(name, position, ...cells(
            [perSecond > 0 ? rate(perSecond) : one.idle > 0 ? `none for ${clock(one.idle)}` : last.time > first.time ? 'paused' : '–', 'Rate'],
            [bytes(one.promised), 'Promised'],
            [bytes(one.sent), 'Sent'],
            [bytes(one.wasted), 'Not taken'],
            [clock(one.time), 'For'],
            [one.client, 'Address', { class: 'text' }],
            [one.agent || 'not named', 'Program', { class: 'text block' }],
        ));
        return row;
    }

    const STATES = {
        served: 'Served by a worker', queued: 'Waiting for a worker', idle: 'Idle, or sending a request',
        sending: 'Taking a response slowly', disk: 'Waiting for the disk',
    };
    const TIMEOUTS = {
        idle: 'Timeouts: no next request', head: 'Timeouts: no whole request', stall: 'Timeouts: response not taken',
        disk: 'Timeouts: disk', linger: 'Timeouts: not closed by the client',
    };
    const HEALTH = { ready: 'Ready', draining: 'Draining', saturated: 'Saturated: new connections are answered 503' };

    function rows(table, entries) {
        table.replaceChildren(...entries.map(([name, ...values]) => {
            const row = element('tr');
            row.append(element('th', name, { scope: 'row' }), ...values.map((value) => element('td', value)));
            return row;
        }));
    }

    function show(status) {
        const time = performance.now();
        seen = new Map(status.viewings.map((one) => {
            const recent = (seen.get(keyOf(one)) ?? []).filter((answer) => answer.time > time - RATE_SPAN_MS);
            return [keyOf(one), [...recent, { time, sent: one.sent }]];
        }));
        byId('version').textContent = `${status.version}, up ${clock(status.uptime)}`;
        byId('health').textContent = HEALTH[status.health] ?? status.health;
        byId('health').className = status.health === 'ready' ? 'good' : 'bad';
        charts.forEach((draw) => draw(status));
        byId('nothing').hidden = status.viewings.length > 0;
        byId('playing').hidden = status.viewings.length === 0;
        byId('viewings').replaceChildren(...status.viewings.map(viewing));
        rows(byId('states'), [
            ...Object.entries(status.states).map(([state, count]) => [
                STATES[state] ?? state, plain(count), plain(status.most[state]), '',
            ]),
            ['All', plain(status.samples.connections.at(-1)), plain(status.most.connections), plain(status.max_connections)],
        ]);
        rows(byId('requests'), Object.entries(status.requests).map(([name, count]) => [name, plain(count)]));
        rows(byId('counts'), [
            ['Bytes promised', bytes(status.promised)],
            ['Bytes sent', bytes(status.sent)],
            ['Bytes that clients did not take', bytes(status.aborted)],
            ['Connections over the limit, answered 503', plain(status.shed)],
            ['Connections closed to make room', plain(status.evicted)],
            ...Object.entries(status.timeouts).map(([kind, count]) => [TIMEOUTS[kind] ?? kind, plain(count)]),
            ['Panics', plain(status.panics)],
            ['Lines that the access log lost', plain(status.log_lines_dropped)],
        ]);
    }

    async function update() {
        try {
            const answer = await fetch('status.json', { signal: AbortSignal.timeout(PATIENCE_MS) });
            if (!answer.ok) throw new Error(`The server answers ${answer.status}`);
            show(await answer.json());
        } catch (error) {
            const isSilent = error instanceof TypeError || error.name === 'TimeoutError';
            byId('health').textContent = isSilent ? 'The server does not answer' : error.message;
            byId('health').className = 'bad';
        }
        setTimeout(update, INTERVAL_MS);
    }
    update();
}
