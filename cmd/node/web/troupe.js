// The browser client of a Troupe node: one file without dependencies. Copy it.
//
//   import { connect } from './troupe.js';
//   const client = connect();
//   client.on('gap', (g) => console.warn('missed', g));
//   await client.subscribe('chat:lobby', (e) => console.log(e.data), { since: 0 });
//   await client.publish('chat:lobby', 'message', { text: 'hello' });
//
// Events of a topic with history arrive in order, each once, and `gap` tells what is lost; a
// publish is stored once, or rejected. Beside topics there are presence(), cursors() and join().
// After a reconnect everything is as it was, by itself.

/** @typedef {{topic: string, event: string, data: any, seq?: number, epoch?: string}} TopicEvent
 *   seq and epoch are the position, in topics with history.
 * @typedef {{state: 'connecting'|'open'|'waiting'|'closed', attempt: number, delay?: number,
 *   code?: number, reason?: string, url?: string}} Status  waiting: tries again in delay ms.
 *   closed: for good. open: to url.
 * @typedef {{topic: string, reason: 'truncated'|'stale', since: number, oldest?: number,
 *   seq?: number, epoch?: string, reset?: boolean, missed?: number, from?: number, to?: number}} Gap
 *   truncated: events after since and before oldest are gone; reset: numbering began again, nobody
 *   knows how many. stale: events after the time since (ms), or numbers from..to, may be missing.
 * @typedef {{token?: string | (() => string | Promise<string>), positions?: 'session',
 *   minDelay?: number, maxDelay?: number}} Options  A token function is asked before each attempt.
 *   positions: kept in sessionStorage, a reload continues. Delays: 500 to 30,000 ms, +-25 %.
 * @typedef {{key: string, user: any, data: any}} Cursor  data: what its client has sent.
 * @typedef {{key: string, role: string, data: any}} Member */

const FINAL = [1008, 4401, 4403]; // close codes after which nothing is tried
const TRANSIENT = ['UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL_ERROR'];
const QUEUE = 1000;      // publishes without an answer; one more rejects the oldest
const WINDOW = 64;       // publishes under way at once: a long queue is no flood
const RESEND = 110_000;  // ms; a node forgets an id after two minutes, and stores twice
const SILENCE = 150_000; // ms; a node speaks every 60 s, so this socket is dead
const OPENING = 20_000;  // ms for a socket to open
const STABLE = 5_000;    // ms after which delays start small again
const PACE = 50;         // ms between two positions of a cursor; a node shows no more

/** code: a reason of the protocol, CLOSED, QUEUE_FULL, or UNKNOWN_OUTCOME (sent, never answered).
 * retryAfterMs: with RATE_LIMITED, when it may be tried again. */
export class TroupeError extends Error {
  name = 'TroupeError';
  constructor(code, message = code, retryAfterMs) { super(message); Object.assign(this, { code, retryAfterMs }); }
}

/** Connects, and stays connected until close(). An url may be relative to the page; several are
 * tried in turn. A function is asked before each attempt.
 * @param {string | string[] | (() => string | string[])} [url] @param {Options} [options] */
export function connect(url = '/ws', options = {}) { return new Client(url, options); }

class Client {
  #url; #options; #ws = null; #turn = 0; #attempt = 0; #openedAt = 0; #heardAt = 0;
  #timer; #watch; #session = ''; #ref = 0; #stored = {}; #key; #urls; #at = 0; #tab = newId();
  #topics = new Map();    // name -> {name, handlers, seq, epoch, accepted, ref, waiters}
  #publishes = new Map(); // ref -> {frame, resolve, reject, firstSent, turn}, oldest first
  #rosters = new Map();   // topic -> {members, version, handlers}
  #boards = new Map();    // topic -> {others, mine, ref, off, sentAt, timer, handlers}
  #seats = new Map();     // group -> {name, asked, role, members, accepted, ref, waiters, handlers}
  #listeners = new Map();
  #ended = new AbortController();

  /** @type {Status} */ status = { state: 'connecting', attempt: 0 };

