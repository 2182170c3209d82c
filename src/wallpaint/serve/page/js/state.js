// @ts-check
/** The state of the work: walls, paints, hints and variants; undo and redo; stored in the browser. */

/** @typedef {import("./engine/paint.js").Match} Match */
/**
 * @typedef {object} WallChoice
 * @property {string} name
 * @property {boolean} on whether it is painted
 * @property {string | null} color "#rrggbb"; null for no paint
 * @property {string | null} oldColor hint
 */
/**
 * @typedef {object} Work what undo restores
 * @property {WallChoice[]} walls
 * @property {Match} match
 * @property {[number, number] | null} white hint
 */
/** @typedef {{walls: WallChoice[], match: Match, thumbnail: string}} Variant */
/** @typedef {ReadonlyMap<string, Uint8Array>} Alphas by wall; an array is never changed once it is here */
/** @typedef {{work: Work, alphas: Alphas}} Snapshot */

export const START_COLOR = "#7d9b84";
export const MAX_VARIANTS = 8;
export const MAX_RECENT = 12;
export const MAX_WALLS = 16;
const MAX_UNDO = 60, MAX_ALPHA_VERSIONS = 12;
const STORED = "wallpaint.session";

export class Session {
  constructor() {
    /** @type {string | null} */
    this.photo = null;
    /** @type {Work} */
    this.work = { walls: [], match: "room", white: null };
    /** @type {Alphas} */
    this.alphas = new Map();
    /** @type {string | null} name of the wall that the colour controls change; null for all that are painted */
    this.active = null;
    /** @type {Variant[]} */
    this.variants = [];
    /** @type {string[]} */
    this.recent = [];
    /** @type {string | null} */
    this.palette = null;
    /** @type {Snapshot[]} */
    this.past = [];
    /** @type {Snapshot[]} */
    this.future = [];
    this.#load();
  }

  #load() {
    try {
      const stored = JSON.parse(localStorage.getItem(STORED) ?? "null");
      if (stored?.version !== 1) return;
      for (const name of /** @type {const} */ (["photo", "work", "active", "variants", "recent", "palette"])) this[name] = stored[name];
    } catch {
      localStorage.removeItem(STORED);
    }
  }

  /** Store everything but the alphas, which the server has. */
  save() {
    const { photo, work, active, variants, recent, palette } = this;
    try {
      localStorage.setItem(STORED, JSON.stringify({ version: 1, photo, work, active, variants, recent, palette }));
    } catch {
      // The storage is full: the thumbnails are what is large.
      const light = variants.map((variant) => ({ ...variant, thumbnail: "" }));
      localStorage.setItem(STORED, JSON.stringify({ version: 1, photo, work, active, variants: light, recent, palette }));
    }
  }

  /** @param {string | null} photo start anew, with the recent colours and the palette */
  reset(photo) {
    this.photo = photo;
    this.work = { walls: [], match: this.work.match, white: null };
    this.alphas = new Map();
    this.active = null;
    this.variants = [];
    this.past = [];
    this.future = [];
    this.save();
  }

  /** @returns {Snapshot} */
  snapshot() {
    return { work: structuredClone(this.work), alphas: this.alphas };
  }

  /** Call it with the state before a change. @param {Snapshot} before */
  remember(before) {
    this.past.push(before);
    this.future = [];
    while (this.past.length > MAX_UNDO || new Set(this.past.map((entry) => entry.alphas)).size > MAX_ALPHA_VERSIONS) this.past.shift();
    this.save();
  }

  /** @returns {Snapshot | null} the state before the last change, which is the current one now */
  undo() {
    return this.#move(this.past, this.future);
  }

  redo() {
    return this.#move(this.future, this.past);
  }

  /** @param {Snapshot[]} from @param {Snapshot[]} to */
  #move(from, to) {
    const entry = from.pop();
    if (!entry) return null;
    to.push(this.snapshot());
    this.work = structuredClone(entry.work);
    this.alphas = entry.alphas;
    if (!this.wall(this.active)) this.active = null;
    this.save();
    return entry;
  }

  /** @param {string | null} name */
  wall(name) {
    return this.work.walls.find((wall) => wall.name === name) ?? null;
  }

  /** The chosen wall; where all are chosen, the first that is painted. */
  get activeWall() {
    return this.wall(this.active) ?? this.work.walls.find((wall) => wall.on) ?? this.work.walls[0] ?? null;
  }

  /** The walls that the colour controls change. */
  get activeWalls() {
    const wall = this.wall(this.active), painted = this.work.walls.filter((other) => other.on);
    return wall ? [wall] : painted.length ? painted : this.work.walls;
  }

  /** The paint of a wall, if it is painted. @param {WallChoice} wall */
  paintOf(wall) {
    return wall.on ? wall.color : null;
  }

  /** @param {string} color */
  addRecent(color) {
    this.recent = [color, ...this.recent.filter((other) => other !== color)].slice(0, MAX_RECENT);
    this.save();
  }

  /** What the server needs to paint. @returns {import("./api.js").Painting} */
  painting() {
    const walls = this.work.walls.flatMap((wall) => {
      const color = this.paintOf(wall);
      return color ? [{ name: wall.name, color, ...(wall.oldColor ? { old_color: wall.oldColor } : {}) }] : [];
    });
    return { walls, match: this.work.match, ...(this.work.white ? { white: this.work.white } : {}) };
  }
}
