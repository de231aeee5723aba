// Small helpers for the document. Text only ever becomes text nodes, never markup.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Makes an element. Properties are set as such; children are elements or text. */
export function h(tag, props = {}, ...children) {
  const el = Object.assign(document.createElement(tag), props);
  el.append(...children);
  return el;
}

/** A circle with initials, in the colour of a person. */
export function avatar(name, hue) {
  const el = h('span', { className: 'avatar', ariaHidden: 'true' }, initials(name));
  el.style.setProperty('--hue', hue);
  return el;
}

/** The first letters of the first two words. */
export function initials(name) {
  return name.split(/\s+/).slice(0, 2).map((w) => [...w][0] ?? '').join('').toUpperCase();
}

/** Reads and writes localStorage or sessionStorage, which a browser may forbid. */
export const store = {
  get(where, key) { try { return globalThis[where].getItem(key); } catch { return null; } },
  set(where, key, value) { try { globalThis[where].setItem(key, value); } catch { /* only for this window then */ } },
};

/** Calls each at once and then four times a second with what is left of ms, last with 0 or less.
 * Returns what ends it early. */
export function until(ms, each) {
  const end = Date.now() + ms;
  const timer = setInterval(step, 250);
  function step() {
    const left = end - Date.now();
    if (left <= 0) clearInterval(timer);
    each(left);
  }
  step();
  return () => clearInterval(timer);
}

/** "1 message", "3 messages". */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
