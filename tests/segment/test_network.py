"""Wall segmenters: input sizes, the class wall, calibration, refiner, and files that are rejected."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.painted_rooms import photo_and_walls
from wallpaint.errors import ModelError
from wallpaint.segment import network


@pytest.fixture(scope="session")
def ade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SegFormer with random weights and the 150 classes of ADE20K, wall the first."""
    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    names = {0: "wall", **{k: f"class {k}" for k in range(1, 150)}}
    torch.manual_seed(0)
    small = SegformerConfig(
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=names,
        label2id={name: k for k, name in names.items()},
    )
    folder = tmp_path_factory.mktemp("ade") / "segformer-ade"
    SegformerForSemanticSegmentation(small).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 96, "width": 96}}), encoding="utf-8"
    )
    return folder


@pytest.mark.parametrize(
    ("size", "px", "expected"),
    [
        ((480, 640), 256, (224, 288)),
        ((640, 480), 256, (288, 224)),
        ((100, 100), 160, (160, 160)),
        ((10, 900), 96, (64, 160)),
    ],
)
def test_input_size_keeps_the_aspect_ratio(size: tuple[int, int], px: int, expected: tuple[int, int]) -> None:
    assert network.input_size(size, px) == expected


def test_probability_of_many_classes_is_the_softmax_of_wall(ade: Path) -> None:
    import torch
    from transformers import SegformerForSemanticSegmentation

    segmenter = network.load(ade)
    assert (segmenter.wall, segmenter.name, segmenter.calibration.input_px) == (0, "segformer-ade", 96)
    flat = np.full((96, 96, 3), 120, np.uint8)
    model = SegformerForSemanticSegmentation.from_pretrained(ade).eval()
    values = (flat.astype(np.float32) / 255 - np.float32(segmenter.mean)) / np.float32(segmenter.std)
    with torch.inference_mode():
        logits = model(pixel_values=torch.from_numpy(values.transpose(2, 0, 1).copy())[None]).logits[0]
    share = torch.softmax(logits, 0)[0].numpy()
    symmetric = (share + share[:, ::-1]) / 2  # the image is its own mirror image
    assert np.abs(segmenter.probability(flat)[46:50, 46:50].mean() - symmetric[11:13, 11:13].mean()) < 2e-3


def test_mirrored_photo_gives_the_mirrored_map(ade: Path) -> None:
    photo, _ = photo_and_walls()
    segmenter = network.load(ade)
    mirrored = segmenter.probability(photo[:, ::-1].copy())[:, ::-1]
    assert np.abs(segmenter.probability(photo) - mirrored).max() < 1e-4


def test_bundles_segmenter_is_loaded(tiny_bundle: Path) -> None:
    segmenter = network.load(tiny_bundle)
    assert segmenter.wall == 1
    probability = segmenter.probability(photo_and_walls()[0])
    assert probability.shape == network.input_size((180, 240), 64)
    assert 0 <= probability.min() <= probability.max() <= 1


def test_calibration_scales_and_shifts_log_odds(ade: Path) -> None:
    from dataclasses import replace

    segmenter = network.load(ade)
    photo, _ = photo_and_walls()
    plain = segmenter.probability(photo).astype(np.float64)
    scaled = replace(segmenter, calibration=network.Calibration(0.5, 1.0, 96)).probability(photo).astype(np.float64)
    assert np.allclose(np.log(scaled / (1 - scaled)), 0.5 * np.log(plain / (1 - plain)) + 1, atol=1e-3)


def test_folders_without_a_wall_segmenter_are_rejected(ade: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such bundle"):
        network.load(tmp_path / "nothing")
    other = tmp_path / "other"
    shutil.copytree(ade, other)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    config["id2label"]["0"] = "sky"
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="none of its 150 classes is named wall"):
        network.load(other)
    damaged = tmp_path / "damaged"
    shutil.copytree(ade, damaged)
    for text in ("{", '{"scale": 1}', '{"scale": 1e999, "shift": 0, "input_px": 96}', "[]", "null"):
        (damaged / "calibration.json").write_text(text, encoding="utf-8")
        with pytest.raises(ModelError, match="calibration"):
            network.load(damaged)


