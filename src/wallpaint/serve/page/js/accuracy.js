// @ts-check
/** The expected error of the shown colour, and hints that reduce it. */

import { button, byId, input } from "./dom.js";
import { parseColor } from "./engine/color.js";
import { t } from "./i18n.js";

/** @typedef {import("./state.js").Session} Session */
/** @typedef {import("./preview.js").Preview} Preview */
/** @typedef {{hint: (change: () => void) => Promise<void>}} Page */

const SMALL_DELTA_E = 4, LARGE_DELTA_E = 8; // CIEDE2000

export class Accuracy {
  /** @param {Session} session @param {Preview} preview @param {Page} page */
  constructor(session, preview, page) {
    this.session = session;
    this.preview = preview;
    this.offered = "";
    const field = input("old-color");
    field.addEventListener("change", () => {
      const color = parseColor(field.value), walls = session.activeWalls, isBad = field.value.trim() !== "" && !color;
      byId("old-color-error").hidden = !isBad;
      byId("old-color-error").textContent = t("badColor");
      field.setAttribute("aria-invalid", String(isBad));
      if (!isBad) page.hint(() => walls.forEach((wall) => (wall.oldColor = color)));
    });
    button("clear-hints").addEventListener("click", () => page.hint(() => {
      session.work.white = null;
      for (const wall of session.work.walls) wall.oldColor = null;
    }));
  }

  /** CIEDE2000 for the active wall; null if it is unknown. @returns {number | null} */
  get expected() {
    const active = this.session.activeWall?.name, edit = active ? this.preview.edits.get(active)?.edit : null;
    if (edit && edit.match === "room") return edit.expectedError;
    return (active && this.preview.headers.get(active)?.expected_error) || null;
  }

  show() {
    const { session, expected } = this, wall = session.activeWall, header = wall && this.preview.headers.get(wall.name);
    byId("accuracy").hidden = !header;
    if (!wall || !header || expected === null) return;
    const isSwatch = session.work.match === "swatch", [low, high] = header.constants.ERROR_RANGE;
    const isLarge = !isSwatch && (expected >= LARGE_DELTA_E || header.hint_wanted);
    const word = t(isLarge ? "errorLarge" : expected <= SMALL_DELTA_E ? "errorSmall" : "errorMedium");
    const text = isSwatch ? t("accuracySwatch") : t("accuracy", { n: expected.toFixed(1), low: (low * expected).toFixed(1), high: (high * expected).toFixed(1), word });
    if (byId("accuracy-text").textContent !== text) byId("accuracy-text").textContent = text;
    byId("clear-hints").hidden = !session.work.white && !session.work.walls.some((other) => other.oldColor);
    if (document.activeElement !== input("old-color")) input("old-color").value = wall.oldColor ?? "";
    // Where the error is large the hints are offered, once for each photo and wall.
    const key = `${session.photo} ${wall.name}`;
    if (isLarge && this.offered !== key) /** @type {HTMLDetailsElement} */ (byId("accuracy")).open = true;
    if (isLarge) this.offered = key;
  }
}
