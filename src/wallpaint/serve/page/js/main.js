// @ts-check
/** The page: connects the photo, the walls, the colours and the server. */

import * as api from "./api.js";
import { Accuracy } from "./accuracy.js";
import { announce, button, byId, hideToast, input, toast } from "./dom.js";
import { setLanguage, language, t, translate } from "./i18n.js";
import { Picker } from "./picker.js";
import { Preview } from "./preview.js";
import { Saving } from "./saving.js";
import { Stage } from "./stage.js";
import { MAX_WALLS, Session, START_COLOR } from "./state.js";
import { Variants } from "./variants.js";
import { WallList } from "./wall-list.js";
import { decodeAlpha, drawOutline, encodeAlpha, overlap, stroke, wallAt } from "./walls.js";

/** @typedef {import("./stage.js").Point} Point */
/** @typedef {import("./stage.js").Tool} Tool */
/** @typedef {import("./state.js").Snapshot} Snapshot */

const OUTLINE_PX = 1200; // longer side of the overlay
const OUTLINE_MS = 2600; // for which the outlines are shown after detection
/** @type {Tool[]} tools that change the shape of walls */
const OUTLINED = ["brush", "erase", "add", "remove"];
/** @type {Partial<Record<Tool, import("./i18n.js").Key>>} */
const TOOL_HELP = { brush: "helpBrush", erase: "helpErase", add: "helpAdd", remove: "helpRemove", eyedropper: "helpEyedropper", white: "helpWhite" };

class Page {
  constructor() {
    this.session = new Session();
    this.stage = new Stage();
    const image = (/** @type {string} */ id) => /** @type {HTMLImageElement} */ (byId(id));
    this.preview = new Preview(/** @type {HTMLCanvasElement} */ (byId("painted")), image("photo"), image("rendered"), this.session);
    this.picker = new Picker(this.session, (color, moving) => this.setColor(color, moving), (error) => this.fail(error));
    this.walls = new WallList(this.session, this);
    this.variants = new Variants(this.session, this.preview, () => this.refresh(true));
    this.accuracy = new Accuracy(this.session, this.preview, this);
    this.saving = new Saving(this.session, this);
    /** @type {api.PhotoRecord | null} */
    this.record = null;
    /** @type {Map<string, Uint8Array>} the alphas that the server has */
    this.stored = new Map();
    /** @type {Snapshot | null} before a change that is still going on */
    this.before = null;
    /** @type {import("./state.js").WallChoice[] | null} the walls whose colour is changing */
    this.changing = null;
    /** @type {Uint8Array | null} */
    this.brushed = null;
    /** @type {string | null} the wall that is brushed */
    this.brushedName = null;
    /** @type {AbortController} */
    this.loading = new AbortController();
    /** @type {api.Click[]} */
    this.clicks = [];
    /** @type {Promise<void>} requests that change walls, one after the other */
    this.queue = Promise.resolve();
    this.outlineTimer = 0;
    this.hovered = "";
    /** milliseconds from the choice of a file to the first preview */
    this.firstPreviewMs = 0;
    this.startedAt = 0;
  }

  start() {
    translate();
    /** @type {HTMLSelectElement} */ (byId("language")).value = language();
    this.#listen();
    this.picker.showRecent();
    api.notifyBusy((n) => toast(t("busyServer", { n })));
    this.preview.ondraw = () => this.#drawn();
    this.preview.onerror = (error) => this.fail(error);
    this.preview.onlost = () => toast(t("contextLost"));
    api.health().then(({ keep_hours: hours, painters }) => {
      this.keepHours = hours;
      byId("privacy").textContent = t("privacy", { hours: Math.round(hours) });
      byId("texture-row").hidden = !painters.includes("diffusion");
    }, () => {});
    if (this.session.photo && !this.startedAt) this.#resume(this.session.photo);
  }

  // -- photo

