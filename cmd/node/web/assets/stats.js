// What the node says about itself at /stats, asked every few seconds while somebody looks.

import { $, count } from './dom.js';

const EVERY = 3000;   // ms
const PATIENCE = 2500; // ms

/** Whether the node answers at all. */
export async function answers() {
  try { return (await fetch('/stats', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) })).ok; } catch { return false; }
}

let backend = '';
let nodes = [];

/** Whether the node shares its topics with others, as far as it has said. */
export const shared = () => backend !== '';

/** The addresses of the other nodes to which this page may go when its own has gone. */
export const elsewhere = () => nodes;

/** Keeps the figures current. */
export function stats() {
  let busy = false;
  const ask = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch('/stats', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      show(await answer.json());
    } catch {
      $('figures').classList.add('old');
      $('node-note').textContent = 'The node does not answer. These are its last figures.';
    } finally {
      busy = false;
    }
  };
  ask();
  setInterval(ask, EVERY);
  document.addEventListener('visibilitychange', ask);
}

function show(s) {
  $('figures').classList.remove('old');
  for (const el of document.querySelectorAll('[data-figure]')) {
    const key = el.dataset.figure;
    el.textContent = key === 'heapBytes' ? `${(s[key] / 2 ** 20).toFixed(1)} MiB` : s[key].toLocaleString('en');
  }
  $('node-id').textContent = s.node;
  backend = s.backend;
  nodes = s.nodes ?? [];
  $('node-note').textContent = `${where(s)} Version ${s.version}, up ${duration(s.uptimeSeconds)}.`;
}

function where(s) {
  return s.backend ? `One of a cluster of ${count(s.members, 'node')} over ${s.backend === 'postgres' ? 'Postgres' : 'Redis'}.` : 'All in memory: a cluster of one.';
}

function duration(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return count(s, 'second');
  if (s < 3600) return count(Math.floor(s / 60), 'minute');
  if (s < 86400) return count(Math.floor(s / 3600), 'hour');
  return count(Math.floor(s / 86400), 'day');
}
