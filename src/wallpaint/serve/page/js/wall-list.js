// @ts-check
/** The list of walls: which one the colour controls change, and which are painted. */

import { announce, byId, create, swatch } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./state.js").Session} Session */
/** @typedef {import("./state.js").WallChoice} WallChoice */
/** @typedef {{change: (change: () => void) => void, refresh: (draws: boolean) => void, showOutlines: (ms: number) => void}} Page */

const OUTLINE_MS = 900;

export class WallList {
  /** @param {Session} session @param {Page} page */
  constructor(session, page) {
    this.session = session;
    this.page = page;
  }

  /** @param {WallChoice} wall */
  label(wall) {
    const n = wall.name.match(/(\d+)$/)?.[1];
    return t("wallName", { n: n ?? "1" });
  }

  show() {
    const focused = document.activeElement?.id;
    const { walls } = this.session.work;
    byId("walls").replaceChildren(...(walls.length > 1 ? [this.#allRow()] : []), ...walls.map((wall) => this.#row(wall)));
    if (focused?.startsWith("wall-")) document.getElementById(focused)?.focus();
  }

  /** The row that chooses all walls that are painted. */
  #allRow() {
    const isActive = this.session.active === null, colors = [...new Set(this.session.work.walls.flatMap((wall) => this.session.paintOf(wall) ?? []))];
    const pick = create("button", { type: "button", class: "wall-pick", id: "wall-pick-all", ...(isActive ? { "aria-current": "true" } : {}) },
      [...colors.slice(0, 4).map((color) => swatch(color)), t("allWalls")]);
    pick.addEventListener("click", () => this.select(null));
    return create("li", isActive ? { class: "active" } : {}, [pick]);
  }

  /** @param {WallChoice} wall */
  #row(wall) {
    const isActive = wall.name === this.session.active, label = this.label(wall), color = this.session.paintOf(wall);
    const pick = create("button", { type: "button", class: `wall-pick${wall.on ? "" : " off"}`, id: `wall-pick-${wall.name}`, ...(isActive ? { "aria-current": "true" } : {}) },
      [swatch(color ?? ""), label, create("small", {}, [color ?? ""])]);
    pick.addEventListener("click", () => this.select(wall.name));
    const toggle = create("input", { type: "checkbox", role: "switch", id: `wall-on-${wall.name}`, "aria-label": t("paintWall", { name: label }) });
    toggle.checked = wall.on;
    toggle.addEventListener("change", () => this.toggle(wall.name));
    return create("li", isActive ? { class: "active" } : {}, [pick, create("span", { class: "switch" }, [toggle])]);
  }

  /** @param {string | null} name null for all walls */
  select(name) {
    this.session.active = name;
    this.page.refresh(false);
    this.page.showOutlines(OUTLINE_MS);
  }

  /** @param {string} name */
  toggle(name) {
    const wall = this.session.wall(name);
    if (!wall) return;
    this.page.change(() => (wall.on = !wall.on));
    this.page.showOutlines(OUTLINE_MS);
    announce(t(wall.on ? "wallOn" : "wallOff", { name: this.label(wall) }));
  }

  /** A tap on a wall of the photo: selects it, or turns the selected one on or off. @param {string} name */
  tap(name) {
    const isOn = this.session.wall(name)?.on ?? false, wasActive = name === this.session.active;
    this.session.active = name;
    if (wasActive || !isOn) this.toggle(name);
    else this.select(name);
  }
}