  /** @param {File} file */
  async open(file) {
    this.startedAt = performance.now();
    this.loading.abort();
    const loading = (this.loading = new AbortController());
    this.#showUpload("uploading", 0);
    const color = this.session.recent[0] ?? START_COLOR;
    try {
      const record = await api.uploadPhoto(file, (share) => this.#showUpload(share < 1 ? "uploading" : "reading", share), loading.signal);
      this.session.reset(record.id);
      await this.#showPhoto(record);
      this.#showUpload("detecting", 1);
      await this.#detect([], color, loading.signal);
    } catch (error) {
      if (loading.signal.aborted) return;
      this.#showStart();
      if (error instanceof api.ApiError && error.status >= 400 && error.status < 500) toast(t("notPhoto", { detail: error.message }));
      else this.fail(error, () => this.open(file));
    }
  }

  /** @param {string} id of the photo of the stored session */
  async #resume(id) {
    this.#showUpload("reading", 1);
    try {
      const record = await api.getPhoto(id);
      await this.#showPhoto(record);
      await this.#readWalls(record.walls, null);
      this.#showEditor();
      await this.#loadPreviews();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.#showStart();
      if (error.status === 404) {
        this.session.reset(null);
        toast(t("expired"));
      } else this.fail(error, () => this.#resume(id));
    }
  }

  /** @param {api.PhotoRecord} record */
  async #showPhoto(record) {
    this.record = record;
    delete document.body.dataset.preview;
    const blob = await api.getImage(record.id), image = /** @type {HTMLImageElement} */ (byId("photo"));
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    this.preview.setPhoto(record.id, bitmap);
    this.clicks = [];
    this.stored.clear();
    this.saving.showPhoto(record);
    document.title = `${record.filename || t("photo")} – wallpaint`;
  }

  /** Size of the preview. @returns {[number, number]} */
  get size() {
    return this.record ? [this.record.preview_width, this.record.preview_height] : [1, 1];
  }

  // -- walls

