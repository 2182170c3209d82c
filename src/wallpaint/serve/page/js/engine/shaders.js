// @ts-check
/** The shaders of the preview (docs/preview.md, evaluation steps 2 to 5). */

import { GAMUT_TOLERANCE, LMS_TO_OKLAB, LMS_TO_RGB, LUMINANCE, OKLAB_TO_LMS, RGB_TO_LMS } from "./color.js";

/** @param {number[][]} m a matrix for GLSL, which stores columns */
const mat3 = (m) => `mat3(${[0, 1, 2].flatMap((j) => [0, 1, 2].map((i) => number(m[i][j]))).join(", ")})`;

/** @param {number} v */
const number = (v) => (Number.isInteger(v) ? `${v}.0` : `${v}`);

export const VERTEX_SHADER = `#version 300 es
in vec2 corner;
out vec2 uv;
uniform float flip;
void main() {
  uv = vec2(corner.x, mix(corner.y, 1.0 - corner.y, flip));
  gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}`;

/** Enlarges the coefficients bicubically (a = -0.75) by a whole factor; what remains is linear. */
export const ENLARGE_SHADER = `#version 300 es
precision highp float;
precision highp sampler2D;
in vec2 uv;
out vec4 result;
uniform sampler2D planes;

vec4 cubic(float t) {
  const float a = -0.75;
  float u = t + 1.0, v = 1.0 - t, w = 2.0 - t;
  return vec4(((a * u - 5.0 * a) * u + 8.0 * a) * u - 4.0 * a, ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0,
    ((a + 2.0) * v - (a + 3.0)) * v * v + 1.0, ((a * w - 5.0 * a) * w + 8.0 * a) * w - 4.0 * a);
}

void main() {
  ivec2 size = textureSize(planes, 0);
  vec2 at = uv * vec2(size) - 0.5;
  ivec2 first = ivec2(floor(at)) - 1;
  vec2 t = fract(at);
  vec4 wx = cubic(t.x), wy = cubic(t.y);
  result = vec4(0.0);
  for (int j = 0; j < 4; j++) {
    vec4 row = vec4(0.0);
    for (int i = 0; i < 4; i++) row += wx[i] * texelFetch(planes, clamp(first + ivec2(i, j), ivec2(0), size - 1), 0);
    result += wy[j] * row;
  }
}`;

