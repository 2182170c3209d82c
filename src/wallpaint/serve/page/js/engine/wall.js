// @ts-check
/** The formulas of docs/preview.md for single pixels of one wall, and what its sample needs. */

import * as color from "./color.js";

/** @typedef {import("./payload.js").Payload} Payload */
/** @typedef {import("./color.js").Rgb} Rgb */

/** @param {number} v @param {number} low @param {number} high */
export const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

/** One wall's formulas, with the header's constants. */
export class WallModel {
  /** @param {Payload} payload */
  constructor(payload) {
    this.header = payload.header;
    this.c = payload.header.constants;
    const g = payload.header.gamut;
    this.gamut = [g.slice(0, 3), g.slice(3, 6), g.slice(6, 9)];
    this.doubt = this.colorDoubt(this.header.median);
    this.tintTrustOfMedian = this.colorTrust(this.header.median) * (1 - this.doubt);
  }

  /**
   * @param {number} newLuma luminance of the paint
   * @returns {[number, number, number]} two levels of the shading and the weight of the second
   */
  levelWeights(newLuma) {
    const { levels } = this.header;
    if (levels.length === 1 || newLuma <= levels[0]) return [0, 0, 0];
    const above = levels.findIndex((level) => level >= newLuma);
    const upper = above < 0 ? levels.length - 1 : above;
    const share = Math.log(newLuma / levels[upper - 1]) / Math.log(levels[upper] / levels[upper - 1]);
    return [upper - 1, upper, Math.min(1, share)];
  }

  /**
   * The wall in its existing paint.
   * @param {number} logShading
   * @param {ArrayLike<number>} tint @param {number} at index of its first channel
   * @param {number} specular
   * @param {Float64Array} out (3,)
   */
  existing(logShading, tint, at, specular, out) {
    const { median, median_luma: medianLuma, illuminant_color: white } = this.header;
    for (let i = 0; i < 3; i++) out[i] = median[i] * Math.exp(tint[at + i]);
    const scale = medianLuma * Math.exp(logShading) / Math.max(color.luminance(out), 1e-6);
    for (let i = 0; i < 3; i++) out[i] = out[i] * scale + specular * white[i];
  }

  /**
   * The wall in the new paint, by the light model.
   * @param {Float64Array} base (3,), changed in place
   * @param {Float32Array} planes change of light by channel, and slope
   * @param {number} at index of the first channel
   */
  changeLight(base, planes, at) {
    const { CLIP_LINEAR, ROLL_OFF_POWER: power } = this.c, scene = this.sceneLight(base, planes, at);
    for (let i = 0; i < 3; i++) {
      base[i] = scene[i] / (1 + scene[i] ** power) ** (1 / power) * Math.max(base[i] / CLIP_LINEAR, 1);
    }
  }

  /**
   * The changed light before the camera's roll-off.
   * @param {ArrayLike<number>} base linear RGB
   * @param {Float32Array} planes change of light by channel, and slope
   * @param {number} at index of the first channel
   * @returns {number[]}
   */
  sceneLight(base, planes, at) {
    const { MIN_LINEAR, CLIP_LINEAR, ROLL_OFF_POWER: power } = this.c;
    const logLuma = Math.log(Math.max(color.luminance(base), MIN_LINEAR)) - this.header.base_log_luma;
    return [0, 1, 2].map((i) => {
      const clipped = clamp(base[i], 1e-5, CLIP_LINEAR), change = planes[at + i] + planes[at + 3] * logLuma;
      const before = Math.log(clipped) - Math.log1p(-(clipped ** power)) / power;
      return Math.exp(Math.min(before + change, 8));
    });
  }

  /** @param {number} linear */
  channelError(linear) {
    const encoded = clamp(color.encode(clamp(linear, 0, 1)), 0.25 / 255, 1);
    return this.c.CODE_ERROR * Math.max(2.4 / (encoded + 0.055), 1 / encoded);
  }

