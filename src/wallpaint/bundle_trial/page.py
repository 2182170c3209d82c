"""The page of a trial: figures, each paint's images side by side, and the LoRA, in one self-contained file."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from wallpaint.bundle_trial.record import Trial, TrialRepaint
from wallpaint.html.images import data_uri
from wallpaint.html.style import document
from wallpaint.typing import Array

IMAGE_PX = 512
DIFFERENCE_GAIN = 16  # of the difference image
EQUAL_CODES = 1.0  # difference of float32 images that rounding to codes explains
RANDOM_WEIGHTS = "The bundle's weights are random and were never trained: the images are meaningless."

PAGE_STYLE = """
.warn { border: 1px solid var(--badge); background: var(--badge-paper); color: var(--badge); border-radius: 8px;
  padding: .5rem .9rem; max-width: 80ch; font-weight: 500; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 46%), 1fr)); gap: .9rem; }
.row figure { display: block; margin: 0; padding: 0; } .row .cap { line-height: 1.35; }
table.costs thead th { padding: .4rem .8rem; font-weight: 600; }
td.words, th.words { text-align: left; white-space: normal; }
svg.loss { width: min(40rem, 100%); height: auto; } svg.loss polyline { fill: none;
  stroke: var(--mark); stroke-width: 2; } svg.loss line { stroke: var(--line); }
