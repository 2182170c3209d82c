// @ts-check
/** Short ways to the document. */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element ${id}`);
  return /** @type {T} */ (element);
}

/** @param {string} id @returns {HTMLInputElement} */
export const input = (id) => byId(id);

/** @param {string} id @returns {HTMLButtonElement} */
export const button = (id) => byId(id);

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function create(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** @param {string} color "#rrggbb" or "" @param {string} [className] */
export function swatch(color, className = "swatch") {
  const element = create("span", { class: className, "aria-hidden": "true" });
  if (color) element.style.setProperty("--color", color);
  return element;
}

/** @param {string} name of a symbol in icons.svg */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Tell screen readers. @param {string} text */
export function announce(text) {
  byId("announce").textContent = text;
}

/**
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 */
export function toast(text, action) {
  byId("toast-text").textContent = text;
  const offered = button("toast-action");
  offered.hidden = !action;
  if (action) {
    offered.textContent = action.label;
    offered.onclick = () => {
      hideToast();
      action.run();
    };
  }
  byId("toast").hidden = false;
  clearTimeout(toastTimer);
  if (!action) toastTimer = window.setTimeout(hideToast, 9000);
}

let toastTimer = 0;

export function hideToast() {
  byId("toast").hidden = true;
}

/** @param {number} v @param {number} low @param {number} high */
export const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
