// @ts-check
/** The full-size file: a job of the server with progress and cancel, then a download. */

import * as api from "./api.js";
import { button, byId, create, input } from "./dom.js";
import { language, t } from "./i18n.js";

/** @typedef {import("./state.js").Session} Session */
/** @typedef {{fail: (error: unknown, retry?: () => void) => void, queue: Promise<void>}} Page */

export class Saving {
  /** @param {Session} session @param {Page} page */
  constructor(session, page) {
    this.session = session;
    this.page = page;
    /** @type {string | null} */
    this.job = null;
    button("download").addEventListener("click", () => this.download());
    button("job-cancel").addEventListener("click", () => this.job && api.cancelJob(this.job).catch((error) => this.page.fail(error)));
  }

  /** @param {api.PhotoRecord} record */
  showPhoto(record) {
    byId("size-note").textContent = t("sizeNote", { w: record.width, h: record.height });
    const date = new Date(record.expires_at).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
    byId("expires").textContent = t("expires", { date });
    this.showNotes(record.warnings);
    byId("job").hidden = true;
  }

  /** @param {string[]} notes sentences of the server */
  showNotes(notes) {
    byId("notes").replaceChildren(...[...new Set(notes)].map((note) => create("li", { lang: "en" }, [note])));
  }

  async download() {
    const { session } = this, painting = session.painting();
    if (!session.photo || painting.walls.length === 0) return;
    const format = /** @type {HTMLSelectElement} */ (byId("format")).value;
    const body = { kind: "repaint", photo: session.photo, ...painting, keep_location: input("keep-location").checked, ...(format ? { format } : {}) };
    button("download").disabled = true;
    this.#progress(t("jobQueued", { n: 0 }), 0);
    button("job-cancel").hidden = false;
    try {
      await this.page.queue; // strokes that are still on their way
      const job = await api.createJob({ ...body, ...(await this.#texture()) }, crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
      this.job = job.id;
      const finished = await api.followJob(job.id, (state) => this.#progress(this.#step(state), state.progress));
      if (finished.state === "done" && finished.result_url) {
        create("a", { href: finished.result_url, download: "" }).click();
        this.#progress(t("jobDone"), 1);
      } else if (finished.state === "failed") this.#progress(t("jobFailed", { detail: finished.error ?? "" }), 0);
      else this.#progress(t("jobCancelled"), 0);
    } catch (error) {
      byId("job").hidden = true;
      this.page.fail(error, () => this.download());
    } finally {
      this.job = null;
      button("job-cancel").hidden = true;
      button("download").disabled = false;
    }
  }

  /** @returns {Promise<Record<string, unknown>>} */
  async #texture() {
    const file = input("texture").files?.[0];
    if (!file) return {};
    const reference = await api.uploadPhoto(file, () => {}, new AbortController().signal);
    return { painter: "diffusion", reference: reference.id, detail: "new" };
  }

  /** @param {{state: string, position?: number}} job */
  #step({ state, position }) {
    return state === "queued" ? t("jobQueued", { n: position ?? 0 }) : t("jobRunning");
  }

  /** @param {string} step @param {number} share */
  #progress(step, share) {
    byId("job").hidden = false;
    if (byId("job-step").textContent !== step) byId("job-step").textContent = step;
    /** @type {HTMLProgressElement} */ (byId("job-progress")).value = share;
  }
}
