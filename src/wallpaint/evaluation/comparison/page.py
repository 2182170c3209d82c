"""The validation as one self-contained HTML file: means, differences, each sample's images, every number.

Without JavaScript samples are listed worst first by the primary metric; with it they can be sorted by every metric.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from wallpaint.evaluation.bootstrap import MIN_PHOTOS
from wallpaint.evaluation.comparison.result_cache import CachedResult
from wallpaint.evaluation.comparison.samples import LOCKS, OFF
from wallpaint.evaluation.comparison.validation import candidate_warnings
from wallpaint.evaluation.metrics import METRICS
from wallpaint.evaluation.tables import pluralize
from wallpaint.html import images as page_images
from wallpaint.html.style import SCRIPT, document

MAX_IMAGE_BYTES = 18_000_000  # of encoded images on the page
LOCK_LABELS = {"off": "lock off", "on": "lock on"}
METRIC_GROUPS = {
    "swatch": "against the paint",
    "room_mean": "against the true repaint",
    "shading_kept": "against the photo",
}
"""Heading of each group of rows, by its first metric."""
MODE_DESCRIPTIONS = {
    "plain": "Plain inpainting, as the source document validates: each square sample is inpainted without image "
    "prompt, depth control or colour. The paint it is compared with is the wall's own; the true repaint is the photo.",
    "production": "The full pipeline: photos at their own size, each painted in the colour of its true repaint, or in "
    "its wall's own colour where there is none.",
    "analytic": "The painter that needs no bundle: photos at their own size, each painted in the colour of its true "
    "repaint, or in its wall's own colour where there is none.",
}
VERDICTS = {"better": "better", "worse": "worse", "same": "the same", "unclear": "", "few": ""}
INPUTS = ("source", "mask", "reference", "depth", "truth")
EMPTY_CELL_TEXTS = {"depth": "no depth map used", "truth": "no true repaint known"}

PAGE_STYLE = """
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

PAGE_SCRIPT = """
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


def render_page(report: Mapping[str, Any], results: Mapping[str, Sequence[CachedResult]]) -> str:
    """Return the HTML file. report: of `validation.build_report`. results: by candidate, in sample order."""
    order = worst_first(report, list(results))
    sections = [_header(report), _means(report), _differences(report), _samples(report, results, order)]
    body = "\n".join([*sections, _numbers(report, order)])
    return document("wallpaint validation", body, PAGE_STYLE, (SCRIPT, PAGE_SCRIPT))


def worst_first(report: Mapping[str, Any], names: Sequence[str]) -> list[int]:
    """Return the sample indices, sorted by the worst primary metric of these candidates; undefined ones last."""
    metric, lock = report["by"]["metric"], report["by"]["lock"]

    def rank_key(index: int) -> tuple[float, str]:
        scores = report["samples"][index]["scores"]
        values = [scores[name][lock][metric] for name in names if name in scores]
        errors = [METRICS[metric].sign * value for value in values if value is not None]
        return -max(errors, default=-math.inf), report["samples"][index]["key"]

    return sorted(range(len(report["samples"])), key=rank_key)


def format_value(metric: str, value: float | None) -> str:
    """Format a value with the metric's digits; a dash for None."""
    return "–" if value is None else f"{value:.{METRICS[metric].digits}f}"


# -- sections ----------------------------------------------------------------------------------------------


def _header(report: Mapping[str, Any]) -> str:
    lines = "".join(f"<p class=warn>{escape(line)}</p>" for line in candidate_warnings(report))
    bootstrap, samples = report["bootstrap"], report["samples"]
    return (
        f"<header><p class=kicker>wallpaint validation, {escape(report['mode'])}</p>"
        f"<h1>{pluralize(len(samples), 'sample')}, {pluralize(bootstrap['photos'], 'photo')}, "
        f"{pluralize(len(report['candidates']), 'candidate')}</h1>{lines}<p>{MODE_DESCRIPTIONS[report['mode']]}</p>"
        "<p><b>Lock off</b> is the painter's own result; <b>lock on</b> is the same brought to the paint by the colour "
        "lock, as match <code>swatch</code> delivers it. Samples on which a metric is undefined are excluded and "
        f"counted, never taken for zero. Small numbers are 95&nbsp;% confidence intervals of the mean: "
        f"{bootstrap['resamples']:,} resamples of photos, the same for all candidates.</p></header>"
    )


def _means(report: Mapping[str, Any]) -> str:
    columns = [(name, lock) for name in report["means"] for lock in LOCKS]
    headings = "".join(f"<th scope=col>{escape(name)}<br>{LOCK_LABELS[lock]}</th>" for name, lock in columns)
    rows = []
    for metric in METRICS:
        if metric in METRIC_GROUPS:
            rows.append(f'<tr><th class=group colspan="{len(columns) + 1}">{METRIC_GROUPS[metric]}</th></tr>')
        means = [report["means"][name][lock][metric] for name, lock in columns]
        if any(mean["value"] is not None for mean in means):
            rows.append(f"<tr>{_metric_heading(metric)}{''.join(_mean(metric, mean) for mean in means)}</tr>")
    return (
        "<section><h2>Means</h2><div class=scroll><table class=means><thead><tr><th class=label scope=col>metric</th>"
        f"{headings}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{_bands(report)}</section>"
    )


