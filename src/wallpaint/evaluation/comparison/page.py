"""A validation as one HTML file: means, differences, every sample's pictures, every number. Nothing comes from outside.

Without JavaScript it reads from the worst sample on; with it every metric sorts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from wallpaint.evaluation.bootstrap import LEAST_PHOTOS
from wallpaint.evaluation.comparison.result_cache import Part
from wallpaint.evaluation.comparison.samples import LOCKS, OFF
from wallpaint.evaluation.comparison.validation import warnings_of
from wallpaint.evaluation.metrics import METRICS
from wallpaint.evaluation.tables import counted
from wallpaint.html import images as page_pictures
from wallpaint.html import style as pages
from wallpaint.html.validation_style import SCRIPT, STYLE

MOST_BYTES = 18_000_000  # of pictures on the page
LOCK_LABELS = {"off": "lock off", "on": "lock on"}
GROUPS = {
    "swatch": "against the paint",
    "room_mean": "against the true repaint",
    "shading_kept": "against the photo",
}
"""The first metric of each group of rows."""
MODES = {
    "plain": "Plain inpainting, as the source document validates: each sample inpainted whole, without image prompt "
    "and depth control, told no colour. The paint that it is compared with is the wall's own; the truth is the photo.",
    "production": "The whole painter: photos at their own size, each painted in the colour of its true repaint, or in "
    "its wall's own where there is none.",
    "analytic": "The painter that needs no bundle: photos at their own size, each painted in the colour of its true "
    "repaint, or in its wall's own where there is none.",
}
VERDICTS = {"better": "better", "worse": "worse", "same": "the same", "unclear": "", "few": ""}
INPUTS = ("source", "mask", "reference", "depth", "truth")
NOTHING = {"depth": "no depth is used", "truth": "no truth is known"}


def page(report: Mapping[str, Any], parts: Mapping[str, Sequence[Part]]) -> str:
    """The whole file. report: of `validation.describe`. parts: by candidate, in the samples' order."""
    order = worst_first(report, list(parts))
    sections = [_head(report), _means(report), _differences(report), _pictures(report, parts, order)]
    body = "\n".join([*sections, _numbers(report, order)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        f"<title>wallpaint validation</title>\n<style>{pages.STYLE}{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n"
        f"</main>\n<script>{pages.SCRIPT}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def worst_first(report: Mapping[str, Any], names: Sequence[str]) -> list[int]:
    """Places of the samples, the worst of any of these candidates first; those without a number last."""
    metric, lock = report["by"]["metric"], report["by"]["lock"]

    def badness(place: int) -> tuple[float, str]:
        scores = report["samples"][place]["scores"]
        found = [scores[name][lock][metric] for name in names if name in scores]
        numbers = [METRICS[metric].sign * value for value in found if value is not None]
        return -max(numbers, default=-math.inf), report["samples"][place]["key"]

    return sorted(range(len(report["samples"])), key=badness)


def shown(metric: str, value: float | None) -> str:
    """A value with the metric's digits."""
    return "–" if value is None else f"{value:.{METRICS[metric].digits}f}"


# -- sections ----------------------------------------------------------------------------------------------


def _head(report: Mapping[str, Any]) -> str:
    lines = "".join(f"<p class=warn>{escape(line)}</p>" for line in warnings_of(report))
    boot, samples = report["bootstrap"], report["samples"]
    return (
        f"<header><p class=kicker>wallpaint validation, {escape(report['mode'])}</p>"
        f"<h1>{counted(len(samples), 'sample')}, {counted(boot['photos'], 'photo')}, "
        f"{counted(len(report['candidates']), 'candidate')}</h1>{lines}<p>{MODES[report['mode']]}</p>"
        "<p><b>Lock off</b> is what the painter makes of the wall; <b>lock on</b> is the same taken to the paint, "
        "which is how a literal colour is delivered. A metric that cannot be measured on a sample is left out and "
        f"counted, never taken for zero. Small numbers are 95&nbsp;% intervals of the mean: {boot['resamples']:,} "
        "resamples of photos, the same ones for all candidates.</p></header>"
    )


def _means(report: Mapping[str, Any]) -> str:
    columns = [(name, lock) for name in report["means"] for lock in LOCKS]
    heads = "".join(f"<th scope=col>{escape(name)}<br>{LOCK_LABELS[lock]}</th>" for name, lock in columns)
    rows = []
    for metric in METRICS:
        if metric in GROUPS:
            rows.append(f'<tr><th class=group colspan="{len(columns) + 1}">{GROUPS[metric]}</th></tr>')
        found = [report["means"][name][lock][metric] for name, lock in columns]
        if any(one["value"] is not None for one in found):
            rows.append(f"<tr>{_metric_head(metric)}{''.join(_mean(metric, one) for one in found)}</tr>")
    return (
        "<section><h2>Means</h2><div class=scroll><table class=means><thead><tr><th class=way scope=col>metric</th>"
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{_bands(report)}</section>"
    )


def _metric_head(metric: str, *, folded: bool = True) -> str:
    """folded: for values over all samples, some of which are a largest; differences are always means."""
    meaning = METRICS[metric]
    arrow = "lower is better" if meaning.best == "low" else "higher is better"
    fold = ", the largest" if meaning.fold == "max" and folded else ""
    return (
        f'<th scope=row title="{escape(meaning.about)}; {arrow}">{escape(meaning.label)}'
        f"<small>{escape(meaning.unit)}{fold}{' ↑' if meaning.best == 'high' else ''}</small></th>"
    )


def _mean(metric: str, found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "<td class=none>–</td>"
    left_out = f", {found['left_out']} left out" if found["left_out"] else ""
    interval = "" if found["low"] is None else f"{shown(metric, found['low'])} to {shown(metric, found['high'])}"
    small = f"{interval}{left_out}".removeprefix(", ")
    return f"<td>{shown(metric, found['value'])}{f'<small>{small}</small>' if small else ''}</td>"


def _bands(report: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td class=way>{LOCK_LABELS[lock]}</td>"
        f"<td class=way>{escape(METRICS[metric].label)}, {METRICS[metric].unit}</td>"
        + "".join(f"<td>{count}</td>" for count in counts)
        + "</tr>"
        for name, by_lock in report["bands"].items()
        for lock, by_metric in by_lock.items()
        for metric, counts in by_metric.items()
        if sum(counts)
    )
    heads = "".join(f"<th scope=col>{words}</th>" for words in ("under 1", "1 to 2", "2 to 10", "over 10"))
    return (
        "<details><summary>How many samples lie in which band of colour difference</summary><div class=scroll>"
        "<table class=means><thead><tr><th class=way scope=col>candidate</th><th></th><th></th>"
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _differences(report: Mapping[str, Any]) -> str:
    if not report["differences"]:
        return ""
    columns = list(dict.fromkeys((d["candidate"], d["baseline"], d["lock"]) for d in report["differences"]))
    found = {(d["candidate"], d["baseline"], d["lock"], d["metric"]): d for d in report["differences"]}
    heads = "".join(
        f"<th scope=col>{escape(name)}<br>less {escape(baseline)}<br>{LOCK_LABELS[lock]}</th>"
        for name, baseline, lock in columns
    )
    chosen = report["by"]["metric"]
    order = [chosen, *(metric for metric in METRICS if metric != chosen)]
    rows = "".join(
        f"<tr>{_metric_head(metric, folded=False)}"
        f"{''.join(_difference(metric, found.get((*c, metric))) for c in columns)}</tr>"
        for metric in order
        if any((*c, metric) in found for c in columns)
    )
    return (
        "<section><h2>Differences</h2><p>Sample by sample, candidate less what it is compared with. Coloured where the "
        "95&nbsp;% interval leaves out zero. Decide by one metric that was chosen before looking: of forty that differ "
        f"by chance alone two are coloured. Fewer than {LEAST_PHOTOS} photos are too few for a colour.</p>"
        "<div class=scroll><table class=means><thead><tr>"
        f"<th class=way scope=col>metric</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _difference(metric: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "<td class=none>–</td>"
    digits = METRICS[metric].digits + 1
    interval = "" if found["low"] is None else f"{found['low']:+.{digits}f} to {found['high']:+.{digits}f}"
    words = VERDICTS[found["verdict"]]
    return (
        f'<td><span class="{found["verdict"]}">{found["difference"]:+.{digits}f} {words}</span>'
        f"<small>{interval}</small></td>"
    )


# -- pictures ----------------------------------------------------------------------------------------------


def _pictures(report: Mapping[str, Any], parts: Mapping[str, Sequence[Part]], order: Sequence[int]) -> str:
    bodies: list[str] = []
    size, left, chosen = 0, 0, report["by"]["metric"]
    for place in order:
        own = {name: made[place] for name, made in parts.items()}
        body = _sample(report["samples"][place], own, chosen)
        size += len(body)
        if size > MOST_BYTES and bodies and not all(part.error for part in own.values()):
            left += 1
        else:
            bodies.append(body)
    note = f" The best {left} have no pictures here, to keep this file small." if left else ""
    options = "".join(
        f'<option value="{escape(json.dumps([name, m.digits, m.sign, m.label]))}"'
        f"{' selected' if name == chosen else ''}>{escape(m.label)}, {escape(m.unit)}</option>"
        for name, m in METRICS.items()
        if any(by[lock][name]["value"] is not None for by in report["means"].values() for lock in LOCKS)
    )
    locks = "".join(
        f'<option value="{lock}"{" selected" if lock == report["by"]["lock"] else ""}>{LOCK_LABELS[lock]}</option>'
        for lock in LOCKS
    )
    heads = (*INPUTS, *(f"{what}, {LOCK_LABELS[lock]}" for lock in LOCKS for what in ("result", "error map")))
    columns = "".join(f"<th scope=col>{head}</th>" for head in heads)
    return (
        f"<section><h2>Sample by sample, worst first</h2><p>Error maps show CIEDE2000: on the wall to the truth, or to "
        f"the paint where no truth is known; elsewhere to the photo. Depth is yellow where near.{note}</p>"
        f"<div class=bar><label>Worst first by <select id=metric>{options}</select> <select id=lock>{locks}</select>"
        f'</label>{page_pictures.legend()}</div><div class="scroll wide"><table class=pictures id=pictures><thead><tr>'
        f"{columns}</tr></thead>{''.join(bodies)}</table></div></section>"
    )


def _sample(entry: Mapping[str, Any], parts: Mapping[str, Part], chosen: str) -> str:
    """A sample's rows: its name, then one of pictures for each candidate."""
    good = [name for name, part in parts.items() if not part.error]
    chip = f'<i class=chip style="background:{escape(entry["paint"])}"></i>' if entry["paint"] else ""
    label = f"<span class=tag>{escape(entry['paint'])}</span>" if entry["paint"] else ""
    width = len(INPUTS) + 2 * len(LOCKS)
    title = f"<span>{chip}{escape(entry['key'])}{label}</span>"
    rows = [f'<tr><th colspan="{width}" scope=rowgroup>{title}</th></tr>']
    for name, part in parts.items():
        if part.error:
            words = f"{escape(name)}: left out: {escape(entry['errors'][name])}"
            rows.append(f'<tr class=error><td colspan="{width}">{words}</td></tr>')
            continue
        inputs = "".join(_input(part, what, len(good)) for what in INPUTS) if name == good[0] else ""
        results = "".join(_result(name, part, lock, chosen, len(parts)) for lock in LOCKS)
        rows.append(f"<tr>{inputs}{results}</tr>")
    return f"<tbody>{''.join(rows)}</tbody>"


def _input(part: Part, what: str, rows: int) -> str:
    span = f' rowspan="{rows}"' if rows > 1 else ""
    if what not in part.pictures:
        return f"<td class=none{span}>{NOTHING.get(what, '')}</td>"
    return f"<td{span}>{_image(part.pictures[what], what)}</td>"


def _result(name: str, part: Part, lock: str, chosen: str, candidates: int) -> str:
    if lock not in part.scores:
        return "<td class=none></td><td class=none></td>"
    scores = escape(json.dumps(part.scores[lock]), quote=True)
    whose = f"<span class=from>{escape(name)}</span>" if candidates > 1 else ""
    words = f"result, {LOCK_LABELS[lock]}"
    caption = f"<b>{shown(chosen, part.scores[lock][chosen])}</b> {whose}<span>{escape(METRICS[chosen].label)}</span>"
    return (
        f'<td data-lock="{lock}" data-scores="{scores}">{_image(part.pictures[f"result {lock}"], words)}'
        f"<div class=cap>{caption}</div></td>"
        f"<td>{_image(part.pictures[f'map {lock}'], f'error map, {LOCK_LABELS[lock]}')}</td>"
    )


def _image(uri: str, words: str) -> str:
    return f'<img src="{escape(uri)}" alt="{words}" loading="lazy">'


# -- numbers -----------------------------------------------------------------------------------------------


def _numbers(report: Mapping[str, Any], order: Sequence[int]) -> str:
    metrics = [
        name
        for name in METRICS
        if any(by[lock][name]["value"] is not None for by in report["means"].values() for lock in LOCKS)
    ]
    chosen = report["by"]["metric"]
    metrics.sort(key=lambda name: name != chosen)
    heads = "".join(
        f'<th scope="col" aria-sort="none"{kind}><button type="button">{escape(head)}</button></th>'
        for head, kind in (
            ("sample", " class=way"),
            ("candidate", " class=way"),
            ("lock", " class=way"),
            *((METRICS[name].label, "") for name in metrics),
        )
    )
    rows = "".join(
        f"<tr><th scope=row>{escape(report['samples'][place]['key'])}</th>"
        f'<td class=way data-value="{number}">{escape(name)}</td>'
        f'<td class=way data-value="{LOCKS.index(lock)}">{lock}</td>'
        + "".join(_cell(metric, found.get(metric)) for metric in metrics)
        + "</tr>"
        for place in order
        for number, (name, by_lock) in enumerate(report["samples"][place]["scores"].items())
        for lock, found in sorted(by_lock.items(), key=lambda item: item[0] != OFF)
    )
    return (
        "<section><h2>Every number</h2><p class=note>Click a column's head to sort.</p><div class=scroll>"
        f'<table class="numbers"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _cell(metric: str, value: float | None) -> str:
    if value is None:
        return "<td class=none>–</td>"
    return f'<td data-value="{value:.6g}">{shown(metric, value)}</td>'
