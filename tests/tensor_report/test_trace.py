"""A trace: recorded tensors, and texts that match them."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from support.bundles import random_folder
from support.traces import PLAIN, names, traced
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion.settings import Lora
from wallpaint.errors import ConfigError
from wallpaint.tensor_report import recorder as recorders
from wallpaint.tensor_report.example_room import render_example_room
from wallpaint.tensor_report.facts import mask_stages
from wallpaint.tensor_report.record import FLOWS, MaskStage, TensorRow, Trace, rounded
from wallpaint.tensor_report.recorder import TensorRecorder
from wallpaint.tensor_report.tables import PIPE_WIDTH, format_number, print_trace, sections
from wallpaint.tensor_report.trace import make_scene
from wallpaint.tensor_report.vocabulary import LANGUAGES, STAGES, VARIANTS, Vocabulary, explain, load_vocabulary
from wallpaint.train.engine.loop import Losses
from wallpaint.train.lora.task import InpaintingTask


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def base_trace(bundle: Bundle) -> Trace:
    return traced(bundle, batch=3)


@pytest.fixture(scope="module")
def plus_trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return traced(load_bundle(random_folder("tiny-plus", tmp_path_factory)))


# -- texts


def test_stages_list_exactly_the_recorded_names(base_trace: Trace) -> None:
    expected = {flow: {n for stage in stages.values() for n in stage} for flow, stages in STAGES.items()}
    assert names(base_trace) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recorded_name_has_an_explanation_and_no_other(base_trace: Trace, language: str) -> None:
    vocabulary = load_vocabulary(language)
    explained = {flow: {key.split("@")[0] for key in vocabulary.explanations[flow]} for flow in vocabulary.explanations}
    assert explained == names(base_trace)
    assert set(vocabulary.flows) == set(vocabulary.explanations) == set(FLOWS)
    assert set(vocabulary.stages) == {stage for stages in STAGES.values() for stage in stages}
    assert set(vocabulary.components) == {count.part for count in base_trace.counts}
    assert set(vocabulary.masks) == {stage.name for stage in base_trace.masks}


def test_both_languages_have_the_same_texts_and_placeholders() -> None:
    english, vietnamese = load_vocabulary("en"), load_vocabulary("vi")
    assert placeholders_of(english) == placeholders_of(vietnamese)
    assert set(english.sentences) == set(vietnamese.sentences)
    assert len(english.document.corrections) == len(vietnamese.document.corrections) >= 18
    for (_, in_english), (_, in_vietnamese) in zip(
        english.document.corrections, vietnamese.document.corrections, strict=True
    ):
        assert placeholders(in_english) == placeholders(in_vietnamese)


def placeholders_of(vocabulary: Vocabulary) -> dict[tuple[str, str], set[str]]:
    """Placeholders of each explanation, by flow and key."""
    return {
        (flow, key): placeholders(text)
        for flow, texts in vocabulary.explanations.items()
        for key, text in texts.items()
    }


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanations_are_sentences_without_placeholders(base_trace: Trace, plus_trace: Trace, language: str) -> None:
    for trace in (base_trace, plus_trace):
        for row in trace.rows:
            text = explain(row, trace.facts, load_vocabulary(language))
            assert text.endswith("."), text
            assert not re.search(r"[{}]|  ", text), text


def test_vietnamese_explanations_are_translated() -> None:
    english, vietnamese = load_vocabulary("en"), load_vocabulary("vi")
    for flow, texts in english.explanations.items():
        for key, text in texts.items():
            assert vietnamese.explanations[flow][key] != text
            assert re.search("[àáâãèéêìíòóôõùúýăđĩũơưạ-ỹ]", vietnamese.explanations[flow][key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanation_variants_follow_the_facts(base_trace: Trace, plus_trace: Trace, language: str) -> None:
    vocabulary = load_vocabulary(language)
    for row in plus_trace.rows:
        if row.name in ("image_embedding", "image_tokens"):
            base = next(other for other in base_trace.rows if other.key == row.key and other.flow == row.flow)
            assert explain(base, base_trace.facts, vocabulary) != explain(row, plus_trace.facts, vocabulary)
    target = next(row for row in base_trace.rows if row.name == "target")
    assert "epsilon" in explain(target, base_trace.facts, vocabulary)
    assert "v_prediction" in explain(target, {**base_trace.facts, "prediction": "v_prediction"}, vocabulary)
    assert {key.split("@")[0] for texts in vocabulary.explanations.values() for key in texts if "@" in key} == set(
        VARIANTS
    )


# -- shapes


def shape(trace: Trace, flow: str, key: str) -> tuple[int, ...]:
    return next(row.shape for row in trace.rows if (row.flow, row.key) == (flow, key))


def test_shapes_follow_the_batch_and_the_bundle(base_trace: Trace) -> None:
    assert shape(base_trace, "training", "image") == (3, 3, 64, 64)
    assert shape(base_trace, "training", "latents") == (3, 4, 8, 8)
    assert shape(base_trace, "training", "unet_input") == (3, 9, 8, 8)
    assert shape(base_trace, "training", "text_embedding") == (3, 77, 32)
    assert shape(base_trace, "training", "timesteps") == (3,)
    assert shape(base_trace, "training", "loss") == ()
    assert shape(base_trace, "unet", "lora_narrow") == (3, 77, 8)
    assert shape(base_trace, "unet", "mid") == (3, 64, 4, 4)
    assert shape(base_trace, "inference", "unet_input") == (1, 9, 8, 8)
    assert shape(base_trace, "inference", "image_embedding") == (1, 24)
    assert shape(base_trace, "inference", "image_tokens") == (1, 4, 32)


def test_ip_adapter_plus_shapes(plus_trace: Trace) -> None:
    assert shape(plus_trace, "inference", "image_embedding") == (1, 17, 32)
    assert shape(plus_trace, "inference", "image_tokens") == (1, 16, 32)


def test_training_and_inference_inputs_are_equal(base_trace: Trace) -> None:
    rows = {(row.flow, row.name): row for row in base_trace.rows}
    for name in ("image", "mask", "masked_image"):
        training, inference = rows["training", name], rows["inference", name]
        assert (training.low, training.high, training.mean) == (inference.low, inference.high, inference.mean)


def test_first_step_gives_gradients_to_half_of_the_lora_only(base_trace: Trace) -> None:
    assert base_trace.facts["lora_moved"] == base_trace.facts["lora_tensors"] // 2
    assert base_trace.facts["frozen_moved"] == 0
    assert base_trace.facts["frozen_tensors"] > 100


def test_training_rows_are_of_the_lora_tasks_loss(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace has no loss of its own: it runs `InpaintingTask.losses` once."""
    totals, losses = [], InpaintingTask.losses

    def record(task: InpaintingTask, *arguments: Any, **options: Any) -> Losses:
        result = losses(task, *arguments, **options)
        totals.append(result.total.item())
        return result

    monkeypatch.setattr(InpaintingTask, "losses", record)
    rows = traced(bundle).rows
    assert [row.high for row in rows if (row.flow, row.name) == ("training", "loss")] == [rounded(t) for t in totals]


