// One room: a subscription to chat:<room>, and what this window says there.

import { $, count, h, until } from './dom.js';
import { hueOf } from './colour.js';
import { timeOfDay } from './log.js';
import { cleanName, newId } from './profile.js';
import { shared } from './stats.js';

const SEEN = 5000; // ids of messages remembered, to show each once

const REFUSED = {
  QUEUE_FULL: 'too much is waiting', TOO_LARGE: 'it is too long', RATE_LIMITED: 'that was too fast',
  UNAVAILABLE: 'the node can not store it now', FORBIDDEN: 'you may not speak here',
  UNKNOWN_OUTCOME: 'the node went away before it answered', CLOSED: 'the connection is closed',
};

export class Room {
  #client; #me; #log; #tell;
  #seen = new Set();
  #pending = new Map(); // id -> {data, view, stored: the answer of the node, if there is one}
  #playing = true;      // history is played back,
  #until = Infinity;    // up to this number
  #played = 0;
  #away = null;         // {at, change, messages} while the connection is lost
  #closed = false;

  /** tell(what, value): said, played (how many), seen (a person), restarted, elsewhere (a notice). */
  constructor(name, client, me, log, tell) {
    Object.assign(this, { name, topic: `chat:${name}` });
    this.#client = client;
    this.#me = me;
    this.#log = log;
    this.#tell = tell;
    this.#open();
  }

  async #open() {
    this.#log.clear();
    this.#log.busy = true;
    try {
      const { seq = 0 } = await this.#client.subscribe(this.topic, this.#heard, { since: 0 });
      this.#until = seq;
      if (seq === 0) this.#playedBack();
    } catch (err) {
      if (!this.#closed) this.#log.notice(`This room is closed to you: ${REFUSED[err.code] ?? err.message}.`, true);
    }
  }

  /** Leaves. What is on its way is still sent. */
  close() {
    this.#closed = true;
    this.#client.unsubscribe(this.topic, this.#heard);
  }

  /** Says something. It is shown at once, and as said when it comes back from the node. */
  say(text) {
    const { id: from, name, color } = this.#me;
    const data = { id: newId(), from, name, color, text, at: Date.now() };
    this.#send({ data, stored: null, view: this.#log.pend(this.#shown(data)) });
  }

  async #send(entry) {
    const { data, view } = entry;
    this.#pending.set(data.id, entry);
    view.waiting(this.#client.status.state === 'open' ? 'Sending' : 'Waiting for the node');
    $('empty').hidden = true;
    try {
      // The id is the event's too: sent again, the node stores it once, and a window shows it once
      // even if the node forgot in between.
      entry.stored = await this.#client.publish(this.topic, 'message', data, { id: data.id });
      view.waiting('Stored');
      this.#tell('said');
    } catch (err) {
      if (this.#closed) return this.#tell('elsewhere', `Your message to ${this.name} was not sent: "${data.text}"`);
      this.#failed(entry, err);
    }
  }

  #failed(entry, err) {
    const { data, view } = entry;
    const again = h('button', { type: 'button', className: 'quiet' }, 'Send again');
    const drop = h('button', { type: 'button', className: 'quiet' }, 'Discard');
    const text = `Not sent: ${REFUSED[err.code] ?? err.message}.`;
    const show = () => view.failed(text, again, drop);
    const stop = err.retryAfterMs ? until(err.retryAfterMs, (ms) => {
      if (ms > 0) view.failed(`${text} Again in ${Math.ceil(ms / 1000)} s.`, drop); else show();
    }) : show();
    again.addEventListener('click', () => { this.#send(entry); $('text').focus(); });
    drop.addEventListener('click', () => { stop?.(); view.remove(); this.#pending.delete(data.id); $('text').focus(); });
  }

  #heard = (e) => {
    if (e.event === 'message') this.#message(e.data);
    if (e.seq >= this.#until) this.#playedBack();
  };

  #message(data) {
    if (typeof data?.text !== 'string') return; // a topic takes any JSON; this room shows texts
    if (typeof data.id === 'string') {
      if (this.#seen.has(data.id)) return;
      this.#seen.add(data.id);
      if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.values().next().value);
      this.#pending.get(data.id)?.view.remove();
      this.#pending.delete(data.id);
    }
    const m = this.#shown(data);
    this.#log.add(m);
    $('empty').hidden = true;
    if (this.#playing) this.#played++;
    else if (this.#away) this.#away.messages++;
  }

  // What others send is not to be trusted: every field has a form and a length.
  #shown({ from, name, color, text, at }) {
    name = cleanName(name) ?? 'Somebody';
    const now = Date.now();
    return {
      name,
      hue: hueOf(color, name),
      text: text.slice(0, 4000),
      at: Number.isFinite(at) && Math.abs(at - now) < 1e11 ? at : now,
      mine: from === this.#me.id,
      who: `${from} ${name}`,
    };
  }

  #playedBack() {
    if (!this.#playing) return;
    this.#playing = false;
    this.#log.busy = false;
    $('empty').hidden = !this.#log.empty;
    this.#tell('played', this.#played);
  }

  // ---- what happens to the connection ----

  /** The connection is gone, for good if code is given. Notes where in the conversation that was. */
  lost(code) {
    if (code) return void this.#log.notice(`The node has ended this connection for good (${code}). Reload the page to connect again.`, true);
    if (this.#away) return;
    const at = Date.now();
    const text = `Connection lost at ${timeOfDay(at)}. What you write is kept, and sent when the node is back.`;
    this.#away = { at, messages: 0, change: this.#log.notice(text) };
    for (const { stored, view } of this.#pending.values()) if (!stored) view.waiting('Waiting for the node');
  }

  /** The connection is back and every gap is filled or told. */
  back() {
    const away = this.#away;
    this.#away = null;
    if (!away || away.told) return;
    const seconds = Math.max(1, Math.round((Date.now() - away.at) / 1000));
    const filled = away.messages ? `${count(away.messages, 'message')} came in meanwhile` : 'Nothing was missed';
    away.change(`Connection lost at ${timeOfDay(away.at)}, back after ${count(seconds, 'second')}. ${filled}.`);
  }

  /** Some of the history is gone: says so in its place, which is here. */
  gap(g) {
    if (g.topic !== this.topic) return;
    if (g.reset || g.oldest > g.seq) this.#playedBack(); // nothing of what was there follows
    if (g.reset) return this.#restarted(g.epoch);
    if (g.reason === 'stale') return void this.#log.notice('Some messages may be missing here.', true);
    this.#log.notice(`${count(g.missed, 'message')} before this ${g.missed === 1 ? 'is' : 'are'} no longer kept by the node.`);
  }

  #restarted(epoch) {
    for (const [id, { data, stored, view }] of this.#pending) {
      if (!stored || stored.epoch === epoch) continue;
      // Stored in the life that is over, and never heard: it will not come any more.
      view.remove();
      this.#seen.add(id);
      this.#pending.delete(id);
      this.#log.add(this.#shown(data));
    }
    const lost = shared() ? 'The history of this room began anew in Redis' : 'The node was restarted, its memory history is gone';
    const text = this.#away || shared() ? lost : 'The history of this room was cleared';
    const full = `${text}; messages above are kept only in this window.`;
    if (this.#away && !this.#log.empty) {
      this.#away.change(full, true);
      this.#away.told = true;
    } else if (!this.#log.empty) {
      this.#log.notice(full, true);
    }
    this.#tell('restarted');
  }
}
