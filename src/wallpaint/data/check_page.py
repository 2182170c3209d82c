"""HTML page of a data check: the worst samples with their issues, photo with the mask's outline, and mask."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import escape

import cv2
import numpy as np

from wallpaint.data import loading
from wallpaint.data.check import ISSUE_TYPES, CheckedSample, CheckReport, DataIssue, to_srgb
from wallpaint.data.listing import PhotoItem
from wallpaint.errors import InputError
from wallpaint.html.style import document
from wallpaint.typing import Array

MAX_SAMPLES = 60
IMAGE_PX = 280
JPEG_QUALITY = 82
OUTLINE_RGB = (255, 0, 160)
PAGE_STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(38rem, 100%), 1fr)); gap: 1.2rem;
  margin-top: 1.6rem; align-items: start; } .cards article { margin: 0; contain-intrinsic-size: auto 360px; }
.pair { display: flex; flex-wrap: wrap; gap: .9rem; } .pair figure { display: block; flex: 0 1 17.3rem; margin: 0; }
.pair img { border: 1px solid var(--line); } td.words { text-align: left; white-space: normal; }
ul.issues { margin: 0 0 .8rem; padding-left: 1.1rem; } ul.issues li { overflow-wrap: anywhere; }
"""


def page(report: CheckReport) -> str:
    """Return the HTML: samples with issues first, then by ascending mask quality, at most `MAX_SAMPLES`."""
    issues: dict[tuple[str, str], list[DataIssue]] = {}
    for issue in report.issues:
        issues.setdefault((issue.split, issue.key), []).append(issue)

    def sort_key(sample: CheckedSample) -> tuple[bool, float]:
        has_issue = (sample.split, sample.item.key) in issues
        return not has_issue, sample.quality.score if sample.quality else 0.0 if has_issue else 1.0

    worst = sorted(report.samples, key=sort_key)[:MAX_SAMPLES]
    by_name = {sample.name: sample for sample in report.samples}
    cards = "".join(_card(sample, issues.get((sample.split, sample.item.key), []), by_name) for sample in worst)
    return document("Data check", f"{_head(report, len(worst))}<div class=cards>{cards}</div>", PAGE_STYLE)


def _head(report: CheckReport, shown: int) -> str:
    data = report.to_dict()
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{count}</td><td class=words>{escape(ISSUE_TYPES[name])}</td></tr>"
        for name, count in data["counts"].items()
    )
    splits = ", ".join(f"{count} in {escape(split)}" for split, count in data["samples"].items())
    table = f"<div class=scroll><table><tbody>{rows}</tbody></table></div>" if rows else ""
    total = len(report.issues)
    verdict = f"{total} {'issue' if total == 1 else 'issues'}" if total else "No issues"
    return (
        f"<header><p class=kicker>wallpaint data check</p><h1>{verdict} in {escape(report.root.name)}</h1>"
        f"<p>Samples: {splits}. Shown are {shown}: those with issues first, then by ascending mask quality. 1 is as "
        f"good as drawn by hand; samples below {report.threshold:g} are excluded from training.</p></header>{table}"
    )


def _card(sample: CheckedSample, issues: list[DataIssue], by_name: Mapping[str, CheckedSample]) -> str:
    messages = "".join(f"<li><b>{escape(issue.type)}</b> {escape(issue.message)}</li>" for issue in issues)
    score = f"<span class=tag>quality {sample.quality.score:.2f}</span>" if sample.quality else ""
    others = [by_name[issue.other] for issue in issues if issue.other is not None]
    images = [*_images(sample), *((other.name, uri) for other in others for _, uri in [*_images(other)][:1])]
    figures = "".join(
        f'<figure><img src="{uri}" alt="{caption}"><figcaption class=cap>{caption}</figcaption></figure>'
        for caption, uri in ((escape(text), uri) for text, uri in images)
    )
    return (
        f"<article><h3>{escape(sample.name)} {score}</h3>{f'<ul class=issues>{messages}</ul>' if messages else ''}"
        f"<div class=pair>{figures}</div></article>"
    )


def _images(sample: CheckedSample) -> Iterator[tuple[str, str]]:
    """(caption, data URI) of a sample's readable images."""
    item = sample.item
    if not isinstance(item, PhotoItem):
        return
    photo = alpha = decoded = None
    with suppress(InputError):
        decoded = loading.read_image(item.image, item.location)
        photo = to_srgb(decoded)
    with suppress(InputError):
        alpha = loading.read_mask_file(item, decoded).alpha
    if photo is not None:
        fits = alpha is not None and alpha.shape == photo.shape[:2]
        yield "photo with the mask's outline" if fits else "photo", _data_uri(photo, alpha if fits else None)
    if alpha is not None:
        yield "mask", _data_uri(np.repeat(np.round(255 * alpha).astype(np.uint8)[..., None], 3, axis=2), None)


def _data_uri(rgb: Array, alpha: Array | None) -> str:
    height, width = rgb.shape[:2]
    scale = min(1.0, IMAGE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    if alpha is not None:
        wall = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 0.5).astype(np.uint8)
        contours, _ = cv2.findContours(wall, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, contours, -1, OUTLINE_RGB, 1)
    is_encoded, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert is_encoded
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
