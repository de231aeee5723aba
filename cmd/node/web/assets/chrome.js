// What stands around the room: the state of the connection, colours, views of the narrow screen,
// tabs and the copy button.

import { $, h, store } from './dom.js';
import { timeOfDay } from './log.js';

/** Starts all of it. */
export function chrome(client) {
  connection(client);
  outage(client);
  skip();
  theme();
  views();
  tabs();
}

// ---- the state of the connection ----

function connection(client) {
  let next = 0;
  let trouble = false; // since a connection was lost, until one is open
  const left = () => { $('countdown').textContent = next ? `in ${Math.max(0, Math.ceil((next - Date.now()) / 1000))} s` : ''; };
  const show = (s) => {
    $('connection').dataset.state = s.state;
    document.body.classList.toggle('apart', s.state !== 'open'); // what others do is not known now
    next = s.state === 'waiting' ? Date.now() + s.delay : 0;
    trouble = s.state !== 'open' && (trouble || s.state !== 'connecting');
    const text = describe(s, trouble);
    if ($('connection-text').textContent !== text) $('connection-text').textContent = text;
    if (!trouble && document.activeElement === $('retry')) $('text').focus();
    $('retry').hidden = !trouble;
    $('retry').textContent = s.state === 'closed' ? 'Reload' : 'Try now';
    left();
  };
  client.on('status', show);
  show(client.status);
  setInterval(left, 500);
  $('retry').addEventListener('click', () => { if (client.status.state === 'closed') location.reload(); else client.retry(); });
}

function describe({ state, code, url }, trouble) {
  if (state === 'open') return new URL(url).host === location.host ? 'Connected' : `Connected to ${new URL(url).host}`;
  if (state === 'closed') return `Closed for good (${code})`;
  return trouble ? 'No connection, trying again' : 'Connecting';
}

// ---- a backend of the node that is down ----

function outage(client) {
  const down = new Map(); // backend -> what the node said
  const show = () => {
    $('outage').hidden = down.size === 0;
    $('outage').replaceChildren(...[...down.values()].map(sentence));
  };
  client.on('degraded', (d) => { down.set(d.backend, d); show(); });
  client.on('recovered', (d) => { down.delete(d.backend); show(); });
  client.on('welcome', () => { down.clear(); show(); }); // this node says again what is down
}

function sentence({ backend, at, reason }) {
  const name = backend.charAt(0).toUpperCase() + backend.slice(1);
  const why = reason ? ` (${reason})` : '';
  return h('span', {}, h('b', {}, `${name} is down since ${timeOfDay(at)}${why}.`),
    ' Messages can not be stored now and are not taken. What needs no history still reaches everyone on this node, and once it is back this page is given what it missed. ');
}

// The part of the address behind # is the room, so the link that skips must not change it.
function skip() {
  document.querySelector('.skip').addEventListener('click', (e) => { e.preventDefault(); $('text').focus(); });
}

// ---- light and dark ----

function theme() {
  const names = { system: 'as the system', light: 'light', dark: 'dark' };
  const order = Object.keys(names);
  let now = order.includes(store.get('localStorage', 'troupe:theme')) ? store.get('localStorage', 'troupe:theme') : 'system';
  const apply = () => {
    document.documentElement.dataset.theme = now;
    $('theme').ariaLabel = $('theme').title = `Colours: ${names[now]}`;
  };
  $('theme').addEventListener('click', () => {
    now = order[(order.indexOf(now) + 1) % order.length];
    store.set('localStorage', 'troupe:theme', now);
    apply();
  });
  apply();
}

// ---- parts of the page, one at a time where it is narrow ----

function views() {
  const buttons = [...document.querySelectorAll('.views button')];
  for (const b of buttons) {
    b.addEventListener('click', () => {
      document.body.dataset.view = b.dataset.view;
      for (const other of buttons) other.ariaCurrent = other === b ? 'true' : null;
    });
  }
}

// ---- code ----

function tabs() {
  const all = [...document.querySelectorAll('[role="tab"]')];
  const select = (tab) => {
    for (const t of all) {
      t.ariaSelected = String(t === tab);
      t.tabIndex = t === tab ? 0 : -1;
      $(t.getAttribute('aria-controls')).hidden = t !== tab;
    }
    tab.focus();
  };
  for (const [i, tab] of all.entries()) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) select(all[(i + step + all.length) % all.length]);
    });
  }
  $('copy').addEventListener('click', copy);
}

async function copy() {
  const code = document.querySelector('[role="tabpanel"]:not([hidden]) code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    $('copy').textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code); // no leave to write: mark it, so that Ctrl C does
    $('copy').textContent = 'Marked';
  }
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 2000);
}
