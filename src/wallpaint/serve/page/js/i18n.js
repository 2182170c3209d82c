// @ts-check
/** The page's texts in the user's language. Sentences of the server are in English. */

/** @typedef {typeof import("./texts/en.js").texts} Texts */
/** @typedef {keyof Texts} Key */

const LANGUAGES = ["en", "vi"], STORED = "wallpaint.language";

let current = pick();
/** @type {Texts} */
let texts = await load(current);

function pick() {
  const stored = localStorage.getItem(STORED);
  if (stored && LANGUAGES.includes(stored)) return stored;
  return navigator.languages[0]?.toLowerCase().startsWith("vi") ? "vi" : "en";
}

/** @param {string} name @returns {Promise<Texts>} */
async function load(name) {
  return (await import(`./texts/${name}.js`)).texts;
}

export const language = () => current;

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values] for {name} in the text
 */
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** @param {string} name "en" or "vi" */
export async function setLanguage(name) {
  if (!LANGUAGES.includes(name)) return;
  texts = await load(name);
  current = name;
  localStorage.setItem(STORED, name);
  translate();
}

/** Write the texts of the current language into the document. */
export function translate() {
  document.documentElement.lang = current;
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-i18n]"))) {
    element.textContent = t(/** @type {Key} */ (element.dataset.i18n));
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-i18n-label]"))) {
    const text = t(/** @type {Key} */ (element.dataset.i18nLabel));
    element.setAttribute("aria-label", text);
    if (element instanceof HTMLButtonElement) element.title = text;
  }
  for (const element of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[data-i18n-placeholder]"))) {
    element.placeholder = t(/** @type {Key} */ (element.dataset.i18nPlaceholder));
  }
}
