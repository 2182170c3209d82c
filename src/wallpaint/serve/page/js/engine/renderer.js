// @ts-check
/**
 * Draws the repainted walls with WebGL 2: one pass per wall, only where there is wall. The canvas is transparent elsewhere
 * and lies over the photo.
 */

import { PaintEvaluator } from "./paint.js";
import { ENLARGE_SHADER, VERTEX_SHADER, wallShader } from "./shaders.js";

/** @typedef {import("./payload.js").Payload} Payload */
/** @typedef {import("./paint.js").Edit} Edit */
/**
 * @typedef {object} WallTextures
 * @property {WebGLTexture} edges
 * @property {WebGLTexture} shading
 * @property {WebGLTexture} tints
 * @property {WebGLTexture} planes
 * @property {WebGLTexture} enlarged
 * @property {WebGLTexture} curve
 */
/** @typedef {{payload: Payload, evaluator: PaintEvaluator, edit: Edit | null, textures: WallTextures | null}} WallState */
/** @typedef {{program: WebGLProgram, uniforms: Record<string, WebGLUniformLocation>}} Program */

const UNITS = ["photo", "drawn", "edges", "shading", "tints", "enlarged", "curve", "planes"];
const ENLARGEMENT = 2; // of the coefficients by the bicubic pass

/** Whether this browser has WebGL 2 with what the preview needs. */
export function isSupported() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return false;
  const draws = gl.getExtension("EXT_color_buffer_float") ?? gl.getExtension("EXT_color_buffer_half_float");
  const precision = gl.getShaderPrecisionFormat(gl.FRAGMENT_SHADER, gl.HIGH_FLOAT);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return draws !== null && precision !== null && precision.precision >= 23 && typeof DecompressionStream === "function";
}