  constructor(url, options) {
    this.#url = url;
    this.#urls = this.#addresses();
    this.#key = `troupe:${this.#urls[0].split('?')[0]}`;
    this.#options = { minDelay: 500, maxDelay: 30_000, ...options };
    if (options.positions) try { this.#stored = JSON.parse(sessionStorage[this.#key]); } catch { /* none */ }
    const { signal } = this.#ended;
    document.addEventListener('visibilitychange', this.#wake, { signal });
    addEventListener('online', this.#wake, { signal });
    // A page that the browser keeps for the back button would stay connected, and present.
    addEventListener('pagehide', () => { this.#save(); this.#detach(); }, { signal });
    addEventListener('pageshow', (e) => { if (e.persisted) this.reconnect(); }, { signal });
    this.#watch = setInterval(this.#listen, 15_000);
    this.#connect();
  }

  /** Listens to status (Status), gap (Gap), denied ({topic or group, reason}: it has ended),
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
    if (this.#rosters.get(topic)?.handlers.size) this.#askWho(topic); else this.#rosters.delete(topic);
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

  /** Who is on a topic, on all nodes. Subscribers are members; others only watch. changed is
   * called after each change of members with {joins, leaves}, Maps of what is new and gone.
   * @returns {{members: Map<string, any>, close: () => void}} */
  presence(topic, changed = () => {}) {
    const p = this.#roster(topic);
    if (p.handlers.size === 0 && !this.#topics.has(topic)) this.#askWho(topic);
    p.handlers.add(changed);
    const close = () => {
      if (!p.handlers.delete(changed) || p.handlers.size > 0 || this.#topics.has(topic)) return;
      this.#rosters.delete(topic);
      this.#unwatch(topic);
    };
    return { members: p.members, close };
  }

  /** Pointers on a topic that is subscribed to. send shows one's own, an object; the last one counts
   * and is shown again after a reconnect. changed is called after each change of others.
   * @returns {{others: Map<string, Cursor>, send: (data: object) => void, close: () => void}} */
  cursors(topic, changed = () => {}) {
    let b = this.#boards.get(topic);
    if (!b) {
      this.#boards.set(topic, b = { others: new Map(), mine: null, ref: ++this.#ref, off: 0, sentAt: 0, timer: 0, handlers: new Set() });
      if (this.#topics.get(topic)?.accepted) this.#send({ type: 'cursor-snapshot', topic });
    }
    b.handlers.add(changed);
    const send = (data) => { b.mine = { ...data, tab: this.#tab }; this.#point(topic, b); };
    const close = () => {
      if (!b.handlers.delete(changed) || b.handlers.size > 0) return;
      clearTimeout(b.timer);
      this.#boards.delete(topic);
    };
    return { others: b.others, send, close };
  }

  /** Takes a place in a group, or rejects with FULL, CLOSED, INVALID_ROLE and so on. handler gets the
   * group's events; its own, with system: true, keep members current.
   * @param {(e: {event: string, data: any, system?: boolean}) => void} handler
   * @returns {Promise<{role: string, members: Map<string, Member>}>} */
  join(group, { role } = {}, handler = () => {}) {
    if (this.#ended.signal.aborted) return Promise.reject(new TroupeError('CLOSED'));
    let s = this.#seats.get(group);
    if (!s) {
      s = { name: group, asked: role, members: new Map(), accepted: false, ref: 0, waiters: [], handlers: new Set() };
      this.#seats.set(group, s);
      this.#ask(s);
    }
    s.handlers.add(handler);
    if (s.accepted) return Promise.resolve({ role: s.role, members: s.members });
    return new Promise((resolve, reject) => s.waiters.push({ resolve, reject }));
  }

  /** Gives the place in a group up. */
  leave(group) {
    const s = this.#seats.get(group);
    if (!s) return;
    this.#drop(s, new TroupeError('CLOSED', 'left'));
    this.#send({ type: 'leave', group });
  }

  /** Tries at once instead of waiting. */
  retry() {
    if (this.status.state !== 'waiting') return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Connects anew at once, because the url or the token would be another one now. */
  reconnect() {
    if (this.#ended.signal.aborted) return;
    this.#detach();
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
      this.#urls = this.#addresses();
      this.#ws = new WebSocket(this.#urls[this.#at % this.#urls.length], token ? ['troupe', `bearer.${token}`] : []);
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
    for (const [topic, p] of this.#rosters) {
      p.version = -1;
      if (p.handlers.size && !this.#topics.has(topic)) this.#askWho(topic);
    }
    for (const s of this.#seats.values()) this.#ask(s);
    for (const [topic, b] of this.#boards) this.#point(topic, b);
    this.#pump();
    this.#setStatus('open', { url: this.#ws.url });
    if (this.#session && !known.length) this.#emit('resumed', {});
  }

  #lost(code, reason) {
    if (this.#openedAt && Date.now() - this.#openedAt >= STABLE) this.#attempt = 0;
    this.#detach();
    if (FINAL.includes(code)) return this.#end(code, reason);
    if (code === 1009) this.#rejectLargest();
    if (code === 4429) this.#attempt = Math.max(this.#attempt, 5 * this.#urls.length);
    const { minDelay, maxDelay } = this.#options;
    const round = Math.floor(this.#attempt / this.#urls.length); // of all addresses
    this.#at++;
    // 1001: the node drains, another is ready. Come soon, but not all at once.
    const delay = code === 1001 && this.#attempt === 0 ? Math.random() * 1000
      : Math.min(minDelay * 2 ** round, maxDelay) * (0.75 + Math.random() / 2);
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
    for (const t of [...this.#topics.values(), ...this.#seats.values()]) this.#drop(t, err);
    for (const b of this.#boards.values()) clearTimeout(b.timer);
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
    const s = this.#seats.get(f.group);
    const asked = (t ?? s)?.ref === f.ref; // not the answer to an older question
    switch (f.type) {
      case undefined: return this.#event(f);
      case 'batch': return f.events.forEach((e) => this.#event(e));
      case 'welcome': this.#session = f.sessionId; // falls through
      case 'resumed': return this.#emit(f.type, f);
      case 'subscribed': return t && asked && this.#accepted(t, f);
      case 'subscribe-denied': // without a ref: the node can not go on with it
        if (!t) return this.#without(f);
        return (asked || (t.accepted && f.ref === undefined)) && this.#denied(t, f.reason);
      case 'joined': return s && asked && this.#seated(s, f.role);
      case 'join-denied': return s && asked && this.#denied(s, f.reason);
      case 'published': return this.#settle(f.ref, null, f);
      case 'publish-denied': return this.#settle(f.ref, new TroupeError(f.reason, f.reason, f.retryAfterMs));
      case 'error': return this.#error(f);
    } // others are for newer clients
  }

  #error(f) {
    const asked = [...this.#topics.values(), ...this.#seats.values()].filter((t) => t.ref === f.ref);
    for (const t of asked) this.#denied(t, f.code, f.message);
    const b = [...this.#boards.values()].find((b) => b.ref === f.ref);
    if (b && f.code === 'FORBIDDEN') b.off = this.#turn; // no cursors here: a connection asks once
    if (!this.#settle(f.ref, new TroupeError(f.code, f.message)) && !asked.length) this.#emit('error', f);
  }

  #event(e) {
    const t = this.#topics.get(e.topic);
    if (e.topic === '__system') this.#emit(e.event, e.data);
    if (!t) return this.#beside(e) || this.#emit('event', e);
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
    this.#send(t.members ? { type: 'join', group: t.name, role: t.asked, ref: t.ref }
      : { type: 'subscribe', topic: t.name, ref: t.ref, since: t.seq, epoch: t.epoch });
  }

  #accepted(t, { seq, epoch }) {
    t.accepted = true;
    t.seq ??= seq;
    t.epoch ??= epoch; // where it is not ours, `truncated` follows
    const b = this.#boards.get(t.name);
    if (b) this.#point(t.name, b);
    for (const w of t.waiters.splice(0)) w.resolve({ topic: t.name, seq, epoch });
  }

  // Of topics and of groups.
  #denied(t, reason, message) {
    if (t.accepted && TRANSIENT.includes(reason)) return this.#later(() => { if (this.#list(t).get(t.name) === t) this.#ask(t); });
    this.#drop(t, new TroupeError(reason, message));
    if (t.accepted) this.#emit('denied', { [t.members ? 'group' : 'topic']: t.name, reason });
  }

  #drop(t, err) {
    this.#list(t).delete(t.name);
    if (!t.members) delete this.#stored[t.name];
    for (const w of t.waiters.splice(0)) w.reject(err);
  }

  #list(t) { return t.members ? this.#seats : this.#topics; }

  #later(f) { setTimeout(() => { if (!this.#ended.signal.aborted) f(); }, 5000 + Math.random() * 5000); }

  // ---- what stands beside the topics ----

  #roster(topic) {
    if (!this.#rosters.has(topic)) this.#rosters.set(topic, { members: new Map(), version: -1, handlers: new Set() });
    return this.#rosters.get(topic);
  }

  #askWho(topic) { this.#send({ type: 'presence', topic }); }

  #unwatch(topic) { this.#send({ type: 'unsubscribe', topic: `__presence:${topic}` }); }

  // A topic may have no presence or no cursors. One that is subscribed to is asked for as a whole.
  #without({ topic: name, reason }) {
    const [, , topic] = SYSTEM.exec(name) ?? [];
    if (!topic || !TRANSIENT.includes(reason)) return;
    this.#later(() => {
      const t = this.#topics.get(topic);
      if (t) this.#ask(t); else if (this.#rosters.has(topic)) this.#askWho(topic);
    });
  }

  #beside(e) {
    const [, kind, name] = SYSTEM.exec(e.topic) ?? [];
    // A follower is told once who is there, so that is kept for who asks later.
    if (kind === 'presence' && (this.#rosters.has(name) || this.#topics.has(name))) this.#who(name, this.#roster(name), e);
    else if (kind === 'cursor' && this.#boards.has(name)) this.#pointed(name, this.#boards.get(name), e);
    else if (kind === 'group' && this.#seats.has(name)) this.#said(this.#seats.get(name), e);
    else return false;
    return true;
  }

  #who(topic, p, { event, data, version }) {
    let joins, leaves;
    if (event === 'presence_state') {
      joins = new Map(Object.entries(data));
      leaves = new Map([...p.members].filter(([key]) => !joins.has(key)));
      for (const [key, was] of p.members) if (same(was, joins.get(key))) joins.delete(key);
    } else if (event === 'presence_diff' && p.version >= 0 && version > p.version) { // neither seen nor early
      if (version > p.version + 1) { // one is missing, which a node sees to that it is not
        if (this.#topics.has(topic)) return this.reconnect();
        p.version = -1;
        this.#unwatch(topic);
        return this.#askWho(topic);
      }
      [joins, leaves] = [data.joins, data.leaves].map((o) => new Map(Object.entries(o)));
    } else return;
    p.version = version;
    for (const key of leaves.keys()) p.members.delete(key);
    for (const [key, now] of joins) p.members.set(key, now);
    for (const f of [...p.handlers]) call(f, { joins, leaves });
  }

  #point(topic, b) {
    const wait = b.sentAt + PACE - Date.now();
    if (!b.mine || b.timer || !this.#openedAt || b.off === this.#turn || !this.#topics.get(topic)?.accepted) return;
    if (wait > 0) {
      b.timer = setTimeout(() => { b.timer = 0; this.#point(topic, b); }, wait);
      return;
    }
    b.sentAt = Date.now();
    this.#send({ type: 'cursor', topic, data: b.mine, ref: b.ref });
  }

  #pointed(topic, b, { event, data }) {
    if (event === 'stale') return this.#send({ type: 'cursor-snapshot', topic });
    if (event === 'snapshot') b.others.clear();
    if (event === 'remove') {
      for (const [at, c] of b.others) if (c.key === data.key) b.others.delete(at);
    } else for (const c of [data].flat()) { // snapshot, update, bulk
      // The node knows connections. A tab that has another one is the same pointer still.
      const tab = c.data?.tab;
      const was = b.others.get(tab);
      if (tab !== this.#tab) b.others.set(tab && (!was || same(was.user, c.user)) ? tab : c.key, c);
    }
    for (const f of [...b.handlers]) call(f);
  }

  #seated(s, role) {
    Object.assign(s, { accepted: true, role });
    for (const w of s.waiters.splice(0)) w.resolve({ role, members: s.members });
  }

  #said(s, e) {
    const { event, data, system } = e;
    if (system && event === 'members') {
      s.members.clear();
      for (const m of data) s.members.set(m.key, m);
    } else if (system && event === 'join') s.members.set(data.key, data);
    else if (system && event === 'leave') s.members.delete(data.key);
    else if (system && event === 'close') {
      s.members.clear();
      this.#drop(s, new TroupeError('CLOSED'));
    }
    for (const f of [...s.handlers]) call(f, e);
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

  #addresses() {
    const urls = [typeof this.#url === 'function' ? this.#url() : this.#url].flat();
    return urls.map((url) => new URL(url, location.href).href.replace(/^http/, 'ws'));
  }

  #save = () => {
    if (!this.#options.positions) return;
    for (const { name, seq, epoch } of this.#topics.values()) if (epoch) this.#stored[name] = { since: seq, epoch };
    try { sessionStorage[this.#key] = JSON.stringify(this.#stored); } catch { /* full or forbidden */ }
  };
}

const SYSTEM = /^__(presence|cursor|group):(.*)$/s;

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// A handler's exception does not end the connection.
function call(f, value) { try { f(value); } catch (err) { reportError(err); } }

// 25 topics with the longest names are 8,000 bytes; a node takes 64 KiB.
function* chunks(topics) { for (let i = 0; i < topics.length; i += 25) yield topics.slice(i, i + 25); }

// 128 random bits. crypto.randomUUID exists on secure pages only.
function newId() { return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('-'); }