  /** @param {api.Click[]} clicks @param {string | null} color of walls that have none @param {AbortSignal} [signal] */
  async #detect(clicks, color, signal) {
    if (!this.record) return;
    try {
      const { walls, notes } = await api.detectWalls(this.record.id, clicks, signal);
      await this.#readWalls(walls, color);
      this.saving.showNotes([...this.record.warnings, ...notes]);
      announce(walls.length === 1 ? t("wallFound") : t("wallsFound", { n: walls.length }));
    } catch (error) {
      if (!(error instanceof api.ApiError) || error.status !== 400 && error.status !== 422) throw error;
      toast(t("noWalls"));
    }
    this.#showEditor();
    this.showOutlines(OUTLINE_MS);
    await this.#loadPreviews();
  }

  /**
   * Read the walls of the server. Each keeps the paint of the wall that it covers most.
   * @param {api.WallRecord[]} records @param {string | null} color of new walls
   */
  async #readWalls(records, color) {
    if (!this.record) return;
    const [width, height] = this.size, id = this.record.id;
    const old = this.session.alphas, oldWalls = this.session.work.walls;
    const alphas = new Map(await Promise.all(records.map(async ({ name }) =>
      /** @type {[string, Uint8Array]} */ ([name, await decodeAlpha(await api.getAlpha(id, name), width, height)]))));
    const walls = records.map(({ name }) => {
      const alpha = alphas.get(name);
      const [best] = oldWalls.map((wall) => ({ wall, share: old.size && alpha ? overlap(alpha, old.get(wall.name) ?? new Uint8Array()) : Number(wall.name === name) }))
        .filter(({ share }) => share > 0.1).sort((a, b) => b.share - a.share);
      return best ? { ...best.wall, name } : { name, on: true, color: color ?? oldWalls[0]?.color ?? START_COLOR, oldColor: null };
    });
    this.session.alphas = alphas;
    this.stored = new Map(alphas);
    this.session.work.walls = walls;
    if (!this.session.wall(this.session.active)) this.session.active = null;
    this.session.save();
  }

  /** Fetch the payloads of all walls, the active one first. */
  async #loadPreviews() {
    this.loading.abort();
    const { signal } = (this.loading = new AbortController()), names = this.session.work.walls.map((wall) => wall.name);
    for (const name of [...this.preview.headers.keys()]) if (!names.includes(name)) this.preview.removeWall(name);
    this.refresh(false);
    if (names.length === 0) {
      this.preview.schedule();
      return;
    }
    this.#setBusy("busyPreview");
    document.body.dataset.preview = "loading";
    try {
      if (!this.preview.isLocal) this.preview.schedule();
      const first = this.session.activeWall?.name;
      for (const name of names.sort((a, b) => Number(b === first) - Number(a === first))) {
        await this.preview.load(name, signal);
        if (signal.aborted) return;
        if (this.preview.isLocal) this.preview.draw();
        this.refresh(false);
      }
      if (!this.preview.isLocal) this.preview.schedule();
    } catch (error) {
      if (!signal.aborted) this.fail(error, () => this.#loadPreviews());
    } finally {
      if (!signal.aborted) this.#setBusy(null);
    }
  }

  /** Bring the server to the walls of the session, then fetch the previews. */
  syncWalls() {
    this.queue = this.queue.then(async () => {
      const { record, session } = this;
      if (!record) return;
      const [width, height] = this.size;
      this.#setBusy("busySaving");
      try {
        for (const [name, alpha] of session.alphas) {
          if (this.stored.get(name) === alpha || !alpha.some((v) => v > 127)) continue;
          await api.putAlpha(record.id, name, await encodeAlpha(alpha, width, height));
          this.stored.set(name, alpha);
        }
        for (const name of [...this.stored.keys()]) {
          const alpha = session.alphas.get(name);
          if (alpha?.some((v) => v > 127)) continue;
          await api.deleteWall(record.id, name);
          this.stored.delete(name);
        }
        await this.#loadPreviews();
      } catch (error) {
        this.fail(error, () => this.syncWalls());
      } finally {
        this.#setBusy(null);
      }
    });
    return this.queue;
  }

  /** @param {Point} at @param {boolean} wall correct the detection by a click */
  correct(at, wall) {
    const [width, height] = this.size, before = this.session.snapshot();
    if ([...this.session.alphas].some(([name, alpha]) => this.stored.get(name) !== alpha)) toast(t("detectReplaces"));
    this.clicks.push({ x: at[0] / width, y: at[1] / height, wall });
    this.queue = this.queue.then(async () => {
      this.#setBusy("detecting");
      try {
        await this.#detect(this.clicks, this.session.activeWall?.color ?? null);
        this.session.remember(before);
        this.refresh(false);
      } catch (error) {
        this.clicks.pop();
        this.fail(error);
      } finally {
        this.#setBusy(null);
      }
    });
  }

  detectAgain() {
    this.clicks = [];
    const before = this.session.snapshot();
    this.queue = this.queue.then(async () => {
      this.#setBusy("detecting");
      try {
        await this.#detect([], this.session.activeWall?.color ?? null);
        this.session.remember(before);
        toast(t("detectReplaces"));
        this.refresh(false);
      } catch (error) {
        this.fail(error);
      } finally {
        this.#setBusy(null);
      }
    });
  }

  addWall() {
    const { session } = this, [width, height] = this.size;
    if (session.work.walls.length >= MAX_WALLS) return toast(t("tooMany", { n: MAX_WALLS }));
    let n = session.work.walls.length + 1;
    while (session.wall(`wall-${n}`)) n++;
    const name = `wall-${n}`;
    session.remember(session.snapshot());
    session.work.walls.push({ name, on: true, color: session.activeWall?.color ?? START_COLOR, oldColor: null });
    session.alphas = new Map([...session.alphas, [name, new Uint8Array(width * height)]]);
    session.active = name;
    this.setTool("brush");
    this.refresh(false);
  }

  /** @param {Point} from @param {Point} to @param {boolean} isStart */
  #brush(from, to, isStart) {
    const { session, stage } = this, [width, height] = this.size;
    if (session.work.walls.length === 0) this.addWall();
    if (isStart) {
      const name = session.active ?? wallAt(session.alphas, width, ...from) ?? this.brushedName ?? session.work.walls[0].name;
      this.brushedName = name;
      this.before = session.snapshot();
      this.brushed = Uint8Array.from(session.alphas.get(name) ?? new Uint8Array(width * height));
      this.showOutlines(0);
    }
    if (!this.brushed) return;
    stroke(this.brushed, width, height, from, to, stage.brushRadius, stage.tool === "erase");
    this.#drawStroke(from, to);
  }

  #endBrush() {
    const { session, before, brushed, brushedName: name } = this;
    this.before = this.brushed = null;
    if (!before || !brushed || !name) return;
    const alphas = new Map(session.alphas);
    alphas.set(name, brushed);
    // A pixel belongs to one wall.
    for (const [other, alpha] of alphas) {
      if (other === name || !alpha.some((v, i) => v > 255 - brushed[i])) continue;
      alphas.set(other, alpha.map((v, i) => Math.min(v, 255 - brushed[i])));
    }
    session.remember(before);
    session.alphas = alphas;
    this.refresh(false);
    this.syncWalls().then(() => this.showOutlines(this.stage.isBrush ? 0 : 1));
  }

  #cancelBrush() {
    this.before = this.brushed = null;
    this.showOutlines(this.stage.isBrush ? 0 : 1);
  }

  // -- overlay

  /** @returns {CanvasRenderingContext2D} of an empty overlay */
  #overlay() {
    const canvas = /** @type {HTMLCanvasElement} */ (byId("overlay")), [width, height] = this.size;
    const scale = Math.min(1, OUTLINE_PX / Math.max(width, height));
    canvas.width = Math.round(scale * width);
    canvas.height = Math.round(scale * height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no 2D canvas");
    return context;
  }

  /** Outline the walls. @param {number} ms after which the outlines fade; 0 keeps them */
  showOutlines(ms) {
    clearTimeout(this.outlineTimer);
    const context = this.#overlay(), [width, height] = this.size, canvas = context.canvas;
    canvas.style.opacity = "1";
    const thickness = Math.max(1, Math.round(canvas.width / this.stage.element.clientWidth * 1.2));
    for (const [name, alpha] of this.session.alphas) {
      const isActive = (this.session.active ?? name) === name, isOn = this.session.wall(name)?.on ?? true;
      const line = isActive ? [255, 255, 255, 255] : [255, 255, 255, 150];
      drawOutline(context, alpha, width, height, { line: isOn ? line : [40, 40, 40, 160], veil: null, thickness });
    }
    if (ms) this.outlineTimer = window.setTimeout(() => (canvas.style.opacity = "0"), ms);
  }

  /** @param {Point} from @param {Point} to */
  #drawStroke(from, to) {
    const canvas = /** @type {HTMLCanvasElement} */ (byId("overlay")), context = canvas.getContext("2d");
    if (!context) return;
    const scale = canvas.width / this.size[0];
    context.strokeStyle = this.stage.tool === "erase" ? "rgb(20 20 20 / 55%)" : this.session.wall(this.brushedName)?.color ?? "#fff";
    context.globalAlpha = 0.85;
    context.lineCap = "round";
    context.lineWidth = 2 * this.stage.brushRadius * scale;
    context.beginPath();
    context.moveTo(from[0] * scale, from[1] * scale);
    context.lineTo(to[0] * scale + 0.01, to[1] * scale);
    context.stroke();
  }

  // -- colours

  /** @param {string | null} color @param {boolean} moving */
  setColor(color, moving) {
    const { session } = this, walls = this.changing ?? session.activeWalls;
    if (walls.length === 0) return toast(t("pickWallFirst"));
    this.before ??= session.snapshot();
    this.changing = walls;
    for (const wall of walls) {
      wall.color = color ?? wall.color;
      wall.on = color !== null;
    }
    this.preview.schedule(moving);
    if (moving) return;
    session.remember(this.before);
    this.before = this.changing = null;
    if (color) session.addRecent(color);
    this.refresh(false);
    this.picker.showRecent();
    const name = walls.map((wall) => this.walls.label(wall)).join(", ");
    announce(color ? t("painted", { name, color }) : t("wallOff", { name }));
  }

  /** Change the work in one step that can be undone. @param {() => void} change */
  change(change) {
    const before = this.session.snapshot();
    change();
    this.session.remember(before);
    this.refresh(true);
  }

  /** Fetch the payloads again after a hint, and tell what it brought. @param {() => void} change */
  async hint(change) {
    const from = this.accuracy.expected;
    this.change(change);
    await this.#loadPreviews();
    const to = this.accuracy.expected;
    if (from !== null && to !== null) {
      const text = t("hintUsed", { from: from.toFixed(1), to: to.toFixed(1) });
      announce(text);
      toast(text);
    }
  }

  /** Write everything that depends on the state. @param {boolean} draws also the preview */
  refresh(draws) {
    const { session } = this;
    this.walls.show();
    this.picker.show(session.activeWall ? session.paintOf(session.activeWall) : null);
    this.variants.show();
    for (const element of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=match]"))) element.checked = element.value === session.work.match;
    button("undo").disabled = session.past.length === 0;
    button("redo").disabled = session.future.length === 0;
    button("download").disabled = session.painting().walls.length === 0;
    this.accuracy.show();
    session.save();
    if (draws) this.preview.schedule();
  }

  #drawn() {
    document.body.dataset.preview = "ready";
    if (this.startedAt) {
      this.firstPreviewMs = performance.now() - this.startedAt;
      this.startedAt = 0;
      performance.measure("first-preview", { start: performance.now() - this.firstPreviewMs, end: performance.now() });
    }
    this.accuracy.show();
  }

  /** @param {boolean} back undo, else redo */
  travel(back) {
    const { session } = this, alphas = session.alphas, white = session.work.white, old = session.work.walls.map((wall) => wall.oldColor).join();
    if (!(back ? session.undo() : session.redo())) return;
    announce(t(back ? "undone" : "redone"));
    this.refresh(true);
    if (session.alphas !== alphas) this.syncWalls().then(() => this.stage.isBrush && this.showOutlines(0));
    else if (session.work.white !== white || session.work.walls.map((wall) => wall.oldColor).join() !== old) this.#loadPreviews();
  }

  // -- tools

  /** @param {Tool} tool */
  setTool(tool) {
    this.stage.setTool(tool);
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tool][aria-pressed]"))) element.setAttribute("aria-pressed", String(element.dataset.tool === tool));
    button("white").setAttribute("aria-pressed", String(tool === "white"));
    byId("brush-size-row").hidden = !this.stage.isBrush;
    const help = TOOL_HELP[tool];
    byId("tool-help").textContent = help ? t(help) : "";
    if (this.record) this.showOutlines(OUTLINED.includes(tool) ? 0 : 1);
  }

  /** @param {Point} at in pixels of the preview */
  async #tap(at) {
    const { session, record } = this, { tool } = this.stage, [width, height] = this.size;
    if (!record) return;
    if (tool === "add" || tool === "remove") return this.correct(at, tool === "add");
    /** @type {[number, number]} */
    const fractions = [at[0] / width, at[1] / height];
    if (tool === "white") {
      this.setTool("select");
      await this.hint(() => (session.work.white = fractions));
    } else if (tool === "eyedropper") {
      try {
        this.picker.showPicked(await api.pickColor(record.id, ...fractions, session.palette));
        this.showTab("color");
        byId("nearest").scrollIntoView({ block: "nearest" });
      } catch (error) {
        this.fail(error);
      }
    } else {
      const name = wallAt(session.alphas, width, ...at);
      if (name) this.walls.tap(name);
    }
  }

  /** @param {string} tab */
  showTab(tab) {
    document.body.dataset.tab = tab;
    for (const element of document.querySelectorAll("[role=tab]")) {
      const isShown = element.id === `tab-${tab}`;
      element.setAttribute("aria-selected", String(isShown));
      element.setAttribute("tabindex", isShown ? "0" : "-1");
    }
  }

  // -- screens and messages

  #showStart() {
    document.body.dataset.screen = "start";
    byId("start").hidden = byId("drop").hidden = false;
    byId("upload").hidden = byId("editor").hidden = true;
  }

  /** @param {"uploading" | "reading" | "detecting"} step @param {number} share */
  #showUpload(step, share) {
    if (document.body.dataset.screen === "editor") this.#showStart();
    byId("drop").hidden = true;
    byId("upload").hidden = false;
    byId("upload-step").textContent = t(step);
    const progress = /** @type {HTMLProgressElement} */ (byId("upload-progress"));
    if (share < 1) progress.value = share;
    else progress.removeAttribute("value");
  }

  #showEditor() {
    document.body.dataset.screen = "editor";
    byId("start").hidden = true;
    byId("editor").hidden = false;
    this.stage.setSize(...this.size);
    if (!this.preview.isLocal) toast(t("serverPreview"));
    this.refresh(false);
  }

  /** @param {import("./i18n.js").Key | null} text */
  #setBusy(text) {
    byId("busy").hidden = text === null;
    byId("busy").textContent = text ? t(text) : "";
  }

  /** @param {unknown} error @param {() => void} [retry] */
  fail(error, retry) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof api.ApiError)) console.error(error);
    const isOffline = error instanceof api.ApiError && error.status === 0;
    const text = isOffline ? t("offline") : t("failed", { detail: error instanceof Error ? error.message : String(error) });
    toast(text, retry && { label: t("retry"), run: retry });
  }

  async remove() {
    if (!this.session.photo) return;
    try {
      await api.deletePhoto(this.session.photo);
    } catch (error) {
      if (!(error instanceof api.ApiError && error.status === 404)) return this.fail(error);
    }
    this.newPhoto();
    toast(t("deleted"));
  }

  newPhoto() {
    this.loading.abort();
    this.session.reset(null);
    this.record = null;
    this.setTool("select");
    this.#showStart();
    input("file").focus();
  }

  #listen() {
    for (const id of ["file", "camera"]) {
      const open = () => {
        const file = input(id).files?.[0];
        input(id).value = "";
        if (file) this.open(file);
      };
      input(id).addEventListener("change", open);
      open(); // a file that was chosen before this script ran
    }
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dragging"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dragging");
      const file = event.dataTransfer?.files[0];
      if (file) this.open(file);
    });
    document.addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.open(file);
    });
    button("upload-cancel").addEventListener("click", () => {
      this.loading.abort();
      this.#showStart();
    });
    byId("language").addEventListener("change", async () => {
      await setLanguage(/** @type {HTMLSelectElement} */ (byId("language")).value);
      byId("privacy").textContent = this.keepHours ? t("privacy", { hours: Math.round(this.keepHours) }) : "";
      if (this.record) this.saving.showPhoto(this.record);
      this.picker.showPalette();
      this.picker.showRecent();
      this.setTool(this.stage.tool);
      if (this.record) this.refresh(false);
    });
    button("new-photo").addEventListener("click", () => this.newPhoto());
    button("undo").addEventListener("click", () => this.travel(true));
    button("redo").addEventListener("click", () => this.travel(false));
    document.addEventListener("keydown", (event) => {
      const isText = event.target instanceof HTMLInputElement && ["text", "search"].includes(event.target.type);
      if (event.key === "Escape" && this.stage.tool !== "select") this.setTool("select");
      if (!(event.ctrlKey || event.metaKey) || isText || !this.record) return;
      const key = event.key.toLowerCase();
      if (key === "z" || key === "y") {
        event.preventDefault();
        this.travel(key === "z" && !event.shiftKey);
      }
    });
    button("compare").addEventListener("click", () => {
      const on = !this.stage.isComparing;
      button("compare").setAttribute("aria-pressed", String(on));
      this.stage.setCompare(on);
      if (on) input("divider-range").focus();
    });
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#tools [data-tool]"))) {
      element.addEventListener("click", () => this.setTool(/** @type {Tool} */ (element.dataset.tool)));
    }
    button("white").addEventListener("click", () => this.setTool(this.stage.tool === "white" ? "select" : "white"));
    button("zoom-in").addEventListener("click", () => this.stage.zoom(1.5));
    button("zoom-out").addEventListener("click", () => this.stage.zoom(1 / 1.5));
    button("zoom-fit").addEventListener("click", () => this.stage.fit());
    button("add-wall").addEventListener("click", () => this.addWall());
    button("detect").addEventListener("click", () => this.detectAgain());
    button("delete").addEventListener("click", () => this.remove());
    button("toast-close").addEventListener("click", hideToast);
    for (const element of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=match]"))) {
      element.addEventListener("change", () => this.change(() => (this.session.work.match = /** @type {"room" | "swatch"} */ (element.value))));
    }
    const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
    tabs.forEach((element, i) => {
      element.addEventListener("click", () => this.showTab(element.id.slice(4)));
      element.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = tabs[(i + step + tabs.length) % tabs.length];
        next.click();
        next.focus();
      });
    });
    this.showTab("color");
    this.stage.ontap = (at) => this.#tap(at);
    this.stage.onstroke = (from, to, isStart) => this.#brush(from, to, isStart);
    this.stage.onstrokeend = () => this.#endBrush();
    this.stage.onstrokecancel = () => this.#cancelBrush();
    this.picker.loadPalette();
  }
}

/** @type {number | undefined} */
Page.prototype.keepHours = undefined;

new Page().start();
