// @ts-check
/** Up to eight variants: kept with a small picture, used again with a tap, and shown side by side. */

import { button, byId, create, icon, swatch, toast } from "./dom.js";
import { t } from "./i18n.js";
import { MAX_VARIANTS } from "./state.js";

/** @typedef {import("./state.js").Session} Session */
/** @typedef {import("./state.js").Variant} Variant */
/** @typedef {import("./preview.js").Preview} Preview */

export class Variants {
  /** @param {Session} session @param {Preview} preview @param {() => void} onuse */
  constructor(session, preview, onuse) {
    this.session = session;
    this.preview = preview;
    this.onuse = onuse;
    this.gallery = /** @type {HTMLDialogElement} */ (byId("gallery"));
    button("keep-variant").addEventListener("click", () => this.keep());
    button("side-by-side").addEventListener("click", () => this.#openGallery());
    button("gallery-close").addEventListener("click", () => this.gallery.close());
    this.gallery.addEventListener("click", (event) => event.target === this.gallery && this.gallery.close());
  }

  keep() {
    const { session } = this;
    if (session.variants.length >= MAX_VARIANTS) return toast(t("variantFull"));
    session.variants.push({ walls: structuredClone(session.work.walls), match: session.work.match, thumbnail: this.preview.thumbnail() });
    session.save();
    this.show();
  }

  /** @param {Variant} variant */
  use(variant) {
    const { session } = this;
    session.remember(session.snapshot());
    // Walls that were added since stay; a variant holds paints, not shapes.
    session.work.walls = session.work.walls.map((wall) => {
      const kept = variant.walls.find((other) => other.name === wall.name);
      return kept ? { ...wall, on: kept.on, color: kept.color } : wall;
    });
    session.work.match = variant.match;
    this.onuse();
  }

  /** @param {Variant} variant */
  #isCurrent(variant) {
    const paints = (/** @type {import("./state.js").WallChoice[]} */ walls) => walls.map((wall) => `${wall.name} ${wall.on && wall.color}`).join();
    return paints(variant.walls) === paints(this.session.work.walls) && variant.match === this.session.work.match;
  }

  /** @param {Variant} variant @param {number} i */
  #picture(variant, i) {
    const colors = [...new Set(variant.walls.flatMap((wall) => (wall.on && wall.color ? [wall.color] : [])))];
    return create("button", { type: "button", class: "variant", "aria-label": `${t("useVariant", { n: i + 1 })}: ${colors.join(", ")}`, "aria-pressed": String(this.#isCurrent(variant)) },
      [create("img", { src: variant.thumbnail, alt: "" }), create("span", { class: "colors" }, colors.map((color) => swatch(color)))]);
  }

  show() {
    const { variants } = this.session;
    byId("variants").replaceChildren(...variants.map((variant, i) => {
      const picture = this.#picture(variant, i);
      picture.addEventListener("click", () => this.use(variant));
      const remove = create("button", { type: "button", class: "icon variant-remove", "aria-label": t("removeVariant", { n: i + 1 }) });
      remove.append(icon("close"));
      remove.addEventListener("click", () => {
        variants.splice(i, 1);
        this.session.save();
        this.show();
        button("keep-variant").focus();
      });
      return create("li", {}, [picture, remove]);
    }));
    button("side-by-side").disabled = variants.length === 0;
  }

  #openGallery() {
    const photo = /** @type {HTMLImageElement} */ (byId("photo"));
    const original = create("li", {}, [create("figure", { class: "variant" }, [create("img", { src: photo.src, alt: t("originalPhoto") }), create("figcaption", {}, [t("originalPhoto")])])]);
    byId("gallery-list").replaceChildren(original, ...this.session.variants.map((variant, i) => {
      const picture = this.#picture(variant, i);
      picture.addEventListener("click", () => {
        this.gallery.close();
        this.use(variant);
      });
      return create("li", {}, [picture]);
    }));
    this.gallery.showModal();
  }
}