export class PreviewRenderer {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, powerPreference: "default" });
    if (!gl) throw new Error("WebGL 2 is not available");
    this.gl = gl;
    /** @type {Map<string, WallState>} */
    this.walls = new Map();
    /** @type {ImageBitmap | null} */
    this.photo = null;
    /** @type {(() => void) | null} called after a lost context came back */
    this.onrestored = null;
    this.isLost = false;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.isLost = true;
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.isLost = false;
      this.#build();
      this.onrestored?.();
    });
    this.#build();
  }

  /** Create everything that lives in the context, again after it was lost. */
  #build() {
    const gl = this.gl;
    /** @type {Program | null} */
    this.enlargeProgram = null;
    /** @type {Program | null} */
    this.wallProgram = null;
    /** @type {WebGLTexture | null} */
    this.photoTexture = null;
    /** @type {WebGLTexture | null} what is drawn, for pixels on the edges of two walls */
    this.drawn = null;
    /** @type {string} */
    this.drawnSize = "";
    /** @type {WebGLFramebuffer | null} */
    this.framebuffer = gl.createFramebuffer();
    gl.getExtension("EXT_color_buffer_float") ?? gl.getExtension("EXT_color_buffer_half_float");
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    if (this.photo) this.#uploadPhoto();
    for (const wall of this.walls.values()) {
      wall.textures = null;
      this.#uploadWall(wall);
    }
  }

  /** @param {ImageBitmap} photo sRGB, at the preview's size */
  setPhoto(photo) {
    this.photo = photo;
    this.#uploadPhoto();
  }

  #uploadPhoto() {
    const gl = this.gl;
    if (!this.photo) return;
    gl.deleteTexture(this.photoTexture);
    this.photoTexture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.photoTexture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.SRGB8_ALPHA8, gl.RGBA, gl.UNSIGNED_BYTE, this.photo);
    gl.generateMipmap(gl.TEXTURE_2D);
    parameters(gl, gl.LINEAR, gl.LINEAR_MIPMAP_LINEAR);
  }

  /** @param {string} name @param {Payload} payload */
  setWall(name, payload) {
    this.removeWall(name);
    /** @type {WallState} */
    const wall = { payload, evaluator: new PaintEvaluator(payload), edit: null, textures: null };
    this.walls.set(name, wall);
    this.#uploadWall(wall);
  }

  /** @param {string} name */
  removeWall(name) {
    const textures = this.walls.get(name)?.textures;
    if (textures) for (const texture of Object.values(textures)) this.gl.deleteTexture(texture);
    this.walls.delete(name);
  }

  /** @param {WallState} wall */
  #uploadWall(wall) {
    const gl = this.gl, { bytes } = wall.payload;
    const texture = (/** @type {keyof typeof bytes} */ plane) => {
      const { height, width, channels, bytes: codes } = bytes[plane];
      const created = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, created);
      const rgba = channels === 4 ? codes : padChannels(codes, channels);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
      parameters(gl, gl.LINEAR, gl.LINEAR);
      return created;
    };
    wall.textures = {
      edges: texture("edges"),
      shading: texture("shading"),
      tints: texture("tint"),
      planes: gl.createTexture(),
      enlarged: gl.createTexture(),
      curve: gl.createTexture(),
    };
    if (wall.edit) this.#uploadEdit(wall);
  }

  /**
   * Choose the paint of a wall; null leaves the wall as it is.
   * @param {string} name @param {import("./color.js").Rgb | null} albedo @param {import("./paint.js").Match} match
   * @returns {Edit | null}
   */
  setPaint(name, albedo, match) {
    const wall = this.walls.get(name);
    if (!wall) return null;
    wall.edit = albedo ? wall.evaluator.evaluate(albedo, match) : null;
    if (wall.edit && !this.isLost) this.#uploadEdit(wall);
    return wall.edit;
  }

  /** @param {WallState} wall */
  #uploadEdit(wall) {
    const gl = this.gl, { edit, textures } = wall;
    if (!edit || !textures) return;
    const [h, w] = wall.payload.header.coefficient_size;
    gl.bindTexture(gl.TEXTURE_2D, textures.planes);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, w, h, 0, gl.RGBA, gl.FLOAT, edit.planes);
    parameters(gl, gl.NEAREST, gl.NEAREST);
    this.#enlarge(textures, ENLARGEMENT * w, ENLARGEMENT * h, wall.payload.header.window);
    const values = edit.curve ? Float32Array.from(edit.curve.values) : new Float32Array(2);
    gl.bindTexture(gl.TEXTURE_2D, textures.curve);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, values.length, 1, 0, gl.RED, gl.FLOAT, values);
    parameters(gl, gl.NEAREST, gl.NEAREST);
  }

  /** @param {WallTextures} textures @param {number} width @param {number} height @param {number[]} window that is needed */
  #enlarge(textures, width, height, [left, top, across, down]) {
    const gl = this.gl, program = (this.enlargeProgram ??= compile(gl, ENLARGE_SHADER));
    gl.bindTexture(gl.TEXTURE_2D, textures.enlarged);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    parameters(gl, gl.LINEAR, gl.LINEAR);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer ?? null);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, textures.enlarged, 0);
    gl.viewport(0, 0, width, height);
    const x = Math.floor(left * width) - 1, y = Math.floor(top * height) - 1;
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(x, y, Math.ceil(across * width) + 3, Math.ceil(down * height) + 3);
    gl.useProgram(program.program);
    this.#bind(program, "planes", textures.planes);
    this.#draw(program, 0);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, null, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  /**
   * Draw all painted walls.
   * @param {number} [longest] longer side of the canvas in pixels, at most the photo's
   */
  render(longest = Infinity) {
    const gl = this.gl, photo = this.photo;
    if (!photo || this.isLost) return;
    const scale = Math.min(1, longest / Math.max(photo.width, photo.height));
    const width = Math.max(1, Math.round(photo.width * scale)), height = Math.max(1, Math.round(photo.height * scale));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    const painted = [...this.walls.values()].filter((wall) => wall.edit), lod = Math.max(0, Math.round(-Math.log2(scale)));
    painted.forEach((wall, i) => this.#drawWall(wall, width, height, lod, i === 0));
  }

  /** @param {WallState} wall @param {number} width @param {number} height @param {number} lod @param {boolean} isFirst */
  #drawWall(wall, width, height, lod, isFirst) {
    const gl = this.gl, { edit, textures, payload, evaluator } = wall;
    if (!edit || !textures) return;
    const header = payload.header, model = evaluator.model, [left, top, across, down] = header.window;
    // The rectangle of the wall; the canvas has its first row at the bottom.
    const x = Math.max(0, Math.floor(left * width)), right = Math.min(width, Math.ceil((left + across) * width));
    const y = Math.max(0, Math.floor((1 - top - down) * height)), upper = Math.min(height, Math.ceil((1 - top) * height));
    gl.scissor(x, y, right - x, upper - y);
    const program = (this.wallProgram ??= compile(gl, wallShader(header.constants)));
    gl.useProgram(program.program);
    if (!isFirst) this.#copyDrawn(x, y, right - x, upper - y);
    this.#bind(program, "photo", this.photoTexture);
    this.#bind(program, "drawn", isFirst ? null : this.drawn);
    for (const [name, texture] of Object.entries(textures)) if (name !== "planes") this.#bind(program, name, texture);
    const channels = payload.bytes.shading.channels, own = channels - header.levels.length;
    const [first, second, weight] = model.levelWeights(edit.shadingLuma);
    const channel = (/** @type {number} */ i) => [0, 1, 2, 3].map((k) => (k === i ? 1 : 0));
    const mixed = channel(own + first).map((v, k) => v * (1 - weight) + channel(own + second)[k] * weight);
    const set = uniformSetter(gl, program);
    set("window", header.window);
    set("photoLod", lod);
    set("photoLevel", channel(0));
    set("firstLevel", channel(own));
    set("levels", mixed);
    set("median", header.median);
    set("illuminant", header.illuminant_color);
    set("target", edit.target);
    set("colorCast", edit.cast);
    set("tintShift", edit.tintShift);
    set("lock", edit.lock);
    set("gamut", columns(model.gamut));
    set("fromGamut", columns(evaluator.fromGamut));
    set("medianLuma", header.median_luma);
    set("baseLogLuma", header.base_log_luma);
    set("shadingTop", header.shading_top);
    set("specularTop", header.specular_top);
    set("doubt", model.doubt);
    set("tintTrustOfMedian", model.tintTrustOfMedian);
    set("detail", edit.detail);
    set("detailLuma", edit.detailLuma);
    set("share", edit.share);
    set("shift", edit.shift);
    set("gain", edit.gain);
    set("knee", edit.knee);
    set("curveRange", edit.curve ? [edit.curve.start, edit.curve.end] : [0, 1]);
    set("isSwatch", edit.match === "swatch");
    set("patternRemoved", header.pattern_removed);
    set("hasLevels", header.levels.length > 1);
    // Without denoising the photo's own luminance is the shading: no plane is needed.
    const isClean = header.levels.length === 1 || Math.max(edit.shadingLuma, edit.detailLuma) <= header.levels[0];
    set("isPlain", isClean && !header.pattern_removed && own === 0 && edit.detail === 1);
    set("isFirst", isFirst);
    this.#draw(program, 1);
  }

  /** Copy a rectangle of the canvas to `drawn`. @param {number} x @param {number} y @param {number} width @param {number} height */
  #copyDrawn(x, y, width, height) {
    const gl = this.gl, size = `${this.canvas.width} ${this.canvas.height}`;
    gl.activeTexture(gl.TEXTURE0 + UNITS.indexOf("drawn"));
    if (this.drawnSize !== size) {
      gl.deleteTexture(this.drawn);
      this.drawn = gl.createTexture();
      this.drawnSize = size;
      gl.bindTexture(gl.TEXTURE_2D, this.drawn);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, this.canvas.width, this.canvas.height);
      parameters(gl, gl.NEAREST, gl.NEAREST);
    } else gl.bindTexture(gl.TEXTURE_2D, this.drawn);
    gl.copyTexSubImage2D(gl.TEXTURE_2D, 0, x, y, x, y, width, height);
  }

  /** @param {Program} program @param {number} flip 1 on the canvas, which has its first row at the bottom, 0 in a texture */
  #draw(program, flip) {
    this.gl.uniform1f(program.uniforms.flip, flip);
    this.gl.drawArrays(this.gl.TRIANGLE_STRIP, 0, 4);
  }

  /** @param {Program} program @param {string} name @param {WebGLTexture | null} texture */
  #bind(program, name, texture) {
    const gl = this.gl, unit = UNITS.indexOf(name);
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.uniform1i(program.uniforms[name], unit);
  }

  /** The canvas's pixels, rows from the top, RGBA, transparent where there is no wall; call it right after `render`. */
  readPixels() {
    const gl = this.gl, { width, height } = this.canvas;
    const flipped = new Uint8Array(4 * width * height), pixels = new Uint8Array(flipped.length);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, flipped);
    for (let y = 0; y < height; y++) {
      pixels.set(flipped.subarray(4 * width * (height - 1 - y), 4 * width * (height - y)), 4 * width * y);
    }
    return pixels;
  }
}

