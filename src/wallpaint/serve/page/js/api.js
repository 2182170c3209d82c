// @ts-check
/** The HTTP API, /api/v1. */

/** @typedef {{name: string, share: number, confidence: number | null, alpha_url: string}} WallRecord */
/** @typedef {{id: string, filename: string, width: number, height: number, preview_width: number, preview_height: number, expires_at: string, warnings: string[], walls: WallRecord[]}} PhotoRecord */
/** @typedef {{name: string | null, code: string | null, color: string}} PaintRecord */
/** @typedef {{id: string, name: string, total?: number, paints: PaintRecord[]}} PaletteRecord */
/** @typedef {{appearance: string, paint: string, on_wall: boolean, wall: string | null, nearest: {name: string | null, code: string | null, color: string, delta_e: number}[]}} PickedColor */
/** @typedef {{id: string, state: string, progress: number, step: string, position: number, error: string | null, result_url: string | null}} JobRecord */
/** @typedef {{x: number, y: number, wall: boolean}} Click */

const ROOT = "api/v1";
const RETRIES = 3;

/** status: of the response, 0 without one. */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Called before a request is repeated because the server is busy. @type {(seconds: number) => void} */
let onbusy = () => {};

/** @param {(seconds: number) => void} callback */
export function notifyBusy(callback) {
  onbusy = callback;
}

/**
 * @param {string} path below /api/v1
 * @param {RequestInit & {json?: unknown}} [options]
 * @returns {Promise<Response>} a response of 2xx. Raises ApiError.
 */
async function request(path, { json, ...options } = {}) {
  if (json !== undefined) {
    options = { ...options, body: JSON.stringify(json), headers: { ...options.headers, "Content-Type": "application/json" } };
  }
  for (let attempt = 0; ; attempt++) {
    let response;
    try {
      response = await fetch(`${ROOT}/${path}`, options);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "no connection");
    }
    if (response.ok) return response;
    const wait = Number(response.headers.get("Retry-After") ?? 1);
    if (response.status !== 429 || attempt >= RETRIES) throw new ApiError(response.status, await detail(response));
    onbusy(wait);
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

/** @param {Response} response */
async function detail(response) {
  try {
    return (await response.json()).detail ?? response.statusText;
  } catch {
    return response.statusText || `status ${response.status}`;
  }
}

/**
 * Upload a photo.
 * @param {File} file
 * @param {(share: number) => void} onprogress
 * @param {AbortSignal} signal
 * @returns {Promise<PhotoRecord>}
 */
export function uploadPhoto(file, onprogress, signal) {
  // Only XMLHttpRequest reports the progress of an upload.
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest(), form = new FormData();
    form.append("file", file);
    upload.open("POST", `${ROOT}/photos`);
    upload.responseType = "json";
    upload.upload.onprogress = (event) => onprogress(event.loaded / Math.max(event.total, 1));
    upload.onerror = () => reject(new ApiError(0, "no connection"));
    upload.onload = () => upload.status === 201 ? resolve(upload.response) : reject(new ApiError(upload.status, upload.response?.detail ?? upload.statusText));
    signal.addEventListener("abort", () => {
      upload.abort();
      reject(new DOMException("cancelled", "AbortError"));
    });
    upload.send(form);
  });
}

/** @param {string} id @returns {Promise<PhotoRecord>} */
export const getPhoto = async (id) => (await request(`photos/${id}`)).json();

/** @param {string} id */
export const deletePhoto = (id) => request(`photos/${id}`, { method: "DELETE" });

/** @param {string} id @returns {Promise<Blob>} */
export const getImage = async (id) => (await request(`photos/${id}/image`)).blob();

/**
 * @param {string} id @param {Click[]} clicks @param {AbortSignal} [signal]
 * @returns {Promise<{walls: WallRecord[], notes: string[]}>}
 */
export const detectWalls = async (id, clicks, signal) => (await request(`photos/${id}/walls`, { method: "POST", json: { clicks, separate: true }, signal })).json();

