// The front row: a group of at most five. The nodes agree on who has a seat, so there is never a sixth.

import { $, avatar, h } from './dom.js';
import { person } from './profile.js';

const GROUP = 'lobby:demo';
const SEATS = 5;

const ASKED = 'Your seat will be asked for again.';

const REFUSED = {
  FULL: 'All five seats are taken.',
  UNAVAILABLE: 'No seats can be given now: the backend of the node is down.',
  FORBIDDEN: 'This node has no front row.', INVALID_TOPIC: 'This node has no front row.',
  UNAUTHENTICATED: 'This node gives seats only to those it knows.',
  CLOSED: 'The front row is closed.', RATE_LIMITED: 'Too fast. Try again in a moment.',
};

export class Seats {
  #client; #me; #tell;
  #members = new Map();
  #row = Array(SEATS).fill(null); // keys; who sits keeps the seat
  #state = 'standing';            // standing, asking, seated, refused

  /** tell(): this window has a seat. */
  constructor(client, me, tell) {
    this.#client = client;
    this.#me = me;
    this.#tell = tell;
    $('seat').addEventListener('click', () => (this.#state === 'seated' || this.#state === 'asking' ? this.#stand() : this.#sit()));
    client.on('denied', ({ group, reason }) => { if (group === GROUP) this.#refused(reason, 'Your seat is gone. '); });
    client.on('status', ({ state }) => { if (state === 'waiting' && this.#state === 'seated') $('seat-note').textContent = ASKED; });
    this.#draw();
  }

  async #sit() {
    this.#say('asking', this.#client.status.state === 'open' ? 'Asking for a seat.' : 'Waiting for the node.');
    try {
      const { members } = await this.#client.join(GROUP, {}, this.#heard);
      this.#members = members;
      this.#say('seated', 'You have a seat.');
      this.#tell();
    } catch (err) {
      if (err.message !== 'left') this.#refused(err.code);
    }
  }

  #stand() {
    this.#client.leave(GROUP);
    this.#members = new Map();
    this.#say('standing', 'You stood up.');
  }

  #refused(reason, before = '') {
    this.#members = new Map();
    this.#say('refused', before + (REFUSED[reason] ?? `No seat: ${reason}.`), reason === 'FULL');
  }

  #heard = ({ event, system }) => {
    if (!system) return;
    if (event === 'close') this.#refused('CLOSED');
    else if (event === 'members' && $('seat-note').textContent === ASKED) this.#say('seated', 'You have your seat again.');
    else this.#draw();
  };

  // The outcome is told once, and not again with everybody who comes.
  #say(state, text, full = false) {
    this.#state = state;
    $('seats').dataset.state = state;
    $('seats').classList.toggle('full', full);
    $('seat-note').textContent = text;
    $('seat').textContent = { seated: 'Stand up', asking: 'Never mind', refused: 'Try again' }[state] ?? 'Take a seat';
    this.#draw();
  }

  #draw() {
    this.#row = this.#row.map((key) => (this.#members.has(key) ? key : null));
    for (const key of [...this.#members.keys()].sort()) {
      if (this.#row.includes(key)) continue;
      const free = this.#row.indexOf(null);
      if (free >= 0) this.#row[free] = key;
    }
    const seats = this.#row.map((key, i) => this.#seat(key, $('seats').children[i]));
    $('seats').replaceChildren(...seats);
  }

  // A seat that has not changed stays as it is, so that only a new one moves.
  #seat(key, old) {
    const { name, hue } = key === null ? { name: '', hue: 0 } : person(this.#members.get(key).data);
    const mine = key === this.#me.id;
    const text = key === null ? ($('seats').classList.contains('full') ? 'taken' : this.#state === 'seated' ? 'free' : '') : mine ? 'you' : name;
    const mark = `${key} ${name} ${hue} ${text}`;
    if (old?.dataset.mark === mark) return old;
    const item = h('li', { className: mine ? 'mine' : '' }, key === null ? h('span', { className: 'avatar' }) : avatar(name, hue),
      h('span', { className: 'name' }, text || '\u00a0'));
    item.title = name;
    item.dataset.mark = mark;
    item.classList.toggle('sits', key !== null);
    return item;
  }
}
