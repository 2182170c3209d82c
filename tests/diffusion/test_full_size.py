"""The published architecture at full size with random weights: written, loaded, and used for a repaint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from support.paths import ROOT
from support.stock_pipelines import write_lora
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.random_bundle import write_random

pytestmark = pytest.mark.slow
BUNDLE_VARIABLE = "WALLPAINT_SD15_RANDOM"  # an existing bundle saves two minutes of writing 4.9 GB
MAX_PEAK_MIB = 16 * 1024
# The UNet with the IP-Adapter's keys and values: 859,535,364 + 19,169,280.
PARAMETERS = {
    "unet_with_ip_adapter": 878_704_644,
    "controlnet": 361_279_120,
    "vae": 83_653_863,
    "image_encoder": 632_076_800,
    "image_projector": 3_150_336,
    "depth": 343_030_465,
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    existing = os.environ.get(BUNDLE_VARIABLE)
    if existing:
        return load_bundle(Path(existing))
    return load_bundle(write_random("sd15", tmp_path_factory.mktemp("sd15") / "sd15", dtype=torch.bfloat16))


def test_full_size_repaint_has_the_expected_shapes_calls_and_memory(full: Bundle, tmp_path: Path) -> None:
    lora = write_lora(full, tmp_path, rank=8, alpha=8)
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "full_size_run.py"), str(full.folder), str(lora)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    print(json.dumps(result, indent=1))
    parameters = result["parameters"]
    parameters["controlnet"] = parameters.pop("controlnet_without_cond") + parameters.pop("controlnet_cond_embedding")
    assert parameters == PARAMETERS
    assert result["peak_mib"] < MAX_PEAK_MIB
    assert result["shapes"]["unet_input"] == [1, 9, 64, 64]
    assert result["shapes"]["image_embedding"] == [1, 1024]
    assert result["shapes"]["image_tokens"] == [1, 4, 768]
    assert result["shapes"]["depth"] == [1, 3, 512, 512]
    calls = {row["stage"]: row["calls"] for row in result["profile"]}
    assert calls["denoise"] == 2
    assert calls["vae encode"] == calls["depth"] == calls["image encode"] == calls["vae decode"] == 1
    assert result["outside_max_diff"] == 0
    assert result["delta_e_2000"] <= 0.5
    assert result["spread"] > 0.5


def test_lora_has_the_documented_parameter_count(full: Bundle, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(write_lora(full, tmp_path, rank=8, alpha=8))
    assert len(tensors) == 256
    assert sum(value.numel() for value in tensors.values()) == 1_594_368
