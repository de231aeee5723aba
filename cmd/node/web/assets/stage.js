// The stage: everybody's pointer, and ripples. Pointers are cursors of the topic demo:<room>, of which
// only the last counts; ripples are events on it, and the node takes only so many at a time.

import { $, h, until } from './dom.js';
import { hueOf } from './colour.js';
import { person } from './profile.js';

const STAY = 20_000;  // ms; a pointer that says nothing for 30 s is taken off
const TOUCH = 4000;   // ms for which a finger that was lifted still points
const STEP = 0.04;    // of the stage, for the arrow keys
const LEAST = 2500;   // ms for which a notice stays
const POINTERS = 200; // shown at most
const RIPPLES = 40;   // at once

const REFUSED = {
  UNAVAILABLE: 'The node can not take it now: its backend is down.', FORBIDDEN: 'This node takes no ripples.',
  UNAUTHENTICATED: 'This node takes ripples only from those it knows.',
};
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const within = (v) => Math.round(Math.min(1, Math.max(0, v)) * 1e4) / 1e4;
const isPlace = (p) => [p?.x, p?.y].every((v) => Number.isFinite(v) && v >= 0 && v <= 1);

export class Stage {
  #client; #me; #tell;
  #el = $('stage');
  #topic = '';
  #cursors = null;
  #shown = new Map();                     // as in cursors.others -> element
  #place = { x: 0.5, y: 0.5, out: true }; // one's own
  #mine = null;
  #lift = 0;
  #notBefore = 0;
  #quiet = () => {};                      // ends the notice