def test_same_seed_gives_the_same_trace(bundle: Bundle, base_trace: Trace) -> None:
    assert traced(bundle, batch=3).rows == base_trace.rows


@pytest.mark.parametrize("width", [None, 160, 100, 72])
@pytest.mark.parametrize(("language", "title"), [("en", "Training: one step"), ("vi", "Huấn luyện: một bước")])
def test_terminal_output_lists_every_tensor(
    base_trace: Trace, language: str, title: str, width: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its explanation, and no line longer than the terminal."""
    print_trace(base_trace, load_vocabulary(language), width=width)
    lines = capsys.readouterr().out.splitlines()
    assert title in map(str.strip, lines)
    assert max(map(len, lines)) <= (width or PIPE_WIDTH)
    output = "\n".join(lines)
    for row in base_trace.rows:
        assert re.search(rf" {row.key}( x \d+)? +{re.escape(str(list(row.shape)))} +{row.dtype}", output), row.key
        assert explain(row, base_trace.facts, load_vocabulary(language)).split()[0] in output


def test_json_round_trip(base_trace: Trace) -> None:
    assert Trace.from_dict(json.loads(json.dumps(base_trace.to_dict()))) == base_trace


# -- missing components and unsupported settings


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bundle]:
    """A bundle without IP-Adapter and depth."""
    import shutil

    from wallpaint.bundles.random_bundle import write_random

    folder = write_random("tiny", tmp_path / "bare")
    for name in ("controlnet", "depth", "models"):
        shutil.rmtree(folder / name)
    toml = folder / "bundle.toml"
    lines = [
        s
        for s in toml.read_text(encoding="utf-8").splitlines()
        if not re.match("controlnet|depth|image_encoder|ip_adapter", s)
    ]
    toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_bundle(folder)


def test_bundle_without_ip_adapter_and_depth_is_traced(bare: Bundle) -> None:
    trace = traced(bare)
    assert not names(trace)["inference"] & {"depth", "control", "reference", "image_tokens", "image_keys"}
    assert {count.part for count in trace.counts} == {"unet", "lora", "vae", "text_encoder"}
    for language in LANGUAGES:
        assert "unet_input" in sections(trace, load_vocabulary(language))


@pytest.mark.parametrize(
    "change", [{"guidance": 3.0}, {"strength": 0.5}, {"compile": True}, {"loras": (Lora(Path("nowhere"), 0.0),)}]
)
def test_unsupported_settings_raise(bundle: Bundle, change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="supports only"):
        traced(bundle, replace(PLAIN, **change))


def test_empty_batch_raises(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="not 0"):
        traced(bundle, batch=0)


def test_photo_and_mask_go_together(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="`photo` and `mask`"):
        make_scene(bundle, Path("room.jpg"), None)


# -- the recorder


def test_recorder_accumulates_statistics_by_name() -> None:
    recorder = TensorRecorder("training")
    recorder("x", torch.tensor([[1.0, 2.0]]))
    recorder("flag", torch.tensor([3], dtype=torch.int64))
    recorder("x", torch.tensor([[-5.0, 2.0]]))
    assert recorder.rows() == [
        TensorRow("training", "x", (1, 2), "float32", -5.0, 2.0, 0.0, 2.915, times=2),
        TensorRow("training", "flag", (1,), "int64", 3.0, 3.0, 3.0, 0.0),
    ]


def test_recorder_refuses_another_shape_for_a_name() -> None:
    recorder = TensorRecorder("training")
    recorder("x", torch.zeros(2))
    with pytest.raises(AssertionError, match="x was"):
        recorder("x", torch.zeros(3))


def test_hooks_are_removed_after_an_error() -> None:
    layer = nn.Linear(2, 2)
    observed: list[str] = []

    def fail() -> None:
        with recorders._forward_hooks([(layer, "out", 0)], lambda name, _: observed.append(name)):
            layer(torch.zeros(2))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    layer(torch.zeros(2))
    assert observed == ["out"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-0.7176, "-0.718"), (999.0, "999"), (1234.5, "1234"), (0.000153, "0.000153")],
)
def test_format_number(value: float, text: str) -> None:
    assert format_number(value) == text


# -- the example room and the mask


@pytest.mark.parametrize("side", [64, 200])
def test_example_room_and_mask(side: int) -> None:
    photo, mask = render_example_room(side)
    assert photo.shape == (side, side, 3)
    assert (photo.dtype, mask.dtype) == (np.uint8, np.uint8)
    assert 0.6 < (mask >= 128).mean() < 0.66
    wall, other = photo[mask == 255], photo[mask == 0]
    assert wall.mean() > other.mean() + 10
    assert wall.std() > 10, "the light should vary over the wall"


def test_mask_stages_erode_and_dilate_by_their_radius(bundle: Bundle) -> None:
    """For a 40 px square of wall in a 64 px photo the shares are known exactly."""
    from wallpaint.pipeline.repaint import prepare

    photo, mask = np.full((64, 64, 3), 120, np.uint8), np.zeros((64, 64), np.uint8)
    mask[12:52, 12:52] = 255
    scene = prepare(photo, {"wall": mask}, edges="keep")
    stages = {p.name: p for p in mask_stages(scene, bundle, replace(PLAIN, mask_dilation_px=3.0, context=0.3), 16)}
    assert stages["given"] == MaskStage("given", 0.0, round(1600 / 4096, 4))
    assert stages["resized"] == MaskStage("resized", 0.0, round(1600 / 4096, 4))
    assert stages["document"] == MaskStage("document", -2.0, round(36 * 36 / 4096, 4))
    # A square dilated by a disc of 3 px: four strips, and 4 pixels in each corner.
    assert stages["model"].share == pytest.approx((1600 + 4 * 40 * 3 + 4 * 4) / 4096, abs=1e-4)
    assert stages["document"].share < stages["resized"].share < stages["model"].share
