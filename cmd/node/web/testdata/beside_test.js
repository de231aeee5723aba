// What stands beside the client's topics: who is there, pointers, groups, and several addresses.

import { connect } from '/troupe.js';
import { equal, fate, ok, runAll, settled } from './world.js';

const state = (version, data) => ({ topic: '__presence:t', event: 'presence_state', data, version });
const diff = (version, joins, leaves = {}) => ({ topic: '__presence:t', event: 'presence_diff', data: { joins, leaves }, version });
const point = (event, data) => ({ topic: '__cursor:t', event, data });
const said = (event, data, system = true) => ({ topic: '__group:g', event, data, ...(system ? { system } : {}) });
const cursor = (key, x, tab, user = { name: key }) => ({ key, user, data: { x, tab } });

/** A client that is connected and follows t. */
function following(w) {
  const client = connect('/ws');
  client.subscribe('t', () => {}).catch(() => {});
  w.socket.open();
  w.socket.accept();
  return client;
}

async function again(w) {
  w.socket.drop();
  await w.advance(30_000);
  w.socket.open();
}

/** Presence of t and everything it tells. */
function watching(client) {
  const told = [];
  const p = client.presence('t', ({ joins, leaves }) => told.push([Object.fromEntries(joins), Object.fromEntries(leaves)]));
  return { p, told, keys: () => [...p.members.keys()] };
}