  /** tell(): something of this window was shown to others. */
  constructor(client, me, tell) {
    this.#client = client;
    this.#me = me;
    this.#tell = tell;
    this.#listen();
    setInterval(() => { if (!this.#place.out && !document.hidden) this.#send(); }, STAY);
    document.addEventListener('visibilitychange', () => { if (document.hidden) this.#leave(); });
  }

  /** Moves to another room. */
  enter(room) {
    if (this.#topic) {
      this.#cursors.close();
      this.#client.unsubscribe(this.#topic);
    }
    this.#topic = `demo:${room}`;
    for (const el of this.#shown.values()) el.remove();
    this.#shown.clear();
    this.#cursors = this.#client.cursors(this.#topic, () => this.#draw());
    this.#client.subscribe(this.#topic, this.#heard).catch(() => {}); // then nobody is seen
  }

  // ---- one's own pointer ----

  #listen() {
    const el = this.#el;
    el.addEventListener('pointermove', (e) => this.#moved(e));
    el.addEventListener('pointerdown', (e) => {
      if (e.button !== 0) return;
      if (e.pointerType !== 'mouse') el.setPointerCapture(e.pointerId);
      this.#moved(e);
      this.#tap();
    });
    for (const end of ['pointerup', 'pointercancel']) el.addEventListener(end, (e) => { if (e.pointerType !== 'mouse') this.#lifted(); });
    el.addEventListener('pointerleave', (e) => { if (e.pointerType === 'mouse') this.#leave(); });
    el.addEventListener('blur', () => this.#leave());
    el.addEventListener('keydown', (e) => {
      const [dx, dy] = ARROWS[e.key] ?? [];
      if (e.ctrlKey || e.altKey || e.metaKey || (dx === undefined && e.key !== 'Enter' && e.key !== ' ')) return;
      e.preventDefault();
      this.#go(this.#place.x + (dx ?? 0), this.#place.y + (dy ?? 0), true);
      if (dx === undefined) this.#tap();
    });
  }

  #moved(e) {
    clearTimeout(this.#lift);
    const box = this.#el.getBoundingClientRect();
    this.#go((e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height, e.pointerType !== 'mouse');
  }

  #go(x, y, show) {
    this.#place = { x: within(x), y: within(y), out: false };
    this.#send();
    this.#showMine(show);
    this.#tell();
  }

  #send() {
    const { x, y, out } = this.#place;
    this.#cursors?.send(out ? { x, y, out } : { x, y });
  }

  #lifted() {
    clearTimeout(this.#lift);
    this.#lift = setTimeout(() => this.#leave(), TOUCH);
  }

  #leave() {
    clearTimeout(this.#lift);
    if (this.#place.out) return;
    this.#place.out = true;
    this.#send();
    this.#showMine(false);
  }

  // A mouse shows where it is by itself, a finger and the keyboard do not.
  #showMine(show) {
    if (show && !this.#mine) {
      this.#mine = pointer('you', this.#me.color);
      this.#mine.classList.add('mine');
    }
    if (show) {
      put(this.#mine, this.#place);
      this.#el.append(this.#mine);
    } else {
      this.#mine?.remove();
    }
  }

  // ---- the others' ----

  #draw() {
    const { others } = this.#cursors;
    for (const [at, el] of this.#shown) {
      if (others.has(at)) continue;
      this.#shown.delete(at);
      el.remove();
    }
    for (const [at, { user, data }] of others) {
      const { name, hue } = person(user);
      const old = this.#shown.get(at);
      if (!isPlace(data) || (!old && this.#shown.size >= POINTERS)) continue;
      const el = old?.dataset.name === name ? old : pointer(name, hue);
      put(el, data);
      el.classList.toggle('away', data.out === true);
      if (el === old) continue;
      old?.remove();
      this.#shown.set(at, el);
      this.#el.append(el);
    }
  }

  // ---- ripples ----

  async #tap() {
    if (this.#client.status.state !== 'open' || Date.now() < this.#notBefore) return;
    const { x, y } = this.#place;
    try {
      await this.#client.publish(this.#topic, 'ripple', { x, y, color: this.#me.color });
    } catch (err) {
      if (err.code === 'RATE_LIMITED') this.#tooFast(err.retryAfterMs ?? 1000);
      else if (err.code !== 'CLOSED') this.#notice(REFUSED[err.code] ?? err.message);
    }
  }

  #heard = ({ event, data }) => {
    if (event !== 'ripple' || !isPlace(data) || this.#el.querySelectorAll('.ripple').length >= RIPPLES) return;
    const el = h('span', { className: 'ripple' });
    el.style.setProperty('--hue', hueOf(data.color, ''));
    put(el, data);
    el.addEventListener('animationend', () => el.remove());
    this.#el.append(el);
  };

  #tooFast(ms) {
    this.#notBefore = Date.now() + ms;
    this.#notice('Too fast for this node. ', ms);
  }

  // With ms it counts down to when the next one is taken.
  #notice(text, ms = 0) {
    this.#quiet();
    $('fast').hidden = false;
    const left = h('span', { ariaHidden: 'true' });
    $('fast').replaceChildren(text, left);
    this.#quiet = until(Math.max(ms, LEAST), (rest) => {
      const wait = Math.ceil((rest - Math.max(0, LEAST - ms)) / 1000);
      left.textContent = !ms ? '' : wait > 0 ? `It takes your next ripple in ${wait} s.` : 'It takes your next ripple now.';
      if (rest <= 0) $('fast').hidden = true;
    });
  }
}

function pointer(name, hue) {
  const el = h('div', { className: 'pointer', ariaHidden: 'true' });
  el.dataset.name = name;
  el.style.setProperty('--hue', hue);
  el.append(arrow(), h('span', { className: 'tag' }, name));
  return el;
}

function arrow() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', 'M1.5 1.2 14 7.4 8.4 9 5.7 14.4z');
  svg.append(path);
  return svg;
}

function put(el, { x, y }) {
  el.style.setProperty('--x', x);
  el.style.setProperty('--y', y);
  el.classList.toggle('low', y > 0.7); // the name goes where there is room
  el.classList.toggle('far', x > 0.75);
}
