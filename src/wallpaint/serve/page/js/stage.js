// @ts-check
/** The photo on the screen: zoom and pan by touch, pen, mouse and keys; taps and strokes in pixels of the preview. */

import { byId, clamp, input } from "./dom.js";

/** @typedef {"select" | "brush" | "erase" | "add" | "remove" | "eyedropper" | "white"} Tool */
/** @typedef {[number, number]} Point */

const TAP_PX = 8, MAX_ZOOM = 12, KEY_PX = 24, MARGIN_PX = 0.04;

export class Stage {
  constructor() {
    this.element = byId("stage");
    this.view = byId("view");
    this.cursor = byId("cursor");
    this.width = 1;
    this.height = 1;
    this.scale = 1;
    /** @type {Point} */
    this.offset = [0, 0];
    /** @type {Tool} */
    this.tool = "select";
    this.isComparing = false;
    /** @type {((at: Point) => void)} */
    this.ontap = () => {};
    /** @type {((from: Point, to: Point, isStart: boolean) => void)} */
    this.onstroke = () => {};
    this.onstrokeend = () => {};
    this.onstrokecancel = () => {};
    /** @type {Map<number, Point>} pointers that are down, in pixels of the stage */
    this.pointers = new Map();
    /** @type {{start: Point, last: Point, kind: "tap" | "pan" | "stroke"} | null} */
    this.gesture = null;
    /** @type {Point | null} the pointer of the keyboard, in pixels of the preview */
    this.keyPoint = null;
    this.#listen();
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /** @param {number} width @param {number} height of the preview */
  setSize(width, height) {
    this.width = width;
    this.height = height;
    this.view.style.width = `${width}px`;
    this.view.style.height = `${height}px`;
    this.keyPoint = null;
    this.fit();
  }

  /** @param {Tool} tool */
  setTool(tool) {
    this.tool = tool;
    this.element.dataset.tool = tool;
    this.#showCursor(null);
  }

  get fitScale() {
    const { clientWidth, clientHeight } = this.element, room = 1 - 2 * MARGIN_PX;
    return Math.min(room * clientWidth / this.width, room * clientHeight / this.height) || 1;
  }

  fit() {
    const { clientWidth, clientHeight } = this.element;
    this.scale = this.fitScale;
    this.offset = [(clientWidth - this.scale * this.width) / 2, (clientHeight - this.scale * this.height) / 2];
    this.#apply();
  }

  /** @param {number} factor @param {Point} [at] in pixels of the stage */
  zoom(factor, at = [this.element.clientWidth / 2, this.element.clientHeight / 2]) {
    const scale = clamp(this.scale * factor, this.fitScale, MAX_ZOOM * this.fitScale), ratio = scale / this.scale;
    this.offset = [at[0] - ratio * (at[0] - this.offset[0]), at[1] - ratio * (at[1] - this.offset[1])];
    this.scale = scale;
    this.#apply();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.offset = [this.offset[0] + dx, this.offset[1] + dy];
    this.#apply();
  }

  #apply() {
    // At least a third of the stage always shows the photo.
    const { clientWidth: w, clientHeight: h } = this.element;
    const limit = (/** @type {number} */ offset, /** @type {number} */ size, /** @type {number} */ room) =>
      clamp(offset, Math.min(room / 3, room - size) - (size > room ? room / 3 : 0), Math.max(room - size, room / 3 * 2 - Math.min(size, room / 3)));
    if (this.scale > this.fitScale * 1.001) this.offset = [limit(this.offset[0], this.scale * this.width, w), limit(this.offset[1], this.scale * this.height, h)];
    this.view.style.transform = `translate(${this.offset[0]}px, ${this.offset[1]}px) scale(${this.scale})`;
    this.view.style.imageRendering = this.scale * devicePixelRatio > 4 ? "pixelated" : "auto";
    this.updateDivider();
  }

  /** @param {boolean} on */
  setCompare(on) {
    this.isComparing = on;
    byId("divider").hidden = !on;
    this.updateDivider();
  }

  updateDivider() {
    const share = Number(input("divider-range").value) / 100, x = share * this.element.clientWidth;
    byId("divider").style.setProperty("--at", `${x}px`);
    const cut = clamp((x - this.offset[0]) / this.scale, 0, this.width);
    for (const id of ["painted", "rendered", "overlay"]) byId(id).style.clipPath = this.isComparing ? `inset(0 0 0 ${cut}px)` : "";
  }

  /** @param {Point} at in pixels of the stage @returns {Point} in pixels of the preview */
  toPhoto(at) {
    return [(at[0] - this.offset[0]) / this.scale, (at[1] - this.offset[1]) / this.scale];
  }

