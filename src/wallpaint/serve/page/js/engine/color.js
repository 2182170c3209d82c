// @ts-check
/** Colour arithmetic: sRGB, linear light, CIELAB, Oklab, CIEDE2000 and the compression into a gamut. */

/** @typedef {[number, number, number]} Rgb */

/** @type {Rgb} Weights of linear sRGB in luminance. */
export const LUMINANCE = [0.21263900587151036, 0.715168678767756, 0.07219231536073371];

const RGB_TO_XYZ = [
  [506752 / 1228815, 87881 / 245763, 12673 / 70218],
  [87098 / 409605, 175762 / 245763, 12673 / 175545],
  [7918 / 409605, 87881 / 737289, 1001167 / 1053270],
];
const WHITE = RGB_TO_XYZ.map((row) => row[0] + row[1] + row[2]);

// Source of the Oklab matrices: B. Ottosson, 2021-01-25.
export const RGB_TO_LMS = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
export const LMS_TO_OKLAB = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.8086757660],
];
export const LMS_TO_RGB = invert(RGB_TO_LMS);
export const OKLAB_TO_LMS = invert(LMS_TO_OKLAB);

export const GAMUT_TOLERANCE = 1e-5;
const BISECTIONS = 18;

/**
 * @param {number[][]} m 3x3
 * @returns {number[][]} its inverse
 */