/** @param {string} id @param {string} name */
const wallPath = (id, name) => `photos/${id}/walls/${encodeURIComponent(name)}`;

/** @param {string} id @param {string} name @returns {Promise<Blob>} */
export const getAlpha = async (id, name) => (await request(wallPath(id, name))).blob();

/** @param {string} id @param {string} name @param {Blob} png @returns {Promise<WallRecord>} */
export const putAlpha = async (id, name, png) => (await request(wallPath(id, name), { method: "PUT", body: png, headers: { "Content-Type": "image/png" } })).json();

/** @param {string} id @param {string} name */
export const deleteWall = (id, name) => request(wallPath(id, name), { method: "DELETE" });

/** @typedef {{oldColor?: string | null, white?: [number, number] | null}} Hints */

/** @param {string} id @param {string} name @param {Hints} hints @param {AbortSignal} signal @returns {Promise<ArrayBuffer>} */
export async function getPreview(id, name, { oldColor, white }, signal) {
  const query = new URLSearchParams();
  if (oldColor) query.set("old_color", oldColor);
  if (white) query.set("white", white.map((v) => v.toFixed(5)).join(","));
  return (await request(`${wallPath(id, name)}/preview?${query}`, { signal })).arrayBuffer();
}

/** @typedef {{name: string, color: string, old_color?: string}} WallPaint */
/** @typedef {{walls: WallPaint[], match: string, white?: [number, number]}} Painting */

/** @param {string} id @param {Painting} painting @param {AbortSignal} signal @returns {Promise<Blob>} */
export const render = async (id, painting, signal) => (await request(`photos/${id}/render`, { method: "POST", json: painting, signal })).blob();

/** @param {string} id @param {number} x @param {number} y @param {string | null} palette @returns {Promise<PickedColor>} */
export async function pickColor(id, x, y, palette) {
  const query = new URLSearchParams({ x: x.toFixed(5), y: y.toFixed(5) });
  if (palette) query.set("palette", palette);
  return (await request(`photos/${id}/color?${query}`)).json();
}

/** @returns {Promise<{palettes: {id: string, name: string, count: number}[]}>} */
export const listPalettes = async () => (await request("palettes")).json();

/** @param {string} id @param {string} search @returns {Promise<PaletteRecord>} */
export const getPalette = async (id, search) => (await request(`palettes/${id}?${new URLSearchParams({ search, limit: "200" })}`)).json();

/** @param {File} file @returns {Promise<PaletteRecord>} */
export async function uploadPalette(file) {
  const form = new FormData();
  form.append("file", file);
  return (await request("palettes", { method: "POST", body: form })).json();
}

/** @returns {Promise<{keep_hours: number, painters: string[]}>} */
export const health = async () => (await request("health")).json();

/** @param {Record<string, unknown>} body @param {string} key @returns {Promise<JobRecord>} */
export const createJob = async (body, key) => (await request("jobs", { method: "POST", json: body, headers: { "Idempotency-Key": key } })).json();

/** @param {string} id @returns {Promise<JobRecord>} */
export const getJob = async (id) => (await request(`jobs/${id}`)).json();

/** @param {string} id */
export const cancelJob = (id) => request(`jobs/${id}`, { method: "DELETE" });

/**
 * Follow a job until it is finished: by server-sent events, and by asking where those do not arrive.
 * @param {string} id @param {(job: {state: string, progress: number, step: string}) => void} onchange
 * @returns {Promise<JobRecord>}
 */
export async function followJob(id, onchange) {
  const events = new EventSource(`${ROOT}/jobs/${id}/events`);
  events.addEventListener("job", (event) => onchange(JSON.parse(event.data)));
  try {
    for (;;) {
      const job = await getJob(id);
      onchange(job);
      if (["done", "failed", "cancelled"].includes(job.state)) return job;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 3000);
        events.addEventListener("job", (event) => {
          if (!["done", "failed", "cancelled"].includes(JSON.parse(event.data).state)) return;
          clearTimeout(timer);
          resolve(null);
        }, { once: false });
      });
    }
  } finally {
    events.close();
  }
}