def refiner_file(seed: int, *, identity: bool) -> bytes:
    """Export a refiner with random weights. identity: one that does not change the map."""
    import torch
    from torch.export import Dim

    from wallpaint.train.engine import onnx_export
    from wallpaint.train.segmenter.refiner import RefinerNetwork

    torch.manual_seed(seed)
    refiner = RefinerNetwork((8, 16))
    with torch.no_grad():
        refiner.out.weight.mul_(0 if identity else 20)
    batch, (height, width) = Dim("batch", min=1, max=8), (32 * Dim(name, min=1, max=64) for name in ("h", "w"))
    return onnx_export.export(
        refiner,
        {"photo": torch.zeros(2, 3, 64, 96), "odds": torch.zeros(2, 64, 96)},
        {"photo": {0: batch, 2: height, 3: width}, "odds": {0: batch, 1: height, 2: width}},
        "refined",
        lambda name, weight: "float32",
        {"kind": network.REFINER_KIND},
    )


@pytest.fixture(scope="session")
def refiners() -> dict[bool, bytes]:
    """Refiners by whether they are the identity."""
    return {identity: refiner_file(0, identity=identity) for identity in (True, False)}


def add_refiner(folder: Path, data: bytes) -> Path:
    """Write a refiner into a folder, and return the folder."""
    (folder / network.REFINER).write_bytes(data)
    return folder


def log_odds(probability: np.ndarray) -> np.ndarray:
    values = probability.astype(np.float64)
    return np.log(values / (1 - values))


def test_refiner_changes_the_map(ade: Path, refiners: dict[bool, bytes], tmp_path: Path) -> None:
    photo = np.ascontiguousarray(photo_and_walls()[0][::3, ::3])  # smaller than the network's input
    plain = network.load(ade).probability(photo)
    folder = tmp_path / "refined"
    shutil.copytree(ade, folder)
    assert np.abs(network.load(add_refiner(folder, refiners[True])).probability(photo) - plain).max() < 1e-3
    segmenter = network.load(add_refiner(folder, refiners[False]))
    changed = segmenter.probability(photo)
    assert changed.shape == plain.shape
    assert np.abs(np.log(changed / plain)).max() > 0.3
    mirrored = segmenter.probability(photo[:, ::-1].copy())[:, ::-1]
    assert np.abs(np.log(changed / mirrored)).max() < 1e-2


@pytest.mark.parametrize(
    ("size", "px"),
    [((40, 60), 96), ((96, 96), 96), ((132, 132), 132), ((150, 130), math.sqrt(150 * 130)), ((900, 1200), 192)],
)
def test_refiner_runs_at_the_photos_size_up_to_twice_the_networks(
    ade: Path, refiners: dict[bool, bytes], tmp_path: Path, size: tuple[int, int], px: float
) -> None:
    """The network's input has 96 pixels per side."""
    folder = tmp_path / "refined"
    shutil.copytree(ade, folder)
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    segmenter = network.load(add_refiner(folder, refiners[True]))
    probability = segmenter.probability(photo)
    assert probability.shape == network.input_size(size, px)
    plain = network.load(ade).probability(photo)
    upsampled = cv2.resize(log_odds(plain), probability.shape[::-1], interpolation=cv2.INTER_CUBIC)
    assert np.abs(log_odds(probability) - upsampled).max() < 2e-2


def test_damaged_refiner_is_rejected(ade: Path, refiners: dict[bool, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(ade, folder)
    data = refiners[True]
    other = (network.BUILT_IN / network.SEGFORMER).read_bytes()
    for damage in (data[:200], data[: len(data) // 2], b"{}", other):
        with pytest.raises(ModelError, match="refiner"):
            network.load(add_refiner(folder, damage))


# -- the package's file format


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["floor", "ceiling"]},
        {"classes": None},
        {"image_mean": [0.5]},
        {"image_std": [0.0, 0.2, 0.2]},
        {"calibration": {"scale": 1}},
        {"calibration": {"scale": 1, "shift": 0, "input_px": 9}},
    ],
)
def test_damaged_metadata_is_rejected(changes: dict[str, object], tmp_path: Path) -> None:
    from wallpaint.train.engine import onnx_export

    data = (network.BUILT_IN / network.SEGFORMER).read_bytes()
    (tmp_path / network.SEGFORMER).write_bytes(onnx_export.with_metadata(data, **changes))
    with pytest.raises(ModelError, match=r"segformer\.onnx: its metadata is damaged"):
        network.load(tmp_path)


def test_result_folder_of_a_run_is_a_wall_segmenter(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    folder.mkdir()
    shutil.copy(network.BUILT_IN / network.SEGFORMER, folder)
    photo, _ = photo_and_walls()
    segmenter, packaged = network.load(folder), network.load()
    assert (segmenter.name, segmenter.refiner, segmenter.wall) == ("result", None, 1)
    assert segmenter.calibration == packaged.calibration
    assert np.abs(log_odds(segmenter.probability(photo)) - log_odds(packaged.probability(photo))).max() > 0.1
