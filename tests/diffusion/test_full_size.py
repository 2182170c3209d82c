"""The published architecture at full size, random weights: written, loaded by the real loader, and painted with."""

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
KEPT = "WALLPAINT_SD15_RANDOM"  # a folder with such a bundle saves the two minutes of writing 4.9 GB
MOST_MIB = 16 * 1024
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
    kept = os.environ.get(KEPT)
    if kept:
        return load_bundle(Path(kept))
    return load_bundle(write_random("sd15", tmp_path_factory.mktemp("sd15") / "sd15", dtype=torch.bfloat16))


def test_two_steps_with_everything(full: Bundle, tmp_path: Path) -> None:
    lora = write_lora(full, tmp_path, rank=8, alpha=8)
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "full_size_run.py"), str(full.folder), str(lora)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    print(json.dumps(told, indent=1))
    found = told["parameters"]
    found["controlnet"] = found.pop("controlnet_without_stem") + found.pop("control_stem")
    assert found == PARAMETERS
    assert told["peak_mib"] < MOST_MIB
    assert told["shapes"]["unet_input"] == [1, 9, 64, 64]
    assert told["shapes"]["image_embedding"] == [1, 1024]
    assert told["shapes"]["image_tokens"] == [1, 4, 768]
    assert told["shapes"]["depth"] == [1, 3, 512, 512]
    calls = {row["stage"]: row["calls"] for row in told["profile"]}
    assert calls["denoise"] == 2
    assert calls["vae encode"] == calls["depth"] == calls["image encode"] == calls["vae decode"] == 1
    assert told["outside_max_diff"] == 0
    assert told["delta_e_2000"] <= 0.5
    assert told["spread"] > 0.5


def test_the_lora_is_of_the_published_size(full: Bundle, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(write_lora(full, tmp_path, rank=8, alpha=8))
    assert len(tensors) == 256
    assert sum(value.numel() for value in tensors.values()) == 1_594_368
