// Who is here, as far as pages say so themselves: each announces itself on who:<room> when it comes,
// every 25 s, and when it goes. The node has no part in it beyond carrying the events.

import { $, avatar, count, h } from './dom.js';
import { cleanName, hueOf, newId } from './profile.js';

const BEAT = 25_000;  // ms between announcements
const SEEN = 60_000;  // ms for which an announcement counts
const MANY = 500;     // windows shown at most; a topic takes announcements from anyone

export class Who {
  #client; #me; #tell;
  #topic = '';
  #window = newId();
  #seen = new Map(); // window -> {person, name, hue, at}
  #saidAt = 0;
  #answer;
  #catchingUp = false; // announcements of a while ago are no news

  /** tell(): another window has been seen. */
  constructor(client, me, tell) {
    this.#client = client;
    this.#me = me;
    this.#tell = tell;
    setInterval(() => { this.#say('here'); this.#show(); }, BEAT);
    setInterval(() => this.#show(), 5000);
    addEventListener('pagehide', () => this.#say('bye'));
    addEventListener('pageshow', (e) => e.persisted && this.#say('hello'));
    client.on('status', ({ state }) => { if (state !== 'open') this.#catchingUp = true; });
    client.on('resumed', () => { this.#catchingUp = false; this.#say('hello'); });
  }

  /** Moves to another room. */
  async enter(room) {
    if (this.#topic) {
      this.#say('bye');
      this.#client.unsubscribe(this.#topic);
    }
    const topic = this.#topic = `who:${room}`;
    $('who-topic').textContent = topic;
    this.#seen.clear();
    this.#show();
    try {
      await this.#client.subscribe(topic, (e) => this.#heard(e));
    } catch {
      return; // the room itself says that it is closed
    }
    if (topic !== this.#topic) return;
    this.#catchingUp = false;
    this.#say('hello');
  }

  /** Announces a new name. */
  renamed() { this.#say('here'); }

  #say(event) {
    this.#saidAt = Date.now();
    if (!this.#topic || this.#client.status.state !== 'open') return;
    const { id: person, name, color } = this.#me;
    // An announcement that fails is replaced by the next one.
    this.#client.publish(this.#topic, event, { window: this.#window, person, name, color }).catch(() => {});
  }

  #heard({ event, data }) {
    if (this.#catchingUp || typeof data?.window !== 'string') return;
    const { window, person } = data;
    const name = cleanName(data.name) ?? 'Somebody';
    if (event === 'bye') this.#seen.delete(window);
    else if (this.#seen.has(window) || this.#seen.size < MANY) {
      this.#seen.set(window, { person: String(person), name, hue: hueOf(data.color, name), at: Date.now() });
    }
    if (event === 'hello' && window !== this.#window) this.#reply();
    if (window !== this.#window) this.#tell();
    this.#show();
  }

  // Everybody answers a newcomer, but not all in the same moment.
  #reply() {
    clearTimeout(this.#answer);
    const asked = Date.now();
    this.#answer = setTimeout(() => { if (this.#saidAt < asked) this.#say('here'); }, Math.random() * (200 + 20 * this.#seen.size));
  }

  #show() {
    const now = Date.now();
    const people = new Map();
    const { id, name, color } = this.#me;
    people.set(id, { name, hue: color, windows: 1, me: true });
    for (const [window, w] of this.#seen) {
      if (now - w.at > SEEN) this.#seen.delete(window);
      else if (window !== this.#window) {
        const p = people.get(w.person) ?? { name: w.name, hue: w.hue, windows: 0 };
        p.windows++;
        people.set(w.person, p);
      }
    }
    draw([...people.values()]);
  }
}

function draw(people) {
  const windows = people.reduce((n, p) => n + p.windows, 0);
  const text = `${count(people.length, 'person', 'people')}${windows > people.length ? ` in ${count(windows, 'window')}` : ''}`;
  if ($('who-count').textContent !== text) $('who-count').textContent = text;
  $('who-faces').replaceChildren(...people.slice(0, 8).map((p) => avatar(p.name, p.hue)));
  $('who-list').replaceChildren(...people.map((p) => {
    const more = [p.me && 'you', p.windows > 1 && count(p.windows, 'window')].filter(Boolean).join(', ');
    const item = h('li', {}, avatar(p.name, p.hue), p.name);
    if (more) item.append(h('span', { className: 'aside' }, more));
    return item;
  }));
}
