"""Relief walls: old colours of brick, tiles and boards go, the shading of joints stays; prints are painted flat."""

import cv2
import numpy as np
import pytest

from support.fixed_light_model import FixedLightModel, with_light_model
from support.measures import codes_of, linear
from support.relief_walls import SIZE, relief_wall, whole_mask
from wallpaint.light import albedo_edit
from wallpaint.pipeline.repaint import prepare, repaint
from wallpaint.scene.existing_paint import homogenize

SAGE = "#7d9b84"


def inner(mask: np.ndarray, radius_px: int = 4) -> np.ndarray:
    side = 2 * radius_px + 1
    return cv2.erode(mask, np.ones((side, side), np.uint8)) > 0


def lab_of(codes: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((codes / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def fine_log(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return log values without their local mean, (N,), where that mean is entirely inside the mask."""
    log = np.log(np.maximum(values, 1e-3)).astype(np.float32)
    return (log - cv2.blur(log, (41, 41)))[inner(mask, 20)]


@pytest.mark.parametrize("kind", ["brick", "tiles", "boards"])
@pytest.mark.parametrize("old_wall", ["auto", "relief"])
def test_relief_keeps_the_shading_and_no_old_hue(kind: str, old_wall: str) -> None:
    wall = relief_wall(kind)
    mask = whole_mask(wall.photo)
    result = repaint(wall.photo, mask, SAGE, match="swatch", old_wall=old_wall)
    core = inner(mask)
    ab = lab_of(result.codes)[core][:, 1:]
    assert ab[:, 0].max() < -4
    assert np.abs(ab - np.median(ab, axis=0)).max() < 8
    luma = linear(result.codes) @ np.array([0.2126, 0.7152, 0.0722])
    painted, truth = fine_log(luma, mask), fine_log(wall.shading, mask)
    assert np.corrcoef(painted, truth)[0, 1] > 0.85
    assert painted @ truth / (truth @ truth) == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("kind", ["brick", "tiles", "boards"])
def test_white_paint_on_relief_keeps_its_joints_below_the_files_white(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that takes a dark wall for black paint in strong light predicts white far above the file's range."""
    wall = relief_wall(kind)
    mask = whole_mask(wall.photo)
    scene = with_light_model(prepare(wall.photo, {"wall": mask}, old_wall="relief"), FixedLightModel("#3a2018"))

    def kept() -> tuple[float, float]:
        luma = linear(scene.repaint({"wall": "#f5f3ee"}, match="room").codes) @ np.array([0.2126, 0.7152, 0.0722])
        painted, truth = fine_log(luma, mask), fine_log(wall.shading, mask)
        return float(np.corrcoef(painted, truth)[0, 1]), float(painted @ truth / (truth @ truth))

    correlation, strength = kept()
    monkeypatch.setattr(albedo_edit, "RELIEF_EXPOSURE", (100.0, 101.0))
    assert strength > 2 * kept()[1]
    assert correlation > 0.8
    assert strength > 0.25


def test_relief_is_closer_to_the_truth_than_plain_and_patterned() -> None:
    wall = relief_wall("brick")
    mask = whole_mask(wall.photo)
    truth = fine_log(wall.shading, mask)
    error = {}
    for mode in ("plain", "patterned", "relief"):
        codes = repaint(wall.photo, mask, SAGE, match="swatch", old_wall=mode).codes
        luma = linear(codes) @ np.array([0.2126, 0.7152, 0.0722])
        error[mode] = float(np.abs(fine_log(luma, mask) - truth).mean())
    assert error["relief"] < 0.8 * error["patterned"]
    assert error["relief"] < 0.5 * error["plain"]


@pytest.mark.parametrize("old_wall", ["relief", "patterned"])
def test_no_old_colour_is_left_in_a_photo_above_working_size(old_wall: str) -> None:
    """At 1440 pixels the working pixels are 2 photo pixels wide, and mortar is resolved in the photo only."""
    wall = relief_wall("brick", scale=4)
    mask = whole_mask(wall.photo)
    codes = repaint(wall.photo, mask, SAGE, match="swatch", old_wall=old_wall).codes
    lab = lab_of(codes)[inner(mask)]
    assert lab[:, 1].max() < -4
    if old_wall == "patterned":
        lightness = lab_of(codes)[..., 0]
        fine = (lightness - cv2.blur(lightness, (15, 15)))[inner(mask, 12)]
        assert np.abs(fine).max() < 1.5


def printed(kind: str) -> np.ndarray:
    """Draw a wallpaper: (H, W, 3) uint8."""
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    if kind == "dots":
        on = (rows % 20 - 10) ** 2 + (cols % 20 - 10) ** 2 < 40
    elif kind == "stripes":
        on = cols // 12 % 2 == 0
    else:
        on = np.sin(rows / 9 + 2 * np.sin(cols / 15)) + np.sin(cols / 7 + np.cos(rows / 11)) > 0.3
    albedo = np.where(on[..., None], [0.62, 0.6, 0.5], [0.3, 0.4, 0.42])
    return codes_of(cv2.GaussianBlur(albedo, (0, 0), 0.6) * np.linspace(0.9, 0.6, SIZE[1])[None, :, None])


@pytest.mark.parametrize("kind", ["dots", "stripes", "floral"])
def test_print_is_painted_flat(kind: str) -> None:
    rgb = linear(printed(kind)).astype(np.float32)
    result = homogenize(rgb, np.ones(SIZE, np.float32))
    assert result.pattern_free is not None
    assert result.pattern_free.relief is None
    assert '`old_wall="relief"`' in result.notes[0]


@pytest.mark.parametrize("kind", ["brick", "tiles", "boards"])
def test_joints_are_kept_and_reported(kind: str) -> None:
    rgb = linear(relief_wall(kind).photo).astype(np.float32)
    result = homogenize(rgb, np.ones(SIZE, np.float32))
    assert result.pattern_free is not None
    assert result.pattern_free.relief is not None
    assert '`old_wall="patterned"`' in result.notes[0]


def test_grout_beside_a_picture_frame_is_wall() -> None:
    wall = relief_wall("tiles")
    photo, mask = wall.photo.copy(), whole_mask(wall.photo)
    photo[73:141, 101:203] = (40, 60, 120)
    mask[73:141, 101:203] = 0
    codes = repaint(photo, mask, "#f4f1e8", match="swatch").codes
    assert codes[mask > 0].mean(1).min() > 170
    assert photo[mask > 0].mean(1).min() < 120
    frame = np.zeros(mask.shape, bool)
    frame[77:137, 105:199] = True
    assert np.array_equal(codes[frame], photo[frame])


def test_relief_mode_changes_hardly_anything_on_a_uniform_wall() -> None:
    photo = np.full((*SIZE, 3), 180, np.uint8)
    mask = whole_mask(photo)
    relief, plain = (
        prepare(photo, {"wall": mask}, old_wall=mode).repaint({"wall": SAGE}, match="swatch").codes.astype(int)
        for mode in ("relief", "plain")
    )
    assert np.abs(relief - plain)[inner(mask)].max() <= 4
