"""The benchmark as one HTML file: tables, and pairs with pictures and error maps. Nothing comes from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from wallpaint.evaluation import metrics, tables
from wallpaint.evaluation.benchmark.baselines import Case
from wallpaint.evaluation.benchmark.compare import Scores
from wallpaint.evaluation.benchmark.dataset import Pair
from wallpaint.html import images as page_pictures
from wallpaint.html.style import SCRIPT, STYLE
from wallpaint.scene import mask as masks
from wallpaint.typing import Array

SHOWN = 40  # pairs with pictures on the page
PREFERRED = "analytic_room"  # the method whose worst pairs are shown
PICTURE_PX = 208  # longest side


@dataclass
class Album:
    """The pictures of the pairs that went worst, small and encoded, gathered as the benchmark goes on.

    methods: names, in order. Pairs beyond the worst `SHOWN` of the method `by` are dropped again.
    """

    methods: list[str]
    cards: list[Card] = field(default_factory=list)

    @property
    def by(self) -> str:
        return PREFERRED if PREFERRED in self.methods else self.methods[-1]

    def add(self, pair: Pair, case: Case, pictures: Mapping[str, Array], scores: Mapping[str, Scores]) -> None:
        """Keep a pair's pictures if it is among the worst so far. pictures, scores: by method."""
        errors = {name: score[tables.MAIN] for name, score in scores.items() if np.isfinite(score[tables.MAIN])}
        if not errors:
            return
        badness = errors.get(self.by, float(np.mean(list(errors.values()))))
        if len(self.cards) == SHOWN and badness <= self.cards[-1].badness:
            return
        self.cards.append(_card(pair, case, pictures, errors, badness))
        self.cards.sort(key=lambda card: (-card.badness, card.name))
        del self.cards[SHOWN:]


@dataclass(frozen=True)
class Card:
    """One pair on the page. inputs: data URIs of photo, mask, truth and, for a texture, its picture. swatches: CSS
    colours of the old and the new paint. errors: lit error by method. results: by method, URIs of picture and map."""

    name: str
    badness: float
    tracks: tuple[str, ...]
    inputs: Mapping[str, str]
    swatches: tuple[str | None, str | None]
    errors: Mapping[str, float]
    results: Mapping[str, tuple[str, str]]


