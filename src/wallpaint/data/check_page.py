"""The samples of a data set that need a look, as one HTML file: photo with the mask's outline, mask, fault in words."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import escape

import cv2
import numpy as np

from wallpaint.data import loading
from wallpaint.data.check import KINDS, Examined, Fault, Findings, srgb
from wallpaint.data.listing import Item
from wallpaint.errors import InputError
from wallpaint.html.style import STYLE
from wallpaint.typing import Array

SHOWN = 60
PICTURE_PX = 280
QUALITY = 82
OUTLINE = (255, 0, 160)
OWN_STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(38rem, 100%), 1fr)); gap: 1.2rem;
  margin-top: 1.6rem; align-items: start; } .cards article { margin: 0; contain-intrinsic-size: auto 360px; }
.pair { display: flex; flex-wrap: wrap; gap: .9rem; } .pair figure { display: block; flex: 0 1 17.3rem; margin: 0; }
.pair img { border: 1px solid var(--line); } td.words { text-align: left; white-space: normal; }
ul.faults { margin: 0 0 .8rem; padding-left: 1.1rem; } ul.faults li { overflow-wrap: anywhere; }
"""


def page(findings: Findings) -> str:
    """The whole file: first what has faults, then the masks of lowest quality, at most `SHOWN`."""
    faults: dict[tuple[str, str], list[Fault]] = {}
    for fault in findings.faults:
        faults.setdefault((fault.split, fault.key), []).append(fault)

    def badness(sample: Examined) -> tuple[bool, float]:
        told = (sample.split, sample.listed.key) in faults
        return not told, sample.quality.score if sample.quality else 0.0 if told else 1.0

    worst = sorted(findings.samples, key=badness)[:SHOWN]
    named = {sample.name: sample for sample in findings.samples}
    cards = "".join(_card(sample, faults.get((sample.split, sample.listed.key), []), named) for sample in worst)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>Data check</title>\n<style>{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{_head(findings, len(worst))}<div class=cards>{cards}</div>\n</main>\n</body>\n</html>\n"
    )


def _head(findings: Findings, shown: int) -> str:
    report = findings.to_dict()
    rows = "".join(
        f"<tr><th>{escape(kind)}</th><td>{count}</td><td class=words>{escape(KINDS[kind])}</td></tr>"
        for kind, count in report["counts"].items()
    )
    parts = ", ".join(f"{count} in {escape(split)}" for split, count in report["samples"].items())
    table = f"<div class=scroll><table><tbody>{rows}</tbody></table></div>" if rows else ""
    total = len(findings.faults)
    verdict = f"{total} {'fault' if total == 1 else 'faults'}" if total else "No fault was found"
    return (
        f"<header><p class=kicker>wallpaint data check</p><h1>{verdict} in {escape(findings.root.name)}</h1>"
        f"<p>Samples: {parts}. Below are {shown}, those with faults first, then by the quality of their masks: 1 is as "
        f"good as drawn by hand, below {findings.threshold:g} a sample is not trained on.</p></header>{table}"
    )


def _card(sample: Examined, faults: list[Fault], named: Mapping[str, Examined]) -> str:
    told = "".join(f"<li><b>{escape(fault.kind)}</b> {escape(fault.message)}</li>" for fault in faults)
    score = f"<span class=tag>quality {sample.quality.score:.2f}</span>" if sample.quality else ""
    others = [named[fault.other] for fault in faults if fault.other is not None]
    pictures = [*_pictures(sample), *((other.name, uri) for other in others for _, uri in [*_pictures(other)][:1])]
    shown = "".join(
        f'<figure><img src="{uri}" alt="{caption}"><figcaption class=cap>{caption}</figcaption></figure>'
        for caption, uri in ((escape(told), uri) for told, uri in pictures)
    )
    return (
        f"<article><h3>{escape(sample.name)} {score}</h3>{f'<ul class=faults>{told}</ul>' if told else ''}"
        f"<div class=pair>{shown}</div></article>"
    )


def _pictures(sample: Examined) -> Iterator[tuple[str, str]]:
    """(caption, data URI) of what can be shown of a sample."""
    item = sample.listed
    if not isinstance(item, Item):
        return
    photo = alpha = None
    with suppress(InputError):
        photo = srgb(loading.picture(item.image, item.where))
    with suppress(InputError):
        alpha = loading.wall(item.mask, item.where)
    if photo is not None:
        fits = alpha is not None and alpha.shape == photo.shape[:2]
        yield "photo, and the mask's edge" if fits else "photo", _uri(photo, alpha if fits else None)
    if alpha is not None:
        yield "mask", _uri(np.repeat(np.round(255 * alpha).astype(np.uint8)[..., None], 3, axis=2), None)


def _uri(rgb: Array, alpha: Array | None) -> str:
    height, width = rgb.shape[:2]
    scale = min(1.0, PICTURE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    if alpha is not None:
        wall = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 0.5).astype(np.uint8)
        contours, _ = cv2.findContours(wall, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, contours, -1, OUTLINE, 1)
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
