// The browser client of a Troupe node: one file without dependencies. Copy it.
//
//   import { connect } from './troupe.js';
//   const client = connect();
//   client.on('gap', (g) => console.warn('missed', g));
//   await client.subscribe('chat:lobby', (e) => console.log(e.event, e.data), { since: 0 });
//   const { seq } = await client.publish('chat:lobby', 'message', { text: 'hello' });
//
// What it promises, whatever the network does:
//  - Events of a topic with history arrive in order, each once; `gap` tells what is lost.
//  - A publish is stored once, or rejected with a TroupeError. Nothing is dropped in silence.

/**
 * @typedef {{topic: string, event: string, data: any, seq?: number, epoch?: string}} TopicEvent
 *   seq and epoch are the position, in topics with history.
 * @typedef {{state: 'connecting'|'open'|'waiting'|'closed', attempt: number, delay?: number,
 *   code?: number, reason?: string}} Status
 *   waiting: tries again in delay ms. closed: final.
 * @typedef {{topic: string, reason: 'truncated'|'stale', since: number, oldest?: number,
 *   seq?: number, epoch?: string, reset?: boolean, missed?: number}} Gap
 *   truncated: events after number since and before oldest are gone. reset: numbering began
 *   again, so nobody knows how many. stale: events after the time since (ms) may be missing.
 * @typedef {{token?: string | (() => string | Promise<string>), positions?: 'session',
 *   minDelay?: number, maxDelay?: number}} Options
 *   A token function is asked before each attempt. positions 'session' keeps positions in
 *   sessionStorage: a reload continues. Delays double from 500 to 30,000 ms, give or take 25 %.
 */

const FINAL = new Set([1008, 4401, 4403]); // close codes after which trying again is useless
const TRANSIENT = new Set(['UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL_ERROR']);
const QUEUE = 1000;      // publishes without an answer; one more rejects the oldest
const WINDOW = 64;       // publishes under way at once, so that a long queue is no flood
const RESEND = 110_000;  // ms; a node knows an id for two minutes, later it would store twice
const SILENCE = 150_000; // ms; a node speaks every 60 s, so this socket is dead
const OPENING = 20_000;  // ms to wait for a socket to open
const STABLE = 5_000;    // ms a connection must live before delays start small again

/** code: a reason of the protocol, CLOSED, QUEUE_FULL, or UNKNOWN_OUTCOME (sent, never answered). */
export class TroupeError extends Error {
  constructor(code, message = code, retryAfterMs = undefined) {
    super(message);
    Object.assign(this, { name: 'TroupeError', code, retryAfterMs });
  }
}

/** Connects, and stays connected until close().
 * @param {string} [url] absolute, or relative to the page @param {Options} [options] */
export function connect(url = '/ws', options = {}) { return new Client(url, options); }

class Client {
  #url; #options; #ws = null; #turn = 0; #attempt = 0; #openedAt = 0; #heardAt = 0;
  #retryTimer; #openTimer; #watch; #session = ''; #ref = 0; #stored = {};
  #topics = new Map();    // name -> {name, handlers, seq, epoch, accepted, ref, waiters}
  #publishes = new Map(); // ref -> {frame, resolve, reject, firstSent, turn}, oldest first
  #listeners = new Map();

  /** @type {Status} */ status = { state: 'connecting', attempt: 0 };

