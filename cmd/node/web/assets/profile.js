// Who this browser is: an id, a name and a hue, kept in localStorage.

import { hexOf, hueOf } from './colour.js';
import { $, initials, store } from './dom.js';

const FIRST = ['Amber', 'Brisk', 'Clever', 'Dapper', 'Early', 'Gentle', 'Humble', 'Jolly', 'Kindly', 'Lively', 'Merry', 'Nimble', 'Quiet', 'Silver', 'Sunny', 'Wry'];
const LAST = ['Clown', 'Columbine', 'Dancer', 'Dresser', 'Fiddler', 'Harlequin', 'Juggler', 'Mime', 'Pierrot', 'Piper', 'Player', 'Prompter', 'Stagehand', 'Tumbler', 'Understudy', 'Usher'];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A number that nobody else has: 64 random bits, 16 hexadecimal digits. */
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('');

/** What may stand for a name in what others send: a short text, or null. */
export const cleanName = (s) => firsts(typeof s === 'string' ? s.replace(/[\s\p{C}]+/gu, ' ').trim() : '') || null;

// 32 characters, none of them cut in two.
const firsts = (s) => [...s].slice(0, 32).join('').trim();

/** What the page says of itself to the node, as parameters of the address. */
export const claim = ({ id, name, color }) => new URLSearchParams({ id, name, color: hexOf(color) });

/** A person as others are shown: what the node says of them, or what they say themselves. */
export function person(data) {
  const name = cleanName(data?.name) ?? 'Somebody';
  return { name, hue: hueOf(data?.color, name) };
}

/** Loads or invents the profile and ties it to the name field. Calls changed after each change. */
export function profile(changed) {
  const me = load();
  const show = () => {
    $('my-avatar').textContent = initials(me.name);
    $('my-avatar').style.setProperty('--hue', me.color);
  };
  $('name').value = me.name;
  show();
  $('name').addEventListener('change', () => {
    const before = me.name;
    me.name = cleanName($('name').value) ?? me.name;
    $('name').value = me.name;
    if (me.name === before) return;
    store.set('localStorage', 'troupe:me', JSON.stringify(me));
    show();
    changed(me);
  });
  $('name').addEventListener('keydown', (e) => {
    if (e.key !== 'Enter') return;
    e.preventDefault(); // would send the message
    $('text').focus();
  });
  return me;
}

function load() {
  let kept = {};
  try { kept = JSON.parse(store.get('localStorage', 'troupe:me')) ?? {}; } catch { /* not ours: begin anew */ }
  const name = cleanName(kept.name) ?? `${pick(FIRST)} ${pick(LAST)}`;
  const id = /^[\w-]{1,64}$/.test(kept.id ?? '') ? kept.id : newId();
  const me = { id, name, color: hueOf(kept.color ?? Math.random() * 360, name) };
  store.set('localStorage', 'troupe:me', JSON.stringify(me));
  return me;
}
