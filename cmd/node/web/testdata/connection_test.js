// The client's connection: reconnecting, close codes, backoff, silence.

import { connect } from '/troupe.js';
import { equal, fate, ok, runAll } from './world.js';

const types = (socket) => socket.sent.map((f) => f.type);

/** A client that is connected and follows one topic at 3 of epoch A. */
async function following(w, options) {
  const client = connect('/ws', options);
  const events = [];
  client.subscribe('t', (e) => events.push(e.seq), { since: 3 });
  w.socket.open();
  w.socket.accept(3, 'A');
  return { client, events };
}

const tests = {
  async 'CLI-05: hello, resume, subscribe-batch, then what waited, first in first out'(w) {
    const { client } = await following(w);
    client.subscribe('live', () => {});
    w.socket.accept(undefined, undefined); // a topic without history
    w.socket.receive({ topic: 't', event: 'e', data: 1, seq: 4 });
    w.socket.drop();
    for (const n of [1, 2, 3]) client.publish('t', 'e', n);
    await w.advance(500);
    w.socket.open('s2');
    equal(types(w.socket), ['hello', 'resume', 'subscribe-batch', 'publish', 'publish', 'publish']);
    const [hello, resume, batch, ...publishes] = w.socket.sent;
    equal(hello.caps, ['batch']);
    equal([resume.sessionId, resume.lastSeenSeqs, resume.epochs], ['s1', { t: 4 }, { t: 'A' }]);
    equal(batch.topics, ['t', 'live']);
    equal(publishes.map((p) => p.data), [1, 2, 3]);
    client.close();
  },

  async 'CLI-05: delays double up to a cap, with a quarter of jitter either way'(w) {
    for (const [random, factor] of [[0, 0.75], [0.5, 1], [0.999999, 1.25]]) {
      w.random = random;
      const client = connect('/ws');
      const delays = [];
      client.on('status', (s) => { if (s.state === 'waiting') delays.push(s.delay); });
      for (let i = 0; i < 9; i++) {
        w.socket.drop();
        await w.advance(delays.at(-1) - 1);
        equal(client.status.state, 'waiting', 'one millisecond early');
        await w.advance(1);
        equal(client.status.state, 'connecting');
      }
      const want = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000];
      delays.forEach((d, i) => ok(Math.abs(d - want[i] * factor) < 1, `delay ${i} is ${d}, want ${want[i] * factor}`));
      client.close();
    }
  },

  async 'CLI-05: a connection that lives five seconds starts again with small delays, a shorter one does not'(w) {
    const client = connect('/ws');
    for (let i = 0; i < 4; i++) { w.socket.drop(); await w.advance(client.status.delay); }
    w.socket.open();
    await w.advance(4000);
    w.socket.drop();
    equal(client.status.delay, 8000, 'after four seconds');
    await w.advance(8000);
    w.socket.open();
    await w.advance(5000);
    w.socket.drop();
    equal(client.status.delay, 500, 'after five seconds');
    client.close();
  },

  async 'CLI-05: many topics are asked for in frames of at most 8,000 bytes'(w) {
    const client = connect('/ws');
    const names = Array.from({ length: 300 }, (_, i) => String(i).padStart(256, 'x'));
    for (const n of names) client.subscribe(n, () => {});
    w.socket.open();
    const batches = w.socket.of('subscribe-batch');
    equal(batches.flatMap((b) => b.topics), names);
    for (const b of batches) ok(JSON.stringify(b).length <= 8000, `a frame has ${JSON.stringify(b).length} bytes`);
    w.socket.accept(1, 'A');
    w.socket.drop();
    await w.advance(500);
    w.socket.open();
    const resumes = w.socket.of('resume');
    equal(resumes.flatMap((r) => Object.keys(r.lastSeenSeqs)), names);
    for (const r of resumes) ok(JSON.stringify(r).length < 32 << 10, 'a resume of more than 32 KiB');
    client.close();
  },

  async 'CLI-06: 1008, 4401 and 4403 are final'(w) {
    for (const code of [1008, 4401, 4403]) {
      const client = connect('/ws');
      const publish = fate(client.publish('t', 'e', 1));
      const subscribe = fate(client.subscribe('t', () => {}));
      w.socket.open();
      const before = w.sockets.length;
      w.socket.drop(code, 'go away');
      equal([await publish, await subscribe], ['CLOSED', 'CLOSED']);
      equal([client.status.state, client.status.code, client.status.reason], ['closed', code, 'go away']);
      await w.advance(3_600_000);
      w.show(true);
      dispatchEvent(new Event('online'));
      client.retry();
      equal(w.sockets.length, before, 'sockets opened after the end');
      equal([await fate(client.publish('t', 'e', 1)), await fate(client.subscribe('u', () => {}))], ['CLOSED', 'CLOSED']);
      equal(w.timers, 0, 'timers left');
    }
  },

  async 'CLI-06: every other code tries again'(w) {
    for (const code of [1000, 1005, 1006, 1009, 1011, 1012, 1013, 4000]) {
      const client = connect('/ws');
      w.socket.open();
      w.socket.drop(code);
      equal([client.status.state, client.status.delay], ['waiting', 500], `code ${code}`);
      client.close();
    }
  },

  async 'CLI-06: 4429 waits as after five failures'(w) {
    const client = connect('/ws');
    w.socket.open();
    await w.advance(60_000);
    w.socket.drop(4429);
    equal(client.status.delay, 16000);
    client.close();
  },

  async 'CLI-06: 1001 comes back within a second, spread over it, but does not hammer'(w) {
    for (const [random, want] of [[0, 0], [0.9, 900]]) {
      w.random = random;
      const client = connect('/ws');
      w.socket.open();
      await w.advance(6000);
      w.socket.drop(1001);
      equal(client.status.delay, want);
      await w.advance(want);
      w.socket.open();
      w.socket.drop(1001); // the only node is draining
      ok(client.status.delay >= 750, `second delay ${client.status.delay}`);
      client.close();
    }
  },

  async 'CLI-07: a tab that becomes visible, or a network that is back, tries at once'(w) {
    const client = connect('/ws');
    for (let i = 0; i < 6; i++) { w.socket.drop(); await w.advance(client.status.delay); }
    for (const wake of [() => w.show(true), () => dispatchEvent(new Event('online')), () => client.retry()]) {
      w.socket.drop();
      const n = w.sockets.length;
      w.show(false);
      equal(w.sockets.length, n, 'a hidden tab tried');
      w.visible = true;
      wake();
      equal([w.sockets.length, client.status.state, client.status.attempt], [n + 1, 'connecting', 0]);
      await w.advance(10_000);
      equal(w.sockets.length, n + 1, 'the old timer still ran');
    }
    client.close();
  },

  async 'CLI-08: 150 seconds of silence end the connection, a ping is enough to keep it'(w) {
    const client = connect('/ws');
    w.socket.open();
    for (let i = 0; i < 10; i++) { await w.advance(60_000); w.socket.receive({ type: 'ping' }); }
    equal(w.sockets.length, 1, 'pinged');
    await w.advance(149_000);
    equal(client.status.state, 'open');
    await w.advance(17_000);
    ok(w.sockets[0].closed, 'the silent socket is not closed');
    equal(w.sockets.length, 2, 'silent');
    client.close();
  },

  async 'CLI-08: a tab that slept through the silence notices when it is shown'(w) {
    const client = connect('/ws');
    w.socket.open();
    w.now += 151_000; // no timer ran
    w.show(true);
    ok(w.socket.closed && client.status.state === 'waiting', 'not noticed');
    client.close();
  },

  async 'a socket that does not open is given up after 20 seconds, and what it says later is void'(w) {
    const client = connect('/ws');
    const [first] = w.sockets;
    await w.advance(20_000);
    equal([client.status.state, first.closed], ['waiting', true]);
    first.open();
    first.drop(4403);
    equal(client.status.state, 'waiting');
    client.close();
  },

  async 'a token goes into the subprotocol, and a function is asked before each attempt'(w) {
    const plain = connect('/ws');
    equal(w.socket.protocols, [], 'without token');
    plain.close();
    const fixed = connect('/ws', { token: 'abc' });
    equal(w.socket.protocols, ['troupe', 'bearer.abc']);
    fixed.close();
    let n = 0;
    const fresh = connect('/ws', { token: async () => { if (++n === 2) throw new Error('no token'); return `t${n}`; } });
    await w.advance(0);
    equal(w.socket.protocols, ['troupe', 'bearer.t1']);
    w.socket.drop();
    await w.advance(500);
    equal(fresh.status.state, 'waiting', 'after a token that could not be had');
    await w.advance(1000);
    equal(w.socket.protocols, ['troupe', 'bearer.t3']);
    fresh.close();
  },

  async 'the url may be absolute or relative, and becomes ws or wss'(w) {
    for (const [url, want] of [[undefined, `ws://${location.host}/ws`], ['/live/ws', `ws://${location.host}/live/ws`],
      ['https://a.example/ws', 'wss://a.example/ws'], ['wss://b.example/x', 'wss://b.example/x']]) {
      const client = connect(url);
      equal(w.socket.url, want);
      client.close();
    }
  },

  async 'close leaves nothing behind'(w) {
    const { client } = await following(w);
    const publish = fate(client.publish('t', 'e', 1));
    client.close();
    client.close();
    equal([await publish, client.status.state, w.socket.closed, w.timers], ['CLOSED', 'closed', true, 0]);
    w.show(true);
    equal(w.sockets.length, 1);
  },
};

export const run = () => runAll(tests);
