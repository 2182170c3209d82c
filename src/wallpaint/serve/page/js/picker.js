// @ts-check
/** The colour controls: pad, hue, code, recent colours and palette. */

import * as api from "./api.js";
import { announce, button, byId, clamp, create, input, swatch } from "./dom.js";
import { parseColor } from "./engine/color.js";
import { t } from "./i18n.js";

/** @typedef {import("./state.js").Session} Session */

const SEARCH_DELAY_MS = 200;

export class Picker {
  /**
   * @param {Session} session
   * @param {(color: string | null, moving: boolean) => void} onchange
   * @param {(error: unknown) => void} onerror
   */
  constructor(session, onchange, onerror) {
    this.session = session;
    this.onchange = onchange;
    this.onerror = onerror;
    /** @type {[number, number, number]} hue 0..360, saturation and value 0..100 */
    this.hsv = [140, 20, 60];
    /** @type {string | null} */
    this.color = null;
    this.searchTimer = 0;
    /** @type {api.PaintRecord[]} */
    this.paints = [];
    this.total = 0;
    this.#listen();
  }

  #listen() {
    for (const [i, id] of /** @type {[number, string][]} */ ([[0, "hue"], [1, "saturation"], [2, "brightness"]])) {
      input(id).addEventListener("input", () => {
        this.hsv[i] = Number(input(id).value);
        this.#fromHsv(true);
      });
      input(id).addEventListener("change", () => this.#fromHsv(false));
    }
    const pad = byId("pad");
    const move = (/** @type {PointerEvent} */ event, /** @type {boolean} */ moving) => {
      const box = pad.getBoundingClientRect();
      this.hsv[1] = 100 * clamp((event.clientX - box.left) / box.width, 0, 1);
      this.hsv[2] = 100 * (1 - clamp((event.clientY - box.top) / box.height, 0, 1));
      this.#fromHsv(moving);
    };
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      move(event, true);
    });
    pad.addEventListener("pointermove", (event) => pad.hasPointerCapture(event.pointerId) && move(event, true));
    pad.addEventListener("pointerup", (event) => move(event, false));
    const hex = input("hex");
    hex.addEventListener("change", () => {
      const color = parseColor(hex.value);
      byId("hex-error").hidden = color !== null;
      hex.setAttribute("aria-invalid", String(color === null));
      byId("hex-error").textContent = t("badColor");
      if (color) this.choose(color);
    });
    button("original").addEventListener("click", () => this.onchange(null, false));
    input("palette-file").addEventListener("change", () => this.#loadFile());
    input("palette-search").addEventListener("input", () => {
      clearTimeout(this.searchTimer);
      this.searchTimer = window.setTimeout(() => this.loadPalette(), SEARCH_DELAY_MS);
    });
  }

  /** @param {boolean} moving */
  #fromHsv(moving) {
    const color = hsvToHex(this.hsv);
    this.#show(color);
    this.onchange(color, moving);
  }

  /** Choose a colour at once. @param {string} color */
  choose(color) {
    this.show(color);
    this.onchange(color, false);
  }

  /** Show the colour of a wall. @param {string | null} color */
  show(color) {
    if (color && color !== this.color) this.hsv = hexToHsv(color, this.hsv[0]);
    this.#show(color);
  }

  /** @param {string | null} color */
  #show(color) {
    this.color = color;
    const [hue, saturation, value] = this.hsv;
    document.documentElement.style.setProperty("--hue", String(hue));
    byId("pad-thumb").style.left = `${saturation}%`;
    byId("pad-thumb").style.top = `${100 - value}%`;
    byId("pad-thumb").style.background = color ?? "transparent";
    input("hue").value = String(hue);
    input("saturation").value = String(saturation);
    input("brightness").value = String(value);
    if (document.activeElement !== input("hex") || color) input("hex").value = color ?? "";
    if (color) byId("hex-error").hidden = true;
    if (color) byId("swatch").style.setProperty("--color", color);
    else byId("swatch").style.removeProperty("--color");
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".swatches button"))) {
      element.setAttribute("aria-pressed", String(element.dataset.color === color));
    }
  }

  /** Write the recent colours. */
  showRecent() {
    byId("recent").replaceChildren(...this.session.recent.map((color) => create("li", {}, [this.#colorButton(color, "")])));
    this.#show(this.color);
  }

  /** @param {string} color @param {string} label shown text */
  #colorButton(color, label) {
    const element = create("button", { type: "button", "data-color": color, "aria-pressed": "false", title: color }, label ? [create("span", {}, [label])] : []);
    if (!label) element.setAttribute("aria-label", t("chooseColor", { color }));
    element.style.setProperty("--color", color);
    element.addEventListener("click", () => this.choose(color));
    return element;
  }

  async loadPalette() {
    try {
      if (!this.session.palette) {
        const { palettes } = await api.listPalettes();
        this.session.palette = palettes[0]?.id ?? null;
      }
      if (this.session.palette) this.#usePalette(await api.getPalette(this.session.palette, input("palette-search").value));
      else this.showPalette();
    } catch (error) {
      if (error instanceof api.ApiError && error.status === 404) {
        this.session.palette = null;
        this.paints = [];
        this.showPalette();
      } else this.onerror(error);
    }
  }

  /** @param {api.PaletteRecord} palette */
  #usePalette(palette) {
    this.paints = palette.paints;
    this.total = palette.total ?? palette.paints.length;
    this.session.palette = palette.id;
    this.session.save();
    this.showPalette();
  }

  showPalette() {
    const has = this.session.palette !== null;
    input("palette-search").hidden = !has;
    byId("palette").replaceChildren(...this.paints.map((paint) => {
      const label = [paint.code, paint.name].filter(Boolean).join(" ") || paint.color;
      return create("li", {}, [this.#colorButton(paint.color, label)]);
    }));
    const shown = this.paints.length;
    byId("palette-note").textContent = !has ? t("paletteEmpty") : shown === 0 ? t("paletteNone")
      : shown < this.total ? t("paletteMore", { shown, total: this.total }) : "";
    this.#show(this.color);
  }

  async #loadFile() {
    const file = input("palette-file").files?.[0];
    input("palette-file").value = "";
    if (!file) return;
    try {
      input("palette-search").value = "";
      this.#usePalette(await api.uploadPalette(file));
      announce(`${t("palette")}: ${this.total}`);
    } catch (error) {
      this.onerror(error);
    }
  }

  /** Show what the eyedropper measured. @param {api.PickedColor} picked */
  showPicked(picked) {
    const choice = (/** @type {string} */ color, /** @type {string} */ label, /** @type {string} */ note) => {
      const element = create("button", { type: "button" }, [swatch(color), create("span", {}, [label]), create("small", {}, [note])]);
      element.addEventListener("click", () => this.choose(color));
      return element;
    };
    const rows = picked.nearest.map((paint) =>
      choice(paint.color, [paint.code, paint.name].filter(Boolean).join(" ") || paint.color, `ΔE ${paint.delta_e.toFixed(1)}`));
    byId("nearest").replaceChildren(
      create("p", {}, [t("seenAs", { seen: picked.appearance, paint: picked.paint })]),
      choice(picked.paint, picked.paint, t("useIt")),
      ...(rows.length ? [create("h3", {}, [t("nearestOf")]), ...rows] : []),
    );
    byId("nearest").hidden = false;
    announce(byId("nearest").textContent ?? "");
  }
}

/** @param {[number, number, number]} hsv */
export function hsvToHex([hue, saturation, value]) {
  const s = saturation / 100, v = value / 100;
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue / 60) % 6;
    return Math.round(255 * (v - v * s * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return "#" + [5, 3, 1].map((n) => channel(n).toString(16).padStart(2, "0")).join("");
}

/** @param {string} hex @param {number} hue for greys @returns {[number, number, number]} */
export function hexToHsv(hex, hue) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const most = Math.max(r, g, b), range = most - Math.min(r, g, b);
  if (range === 0) return [hue, 0, 100 * most];
  const turn = most === r ? ((g - b) / range + 6) % 6 : most === g ? (b - r) / range + 2 : (r - g) / range + 4;
  return [60 * turn, 100 * range / most, 100 * most];
}