  /** @param {ArrayLike<number>} rgb */
  luminanceError(rgb) {
    const light = [0, 1, 2].map((i) => Math.max(rgb[i], 1e-6));
    return color.luminance(light.map((v) => v * this.channelError(v))) / color.luminance(light);
  }

  /** @param {ArrayLike<number>} rgb */
  colorTrust(rgb) {
    const error = Math.max(this.channelError(rgb[0]), this.channelError(rgb[1]), this.channelError(rgb[2]));
    return 1 / (1 + (error / this.c.HALF_TRUST_ERROR) ** 2);
  }

  /** @param {ArrayLike<number>} rgb */
  colorDoubt(rgb) {
    const [none, full] = this.c.COLOR_DOUBT_TRUST, [low, high] = this.c.DARK_ERROR;
    const dark = clamp((this.luminanceError(rgb) - low) / (high - low), 0, 1);
    return dark * clamp((none - this.colorTrust(rgb)) / (none - full), 0, 1);
  }

  /** @param {ArrayLike<number>} rgb */
  tintTrust(rgb) {
    return this.tintTrustOfMedian * (1 - this.colorDoubt(rgb));
  }

  /** @param {number} logShading the wall's at a pixel; the doubt about its colour relative to the median's, 0..1 */
  localDoubt(logShading) {
    const level = Math.exp(logShading);
    return Math.min(this.colorDoubt(this.header.median.map((v) => v * level)) / this.doubt, 1);
  }

  /** @param {Rgb} albedo */
  likelyLuma(albedo) {
    const { white, illuminant } = this.header;
    return color.luminance([0, 1, 2].map((i) => {
      const coat = (/** @type {number} */ a) => a / (1 - illuminant.bounce * a) + illuminant.gloss;
      const existing = illuminant.wall_albedo[i];
      return white[i] * existing * (coat(Math.max(albedo[i], 1e-4)) / coat(existing)) ** illuminant.contrast;
    }));
  }

  /** @param {ArrayLike<number>} rgb @param {number} maxLightness */
  headroom(rgb, maxLightness) {
    const lightness = color.linearToOklab([0, 1, 2].map((i) => Math.max(rgb[i], 0)))[0];
    return 3 * Math.log(maxLightness / clamp(lightness, 1e-3, maxLightness));
  }

  /** Whether a swatch is brighter than white here, and its highlights far exceed the file's. @param {Rgb} swatch */
  lacksHeadroom(swatch) {
    const c = this.c, white = c.WHITE_ALBEDO * color.luminance(this.header.white);
    const isBrighter = this.header.white_is_known && color.luminance(swatch) > c.BRIGHTER_THAN_WHITE_RATIO * white;
    return isBrighter
      && this.header.log_shading_quantiles[3] > c.EXCEEDED_HEADROOM * this.headroom(swatch, c.MAX_LIGHTNESS);
  }

  /** @param {number} newLuma */
  shadingGain(newLuma) {
    const c = this.c, ratio = Math.max(newLuma, 1e-3) / Math.max(this.header.median_luma, 1e-3);
    return clamp(c.SHADING_GAIN - c.SHADING_GAIN_SLOPE * Math.log(ratio), c.SHADING_GAIN_LIMITS[0], c.SHADING_GAIN_LIMITS[1]);
  }

  /** How much of the photo's finest detail the noise allows, 0..1, for the whole wall. @param {number} newLuma */
  detailGain(newLuma) {
    const { noise, median_luma: old } = this.header;
    const before = old < 0.009 ? 903.3 * noise * old : 116 / 3 * noise * old ** (1 / 3);
    const after = 116 / 3 * noise * Math.max(newLuma, 0.009) ** (1 / 3);
    return Math.min(1, Math.max(before, this.c.GRAIN_LIGHTNESS) / Math.max(after, 1e-9));
  }

