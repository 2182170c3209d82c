"""A full-size training step of the published architecture with random weights, through the engine."""

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

BUNDLE_VARIABLE = "WALLPAINT_SD15_RANDOM"  # folder of such a bundle, to skip two minutes of writing 4.9 GB
MAX_RSS_MIB = 16 * 1024
MAX_GPU_GIB = 6.5  # batch of 4


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    existing = os.environ.get(BUNDLE_VARIABLE)
    if existing:
        return Path(existing)
    return write_random("sd15", tmp_path_factory.mktemp("sd15") / "sd15", dtype=torch.bfloat16)


def steps(bundle: Path, *words: str) -> dict[str, Any]:
    script = ROOT / "tests" / "support" / "full_size_step.py"
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, str(script), str(bundle), *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    print(json.dumps(report, indent=1))
    assert report["frozen"] == {"parameters": 859_535_364, "dtypes": ["torch.bfloat16"], "unchanged": True}
    assert report["lora"] == {"parameters": 1_594_368, "tensors": 256, "changed": 256, "finite": True}
    assert set(report["calls"]["training"].values()) == {0}
    assert all(0 < loss < 1000 for loss in report["losses"])
    return report


@pytest.mark.slow
def test_one_full_size_step_on_cpu(full: Path) -> None:
    report = steps(full, "--device", "cpu", "--batch", "1", "--steps", "1")
    assert report["calls"]["encoding"]["vae"] == 2
    assert report["peak_rss_mib"] < MAX_RSS_MIB


@pytest.mark.gpu
def test_memory_and_throughput_on_a_gpu(full: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    report = steps(full, "--device", "cuda", "--batch", "4", "--steps", "20")
    assert report["peak_gpu_gib"] <= MAX_GPU_GIB
    again = steps(full, "--device", "cuda", "--batch", "4", "--steps", "20", "--gradient-checkpointing")
    assert again["peak_gpu_gib"] < 0.6 * report["peak_gpu_gib"]
