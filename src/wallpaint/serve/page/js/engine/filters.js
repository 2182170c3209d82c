// @ts-check
/** Filters on small planes of four channels: weighted medians, box means, push-pull filling, bicubic samples. */

const TINY = 1e-8;

/**
 * The weighted median: the smallest value at which the cumulative weight reaches half of the total.
 * @param {Float32Array} values (n * channels)
 * @param {number} channel
 * @param {number} channels
 * @param {Float32Array} weight (n,)
 * @returns {number}
 */
export function weightedMedian(values, channel, channels, weight) {
  let total = 0, count = 0;
  for (let i = 0; i < weight.length; i++) {
    if (weight[i] > 0) {
      total += weight[i];
      count++;
    }
  }
  // Sorting the bits of value and index together in one array of doubles is native, and much faster than a comparator.
  const keys = new Float64Array(count), scale = weight.length;
  for (let i = 0, k = 0; i < weight.length; i++) {
    if (weight[i] > 0) keys[k++] = orderedBits(values[i * channels + channel]) * scale + i;
  }
  keys.sort();
  let sum = 0;
  for (const key of keys) {
    const index = key - Math.floor(key / scale) * scale;
    sum += weight[index];
    if (sum >= total / 2) return values[index * channels + channel];
  }
  return count ? values[(keys[count - 1] % scale) * channels + channel] : 0;
}

const floatBits = new Float32Array(1), intBits = new Uint32Array(floatBits.buffer);

/** @param {number} value a float32; returns an integer of the same order */
function orderedBits(value) {
  floatBits[0] = value;
  return intBits[0] & 0x80000000 ? ~intBits[0] >>> 0 : (intBits[0] | 0x80000000) >>> 0;
}

/**
 * @param {Float64Array | Float32Array} values
 * @returns {number} the median; the mean of the middle two where the count is even
 */
export function median(values) {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/**
 * @param {Float64Array} sorted ascending
 * @param {number} q 0..1; linear between values
 */
export function quantile(sorted, q) {
  const at = q * (sorted.length - 1), low = Math.floor(at), high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/**
 * Weighted mean over squares of side 2 * radius + 1, with reflected borders.
 * @param {Float32Array} values (h * w * 4)
 * @param {Float32Array} weight (h * w)
 * @param {number} h
 * @param {number} w
 * @param {number} radius
 * @returns {Float32Array}
 */
export function boxMean(values, weight, h, w, radius) {
  const planes = new Float64Array(h * w * 5);
  for (let i = 0; i < h * w; i++) {
    for (let c = 0; c < 4; c++) planes[5 * i + c] = values[4 * i + c] * weight[i];
    planes[5 * i + 4] = weight[i];
  }
  const blurred = boxBlur(boxBlur(planes, h, w, 5, radius, false), h, w, 5, radius, true);
  const out = new Float32Array(h * w * 4);
  const area = (2 * radius + 1) ** 2;
  for (let i = 0; i < h * w; i++) {
    const kept = blurred[5 * i + 4] / area + TINY;
    for (let c = 0; c < 4; c++) out[4 * i + c] = blurred[5 * i + c] / area / kept;
  }
  return out;
}

/**
 * @param {Float64Array} values
 * @param {number} h
 * @param {number} w
 * @param {number} channels
 * @param {number} radius
 * @param {boolean} down along columns, else along rows
 */
function boxBlur(values, h, w, channels, radius, down) {
  const out = new Float64Array(values.length);
  const length = down ? h : w, lines = down ? w : h;
  const step = (down ? w : 1) * channels, lineStep = (down ? 1 : w) * channels;
  const mirror = (/** @type {number} */ i) => {
    while (i < 0 || i >= length) i = i < 0 ? -1 - i : 2 * length - 1 - i;
    return i;
  };
  for (let line = 0; line < lines; line++) {
    for (let c = 0; c < channels; c++) {
      const start = line * lineStep + c;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) sum += values[start + mirror(i + k) * step];
        out[start + i * step] = sum;
      }
    }
  }
  return out;
}

/**
 * Push-pull pyramid (Gortler et al. 1996): extends values from where weight is high into everywhere else. The weights of
 * all levels depend on the weight alone, so they are computed once.
 */
export class PushPull {
  /**
   * @param {Float32Array} weight (h * w), 0..1
   * @param {number} h
   * @param {number} w
   */
  constructor(weight, h, w) {
    this.weight = weight.map((v) => Math.min(1, Math.max(0, v)));
    this.h = h;
    this.w = w;
    this.isLast = Math.min(h, w) <= 2 || this.weight.every((v) => v >= 1);
    if (this.isLast) return;
    this.halfH = (h + 1) >> 1;
    this.halfW = (w + 1) >> 1;
    this.coarseWeight = areaResize(this.weight, h, w, 1, this.halfH, this.halfW);
    /** @type {PushPull | undefined} */
    this.coarse = new PushPull(this.coarseWeight.map((v) => Math.min(1, 4 * v)), this.halfH, this.halfW);
  }