def page(report: Mapping[str, Any], album: Album) -> str:
    """The whole file. report: of `benchmark.compare`. album: its pictures."""
    body = "\n".join([_head(report), _summary(report), _pairs(report, album)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        f"<title>wallpaint benchmark</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


# -- pictures --------------------------------------------------------------------------------------------


def error_map(picture: Array, case: Case) -> Array:
    """The CIEDE2000 of a repaint on the wall and its edge as a picture, (H, W, 3) uint8 RGB; the rest is faint grey.

    Its colours are those of `page_pictures.heat`.
    """
    assert case.truth is not None
    difference = metrics.delta_e_map(picture, case.truth.target)
    heat = page_pictures.heat(difference)
    grey = (110 + 0.25 * case.photo.mean(-1, keepdims=True)).astype(np.uint8)
    shown = masks.dilate(case.alpha >= metrics.WALL_ALPHA, metrics.EDGE_PX)[..., None]
    return np.where(shown, heat, grey)


def _card(pair: Pair, case: Case, pictures: Mapping[str, Array], errors: Mapping[str, float], badness: float) -> Card:
    assert case.truth is not None
    mask = np.round(255 * case.alpha).astype(np.uint8)
    inputs = {"photo": case.photo, "wall": np.repeat(mask[..., None], 3, axis=2), "truth": case.truth.target}
    if case.texture is not None:
        from wallpaint.imaging.color import linear_to_srgb

        inputs["texture"] = np.round(255 * linear_to_srgb(case.texture)).astype(np.uint8)
    return Card(
        name=pair.name,
        badness=badness,
        tracks=pair.tracks,
        inputs={name: page_pictures.uri(picture, PICTURE_PX) for name, picture in inputs.items()},
        swatches=(_css(pair.old_color_rgb), _css(pair.color_rgb)),
        errors=errors,
        results={
            name: (page_pictures.uri(picture, PICTURE_PX), page_pictures.uri(error_map(picture, case), PICTURE_PX))
            for name, picture in pictures.items()
        },
    )


def _css(rgb: tuple[float, float, float] | None) -> str | None:
    return None if rgb is None else "#" + "".join(f"{round(v):02x}" for v in rgb)


# -- text ------------------------------------------------------------------------------------------------


def _head(report: Mapping[str, Any]) -> str:
    photos = len({entry["photo"] for entry in report["pairs"]})
    lines = "".join(f"<p class=note>{escape(line)}</p>" for line in tables.notes(report))
    return (
        "<header><p class=kicker>wallpaint benchmark</p><h1>Ways of repainting a wall, against the truth</h1>"
        f"<p>{tables.counted(len(report['pairs']), 'repaint')} of {tables.counted(photos, 'photo')} of rendered rooms, "
        "each rendered again in its new paint: so there is a right answer for every pixel. "
        "Errors are CIEDE2000 on the wall, lower is better: under 1 is not "
        "visible, from 2 on it is plain to see.</p>"
        "<p>The best way that sees no truth is <b class=best>marked</b>. Ways <span class=badge>told the truth</span> "
        "know what no photo can tell; they are yardsticks. Small numbers are 95&nbsp;% intervals of the mean. Click a "
        f"column's head to sort.</p>{lines}</header>"
    )


def _summary(report: Mapping[str, Any]) -> str:
    if not report["tracks"]:
        return "<section><h2>Results</h2><p>No pair could be measured.</p></section>"
    details = "".join(
        f"<details{' open' if track == 'all' else ''}><summary>{escape(table.title)}</summary>{_table(table)}</details>"
        for track, table in ((track, tables.by_metric(report, track)) for track in report["tracks"])
    )
    main = tables.by_track(report)
    return (
        f"<section><h2>Results</h2><h3>{escape(main.title)}</h3>{_table(main)}"
        f"<h3>Every measure, track by track</h3>{details}</section>"
    )


def _table(table: tables.Table) -> str:
    heads = "".join(
        f'<th scope="col" aria-sort="none"{kind}><button type="button">{escape(head)}</button></th>'
        for head, kind in (("way", " class=way"), *((column, "") for column in table.columns))
    )
    rows = "".join(
        f'<tr{f" class={uses}" if uses else ""}><th scope="row">{escape(label)}{_badge(uses)}</th>'
        + "".join(map(_cell, cells))
        + "</tr>"
        for _, label, uses, cells in table.rows
    )
    return (
        f'<div class=scroll><table class="numbers"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _badge(uses: str) -> str:
    words = {"truth": "told the truth", "set": "told the set’s light"}
    return f" <span class=badge>{words[uses]}</span>" if uses else ""


def _cell(cell: tables.Cell) -> str:
    if cell.value is None:
        return "<td class=none>–</td>"
    text = f"<b class=best>{escape(cell.text)}</b>" if cell.is_best else escape(cell.text)
    small = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f'<td data-value="{cell.value:.6g}">{text}{small}</td>'


def _pairs(report: Mapping[str, Any], album: Album) -> str:
    if not album.cards:
        return ""
    labels = {name: method["label"] for name, method in report["methods"].items()}
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == album.by else ""}>{escape(label)}</option>'
        for name, label in labels.items()
        if any(name in card.errors for card in album.cards)
    )
    total, shown = len(report["pairs"]), len(album.cards)
    which = "All pairs" if shown == total else f"The {shown} of {total} pairs where “{labels[album.by]}” did worst"
    cards = "".join(_article(card, report["methods"], album.by) for card in album.cards)
    return (
        f"<section><h2>Pair by pair</h2><p>{escape(which)}. Under each repaint its error map, on the wall and 5 px "
        "round it.</p><div class=bar><label>Worst first for <select id=by>"
        f"{options}</select></label>{page_pictures.legend()}</div><div id=cards>{cards}</div></section>"
    )


def _article(card: Card, methods: Mapping[str, Any], by: str) -> str:
    scores = escape(json.dumps({name: round(value, 3) for name, value in card.errors.items()}), quote=True)
    tags = "".join(f"<span class=tag>{escape(tables.TRACK_LABELS[track])}</span>" for track in card.tracks)
    figures = [_inputs(card)]
    for name, method in methods.items():
        if name in card.results:
            figures.append(_result(name, method, card, name == by))
    return (
        f'<article data-scores="{scores}"><h3>{_swatches(card.swatches)}<span>{escape(card.name)}</span>{tags}</h3>'
        f"<div class=grid>{''.join(figures)}</div></article>"
    )


def _inputs(card: Card) -> str:
    cells = [f"{_image(uri, name)}<div class=cap>{name}</div>" for name, uri in card.inputs.items()]
    return "".join(f"<figure class=given>{''.join(cells[start : start + 2])}</figure>" for start in (0, 2))


def _result(name: str, method: Mapping[str, Any], card: Card, chosen: bool) -> str:
    if name not in card.errors:
        return ""
    picture, heat = card.results[name]
    label = escape(method["label"])
    kind = " ".join([method["uses"], "chosen" if chosen else ""]).strip()
    return (
        f'<figure data-method="{escape(name)}" class="{kind}">{_image(picture, label)}'
        f"<div class=cap><b>{card.errors[name]:.1f}</b> {label}</div>"
        f"{_image(heat, f'error map: {label}')}</figure>"
    )


def _image(uri: str, words: str) -> str:
    return f'<img src="{uri}" alt="{words}" loading="lazy">'


def _swatches(colours: Sequence[str | None]) -> str:
    chips = [
        f'<i class=chip style="background:{c}" title="{words} {c}"></i>'
        if c
        else f'<i class="chip any" title="{words}"></i>'
        for c, words in zip(colours, ("old paint", "new paint"), strict=True)
    ]
    return f"<span class=chips>{chips[0]}→{chips[1]}</span>"
