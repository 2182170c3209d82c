// @ts-check
/** What a preview of one wall in one paint needs: the coefficients, and a few numbers measured on the wall's sample. */

import * as color from "./color.js";
import { BicubicSampler, boxMean, median, PushPull, quantile, weightedMedian } from "./filters.js";
import { clamp, toneCurve, WallModel } from "./wall.js";

/** @typedef {import("./payload.js").Payload} Payload */
/** @typedef {import("./color.js").Rgb} Rgb */
/** @typedef {import("./wall.js").ToneCurve} ToneCurve */
/** @typedef {"room" | "swatch"} Match */
/**
 * @typedef {object} Edit
 * @property {Match} match
 * @property {Float32Array} planes (h * w * 4), log change of light by channel, and its slope
 * @property {number} shadingLuma luminance of paint that selects the level of the shading
 * @property {ArrayLike<number>} target room: the wall's median in the result; swatch: the colour to render with
 * @property {number} detail share of the photo's finest detail to keep
 * @property {number} detailLuma luminance of the painted wall, for the detail
 * @property {number[]} cast room: log factor of the chromaticity on dark walls
 * @property {number} expectedError CIEDE2000
 * @property {number} share swatch: share of the light model's change of shading
 * @property {number} shift swatch: its median
 * @property {number[]} tintShift swatch: median of the change of tint
 * @property {number} gain swatch: factor on log shading
 * @property {number} knee swatch: of the gamut's compression
 * @property {number[]} lock swatch: factor on the file's linear RGB
 * @property {ToneCurve | null} curve swatch: tone curve
 */

/** Evaluates one wall's payload for any paint. */
export class PaintEvaluator {
  /** @param {Payload} payload */
  constructor(payload) {
    this.header = payload.header;
    this.c = payload.header.constants;
    this.model = new WallModel(payload);
    this.fromGamut = color.invert(this.model.gamut);
    const f = payload.floats;
    this.f = f;
    const [h, w] = this.header.coefficient_size;
    this.h = h;
    this.w = w;
    this.trust = f.trust.values;
    this.pushPull = new PushPull(this.trust, h, w);
    this.existingLog = this.#coatLog(f.wall_albedo.values);
    this.hasLamp = f.lamp.values.some((v) => v > 0);
    const position = f.sample_position.values, count = f.sample_position.shape[0];
    this.count = count;
    const column = (/** @type {number} */ i) => Float32Array.from({ length: count }, (_, k) => position[4 * k + i]);
    const [rows, cols, below, right] = [0, 1, 2, 3].map(column);
    this.samplers = [[rows, cols], [rows, right], [below, cols]].map(([y, x]) => new BicubicSampler(y, x, h, w));
    if (this.header.has_several_paints) this.correctionMedian = [0, 1, 2].map((i) => weightedMedian(f.correction.values, i, 3, this.trust));
  }