  constructor(url, options) {
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace('http', 'ws');
    this.#options = { minDelay: 500, maxDelay: 30_000, ...options };
    this.#load();
    globalThis.document?.addEventListener('visibilitychange', this.#wake);
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.addEventListener?.('pagehide', this.#save);
    this.#watch = setInterval(this.#listen, 15_000);
    this.#connect();
  }

  // ---- what an application calls ----

  /** Listens to status (Status), gap (Gap), denied ({topic, reason}: a subscription ended), event
   * (TopicEvent nobody subscribed to), welcome, resumed, error (frames of the node), and frame
   * ({out, text}: all that is sent and received). Returns a function that ends it. */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
    return () => this.#listeners.get(type).delete(listener);
  }

  /** Resolves when the node accepts, rejects when it refuses. With since: first what came after
   * that number. The first call for a topic decides that, further handlers join in.
   * @param {(e: TopicEvent) => void} handler @param {{since?: number, epoch?: string}} [from] */
  subscribe(topic, handler, from = {}) {
    if (this.status.state === 'closed') return Promise.reject(new TroupeError('CLOSED'));
    let t = this.#topics.get(topic);
    if (!t) {
      const { since: seq, epoch } = from.since === undefined ? this.#stored[topic] ?? from : from;
      t = { name: topic, handlers: new Set(), seq, epoch, accepted: false, ref: 0, waiters: [] };
      this.#topics.set(topic, t);
      this.#ask(t);
    }
    t.handlers.add(handler);
    if (t.accepted) return Promise.resolve({ topic, seq: t.seq, epoch: t.epoch });
    return new Promise((resolve, reject) => t.waiters.push({ resolve, reject }));
  }

  /** Ends one handler of the topic, or all. With the last one the position is forgotten. */
  unsubscribe(topic, handler) {
    const t = this.#topics.get(topic);
    if (!t) return;
    t.handlers.delete(handler);
    if (handler && t.handlers.size > 0) return;
    this.#drop(t, new TroupeError('CLOSED', 'unsubscribed'));
    this.#send({ type: 'unsubscribe', topic });
  }

  /** Resolves when the node has stored the event. Waits while there is no connection. What got no
   * answer is sent again with the same id, so that it is stored once.
   * @returns {Promise<{seq?: number, epoch?: string, duplicate: boolean}>} */
  publish(topic, event, data = null, { id = newId() } = {}) {
    if (this.status.state === 'closed') return Promise.reject(new TroupeError('CLOSED'));
    return new Promise((resolve, reject) => {
      const ref = ++this.#ref;
      const frame = JSON.stringify({ type: 'publish', topic, event, data, ref, id });
      if (this.#publishes.size >= QUEUE) {
        const [oldest] = this.#publishes.keys();
        this.#reject(oldest, new TroupeError('QUEUE_FULL', 'pushed out by newer publishes'));
      }
      this.#publishes.set(ref, { frame, resolve, reject, firstSent: 0, turn: 0 });
      this.#pump();
    });
  }

  /** Tries at once instead of waiting. */
  retry() {
    if (this.status.state !== 'waiting') return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Ends the connection for good and rejects what has no answer yet. */
  close() { if (this.status.state !== 'closed') this.#end(1000, 'closed by the application'); }

  // ---- a connection's life ----

  async #connect() {
    clearTimeout(this.#retryTimer);
    const turn = ++this.#turn; // what belongs to an earlier turn is void
    const mine = (f) => (e) => { if (turn === this.#turn) f(e); };
    this.#setStatus({ state: 'connecting', attempt: this.#attempt });
    this.#openTimer = setTimeout(mine(() => this.#lost(0, 'could not connect in time')), OPENING);
    let { token } = this.#options;
    try {
      if (typeof token === 'function') token = await token();
      if (turn !== this.#turn) return;
      this.#ws = new WebSocket(this.#url, token ? ['troupe', `bearer.${token}`] : []);
    } catch (err) {
      return mine(() => this.#lost(0, String(err)))();
    }
    this.#ws.onopen = mine(() => this.#opened());
    this.#ws.onmessage = mine((e) => this.#received(e.data));
    this.#ws.onclose = mine((e) => this.#lost(e.code, e.reason));
  }

  // A node obeys frames in their order: the resume fills the gap before what is live, and before
  // the publishes that waited.
  #opened() {
    clearTimeout(this.#openTimer);
    this.#openedAt = this.#heardAt = Date.now();
    this.#setStatus({ state: 'open', attempt: this.#attempt });
    this.#send({ type: 'hello', caps: ['batch'] });
    const topics = [...this.#topics.values()];
    for (const part of chunks(topics.filter((t) => t.accepted && t.epoch !== undefined))) {
      const collect = (key) => Object.fromEntries(part.map((t) => [t.name, t[key]]));
      this.#send({ type: 'resume', sessionId: this.#session, lastSeenSeqs: collect('seq'), epochs: collect('epoch') });
    }
    const plain = (t) => t.accepted || t.seq === undefined;
    for (const part of chunks(topics.filter(plain))) {
      const ref = ++this.#ref;
      for (const t of part) t.ref = ref;
      this.#send({ type: 'subscribe-batch', topics: part.map((t) => t.name), ref });
    }
    for (const t of topics) if (!plain(t)) this.#ask(t);
    this.#pump();
  }

  #lost(code, reason) {
    if (this.#openedAt && Date.now() - this.#openedAt >= STABLE) this.#attempt = 0;
    this.#detach();
    if (FINAL.has(code)) return this.#end(code, reason);
    if (code === 1009) this.#rejectLargest();
    if (code === 4429) this.#attempt = Math.max(this.#attempt, 5);
    const { minDelay, maxDelay } = this.#options;
    // 1001: this node drains, another is ready. Come soon, but not all in the same moment.
    const delay = code === 1001 && this.#attempt === 0 ? Math.random() * 1000
      : Math.min(minDelay * 2 ** this.#attempt, maxDelay) * (0.75 + Math.random() / 2);
    this.#attempt++;
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
    this.#setStatus({ state: 'waiting', attempt: this.#attempt, delay, code, reason });
  }

  #end(code, reason) {
    this.#save();
    this.#detach();
    clearTimeout(this.#retryTimer);
    clearInterval(this.#watch);
    globalThis.document?.removeEventListener('visibilitychange', this.#wake);
    globalThis.removeEventListener?.('online', this.#wake);
    globalThis.removeEventListener?.('pagehide', this.#save);
    this.#setStatus({ state: 'closed', attempt: this.#attempt, code, reason });
    const err = new TroupeError('CLOSED', `closed: ${code} ${reason}`);
    for (const t of [...this.#topics.values()]) this.#drop(t, err);
    for (const ref of [...this.#publishes.keys()]) this.#reject(ref, err);
  }

  #detach() {
    this.#turn++;
    this.#openedAt = 0;
    clearTimeout(this.#openTimer);
    this.#ws?.close();
    this.#ws = null;
  }

  #wake = () => {
    if (globalThis.document?.visibilityState === 'hidden') return;
    this.retry();
    this.#listen();
  };

  #listen = () => {
    if (this.#openedAt && Date.now() - this.#heardAt > SILENCE) this.#lost(0, 'silent for too long');
  };

  // ---- frames ----

  #send(frame) {
    if (!this.#openedAt) return;
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
    this.#ws.send(text);
    this.#emit('frame', { out: true, text });
  }

  #received(text) {
    this.#heardAt = Date.now();
    this.#emit('frame', { out: false, text });
    let f;
    try { f = JSON.parse(text); } catch { return; }
    const t = this.#topics.get(f.topic);
    const asked = t && t.ref === f.ref; // not the answer to an older question
    switch (f.type) {
      case undefined: return this.#event(f);
      case 'batch': return f.events.forEach((e) => this.#event(e));
      case 'welcome': this.#session = f.sessionId; // falls through
      case 'resumed': return this.#emit(f.type, f);
      case 'subscribed': return asked && this.#accepted(t, f);
      case 'subscribe-denied': return asked && this.#denied(t, f.reason);
      case 'published': return this.#settle(f.ref)?.resolve(f);
      case 'publish-denied': return this.#reject(f.ref, new TroupeError(f.reason, f.reason, f.retryAfterMs));
      case 'error': return this.#error(f);
    } // other types are for newer clients
  }

  #error(f) {
    const topics = [...this.#topics.values()].filter((t) => t.ref === f.ref);
    for (const t of topics) this.#denied(t, f.code, f.message);
    const found = this.#reject(f.ref, new TroupeError(f.code, f.message));
    if (!found && topics.length === 0) this.#emit('error', f);
  }

  #event(e) {
    const t = this.#topics.get(e.topic);
    if (!t) return this.#emit('event', e);
    if (!t.accepted) return; // meant for an earlier subscription
    if (e.seq !== undefined) {
      if (e.seq <= t.seq) return; // seen
      t.seq = e.seq;
      e.epoch = t.epoch;
    } else if (e.event === 'truncated') {
      return this.#truncated(t, e.data);
    } else if (e.event === 'stale') {
      return this.#emit('gap', { topic: t.name, reason: 'stale', since: e.data.since });
    }
    for (const handler of [...t.handlers]) call(handler, e);
  }

  // What is gone; the events from `oldest` on follow.
  #truncated(t, { since, oldest, seq, epoch }) {
    const reset = epoch !== t.epoch || seq < t.seq;
    t.seq = reset ? oldest - 1 : Math.max(t.seq, oldest - 1);
    t.epoch = epoch;
    const missed = reset ? undefined : oldest - 1 - since;
    this.#emit('gap', { topic: t.name, reason: 'truncated', since, oldest, seq, epoch, reset, missed });
  }

  // ---- subscriptions ----

  #ask(t) {
    t.ref = ++this.#ref;
    this.#send({ type: 'subscribe', topic: t.name, ref: t.ref, since: t.seq, epoch: t.epoch });
  }

  #accepted(t, { seq, epoch }) {
    if (!t.accepted) {
      t.accepted = true;
      t.seq ??= seq;
      t.epoch ??= epoch; // if it is not ours any more, `truncated` follows
    }
    for (const w of t.waiters.splice(0)) w.resolve({ topic: t.name, seq, epoch });
  }

  #denied(t, reason, message) {
    if (t.accepted && TRANSIENT.has(reason)) { // asks again, because nobody else would
      setTimeout(() => { if (this.#topics.get(t.name) === t) this.#ask(t); }, 5000 + Math.random() * 5000);
      return;
    }
    this.#drop(t, new TroupeError(reason, message));
    if (t.accepted) this.#emit('denied', { topic: t.name, reason });
  }

  #drop(t, err) {
    this.#topics.delete(t.name);
    delete this.#stored[t.name];
    for (const w of t.waiters.splice(0)) w.reject(err);
  }

  // ---- publishes ----

  #pump() {
    if (!this.#openedAt) return;
    let underWay = 0;
    for (const [ref, p] of this.#publishes) {
      if (underWay++ === WINDOW) return;
      if (p.turn === this.#turn) continue;
      p.firstSent ||= Date.now();
      p.turn = this.#turn;
      if (Date.now() - p.firstSent < RESEND) this.#send(p.frame);
      else this.#reject(ref, new TroupeError('UNKNOWN_OUTCOME', 'sent, but the answer was lost'));
    }
  }

  #settle(ref) {
    const p = this.#publishes.get(ref);
    if (this.#publishes.delete(ref)) this.#pump();
    return p;
  }

  #reject(ref, err) {
    const p = this.#settle(ref);
    p?.reject(err);
    return p;
  }

  // 1009 does not say which frame was too large. Sent again it would close the next connection too.
  #rejectLargest() {
    const sent = [...this.#publishes].filter(([, p]) => p.firstSent);
    const [ref] = sent.sort(([, a], [, b]) => b.frame.length - a.frame.length)[0] ?? [];
    this.#reject(ref, new TroupeError('TOO_LARGE'));
  }

  // ---- the rest ----

  #setStatus(status) { this.status = status; this.#emit('status', status); }

  #emit(type, value) { for (const f of [...this.#listeners.get(type) ?? []]) call(f, value); }

  #load() {
    if (this.#options.positions !== 'session') return;
    try { this.#stored = JSON.parse(sessionStorage.getItem(`troupe:${this.#url}`)) ?? {}; } catch { /* none */ }
  }

  #save = () => {
    if (this.#options.positions !== 'session') return;
    for (const { name, seq, epoch } of this.#topics.values()) if (epoch) this.#stored[name] = { since: seq, epoch };
    try { sessionStorage.setItem(`troupe:${this.#url}`, JSON.stringify(this.#stored)); } catch { /* forbidden */ }
  };
}

// An exception of the application's is reported and does not end the connection.
function call(f, value) { try { f(value); } catch (err) { (globalThis.reportError ?? console.error)(err); } }

// Frames of at most 200 topics and about 8,000 bytes, well below a node's limit.
function* chunks(topics) {
  let part = [], size = 0;
  for (const t of topics) {
    const n = t.name.length + 80;
    if (part.length === 200 || size + n > 8000) { yield part; part = []; size = 0; }
    part.push(t);
    size += n;
  }
  if (part.length > 0) yield part;
}

function newId() { // crypto.randomUUID exists on secure pages only
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
