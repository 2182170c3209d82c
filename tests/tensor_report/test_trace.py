"""A trace: what it sees, and that there is a word for everything and nothing more."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
from wallpaint.tensor_report.example_room import draw_room
from wallpaint.tensor_report.facts import mask_places
from wallpaint.tensor_report.record import FLOWS, MaskPlace, Row, Trace
from wallpaint.tensor_report.recorder import Recorder
from wallpaint.tensor_report.tables import PIPE_WIDTH, number, sections, show
from wallpaint.tensor_report.trace import make_scene
from wallpaint.tensor_report.vocabulary import LANGUAGES, STAGES, VARIANTS, Words, why, words


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def seen(bundle: Bundle) -> Trace:
    return traced(bundle, batch=3)


@pytest.fixture(scope="module")
def seen_plus(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return traced(load_bundle(random_folder("tiny-plus", tmp_path_factory)))


# -- words


def test_every_name_has_its_stage_and_no_stage_a_name_that_never_comes(seen: Trace) -> None:
    assert names(seen) == {flow: {n for stage in stages.values() for n in stage} for flow, stages in STAGES.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_has_a_why_and_no_why_is_without_a_name(seen: Trace, language: str) -> None:
    said = words(language)
    told = {flow: {key.split("@")[0] for key in said.why[flow]} for flow in said.why}
    assert told == names(seen)
    assert set(said.flows) == set(said.why) == set(FLOWS)
    assert set(said.stages) == {stage for stages in STAGES.values() for stage in stages}
    assert set(said.parts) == {count.part for count in seen.counts}
    assert set(said.masks) == {place.name for place in seen.masks}


def test_both_languages_say_the_same_things() -> None:
    english, vietnamese = words("en"), words("vi")
    assert fields_of(english) == fields_of(vietnamese)
    assert set(english.sentences) == set(vietnamese.sentences)
    assert len(english.document.corrections) == len(vietnamese.document.corrections) >= 18
    for (_, true), (_, dung) in zip(english.document.corrections, vietnamese.document.corrections, strict=True):
        assert placeholders(true) == placeholders(dung)


def fields_of(said: Words) -> dict[tuple[str, str], set[str]]:
    """The facts that each explanation speaks of. `elements` and the like come in both, or in neither."""
    return {(flow, key): placeholders(text) for flow, texts in said.why.items() for key, text in texts.items()}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanations_are_sentences_and_hold_no_braces(seen: Trace, seen_plus: Trace, language: str) -> None:
    for trace in (seen, seen_plus):
        for row in trace.rows:
            text = why(row, trace.facts, words(language))
            assert text.endswith("."), text
            assert not re.search(r"[{}]|  ", text), text


def test_vietnamese_is_not_english() -> None:
    english, vietnamese = words("en"), words("vi")
    for flow, texts in english.why.items():
        for key, text in texts.items():
            assert vietnamese.why[flow][key] != text
            assert re.search("[àáâãèéêìíòóôõùúýăđĩũơưạ-ỹ]", vietnamese.why[flow][key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_variants_are_told_where_they_hold(seen: Trace, seen_plus: Trace, language: str) -> None:
    said = words(language)
    for row in seen_plus.rows:
        if row.name in ("image_embedding", "image_tokens"):
            base = next(other for other in seen.rows if other.key == row.key and other.flow == row.flow)
            assert why(base, seen.facts, said) != why(row, seen_plus.facts, said)
    target = next(row for row in seen.rows if row.name == "target")
    assert "epsilon" in why(target, seen.facts, said)
    assert "v_prediction" in why(target, {**seen.facts, "prediction": "v_prediction"}, said)
    assert {key.split("@")[0] for texts in said.why.values() for key in texts if "@" in key} == set(VARIANTS)


# -- shapes


def shape(trace: Trace, flow: str, key: str) -> tuple[int, ...]:
    return next(row.shape for row in trace.rows if (row.flow, row.key) == (flow, key))


def test_shapes_follow_the_batch_and_the_bundle(seen: Trace) -> None:
    assert shape(seen, "training", "image") == (3, 3, 64, 64)
    assert shape(seen, "training", "latents") == (3, 4, 8, 8)
    assert shape(seen, "training", "unet_input") == (3, 9, 8, 8)
    assert shape(seen, "training", "text_embedding") == (3, 77, 32)
    assert shape(seen, "training", "timesteps") == (3,)
    assert shape(seen, "training", "loss") == ()
    assert shape(seen, "unet", "lora_narrow") == (3, 77, 8)
    assert shape(seen, "unet", "mid") == (3, 64, 4, 4)
    assert shape(seen, "inference", "unet_input") == (1, 9, 8, 8)
    assert shape(seen, "inference", "image_embedding") == (1, 24)
    assert shape(seen, "inference", "image_tokens") == (1, 4, 32)


def test_shapes_of_ip_adapter_plus(seen_plus: Trace) -> None:
    assert shape(seen_plus, "inference", "image_embedding") == (1, 17, 32)
    assert shape(seen_plus, "inference", "image_tokens") == (1, 16, 32)


def test_training_sees_what_inference_sees(seen: Trace) -> None:
    rows = {(row.flow, row.name): row for row in seen.rows}
    for name in ("image", "mask", "masked_image"):
        training, inference = rows["training", name], rows["inference", name]
        assert (training.low, training.high, training.mean) == (inference.low, inference.high, inference.mean)


def test_only_half_of_the_lora_moves_at_first_and_nothing_else(seen: Trace) -> None:
    assert seen.facts["lora_moved"] == seen.facts["lora_tensors"] // 2
    assert seen.facts["frozen_moved"] == 0
    assert seen.facts["frozen_tensors"] > 100


def test_a_seed_gives_the_same_trace(bundle: Bundle, seen: Trace) -> None:
    assert traced(bundle, batch=3).rows == seen.rows


@pytest.mark.parametrize("width", [None, 160, 100, 72])
@pytest.mark.parametrize(("language", "title"), [("en", "Training: one step"), ("vi", "Huấn luyện: một bước")])
def test_a_terminal_shows_every_tensor(
    seen: Trace, language: str, title: str, width: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole, with its explanation, and no line longer than the terminal's."""
    show(seen, words(language), width=width)
    lines = capsys.readouterr().out.splitlines()
    assert title in map(str.strip, lines)
    assert max(map(len, lines)) <= (width or PIPE_WIDTH)
    told = "\n".join(lines)
    for row in seen.rows:
        assert re.search(rf" {row.key}( x \d+)? +{re.escape(str(list(row.shape)))} +{row.dtype}", told), row.key
        assert why(row, seen.facts, words(language)).split()[0] in told


