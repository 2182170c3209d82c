"""The fit of the light statistics, and its agreement with the model that reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wallpaint.imaging.color import linear_to_lab
from wallpaint.light import statistics
from wallpaint.light.illuminant import Illuminant
from wallpaint.rooms.sets import fit_light
from wallpaint.rooms.sets.fit_light import LightStatisticsSamples


def make_samples(count: int = 400) -> LightStatisticsSamples:
    """Return samples whose light depends on the second feature only."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (count, 49)).astype(np.float32)
    light = 0.5 * np.exp(0.5 * features[:, 1:2])
    old, new = rng.uniform(0.1, 0.8, (2, count, 3))
    median, truth = np.clip(old * light, 0.01, 0.9), np.clip(new * light, 0.01, 0.9)
    return LightStatisticsSamples(
        features, *(a.astype(np.float32) for a in (median, new, truth)), np.arange(count) // 4
    )


def test_fit_beats_a_constant_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_light, "STEPS", 200)
    monkeypatch.setattr(fit_light, "ENSEMBLE_SIZE", 2)
    samples = make_samples()
    baseline = linear_to_lab(samples.albedo * np.median(samples.truth / samples.albedo, axis=0))
    baseline_error = float(np.linalg.norm(baseline - linear_to_lab(samples.truth), axis=1).mean())
    weights, error = fit_light.fit(samples)
    assert error < 0.6 * baseline_error
    path = tmp_path / "light.npz"
    fit_light.save(weights, path)
    with np.load(path) as stored:
        assert set(stored.files) == {"mean", "scale", *statistics.LAYERS}


def test_loss_uses_the_same_model_as_light_appearance() -> None:
    """The loss is a differentiable version of `Light.appearance`."""
    import torch

    samples = make_samples(40)
    params = fit_light._init_params(samples, 3)
    params = {
        name: t + 0.05 * torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) for name, t in params.items()
    }
    mean, scale = samples.features.mean(0), samples.features.std(0)
    tensors = {"mean": torch.tensor(mean), "scale": torch.tensor(scale), **params}
    loss, _ = fit_light._lab_distance(tensors, samples, 0.0, None)
    weights = {"mean": mean, "scale": scale, **{name: t.numpy()[None] for name, t in params.items()}}
    for i, output in enumerate(statistics.regress(weights, samples.features)):
        median = samples.median[i].astype(np.float64)
        guess = statistics.interpret_outputs(output.astype(np.float64), median)
        old = tuple(float(v) for v in median / guess.white)
        white = tuple(float(v) for v in guess.white)
        light = Illuminant(white, 0.5, (), old, guess.bounce, guess.contrast, guess.gloss)  # type: ignore[arg-type]
        predicted = light.appearance(samples.albedo[i])
        predicted = predicted / (1 + predicted**6) ** (1 / 6)
        distance = np.linalg.norm(linear_to_lab(predicted) - linear_to_lab(samples.truth[i]))
        assert float(loss[i]) == pytest.approx(float(distance), abs=0.05)
