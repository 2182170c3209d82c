"""docs/pipeline.md and docs/pipeline.vi.md agree with new traces."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch

from support.paths import ROOT
from support.traces import assert_alike, names, without_statistics
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.tensor_report import document
from wallpaint.tensor_report.record import Trace
from wallpaint.tensor_report.vocabulary import LANGUAGES, load_vocabulary

DOCS = ROOT / "docs"
FLOAT32, BFLOAT16 = 0.01, 0.1  # tolerance of ranges between processors, as a share of a row's spread


@pytest.fixture(scope="module")
def documented() -> tuple[Trace, Trace]:
    """The full-size and the small trace of docs/pipeline.json."""
    return document.read_traces(DOCS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_equal_the_rendered_traces(documented: tuple[Trace, Trace], language: str) -> None:
    """After a change of texts run `wallpaint trace --docs docs/`."""
    assert (DOCS / document.FILES[language]).read_text(encoding="utf-8") == document.render(
        *documented, load_vocabulary(language)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_list_every_row(documented: tuple[Trace, Trace], language: str) -> None:
    """Tensor, shape and type of each row, in order."""
    lines = (DOCS / document.FILES[language]).read_text(encoding="utf-8").splitlines()
    cells = [tuple(cell.strip() for cell in line.split("|")[2:5]) for line in lines if re.match(r"\| [^|]*\| `", line)]
    expected = [
        (f"`{row.key}`{f' x {row.times}' if row.times > 1 else ''}", str(list(row.shape)), row.dtype)
        for trace in documented
        for row in trace.rows
    ]
    assert cells == expected
    assert len(cells) > 90


def test_small_trace_equals_the_documented_one(documented: tuple[Trace, Trace], tmp_path: Path) -> None:
    """After a change of the pipeline run `wallpaint trace --docs docs/ --bundle DIR`."""
    assert_alike(document.small_trace(tmp_path / "small"), documented[1], FLOAT32)


def test_full_size_and_small_trace_have_the_same_tensors_and_settings(documented: tuple[Trace, Trace]) -> None:
    full, small = documented
    assert names(full) == names(small)
    for fact in ("batch", "rank", "steps", "dilation_px", "train_steps"):
        assert full.facts[fact] == small.facts[fact]
    # The published VAE and noise schedule, and our own.
    assert [full.facts[fact] for fact in ("scaling", "prediction", "signal_left")] == [0.18215, "epsilon", 0.068]
    assert [small.facts[fact] for fact in ("scaling", "prediction", "signal_left")] == [1.0, "v_prediction", 0.0]
    assert full.facts["dilation_px"] == DiffusionSettings().mask_dilation_px
    assert [(p.name, p.radius_px) for p in full.masks if p.name != "measured"] == [
        (p.name, p.radius_px) for p in small.masks if p.name != "measured"
    ]
    assert full.description.endswith(configuration("sd15")["description"])
    assert (full.random, full.dtype, small.dtype) == (True, "bfloat16", "float32")


SHAPES = {
    "training": {
        "image": [2, 3, 512, 512],
        "mask": [2, 1, 512, 512],
        "masked_image": [2, 3, 512, 512],
        "latents": [2, 4, 64, 64],
        "masked_image_latents": [2, 4, 64, 64],
        "latent_mask": [2, 1, 64, 64],
        "noise": [2, 4, 64, 64],
        "timesteps": [2],
        "noisy_latents": [2, 4, 64, 64],
        "unet_input": [2, 9, 64, 64],
        "text_embedding": [2, 77, 768],
        "noise_pred": [2, 4, 64, 64],
        "loss": [],
    },
    "unet": {"conv_in": [2, 320, 64, 64], "mid": [2, 1280, 8, 8]},
    "inference": {
        "reference": [1, 3, 224, 224],
        "depth": [1, 3, 512, 512],
        "image_embedding": [1, 1024],
        "image_tokens": [1, 4, 768],
        "text_embedding": [1, 77, 768],
        "unet_input": [1, 9, 64, 64],
        "decoded_image": [1, 3, 512, 512],
    },
}
"""The design's table of tensors at 512 px."""


def test_full_size_shapes_equal_the_design_table(documented: tuple[Trace, Trace]) -> None:
    actual = {flow: {r.name: list(r.shape) for r in documented[0].rows if r.flow == flow} for flow in SHAPES}
    for flow, shapes in SHAPES.items():
        assert {name: actual[flow][name] for name in shapes} == shapes


def test_full_size_parameter_counts_equal_the_published_ones(documented: tuple[Trace, Trace]) -> None:
    assert {count.part: count.parameters for count in documented[0].counts} == {
        "unet": 859_535_364,
        "lora": 1_594_368,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "controlnet": 361_279_120,
        "image_encoder": 632_076_800,
        "image_projector": 3_150_336,
        "image_keys_values": 19_169_280,
        "depth": 343_030_465,
    }
    assert next(count.share for count in documented[0].counts if count.part == "lora") == 0.001855
    facts = documented[0].facts
    assert (facts["grid"], facts["vision_tokens"], facts["vision_width"], facts["projection"]) == (16, 257, 1280, 1024)


def test_known_value_ranges(documented: tuple[Trace, Trace]) -> None:
    for trace in documented:
        rows = {(row.flow, row.name): row for row in trace.rows}
        for flow in ("training", "inference"):
            assert (rows[flow, "mask"].low, rows[flow, "mask"].high) == (0, 1)
            assert (rows[flow, "latent_mask"].low, rows[flow, "latent_mask"].high) == (0, 1)
            assert rows[flow, "image"].low >= -1
            assert rows[flow, "image"].high <= 1
            assert rows[flow, "masked_image"].std < rows[flow, "image"].std
            assert rows[flow, "noise"].std == pytest.approx(1, abs=0.02)
        assert 0 <= rows["training", "timesteps"].low <= rows["training", "timesteps"].high <= 999
        is_epsilon = trace.facts["prediction"] == "epsilon"
        assert (rows["training", "target"].low == rows["training", "noise"].low) == is_epsilon
        assert (rows["inference", "depth"].low, rows["inference", "depth"].high) == (0, 1)
        assert rows["training", "loss"].low > 0


@pytest.mark.slow
def test_full_size_trace_equals_the_documented_one(documented: tuple[Trace, Trace], tmp_path: Path) -> None:
    """WALLPAINT_FULL_BUNDLE names an existing random sd15 bundle in bfloat16, seed 0."""
    existing = os.environ.get("WALLPAINT_FULL_BUNDLE")
    folder = Path(existing) if existing else write_random(document.FULL, tmp_path / "full", dtype=torch.bfloat16)
    trace = document.full_trace(load_bundle(folder))
    assert [without_statistics(row) for row in trace.rows] == [without_statistics(row) for row in documented[0].rows]
    assert_alike(trace, documented[0], BFLOAT16)