  /**
   * The error of match room that the light model expects, CIEDE2000.
   * @param {ArrayLike<number>} target the wall's median in the new paint, linear sRGB
   */
  expectedError(target) {
    const c = this.c, lab = color.linearToLab(target);
    const shifted = [c.LIGHT_LOG_ERROR, -c.LIGHT_LOG_ERROR].map((by) => {
      const other = [0, 1, 2].map((i) => clamp(target[i] * Math.exp(by), 0, 1));
      return color.deltaE2000(lab, color.linearToLab(other));
    });
    return this.header.expected_error * Math.sqrt((shifted[0] + shifted[1]) / 2 / c.MEAN_DELTA_E);
  }
}

/** A curve for log shading, by values at equidistant knots. */
export class ToneCurve {
  /** @param {number} start @param {number} end @param {Float64Array} values */
  constructor(start, end, values) {
    this.start = start;
    this.end = end;
    this.values = values;
  }

  /** @param {number} x */
  at(x) {
    const last = this.values.length - 1;
    const at = clamp((x - this.start) / (this.end - this.start) * last, 0, last), low = Math.min(Math.floor(at), last - 1);
    return this.values[low] + (at - low) * (this.values[low + 1] - this.values[low]);
  }
}

/**
 * The tone curve that keeps highlights within the image's range; see `tone_curve` in scene/intrinsics.py.
 * @param {Record<string, any>} c constants
 * @param {ArrayLike<number>} quantiles (4,) of log shading
 * @param {number} headroom
 * @param {boolean} lacksHeadroom
 */
export function toneCurve(c, quantiles, headroom, lacksHeadroom) {
  const [low, p5, p95, high] = [0, 1, 2, 3].map((i) => quantiles[i]);
  const minContrast = lacksHeadroom ? 0 : 0.85, bend = lacksHeadroom ? c.WHITE_SHOULDER : c.SHOULDER;
  const count = 512, start = Math.min(low, -0.1) - 4, end = Math.max(high, 0.1) + 3;
  const knots = Float64Array.from({ length: count }, (_, i) => start + (end - start) * i / (count - 1));
  const room = Math.max(headroom, c.MIN_HEADROOM);
  if (high <= room) return new ToneCurve(start, end, knots);
  const compression = room / high, slope = compression ** bend;
  let out = knots.map((x) => {
    const above = clamp(x / high, 0, 1);
    return x > 0 ? slope * high * above / (1 + (slope / compression - 1) * above) : x;
  });
  const missing = minContrast * (p95 - p5) - (new ToneCurve(start, end, out).at(p95) - p5);
  const toe = p5 < 0 ? clamp(1 + missing / Math.max(-p5, 1e-3), 1, c.MAX_TOE_SLOPE) : 1;
  out = smoothKinks(knots, out.map((v) => (v < 0 ? toe * v : v)), start, end);
  const top = new ToneCurve(start, end, out).at(high), scale = Math.min(1, room / Math.max(top, 1e-6));
  return new ToneCurve(start, end, out.map((v) => (v > 0 ? Math.min(v * scale, room) : v)));
}

/** @param {Float64Array} knots @param {Float64Array} values @param {number} start @param {number} end */
function smoothKinks(knots, values, start, end) {
  const width = 0.12, step = knots[1] - knots[0], reach = Math.max(1, Math.round(3 * width / step));
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) * step / width) ** 2));
  const total = kernel.reduce((a, b) => a + b), n = values.length;
  const before = values[1] - values[0], after = values[n - 1] - values[n - 2];
  const at = (/** @type {number} */ i) =>
    i < 0 ? values[0] + before * i : i >= n ? values[n - 1] + after * (i - n + 1) : values[i];
  const smooth = values.map((_, i) => kernel.reduce((sum, k, j) => sum + k * at(i + j - reach), 0) / total);
  const zero = new ToneCurve(start, end, smooth).at(0);
  return smooth.map((v) => v - zero);
}
