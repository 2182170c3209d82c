"""Style sheet and script that the validation page adds to `html.style`."""

from __future__ import annotations

STYLE = """
.warn { border: 1px solid var(--badge); background: var(--badge-paper); color: var(--badge); border-radius: 8px;
  padding: .5rem .9rem; max-width: 80ch; font-weight: 500; }
table.means th.group { color: var(--soft); font-size: .8rem; letter-spacing: .04em; padding-top: 1rem; }
table.means thead th { padding: .4rem .8rem; max-width: none; font-weight: 600; }
table.means tbody th small { color: var(--soft); font-weight: 400; font-size: .8rem; margin-left: .5rem; }
.better { color: var(--mark); font-weight: 700; } .worse { color: var(--bad); font-weight: 700; }
:root { --bad: #a3301c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff9a85; } }
td.label { text-align: left; }
table.images { width: 100%; min-width: 66rem; table-layout: fixed; }
table.images thead th { padding: .4rem .25rem; text-align: left; font-weight: 600; max-width: none; font-size: .82rem;
  background: var(--paper); }
@media (min-width: 72rem) {
  .wide { overflow-x: visible; } table.images thead th { position: sticky; top: 3.3rem; z-index: 1; } }
table.images tbody { border-bottom: 1px solid var(--line); scroll-margin-top: 6rem; }
table.images tbody tr { border: 0; }
table.images td { padding: .1rem .25rem .7rem; text-align: left; vertical-align: top; white-space: normal; }
table.images td.none { padding-top: 1.4rem; font-size: .85rem; }
table.images tbody th { position: static; padding: .8rem .25rem .35rem; font-weight: 600; white-space: normal; }
table.images tbody th > span { display: flex; align-items: center; gap: .5rem; }
table.images img { display: block; width: 100%; height: auto; border-radius: 4px; }
table.images tr.error td { color: var(--bad); }
table.images .cap { margin: .3rem 0 0; line-height: 1.25; font-size: .8rem; }
.candidate { display: block; overflow-wrap: anywhere; }
"""

SCRIPT = """
"use strict";
const metric = document.getElementById("metric"), lock = document.getElementById("lock");
const images = document.getElementById("images");
if (metric && lock && images) {
  const bodies = [...images.tBodies];
  const cells = body => [...body.querySelectorAll("td[data-scores]")];
  const update = () => {
    const [name, digits, sign, label] = JSON.parse(metric.value);
    const value = cell => JSON.parse(cell.dataset.scores)[name];
    const worst = new Map(bodies.map(body => {
      const values = cells(body).filter(cell => cell.dataset.lock === lock.value).map(value);
      const signed = values.filter(v => v !== null && v !== undefined).map(v => sign * v);
      return [body, signed.length ? Math.max(...signed) : -Infinity];
    }));
    bodies.sort((a, b) => worst.get(b) === worst.get(a) ? 0 : worst.get(b) - worst.get(a));
    images.append(...bodies);
    for (const body of bodies) for (const cell of cells(body)) {
      const number = value(cell), caption = cell.querySelector(".cap");
      caption.firstElementChild.textContent = number === null || number === undefined ? "–" : number.toFixed(digits);
      caption.lastElementChild.textContent = label;
    }
  };
  metric.addEventListener("change", update);
  lock.addEventListener("change", update);
}
"""
