// The browser client of a Troupe node: one file without dependencies. Copy it.
//
//   import { connect } from './troupe.js';
//   const client = connect();
//   client.on('gap', (g) => console.warn('missed', g));
//   await client.subscribe('chat:lobby', (e) => console.log(e.data), { since: 0 });
//   await client.publish('chat:lobby', 'message', { text: 'hello' });
//
// Events of a topic with history arrive in order, each once, and `gap` tells what is lost; a
// publish is stored once, or rejected.

/** @typedef {{topic: string, event: string, data: any, seq?: number, epoch?: string}} TopicEvent
 *   seq and epoch are the position, in topics with history.
 * @typedef {{state: 'connecting'|'open'|'waiting'|'closed', attempt: number, delay?: number,
 *   code?: number, reason?: string}} Status  waiting: tries again in delay ms. closed: for good.
 * @typedef {{topic: string, reason: 'truncated'|'stale', since: number, oldest?: number,
 *   seq?: number, epoch?: string, reset?: boolean, missed?: number, from?: number, to?: number}} Gap
 *   truncated: events after since and before oldest are gone; reset: numbering began again, nobody
 *   knows how many. stale: events after the time since (ms), or numbers from..to, may be missing.
 * @typedef {{token?: string | (() => string | Promise<string>), positions?: 'session',
 *   minDelay?: number, maxDelay?: number}} Options  A token function is asked before each attempt.
 *   positions: kept in sessionStorage, a reload continues. Delays: 500 to 30,000 ms, +-25 %. */

const FINAL = [1008, 4401, 4403]; // close codes after which nothing is tried
const TRANSIENT = ['UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL_ERROR'];
const QUEUE = 1000;      // publishes without an answer; one more rejects the oldest
const WINDOW = 64;       // publishes under way at once: a long queue is no flood
const RESEND = 110_000;  // ms; a node forgets an id after two minutes, and stores twice
const SILENCE = 150_000; // ms; a node speaks every 60 s, so this socket is dead
const OPENING = 20_000;  // ms for a socket to open
const STABLE = 5_000;    // ms after which delays start small again

/** code: a reason of the protocol, CLOSED, QUEUE_FULL, or UNKNOWN_OUTCOME (sent, never answered). */
export class TroupeError extends Error {
  name = 'TroupeError';
  constructor(code, message = code, retryAfterMs) { super(message); Object.assign(this, { code, retryAfterMs }); }
}

/** Connects, and stays connected until close(). The url may be relative to the page.
 * @param {string} [url] @param {Options} [options] */
export function connect(url = '/ws', options = {}) { return new Client(url, options); }

class Client {
  #url; #options; #ws = null; #turn = 0; #attempt = 0; #openedAt = 0; #heardAt = 0;
  #timer; #watch; #session = ''; #ref = 0; #stored = {};
  #topics = new Map();    // name -> {name, handlers, seq, epoch, accepted, ref, waiters}
  #publishes = new Map(); // ref -> {frame, resolve, reject, firstSent, turn}, oldest first
  #listeners = new Map();
  #ended = new AbortController();

  /** @type {Status} */ status = { state: 'connecting', attempt: 0 };