/** @param {Record<string, any>} c constants of the payload */
export function wallShader(c) {
  const constants = Object.entries(c).filter(([, v]) => typeof v === "number")
    .map(([name, v]) => `const float ${name} = ${number(v)};`).join("\n");
  return `#version 300 es
precision highp float;
precision highp sampler2D;
in vec2 uv;
out vec4 result;
${constants}
const vec3 LUMINANCE = vec3(${LUMINANCE.map(number).join(", ")});
const mat3 RGB_TO_LMS = ${mat3(RGB_TO_LMS)};
const mat3 LMS_TO_RGB = ${mat3(LMS_TO_RGB)};
const mat3 LMS_TO_OKLAB = ${mat3(LMS_TO_OKLAB)};
const mat3 OKLAB_TO_LMS = ${mat3(OKLAB_TO_LMS)};
uniform sampler2D photo, drawn, edges, shading, tints, enlarged, curve;
uniform vec4 window;         // left, top, width, height of the wall's planes
uniform vec4 photoLevel, firstLevel, levels;  // weights of the channels of the shading
uniform vec3 median, illuminant, target, colorCast, tintShift, lock;
uniform mat3 gamut, fromGamut;
uniform float medianLuma, baseLogLuma, shadingTop, specularTop, doubt, tintTrustOfMedian;
uniform float detail, detailLuma, share, shift, gain, knee;
uniform vec2 curveRange;
uniform float photoLod;
uniform bool isSwatch, patternRemoved, hasLevels, isPlain, isFirst;

float luminance(vec3 rgb) { return dot(rgb, LUMINANCE); }

vec3 decode(vec3 v) {
  return mix(pow((v + 0.055) / 1.055, vec3(2.4)), v / 12.92, lessThanEqual(v, vec3(0.04045)));
}

vec3 encode(vec3 v) {
  v = clamp(v, 0.0, 1.0);
  return mix(1.055 * pow(v, vec3(1.0 / 2.4)) - 0.055, v * 12.92, lessThanEqual(v, vec3(0.0031308)));
}

vec3 existingWall(float diffuseLuma, vec3 tint, float specular) {
  vec3 wall = median * exp(tint);
  return wall * (diffuseLuma / max(luminance(wall), 1e-6)) + specular * illuminant;
}

vec3 sixth(vec3 v) {
  vec3 square = v * v;
  return square * square * square;
}

// Undo the roll-off, change the light, roll off again. With c the colour and E = exp(6 change), the closed form is
// c exp(change) / (1 - c^6 + c^6 E)^(1/6).
vec3 changedLight(vec3 base, vec4 change) {
  float logLuma = log(max(luminance(base), MIN_LINEAR)) - baseLogLuma;
  vec3 clipped = clamp(base, 1e-5, CLIP_LINEAR), power = sixth(clipped);
  vec3 factor = exp(min(change.rgb + change.a * logLuma, 8.0));
  vec3 rolled = clipped * factor * pow(1.0 - power + power * sixth(factor), vec3(-1.0 / ROLL_OFF_POWER));
  return rolled * max(base / CLIP_LINEAR, 1.0);
}

vec3 channelError(vec3 rgb) {
  vec3 code = clamp(encode(rgb), 0.25 / 255.0, 1.0);
  return CODE_ERROR * max(2.4 / (code + 0.055), 1.0 / code);
}

float luminanceError(vec3 rgb) {
  vec3 light = max(rgb, 1e-6);
  return luminance(light * channelError(light)) / luminance(light);
}

float colorDoubt(vec3 rgb) {
  vec3 errors = channelError(rgb) / HALF_TRUST_ERROR;
  float error = max(errors.r, max(errors.g, errors.b)), trust = 1.0 / (1.0 + error * error);
  float dark = clamp((luminanceError(rgb) - ${c.DARK_ERROR[0]}) / ${number(c.DARK_ERROR[1] - c.DARK_ERROR[0])}, 0.0, 1.0);
  return dark * clamp((${c.COLOR_DOUBT_TRUST[0]} - trust) / ${number(c.COLOR_DOUBT_TRUST[0] - c.COLOR_DOUBT_TRUST[1])}, 0.0, 1.0);
}

bool outside(vec3 own) {
  return min(own.r, min(own.g, own.b)) < -${GAMUT_TOLERANCE} || max(own.r, max(own.g, own.b)) > 1.0 + ${GAMUT_TOLERANCE};
}

vec3 cube(vec3 v) { return v * v * v; }

vec3 cubeRoot(vec3 v) { return sign(v) * pow(abs(v), vec3(1.0 / 3.0)); }

vec3 compressGamut(vec3 rgb, float kept) {
  bool isOutside = outside(gamut * rgb);
  if (!isOutside && kept == 0.0) return rgb;
  vec3 lab = LMS_TO_OKLAB * cubeRoot(RGB_TO_LMS * rgb);
  if (!isOutside) {
    vec3 stretched = OKLAB_TO_LMS * vec3(lab.x, lab.yz / (1.0 - kept));
    if (!outside(gamut * (LMS_TO_RGB * cube(stretched)))) return rgb;
  }
  float chroma = max(length(lab.yz), 1e-20), light = clamp(lab.x, 0.0, 1.0);
  vec3 cones = OKLAB_TO_LMS * vec3(0.0, lab.yz / chroma);
  mat3 toOwn = gamut * LMS_TO_RGB;
  float low = 0.0, high = chroma / (1.0 - kept);
  for (int i = 0; i < 14; i++) {
    float middle = 0.5 * (low + high);
    vec3 own = toOwn * cube(light + middle * cones);
    bool inside = min(own.r, min(own.g, own.b)) >= -2e-6 && max(own.r, max(own.g, own.b)) <= 1.0 + 2e-6;
    if (inside) low = middle; else high = middle;
  }
  float result = min(chroma, low);
  if (kept > 0.0) {
    float start = (1.0 - kept) * low, room = max(kept * low, 1e-20), beyond = max(chroma - start, 0.0);
    result = min(chroma, start) + room * (beyond / (beyond + room));
  }
  return fromGamut * clamp(toOwn * cube(light + result * cones), 0.0, 1.0);
}

float toneCurve(float x) {
  int last = textureSize(curve, 0).x - 1;
  float at = clamp((x - curveRange.x) / (curveRange.y - curveRange.x), 0.0, 1.0) * float(last);
  int low = min(int(floor(at)), last - 1);
  return mix(texelFetch(curve, ivec2(low, 0), 0).r, texelFetch(curve, ivec2(low + 1, 0), 0).r, at - float(low));
}

float detailShare(float logShading) {
  if (!hasLevels) return detail;
  vec3 rgb = median * exp(logShading);
  float error = luminanceError(rgb) * 116.0 / 3.0;
  float before = error * pow(max(medianLuma * exp(logShading), 0.009), 1.0 / 3.0);
  float after = error * pow(max(detailLuma, 0.009), 1.0 / 3.0);
  float visibility = after / max(before, VISIBLE_LIGHTNESS);
  return detail * pow(min(1.0, 1.0 / max(visibility, 1e-3)), DETAIL_POWER);
}

vec3 swatchWall(vec3 base, vec4 change, float logShading, vec3 tint, float specular) {
  vec3 after = log(max(changedLight(base, change), 1e-5)), before = log(max(base, 1e-5));
  float lumaChange = log(max(luminance(exp(after)), 1e-5)) - log(max(luminance(base), 1e-5));
  vec3 tintChange = clamp(after - before - lumaChange - tintShift, -MAX_LOG_TINT, MAX_LOG_TINT);
  if (share > 0.0) {
    logShading += share * (lumaChange - shift);
    tint += share * TINT_SHARE * tintChange * tintTrustOfMedian * (1.0 - colorDoubt(base));
  }
  vec3 painted = target * exp(tint);
  painted *= luminance(target) * exp(toneCurve(gain * logShading)) / max(luminance(painted), 1e-6);
  painted = compressGamut(painted + specular * illuminant, knee);
  return compressGamut(fromGamut * (lock * (gamut * painted)), 0.0);
}

vec3 roomWall(vec3 base, vec4 change, float logShading) {
  vec3 painted = changedLight(base, change);
  if (doubt > 0.0) painted *= exp(colorCast * min(colorDoubt(median * exp(logShading)) / doubt, 1.0));
  return compressGamut(painted, 0.0);
}

void main() {
  vec4 edge = texture(edges, uv);
  float alpha = edge.r;
  if (alpha == 0.0) discard;
  bool isCore = alpha > 0.998;
  vec3 pixel = textureLod(photo, uv, photoLod).rgb;
  vec3 wallColor = isCore ? pixel : decode(edge.gba);
  vec2 at = (uv - window.xy) / window.zw;
  vec4 tintCodes = texture(tints, at);
  vec3 tint = (tintCodes.rgb * 255.0 - 127.0) / 127.0 * MAX_LOG_TINT;
  float specular = tintCodes.a * tintCodes.a * specularTop;
  float luma = luminance(wallColor), diffuse = max(max(luma - specular, 0.02 * luma), MIN_SHADING);
  float logShading = 0.0, denoised = 0.0;
  if (!isPlain) {
    vec4 shades = max(SHADING_GAMMA * log(max(texture(shading, at), 1e-3)) + log(shadingTop / medianLuma), log(MIN_SHADING / medianLuma));
    logShading = denoised = dot(shades, levels);
    if (!patternRemoved) logShading += detailShare(dot(shades, firstLevel)) * (log(diffuse / medianLuma) - dot(shades, photoLevel));
    diffuse = medianLuma * exp(logShading);
  } else if (isSwatch || doubt > 0.0) logShading = denoised = log(diffuse / medianLuma);
  vec3 base = existingWall(diffuse, tint, specular);
  vec4 change = texture(enlarged, uv);
  vec3 painted = isSwatch ? swatchWall(base, change, logShading, tint, specular) : roomWall(base, change, denoised);
  if (!isCore) {
    vec4 before = isFirst ? vec4(0.0) : texelFetch(drawn, ivec2(gl_FragCoord.xy), 0);
    painted = (before.a > 0.0 ? decode(before.rgb) : pixel) + alpha * (painted - wallColor);
  }
  result = vec4(encode(painted), 1.0);
}`;
}