"""


def render_page(trial: Trial) -> str:
    """Return the HTML file, complete or with the stages so far."""
    cards = "".join(_card(one) for one in trial.repaints)
    sections = [_header(trial), _facts(trial), _costs(trial)]
    sections.append(f"<section><h2>Repaints</h2>{_explanation(trial)}{cards}</section>")
    return document(f"wallpaint: {trial.facts['bundle']}", "\n".join([*sections, _lora(trial)]), PAGE_STYLE)


def verdict(trial: Trial) -> str:
    """Return one sentence on the difference to the stock pipeline."""
    difference, dtype = trial.max_difference, trial.facts["dtype"]
    if difference is None:
        return "The stock pipeline has not run."
    compared = len([one for one in trial.repaints if one.stock is not None])
    largest = f"the largest difference over {compared} {'repaint' if compared == 1 else 'repaints'} is {difference:g}"
    if dtype != "float32":
        return (
            f"Networks and stock pipeline in {dtype}: {largest} of 255 codes. They round at different steps; "
            "float32 shows whether they are equal."
        )
    if difference <= EQUAL_CODES:
        return f"The networks' images equal the stock pipeline's up to rounding: {largest} of 255 codes."
    return f"The networks' images differ from the stock pipeline's: {largest} of 255 codes, expected at most 1."


def _header(trial: Trial) -> str:
    is_wrong = trial.facts["dtype"] == "float32" and (trial.max_difference or 0) > EQUAL_CODES
    warnings = [RANDOM_WEIGHTS] if trial.random else []
    warnings += [verdict(trial)] if is_wrong else []
    warnings += [f"{stage}: {reason}" for stage, reason in trial.errors.items()]
    lines = "".join(f"<p class=warn>{escape(line)}</p>" for line in warnings)
    sentence = "" if is_wrong else f"<p>{escape(verdict(trial))}</p>"
    count = len(trial.repaints)
    return (
        f"<header><p class=kicker>wallpaint models try</p><h1>{escape(trial.facts['bundle'])}: {count} "
        f"{'repaint' if count == 1 else 'repaints'} beside the stock pipeline</h1>{lines}{sentence}</header>"
    )


def _facts(trial: Trial) -> str:
    facts = trial.facts
    crop = f"{facts['crop'][0]}x{facts['crop'][1]}" if "crop" in facts else "–"
    conditions = [
        name for key, name in (("ip_adapter", "IP-Adapter"), ("controlnet", "depth ControlNet")) if facts[key]
    ]
    rows = {
        "models": f"{facts['description'] or facts['bundle']}, {facts['parameters']:,} parameters",
        "photo": f"{facts['photo']}, {'x'.join(map(str, trial.photo.shape[:2]))}; crop of the networks {crop}",
        "sampling": f"{facts['steps']} steps, guidance {facts['guidance']:g}, "
        + (" and ".join(conditions) or "no image prompt, no depth"),
        "device": f"{facts['device']}, {facts['dtype']}",
        "versions": ", ".join(f"{name} {number}" for name, number in facts["versions"].items()),
    }
    cells = "".join(
        f"<tr><th scope=row>{name}</th><td class=words>{escape(text)}</td></tr>" for name, text in rows.items()
    )
    return f"<section><h2>Setup</h2><div class=scroll><table><tbody>{cells}</tbody></table></div></section>"


def _costs(trial: Trial) -> str:
    measures = {"GPU": "allocated on the GPU", "process": "resident set size of the process"}
    rows = "".join(
        f"<tr><th scope=row>{escape(stage)}</th><td>{cost.seconds:.1f} s</td><td>{cost.peak_bytes / 2**30:.2f} GiB</td>"
        f"<td class=words>{measures[cost.kind]}</td></tr>"
        for stage, cost in trial.costs.items()
    )
    return (
        "<section><h2>Time and memory</h2><p>One paint at a time. Each stage loads its own networks, and its time "
        "includes loading them.</p><div class=scroll><table class=costs><thead><tr><th class=label scope=col>stage</th>"
        "<th scope=col>time</th><th scope=col>peak memory</th><th class=words scope=col>measured</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _explanation(trial: Trial) -> str:
    return (
        "<p>Stock pipeline and networks got the same crop, mask, depth, reference and noise. The finished repaints are "
        "the networks' image composited into the photo: <code>room</code> as the camera would have recorded the paint, "
        "<code>swatch</code> with the wall's median at the swatch. Numbers: CIEDE2000 of the wall's median and the "
        "swatch. The first repaint's time includes loading the networks.</p>"
        f'<div class=row style="max-width: 26rem">{_figure(trial.photo, "photo")}</div>'
    )


def _card(one: TrialRepaint) -> str:
    errors = one.swatch_error
    figures = []
    if one.stock is not None:
        figures.append(_figure(one.stock, "stock pipeline", errors.get("stock"), one.stock_seconds))
    figures.append(_figure(one.networks, "networks", errors.get("networks"), one.seconds))
    if one.stock is not None:
        size = f"mean {one.mean_difference:.2f}, largest {one.max_difference:g} codes"
        figures.append(_figure(_amplified(one.stock, one.networks), f"difference, {DIFFERENCE_GAIN} times; {size}"))
    figures.append(_figure(one.room, "finished, room", errors.get("room")))
    figures.append(_figure(one.swatch, "finished, swatch", errors.get("swatch")))
    chip = f'<i class=chip style="background:{one.color}"></i>'
    return (
        f"<article><h3>{chip} {escape(one.name)} <span class=tag>{one.color}</span></h3>"
        f"<div class=row>{''.join(figures)}</div></article>"
    )


def _figure(image: Array, caption: str, error: float | None = None, seconds: float | None = None) -> str:
    is_defined = error is not None and math.isfinite(error)
    numbers = [f"<b>{error:.2f}</b> CIEDE2000"] if is_defined else []
    numbers += [f"{seconds:.1f} s"] if seconds is not None else []
    text = f"{escape(caption)}{'<br>' if numbers else ''}{', '.join(numbers)}"
    return (
        f'<figure><img src="{data_uri(image, IMAGE_PX)}" alt="{escape(caption)}"><figcaption class=cap>{text}'
        "</figcaption></figure>"
    )


def _amplified(one: Array, other: Array) -> Array:
    difference = np.abs(one.astype(np.int16) - other) * DIFFERENCE_GAIN
    return np.clip(difference, 0, 255).astype(np.uint8)


def _lora(trial: Trial) -> str:
    lora = trial.lora
    if lora is None:
        return ""
    figures = ""
    if lora.image is not None:
        figures = _figure(trial.repaints[0].networks, "networks, without the LoRA")
        figures += _figure(lora.image, f"with the LoRA, largest difference {lora.max_difference:g} codes")
    return (
        f"<section><h2>LoRA of {lora.steps} steps</h2><p>Trained on the photo's crop in mode <code>document</code>, "
        f"batch size {lora.batch_size}, {lora.seconds_per_step:.2f} s per step with encoding and saving. Mean loss of "
        f"the first fifth of the steps {lora.first_loss:.4f}, of the last {lora.last_loss:.4f}. A step's loss depends "
        f"mostly on its timestep: {lora.steps} steps show that training runs, not what it learns.</p>"
        f'{_loss_curve(lora.losses)}<div class=row style="max-width: 56rem">{figures}</div></section>'
    )


def _loss_curve(losses: list[float]) -> str:
    """An SVG of the loss by step."""
    width, height, top = 640, 160, max(losses) or 1.0
    step = width / max(1, len(losses) - 1)
    points = " ".join(f"{index * step:.1f},{height - height * loss / top:.1f}" for index, loss in enumerate(losses))
    return (
        f'<svg class=loss viewBox="0 -4 {width} {height + 8}" role=img aria-label="loss by step, 0 to {top:.3g}">'
        f'<line x1=0 y1={height} x2={width} y2={height} /><polyline points="{points}" /></svg>'
        f"<p class=note>Loss by step, from 0 to {top:.3g}.</p>"
    )


def summary(trial: Trial) -> list[str]:
    """Return the lines that the command prints."""
    lines = [verdict(trial)]
    for stage, cost in trial.costs.items():
        where = "GPU memory" if cost.kind == "GPU" else "memory"
        lines.append(f"{stage}: {cost.seconds:.1f} s, peak {cost.peak_bytes / 2**30:.2f} GiB of {where}")
    if trial.lora is not None:
        lines.append(
            f"LoRA: {trial.lora.steps} steps, loss {trial.lora.first_loss:.4f} to {trial.lora.last_loss:.4f}, "
            f"{trial.lora.seconds_per_step:.2f} s per step"
        )
    return [*lines, *(f"warning: {stage}: {reason}" for stage, reason in trial.errors.items())]
