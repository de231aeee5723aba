// Who is here: everybody who follows the room's topic, on all nodes, as the nodes say.

import { $, avatar, count, h } from './dom.js';
import { person } from './profile.js';

const FACES = 7;    // shown; the rest is a number
const NAMES = 100;  // listed
const GATHER = 1500; // ms in which comings and goings are told together

export class Who {
  #client; #me; #tell;
  #presence = { members: new Map(), close() {} };
  #faces = new Map(); // key -> element
  #known = new Set(); // keys of who was here before the newest change
  #news = new Map();  // key -> {was, name, here}: not yet told; was is null for who was not here
  #telling = 0;
  #drawing = false;

  /** tell(): somebody else has been seen. */
  constructor(client, me, tell) {
    this.#client = client;
    this.#me = me;
    this.#tell = tell;
    client.on('status', ({ state }) => { $('who-when').textContent = state === 'open' ? 'here now' : 'when last heard of'; });
    $('who-faces').addEventListener('animationend', (e) => { if (e.animationName === 'leave') e.target.remove(); });
  }

  /** Moves to another room. */
  enter(room) {
    this.#presence.close();
    clearTimeout(this.#telling);
    this.#telling = 0;
    this.#news.clear();
    this.#known.clear();
    this.#faces.clear();
    $('who-faces').replaceChildren();
    const topic = `chat:${room}`;
    $('who-topic').textContent = topic;
    let first = true;
    this.#presence = this.#client.presence(topic, ({ joins, leaves }) => {
      if (!first) this.#note(joins, leaves);
      first = false;
      for (const key of leaves.keys()) this.#known.delete(key);
      for (const key of joins.keys()) this.#known.add(key);
      if ([...joins.keys()].some((key) => key !== this.#me.id)) this.#tell();
      this.show();
    });
    this.show();
  }

  /** Draws soon; a burst of changes is drawn once. */
  show() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  // Oneself comes first, also before the node has said so.
  #people() {
    const { id, name, color } = this.#me;
    const people = [{ key: id, name, hue: color, me: true }];
    for (const [key, data] of this.#presence.members) if (key !== id) people.push({ key, ...person(data) });
    return people;
  }

  #draw() {
    const people = this.#people();
    const text = count(people.length, 'person', 'people');
    if ($('who-count').textContent !== text) $('who-count').textContent = text;
    this.#drawFaces(people);
    $('who-list').replaceChildren(...people.slice(0, NAMES).map((p) => {
      const item = h('li', {}, avatar(p.name, p.hue), p.name);
      if (p.me) item.append(h('span', { className: 'aside' }, 'you'));
      return item;
    }));
    if (people.length > NAMES) $('who-list').append(h('li', { className: 'aside' }, `and ${people.length - NAMES} more`));
  }

  #drawFaces(people) {
    const shown = people.slice(0, FACES);
    const keys = new Set(shown.map((p) => p.key));
    for (const [key, el] of this.#faces) {
      if (keys.has(key)) continue;
      this.#faces.delete(key);
      el.classList.add('leaving'); // removed when the animation has ended
      if (getComputedStyle(el).animationName === 'none') el.remove();
    }
    for (const p of shown) {
      const face = avatar(p.name, p.hue);
      face.title = p.name;
      face.dataset.key = p.key;
      const old = this.#faces.get(p.key);
      if (old?.title === p.name && old.style.cssText === face.style.cssText) continue;
      if (old) old.replaceWith(face);
      else $('who-faces').append(face);
      this.#faces.set(p.key, face);
    }
    $('who-more').textContent = people.length > FACES ? `+${(people.length - FACES).toLocaleString('en')}` : '';
  }

  // ---- for those who hear the page ----

  #note(joins, leaves) {
    for (const [key, data] of [...leaves, ...joins]) {
      if (key === this.#me.id) continue;
      const { name } = person(data);
      const { was } = this.#news.get(key) ?? { was: leaves.has(key) || this.#known.has(key) ? name : null };
      this.#news.set(key, { was, name, here: joins.has(key) });
    }
    this.#telling ||= setTimeout(() => this.#announce(), GATHER);
  }

  #announce() {
    this.#telling = 0;
    const news = [...this.#news.values()];
    this.#news.clear();
    const say = (list, did) => (list.length > 3 ? `${list.length} people ${did}. ` : list.map((n) => `${n.name} ${did}. `).join(''));
    $('who-news').textContent = say(news.filter((n) => n.here && n.was === null), 'joined') + say(news.filter((n) => !n.here && n.was !== null), 'left');
  }
}
