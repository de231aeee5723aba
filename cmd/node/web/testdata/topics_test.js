// The client's topics and publishes: nothing twice, nothing lost in silence.

import { connect } from '/troupe.js';
import { equal, fate, ok, runAll, settled } from './world.js';

const ev = (seq, topic = 't') => ({ topic, event: 'e', data: seq, seq });

/** A connected client that follows t at 0 of epoch A and notes everything it is told. */
function following(w, options, from = { since: 0 }) {
  const client = connect('/ws', options);
  const told = [];
  client.on('gap', (g) => told.push(g));
  client.subscribe('t', (e) => told.push(e.seq), from).catch(() => {});
  w.socket.open();
  w.socket.accept(0, 'A');
  return { client, told };
}

async function again(w) {
  w.socket.drop();
  await w.advance(30_000);
  w.socket.open();
}

const tests = {
  async 'CLI-09: each event once and in order, alone or in a batch'(w) {
    const { client, told } = following(w);
    w.socket.receive(ev(1), { type: 'batch', events: [ev(1), ev(2), ev(3)] }, ev(2), ev(3), ev(4));
    equal(told, [1, 2, 3, 4]);
    await again(w);
    w.socket.receive(ev(3), ev(4), ev(5), { type: 'resumed' }, ev(5), ev(6));
    equal(told, [1, 2, 3, 4, 5, 6]);
    client.close();
  },

  async 'CLI-09: what was meant for an earlier subscription is not shown to the next'(w) {
    const { client } = following(w);
    const seen = [];
    client.unsubscribe('t');
    client.subscribe('t', (e) => seen.push(e.seq), { since: 0 });
    w.socket.receive(ev(9)); // was on its way
    w.socket.receive({ type: 'subscribed', topic: 't', ref: 1, seq: 9, epoch: 'A' }); // an older answer
    w.socket.receive(ev(9));
    w.socket.accept(2, 'A');
    w.socket.receive(ev(1), ev(2));
    equal(seen, [1, 2]);
    client.close();
  },

  async 'CLI-10: a resume asks from the last position seen, with its epoch'(w) {
    const { client, told } = following(w);
    w.socket.receive(ev(1), ev(2));
    await again(w);
    equal(w.socket.of('resume')[0].lastSeenSeqs, { t: 2 });
    w.socket.receive(ev(3));
    await again(w);
    equal(w.socket.of('resume')[0].lastSeenSeqs, { t: 3 });
    equal(told, [1, 2, 3]);
    client.close();
  },

  async 'CLI-10: truncated tells what was missed, and what there is follows'(w) {
    const { client, told } = following(w);
    w.socket.receive(ev(1));
    await again(w);
    w.socket.receive({ topic: 't', event: 'truncated', data: { since: 1, oldest: 5, seq: 6, epoch: 'A' } }, ev(5), ev(6));
    equal(told, [1, { topic: 't', reason: 'truncated', since: 1, oldest: 5, seq: 6, epoch: 'A', reset: false, missed: 3 }, 5, 6]);
    client.close();
  },

  async 'CLI-10: a node that begins again at 1 is believed, and the next resume names its epoch'(w) {
    const { client, told } = following(w);
    w.socket.receive(ev(1), ev(2), ev(3));
    await again(w);
    w.socket.receive({ topic: 't', event: 'truncated', data: { since: 3, oldest: 1, seq: 1, epoch: 'B' } }, ev(1), { type: 'resumed' });
    w.socket.accept(1, 'B');
    w.socket.receive(ev(2));
    equal(told, [1, 2, 3, { topic: 't', reason: 'truncated', since: 3, oldest: 1, seq: 1, epoch: 'B', reset: true }, 1, 2]);
    await again(w);
    equal([w.socket.of('resume')[0].lastSeenSeqs, w.socket.of('resume')[0].epochs], [{ t: 2 }, { t: 'B' }]);
    client.close();
  },

  async 'stale reaches the application as a gap'(w) {
    const { client, told } = following(w);
    w.socket.receive({ topic: 't', event: 'stale', data: { since: 5, from: 7, to: 9 } }, ev(10));
    equal(told, [{ topic: 't', reason: 'stale', since: 5, from: 7, to: 9 }, 10]);
    client.close();
  },

  async 'an event of the application may be named truncated'(w) {
    const { client, told } = following(w);
    w.socket.receive({ topic: 't', event: 'truncated', data: null, seq: 1 });
    equal(told, [1]);
    client.close();
  },

  async 'a subscription without since begins where the topic stands'(w) {
    const client = connect('/ws');
    const seen = [];
    const answer = client.subscribe('t', (e) => seen.push([e.seq, e.epoch]));
    w.socket.open();
    equal(w.socket.of('subscribe-batch')[0].topics, ['t']);
    w.socket.accept(7, 'A');
    equal(await answer, { topic: 't', seq: 7, epoch: 'A' });
    w.socket.receive(ev(8));
    equal(seen, [[8, 'A']]);
    await again(w);
    equal(w.socket.of('resume')[0].lastSeenSeqs, { t: 8 });
    client.close();
  },

  async 'a topic without history is subscribed again and not resumed'(w) {
    const client = connect('/ws');
    const seen = [];
    client.subscribe('t', (e) => seen.push(e.data));
    w.socket.open();
    w.socket.accept();
    w.socket.receive({ topic: 't', event: 'e', data: 1 }, { topic: 't', event: 'e', data: 1 });
    let resumed = 0;
    client.on('resumed', () => resumed++);
    await again(w);
    equal(w.socket.sent.map((f) => f.type), ['hello', 'subscribe-batch']);
    equal([seen, resumed], [[1, 1], 1]);
    client.close();
  },

  async 'handlers share one subscription, and the last one ends it'(w) {
    const { client } = following(w);
    const seen = [];
    const second = (e) => seen.push(e.seq);
    await client.subscribe('t', second);
    equal(w.socket.of('subscribe').length, 0, 'asked again');
    w.socket.receive(ev(1));
    client.unsubscribe('t', second);
    w.socket.receive(ev(2));
    equal([seen, w.socket.of('unsubscribe').length], [[1], 0]);
    client.unsubscribe('t');
    equal(w.socket.of('unsubscribe').length, 1);
    client.close();
  },

  async 'a handler that throws is reported and does not stop the others'(w) {
    const client = connect('/ws');
    const seen = [];
    client.subscribe('t', () => { throw new Error('mine'); });
    client.subscribe('t', (e) => seen.push(e.seq));
    w.socket.open();
    w.socket.accept(0, 'A');
    w.socket.receive(ev(1), ev(2));
    equal([seen, w.errors.length], [[1, 2], 2]);
    client.close();
  },

  async 'a refusal rejects; later it ends the subscription, or is asked about again'(w) {
    const { client } = following(w);
    const denied = [];
    client.on('denied', (d) => denied.push(d));
    const refused = fate(client.subscribe('secret', () => {}));
    w.socket.receive({ type: 'subscribe-denied', topic: 'secret', ref: w.socket.sent.at(-1).ref, reason: 'FORBIDDEN' });
    equal(await refused, 'FORBIDDEN');
    await again(w);
    const { ref } = w.socket.of('subscribe-batch')[0];
    w.socket.receive({ type: 'subscribe-denied', topic: 't', ref, reason: 'UNAVAILABLE' });
    await w.advance(10_000);
    equal(w.socket.of('subscribe').map((f) => [f.topic, f.since, f.epoch]), [['t', 0, 'A']]);
    w.socket.receive({ type: 'subscribe-denied', topic: 't', ref: w.socket.of('subscribe')[0].ref, reason: 'FORBIDDEN' });
    equal(denied, [{ topic: 't', reason: 'FORBIDDEN' }]);
    await again(w);
    equal(w.socket.sent.map((f) => f.type), ['hello']);
    client.close();
  },

  async 'an error frame rejects what its ref asked for, others are told'(w) {
    const { client } = following(w);
    const errors = [];
    client.on('error', (e) => errors.push(e.code));
    const subscribe = fate(client.subscribe('u', () => {}, { since: -1 }));
    w.socket.receive({ type: 'error', ref: w.socket.sent.at(-1).ref, code: 'INVALID_SINCE', message: 'no' });
    const publish = fate(client.publish('u', 'e', 1));
    w.socket.receive({ type: 'error', ref: w.socket.sent.at(-1).ref, code: 'BAD', message: 'no' });
    w.socket.receive({ type: 'error', code: 'UNKNOWN_FRAME', message: 'no' });
    equal([await subscribe, await publish, errors], ['INVALID_SINCE', 'BAD', ['UNKNOWN_FRAME']]);
    client.close();
  },

  async 'a publish resolves with its position, or rejects with the reason and when to try again'(w) {
    const { client } = following(w);
    const good = client.publish('t', 'e', { a: 1 }, { id: 'mine' });
    const frame = w.socket.sent.at(-1);
    equal([frame.type, frame.topic, frame.event, frame.data, frame.id], ['publish', 't', 'e', { a: 1 }, 'mine']);
    w.socket.receive({ type: 'published', ref: frame.ref, seq: 5, epoch: 'A', duplicate: false });
    const { seq, epoch, duplicate } = await good;
    equal([seq, epoch, duplicate], [5, 'A', false]);
    const bad = client.publish('t', 'e');
    w.socket.receive({ type: 'publish-denied', ref: w.socket.sent.at(-1).ref, reason: 'RATE_LIMITED', retryAfterMs: 250 });
    const err = await bad.catch((e) => e);
    equal([err.name, err.code, err.retryAfterMs], ['TroupeError', 'RATE_LIMITED', 250]);
    ok(await fate(client.publish('t', 'e', 1n)) !== 'pending', 'data that is not JSON hangs');
    client.close();
  },

  async 'what got no answer is sent again with the same id, what got one is not'(w) {
    const { client } = following(w);
    const publishes = [1, 2, 3].map((n) => client.publish('t', 'e', n));
    const first = w.socket.of('publish');
    w.socket.receive({ type: 'published', ref: first[1].ref, seq: 2, epoch: 'A', duplicate: false });
    await again(w);
    const second = w.socket.of('publish');
    equal(second, [first[0], first[2]]);
    equal(new Set(first.map((f) => f.id)).size, 3, 'ids');
    for (const f of second) w.socket.receive({ type: 'published', ref: f.ref, seq: 1, epoch: 'A', duplicate: true });
    equal(await Promise.all(publishes.map(fate)), ['resolved', 'resolved', 'resolved']);
    client.close();
  },

  async 'what a node may have forgotten is not sent again, what was never sent waits as long as it takes'(w) {
    const { client } = following(w);
    const sent = client.publish('t', 'e', 'sent');
    w.socket.drop();
    const waiting = client.publish('t', 'e', 'waiting');
    await w.advance(111_000);
    w.socket.open();
    equal([await fate(sent), await fate(waiting)], ['UNKNOWN_OUTCOME', 'pending']);
    equal(w.socket.of('publish').map((f) => f.data), ['waiting']);
    client.close();
  },

  async 'the queue holds 1,000: one more rejects the oldest, and 64 are under way at once'(w) {
    const client = connect('/ws');
    const fates = [];
    for (let n = 0; n <= 1000; n++) client.publish('t', 'e', n).then(() => { fates[n] = 'stored'; }, (err) => { fates[n] = err.code; });
    await settled();
    equal(fates, ['QUEUE_FULL']);
    w.socket.open();
    equal(w.socket.of('publish').length, 64);
    for (let n = 0; n < 1000; n++) w.socket.receive({ type: 'published', ref: w.socket.of('publish')[n].ref, duplicate: false });
    await settled();
    equal(w.socket.of('publish').map((f) => f.data), Array.from({ length: 1000 }, (_, i) => i + 1));
    equal(fates.filter((f) => f === 'stored').length, 1000);
    client.close();
  },

  async 'a frame that is too large is rejected and not sent again'(w) {
    const { client } = following(w);
    const [small, large, later] = ['a', 'x'.repeat(99_999), 'c'].map((d) => client.publish('t', 'e', d));
    w.socket.drop(1009);
    equal([await fate(small), await fate(large), await fate(later)], ['pending', 'TOO_LARGE', 'pending']);
    await w.advance(500);
    w.socket.open();
    equal(w.socket.of('publish').map((f) => f.data), ['a', 'c']);
    client.close();
  },

  async 'positions survive a reload when asked to, and are kept nowhere otherwise'(w) {
    const forgetful = following(w);
    w.socket.receive(ev(1));
    dispatchEvent(new Event('pagehide'));
    equal(sessionStorage.length, 0);
    forgetful.client.close();
    following(w, { positions: 'session' });
    w.socket.receive(ev(1), ev(2));
    dispatchEvent(new Event('pagehide'));
    const { client, told } = following(w, { positions: 'session' }, {}); // the page after the reload
    w.socket.receive(ev(2), ev(3));
    equal(told, [3]);
    client.close();
  },

  async 'a backend that is down, and back'(w) {
    const client = connect('/ws');
    const told = [];
    for (const what of ['degraded', 'recovered']) client.on(what, (d) => told.push([what, d]));
    w.socket.open();
    w.socket.receive({ topic: '__system', event: 'degraded', data: { backend: 'redis', at: 1, reason: 'timeout' } });
    w.socket.receive({ topic: 'mine', event: 'degraded', data: 'of a topic' });
    w.socket.receive({ type: 'batch', events: [{ topic: '__system', event: 'recovered', data: { backend: 'redis', at: 2 } }] });
    equal(told, [['degraded', { backend: 'redis', at: 1, reason: 'timeout' }], ['recovered', { backend: 'redis', at: 2 }]]);
    client.close();
  },

  async 'events nobody subscribed to, raw frames and the end of listening'(w) {
    const client = connect('/ws');
    const events = [], frames = [];
    const off = client.on('event', (e) => events.push(e.event));
    client.on('frame', (f) => frames.push([f.out, JSON.parse(f.text).type ?? 'event']));
    w.socket.open();
    w.socket.receive({ topic: '__system', event: 'degraded', data: {} });
    off();
    w.socket.receive({ topic: '__system', event: 'recovered', data: {} }, { type: 'of-the-future' });
    equal(events, ['degraded']);
    equal(frames, [[true, 'hello'], [false, 'welcome'], [false, 'event'], [false, 'event'], [false, 'of-the-future']]);
    client.close();
  },
};

export const run = () => runAll(tests);