export function invert(m) {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const A = e * i - f * h, B = f * g - d * i, C = d * h - e * g;
  const det = a * A + b * B + c * C;
  return [
    [A / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [B / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [C / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

/**
 * @param {number[][]} m 3x3
 * @param {ArrayLike<number>} v
 * @returns {Rgb}
 */
export function multiply(m, v) {
  return [
    m[0][0] * v[0] + m[0][1] * v[1] + m[0][2] * v[2],
    m[1][0] * v[0] + m[1][1] * v[1] + m[1][2] * v[2],
    m[2][0] * v[0] + m[2][1] * v[1] + m[2][2] * v[2],
  ];
}

/**
 * @param {number[][]} a
 * @param {number[][]} b
 * @returns {number[][]} a b
 */
export function product(a, b) {
  return a.map((row) => [0, 1, 2].map((j) => row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]));
}

/** @param {ArrayLike<number>} rgb */
export function luminance(rgb) {
  return LUMINANCE[0] * rgb[0] + LUMINANCE[1] * rgb[1] + LUMINANCE[2] * rgb[2];
}

/** @param {number} v encoded, 0..1 */
export function decode(v) {
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}

/** @param {number} v linear, 0..1 */
export function encode(v) {
  return v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055;
}

/**
 * @param {string} hex "#rrggbb"
 * @returns {Rgb} linear sRGB
 */
export function hexToLinear(hex) {
  return /** @type {Rgb} */ ([1, 3, 5].map((i) => decode(parseInt(hex.slice(i, i + 2), 16) / 255)));
}

/** @param {ArrayLike<number>} rgb linear sRGB */
export function linearToHex(rgb) {
  const code = (/** @type {number} */ v) => Math.round(255 * encode(Math.min(1, Math.max(0, v))));
  return "#" + [0, 1, 2].map((i) => code(rgb[i]).toString(16).padStart(2, "0")).join("");
}

/**
 * Read a colour as people type it: #rgb, #rrggbb, with or without "#", or rgb(r, g, b).
 * @param {string} text
 * @returns {string | null} "#rrggbb"
 */
export function parseColor(text) {
  const value = text.trim().toLowerCase();
  const hex = value.match(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/);
  if (hex) return "#" + (hex[1].length === 3 ? [...hex[1]].map((c) => c + c).join("") : hex[1]);
  const rgb = value.match(/^(?:rgb\()?\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*\)?$/);
  if (!rgb) return null;
  const codes = rgb.slice(1).map(Number);
  return codes.some((c) => c > 255) ? null : "#" + codes.map((c) => c.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {ArrayLike<number>} rgb linear sRGB
 * @returns {Rgb} CIELAB under D65
 */
export function linearToLab(rgb) {
  const xyz = multiply(RGB_TO_XYZ, rgb);
  const [x, y, z] = xyz.map((v, i) => {
    const t = v / WHITE[i];
    return t <= (6 / 29) ** 3 ? (29 / 6) ** 2 / 3 * t + 4 / 29 : Math.cbrt(t);
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
export function deltaE76(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/**
 * CIEDE2000. Source: Sharma, Wu and Dalal 2005.
 * @param {ArrayLike<number>} a CIELAB
 * @param {ArrayLike<number>} b CIELAB
 */
export function deltaE2000(a, b) {
  const deg = Math.PI / 180;
  const meanC = (Math.hypot(a[1], a[2]) + Math.hypot(b[1], b[2])) / 2;
  const g = 0.5 * (1 - Math.sqrt(meanC ** 7 / (meanC ** 7 + 25 ** 7)));
  const a1 = (1 + g) * a[1], a2 = (1 + g) * b[1];
  const c1 = Math.hypot(a1, a[2]), c2 = Math.hypot(a2, b[2]);
  const hue = (/** @type {number} */ x, /** @type {number} */ y) => (x === 0 && y === 0 ? 0 : (Math.atan2(y, x) / deg + 360) % 360);
  const h1 = hue(a1, a[2]), h2 = hue(a2, b[2]);
  const dL = b[0] - a[0], dC = c2 - c1;
  let dh = c1 * c2 === 0 ? 0 : h2 - h1;
  if (dh > 180) dh -= 360;
  if (dh < -180) dh += 360;
  const dH = 2 * Math.sqrt(c1 * c2) * Math.sin(dh / 2 * deg);
  const L = (a[0] + b[0]) / 2, C = (c1 + c2) / 2;
  let h = h1 + h2;
  if (c1 * c2 !== 0) h = Math.abs(h1 - h2) <= 180 ? h / 2 : h < 360 ? (h + 360) / 2 : (h - 360) / 2;
  const T = 1 - 0.17 * Math.cos((h - 30) * deg) + 0.24 * Math.cos(2 * h * deg)
    + 0.32 * Math.cos((3 * h + 6) * deg) - 0.2 * Math.cos((4 * h - 63) * deg);
  const sL = 1 + 0.015 * (L - 50) ** 2 / Math.sqrt(20 + (L - 50) ** 2);
  const sC = 1 + 0.045 * C, sH = 1 + 0.015 * C * T;
  const rT = -Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * deg) * 2 * Math.sqrt(C ** 7 / (C ** 7 + 25 ** 7));
  return Math.sqrt((dL / sL) ** 2 + (dC / sC) ** 2 + (dH / sH) ** 2 + rT * (dC / sC) * (dH / sH));
}

/**
 * @param {ArrayLike<number>} rgb linear sRGB
 * @returns {Rgb} Oklab
 */
export function linearToOklab(rgb) {
  return multiply(LMS_TO_OKLAB, multiply(RGB_TO_LMS, rgb).map(Math.cbrt));
}

/**
 * A function that compresses colours into a gamut, in place, at constant Oklab hue and lightness.
 * @param {number[][]} gamut linear sRGB to the file's linear RGB
 * @param {number} knee outer share of the chroma that is kept for colours outside, 0..0.9
 * @returns {(rgb: Float64Array | number[]) => void} of (3,) linear sRGB
 */
export function gamutCompressor(gamut, knee) {
  const toOwn = product(gamut, LMS_TO_RGB), fromOwn = invert(gamut);
  const outside = (/** @type {ArrayLike<number>} */ rgb) => {
    const own = multiply(gamut, rgb);
    return Math.min(...own) < -GAMUT_TOLERANCE || Math.max(...own) > 1 + GAMUT_TOLERANCE;
  };
  return (rgb) => {
    let isOutside = outside(rgb);
    if (!isOutside && knee === 0) return;
    const [L, a, b] = linearToOklab(rgb);
    if (!isOutside) {
      const lms = multiply(OKLAB_TO_LMS, [L, a / (1 - knee), b / (1 - knee)]).map((v) => v ** 3);
      isOutside = outside(multiply(LMS_TO_RGB, lms));
      if (!isOutside) return;
    }
    const chroma = Math.max(Math.hypot(a, b), 1e-30), light = Math.min(1, Math.max(0, L));
    const cones = OKLAB_TO_LMS.map((row) => (a * row[1] + b * row[2]) / chroma);
    const cubics = toOwn.map((row) => {
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0;
      for (let j = 0; j < 3; j++) {
        c0 += row[j];
        c1 += row[j] * cones[j];
        c2 += row[j] * cones[j] ** 2;
        c3 += row[j] * cones[j] ** 3;
      }
      return [c0 * light ** 3, 3 * c1 * light ** 2, 3 * c2 * light, c3];
    });
    let low = 0, high = chroma / (1 - knee);
    for (let step = 0; step < BISECTIONS; step++) {
      const middle = (low + high) / 2;
      const inside = cubics.every(([c0, c1, c2, c3]) => {
        const channel = ((c3 * middle + c2) * middle + c1) * middle + c0;
        return channel >= 0 && channel <= 1 + 1e-6;
      });
      if (inside) low = middle;
      else high = middle;
    }
    let kept = Math.min(chroma, low);
    if (knee > 0) {
      const start = (1 - knee) * low, room = Math.max(knee * low, 1e-30), beyond = Math.max(chroma - start, 0);
      kept = Math.min(chroma, start) + room * (beyond / (beyond + room));
    }
    const lms = cones.map((cone, j) => (light * OKLAB_TO_LMS[j][0] + kept * cone) ** 3);
    const own = multiply(toOwn, lms).map((v) => Math.min(1, Math.max(0, v)));
    const out = multiply(fromOwn, own);
    for (let i = 0; i < 3; i++) rgb[i] = out[i];
  };
}
