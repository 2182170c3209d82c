"""The document of a report page, and the style sheet and script that the pages share; all is embedded in one file.

A page defines what differs beside its content, as `PAGE_STYLE` and `PAGE_SCRIPT`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #ffffff; --ink: #22211f; --soft: #6a6763; --line: #dedad4;
  --mark: #0b6b4f; --mark-paper: #e0f1ea; --badge: #7a5a12; --badge-paper: #f6ecd4; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #171615; --card: #201f1d; --ink: #eceae6; --soft: #a5a19b; --line: #3a3835;
    --mark: #86dbbb; --mark-paper: #143a2e; --badge: #ecc97e; --badge-paper: #3b3018; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 2.5rem clamp(1rem, 3vw, 3rem) 5rem; }
header p { max-width: 72ch; margin: .6rem 0; }
.kicker { color: var(--soft); font-size: .85rem; letter-spacing: .04em; }
h1 { font-size: clamp(1.6rem, 3.2vw, 2.3rem); line-height: 1.15; margin: .1rem 0 1rem; letter-spacing: -.015em;
  text-wrap: balance; }
h2 { font-size: 1.35rem; margin: 3rem 0 .6rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
.note { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .8rem; text-align: right; vertical-align: baseline; white-space: nowrap; }
thead th { vertical-align: bottom; padding: 0; border-bottom: 2px solid var(--line); max-width: 9.5rem; }
thead button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; width: 100%;
  cursor: pointer; padding: .4rem .8rem; text-align: inherit; white-space: normal; position: relative; }
thead button:hover { color: var(--mark); }
th[aria-sort] button::after { position: absolute; right: .1rem; bottom: .4rem; }
th[aria-sort=ascending] button::after { content: "↑"; } th[aria-sort=descending] button::after { content: "↓"; }
tbody th, th.label { text-align: left; font-weight: 500; position: sticky; left: 0; background: var(--paper); }
tbody tr { border-bottom: 1px solid var(--line); }
tr.truth, tr.set { color: var(--soft); }
td small { display: block; color: var(--soft); font-size: .74rem; }
td.none { color: var(--soft); }
b.best { color: var(--mark); background: var(--mark-paper); border-radius: 4px; padding: .05rem .35rem;
  margin: 0 -.35rem; font-weight: 700; }
p b.best { margin: 0; }
.badge, .tag { font-size: .74rem; font-weight: 500; border-radius: 4px; padding: .08rem .4rem; white-space: nowrap; }
.badge { color: var(--badge); background: var(--badge-paper); }
.tag { color: var(--soft); border: 1px solid var(--line); }
details { margin: .4rem 0; } summary { cursor: pointer; padding: .35rem 0; font-weight: 500; }
.bar { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .6rem 2.5rem; align-items: center;
  justify-content: space-between; background: var(--paper); border-bottom: 1px solid var(--line); padding: .7rem 0; }
select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .3rem .5rem; max-width: 100%; }
.bar label { max-width: 100%; }
.legend { display: flex; gap: .8rem; align-items: center; font-size: .8rem; color: var(--soft); }
.ramp { width: 15rem; max-width: 50vw; height: .8rem; border-radius: 3px; border: 1px solid var(--line); }
.ticks { display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; line-height: 1.3; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem 1.2rem;
  margin: 1.2rem 0; content-visibility: auto; contain-intrinsic-size: auto 700px; }
article h3 { display: flex; flex-wrap: wrap; gap: .5rem .7rem; align-items: center; margin: 0 0 .8rem;
  overflow-wrap: anywhere; }
.chips { display: inline-flex; gap: .35rem; align-items: center; color: var(--soft); }
.chip { width: 1.35rem; height: 1.35rem; border-radius: 4px; border: 1px solid var(--line); }
.chip.any { background: repeating-linear-gradient(45deg, var(--line) 0 4px, transparent 4px 8px); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.5rem, 44%), 1fr)); gap: 0 .9rem; }
figure { margin: 0 0 .6rem; padding: .3rem; border-radius: 8px; border: 2px solid transparent; font-size: .8rem;
  line-height: 1.3; display: grid; grid-row: span 4; grid-template-rows: subgrid; align-content: start; }
figure.selected { border-color: var(--mark); }
figure img { display: block; width: 100%; height: auto; border-radius: 4px; margin-bottom: .3rem; }
.cap { color: var(--soft); margin: 0 0 .35rem; }
.cap b { color: var(--ink); font-size: .95rem; font-variant-numeric: tabular-nums; }
figure.truth .cap::after, figure.set .cap::after { content: " (uses ground truth)"; color: var(--badge); }
figure.input .cap { color: var(--ink); font-weight: 500; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
@media (max-width: 700px) {
  th, td { padding-inline: .45rem; } thead button { padding-inline: .45rem; }
  tbody th, th.label { white-space: normal; min-width: 9rem; max-width: 9rem; } }
@media print { .bar { position: static; } article { break-inside: avoid; } }
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.numbers")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.firstElementChild.addEventListener("click", () => {
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    headings.forEach(other => other.setAttribute("aria-sort", "none"));
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = row => {
      const cell = row.cells[column];
      if (column === 0) return cell.textContent;
      return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
    };
    const compare = (a, b) => {
      const x = key(a), y = key(b);
      if (x === null || y === null) return (x === null) - (y === null);
      const sign = typeof x === "string" ? x.localeCompare(y) : x - y;
      return ascending ? sign : -sign;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  }));
}
const method = document.getElementById("method"), cards = document.getElementById("cards");
if (method && cards) {
  const articles = [...cards.children].map(card => [card, JSON.parse(card.dataset.scores)]);
  const update = () => {
    const score = scores => scores[method.value] ?? -1;
    articles.sort((a, b) => score(b[1]) - score(a[1]));
    cards.append(...articles.map(([card]) => card));
    for (const figure of cards.querySelectorAll("figure[data-method]"))
      figure.classList.toggle("selected", figure.dataset.method === method.value);
  };
  method.addEventListener("change", update);
}
"""


def document(title: str, body: str, style: str = "", scripts: Sequence[str] = ()) -> str:
    """Return a self-contained HTML file whose policy allows no other source.

    title: text. body: HTML of the element main. style: style sheet after the shared one. scripts: of the page; without
    any, its policy forbids scripts.
    """
    script_policy = "; script-src 'unsafe-inline'" if scripts else ""
    elements = "".join(f"<script>{script}</script>\n" for script in scripts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'{script_policy}\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}\n"
        f"</main>\n{elements}</body>\n</html>\n"
    )