  /** @param {Float32Array} albedo (h * w * 3) */
  #coatLog(albedo) {
    const { interreflection, gloss } = this.f;
    return albedo.map((a, i) => Math.log(a / (1 - interreflection.values[i] * a) + gloss.values[i]));
  }

  /**
   * @param {Rgb} albedo of the paint, linear sRGB
   * @param {Match} match
   * @returns {Edit}
   */
  evaluate(albedo, match) {
    const planes = this.changePlanes(albedo);
    if (this.header.has_relief) this.#exposeRelief(planes, match === "room" ? this.model.likelyLuma(albedo) : color.luminance(albedo));
    return match === "room" ? this.#room(albedo, planes) : this.#swatch(albedo, planes);
  }

  /**
   * The light model's change of light for a paint, extended over the whole photo.
   * @param {Rgb} albedo
   * @returns {Float32Array} (h * w * 4)
   */
  changePlanes(albedo) {
    const { c, f, h, w, trust } = this, n = h * w;
    const brightening = Math.log(Math.max(color.luminance(albedo), 1e-3) / Math.max(this.header.existing_luma, 1e-3));
    const strength = clamp(1 - brightening / c.LAMP_LOG_BRIGHTENING, 0, 1) * (1 - c.LAMP_ALBEDO_SHARE);
    const existing = this.hasLamp && strength > 0 ? this.#coatLog(this.#withoutLamps(strength)) : this.existingLog;
    const rho = albedo.map((v) => Math.max(v, 1e-4));
    /** @type {Float32Array} */
    let planes = new Float32Array(4 * n);
    for (let i = 0; i < n; i++) {
      const contrast = f.contrast.values[i];
      let luma = 0;
      for (let k = 0; k < 3; k++) {
        const j = 3 * i + k;
        const coat = Math.log(rho[k] / (1 - f.interreflection.values[j] * rho[k]) + f.gloss.values[j]);
        const e = contrast * (coat - existing[j]);
        luma += color.LUMINANCE[k] * e;
        planes[4 * i + k] = e + f.correction.values[j];
      }
      planes[4 * i + 3] = f.shading_gain.values[i] * luma;
    }
    if (this.header.pattern_removed) {
      const radius = Math.floor(Math.max(h, w) / c.PATTERN_RADIUS_SHARE);
      planes = boxMean(planes, trust.map((v) => v + 1e-6), h, w, radius);
    }
    const medians = [0, 1, 2, 3].map((k) => weightedMedian(planes, k, 4, trust));
    for (let i = 0; i < 4 * n; i++) planes[i] -= medians[i & 3];
    const share = this.correctionMedian ? this.#severalPaintsShare(planes, brightening) : c.LOCAL_SHARE;
    for (let i = 0; i < n; i++) {
      const at = 4 * i, doubt = f.doubt.values[i];
      const luma = color.LUMINANCE[0] * planes[at] + color.LUMINANCE[1] * planes[at + 1] + color.LUMINANCE[2] * planes[at + 2];
      for (let k = 0; k < 3; k++) planes[at + k] -= doubt * (planes[at + k] - luma);
      for (let k = 0; k < 4; k++) planes[at + k] = medians[k] + share * planes[at + k];
    }
    return this.pushPull.fill(planes);
  }

  /**
   * Lowers the change of light by one exposure, in which a bright wall keeps its relief.
   * @param {Float32Array} planes (h * w * 4), changed in place
   * @param {number} shadingLuma
   */
  #exposeRelief(planes, shadingLuma) {
    const { model, count } = this, tint = this.f.sample_tint.values, [knee, top] = this.c.RELIEF_EXPOSURE;
    const { shading } = this.#sampleShading(shadingLuma);
    const at = this.samplers[0].sample(planes), pixel = new Float64Array(3), lumas = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      model.existing(shading[k], tint, 4 * k, tint[4 * k + 3], pixel);
      lumas[k] = color.luminance(model.sceneLight(pixel, at, 4 * k));
    }
    const middle = median(lumas);
    if (middle <= knee) return;
    const exposure = Math.log((knee + (top - knee) * (1 - Math.exp(-(middle - knee) / (top - knee)))) / middle);
    for (let i = 0; i < planes.length; i++) if ((i & 3) !== 3) planes[i] += exposure;
  }

  /** @param {number} strength */
  #withoutLamps(strength) {
    const { lamp, wall_albedo: albedo } = this.f, median = this.header.lamp_median;
    return albedo.values.map((a, i) => {
      const middle = median[i % 3], local = Math.log(Math.max(a, 1e-4)) - middle;
      const share = 1 - strength * lamp.values[Math.floor(i / 3)];
      return Math.min(Math.exp(middle + share * local), this.c.MAX_WALL_ALBEDO);
    });
  }

  /** @param {Float32Array} local @param {number} brightening */
  #severalPaintsShare(local, brightening) {
    const { c, trust } = this, correction = this.f.correction.values, medians = this.correctionMedian ?? [0, 0, 0];
    let both = 0, square = 0;
    for (let i = 0; i < trust.length; i++) {
      for (let k = 0; k < 3; k++) {
        const removed = correction[3 * i + k] - medians[k];
        both += trust[i] * removed * local[4 * i + k];
        square += trust[i] * removed * removed;
      }
    }
    const [forPaints, forLight] = c.SEVERAL_PAINTS_SHARE, [from, to] = c.DARK_LOG_BRIGHTENING, [low, high] = c.DISAGREEMENT;
    const paints = forPaints + (c.DARK_SEVERAL_PAINTS_SHARE - forPaints) * clamp((brightening - from) / (to - from), 0, 1);
    return paints + (forLight - paints) * clamp((both / Math.max(square, 1e-6) - low) / (high - low), 0, 1);
  }

  /**
   * Log shading of the sample for a paint.
   * @param {number} luma
   * @returns {{shading: Float64Array, blurred: Float64Array[]}} at the pixel; blurred: there, at its right and below
   */
  #sampleShading(luma) {
    const [first, second, weight] = this.model.levelWeights(luma);
    const { values, shape } = this.f.sample_shading, stride = shape[1];
    const column = (/** @type {number} */ i) => Float64Array.from({ length: this.count }, (_, k) =>
      (1 - weight) * values[stride * k + 4 * first + i] + weight * values[stride * k + 4 * second + i]);
    return { shading: column(0), blurred: [1, 2, 3].map(column) };
  }

  /** @param {Rgb} albedo @param {Float32Array} planes @returns {Edit} */
  #room(albedo, planes) {
    const { model, header } = this, shadingLuma = model.likelyLuma(albedo);
    const { shading } = this.#sampleShading(shadingLuma);
    const at = this.samplers[0].sample(planes), tint = this.f.sample_tint.values;
    const painted = pixels(this.count), pixel = new Float64Array(3);
    for (let k = 0; k < this.count; k++) {
      model.existing(shading[k], tint, 4 * k, tint[4 * k + 3], pixel);
      model.changeLight(pixel, at, 4 * k);
      for (let i = 0; i < 3; i++) painted[i][k] = pixel[i];
    }
    let cast = [0, 0, 0];
    if (model.doubt > 0) {
      const middle = painted.map((channel) => Math.max(median(channel), 1e-5));
      const lit = albedo.map((v, i) => Math.max(v, 1e-4) * header.white[i]);
      const factor = lit.map((v, i) => (v / color.luminance(lit) * color.luminance(middle) / middle[i]) ** model.doubt);
      const scale = color.luminance(middle) / color.luminance(middle.map((v, i) => v * factor[i]));
      cast = factor.map((v) => Math.log(v * scale));
    }
    const compress = color.gamutCompressor(model.gamut, 0);
    for (let k = 0; k < this.count; k++) {
      const local = model.doubt > 0 ? model.localDoubt(shading[k]) : 0;
      for (let i = 0; i < 3; i++) pixel[i] = painted[i][k] * Math.exp(local * cast[i]);
      compress(pixel);
      for (let i = 0; i < 3; i++) painted[i][k] = pixel[i];
    }
    const target = painted.map(median), luma = color.luminance(target);
    return {
      match: "room", planes, shadingLuma, target, cast, curve: null,
      detail: model.detailGain(luma), detailLuma: luma, expectedError: model.expectedError(target),
      share: 0, shift: 0, tintShift: [0, 0, 0], gain: 1, knee: 0, lock: [1, 1, 1],
    };
  }

  /** @param {Rgb} albedo @param {Float32Array} planes @returns {Edit} */
  #swatch(albedo, planes) {
    const { model, c, count } = this, luma = color.luminance(albedo), tint = this.f.sample_tint.values;
    const { shading, blurred } = this.#sampleShading(luma);
    const at = this.samplers.map((sampler) => sampler.sample(planes));
    const before = new Float64Array(3), after = new Float64Array(3);
    const change = new Float64Array(count), tintChange = pixels(count), trust = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      model.existing(shading[k], tint, 4 * k, tint[4 * k + 3], before);
      after.set(before);
      model.changeLight(after, at[0], 4 * k);
      change[k] = log(color.luminance(after)) - log(color.luminance(before));
      for (let i = 0; i < 3; i++) tintChange[i][k] = log(after[i]) - log(before[i]) - change[k];
      trust[k] = model.tintTrust(before);
    }
    const shift = median(change.map((v, k) => v + shading[k])) - median(shading);
    const tintShift = tintChange.map(median), lacks = model.lacksHeadroom(albedo);
    const share = this.#shadingShare(albedo, shading, blurred, change, at, lacks);
    const gain = lacks ? Math.min(1, model.shadingGain(luma)) : 1;
    const newShading = shading.map((v, k) => (v + share * (change[k] - shift)) * gain);
    const newTint = new Float64Array(3 * count);
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < 3; i++) {
        const local = clamp(tintChange[i][k] - tintShift[i], -c.MAX_LOG_TINT, c.MAX_LOG_TINT) * trust[k];
        newTint[3 * k + i] = tint[4 * k + i] + share * c.TINT_SHARE * local;
      }
    }
    const quantiles = this.#quantiles(shading, newShading, share, gain);
    const knee = lacks ? c.WHITE_KNEE : 0, compress = color.gamutCompressor(model.gamut, knee);
    const render = (/** @type {ArrayLike<number>} */ target) => {
      const curve = this.#curve(quantiles, target, lacks);
      return { curve, channels: this.#render(newShading, newTint, target, curve, compress) };
    };
    const goalLab = color.linearToLab(albedo);
    let target = [...albedo], best = [...albedo], bestError = Infinity;
    for (let step = 0; step < c.LOCK_STEPS + c.LOCK_RESTARTS.length; step++) {
      if (step >= c.LOCK_STEPS) {
        if (bestError < c.LOCK_TOLERANCE_DELTA_E) break;
        target = albedo.map((v) => v * c.LOCK_RESTARTS[step - c.LOCK_STEPS]);
      }
      const middle = render(target).channels.map(median);
      const error = color.deltaE76(color.linearToLab(middle), goalLab);
      if (error < bestError) [best, bestError] = [target, error];
      target = target.map((v, i) => clamp(v * (albedo[i] + 1e-4) / (middle[i] + 1e-4), 0.25 * albedo[i], 4 * albedo[i] + 0.01));
    }
    const { curve, channels } = render(best);
    return {
      match: "swatch", planes, shadingLuma: luma, target: best, curve, share, shift, tintShift, gain, knee,
      lock: this.#lock(channels, albedo), cast: [0, 0, 0],
      detail: model.detailGain(luma), detailLuma: luma, expectedError: 0,
    };
  }

  /** @param {Float64Array} shading @param {Float64Array} newShading @param {number} share @param {number} gain */
  #quantiles(shading, newShading, share, gain) {
    const whole = this.header.log_shading_quantiles.map((v) => v * gain);
    if (share === 0) return whole;
    const old = Float64Array.from(shading).sort(), now = Float64Array.from(newShading).sort();
    return whole.map((v, i) => {
      const q = this.c.LOG_SHADING_QUANTILES[i];
      return v + quantile(now, q) - gain * quantile(old, q);
    });
  }

  /** @param {ArrayLike<number>} quantiles @param {ArrayLike<number>} target @param {boolean} lacks */
  #curve(quantiles, target, lacks) {
    const c = this.c;
    let top = c.MAX_LIGHTNESS;
    if (lacks) {
      const lightness = color.linearToOklab([0, 1, 2].map((i) => Math.max(target[i], 0)))[0];
      top -= (1 - c.WHITE_HEADROOM_SHARE) * Math.max(0, top - lightness);
    }
    return toneCurve(c, quantiles, this.model.headroom(target, top), lacks);
  }

  /**
   * The sample by the formula of the analytic painter.
   * @param {Float64Array} shading @param {Float64Array} tint (3 n) @param {ArrayLike<number>} target
   * @param {ToneCurve} curve @param {(rgb: Float64Array) => void} compress
   */
  #render(shading, tint, target, curve, compress) {
    const luma = color.luminance(target), { illuminant_color: white } = this.header, specular = this.f.sample_tint.values;
    const out = pixels(shading.length), pixel = new Float64Array(3);
    for (let k = 0; k < shading.length; k++) {
      for (let i = 0; i < 3; i++) pixel[i] = target[i] * Math.exp(tint[3 * k + i]);
      const scale = luma * Math.exp(curve.at(shading[k])) / Math.max(color.luminance(pixel), 1e-6);
      for (let i = 0; i < 3; i++) pixel[i] = pixel[i] * scale + specular[4 * k + 3] * white[i];
      compress(pixel);
      for (let i = 0; i < 3; i++) out[i][k] = pixel[i];
    }
    return out;
  }

  /** @param {Float64Array[]} channels of the rendered sample @param {Rgb} goal */
  #lock(channels, goal) {
    const { gamut } = this.model, toSrgb = color.invert(gamut), compress = color.gamutCompressor(gamut, 0);
    const goalOwn = color.multiply(gamut, goal), goalLab = color.linearToLab(goal);
    const pixel = new Float64Array(3), limited = pixels(this.count);
    let best = [1, 1, 1], bestError = Infinity, gain = [1, 1, 1];
    for (let step = 0; step < 3; step++) {
      for (let k = 0; k < this.count; k++) {
        const own = color.multiply(gamut, [channels[0][k], channels[1][k], channels[2][k]]).map((v, i) => v * gain[i]);
        pixel.set(color.multiply(toSrgb, own));
        compress(pixel);
        color.multiply(gamut, pixel).forEach((v, i) => (limited[i][k] = v));
      }
      const middle = limited.map(median);
      const error = color.deltaE76(color.linearToLab(color.multiply(toSrgb, middle)), goalLab);
      if (error < bestError) [best, bestError] = [gain, error];
      if (bestError < 0.05) break;
      gain = gain.map((v, i) => v * clamp((goalOwn[i] + 1e-4) / (middle[i] + 1e-4), 0.5, 2));
    }
    return best;
  }

  /**
   * The largest share of the change of shading that preserves the photo's gradients and contrast; see
   * painters/shading_transfer.py.
   * @param {Rgb} albedo @param {Float64Array} shading @param {Float64Array[]} blurred
   * @param {Float64Array} change of the sample's pixels @param {Float32Array[]} at planes @param {boolean} lacks
   */
  #shadingShare(albedo, shading, blurred, change, at, lacks) {
    const { c, header, model, count } = this, tint = this.f.sample_tint.values;
    const distance = color.deltaE76(color.linearToLab(albedo), color.linearToLab(header.median));
    const trust = clamp((c.TRUST_NONE_DELTA_E - header.expected_error) / (c.TRUST_NONE_DELTA_E - c.TRUST_FULL_DELTA_E), 0, 1);
    const limit = c.MAX_SHARE * trust * clamp(distance / c.FULL_SHARE_DELTA_E, 0, 1);
    if (limit === 0 || header.pattern_removed) return limit;
    const ownTint = new Float64Array(3 * count);
    for (let k = 0; k < count; k++) for (let i = 0; i < 3; i++) ownTint[3 * k + i] = tint[4 * k + i];
    const curve = this.#curve(header.log_shading_quantiles, albedo, false), compress = color.gamutCompressor(model.gamut, 0);
    const pixel = new Float64Array(3);
    const changed = [], rendered = [];
    for (let p = 0; p < 3; p++) {
      changed.push(blurred[p].map((value, k) => {
        model.existing(value, tint, 4 * k, tint[4 * k + 3], pixel);
        const old = log(color.luminance(pixel));
        model.changeLight(pixel, at[p], 4 * k);
        return value + log(color.luminance(pixel)) - old;
      }));
      const [r, g, b] = this.#render(blurred[p], ownTint, albedo, curve, compress);
      rendered.push(r.map((_, k) => Math.log(Math.max(color.luminance([r[k], g[k], b[k]]), c.MIN_LINEAR))));
    }
    const oldContrast = Math.max(contrast(c, blurred[0]), 1e-3);
    const contrastGain = clamp(contrast(c, rendered[0]) / oldContrast, 1, c.MAX_CONTRAST_GAIN);
    const old = gradients(blurred), mapped = gradients(rendered), now = gradients(changed);
    const norm = Math.sqrt(dot(old, old) * dot(mapped, mapped));
    const correlation = norm > 0 ? Math.max(0, dot(old, mapped) / norm) : 1;
    const minCorrelation = lacks ? c.WHITE_MIN_CORRELATION
      : Math.max(c.MIN_GRADIENT_CORRELATION, c.MIN_FINAL_GRADIENT_CORRELATION / Math.max(correlation, 1e-3));
    const difference = now.map((v, i) => v - old[i]);
    const oldOld = dot(old, old), diffDiff = dot(difference, difference), oldDiff = dot(old, difference);
    const range = contrast(c, shading), least = c.CONTRAST_LIMITS[0] * range, most = c.CONTRAST_LIMITS[1] / contrastGain * range;
    for (let step = 0; step < c.SHARE_STEPS; step++) {
      const share = limit * (1 - step / c.SHARE_STEPS);
      const size = Math.sqrt(oldOld * Math.max(oldOld + 2 * share * oldDiff + share ** 2 * diffDiff, 0));
      if (oldOld + share * oldDiff < minCorrelation * size) continue;
      const spread = contrast(c, shading.map((v, k) => v + share * change[k]));
      if (least <= spread && spread <= most) return share;
    }
    return 0;
  }
}

/** @param {number} count @returns {Float64Array[]} three channels */
const pixels = (count) => [0, 1, 2].map(() => new Float64Array(count));

/** @param {number} v */
const log = (v) => Math.log(Math.max(v, 1e-5));

/** @param {Float64Array} a @param {Float64Array} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** @param {Record<string, any>} c @param {Float64Array} values */
function contrast(c, values) {
  const sorted = Float64Array.from(values).sort();
  return quantile(sorted, c.CONTRAST_QUANTILES[1]) - quantile(sorted, c.CONTRAST_QUANTILES[0]);
}

/** Differences to the right and to the lower neighbour, mean 0. @param {Float64Array[]} values */
function gradients([own, right, below]) {
  const n = own.length, out = new Float64Array(2 * n);
  let mean = 0;
  for (let k = 0; k < n; k++) {
    out[k] = right[k] - own[k];
    out[n + k] = below[k] - own[k];
    mean += (out[k] + out[n + k]) / (2 * n);
  }
  return out.map((v) => v - mean);
}
