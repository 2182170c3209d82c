"""Training samples: tensors, random augmentation, and the sources they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from support.data_sets import STILL, into_shard, make_set, save, small_room, still, write_lines
from support.paths import ROOT
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.augment import ColorJitter, hue_saturation_matrix
from wallpaint.data.dataset import WallInpaintingDataset, collate
from wallpaint.data.settings import SampleSettings
from wallpaint.errors import ConfigError, InputError, ShapeError
from wallpaint.imaging import color

TENSORS = ("pixel_values", "mask", "color_mask", "reference_image", "dominant_color", "target_values")


def codes_of(values: torch.Tensor) -> np.ndarray:
    """[3, H, W], -1..1 -> (H, W, 3) uint8."""
    return np.round((values.permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)


def lab(rgb: np.ndarray) -> np.ndarray:
    return color.linear_to_lab(color.srgb_to_linear(np.asarray(rgb, np.float64) / 255))


def same(first: Any, second: Any) -> bool:
    return all(torch.equal(first[name], second[name]) for name in TENSORS) and first["key"] == second["key"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training and two validation rooms without targets; read-only."""
    root = tmp_path_factory.mktemp("plain")
    make_set(root)
    make_set(root, "validation", 2, first=10)
    return root


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training rooms with true repaints; read-only."""
    root = tmp_path_factory.mktemp("pairs")
    make_set(root, targets=True)
    return root


# -- tensors


def test_sample_tensors_have_documented_shapes_and_ranges(plain: Path) -> None:
    dataset = WallInpaintingDataset(plain, "train", SampleSettings(size=96))
    assert len(dataset) == 3
    for index in range(3):
        sample = dataset[index]
        shapes = {name: (tuple(sample[name].shape), sample[name].dtype) for name in TENSORS}
        assert shapes == {
            "pixel_values": ((3, 96, 96), torch.float32),
            "mask": ((1, 96, 96), torch.float32),
            "color_mask": ((1, 96, 96), torch.float32),
            "reference_image": ((3, 224, 224), torch.float32),
            "dominant_color": ((3,), torch.float32),
            "target_values": ((3, 96, 96), torch.float32),
        }
        assert sample["pixel_values"].abs().max() <= 1
        assert set(sample["mask"].unique().tolist()) == {0.0, 1.0}
        assert set(sample["color_mask"].unique().tolist()) == {0.0, 1.0}
        assert 0 <= sample["dominant_color"].min() <= sample["dominant_color"].max() <= 255
        assert sample["dominant_color"].max() > 2  # 0..255, not 0..1


def test_mask_is_dilated_and_color_mask_eroded(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 10:50] = 255
    save(tmp_path / "images/a.png", np.full((64, 64, 3), 120, np.uint8))
    save(tmp_path / "masks/a.png", mask)
    sample = WallInpaintingDataset(tmp_path, "train", still(dilation_px=4, erosion_px=2, random_color_prob=0))[0]
    inner, outer = sample["color_mask"][0].bool().numpy(), sample["mask"][0].bool().numpy()
    expected = np.zeros((64, 64), bool)
    expected[22:38, 12:48] = True
    assert np.array_equal(inner, expected)
    assert outer[16, 30]
    assert not outer[15, 30]
    assert outer[30, 6]
    assert not outer[30, 5]
    kernel = WallInpaintingDataset(tmp_path, "train", still(erosion_kernel=5, random_color_prob=0))[0]
    assert torch.equal(kernel["color_mask"], sample["color_mask"])


def test_reference_is_normalized_with_the_given_mean_and_std(tmp_path: Path) -> None:
    save(tmp_path / "images/a.png", np.full((64, 64, 3), (40, 120, 200), np.uint8))
    save(tmp_path / "masks/a.png", np.full((64, 64), 255, np.uint8))
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    settings = still(reference_noise=0, reference_gradient=(1, 1), image_mean=mean, image_std=std, random_color_prob=0)
    sample = WallInpaintingDataset(tmp_path, "train", settings)[0]
    expected = (np.array([40, 120, 200]) / 255 - mean) / std
    assert np.allclose(sample["reference_image"].numpy(), expected[:, None, None], atol=1e-5)
    assert sample["dominant_color"].tolist() == pytest.approx([40, 120, 200], abs=1e-3)


def test_swatch_has_noise_and_a_gradient(plain: Path) -> None:
    sample = WallInpaintingDataset(
        plain, "train", still(random_color_prob=0, image_mean=(0, 0, 0), image_std=(1, 1, 1))
    )[0]
    image = 255 * sample["reference_image"].numpy()
    assert image.mean((1, 2)) == pytest.approx(sample["dominant_color"].numpy(), abs=1.5)
    assert image.std() > 2


@pytest.mark.parametrize("method", ["median", "mean", "kmeans"])
def test_dominant_color_of_an_unchanged_sample_is_the_walls_colour(plain: Path, method: str) -> None:
    sample = WallInpaintingDataset(plain, "train", still(random_color_prob=0, color_method=method))[0]
    pixels = codes_of(sample["pixel_values"])[sample["color_mask"][0].bool().numpy()]
    assert torch.equal(sample["target_values"], sample["pixel_values"])
    expected = {
        "median": np.median(pixels, axis=0),
        "mean": 255 * color.linear_to_srgb(color.srgb_to_linear(pixels / 255).mean(0)),
    }.get(method)
    if expected is None:
        assert (pixels.min(0) <= sample["dominant_color"].numpy()).all()
        assert (pixels.max(0) >= sample["dominant_color"].numpy()).all()
    else:
        assert sample["dominant_color"].numpy() == pytest.approx(expected, abs=0.51)


# -- colours and targets


def test_random_colour_sample_uses_the_true_repaint_as_target(pairs: Path) -> None:
    dataset = WallInpaintingDataset(pairs, "train", still(random_color_prob=1))
    for index in range(3):
        sample = dataset[index]
        wall = sample["color_mask"][0].bool().numpy()
        truth = codes_of(sample["target_values"])
        assert sample["dominant_color"].numpy() == pytest.approx(np.median(truth[wall], axis=0), abs=0.51)
        assert (truth[wall] != codes_of(sample["pixel_values"])[wall]).any(-1).mean() > 0.99
        assert sample["caption"] == "a room with green walls"
    unchanged = WallInpaintingDataset(pairs, "train", still(random_color_prob=0))[0]
    assert torch.equal(unchanged["target_values"], unchanged["pixel_values"])
    assert "green" not in unchanged["caption"]


def test_room_match_uses_the_paints_albedo(pairs: Path) -> None:
    sample = WallInpaintingDataset(pairs, "train", still(random_color_prob=1, match="room"))[0]
    assert sample["dominant_color"].tolist() == pytest.approx([95, 138, 107], abs=1e-3)


def test_random_colour_sample_without_true_repaint_is_repainted_analytically(plain: Path) -> None:
    dataset = WallInpaintingDataset(plain, "train", still(random_color_prob=1, dilation_px=6))
    for index in range(3):
        sample = dataset[index]
        wall, outside = sample["color_mask"][0].bool().numpy(), ~sample["mask"][0].bool().numpy()
        before, after = codes_of(sample["pixel_values"]), codes_of(sample["target_values"])
        assert np.array_equal(before[outside], after[outside])
        paint = sample["dominant_color"].numpy()
        assert (paint >= 30).all()
        assert (paint <= 240).all()
        assert color.delta_e_2000(lab(np.median(after[wall], axis=0)), lab(paint)) < 2.0
        assert "pale" not in sample["caption"]


def test_random_color_prob_is_the_share_of_repainted_samples(tmp_path: Path) -> None:
    make_set(tmp_path, count=1, targets=True)
    dataset = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0.3))
    other = 0
    for epoch in range(80):
        sample = dataset.get(0, epoch)
        other += not torch.equal(sample["target_values"], sample["pixel_values"])
    assert 0.18 < other / 80 < 0.42


def test_jitter_is_applied_to_photo_and_target_before_colour_extraction(tmp_path: Path) -> None:
    folder = make_set(tmp_path, targets=True, count=2)
    for seed in range(2):
        save(folder / f"targets/room_{seed}.png", small_room(seed).photo)
    strong = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.5, "hue_deg": 40.0}
    sample = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=1, **strong))[0]
    assert torch.equal(sample["target_values"], sample["pixel_values"])
    unchanged = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0))[0]
    assert (sample["dominant_color"] - unchanged["dominant_color"]).abs().max() > 3
    wall = sample["color_mask"][0].bool().numpy()
    expected = np.median(codes_of(sample["pixel_values"])[wall], axis=0)
    assert sample["dominant_color"].numpy() == pytest.approx(expected, abs=0.51)


def test_jitter_of_single_pixels() -> None:
    grey, red = np.full((1, 1, 3), 100, np.uint8), np.array([[[255, 0, 0]]], np.uint8)
    assert np.array_equal(ColorJitter(np.eye(3))(red), red)
    assert ColorJitter(np.eye(3), brightness=1.2)(grey).tolist() == [[[120, 120, 120]]]
    assert ColorJitter(np.eye(3), contrast=0.5, mean_grey=200.0)(grey).tolist() == [[[150, 150, 150]]]
    assert ColorJitter(hue_saturation_matrix(0.3, 25.0))(grey).tolist() == grey.tolist()
    assert ColorJitter(hue_saturation_matrix(1.0, 120.0))(red).tolist() == [[[0, 255, 0]]]
    assert ColorJitter(hue_saturation_matrix(0.0, 0.0))(red).tolist() == [[[85, 85, 85]]]


# -- crops and flips


@pytest.mark.parametrize("crop", ["center", "random", "wall"])
def test_photo_mask_and_target_are_cropped_and_flipped_together(tmp_path: Path, crop: str) -> None:
    mask = np.zeros((150, 200), np.uint8)
    mask[30:90, 20:120] = 255
    photo = np.where(mask[..., None] > 0, np.uint8([200, 40, 40]), np.uint8([20, 60, 220]))
    target = np.where(mask[..., None] > 0, np.uint8([40, 200, 40]), np.uint8([20, 60, 220]))
    for name, codes in (("images", photo), ("masks", mask), ("targets", target)):
        save(tmp_path / name / "a.png", codes)
    masks = []
    dataset = WallInpaintingDataset(tmp_path, "train", still(crop=crop, flip_prob=0.5, random_color_prob=1))
    for epoch in range(12):
        sample = dataset.get(0, epoch)
        wall = sample["color_mask"][0].bool()
        outside = ~sample["mask"][0].bool()
        assert (sample["pixel_values"][0][wall] > 0.5).all()
        assert (sample["target_values"][1][wall] > 0.5).all()
        assert (sample["pixel_values"][2][outside] > 0.5).all()
        assert sample["dominant_color"].tolist() == pytest.approx([40, 200, 40], abs=1)
        masks.append(sample["mask"].numpy().tobytes())
    assert len(set(masks)) == (12 if crop == "random" else 2)


def test_center_crop_without_wall_falls_back_to_a_wall_crop(tmp_path: Path) -> None:
    mask = np.zeros((60, 300), np.uint8)
    mask[10:50, 5:60] = 255
    save(tmp_path / "images/a.png", np.full((60, 300, 3), 90, np.uint8))
    save(tmp_path / "masks/a.png", mask)
    sample = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0))[0]
    assert sample["color_mask"].sum() > 500


def test_thin_wall_survives_downscaling(tmp_path: Path) -> None:
    mask = np.zeros((640, 640), np.uint8)
    mask[::9, 302] = 255
    save(tmp_path / "images/a.png", np.full((640, 640, 3), 90, np.uint8))
    save(tmp_path / "masks/a.png", mask)
    for crop in ("center", "wall"):
        sample = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=1, crop=crop))[0]
        assert sample["color_mask"].any()
        assert torch.equal(sample["target_values"], sample["pixel_values"])  # too little wall for the analytic painter


def test_orientation_tags_are_applied(tmp_path: Path) -> None:
    upright = np.zeros((100, 60, 3), np.uint8)
    upright[:50] = 220
    tags = Image.Exif()
    tags[0x0112] = 6  # displayed rotated by 90 degrees clockwise
    save(tmp_path / "images/a.jpg", np.ascontiguousarray(np.rot90(upright)), exif=tags, quality=95)
    save(tmp_path / "masks/a.png", upright[..., 0] // 220 * 255)
    sample = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0))[0]
    assert sample["dominant_color"].tolist() == pytest.approx([220] * 3, abs=3)


# -- random numbers


def test_any_number_of_workers_gives_the_same_samples(plain: Path) -> None:
    runs = []
    for workers in (0, 1, 2):
        dataset = WallInpaintingDataset(
            plain, "train", SampleSettings(size=32, random_color_prob=0.5, crop="random"), seed=5
        )
        dataset.set_epoch(3)
        loader = DataLoader(dataset, batch_size=2, num_workers=workers, collate_fn=collate)
        runs.append(list(loader))
    for run in runs[1:]:
        for first, second in zip(runs[0], run, strict=True):
            assert first["keys"] == second["keys"]
            assert first["captions"] == second["captions"]
            for name in (
                "pixel_values",
                "masks",
                "color_masks",
                "reference_images",
                "dominant_colors",
                "target_values",
            ):
                assert torch.equal(first[name], second[name]), name


def test_samples_depend_on_epoch_and_seed_only(plain: Path) -> None:
    dataset = WallInpaintingDataset(plain, "train", SampleSettings(size=32), seed=1)
    first = dataset[0]
    dataset.set_epoch(1)
    assert not same(dataset[0], first)
    dataset.set_epoch(0)
    assert same(dataset[0], first)
    assert not same(WallInpaintingDataset(plain, "train", SampleSettings(size=32), seed=2)[0], first)


def test_persistent_workers_follow_set_epoch(plain: Path) -> None:
    dataset = WallInpaintingDataset(plain, "train", SampleSettings(size=32))
    loader = DataLoader(dataset, batch_size=None, num_workers=1, persistent_workers=True)
    epochs = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        epochs.append(list(loader))
    assert all(same(sample, dataset.get(i, epoch)) for epoch in range(2) for i, sample in enumerate(epochs[epoch]))
    assert not same(epochs[0][0], epochs[1][0])


def test_validation_samples_are_deterministic(plain: Path) -> None:
    settings = SampleSettings(size=64, random_color_prob=1, flip_prob=1, crop="random", brightness=0.5, hue_deg=90)
    dataset = WallInpaintingDataset(plain, "validation", settings)
    assert dataset.keys == ["room_10", "room_11"]
    expected = WallInpaintingDataset(plain, "validation", still(random_color_prob=0))
    for index in range(2):
        sample = dataset[index]
        dataset.set_epoch(7)
        assert same(dataset[index], sample)
        assert torch.equal(sample["pixel_values"], expected[index]["pixel_values"])
        assert torch.equal(sample["target_values"], sample["pixel_values"])


def test_partitions_make_up_the_full_set(plain: Path) -> None:
    full = WallInpaintingDataset(plain, "train", SampleSettings(size=32))
    settings = SampleSettings(size=32)
    even, odd = (WallInpaintingDataset(plain, "train", settings, partition=(n, 2)) for n in range(2))
    assert (len(even), len(odd)) == (2, 1)
    assert same(even[1], full[2])
    assert same(odd[0], full[1])


def test_digests_change_with_settings_seed_and_content(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=2)
    dataset = WallInpaintingDataset(tmp_path, "train", SampleSettings(size=32))
    before = [dataset.content(i) for i in range(2)]
    assert before[0] != before[1]
    assert dataset.digest() != WallInpaintingDataset(tmp_path, "train", SampleSettings(size=40)).digest()
    assert dataset.digest() != WallInpaintingDataset(tmp_path, "train", SampleSettings(size=32), seed=1).digest()
    mask = np.asarray(Image.open(folder / "masks/room_0.png")).copy()
    mask[0, 0] ^= 255
    save(folder / "masks/room_0.png", mask)
    assert dataset.content(0) != before[0]
    assert dataset.content(1) == before[1]


# -- sources of samples


def test_masks_are_paired_by_name(tmp_path: Path, plain: Path) -> None:
    folder = make_set(tmp_path)
    (folder / "metadata.jsonl").unlink()
    settings = SampleSettings(size=32)
    first, second = (WallInpaintingDataset(root, "train", settings) for root in (tmp_path, plain))
    assert first.keys == second.keys
    assert all(same(first[i], second[i]) for i in range(3))


def test_shards_give_the_same_samples_as_loose_files(tmp_path: Path, pairs: Path) -> None:
    (tmp_path / "train").mkdir()
    into_shard(pairs / "train", tmp_path / "train/000.tar", targets=True)
    settings = SampleSettings(size=32, random_color_prob=0.5)
    loose, tarred = (WallInpaintingDataset(root, "train", settings) for root in (pairs, tmp_path))
    assert tarred.keys == loose.keys
    for index in range(3):
        assert same(tarred[index], loose[index])
        assert tarred[index]["caption"] == loose[index]["caption"]
    batches = [list(DataLoader(tarred, 1, num_workers=workers, collate_fn=collate)) for workers in (0, 2)]
    assert all(torch.equal(a["pixel_values"], b["pixel_values"]) for a, b in zip(*batches, strict=True))


def test_shards_without_split_folders_are_split_by_name(tmp_path: Path, pairs: Path) -> None:
    for name in ("train-000.tar", "train-001.tar", "validation-000.tar"):
        into_shard(pairs / "train", tmp_path / name)
    assert len(WallInpaintingDataset(tmp_path, "train", still())) == 6
    assert len(WallInpaintingDataset(tmp_path, "validation", still())) == 3


def test_rendered_room_has_another_paint_in_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests" / "rooms")
    from support import synthetic_rooms
    from wallpaint.rooms.sets import room_file

    for seed in (0, 1, 900_000):
        room_file.write(tmp_path / room_file.name_of(seed), synthetic_rooms.render(seed, (48, 64), 64))
    dataset = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=1, dressed_share=0))
    assert dataset.keys == ["room_000000", "room_000001"]
    samples = [dataset.get(0, epoch) for epoch in range(3)]
    for sample in samples:
        wall = sample["color_mask"][0].bool().numpy()
        truth = np.median(codes_of(sample["target_values"])[wall], axis=0)
        assert sample["dominant_color"].numpy() == pytest.approx(truth, abs=0.51)
        assert not torch.equal(sample["target_values"], sample["pixel_values"])
    assert len({tuple(sample["dominant_color"].tolist()) for sample in samples}) == 3
    unchanged = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0, dressed_share=0))
    assert torch.equal(unchanged[1]["target_values"], unchanged[1]["pixel_values"])
    dressed = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0, dressed_share=1))
    assert not torch.equal(dressed[0]["target_values"], dressed[0]["pixel_values"])  # wallpaper to be painted over
    validation = WallInpaintingDataset(tmp_path, "validation", still())
    assert validation.keys == ["room_900000"]
    assert torch.equal(validation[0]["target_values"], validation[0]["pixel_values"])


def test_shipped_benchmark_set_is_readable(examples: Path) -> None:
    dataset = WallInpaintingDataset(examples / "benchmark", "train", still(random_color_prob=1))
    assert len(dataset) == 73
    textured = next(i for i in range(len(dataset)) if dataset[i]["caption"].endswith("textured walls"))
    assert dataset[textured]["reference_image"].std() > 0.02


def test_hugging_face_key_aliases(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1)
    write_lines(folder, [{"file_name": "images/room_0.png", "text": "a den"}])  # the mask is paired by name
    assert WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0))[0]["caption"] == "a den"


def test_samples_below_the_quality_threshold_are_excluded(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[1]["quality_score"] = 0.59
    write_lines(folder, lines)
    dataset = WallInpaintingDataset(tmp_path, "train", still())
    assert (dataset.keys, dataset.excluded) == (["room_0", "room_2"], 1)
    assert len(WallInpaintingDataset(tmp_path, "train", still(quality_threshold=0.5))) == 3
    with pytest.raises(InputError, match=r"all 3 samples have a quality_score below 0\.95"):
        WallInpaintingDataset(tmp_path, "train", still(quality_threshold=0.95))


# -- batches


def test_collate_stacks_samples_as_in_the_source_document(plain: Path, tiny_bundle: Path) -> None:
    dataset = WallInpaintingDataset(plain, "train", SampleSettings(size=32))
    batch = collate([dataset[i] for i in range(3)], load_bundle(tiny_bundle).tokenizer())
    shapes = {name: tuple(value.shape) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    assert shapes == {
        "pixel_values": (3, 3, 32, 32),
        "masks": (3, 1, 32, 32),
        "color_masks": (3, 1, 32, 32),
        "reference_images": (3, 3, 224, 224),
        "dominant_colors": (3, 3),
        "target_values": (3, 3, 32, 32),
        "input_ids": (3, 77),
    }
    assert batch["input_ids"].dtype == torch.int64
    assert batch["keys"] == ["room_0", "room_1", "room_2"]
    assert "input_ids" not in collate([dataset[0]])
    with pytest.raises(InputError, match="no samples"):
        collate([])


# -- errors


GOOD = {"image_path": "images/room_0.png", "mask_path": "masks/room_0.png"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "a line is a JSON object, not list"),
        ({}, "image_path is missing"),
        (GOOD | {"image_path": "images/none.png"}, "image_path names images/none.png, and there is no such file"),
        (GOOD | {"mask_path": "../masks/a.png"}, "paths stay within the folder"),
        (GOOD | {"image_path": "/"}, "paths stay within the folder"),
        (GOOD | {"image_path": "."}, "there is no such file"),
        (GOOD | {"image_path": "a" * 5000}, "there is no such file"),
        (GOOD | {"image_path": "a\ud800"}, "image_path is not a path but"),
        (GOOD | {"quality_score": 10**400}, "quality_score is a number 0..1"),
        (GOOD | {"image_path": "/etc/passwd"}, "paths stay within the folder"),
        (GOOD | {"target_path": 3}, "target_path is not a path but 3"),
        (GOOD | {"color_rgb": [1, 2, 300]}, "color_rgb is three numbers 0..255"),
        (GOOD | {"color_rgb": [1, 2, True]}, "color_rgb is three numbers 0..255"),
        (GOOD | {"quality_score": 1.5}, "quality_score is a number 0..1, not 1.5"),
        (GOOD | {"quality_score": float("nan")}, "quality_score is a number 0..1"),
        (GOOD | {"caption": ["a"]}, "caption is a text"),
        (GOOD | {"room": "kitchen"}, "room is a whole number"),
    ],
)
def test_invalid_metadata_line_error_names_file_and_line(tmp_path: Path, line: Any, message: str) -> None:
    folder = make_set(tmp_path, count=1)
    text = line if isinstance(line, str) else json.dumps(line)
    (folder / "metadata.jsonl").write_text(json.dumps(GOOD) + "\n\n" + text + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        WallInpaintingDataset(tmp_path, "train", still())
    assert f"{folder / 'metadata.jsonl'}, line 3: " in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_different_sizes_raise_an_error_naming_the_line(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1, targets=True)
    settings = still(random_color_prob=1)
    save(folder / "targets/room_0.png", np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"metadata.jsonl, line 1: target room_0.png is 50x50, photo is 96x128"):
        WallInpaintingDataset(tmp_path, "train", settings)[0]
    save(folder / "masks/room_0.png", np.zeros((128, 96), np.uint8))
    with pytest.raises(ShapeError, match=r"line 1: mask room_0.png is 128x96, photo is 96x128: it looks rotated"):
        WallInpaintingDataset(tmp_path, "train", settings)[0]
    save(folder / "masks/room_0.png", np.zeros((96, 128), np.uint8))
    with pytest.raises(InputError, match=r"line 1: mask room_0.png is empty"):
        WallInpaintingDataset(tmp_path, "train", settings)[0]
    (folder / "images/room_0.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"line 1: room_0.png: .*"):
        WallInpaintingDataset(tmp_path, "train", settings)[0]


def test_folder_without_samples_raises_input_error(tmp_path: Path, plain: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        WallInpaintingDataset(tmp_path / "none", "train")
    with pytest.raises(InputError, match="no samples for train"):
        WallInpaintingDataset(tmp_path, "train")
    with pytest.raises(InputError, match="has train and validation, but no folder test"):
        WallInpaintingDataset(plain, "test")
    with pytest.raises(ConfigError, match="`split` must be one of"):
        WallInpaintingDataset(plain, "training")


def test_image_without_mask_raises_input_error(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=2)
    (folder / "metadata.jsonl").unlink()
    (folder / "masks/room_1.png").unlink()
    with pytest.raises(InputError, match="masks has no image named room_1"):
        WallInpaintingDataset(tmp_path, "train")


def test_damaged_shard_error_names_the_shard(tmp_path: Path, pairs: Path) -> None:
    shard = tmp_path / "train.tar"
    into_shard(pairs / "train", shard)
    original = shard.read_bytes()
    for data in (original[: len(original) // 2], b"no tar at all" * 100):
        shard.write_bytes(data)
        with pytest.raises(InputError, match=r"train.tar: .*(cut short|cannot be read as a tar)"):
            WallInpaintingDataset(tmp_path, "train")


def test_sample_settings_report_all_errors_together() -> None:
    with pytest.raises(ConfigError) as caught:
        SampleSettings(size=100, multiple=64, crop="left", color_range=(200, 100), erosion_kernel=4, flip_prob=2)
    for message in (
        "`size` must be a multiple of 64, not 100",
        '`crop` must be one of center, random, wall, not "left"',
        "`color_range` must be from low to high",
        "`erosion_kernel` must be odd",
        "`flip_prob` must be in 0..1, not 2",
    ):
        assert message in str(caught.value)
    assert SampleSettings(**json.loads(json.dumps(SampleSettings(size=64).to_dict()))) == SampleSettings(size=64)
    assert set(STILL) <= set(SampleSettings().to_dict())
