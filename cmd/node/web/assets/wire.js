// The raw frames of this page's connection, and how many events they carry per second.

import { $, h } from './dom.js';

const KEEP = 80;     // frames shown
const LENGTH = 400;  // characters of a frame shown
const NAME = /^(\{"type":"|\{"topic":"[^"]*","event":")([^"]*)(.*)$/s; // what a frame is
const MANY = /^\{"(?:type":"cursor"|topic":"__cursor:)/; // one line each would push everything else out
const SPAN = 60;     // seconds in the graph

/** Shows what the client sends and receives. */
export function wire(client) {
  const rates = { in: Array(SPAN).fill(0), out: Array(SPAN).fill(0) };
  const now = { in: 0, out: 0 };
  const list = frames();
  client.on('frame', ({ out, text }) => {
    now[out ? 'out' : 'in'] += events(text);
    list(out, text);
  });
  setInterval(() => {
    for (const way of ['in', 'out']) {
      rates[way].push(now[way]);
      rates[way].shift();
      $(`rate-${way}`).textContent = now[way].toLocaleString('en');
      now[way] = 0;
    }
    if (!document.hidden) graph(rates);
  }, 1000);
}

// The beginning of a frame tells what it is; parsing everything twice would slow a busy page.
function events(text) {
  if (text.startsWith('{"topic"') || text.startsWith('{"type":"publish"') || text.startsWith('{"type":"cursor"')) return 1;
  return text.startsWith('{"type":"batch"') ? JSON.parse(text).events.length : 0;
}

function graph(rates) {
  const top = Math.max(4, ...rates.in, ...rates.out);
  for (const way of ['in', 'out']) {
    const points = rates[way].map((n, i) => `${i * 60 / (SPAN - 1)},${(19 - 18 * n / top).toFixed(2)}`);
    $('spark').querySelector(`.${way}`).setAttribute('points', points.join(' '));
  }
}

function frames() {
  const list = $('frames');
  let waiting = [];
  let paused = false;
  let drawing = false;
  $('wire-pause').addEventListener('click', () => {
    paused = !paused;
    $('wire-pause').ariaPressed = String(paused);
    draw();
  });
  function draw() {
    if (paused || drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      const end = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      list.append(...waiting);
      waiting = [];
      while (list.childElementCount > KEEP) list.firstElementChild.remove();
      if (end) list.scrollTop = list.scrollHeight;
    });
  }
  let last = {}; // the newest line each way, if it may stand for more of its kind
  return (out, text) => {
    const many = MANY.test(text);
    if (many && last[out]) {
      last[out].times++;
      last[out].el.textContent = ` and ${last[out].times} more like it`;
      return;
    }
    const rest = text.length > LENGTH ? ` ... ${text.length.toLocaleString('en')} characters` : '';
    const [, before, name, after] = NAME.exec(text.slice(0, LENGTH)) ?? ['', '', '', text.slice(0, LENGTH)];
    const times = h('i');
    waiting.push(h('li', { className: out ? 'out' : 'in' },
      h('span', { className: 'way' }, out ? 'out' : 'in'),
      h('span', { className: 'text' }, before, h('b', {}, name), after + rest, times)));
    if (many) last[out] = { times: 0, el: times }; else last = {};
    if (waiting.length > KEEP) waiting.shift();
    draw();
  };
}
