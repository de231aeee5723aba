// The list of messages: what was said, what is on its way, and notices in the place where they belong.

import { $, avatar, count, h } from './dom.js';

const KEEP = 1000;            // elements; a node keeps no more of a topic by default
const TOGETHER = 5 * 60_000;  // ms within which messages of one person form a group
const NEAR = 80;              // px from the end that still count as reading along

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const second = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const long = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** The time of day, for notices. */
export const timeOfDay = (at) => second.format(at);

export class Log {
  #list = $('log');
  #pending = $('pending');
  #last = null;       // the newest message, {who, at}, null after anything else
  #day = '';
  #stick = true;      // the reader is at the end and wants to stay there
  #top = 0;           // where the list stood last
  #unread = 0;
  #drawing = false;
  #unreadChanged;

  constructor(unreadChanged) {
    this.#unreadChanged = unreadChanged;
    const scroll = $('scroll');
    scroll.addEventListener('scroll', () => {
      const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
      // Away from the end, but not upwards: the list has grown since it was scrolled, not the reader gone.
      this.#stick = near || (this.#stick && scroll.scrollTop >= this.#top);
      this.#top = scroll.scrollTop;
      this.#read();
    }, { passive: true });
    new ResizeObserver(() => this.#draw()).observe(scroll); // a phone's keyboard
    document.addEventListener('visibilitychange', () => this.#read());
    $('unread').addEventListener('click', () => { this.toEnd(); $('text').focus(); });
  }

  /** Empties the list for another room. */
  clear() {
    this.#list.replaceChildren();
    this.#pending.replaceChildren();
    this.#last = null;
    this.#day = '';
    this.#unread = 0;
    this.toEnd();
  }

  /** Whether anything has been said here. */
  get empty() { return this.#list.querySelector('.message') === null; }

  /** While history is played back, a screen reader is not told each line. */
  set busy(on) { this.#list.ariaBusy = String(on); }

  /** Adds what was said: {who, name, hue, text, at, mine}. */
  add(m) {
    const day = long.format(m.at);
    if (day !== this.#day) {
      this.#append(h('li', { className: 'day' }, h('span', {}, day)));
      this.#day = day;
    }
    const again = this.#last?.who === m.who && Math.abs(m.at - this.#last.at) < TOGETHER;
    this.#append(message(m, again));
    this.#last = m;
    if (!m.mine && (!this.#stick || document.hidden) && this.#list.ariaBusy !== 'true') this.#unread++;
    this.#read();
  }

  /** Adds a line about the conversation itself. Returns a function that changes it. */
  notice(text, strong = false) {
    const span = h('span');
    const item = h('li', { className: 'notice' }, span);
    const change = (text, strong = false) => {
      span.textContent = text;
      item.classList.toggle('strong', strong);
    };
    change(text, strong);
    this.#append(item);
    return change;
  }

  /** Shows a message that is on its way. */
  pend(m) {
    const item = message(m, false);
    item.classList.add('waiting');
    const fate = h('p', { className: 'fate' }, 'Sending');
    item.querySelector('.body').append(fate);
    this.#pending.append(item);
    this.toEnd();
    return {
      waiting: (text) => { item.classList.remove('failed'); fate.replaceChildren(text); },
      failed: (text, ...buttons) => { item.classList.add('failed'); fate.replaceChildren(text, ...buttons); this.#draw(); },
      remove: () => item.remove(),
    };
  }

  /** Goes to the newest message and stays there. */
  toEnd() {
    this.#stick = true;
    this.#draw();
    this.#read();
  }

  #append(item) {
    if (!item.classList.contains('message')) this.#last = null;
    this.#list.append(item);
    while (this.#list.childElementCount > KEEP) {
      this.#list.firstElementChild.remove();
      this.#top = -1; // what is left moves up by itself
    }
    this.#list.firstElementChild.classList.remove('again'); // the first of its group may be gone
    this.#draw();
  }

  // Measuring the list after each of a thousand messages would lay the page out a thousand times.
  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (!this.#stick) return;
      $('scroll').scrollTop = $('scroll').scrollHeight;
      this.#top = $('scroll').scrollTop;
    });
  }

  #read() {
    if (this.#stick && !document.hidden) this.#unread = 0;
    $('unread').hidden = this.#stick || this.#unread === 0;
    $('unread').textContent = count(this.#unread, 'new message');
    this.#unreadChanged(this.#unread);
  }
}

function message({ name, hue, text, at, mine }, again) {
  const by = h('p', { className: 'by' }, h('b', {}, name));
  if (mine) by.append(h('span', { className: 'you' }, 'you'));
  by.append(h('time', { dateTime: new Date(at).toISOString(), title: exact.format(at) }, clock.format(at)));
  by.style.setProperty('--hue', hue);
  const body = h('div', { className: 'body' }, by, h('p', { className: 'text' }, text));
  return h('li', { className: again ? 'message again' : 'message' }, avatar(name, hue), body);
}
