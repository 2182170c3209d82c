"""The benchmark as one self-contained HTML file: tables, and pairs with images and error maps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from wallpaint.evaluation import metrics, tables
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase
from wallpaint.evaluation.benchmark.compare import PairScores
from wallpaint.evaluation.benchmark.dataset import BenchmarkPair
from wallpaint.html import images as page_images
from wallpaint.html.style import SCRIPT, document
from wallpaint.scene import mask as masks
from wallpaint.typing import Array

MAX_PAIRS = 40  # pairs with images on the page
PREFERRED_METHOD = "analytic_room"  # pairs are ranked by this method's error
IMAGE_PX = 208  # longest side


@dataclass
class PairGallery:
    """Downscaled, encoded images of the pairs with the largest errors, collected during a benchmark run.

    methods: names, in order. Only the `MAX_PAIRS` worst pairs of `ranking_method` are kept.
    """

    methods: list[str]
    cards: list[PairCard] = field(default_factory=list)

    @property
    def ranking_method(self) -> str:
        return PREFERRED_METHOD if PREFERRED_METHOD in self.methods else self.methods[-1]

    def add(
        self,
        pair: BenchmarkPair,
        case: BenchmarkCase,
        images: Mapping[str, Array],
        scores: Mapping[str, PairScores],
    ) -> None:
        """Keep a pair's images if it is among the worst so far. images, scores: by method."""
        errors = {
            name: score[tables.MAIN_METRIC] for name, score in scores.items() if np.isfinite(score[tables.MAIN_METRIC])
        }
        if not errors:
            return
        error = errors.get(self.ranking_method, float(np.mean(list(errors.values()))))
        if len(self.cards) == MAX_PAIRS and error <= self.cards[-1].ranking_error:
            return
        self.cards.append(_make_card(pair, case, images, errors, error))
        self.cards.sort(key=lambda card: (-card.ranking_error, card.name))
        del self.cards[MAX_PAIRS:]


@dataclass(frozen=True)
class PairCard:
    """One pair on the page.

    inputs: data URIs of photo, mask, true repaint and texture. swatches: CSS colours of the existing and the new
    paint. errors: room error by method. results: data URIs of repaint and error map by method.
    """

    name: str
    ranking_error: float
    tracks: tuple[str, ...]
    inputs: Mapping[str, str]
    swatches: tuple[str | None, str | None]
    errors: Mapping[str, float]
    results: Mapping[str, tuple[str, str]]


def render_page(report: Mapping[str, Any], gallery: PairGallery) -> str:
    """Return the HTML file. report: of `benchmark.compare`. gallery: its images."""
    body = "\n".join([_header(report), _summary(report), _pairs(report, gallery)])
    return document("wallpaint benchmark", body, scripts=(SCRIPT,))


# -- images ----------------------------------------------------------------------------------------------


def error_map(image: Array, case: BenchmarkCase) -> Array:
    """Return the CIEDE2000 of a repaint as a heatmap, (H, W, 3) uint8 RGB; dim grey away from the wall and its edge.

    The colormap is that of `html.images.error_heatmap`.
    """
    assert case.truth is not None
    difference = metrics.delta_e_map(image, case.truth.target)
    heatmap = page_images.error_heatmap(difference)
    grey = (110 + 0.25 * case.photo.mean(-1, keepdims=True)).astype(np.uint8)
    near_wall = masks.dilate(case.alpha >= metrics.WALL_ALPHA, metrics.EDGE_PX)[..., None]
    return np.where(near_wall, heatmap, grey)


def _make_card(
    pair: BenchmarkPair,
    case: BenchmarkCase,
    images: Mapping[str, Array],
    errors: Mapping[str, float],
    ranking_error: float,
) -> PairCard:
    assert case.truth is not None
    mask = np.round(255 * case.alpha).astype(np.uint8)
    inputs = {"photo": case.photo, "wall": np.repeat(mask[..., None], 3, axis=2), "truth": case.truth.target}
    if case.texture is not None:
        from wallpaint.imaging.color import linear_to_srgb

        inputs["texture"] = np.round(255 * linear_to_srgb(case.texture)).astype(np.uint8)
    return PairCard(
        name=pair.name,
        ranking_error=ranking_error,
        tracks=pair.tracks,
        inputs={name: page_images.data_uri(image, IMAGE_PX) for name, image in inputs.items()},
        swatches=(_css_color(pair.old_color_rgb), _css_color(pair.color_rgb)),
        errors=errors,
        results={
            name: (page_images.data_uri(image, IMAGE_PX), page_images.data_uri(error_map(image, case), IMAGE_PX))
            for name, image in images.items()
        },
    )


def _css_color(rgb: tuple[float, float, float] | None) -> str | None:
    return None if rgb is None else "#" + "".join(f"{round(v):02x}" for v in rgb)


# -- text ------------------------------------------------------------------------------------------------


def _header(report: Mapping[str, Any]) -> str:
    photos = len({entry["photo"] for entry in report["pairs"]})
    lines = "".join(f"<p class=note>{escape(line)}</p>" for line in tables.notes(report))
    return (
        "<header><p class=kicker>wallpaint benchmark</p><h1>Repainting methods compared with ground truth</h1>"
        f"<p>{tables.pluralize(len(report['pairs']), 'repaint')} of {tables.pluralize(photos, 'photo')} of rendered "
        "rooms. Each room is also rendered in its new paint, so every pixel has a correct value. "
        "Errors are CIEDE2000 on the wall, lower is better: a difference under 1 is invisible, one above 2 is clearly "
        "visible.</p>"
        "<p>The best method without ground truth is <b class=best>marked</b>. Methods that <span class=badge>use the "
        "ground truth</span> know what no photo contains; they serve as reference points. Small numbers are "
        "95&nbsp;% confidence intervals of the mean. Click a "
        f"column heading to sort.</p>{lines}</header>"
    )