/** @param {Uint8Array} codes @param {number} channels */
function padChannels(codes, channels) {
  const count = codes.length / channels, rgba = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) for (let c = 0; c < channels; c++) rgba[4 * i + c] = codes[channels * i + c];
  return rgba;
}

/** @param {WebGL2RenderingContext} gl @param {number} magnify @param {number} minify */
function parameters(gl, magnify, minify) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, magnify);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, minify);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** @param {number[][]} m */
const columns = (m) => [0, 1, 2].flatMap((j) => [0, 1, 2].map((i) => m[i][j]));

/** @param {WebGL2RenderingContext} gl @param {string} fragment @returns {Program} */
function compile(gl, fragment) {
  const program = gl.createProgram();
  for (const [type, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX_SHADER], [gl.FRAGMENT_SHADER, fragment]])) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error("the WebGL context is lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(`shader: ${gl.getShaderInfoLog(shader)}`);
    }
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "corner");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`program: ${gl.getProgramInfoLog(program)}`);
  }
  /** @type {Record<string, WebGLUniformLocation>} */
  const uniforms = {};
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let i = 0; i < count; i++) {
    const name = gl.getActiveUniform(program, i)?.name ?? "", location = gl.getUniformLocation(program, name);
    if (location) uniforms[name] = location;
  }
  return { program, uniforms };
}

/** @param {WebGL2RenderingContext} gl @param {Program} program */
function uniformSetter(gl, program) {
  return (/** @type {string} */ name, /** @type {number | boolean | ArrayLike<number>} */ value) => {
    const location = program.uniforms[name];
    if (!location) return;
    if (typeof value === "boolean") gl.uniform1i(location, value ? 1 : 0);
    else if (typeof value === "number") gl.uniform1f(location, value);
    else {
      const values = Float32Array.from(value);
      if (values.length === 2) gl.uniform2fv(location, values);
      else if (values.length === 3) gl.uniform3fv(location, values);
      else if (values.length === 4) gl.uniform4fv(location, values);
      else gl.uniformMatrix3fv(location, false, values);
    }
  };
}