  constructor(url, options) {
    this.#url = new URL(url, location.href).href.replace(/^http/, 'ws');
    this.#options = { minDelay: 500, maxDelay: 30_000, ...options };
    if (options.positions) try { this.#stored = JSON.parse(sessionStorage[this.#key]); } catch { /* none */ }
    const { signal } = this.#ended;
    document.addEventListener('visibilitychange', this.#wake, { signal });
    addEventListener('online', this.#wake, { signal });
    addEventListener('pagehide', this.#save, { signal });
    this.#watch = setInterval(this.#listen, 15_000);
    this.#connect();
  }

  /** Listens to status (Status), gap (Gap), denied ({topic, reason}: a subscription has ended),
   * event (TopicEvents nobody subscribed to), frame ({out, text}: all sent and received),
   * resumed (gaps are filled or told), degraded and recovered ({backend, at, reason}: a backend
   * of the node), welcome and error of the node. Returns what ends it. */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
    return () => this.#listeners.get(type).delete(listener);
  }

  /** Resolves when the node accepts, rejects when it refuses. With since: first what came after
   * that number. The first call for a topic decides that, further handlers join in.
   * @param {(e: TopicEvent) => void} handler @param {{since?: number, epoch?: string}} [from] */
  subscribe(topic, handler, from = {}) {
    if (this.#ended.signal.aborted) return Promise.reject(new TroupeError('CLOSED'));
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

  /** Ends one handler of the topic, or all. The position goes with the last one. */
  unsubscribe(topic, handler) {
    const t = this.#topics.get(topic);
    t?.handlers.delete(handler);
    if (!t || (handler && t.handlers.size > 0)) return;
    this.#drop(t, new TroupeError('CLOSED', 'unsubscribed'));
    this.#send({ type: 'unsubscribe', topic });
  }

  /** Resolves when the node has stored it. Waits while there is no connection, and is sent again
   * with the same id if there was no answer.
   * @returns {Promise<{seq?: number, epoch?: string, duplicate: boolean}>} */
  publish(topic, event, data = null, { id = newId() } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended.signal.aborted) throw new TroupeError('CLOSED');
      const ref = ++this.#ref;
      const frame = JSON.stringify({ type: 'publish', topic, event, data, ref, id });
      if (this.#publishes.size >= QUEUE) {
        const [oldest] = this.#publishes.keys();
        this.#settle(oldest, new TroupeError('QUEUE_FULL'));
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

  /** Ends it for good and rejects what has no answer yet. */
  close() { if (!this.#ended.signal.aborted) this.#end(1000, 'by the application'); }

  // ---- a connection's life ----

  async #connect() {
    clearTimeout(this.#timer);
    const turn = ++this.#turn; // an earlier turn is void
    const mine = (f) => (e) => { if (turn === this.#turn) f(e); };
    this.#setStatus('connecting');
    this.#timer = setTimeout(mine(() => this.#lost(0, 'timeout')), OPENING);
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

  // A node obeys frames in order: gaps are filled before what is live and what waited.
  #opened() {
    clearTimeout(this.#timer);
    this.#openedAt = this.#heardAt = Date.now();
    this.#send({ type: 'hello', caps: ['batch'] });
    const topics = [...this.#topics.values()];
    const known = topics.filter((t) => t.accepted && t.epoch !== undefined);
    for (const part of chunks(known)) {
      const all = (key) => Object.fromEntries(part.map((t) => [t.name, t[key]]));
      this.#send({ type: 'resume', sessionId: this.#session, lastSeenSeqs: all('seq'), epochs: all('epoch') });
    }
    const plain = (t) => t.accepted || t.seq === undefined;
    for (const part of chunks(topics.filter(plain))) {
      const ref = ++this.#ref;
      for (const t of part) t.ref = ref;
      this.#send({ type: 'subscribe-batch', topics: part.map((t) => t.name), ref });
    }
    for (const t of topics) if (!plain(t)) this.#ask(t);
    this.#pump();
    this.#setStatus('open');
    if (this.#session && !known.length) this.#emit('resumed', {});
  }

  #lost(code, reason) {
    if (this.#openedAt && Date.now() - this.#openedAt >= STABLE) this.#attempt = 0;
    this.#detach();
    if (FINAL.includes(code)) return this.#end(code, reason);
    if (code === 1009) this.#rejectLargest();
    if (code === 4429) this.#attempt = Math.max(this.#attempt, 5);
    const { minDelay, maxDelay } = this.#options;
    // 1001: the node drains, another is ready. Come soon, but not all at once.
    const delay = code === 1001 && this.#attempt === 0 ? Math.random() * 1000
      : Math.min(minDelay * 2 ** this.#attempt, maxDelay) * (0.75 + Math.random() / 2);
    this.#attempt++;
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#setStatus('waiting', { delay, code, reason });
  }

  #end(code, reason) {
    this.#save();
    this.#detach();
    this.#ended.abort();
    clearInterval(this.#watch);
    this.#setStatus('closed', { code, reason });
    const err = new TroupeError('CLOSED', `closed: ${code} ${reason}`);
    for (const t of [...this.#topics.values()]) this.#drop(t, err);
    for (const ref of [...this.#publishes.keys()]) this.#settle(ref, err);
  }

  #detach() {
    this.#turn++;
    this.#openedAt = 0;
    clearTimeout(this.#timer);
    this.#ws?.close();
    this.#ws = null;
  }

  #listen = () => { if (this.#openedAt && Date.now() - this.#heardAt > SILENCE) this.#lost(0, 'silent'); };

  #wake = () => { if (document.visibilityState !== 'hidden') { this.retry(); this.#listen(); } };

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
    const f = JSON.parse(text);
    const t = this.#topics.get(f.topic);
    const asked = t && t.ref === f.ref; // not the answer to an older question
    switch (f.type) {
      case undefined: return this.#event(f);
      case 'batch': return f.events.forEach((e) => this.#event(e));
      case 'welcome': this.#session = f.sessionId; // falls through
      case 'resumed': return this.#emit(f.type, f);
      case 'subscribed': return asked && this.#accepted(t, f);
      case 'subscribe-denied': return asked && this.#denied(t, f.reason);
      case 'published': return this.#settle(f.ref, null, f);
      case 'publish-denied': return this.#settle(f.ref, new TroupeError(f.reason, f.reason, f.retryAfterMs));
      case 'error': return this.#error(f);
    } // others are for newer clients
  }

  #error(f) {
    const topics = [...this.#topics.values()].filter((t) => t.ref === f.ref);
    for (const t of topics) this.#denied(t, f.code, f.message);
    if (!this.#settle(f.ref, new TroupeError(f.code, f.message)) && !topics.length) this.#emit('error', f);
  }

  #event(e) {
    const t = this.#topics.get(e.topic);
    if (e.topic === '__system') this.#emit(e.event, e.data);
    if (!t) return this.#emit('event', e);
    if (!t.accepted) return; // meant for an earlier subscription
    if (e.seq !== undefined) {
      if (e.seq <= t.seq) return; // seen
      t.seq = e.seq;
      e.epoch = t.epoch;
    } else if (e.event === 'truncated') {
      return this.#truncated(t, e.data ?? {});
    } else if (e.event === 'stale') {
      return this.#emit('gap', { topic: t.name, reason: 'stale', ...e.data });
    }
    for (const handler of [...t.handlers]) call(handler, e);
  }

  // Events from `oldest` on follow.
  #truncated(t, { since, oldest, seq, epoch }) {
    const reset = epoch !== t.epoch || seq < t.seq;
    t.seq = reset ? oldest - 1 : Math.max(t.seq, oldest - 1);
    t.epoch = epoch;
    const gap = { topic: t.name, reason: 'truncated', since, oldest, seq, epoch, reset };
    this.#emit('gap', reset ? gap : { ...gap, missed: oldest - 1 - since });
  }

  // ---- subscriptions ----

  #ask(t) {
    t.ref = ++this.#ref;
    this.#send({ type: 'subscribe', topic: t.name, ref: t.ref, since: t.seq, epoch: t.epoch });
  }

  #accepted(t, { seq, epoch }) {
    t.accepted = true;
    t.seq ??= seq;
    t.epoch ??= epoch; // where it is not ours, `truncated` follows
    for (const w of t.waiters.splice(0)) w.resolve({ topic: t.name, seq, epoch });
  }

  #denied(t, reason, message) {
    const again = () => { if (this.#topics.get(t.name) === t) this.#ask(t); };
    if (t.accepted && TRANSIENT.includes(reason)) return void setTimeout(again, 5000 + Math.random() * 5000);
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
      if (p.turn === this.#turn) continue; // sent on this connection
      p.firstSent ||= Date.now();
      p.turn = this.#turn;
      if (Date.now() - p.firstSent < RESEND) this.#send(p.frame);
      else this.#settle(ref, new TroupeError('UNKNOWN_OUTCOME'));
    }
  }

  #settle(ref, err, answer) {
    const p = this.#publishes.get(ref);
    if (!p) return false;
    this.#publishes.delete(ref);
    if (err) p.reject(err); else p.resolve(answer);
    this.#pump();
    return true;
  }

  // 1009 does not say which frame was too large. Sent again it would close every connection.
  #rejectLargest() {
    const sent = [...this.#publishes].filter(([, p]) => p.firstSent)
      .sort(([, a], [, b]) => b.frame.length - a.frame.length);
    this.#settle(sent[0]?.[0], new TroupeError('TOO_LARGE'));
  }

  #setStatus(state, more) {
    this.status = { state, attempt: this.#attempt, ...more };
    this.#emit('status', this.status);
  }

  #emit(type, value) { for (const f of [...this.#listeners.get(type) ?? []]) call(f, value); }

  get #key() { return `troupe:${this.#url}`; }

  #save = () => {
    if (!this.#options.positions) return;
    for (const { name, seq, epoch } of this.#topics.values()) if (epoch) this.#stored[name] = { since: seq, epoch };
    try { sessionStorage[this.#key] = JSON.stringify(this.#stored); } catch { /* full or forbidden */ }
  };
}

// A handler's exception does not end the connection.
function call(f, value) { try { f(value); } catch (err) { reportError(err); } }

// 25 topics with the longest names are 8,000 bytes; a node takes 64 KiB.
function* chunks(topics) { for (let i = 0; i < topics.length; i += 25) yield topics.slice(i, i + 25); }

// 128 random bits. crypto.randomUUID exists on secure pages only.
function newId() { return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('-'); }
