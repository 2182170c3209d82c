// @ts-check
/** The preview of all walls: on this machine by WebGL 2, or made by the server where there is none. */

import * as api from "./api.js";
import { hexToLinear } from "./engine/color.js";
import { parsePayload } from "./engine/payload.js";
import { isSupported, PreviewRenderer } from "./engine/renderer.js";

/** @typedef {import("./state.js").Session} Session */
/** @typedef {import("./engine/payload.js").Header} Header */
/** @typedef {import("./engine/paint.js").Edit} Edit */

const MOVING_PX = { most: 1024, least: 384 }; // longer side while a colour changes
const SLOW_MS = 80, FAST_MS = 30; // between frames: above, the next one is smaller; below, larger
const SETTLE_MS = 180, SERVER_DELAY_MS = 250, RESTORE_MS = 4000, THUMBNAIL_PX = 480;

export class Preview {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLImageElement} original the photo below the canvas
   * @param {HTMLImageElement} image of the server's previews
   * @param {Session} session
   */
  constructor(canvas, original, image, session) {
    this.original = original;
    this.canvas = canvas;
    this.image = image;
    this.session = session;
    /** @type {PreviewRenderer | null} */
    this.renderer = isSupported() ? new PreviewRenderer(canvas) : null;
    /** @type {Map<string, Header>} */
    this.headers = new Map();
    /** @type {Map<string, {key: string, edit: Edit | null}>} */
    this.edits = new Map();
    /** called after the preview was drawn */
    this.ondraw = () => {};
    /** @type {(error: unknown) => void} */
    this.onerror = () => {};
    this.onlost = () => {};
    this.photo = "";
    this.frame = 0;
    this.movingPx = MOVING_PX.most;
    this.movedAt = 0;
    this.settleTimer = 0;
    this.serverTimer = 0;
    /** @type {AbortController | null} */
    this.serverRequest = null;
    canvas.addEventListener("webglcontextlost", () => {
      this.onlost();
      setTimeout(() => this.renderer?.isLost && this.#useServer(), RESTORE_MS);
    });
    if (this.renderer) this.renderer.onrestored = () => this.draw();
    else this.#useServer();
  }

  get isLocal() {
    return this.renderer !== null;
  }

  #useServer() {
    this.renderer = null;
    this.canvas.hidden = true;
    this.image.hidden = false;
    if (this.photo) this.#drawByServer();
  }

  /** @param {string} id @param {ImageBitmap} bitmap */
  setPhoto(id, bitmap) {
    this.photo = id;
    for (const name of [...this.headers.keys()]) this.removeWall(name);
    this.renderer?.setPhoto(bitmap);
    this.image.removeAttribute("src");
  }

  /** @param {string} name */
  removeWall(name) {
    this.renderer?.removeWall(name);
    this.headers.delete(name);
    this.edits.delete(name);
  }

  /** Fetch what the preview of a wall needs. @param {string} name @param {AbortSignal} signal */
  async load(name, signal) {
    const wall = this.session.wall(name);
    const payload = await parsePayload(await api.getPreview(this.photo, name, { oldColor: wall?.oldColor, white: this.session.work.white }, signal));
    if (signal.aborted) return;
    this.renderer?.setWall(name, payload);
    this.edits.delete(name);
    this.headers.set(name, payload.header);
  }

  /** Draw on the next frame; more calls before it are one. @param {boolean} [moving] the colour is still changing */
  schedule(moving = false) {
    if (!this.isLocal) {
      this.#drawByServer();
      return;
    }
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw(moving ? this.#movingSize() : Infinity);
      });
    }
    clearTimeout(this.settleTimer);
    if (moving) this.settleTimer = window.setTimeout(() => this.draw(), SETTLE_MS);
  }

  /** Longer side of the canvas while a colour changes, by the time since the last frame. */
  #movingSize() {
    const passed = performance.now() - this.movedAt;
    this.movedAt += passed;
    if (passed < SETTLE_MS + SLOW_MS) {
      if (passed > SLOW_MS) this.movingPx = Math.max(MOVING_PX.least, 0.75 * this.movingPx);
      else if (passed < FAST_MS) this.movingPx = Math.min(MOVING_PX.most, 1.1 * this.movingPx);
    }
    return this.movingPx;
  }

  /** @param {number} [longest] */
  draw(longest = Infinity) {
    const { renderer, session } = this;
    if (!renderer) return;
    try {
      for (const wall of session.work.walls) {
        const color = session.paintOf(wall), key = `${color} ${session.work.match}`;
        if (this.edits.get(wall.name)?.key === key || !this.headers.has(wall.name)) continue;
        this.edits.set(wall.name, { key, edit: renderer.setPaint(wall.name, color ? hexToLinear(color) : null, session.work.match) });
      }
      renderer.render(longest);
    } catch (error) {
      if (!renderer.isLost) this.onerror(error);
      return;
    }
    this.ondraw();
  }

  #drawByServer() {
    clearTimeout(this.serverTimer);
    this.serverTimer = window.setTimeout(async () => {
      this.serverRequest?.abort();
      const request = (this.serverRequest = new AbortController()), painting = this.session.painting();
      try {
        const blob = painting.walls.length ? await api.render(this.photo, painting, request.signal) : await api.getImage(this.photo);
        if (request.signal.aborted) return;
        URL.revokeObjectURL(this.image.src);
        this.image.src = URL.createObjectURL(blob);
        await this.image.decode();
        this.ondraw();
      } catch (error) {
        if (!request.signal.aborted) this.onerror(error);
      }
    }, SERVER_DELAY_MS);
  }

  /** A small picture of the preview. @returns {string} data URL */
  thumbnail() {
    const { renderer } = this, small = document.createElement("canvas");
    if (renderer) this.draw(THUMBNAIL_PX);
    const source = renderer ? this.canvas : this.image;
    const [width, height] = source instanceof HTMLImageElement ? [source.naturalWidth, source.naturalHeight] : [source.width, source.height];
    if (!width) return "";
    const scale = Math.min(1, THUMBNAIL_PX / Math.max(width, height));
    small.width = Math.round(scale * width);
    small.height = Math.round(scale * height);
    const context = small.getContext("2d");
    context?.drawImage(this.original, 0, 0, small.width, small.height);
    context?.drawImage(source, 0, 0, small.width, small.height);
    if (renderer) this.draw();
    return small.toDataURL("image/jpeg", 0.82);
  }
}
