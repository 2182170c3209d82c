"""The frozen encoders, as the painter and the training of LoRAs call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from support.lora_tasks import make
from support.training_sets import write_set
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion.encoders import sample_posterior
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene.mask import Window
from wallpaint.train.lora.encoding import to_uint8


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"), 2)


def test_posterior_sample_is_mean_plus_std_times_noise_scaled() -> None:
    """For a batch of noise and one posterior."""
    noise = torch.tensor([0.0, 1.0, -2.0])[:, None, None, None].expand(3, 4, 2, 2)
    latents = sample_posterior(torch.full((1, 4, 2, 2), 3.0), torch.full((1, 4, 2, 2), 0.5), noise, 0.25)
    assert latents.shape == (3, 4, 2, 2)
    assert latents[:, 0, 0, 0].tolist() == [0.75, 0.875, 0.5]


def test_training_and_painter_encode_the_masked_image_equally(tiny_bundle: Path, data: Path) -> None:
    task = make(tiny_bundle, data, "document")
    sample = task.samples.get(0, 0)
    encoded = task.encoder([sample])
    painter = DiffusionPainter(load_bundle(tiny_bundle), DiffusionSettings(device="cpu", dtype="float32"))
    rgb = to_uint8(sample["pixel_values"]).permute(1, 2, 0).numpy()
    view = painter.encode_view(rgb, sample["mask"][0].numpy() > 0.5, Window(0, 0, 64, 64, 64, 64))
    assert float((encoded["masked_mean"] - view.masked_mean).abs().max()) < 1e-4  # channels_last sums in another order
    assert float((encoded["masked_std"] - view.masked_std).abs().max()) < 1e-4
    assert torch.equal(encoded["mask"], view.latent_mask)


@pytest.mark.parametrize(("value", "expected"), [(0.5, 0.5), (None, 0.18215)])
def test_training_takes_the_scaling_factor_of_the_bundle(
    tiny_bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch, value: float | None, expected: float
) -> None:
    """A config without one means AutoencoderKL's own, as at inference."""
    config_of = Bundle.config

    def config(bundle: Bundle, component: str) -> dict[str, Any]:
        values = config_of(bundle, component)
        if component == "vae":
            values.pop("scaling_factor")
            values |= {} if value is None else {"scaling_factor": value}
        return values

    task = make(tiny_bundle, data, "document")
    monkeypatch.setattr(Bundle, "config", config)
    assert task.scaling_factor == expected