def test_json_and_back(seen: Trace) -> None:
    assert Trace.from_dict(json.loads(json.dumps(seen.to_dict()))) == seen


# -- what may be missing


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bundle]:
    """A bundle without image prompt and depth."""
    import shutil

    from wallpaint.bundles.random_bundle import write_random

    folder = write_random("tiny", tmp_path / "bare")
    for part in ("controlnet", "depth", "models"):
        shutil.rmtree(folder / part)
    toml = folder / "bundle.toml"
    kept = [s for s in toml.read_text().splitlines() if not re.match("controlnet|depth|image_encoder|ip_adapter", s)]
    toml.write_text("\n".join(kept) + "\n")
    return load_bundle(folder)


def test_a_bundle_of_fewer_parts_is_traced_too(bare: Bundle) -> None:
    found = traced(bare)
    assert not names(found)["inference"] & {"depth", "control", "reference", "image_tokens", "image_keys"}
    assert {count.part for count in found.counts} == {"unet", "lora", "vae", "text_encoder"}
    for language in LANGUAGES:
        assert "unet_input" in sections(found, words(language))


@pytest.mark.parametrize(
    "change", [{"guidance": 3.0}, {"strength": 0.5}, {"compile": True}, {"loras": (Lora(Path("nowhere"), 0.0),)}]
)
def test_what_would_change_the_flow_is_refused(bundle: Bundle, change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="plain way"):
        traced(bundle, replace(PLAIN, **change))


def test_a_batch_has_pictures(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="not 0"):
        traced(bundle, batch=0)


def test_photo_and_mask_go_together(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="--photo and --mask"):
        make_scene(bundle, Path("room.jpg"), None)


# -- the recorder


def test_numbers_of_a_row() -> None:
    recorder = Recorder("training")
    recorder("x", torch.tensor([[1.0, 2.0]]))
    recorder("flag", torch.tensor([3], dtype=torch.int64))
    recorder("x", torch.tensor([[-5.0, 2.0]]))
    assert recorder.rows() == [
        Row("training", "x", (1, 2), "float32", -5.0, 2.0, 0.0, 2.915, times=2),
        Row("training", "flag", (1,), "int64", 3.0, 3.0, 3.0, 0.0),
    ]


def test_one_name_is_one_shape() -> None:
    recorder = Recorder("training")
    recorder("x", torch.zeros(2))
    with pytest.raises(AssertionError, match="x was"):
        recorder("x", torch.zeros(3))


def test_hooks_are_taken_out_again_even_after_an_error() -> None:
    layer = nn.Linear(2, 2)
    told: list[str] = []

    def fail() -> None:
        with recorders._hooked([(layer, "out", 0)], lambda name, _: told.append(name)):
            layer(torch.zeros(2))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    layer(torch.zeros(2))
    assert told == ["out"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-0.7176, "-0.718"), (999.0, "999"), (1234.5, "1234"), (0.000153, "0.000153")],
)
def test_numbers_as_shown(value: float, text: str) -> None:
    assert number(value) == text


# -- the picture and its mask


@pytest.mark.parametrize("side", [64, 200])
def test_the_drawn_room(side: int) -> None:
    photo, mask = draw_room(side)
    assert photo.shape == (side, side, 3)
    assert (photo.dtype, mask.dtype) == (np.uint8, np.uint8)
    assert 0.6 < (mask >= 128).mean() < 0.66
    wall, other = photo[mask == 255], photo[mask == 0]
    assert wall.mean() > other.mean() + 10
    assert wall.std() > 10, "light that is even everywhere shows nothing"


def test_masks_shrink_and_grow_as_told(bundle: Bundle) -> None:
    """A square of wall of 40 px in a photo of 64 px: every share by arithmetic."""
    from wallpaint.scene.scene import prepare

    photo, mask = np.full((64, 64, 3), 120, np.uint8), np.zeros((64, 64), np.uint8)
    mask[12:52, 12:52] = 255
    scene = prepare(photo, {"wall": mask}, edges="keep")
    found = {p.name: p for p in mask_places(scene, bundle, replace(PLAIN, mask_dilation_px=3.0, context=0.3), 16)}
    assert found["given"] == MaskPlace("given", 0.0, round(1600 / 4096, 4))
    assert found["seen"] == MaskPlace("seen", 0.0, round(1600 / 4096, 4))
    assert found["document"] == MaskPlace("document", -2.0, round(36 * 36 / 4096, 4))
    # A square grown by a disc of 3 px: four strips, and in each corner the 4 pixels within it.
    assert found["model"].share == pytest.approx((1600 + 4 * 40 * 3 + 4 * 4) / 4096, abs=1e-4)
    assert found["document"].share < found["seen"].share < found["model"].share
