"""Corrections by clicks: added and removed regions; the rest of the mask is unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.painted_rooms import CORNER, iou, photo_and_walls, soft_map
from wallpaint.errors import ModelError
from wallpaint.segment import clicks as corrections
from wallpaint.segment import sam


def test_click_adds_a_missed_wall() -> None:
    photo, walls = photo_and_walls()
    missed = soft_map(np.where(walls == 1, -1, walls))
    after = corrections.apply_clicks(missed, photo, [(200, 60)], [])
    assert iou(after > 0.5, walls >= 0) > 0.95 > iou(missed > 0.5, walls >= 0)


def test_not_click_removes_a_region_that_is_not_wall() -> None:
    photo, walls = photo_and_walls()
    with_ceiling = np.where(np.indices(walls.shape)[0] < 30, 0, walls)
    after = corrections.apply_clicks(soft_map(with_ceiling), photo, [], [(120, 12)])
    assert iou(after > 0.5, walls >= 0) > 0.95 > iou(with_ceiling >= 0, walls >= 0)


def test_clicks_in_a_large_photo_are_in_photo_coordinates() -> None:
    photo, walls = photo_and_walls()
    large = np.repeat(np.repeat(photo, 4, 0), 4, 1)
    missed = soft_map(np.where(walls == 1, -1, walls))
    after = corrections.apply_clicks(missed, large, [(4 * 200, 4 * 60)], [])
    assert max(after.shape) == corrections.WORKING_PX
    right = after[: after.shape[0] // 2, int(after.shape[1] * (CORNER + 20) / 240) :]
    assert (right[60:] > 0.5).mean() > 0.9


def test_distant_regions_are_unchanged() -> None:
    photo, walls = photo_and_walls()
    before = soft_map(np.where(walls == 1, -1, walls))
    after = corrections.apply_clicks(before, photo, [(200, 60)], [])
    far = slice(0, 30 - 8), slice(0, 100)
    assert np.array_equal(after[far] > 0.5, before[far] > 0.5)
    assert np.array_equal(after[95:165, 45:75] > 0.5, before[95:165, 45:75] > 0.5)


def test_not_click_overrides_click_at_the_same_point() -> None:
    photo, walls = photo_and_walls()
    after = corrections.apply_clicks(soft_map(walls), photo, [(100, 60)], [(100, 60)])
    assert after[60, 100] < 0.5


@pytest.fixture(scope="session")
def tiny_sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import SamConfig, SamModel

    torch.manual_seed(0)
    config = SamConfig(
        vision_config={
            **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64, "patch_size": 8},
            **{"output_channels": 16, "num_pos_feats": 8, "mlp_dim": 32, "window_size": 4, "global_attn_indexes": [0]},
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8, "image_embedding_size": 8},
        mask_decoder_config={
            **{"hidden_size": 16, "mlp_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
            **{"iou_head_hidden_dim": 16, "iou_head_depth": 2},
        },
    )
    folder = tmp_path_factory.mktemp("sam") / "sam"
    SamModel(config).save_pretrained(folder)
    return folder


def test_sam_regions_match_the_stock_model(tiny_sam: Path) -> None:
    """With the preprocessing of its processor."""
    import torch
    from transformers import SamModel

    photo, _ = photo_and_walls()
    added, removed = sam.click_regions(tiny_sam, photo, [(200, 60)], [], (180, 240))
    assert added.shape == (180, 240)
    assert not removed.any()
    import cv2

    model = SamModel.from_pretrained(tiny_sam).eval()
    values = np.zeros((64, 64, 3), np.float32)
    values[:48] = cv2.resize(photo, (64, 48), interpolation=cv2.INTER_AREA)
    values[:48] = (values[:48] - sam.MEAN) / sam.STD
    with torch.inference_mode():
        output = model(
            pixel_values=torch.from_numpy(values.transpose(2, 0, 1).copy())[None],
            input_points=torch.tensor([[[[200 * 64 / 240, 60 * 64 / 240]]]]),
            input_labels=torch.tensor([[[1]]]),
        )
    best = output.pred_masks[0, 0, int(output.iou_scores[0, 0].argmax())].numpy()
    cropped = cv2.resize(best, (64, 64), interpolation=cv2.INTER_LINEAR)[:48]
    expected = cv2.resize(cropped, (240, 180), interpolation=cv2.INTER_LINEAR) > 0
    assert (expected == added).mean() > 0.999


def test_sam_regions_replace_color_regions(tiny_sam: Path) -> None:
    photo, walls = photo_and_walls()
    before = soft_map(walls)
    after = corrections.apply_clicks(before, photo, [(200, 60)], [(100, 160)], tiny_sam)
    added, removed = sam.click_regions(tiny_sam, photo, [(200, 60)], [(100, 160)], (180, 240))
    assert not (added & removed).any()
    assert (after[removed] < 0.5).all()
    assert (after[added] > 0.5).all()
    assert np.array_equal(after[~added & ~removed], before[~added & ~removed])


def test_folder_without_a_sam_is_rejected(tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(ModelError, match="no folder of a SAM"):
        sam.load(tmp_path)
    with pytest.raises(ModelError, match="should be a SAM"):
        sam.load(tiny_bundle / "segmenter")


def test_not_click_on_an_object_in_the_walls_color_keeps_the_certain_wall() -> None:
    photo, walls = photo_and_walls()
    certain = np.where(walls >= 0, np.float32(0.995), np.float32(0.005))
    after = corrections.apply_clicks(certain, photo, [], [(20, 125)])
    assert after[125, 20] < 0.5
    assert iou(after > 0.5, walls >= 0) > 0.85