  /** @param {Point} at of the preview */
  contains([x, y]) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  get isBrush() {
    return this.tool === "brush" || this.tool === "erase";
  }

  /** Radius of the brush in pixels of the preview. */
  get brushRadius() {
    return Number(input("brush-size").value) / 2 / this.scale;
  }

  #listen() {
    const element = this.element;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) element.addEventListener(type, (event) => this.#up(/** @type {PointerEvent} */ (event)));
    element.addEventListener("pointerleave", () => this.#showCursor(null));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-clamp(event.deltaY, -120, 120) / (event.ctrlKey ? 100 : 400)), this.#position(event));
    }, { passive: false });
    element.addEventListener("dblclick", (event) => {
      if (this.tool === "select") this.zoom(this.scale > 1.5 * this.fitScale ? 0.001 : 2.5, this.#position(event));
    });
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => this.#showCursor(null));
    input("divider-range").addEventListener("input", () => this.updateDivider());
  }

  /** @param {MouseEvent} event @returns {Point} */
  #position(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.target instanceof HTMLInputElement) return;
    const at = this.#position(event);
    this.pointers.set(event.pointerId, at);
    this.element.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) {
      // A second finger turns the stroke of the first into a pinch.
      if (this.gesture?.kind === "stroke") this.onstrokecancel();
      this.gesture = null;
    } else if (this.pointers.size === 1) {
      const pans = event.button === 1 || event.button === 2 || event.shiftKey;
      const kind = pans ? "pan" : this.isBrush ? "stroke" : "tap";
      this.gesture = { start: at, last: at, kind };
      if (kind === "stroke") this.onstroke(this.toPhoto(at), this.toPhoto(at), true);
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#position(event), before = this.pointers.get(event.pointerId);
    if (event.pointerType !== "touch") this.#showCursor(at);
    if (!before) return;
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]), now = Math.hypot(at[0] - other[0], at[1] - other[1]);
      this.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
      if (was > 10) this.zoom(now / was, [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2]);
    } else if (this.gesture) {
      const gesture = this.gesture;
      if (gesture.kind === "tap" && Math.hypot(at[0] - gesture.start[0], at[1] - gesture.start[1]) > TAP_PX) {
        gesture.kind = "pan";
        this.element.classList.add("panning");
      }
      if (gesture.kind === "pan") this.pan(at[0] - gesture.last[0], at[1] - gesture.last[1]);
      if (gesture.kind === "stroke") this.onstroke(this.toPhoto(gesture.last), this.toPhoto(at), false);
      gesture.last = at;
    }
    this.pointers.set(event.pointerId, at);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.element.classList.remove("panning");
    const gesture = this.gesture;
    this.gesture = null;
    if (!gesture) return;
    if (gesture.kind === "stroke") event.type === "pointercancel" ? this.onstrokecancel() : this.onstrokeend();
    const at = this.toPhoto(gesture.start);
    if (gesture.kind === "tap" && event.type === "pointerup" && this.contains(at)) this.ontap(at);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, Point>} */
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) this.pan(-2 * KEY_PX * arrow[0], -2 * KEY_PX * arrow[1]);
    else if (arrow) {
      const from = this.keyPoint ?? [this.width / 2, this.height / 2], step = KEY_PX / 2 / this.scale;
      this.keyPoint = [clamp(from[0] + step * arrow[0], 0, this.width - 1), clamp(from[1] + step * arrow[1], 0, this.height - 1)];
      this.#showCursor([this.keyPoint[0] * this.scale + this.offset[0], this.keyPoint[1] * this.scale + this.offset[1]], true);
    } else if ((event.key === "Enter" || event.key === " ") && this.keyPoint) {
      if (this.isBrush) {
        this.onstroke(this.keyPoint, this.keyPoint, true);
        this.onstrokeend();
      } else this.ontap(this.keyPoint);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.3);
    else if (event.key === "-") this.zoom(1 / 1.3);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }

  /** @param {Point | null} at of the stage @param {boolean} [byKey] */
  #showCursor(at, byKey = false) {
    this.cursor.hidden = !at || !(this.isBrush || byKey);
    if (!at || this.cursor.hidden) return;
    const size = this.isBrush ? Number(input("brush-size").value) : 0;
    this.cursor.classList.toggle("cross", !this.isBrush);
    this.cursor.style.borderWidth = this.isBrush ? "" : "0";
    this.cursor.style.width = this.cursor.style.height = `${size}px`;
    this.cursor.style.transform = `translate(${at[0] - size / 2}px, ${at[1] - size / 2}px)`;
  }
}