def _metric_heading(metric: str, *, with_reduction: bool = True) -> str:
    """with_reduction: mark metrics reduced by their maximum; differences are always means."""
    definition = METRICS[metric]
    direction = "lower is better" if definition.best == "low" else "higher is better"
    reduction = ", the largest" if definition.reduction == "max" and with_reduction else ""
    return (
        f'<th scope=row title="{escape(definition.description)}; {direction}">{escape(definition.label)}'
        f"<small>{escape(definition.unit)}{reduction}{' ↑' if definition.best == 'high' else ''}</small></th>"
    )


def _mean(metric: str, mean: Mapping[str, Any]) -> str:
    if mean["value"] is None:
        return "<td class=none>–</td>"
    left_out = f", {mean['left_out']} left out" if mean["left_out"] else ""
    low, high = format_value(metric, mean["low"]), format_value(metric, mean["high"])
    interval = "" if mean["low"] is None else f"{low} to {high}"
    small = f"{interval}{left_out}".removeprefix(", ")
    return f"<td>{format_value(metric, mean['value'])}{f'<small>{small}</small>' if small else ''}</td>"


def _bands(report: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td class=label>{LOCK_LABELS[lock]}</td>"
        f"<td class=label>{escape(METRICS[metric].label)}, {METRICS[metric].unit}</td>"
        + "".join(f"<td>{count}</td>" for count in counts)
        + "</tr>"
        for name, by_lock in report["bands"].items()
        for lock, by_metric in by_lock.items()
        for metric, counts in by_metric.items()
        if sum(counts)
    )
    headings = "".join(f"<th scope=col>{band}</th>" for band in ("under 1", "1 to 2", "2 to 10", "over 10"))
    return (
        "<details><summary>Number of samples in each band of colour difference</summary><div class=scroll>"
        "<table class=means><thead><tr><th class=label scope=col>candidate</th><th></th><th></th>"
        f"{headings}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _differences(report: Mapping[str, Any]) -> str:
    if not report["differences"]:
        return ""
    columns = list(dict.fromkeys((d["candidate"], d["baseline"], d["lock"]) for d in report["differences"]))
    by_column = {(d["candidate"], d["baseline"], d["lock"], d["metric"]): d for d in report["differences"]}
    headings = "".join(
        f"<th scope=col>{escape(name)}<br>minus {escape(baseline)}<br>{LOCK_LABELS[lock]}</th>"
        for name, baseline, lock in columns
    )
    primary = report["by"]["metric"]
    order = [primary, *(metric for metric in METRICS if metric != primary)]
    rows = "".join(
        f"<tr>{_metric_heading(metric, with_reduction=False)}"
        f"{''.join(_difference(metric, by_column.get((*c, metric))) for c in columns)}</tr>"
        for metric in order
        if any((*c, metric) in by_column for c in columns)
    )
    return (
        "<section><h2>Differences</h2><p>Paired by sample: candidate minus baseline. Coloured where the "
        "95&nbsp;% interval excludes zero. Choose the metric to decide by in advance: of forty metrics without a real "
        f"difference about two are coloured by chance. With fewer than {MIN_PHOTOS} photos none is coloured.</p>"
        "<div class=scroll><table class=means><thead><tr>"
        f"<th class=label scope=col>metric</th>{headings}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _difference(metric: str, entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "<td class=none>–</td>"
    digits = METRICS[metric].digits + 1
    interval = "" if entry["low"] is None else f"{entry['low']:+.{digits}f} to {entry['high']:+.{digits}f}"
    verdict = VERDICTS[entry["verdict"]]
    return (
        f'<td><span class="{entry["verdict"]}">{entry["difference"]:+.{digits}f} {verdict}</span>'
        f"<small>{interval}</small></td>"
    )


# -- images ------------------------------------------------------------------------------------------------


def _samples(report: Mapping[str, Any], results: Mapping[str, Sequence[CachedResult]], order: Sequence[int]) -> str:
    bodies: list[str] = []
    size, omitted, primary = 0, 0, report["by"]["metric"]
    for index in order:
        by_candidate = {name: by_sample[index] for name, by_sample in results.items()}
        body = _sample(report["samples"][index], by_candidate, primary)
        size += len(body)
        if size > MAX_IMAGE_BYTES and bodies and not all(result.error for result in by_candidate.values()):
            omitted += 1
        else:
            bodies.append(body)
    note = f" Images of the best {omitted} samples are omitted to limit the file's size." if omitted else ""
    options = "".join(
        f'<option value="{escape(json.dumps([name, m.digits, m.sign, m.label]))}"'
        f"{' selected' if name == primary else ''}>{escape(m.label)}, {escape(m.unit)}</option>"
        for name, m in METRICS.items()
        if _is_measured(report, name)
    )
    locks = "".join(
        f'<option value="{lock}"{" selected" if lock == report["by"]["lock"] else ""}>{LOCK_LABELS[lock]}</option>'
        for lock in LOCKS
    )
    headings = (*INPUTS, *(f"{image}, {LOCK_LABELS[lock]}" for lock in LOCKS for image in ("result", "error map")))
    columns = "".join(f"<th scope=col>{heading}</th>" for heading in headings)
    return (
        "<section><h2>Samples, worst first</h2><p>Error maps show CIEDE2000: on the wall against the true repaint, or "
        f"against the paint where that is unknown; elsewhere against the photo. Near depth is yellow.{note}</p>"
        f"<div class=bar><label>Worst first by <select id=metric>{options}</select> <select id=lock>{locks}</select>"
        f'</label>{page_images.heatmap_legend()}</div><div class="scroll wide"><table class=images id=images><thead>'
        f"<tr>{columns}</tr></thead>{''.join(bodies)}</table></div></section>"
    )


def _is_measured(report: Mapping[str, Any], metric: str) -> bool:
    return any(by_lock[lock][metric]["value"] is not None for by_lock in report["means"].values() for lock in LOCKS)


def _sample(entry: Mapping[str, Any], results: Mapping[str, CachedResult], primary: str) -> str:
    """A sample's rows: its name, then one row of images for each candidate."""
    successful = [name for name, result in results.items() if not result.error]
    chip = f'<i class=chip style="background:{escape(entry["paint"])}"></i>' if entry["paint"] else ""
    label = f"<span class=tag>{escape(entry['paint'])}</span>" if entry["paint"] else ""
    width = len(INPUTS) + 2 * len(LOCKS)
    title = f"<span>{chip}{escape(entry['key'])}{label}</span>"
    rows = [f'<tr><th colspan="{width}" scope=rowgroup>{title}</th></tr>']
    for name, result in results.items():
        if result.error:
            text = f"{escape(name)}: left out: {escape(entry['errors'][name])}"
            rows.append(f'<tr class=error><td colspan="{width}">{text}</td></tr>')
            continue
        is_first = name == successful[0]
        inputs = "".join(_input(result, image, len(successful)) for image in INPUTS) if is_first else ""
        outputs = "".join(_output(name, result, lock, primary, len(results)) for lock in LOCKS)
        rows.append(f"<tr>{inputs}{outputs}</tr>")
    return f"<tbody>{''.join(rows)}</tbody>"


def _input(result: CachedResult, name: str, rows: int) -> str:
    span = f' rowspan="{rows}"' if rows > 1 else ""
    if name not in result.images:
        return f"<td class=none{span}>{EMPTY_CELL_TEXTS.get(name, '')}</td>"
    return f"<td{span}>{_image(result.images[name], name)}</td>"


def _output(name: str, result: CachedResult, lock: str, primary: str, candidates: int) -> str:
    if lock not in result.scores:
        return "<td class=none></td><td class=none></td>"
    scores = escape(json.dumps(result.scores[lock]), quote=True)
    candidate = f"<span class=candidate>{escape(name)}</span>" if candidates > 1 else ""
    value = format_value(primary, result.scores[lock][primary])
    caption = f"<b>{value}</b> {candidate}<span>{escape(METRICS[primary].label)}</span>"
    image = _image(result.images[f"result {lock}"], f"result, {LOCK_LABELS[lock]}")
    return (
        f'<td data-lock="{lock}" data-scores="{scores}">{image}'
        f"<div class=cap>{caption}</div></td>"
        f"<td>{_image(result.images[f'map {lock}'], f'error map, {LOCK_LABELS[lock]}')}</td>"
    )


def _image(uri: str, alt: str) -> str:
    return f'<img src="{escape(uri)}" alt="{alt}" loading="lazy">'


# -- numbers -----------------------------------------------------------------------------------------------


def _numbers(report: Mapping[str, Any], order: Sequence[int]) -> str:
    primary = report["by"]["metric"]
    metrics = [name for name in METRICS if _is_measured(report, name)]
    metrics.sort(key=lambda name: name != primary)
    headings = "".join(
        f'<th scope="col" aria-sort="none"{css}><button type="button">{escape(heading)}</button></th>'
        for heading, css in (
            ("sample", " class=label"),
            ("candidate", " class=label"),
            ("lock", " class=label"),
            *((METRICS[name].label, "") for name in metrics),
        )
    )
    rows = "".join(
        f"<tr><th scope=row>{escape(report['samples'][index]['key'])}</th>"
        f'<td class=label data-value="{number}">{escape(name)}</td>'
        f'<td class=label data-value="{LOCKS.index(lock)}">{lock}</td>'
        + "".join(_cell(metric, scores.get(metric)) for metric in metrics)
        + "</tr>"
        for index in order
        for number, (name, by_lock) in enumerate(report["samples"][index]["scores"].items())
        for lock, scores in sorted(by_lock.items(), key=lambda item: item[0] != OFF)
    )
    return (
        "<section><h2>All numbers</h2><p class=note>Click a column heading to sort.</p><div class=scroll>"
        f'<table class="numbers"><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _cell(metric: str, value: float | None) -> str:
    if value is None:
        return "<td class=none>–</td>"
    return f'<td data-value="{value:.6g}">{format_value(metric, value)}</td>'
