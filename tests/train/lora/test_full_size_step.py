"""A training step of the published architecture at full size, random weights, through the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from support.paths import ROOT
from wallpaint.bundles.random_bundle import write_random

KEPT = "WALLPAINT_SD15_RANDOM"  # a folder with such a bundle saves the two minutes of writing 4.9 GB
MOST_MIB = 16 * 1024
MOST_CARD_GIB = 6.5  # of four samples


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get(KEPT)
    if kept:
        return Path(kept)
    return write_random("sd15", tmp_path_factory.mktemp("sd15") / "sd15", dtype=torch.bfloat16)


def steps(bundle: Path, *words: str) -> dict[str, Any]:
    script = ROOT / "tests" / "support" / "full_size_step.py"
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, str(script), str(bundle), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    print(json.dumps(told, indent=1))
    assert told["frozen"] == {"parameters": 859_535_364, "formats": ["torch.bfloat16"], "unchanged": True}
    assert told["lora"] == {"parameters": 1_594_368, "tensors": 256, "changed": 256, "finite": True}
    assert set(told["calls"]["training"].values()) == {0}
    assert all(0 < loss < 1000 for loss in told["losses"])
    return told


@pytest.mark.slow
def test_one_step(full: Path) -> None:
    told = steps(full, "--device", "cpu", "--batch", "1", "--steps", "1")
    assert told["calls"]["encoding"]["vae"] == 2
    assert told["peak_rss_mib"] < MOST_MIB


@pytest.mark.gpu
def test_memory_and_speed_on_a_card(full: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    told = steps(full, "--device", "cuda", "--batch", "4", "--steps", "20")
    assert told["peak_card_gib"] <= MOST_CARD_GIB
    again = steps(full, "--device", "cuda", "--batch", "4", "--steps", "20", "--gradient-checkpointing")
    assert again["peak_card_gib"] < 0.6 * told["peak_card_gib"]
