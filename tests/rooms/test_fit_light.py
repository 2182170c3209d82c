"""Fitting the light's statistics: it learns what can be learned, and what is fitted is what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wallpaint.imaging.color import linear_to_lab
from wallpaint.light import statistics
from wallpaint.light.illuminant import Light
from wallpaint.rooms.sets import fit_light
from wallpaint.rooms.sets.fit_light import Examples


def made_examples(count: int = 400) -> Examples:
    """Rooms whose light is plain to see in the second number: twice the light, one more."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(0, 1, (count, 49)).astype(np.float32)
    light = 0.5 * np.exp(0.5 * numbers[:, 1:2])
    old, new = rng.uniform(0.1, 0.8, (2, count, 3))
    median, truth = np.clip(old * light, 0.01, 0.9), np.clip(new * light, 0.01, 0.9)
    return Examples(numbers, *(a.astype(np.float32) for a in (median, new, truth)), np.arange(count) // 4)


def test_it_learns_what_the_numbers_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_light, "STEPS", 200)
    monkeypatch.setattr(fit_light, "MEMBERS", 2)
    examples = made_examples()
    known = linear_to_lab(examples.albedo * np.median(examples.truth / examples.albedo, axis=0))
    ignorant = float(np.linalg.norm(known - linear_to_lab(examples.truth), axis=1).mean())
    weights, error = fit_light.fit(examples)
    assert error < 0.6 * ignorant
    path = tmp_path / "light.npz"
    fit_light.save(weights, path)
    with np.load(path) as stored:
        assert set(stored.files) == {"mean", "scale", *statistics.LAYERS}


def test_what_is_fitted_is_what_a_light_says() -> None:
    """The loss and `Light.appearance` are the same model, one with gradients."""
    import torch

    examples = made_examples(40)
    layers = fit_light._start(examples, 3)
    layers = {
        name: t + 0.05 * torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) for name, t in layers.items()
    }
    mean, scale = examples.numbers.mean(0), examples.numbers.std(0)
    tensors = {"mean": torch.tensor(mean), "scale": torch.tensor(scale), **layers}
    loss, _ = fit_light._distance(tensors, examples, 0.0, None)
    weights = {"mean": mean, "scale": scale, **{name: t.numpy()[None] for name, t in layers.items()}}
    for i, out in enumerate(statistics.regress(weights, examples.numbers)):
        median = examples.median[i].astype(np.float64)
        guess = statistics.interpret(out.astype(np.float64), median)
        old = tuple(float(v) for v in median / guess.white)
        white = tuple(float(v) for v in guess.white)
        light = Light(white, 0.5, (), old, guess.bounce, guess.contrast, guess.gloss)  # type: ignore[arg-type]
        shown = light.appearance(examples.albedo[i])
        shown = shown / (1 + shown**6) ** (1 / 6)
        distance = np.linalg.norm(linear_to_lab(shown) - linear_to_lab(examples.truth[i]))
        assert float(loss[i]) == pytest.approx(float(distance), abs=0.05)
