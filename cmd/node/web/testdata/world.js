// A world for the client: a clock that stands until it is moved, sockets that do what the test says.

const ours = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'WebSocket', 'reportError'];

export class World {
  now = 1_000_000;
  random = 0.5;       // what Math.random returns; 0.5 is a delay without jitter
  sockets = [];
  errors = [];        // exceptions of handlers
  visible = true;
  #timers = new Map();
  #next = 1;
  #real = Object.fromEntries(ours.map((k) => [k, globalThis[k]]));
  #dateNow = Date.now;
  #mathRandom = Math.random;

  constructor() {
    const add = (f, ms, every) => { this.#timers.set(this.#next, { at: this.now + ms, f, every }); return this.#next++; };
    const world = this;
    Object.assign(globalThis, {
      setTimeout: (f, ms = 0) => add(f, ms, 0),
      setInterval: (f, ms) => add(f, ms, ms),
      clearTimeout: (id) => this.#timers.delete(id),
      clearInterval: (id) => this.#timers.delete(id),
      reportError: (err) => this.errors.push(err),
      WebSocket: class extends Socket { constructor(url, protocols) { super(url, protocols); world.sockets.push(this); } },
    });
    addEventListener('unhandledrejection', this.#ended);
    Date.now = () => this.now;
    Math.random = () => this.random;
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (this.visible ? 'visible' : 'hidden') });
  }

  // Tests close clients that still wait for something. Any other rejection is a fault.
  #ended = (e) => { if (e.reason?.code === 'CLOSED') e.preventDefault(); };

  /** Gives the browser its own things back. */
  restore() {
    Object.assign(globalThis, this.#real);
    Date.now = this.#dateNow;
    Math.random = this.#mathRandom;
    delete document.visibilityState;
    sessionStorage.clear();
  }

  /** The newest socket. */
  get socket() { return this.sockets.at(-1); }

  /** How many timers are set. */
  get timers() { return this.#timers.size; }

  /** Lets everything happen that is due within ms. */
  async advance(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [id, t] = due;
      this.now = Math.max(this.now, t.at);
      if (t.every) t.at += t.every; else this.#timers.delete(id);
      t.f();
    }
    this.now = end;
    await settled();
  }

  /** The tab is shown or hidden. */
  show(visible) {
    this.visible = visible;
    document.dispatchEvent(new Event('visibilitychange'));
  }
}

// A node of the test's: it answers when the test says so.
class Socket {
  sent = [];
  closed = false;
  constructor(url, protocols) { Object.assign(this, { url: String(url), protocols }); }
  send(text) { if (this.closed) throw new Error('sent on a closed socket'); this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  open(session = 's1') { this.onopen({}); this.receive({ type: 'welcome', sessionId: session, node: 'n1', resumed: false }); }
  receive(...frames) { for (const f of frames) this.onmessage({ data: JSON.stringify(f) }); }
  drop(code = 1006, reason = '') { this.onclose({ code, reason }); }
  /** The frames of one type. */
  of(type) { return this.sent.filter((f) => f.type === type); }
  /** Answers every subscribe and subscribe-batch so far that has no answer yet. */
  accept(seq, epoch) {
    for (const f of this.sent.splice(0)) {
      for (const topic of f.topics ?? (f.type === 'subscribe' ? [f.topic] : [])) this.receive({ type: 'subscribed', topic, ref: f.ref, seq, epoch });
    }
  }
}

/** Waits until promises have run. */
export async function settled() { for (let i = 0; i < 20; i++) await null; }

/** Fails unless a and b are the same as JSON. */
export function equal(a, b, what = '') {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  if (x !== y) throw new Error(`${what}: got ${x}, want ${y}`);
}

/** Fails unless it holds. */
export function ok(holds, what) { if (!holds) throw new Error(what); }

/** The code with which a promise is rejected; 'pending' or 'resolved' if it is not. */
export async function fate(promise) {
  let is = 'pending';
  promise.then(() => { is = 'resolved'; }, (err) => { is = err.code ?? String(err); });
  await settled();
  return is;
}

/** Runs tests one by one, each in its own world. Returns [{name, error}]. */
export async function runAll(tests) {
  const results = [];
  for (const [name, test] of Object.entries(tests)) {
    const world = new World();
    let error = '';
    try { await test(world); } catch (err) { error = String(err.stack ?? err); }
    world.restore();
    results.push({ name, error });
  }
  return results;
}