def _summary(report: Mapping[str, Any]) -> str:
    if not report["tracks"]:
        return "<section><h2>Results</h2><p>No pair could be measured.</p></section>"
    details = "".join(
        f"<details{' open' if track == 'all' else ''}><summary>{escape(table.title)}</summary>{_table(table)}</details>"
        for track, table in ((track, tables.metric_table(report, track)) for track in report["tracks"])
    )
    main = tables.track_table(report)
    detection = tables.detection_table(report) if "all" in report["tracks"] else None
    if detection is not None and detection.rows:
        details += f"<h3>{escape(detection.title)}</h3>{_table(detection)}"
    return (
        f"<section><h2>Results</h2><h3>{escape(main.title)}</h3>{_table(main)}"
        f"<h3>All metrics, by track</h3>{details}</section>"
    )


def _table(table: tables.ReportTable) -> str:
    headings = "".join(
        f'<th scope="col" aria-sort="none"{css}><button type="button">{escape(heading)}</button></th>'
        for heading, css in (("method", " class=label"), *((column, "") for column in table.columns))
    )
    rows = "".join(
        f'<tr{f" class={uses}" if uses else ""}><th scope="row">{escape(label)}{_badge(uses)}</th>'
        + "".join(map(_cell, cells))
        + "</tr>"
        for _, label, uses, cells in table.rows
    )
    return (
        f'<div class=scroll><table class="numbers"><thead><tr>{headings}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _badge(uses: str) -> str:
    texts = {"truth": "uses ground truth", "set": "uses the set’s average light"}
    return f" <span class=badge>{texts[uses]}</span>" if uses else ""


def _cell(cell: tables.TableCell) -> str:
    if cell.value is None:
        return "<td class=none>–</td>"
    text = f"<b class=best>{escape(cell.text)}</b>" if cell.is_best else escape(cell.text)
    small = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f'<td data-value="{cell.value:.6g}">{text}{small}</td>'


def _pairs(report: Mapping[str, Any], gallery: PairGallery) -> str:
    if not gallery.cards:
        return ""
    ranking_method = gallery.ranking_method
    labels = {name: method["label"] for name, method in report["methods"].items()}
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == ranking_method else ""}>{escape(label)}</option>'
        for name, label in labels.items()
        if any(name in card.errors for card in gallery.cards)
    )
    total, shown = len(report["pairs"]), len(gallery.cards)
    title = (
        "All pairs"
        if shown == total
        else f"The {shown} of {total} pairs with the largest error of “{labels[ranking_method]}”"
    )
    cards = "".join(_article(card, report["methods"], ranking_method) for card in gallery.cards)
    return (
        f"<section><h2>Pairs</h2><p>{escape(title)}. Below each repaint is its error map, on the wall and within 5 px "
        "of it.</p><div class=bar><label>Largest error first, of <select id=method>"
        f"{options}</select></label>{page_images.heatmap_legend()}</div><div id=cards>{cards}</div></section>"
    )


def _article(card: PairCard, methods: Mapping[str, Any], ranking_method: str) -> str:
    scores = escape(json.dumps({name: round(value, 3) for name, value in card.errors.items()}), quote=True)
    tags = "".join(f"<span class=tag>{escape(tables.TRACK_LABELS[track])}</span>" for track in card.tracks)
    figures = [_inputs(card)]
    for name, method in methods.items():
        if name in card.results:
            figures.append(_result(name, method, card, name == ranking_method))
    return (
        f'<article data-scores="{scores}"><h3>{_swatches(card.swatches)}<span>{escape(card.name)}</span>{tags}</h3>'
        f"<div class=grid>{''.join(figures)}</div></article>"
    )


def _inputs(card: PairCard) -> str:
    cells = [f"{_image(uri, name)}<div class=cap>{name}</div>" for name, uri in card.inputs.items()]
    return "".join(f"<figure class=input>{''.join(cells[start : start + 2])}</figure>" for start in (0, 2))


def _result(name: str, method: Mapping[str, Any], card: PairCard, selected: bool) -> str:
    if name not in card.errors:
        return ""
    image, heatmap = card.results[name]
    label = escape(method["label"])
    css = " ".join([method["uses"], "selected" if selected else ""]).strip()
    return (
        f'<figure data-method="{escape(name)}" class="{css}">{_image(image, label)}'
        f"<div class=cap><b>{card.errors[name]:.1f}</b> {label}</div>"
        f"{_image(heatmap, f'error map: {label}')}</figure>"
    )


def _image(uri: str, alt: str) -> str:
    return f'<img src="{uri}" alt="{alt}" loading="lazy">'


def _swatches(colors: Sequence[str | None]) -> str:
    chips = [
        f'<i class=chip style="background:{c}" title="{label} {c}"></i>'
        if c
        else f'<i class="chip any" title="{label}"></i>'
        for c, label in zip(colors, ("existing paint", "new paint"), strict=True)
    ]
    return f"<span class=chips>{chips[0]}→{chips[1]}</span>"
