// Who this browser is: an id, a name and a hue, kept in localStorage.

import { $, initials, store } from './dom.js';

const FIRST = ['Amber', 'Brisk', 'Clever', 'Dapper', 'Early', 'Gentle', 'Humble', 'Jolly', 'Kindly', 'Lively', 'Merry', 'Nimble', 'Quiet', 'Silver', 'Sunny', 'Wry'];
const LAST = ['Clown', 'Columbine', 'Dancer', 'Dresser', 'Fiddler', 'Harlequin', 'Juggler', 'Mime', 'Pierrot', 'Piper', 'Player', 'Prompter', 'Stagehand', 'Tumbler', 'Understudy', 'Usher'];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A number that nobody else has: 64 random bits, 16 hexadecimal digits. */
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('');

/** What may stand for a name in what others send: a short text, or null. */
export const cleanName = (s) => (typeof s === 'string' ? s.replace(/\s+/g, ' ').trim().slice(0, 32) : '') || null;

/** A hue from 0 to 359: the one that was sent, or one that always goes with the name. */
export function hueOf(color, name) {
  if (Number.isFinite(color)) return ((Math.round(color) % 360) + 360) % 360;
  return [...name].reduce((n, c) => (n * 31 + c.codePointAt(0)) % 360, 7);
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
    me.name = cleanName($('name').value) ?? me.name;
    $('name').value = me.name;
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
  const me = { id: typeof kept.id === 'string' ? kept.id : newId(), name, color: hueOf(kept.color ?? Math.random() * 360, name) };
  store.set('localStorage', 'troupe:me', JSON.stringify(me));
  return me;
}
