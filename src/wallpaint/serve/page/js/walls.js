// @ts-check
/** Alphas of walls at preview size: reading, brushing, hit tests, outlines. */

/** @typedef {import("./state.js").Alphas} Alphas */

/** @param {Blob} png grey @param {number} width @param {number} height @returns {Promise<Uint8Array>} */
export async function decodeAlpha(png, width, height) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no 2D canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data, alpha = new Uint8Array(width * height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = rgba[4 * i];
  return alpha;
}

/** @param {Uint8Array} alpha @param {number} width @param {number} height @returns {Promise<Blob>} a PNG */
export function encodeAlpha(alpha, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no 2D canvas");
  const image = context.createImageData(width, height);
  for (let i = 0; i < alpha.length; i++) {
    image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = alpha[i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png"));
}

/**
 * Add a brush stroke to an alpha, in place: round, with a soft edge.
 * @param {Uint8Array} alpha @param {number} width @param {number} height
 * @param {[number, number]} from @param {[number, number]} to in pixels @param {number} radius @param {boolean} erase
 */
export function stroke(alpha, width, height, from, to, radius, erase) {
  const soft = Math.max(1, 0.2 * radius), [x0, y0] = from, dx = to[0] - x0, dy = to[1] - y0, square = dx * dx + dy * dy;
  const left = Math.max(0, Math.floor(Math.min(x0, to[0]) - radius)), right = Math.min(width - 1, Math.ceil(Math.max(x0, to[0]) + radius));
  const top = Math.max(0, Math.floor(Math.min(y0, to[1]) - radius)), bottom = Math.min(height - 1, Math.ceil(Math.max(y0, to[1]) + radius));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = square ? Math.min(1, Math.max(0, ((x + 0.5 - x0) * dx + (y + 0.5 - y0) * dy) / square)) : 0;
      const distance = Math.hypot(x + 0.5 - x0 - along * dx, y + 0.5 - y0 - along * dy);
      const cover = Math.round(255 * Math.min(1, Math.max(0, (radius - distance) / soft)));
      if (cover === 0) continue;
      const i = y * width + x;
      alpha[i] = erase ? Math.min(alpha[i], 255 - cover) : Math.max(alpha[i], cover);
    }
  }
}

/** @param {Alphas} alphas @param {number} width @param {number} x @param {number} y @returns {string | null} the wall at a pixel */
export function wallAt(alphas, width, x, y) {
  let best = null, most = 100;
  for (const [name, alpha] of alphas) {
    const value = alpha[Math.floor(y) * width + Math.floor(x)];
    if (value > most) [best, most] = [name, value];
  }
  return best;
}

/** Share of two alphas' union that both cover, 0..1, on every 16th pixel. @param {Uint8Array} a @param {Uint8Array} b */
export function overlap(a, b) {
  let both = 0, either = 0;
  for (let i = 0; i < a.length; i += 17) {
    if (a[i] > 127 && b[i] > 127) both++;
    if (a[i] > 127 || b[i] > 127) either++;
  }
  return either ? both / either : 0;
}

/**
 * Draw the outline of an alpha, and a veil over it.
 * @param {CanvasRenderingContext2D} context of a canvas that covers the photo
 * @param {Uint8Array} alpha @param {number} width @param {number} height of the alpha
 * @param {{line: number[], veil: number[] | null, thickness: number}} style colours as RGBA codes
 */
export function drawOutline(context, alpha, width, height, { line, veil, thickness }) {
  const canvas = context.canvas, image = context.getImageData(0, 0, canvas.width, canvas.height), { data } = image;
  const sx = width / canvas.width, sy = height / canvas.height, reach = thickness;
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    x >= 0 && y >= 0 && x < canvas.width && y < canvas.height && alpha[Math.floor((y + 0.5) * sy) * width + Math.floor((x + 0.5) * sx)] > 127;
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      if (!at(x, y)) continue;
      const isEdge = !at(x - reach, y) || !at(x + reach, y) || !at(x, y - reach) || !at(x, y + reach);
      const color = isEdge ? line : veil;
      if (color) data.set(color, 4 * (y * canvas.width + x));
    }
  }
  context.putImageData(image, 0, 0);
}
