"""The painter equals the stock pipelines of diffusers for the same weights, seed and settings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from support.bundles import random_folder
from support.paths import ROOT
from support.stock_pipelines import Case, make_case, ours, stock, write_lora
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion.settings import SCHEDULERS, DiffusionSettings, Lora

TOLERANCE = 1e-4
PACKAGED_VAE = ROOT / "src" / "wallpaint" / "bundles" / "mini" / "vae"
PLAIN = DiffusionSettings(steps=3, ip_adapter_scale=0.0, controlnet_scale=0.0, dtype="float32", device="cpu")
ALL_COMPONENTS = replace(PLAIN, ip_adapter_scale=0.7, controlnet_scale=0.8)


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
    assert float(one.std()) > 0.01, "a uniform image would hide differences"
    return float((one - other).abs().max())


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("enabled", ["plain", "lora", "controlnet", "ip_adapter", "all"])
def test_equals_the_stock_pipeline(bundle: Bundle, case: Case, lora: Path, enabled: str, guidance: float) -> None:
    settings = replace(
        PLAIN,
        guidance=guidance,
        loras=(Lora(lora, 0.8),) if enabled in ("lora", "all") else (),
        controlnet_scale=0.8 if enabled in ("controlnet", "all") else 0.0,
        ip_adapter_scale=0.7 if enabled in ("ip_adapter", "all") else 0.0,
    )
    actual = ours(bundle, settings, case)
    expected = stock(
        bundle,
        settings,
        case,
        with_controlnet=settings.controlnet_scale > 0,
        with_ip_adapter=settings.ip_adapter_scale > 0,
    )
    assert distance(actual, expected) <= TOLERANCE


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_equals_the_stock_pipeline_with_every_scheduler(
    bundle: Bundle, case: Case, scheduler: str, strength: float, guidance: float
) -> None:
    if scheduler == "lcm" and guidance > 1:
        pytest.skip("lcm does not support guidance")
    settings = replace(ALL_COMPONENTS, scheduler=scheduler, strength=strength, steps=5, guidance=guidance)
    # With an initial image the stock pipeline also takes the surroundings from it.
    case = case if strength == 1 else replace(case, image=case.init_image)
    expected = stock(bundle, settings, case, with_controlnet=True, with_ip_adapter=True)
    assert distance(ours(bundle, settings, case), expected) <= TOLERANCE


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The configuration mini with the trained VAE: latents of unit variance, v-prediction, zero terminal SNR."""
    folder = random_folder("mini", tmp_path_factory)
    shutil.copytree(PACKAGED_VAE, folder / "vae", dirs_exist_ok=True)
    return load_bundle(folder)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_mini_equals_the_stock_pipeline(mini: Bundle, case: Case, scheduler: str, steps: int) -> None:
    assert mini.config("vae")["scaling_factor"] == 1.0
    settings = replace(ALL_COMPONENTS, scheduler=scheduler, steps=steps)
    expected = stock(mini, settings, case, with_controlnet=True, with_ip_adapter=True)
    actual = ours(mini, settings, case)
    assert bool(actual.isfinite().all())
    assert distance(actual, expected) <= TOLERANCE
