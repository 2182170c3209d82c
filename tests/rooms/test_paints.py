import numpy as np
import pytest

from wallpaint.errors import InputError
from wallpaint.imaging.color import linear_to_lab
from wallpaint.rooms.surfaces import paints


def sample_paints(split, count, seed=0, style=None):
    rng = np.random.default_rng(seed)
    return np.array([paints.sample(rng, split, style) for _ in range(count)])


@pytest.fixture(scope="module")
def sampled():
    return {
        "train": sample_paints("train", 6000),
        "validation": sample_paints("validation", 2000, 1),
        "test": sample_paints("test", 2000, 2),
    }


def test_test_split_shares_no_lab_cell_with_train_or_validation(sampled):
    cells = {split: {paints.lab_cell(albedo) for albedo in albedos} for split, albedos in sampled.items()}
    assert not cells["test"] & cells["train"]
    assert not cells["test"] & cells["validation"]
    assert cells["validation"] & cells["train"]
    assert len(cells["test"]) > 50


def test_sampled_albedos_are_within_bounds(sampled):
    for albedos in sampled.values():
        assert albedos.dtype == np.float64
        assert albedos.shape[1:] == (3,)
        assert albedos.min() >= paints.MIN_ALBEDO
        assert albedos.max() <= paints.MAX_ALBEDO


@pytest.mark.parametrize("split", ["train", "test"])
def test_paint_distribution_covers_light_dark_and_saturated_colours(sampled, split):
    lab = linear_to_lab(sampled[split])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    light = (lab[:, 0] > 70) & (chroma < 36)
    assert 0.4 < light.mean() < 0.65
    assert 0.15 < (lab[:, 0] < 50).mean() < 0.4
    assert 0.04 < (chroma > 55).mean() < 0.2
    assert (lab[:, 0] < 17).mean() < 0.02
    assert 0.3 < sampled[split].mean() < 0.55


def test_style_weights_sum_to_one():
    assert sum(paints.STYLE_WEIGHTS.values()) == pytest.approx(1)


def test_style_limits_lightness_and_unknown_style_raises():
    lightness = {s: linear_to_lab(sample_paints("train", 150, 3, s))[:, 0] for s in ("light", "muted", "deep")}
    assert lightness["light"].min() > 70
    assert lightness["deep"].max() < 71
    assert lightness["deep"].mean() < lightness["muted"].mean() < lightness["light"].mean()
    with pytest.raises(InputError, match="expected one of light"):
        paints.sample(np.random.default_rng(0), "train", "pastel")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_walls_of_homes_are_mostly_pale_and_hardly_coloured(split):
    rng = np.random.default_rng(4)
    home = np.array([paints.sample_home(rng, split) for _ in range(1500)])
    assert home.min() >= paints.MIN_ALBEDO
    assert home.max() <= paints.MAX_ALBEDO
    assert all(paints.in_split(albedo, split) for albedo in home[:100])
    lab = linear_to_lab(home)
    assert ((lab[:, 0] > 70) & (np.hypot(lab[:, 1], lab[:, 2]) < 21)).mean() > 0.8
    assert 0.01 < (lab[:, 0] < 50).mean() < 0.08


def test_home_weights_leave_a_share_to_other_paints():
    assert 0.05 < 1 - sum(paints.HOME_WEIGHTS.values()) < 0.2
    assert paints.HOME_WEIGHTS.keys() <= (paints.LIGHT_FAMILIES | paints.MUTED_FAMILIES).keys()


def test_sampling_is_deterministic_per_seed():
    assert np.array_equal(sample_paints("test", 30, 9), sample_paints("test", 30, 9))
