// Colours of people. A person is a hue; how light it is shown is the style sheet's, so that every one
// can be read in the light and in the dark. On the wire it is #rrggbb, as other programs expect.

const SHOWN = { lightness: 0.62, chroma: 0.125 };

/** A hue from 0 to 359: of the number or #rrggbb that was sent, or one that always goes with the name. */
export function hueOf(color, name) {
  if (Number.isFinite(color)) return ((Math.round(color) % 360) + 360) % 360;
  if (typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color)) return hueOfHex(color);
  return [...name].reduce((n, c) => (n * 31 + c.codePointAt(0)) % 360, 7);
}

/** #rrggbb of a hue, by way of OKLab. */
export function hexOf(hue) {
  const a = SHOWN.chroma * Math.cos(hue * Math.PI / 180), b = SHOWN.chroma * Math.sin(hue * Math.PI / 180);
  const [l, m, s] = [[0.3963377774, 0.2158037573], [-0.1055613458, -0.0638541728], [-0.0894841775, -1.291485548]]
    .map(([x, y]) => (SHOWN.lightness + x * a + y * b) ** 3);
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  return `#${linear.map((v) => byte(v).toString(16).padStart(2, '0')).join('')}`;
}

function byte(v) {
  const c = Math.min(1, Math.max(0, v));
  return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
}

function hueOfHex(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const hue = Math.atan2(0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s);
  return Math.round(hue * 180 / Math.PI + 360) % 360;
}
