// @ts-check
/** Read a preview payload: a header and zlib-compressed planes (docs/preview.md). */

/** @typedef {import("./color.js").Rgb} Rgb */
/** @typedef {{name: string, dtype: "uint8" | "float32", shape: number[], filtered: boolean, offset: number, length: number}} PlaneEntry */
/**
 * @typedef {object} Header
 * @property {number} version
 * @property {string} wall
 * @property {[number, number]} size
 * @property {[number, number, number, number]} window
 * @property {number[]} levels
 * @property {number[]} gamut
 * @property {Rgb} median
 * @property {number} median_luma
 * @property {number} noise
 * @property {number[]} log_shading_quantiles
 * @property {Rgb} illuminant_color
 * @property {Rgb} white
 * @property {boolean} white_is_known
 * @property {{wall_albedo: Rgb, bounce: number, contrast: number, gloss: number}} illuminant
 * @property {boolean} is_user_given
 * @property {number} share
 * @property {boolean} pattern_removed
 * @property {boolean} has_several_paints
 * @property {boolean} has_relief
 * @property {number} shading_top
 * @property {number} specular_top
 * @property {string} existing_color
 * @property {string} existing_paint
 * @property {boolean} hint_wanted
 * @property {string[]} warnings
 * @property {[number, number]} coefficient_size
 * @property {number} existing_luma
 * @property {Rgb} lamp_median
 * @property {number} base_log_luma
 * @property {number} expected_error
 * @property {Record<string, any>} constants
 * @property {PlaneEntry[]} planes
 */
/** @typedef {{height: number, width: number, channels: number, bytes: Uint8Array<ArrayBuffer>}} BytePlane */
/** @typedef {{shape: number[], values: Float32Array}} FloatPlane */
/** @typedef {{header: Header, bytes: Record<string, BytePlane>, floats: Record<string, FloatPlane>}} Payload */

const MAGIC = "WPVIEW1\n";

/**
 * @param {ArrayBuffer} buffer
 * @returns {Promise<Payload>}
 */
export async function parsePayload(buffer) {
  if (new TextDecoder().decode(buffer.slice(0, 8)) !== MAGIC) throw new Error("not a preview payload");
  const length = new DataView(buffer).getUint32(8, true);
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(buffer.slice(12, 12 + length)));
  if (header.version !== 1) throw new Error(`preview payload of version ${header.version}: reload the page`);
  /** @type {Payload} */
  const payload = { header, bytes: {}, floats: {} };
  await Promise.all(header.planes.map(async (entry) => {
    const start = 12 + length + entry.offset;
    const raw = await inflate(buffer.slice(start, start + entry.length));
    if (entry.dtype === "float32") {
      payload.floats[entry.name] = { shape: entry.shape, values: new Float32Array(raw) };
      return;
    }
    const [height, width, channels] = entry.shape;
    const bytes = new Uint8Array(raw);
    if (entry.filtered) undoDifferences(bytes, height, width, channels);
    payload.bytes[entry.name] = { height, width, channels, bytes };
  }));
  return payload;
}

/** @param {ArrayBuffer} zlib */
async function inflate(zlib) {
  const stream = new Blob([zlib]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/**
 * @param {Uint8Array} bytes (height, width, channels), changed in place
 * @param {number} height
 * @param {number} width
 * @param {number} channels
 */
function undoDifferences(bytes, height, width, channels) {
  const stride = width * channels;
  for (let y = 0; y < height; y++) {
    const end = (y + 1) * stride;
    for (let i = y * stride + channels; i < end; i++) bytes[i] += bytes[i - channels];
  }
}