const tests = {
  async 'PRE-01: who comes and goes, version by version, each once'(w) {
    const client = following(w);
    const { p, told, keys } = watching(client);
    w.socket.receive(diff(1, { early: 1 })); // before the state: it is in there
    w.socket.receive(state(4, { ann: { name: 'Ann' }, bob: {} }));
    w.socket.receive(diff(5, { cy: 1 }, { bob: {} }), diff(5, { cy: 1 }, { bob: {} }), diff(3, { old: 1 }), { topic: '__presence:t', event: 'heartbeat', data: ['ann'], version: 5 });
    w.socket.receive({ type: 'batch', events: [diff(6, { ann: { name: 'Anna' } })] });
    equal(keys(), ['ann', 'cy']);
    equal(p.members.get('ann'), { name: 'Anna' });
    equal(told, [[{ ann: { name: 'Ann' }, bob: {} }, {}], [{ cy: 1 }, { bob: {} }], [{ ann: { name: 'Anna' } }, {}]]);
    client.close();
  },

  async 'a version that is left out makes it ask for all again'(w) {
    const client = connect('/ws');
    const { told, keys } = watching(client);
    w.socket.open();
    w.socket.receive(state(1, { ann: 1, bob: 1 }));
    w.socket.sent.length = 0;
    w.socket.receive(diff(3, { cy: 1 }), diff(4, { dan: 1 }));
    equal(w.socket.sent.map((f) => [f.type, f.topic]), [['unsubscribe', '__presence:t'], ['presence', 't']]);
    equal(keys(), ['ann', 'bob']);
    w.socket.receive(state(4, { bob: 1, cy: 2 }), diff(5, { eve: 1 }));
    equal(keys(), ['bob', 'cy', 'eve']);
    equal(told.slice(1), [[{ cy: 2 }, { ann: 1 }], [{ eve: 1 }, {}]]);
    client.close();
  },

  async 'a follower begins anew when a version is left out'(w) {
    const client = following(w);
    const { keys } = watching(client);
    w.socket.receive(state(1, { ann: 1 }), diff(3, { cy: 1 }));
    equal([w.sockets[0].closed, w.sockets.length, client.status.state], [true, 2, 'connecting']);
    w.socket.open();
    w.socket.receive(state(3, { cy: 1 }));
    equal(keys(), ['cy']);
    client.close();
  },

  async 'a follower is a member without asking, others watch, and both are back after a reconnect'(w) {
    const client = connect('/ws');
    client.presence('u');
    client.subscribe('t', () => {}).catch(() => {});
    w.socket.open();
    equal(w.socket.of('presence').map((f) => f.topic), ['u']);
    w.socket.accept();
    w.socket.receive(state(7, { ann: 1 }));
    const late = client.presence('t');
    equal([w.socket.of('presence').length, [...late.members.keys()]], [0, ['ann']], 'asked although it was told');
    await again(w);
    equal(w.socket.of('presence').map((f) => f.topic), ['u']);
    w.socket.receive(diff(8, { early: 1 }));
    equal([...late.members.keys()], ['ann'], 'before the state of this connection');
    w.socket.receive(state(2, { bob: 1 }), diff(3, { cy: 1 })); // another life of the numbers
    equal([...late.members.keys()], ['bob', 'cy']);
    client.unsubscribe('t');
    equal(w.socket.sent.slice(-2).map((f) => [f.type, f.topic]), [['unsubscribe', 't'], ['presence', 't']]);
    client.close();
  },

  async 'several share one watch, and the last to close ends it'(w) {
    const client = connect('/ws');
    w.socket.open();
    const one = client.presence('t', () => {}), two = client.presence('t', () => {});
    equal(w.socket.of('presence').length, 1);
    one.close();
    one.close();
    equal(w.socket.of('unsubscribe').length, 0);
    two.close();
    equal(w.socket.of('unsubscribe').map((f) => f.topic), ['__presence:t']);
    w.socket.receive(state(1, { ann: 1 }));
    equal(two.members.size, 0);
    client.close();
  },

  async 'members may be named as the language names its own'(w) {
    const client = following(w);
    const { keys } = watching(client);
    w.socket.onmessage({ data: '{"topic":"__presence:t","event":"presence_state","data":{"__proto__":{"a":1},"constructor":2},"version":1}' });
    w.socket.receive(diff(2, {}, { constructor: 2 }));
    equal(keys(), ['__proto__']);
    client.close();
  },

  async 'a place that the node could not make is asked for again, one that it refuses is not'(w) {
    const client = following(w);
    client.presence('t');
    client.presence('w');
    w.socket.sent.length = 0;
    for (const topic of ['__presence:t', '__cursor:t', '__presence:w']) w.socket.receive({ type: 'subscribe-denied', topic, reason: 'UNAVAILABLE' });
    await w.advance(10_000);
    equal(w.socket.sent.map((f) => [f.type, f.topic]), [['subscribe', 't'], ['subscribe', 't'], ['presence', 'w']]);
    w.socket.receive({ type: 'subscribe-denied', topic: '__presence:w', reason: 'FORBIDDEN' });
    w.socket.receive({ type: 'subscribe-denied', topic: 't', reason: 'UNAVAILABLE' }); // the topic itself failed
    w.socket.sent.length = 0;
    await w.advance(10_000);
    equal(w.socket.sent.map((f) => [f.type, f.topic]), [['subscribe', 't']]);
    client.close();
  },

  async 'pointers: the first at once, then the last of 50 ms, and again after a reconnect'(w) {
    const client = connect('/ws');
    const mine = client.cursors('t');
    client.subscribe('t', () => {}).catch(() => {});
    mine.send({ x: 0 });
    w.socket.open();
    equal(w.socket.of('cursor').length, 0, 'sent before the topic was accepted');
    w.socket.accept();
    for (const x of [1, 2, 3]) mine.send({ x });
    await w.advance(49);
    equal(w.socket.of('cursor').map((f) => f.data.x), [0]);
    await w.advance(1);
    equal(w.socket.of('cursor').map((f) => f.data.x), [0, 3]);
    await w.advance(10_000);
    equal(w.socket.of('cursor').length, 2, 'a pointer at rest');
    await again(w);
    equal(w.socket.sent.map((f) => f.type), ['hello', 'subscribe-batch', 'cursor']);
    equal(w.socket.of('cursor')[0].data.x, 3);
    mine.send({ x: 4 });
    const before = w.timers;
    mine.close();
    equal(w.timers, before - 1, 'timers of a board that nobody looks at');
    client.cursors('t').send({ x: 5 });
    client.cursors('t').send({ x: 6 });
    client.close();
    equal(w.timers, 0, 'timers left');
  },

  async 'a topic without cursors is asked once per connection, and says so'(w) {
    const client = following(w);
    const errors = [];
    client.on('error', (e) => errors.push(e.code));
    const mine = client.cursors('t');
    mine.send({ x: 1 });
    w.socket.receive({ type: 'error', ref: w.socket.of('cursor')[0].ref, code: 'FORBIDDEN', message: 'no' });
    mine.send({ x: 2 });
    await w.advance(1000);
    equal([w.socket.of('cursor').length, errors], [1, ['FORBIDDEN']]);
    await again(w);
    equal(w.socket.of('cursor').map((f) => f.data.x), [2]);
    client.close();
  },

  async 'CUR-09: pointers of others come, move and go; one\'s own is not among them'(w) {
    const client = following(w);
    let told = 0;
    const c = client.cursors('t', () => told++);
    equal(w.socket.of('cursor-snapshot').length, 1);
    c.send({ x: 9 });
    const { tab } = w.socket.of('cursor')[0].data;
    w.socket.receive(point('snapshot', [cursor('a', 1), cursor('me', 9, tab)]), point('update', cursor('b', 2)));
    w.socket.receive(point('bulk', [cursor('a', 3), cursor('b', 4)]), point('update', cursor('me', 10, tab)));
    equal([...c.others.values()].map((o) => [o.key, o.data.x]), [['a', 3], ['b', 4]]);
    w.socket.receive(point('remove', { key: 'a' }), point('remove', { key: 'nobody' }));
    equal([...c.others.keys()], ['b']);
    w.socket.receive(point('snapshot', []), point('stale', { since: 1 }));
    equal([c.others.size, told, w.socket.of('cursor-snapshot').length], [0, 7, 2]);
    client.close();
  },

  async 'a tab that has another connection is one pointer still; a stranger with its mark is not'(w) {
    const client = following(w);
    const c = client.cursors('t');
    const ann = { name: 'Ann' };
    w.socket.receive(point('update', cursor('old', 1, 'T', ann)), point('update', cursor('new', 2, 'T', ann)));
    equal([...c.others.values()].map((o) => [o.key, o.data.x]), [['new', 2]]);
    w.socket.receive(point('remove', { key: 'old' }), point('update', cursor('evil', 3, 'T', { name: 'Eve' })));
    equal([...c.others.values()].map((o) => o.key), ['new', 'evil']);
    client.close();
  },

  async 'GRP-23: joined, then the members, and events of the group and of the program'(w) {
    const client = following(w);
    const events = [];
    const joining = client.join('g', { role: 'admin' }, (e) => events.push([e.event, e.system === true]));
    const frame = w.socket.of('join')[0];
    equal([frame.group, frame.role], ['g', 'admin']);
    w.socket.receive({ type: 'joined', group: 'g', role: 'admin', ref: frame.ref });
    const { role, members } = await joining;
    const ann = { key: 'ann', role: 'admin', data: { name: 'Ann' } }, bob = { key: 'bob', role: 'member', data: null };
    w.socket.receive(said('join', { ...ann, count: 2 }), said('members', [ann, bob]), said('leave', { key: 'bob', role: 'member', count: 1 }));
    equal([role, [...members.keys()]], ['admin', ['ann']]);
    w.socket.receive(said('leave', { key: 'ann' }, false), said('close', null, false), said('members', [], false));
    equal([...members.values()], [ann]);
    equal(events, [['join', true], ['members', true], ['leave', true], ['leave', false], ['close', false], ['members', false]]);
    client.leave('g');
    client.leave('g');
    equal(w.socket.of('leave').length, 1);
    w.socket.receive(said('members', [ann, bob]));
    equal(events.length, 6, 'heard after leaving');
    client.close();
  },

  async 'a group that is full rejects, and can be tried again'(w) {
    const client = following(w);
    for (const reason of ['FULL', 'UNAVAILABLE']) {
      const joining = fate(client.join('g'));
      w.socket.receive({ type: 'join-denied', group: 'g', reason, ref: w.socket.of('join').at(-1).ref });
      equal(await joining, reason);
    }
    const wrong = fate(client.join('g', { role: 7 }));
    w.socket.receive({ type: 'error', ref: w.socket.of('join').at(-1).ref, code: 'INVALID_FRAME', message: 'role must be text' });
    equal(await wrong, 'INVALID_FRAME');
    const left = fate(client.join('g'));
    client.leave('g');
    equal(await left, 'CLOSED');
    w.socket.receive({ type: 'joined', group: 'g', role: 'member', ref: w.socket.of('join').at(-1).ref }); // crossed the leave
    await again(w);
    equal(w.socket.of('join').length, 0, 'joined again though it was left');
    client.close();
    equal(await fate(client.join('g')), 'CLOSED');
  },

  async 'a place in a group is taken again after a reconnect; what can not be had is told'(w) {
    const client = following(w);
    const denied = [];
    client.on('denied', (d) => denied.push(d));
    const join = (group) => { const p = client.join(group); w.socket.receive({ type: 'joined', group, role: 'member', ref: w.socket.of('join').at(-1).ref }); return p; };
    const { members } = await join('g');
    await join('h');
    w.socket.receive(said('members', [{ key: 'ann', role: 'member', data: null }]));
    await again(w);
    const [g, h] = w.socket.of('join');
    equal([g.group, h.group], ['g', 'h']);
    equal([...members.keys()], ['ann'], 'while it is not known better');
    w.socket.receive({ type: 'join-denied', group: 'h', reason: 'FULL', ref: h.ref });
    w.socket.receive({ type: 'join-denied', group: 'g', reason: 'UNAVAILABLE', ref: g.ref });
    equal(denied, [{ group: 'h', reason: 'FULL' }]);
    await w.advance(10_000);
    equal(w.socket.of('join').length, 3, 'not asked again');
    w.socket.receive({ type: 'joined', group: 'g', role: 'member', ref: w.socket.of('join')[2].ref }, said('members', []));
    equal([members.size, await fate(client.join('g'))], [0, 'resolved']);
    client.close();
  },

  async 'a group that is closed is over'(w) {
    const client = following(w);
    const events = [];
    const joining = client.join('g', {}, (e) => events.push(e.event));
    w.socket.receive({ type: 'joined', group: 'g', role: 'member', ref: w.socket.of('join')[0].ref }, said('members', [{ key: 'ann' }]), said('close', null));
    equal([events, (await joining).members.size], [['members', 'close'], 0]);
    await again(w);
    equal(w.socket.of('join').length, 0);
    client.close();
  },

  async 'what listens beside topics may throw'(w) {
    const client = following(w);
    const bad = () => { throw new Error('mine'); };
    const seen = [];
    for (const f of [bad, () => seen.push(1)]) { client.presence('t', f); client.cursors('t', f); client.join('g', {}, f).catch(() => {}); }
    w.socket.receive(state(1, {}), point('snapshot', []), said('members', []));
    equal([seen.length, w.errors.length], [3, 3]);
    client.close();
  },

  async 'several addresses are tried in turn, and delays grow with each round'(w) {
    const client = connect(['ws://a.example/ws', 'ws://b.example/ws?x=1', '/ws']);
    const delays = [];
    client.on('status', (s) => { if (s.state === 'waiting') delays.push(s.delay); });
    for (let i = 0; i < 7; i++) { w.socket.drop(); await w.advance(client.status.delay); }
    equal(w.sockets.slice(0, 5).map((s) => new URL(s.url).host), ['a.example', 'b.example', location.host, 'a.example', 'b.example']);
    equal(delays, [500, 500, 500, 1000, 1000, 1000, 2000]);
    w.socket.open();
    await w.advance(6000);
    w.socket.drop(4429);
    equal(client.status.delay, 16000);
    client.close();
  },

  async 'a page that is left is not there, and is again when the browser brings it back'(w) {
    const client = following(w);
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    ok(w.socket.closed, 'still connected');
    await w.advance(60_000);
    equal(w.sockets.length, 1, 'connected while nobody sees the page');
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    w.socket.open();
    equal([w.sockets.length, client.status.state, w.socket.of('subscribe-batch').length], [2, 'open', 1]);
    client.close();
  },

  async 'addresses may change: a function is asked before each attempt'(w) {
    let urls = '/ws?name=Ann';
    const client = connect(() => urls, { positions: 'session' });
    w.socket.open();
    urls = ['/ws?name=Anna', 'ws://b.example/ws'];
    client.reconnect();
    ok(w.sockets[0].closed, 'the first socket is open');
    equal([w.sockets.length, w.socket.url], [2, `ws://${location.host}/ws?name=Anna`]);
    w.socket.open();
    equal(client.status.state, 'open');
    w.socket.drop();
    await w.advance(500);
    equal(w.socket.url, 'ws://b.example/ws');
    urls = 'http://['; // no address
    w.socket.drop();
    await w.advance(60_000);
    equal(client.status.state, 'waiting');
    urls = '/ws';
    await w.advance(30_000);
    equal(w.socket.url, `ws://${location.host}/ws`);
    client.close();
    client.reconnect();
    await settled();
    equal([client.status.state, w.timers], ['closed', 0]);
  },
};

export const run = () => runAll(tests);
