// The page: ties the client to the room, the panels and the keys.

import { connect } from '/troupe.js';
import { $, store } from './dom.js';
import { chrome } from './chrome.js';
import { Log } from './log.js';
import { claim, profile } from './profile.js';
import { Room } from './room.js';
import { Seats } from './seats.js';
import { Stage } from './stage.js';
import { answers, elsewhere, stats } from './stats.js';
import { Who } from './who.js';
import { wire } from './wire.js';

// The name is part of the address, so another name is another connection.
const me = profile(() => { client.reconnect(); who.show(); });
const client = connect(() => [location.origin, ...elsewhere()].map((node) => `${node}/ws?${claim(me)}`));
const who = new Who(client, me, () => done('window'));
const stage = new Stage(client, me, () => done('stage'));
new Seats(client, me, () => done('seat'));
const log = new Log((unread) => { document.title = `${unread ? `(${unread}) ` : ''}${room?.name ?? ''} - Troupe`; });
let room = null;

// ---- rooms ----

// A room's name becomes a part of a topic's, so it keeps to what topics allow.
const clean = (name) => name.replace(/[^\w.:-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64) || 'lobby';

function enter() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { /* a stray percent sign: as it stands */ }
  name = clean(name);
  if (room?.name === name) return;
  room?.close();
  $('room-title').textContent = name;
  for (const el of document.querySelectorAll('[data-room]')) el.textContent = name;
  $('second').href = location.href;
  who.enter(name); // before the room subscribes, so that it hears who is there already
  room = new Room(name, client, me, log, heard);
  document.title = `${name} - Troupe`;
  stage.enter(name);
}

function heard(what, value) {
  if (what === 'said') done('say');
  if (what === 'played' && value > 0 && performance.getEntriesByType('navigation')[0]?.type === 'reload') done('reload');
  if (what === 'restarted') done('restart');
  if (what === 'elsewhere') log.notice(value, true);
}

$('room-form').addEventListener('submit', (e) => {
  e.preventDefault();
  if (!$('room-name').value.trim()) return;
  location.hash = clean($('room-name').value);
  $('room-name').value = '';
  $('text').focus();
});
addEventListener('hashchange', enter);

// ---- speaking ----

function speak() {
  const text = $('text').value.trim();
  if (!text) return;
  room.say(text);
  $('text').value = '';
  grow();
}

function grow() {
  $('text').style.height = 'auto';
  $('text').style.height = `${$('text').scrollHeight + 2}px`;
}

$('composer').addEventListener('submit', (e) => { e.preventDefault(); speak(); $('text').focus(); });
$('text').addEventListener('input', grow);
$('text').addEventListener('keydown', (e) => {
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  speak();
});

// ---- the list that ticks itself off ----

const told = new Set(); // in this window

function done(what) {
  if (told.has(what)) return;
  told.add(what);
  const tried = new Set((store.get('localStorage', 'troupe:tried') ?? '').split(' ')).add(what);
  store.set('localStorage', 'troupe:tried', [...tried].join(' ').trim());
  tick(tried);
}

function tick(tried) {
  for (const el of $('tries').children) {
    if (!tried.has(el.dataset.try) || el.classList.contains('done')) continue;
    el.classList.add('done');
    el.append(Object.assign(document.createElement('span'), { className: 'hidden', textContent: ' Done.' }));
  }
}

// Windows of one browser are one person to the node, so they greet each other here.
const windows = new BroadcastChannel('troupe');
windows.onmessage = ({ data }) => {
  done('window');
  if (data === 'hello') windows.postMessage('here');
};
windows.postMessage('hello');

// ---- the connection ----

let opened = false;
let asked = false;

client.on('status', async (s) => {
  if (s.state === 'closed') room.lost(s.code);
  if (s.state === 'open') opened = true;
  if (s.state !== 'waiting') return;
  if (opened) return room.lost();
  if (asked || s.attempt < 2) return;
  asked = true; // a browser does not tell why an upgrade was refused
  if (await answers()) log.notice('The node answers, but takes no connection from this page. If authentication is configured, this page can not log in.', true);
});
client.on('resumed', () => room.back());
client.on('gap', (g) => room.gap(g));
client.on('denied', ({ topic, reason }) => {
  if (topic === room.topic) log.notice(`This room is closed to you now: ${reason}.`, true);
});

for (const el of document.querySelectorAll('[data-origin]')) el.textContent = location.origin;
if (location.origin !== 'http://127.0.0.1:8080') { // not what the commands take by themselves
  for (const el of document.querySelectorAll('[data-url]')) el.textContent = ` --url ${location.origin.replace('http', 'ws')}/ws`;
}
tick(new Set((store.get('localStorage', 'troupe:tried') ?? '').split(' ')));
chrome(client);
wire(client);
stats();
enter();
