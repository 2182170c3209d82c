"""The network's boundary: what it is given, which of its classes is wall, what it takes for weights."""

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
    """A SegFormer as those trained on ADE20K are: 150 classes, wall the first; small, of random weights."""
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
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 96, "width": 96}}))
    return folder


@pytest.mark.parametrize(
    ("size", "px", "seen"),
    [
        ((480, 640), 256, (224, 288)),
        ((640, 480), 256, (288, 224)),
        ((100, 100), 160, (160, 160)),
        ((10, 900), 96, (64, 160)),
    ],
)
def test_pictures_are_seen_in_their_own_shape(size: tuple[int, int], px: int, seen: tuple[int, int]) -> None:
    assert network.seen_size(size, px) == seen


def test_a_network_of_many_classes_says_how_likely_the_wall_is_against_all_others(ade: Path) -> None:
    import torch
    from transformers import SegformerForSemanticSegmentation

    finder = network.load(ade)
    assert (finder.wall, finder.name, finder.calibration.input_px) == (0, "segformer-ade", 96)
    flat = np.full((96, 96, 3), 120, np.uint8)
    own = SegformerForSemanticSegmentation.from_pretrained(ade).eval()
    values = (flat.astype(np.float32) / 255 - np.float32(finder.mean)) / np.float32(finder.std)
    with torch.inference_mode():
        logits = own(pixel_values=torch.from_numpy(values.transpose(2, 0, 1).copy())[None]).logits[0]
    share = torch.softmax(logits, 0)[0].numpy()
    middle = (share + share[:, ::-1]) / 2  # of a picture that is its own mirror image
    assert np.abs(finder.probability(flat)[46:50, 46:50].mean() - middle[11:13, 11:13].mean()) < 2e-3


def test_a_mirrored_photo_gives_the_mirrored_map(ade: Path) -> None:
    photo, _ = photo_and_walls()
    finder = network.load(ade)
    mirrored = finder.probability(photo[:, ::-1].copy())[:, ::-1]
    assert np.abs(finder.probability(photo) - mirrored).max() < 1e-4


def test_a_bundle_finds_walls_with_its_segmenter(tiny_bundle: Path) -> None:
    finder = network.load(tiny_bundle)
    assert finder.wall == 1
    found = finder.probability(photo_and_walls()[0])
    assert found.shape == network.seen_size((180, 240), 64)
    assert 0 <= found.min() <= found.max() <= 1


def test_calibration_scales_and_shifts_log_odds(ade: Path) -> None:
    from dataclasses import replace

    finder = network.load(ade)
    photo, _ = photo_and_walls()
    plain = finder.probability(photo).astype(np.float64)
    scaled = replace(finder, calibration=network.Calibration(0.5, 1.0, 96)).probability(photo).astype(np.float64)
    assert np.allclose(np.log(scaled / (1 - scaled)), 0.5 * np.log(plain / (1 - plain)) + 1, atol=1e-3)


def test_what_is_no_wall_finder_is_refused(ade: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such bundle"):
        network.load(tmp_path / "nothing")
    other = tmp_path / "other"
    shutil.copytree(ade, other)
    config = json.loads((other / "config.json").read_text())
    config["id2label"]["0"] = "sky"
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="none of its 150 classes is called wall"):
        network.load(other)
    damaged = tmp_path / "damaged"
    shutil.copytree(ade, damaged)
    for text in ("{", '{"scale": 1}', '{"scale": 1e999, "shift": 0, "input_px": 96}'):
        (damaged / "calibration.json").write_text(text)
        with pytest.raises(ModelError, match="calibration"):
            network.load(damaged)


def refined(folder: Path, seed: int, *, silent: bool) -> Path:
    """The same network with a refiner of random weights beside it. silent: one that changes nothing."""
    import torch
    from safetensors.torch import save_file

    from wallpaint.segment.refiner import Refiner

    torch.manual_seed(seed)
    made = Refiner((8, 16))
    with torch.no_grad():
        made.out.weight.mul_(0 if silent else 20)
    save_file(made.state_dict(), folder / network.REFINER, metadata={"widths": "[8, 16]"})
    return folder


def log_odds(probability: np.ndarray) -> np.ndarray:
    values = probability.astype(np.float64)
    return np.log(values / (1 - values))


def test_a_refiner_beside_the_weights_changes_the_map(ade: Path, tmp_path: Path) -> None:
    photo = np.ascontiguousarray(photo_and_walls()[0][::3, ::3])  # fewer pixels than the network sees
    plain = network.load(ade).probability(photo)
    folder = tmp_path / "refined"
    shutil.copytree(ade, folder)
    assert np.abs(network.load(refined(folder, 0, silent=True)).probability(photo) - plain).max() < 1e-3
    finder = network.load(refined(folder, 0, silent=False))
    changed = finder.probability(photo)
    assert changed.shape == plain.shape
    assert np.abs(np.log(changed / plain)).max() > 0.3
    mirrored = finder.probability(photo[:, ::-1].copy())[:, ::-1]
    assert np.abs(np.log(changed / mirrored)).max() < 1e-2


@pytest.mark.parametrize(
    ("size", "px"),
    [((40, 60), 96), ((96, 96), 96), ((132, 132), 132), ((150, 130), math.sqrt(150 * 130)), ((900, 1200), 192)],
)
def test_a_refiner_sees_the_photos_own_pixels_up_to_twice_the_networks(
    ade: Path, tmp_path: Path, size: tuple[int, int], px: float
) -> None:
    """The network of the folder sees 96 pixels a side."""
    folder = tmp_path / "refined"
    shutil.copytree(ade, folder)
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    finder = network.load(refined(folder, 0, silent=True))
    found = finder.probability(photo)
    assert found.shape == network.seen_size(size, px)
    plain = network.load(ade).probability(photo)
    enlarged = cv2.resize(log_odds(plain), found.shape[::-1], interpolation=cv2.INTER_CUBIC)
    assert np.abs(log_odds(found) - enlarged).max() < 2e-2


def test_a_damaged_refiner_is_refused(ade: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    folder = tmp_path / "damaged"
    shutil.copytree(ade, folder)
    whole = refined(folder, 0, silent=True) / network.REFINER
    data = whole.read_bytes()
    for damage in (data[:200], data[: len(data) // 2], b"{}"):
        whole.write_bytes(damage)
        with pytest.raises(ModelError, match="refiner"):
            network.load(folder)
    for metadata in (None, {"widths": "[8"}, {"widths": "[8, 24]"}, {"widths": "[7]"}):
        save_file({"stem.weight": np.zeros((8, 4, 3, 3), np.float32)}, whole, metadata=metadata)
        with pytest.raises(ModelError, match="refiner"):
            network.load(folder)
