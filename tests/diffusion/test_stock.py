"""The painter's loop against the stock pipelines of diffusers: same weights, seed and settings, same picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from support.stock_pipelines import Case, make_case, ours, stock, write_lora
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion.settings import SCHEDULERS, Lora, Settings

TOLERANCE = 1e-4
PLAIN = Settings(steps=3, image_scale=0.0, control_scale=0.0, dtype="float32", device="cpu")
EVERYTHING = replace(PLAIN, image_scale=0.7, control_scale=0.8)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.fixture(scope="module")
def lora(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(bundle, tmp_path_factory.mktemp("lora"))


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape
    assert float(one.std()) > 0.01, "an even picture would hide differences"
    return float((one - other).abs().max())


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("parts", ["plain", "lora", "controlnet", "ip_adapter", "all"])
def test_equal_to_the_stock_pipeline(bundle: Bundle, case: Case, lora: Path, parts: str, guidance: float) -> None:
    settings = replace(
        PLAIN,
        guidance=guidance,
        loras=(Lora(lora, 0.8),) if parts in ("lora", "all") else (),
        control_scale=0.8 if parts in ("controlnet", "all") else 0.0,
        image_scale=0.7 if parts in ("ip_adapter", "all") else 0.0,
    )
    found = ours(bundle, settings, case)
    expected = stock(bundle, settings, case, controlled=settings.control_scale > 0, referenced=settings.image_scale > 0)
    assert distance(found, expected) <= TOLERANCE


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_equal_with_every_scheduler(
    bundle: Bundle, case: Case, scheduler: str, strength: float, guidance: float
) -> None:
    if scheduler == "lcm" and guidance > 1:
        pytest.skip("refused: its weights carry their guidance")
    settings = replace(EVERYTHING, scheduler=scheduler, strength=strength, steps=5, guidance=guidance)
    # Where a picture is the start, the stock pipeline also takes the surroundings from it.
    seen = case if strength == 1 else replace(case, image=case.start)
    found = ours(bundle, settings, seen)
    assert distance(found, stock(bundle, settings, seen, controlled=True, referenced=True)) <= TOLERANCE