  /**
   * @param {Float32Array} values (h * w * 4)
   * @returns {Float32Array}
   */
  fill(values) {
    const n = this.h * this.w, weighted = new Float32Array(4 * n);
    for (let i = 0; i < n; i++) for (let c = 0; c < 4; c++) weighted[4 * i + c] = values[4 * i + c] * this.weight[i];
    let below;
    if (!this.coarse || !this.coarseWeight || !this.halfH || !this.halfW) {
      const mean = [0, 0, 0, 0];
      let total = TINY;
      for (let i = 0; i < n; i++) {
        total += this.weight[i];
        for (let c = 0; c < 4; c++) mean[c] += weighted[4 * i + c];
      }
      below = new Float32Array(4 * n).map((_, i) => mean[i & 3] / total);
    } else {
      const coarse = areaResize(weighted, this.h, this.w, 4, this.halfH, this.halfW);
      for (let i = 0; i < coarse.length; i++) coarse[i] /= this.coarseWeight[i >> 2] + TINY;
      below = linearResize(this.coarse.fill(coarse), this.halfH, this.halfW, this.h, this.w);
    }
    for (let i = 0; i < 4 * n; i++) weighted[i] += below[i] * (1 - this.weight[i >> 2]);
    return weighted;
  }
}

/**
 * Resize to a smaller size, each pixel the mean over the area that it covers.
 * @param {Float32Array} values (h * w * channels)
 * @param {number} h
 * @param {number} w
 * @param {number} channels
 * @param {number} toH
 * @param {number} toW
 */
export function areaResize(values, h, w, channels, toH, toW) {
  const rows = new Float32Array(toH * w * channels);
  const stride = w * channels;
  covered(h, toH, (to, from, share) => {
    for (let i = 0; i < stride; i++) rows[to * stride + i] += share * values[from * stride + i];
  });
  const out = new Float32Array(toH * toW * channels);
  covered(w, toW, (to, from, share) => {
    for (let y = 0; y < toH; y++) {
      for (let c = 0; c < channels; c++) {
        out[(y * toW + to) * channels + c] += share * rows[(y * w + from) * channels + c];
      }
    }
  });
  return out;
}

/**
 * @param {number} length
 * @param {number} toLength
 * @param {(to: number, from: number, share: number) => void} visit
 */
function covered(length, toLength, visit) {
  const scale = length / toLength;
  for (let to = 0; to < toLength; to++) {
    const start = to * scale, end = Math.min(length, (to + 1) * scale);
    for (let from = Math.floor(start); from < end - 1e-9; from++) {
      visit(to, from, (Math.min(end, from + 1) - Math.max(start, from)) / (end - start));
    }
  }
}

/**
 * Bilinear enlargement of four channels; pixel centres half a pixel from the border.
 * @param {Float32Array} values (h * w * 4)
 * @param {number} h
 * @param {number} w
 * @param {number} toH
 * @param {number} toW
 */
function linearResize(values, h, w, toH, toW) {
  const out = new Float32Array(toH * toW * 4);
  const taps = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ i) => {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5)), low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  };
  const columns = Array.from({ length: toW }, (_, x) => taps(w, toW, x));
  for (let y = 0; y < toH; y++) {
    const { low, high, share } = taps(h, toH, y);
    for (let x = 0; x < toW; x++) {
      const column = columns[x];
      for (let c = 0; c < 4; c++) {
        const a = values[4 * (low * w + column.low) + c], b = values[4 * (low * w + column.high) + c];
        const d = values[4 * (high * w + column.low) + c], e = values[4 * (high * w + column.high) + c];
        const above = a + column.share * (b - a), below = d + column.share * (e - d);
        out[4 * (y * toW + x) + c] = above + share * (below - above);
      }
    }
  }
  return out;
}

/** Bicubic samples (a = -0.75) of a plane of four channels at fixed positions; the border is replicated. */
export class BicubicSampler {
  /**
   * @param {ArrayLike<number>} rows (n,), pixel centres at integers
   * @param {ArrayLike<number>} cols (n,)
   * @param {number} h
   * @param {number} w
   */
  constructor(rows, cols, h, w) {
    this.count = rows.length;
    this.index = new Int32Array(16 * this.count);
    this.weight = new Float32Array(16 * this.count);
    for (let i = 0; i < this.count; i++) {
      const y = Math.floor(rows[i]), x = Math.floor(cols[i]);
      const wy = cubicWeights(rows[i] - y), wx = cubicWeights(cols[i] - x);
      for (let j = 0; j < 16; j++) {
        const row = Math.min(h - 1, Math.max(0, y - 1 + (j >> 2))), col = Math.min(w - 1, Math.max(0, x - 1 + (j & 3)));
        this.index[16 * i + j] = 4 * (row * w + col);
        this.weight[16 * i + j] = wy[j >> 2] * wx[j & 3];
      }
    }
  }

  /**
   * @param {Float32Array} planes (h * w * 4)
   * @returns {Float32Array} (n * 4)
   */
  sample(planes) {
    const out = new Float32Array(4 * this.count);
    for (let i = 0; i < this.count; i++) {
      for (let j = 16 * i; j < 16 * i + 16; j++) {
        const at = this.index[j], weight = this.weight[j];
        for (let c = 0; c < 4; c++) out[4 * i + c] += weight * planes[at + c];
      }
    }
    return out;
  }
}

/** @param {number} t 0..1 */
function cubicWeights(t) {
  const a = -0.75;
  const near = (/** @type {number} */ x) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (/** @type {number} */ x) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
