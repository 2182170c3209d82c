import numpy as np
import pytest

from wallpaint.errors import InputError
from wallpaint.imaging.color import linear_to_lab
from wallpaint.rooms.surfaces import paints


def draw(split, count, seed=0, style=None):
    rng = np.random.default_rng(seed)
    return np.array([paints.sample(rng, split, style) for _ in range(count)])


@pytest.fixture(scope="module")
def drawn():
    return {"train": draw("train", 6000), "validation": draw("validation", 2000, 1), "test": draw("test", 2000, 2)}


def test_test_rooms_share_no_cell_with_the_others(drawn):
    cells = {split: {paints.cell(albedo) for albedo in albedos} for split, albedos in drawn.items()}
    assert not cells["test"] & cells["train"]
    assert not cells["test"] & cells["validation"]
    assert cells["validation"] & cells["train"]
    assert len(cells["test"]) > 50


def test_albedos_are_those_of_paint(drawn):
    for albedos in drawn.values():
        assert albedos.dtype == np.float64
        assert albedos.shape[1:] == (3,)
        assert albedos.min() >= paints.DARKEST
        assert albedos.max() <= paints.LIGHTEST


@pytest.mark.parametrize("split", ["train", "test"])
def test_paints_are_as_people_buy_them(drawn, split):
    lab = linear_to_lab(drawn[split])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    light = (lab[:, 0] > 70) & (chroma < 36)
    assert 0.4 < light.mean() < 0.65
    assert 0.15 < (lab[:, 0] < 50).mean() < 0.4
    assert 0.04 < (chroma > 55).mean() < 0.2
    assert (lab[:, 0] < 17).mean() < 0.02
    assert 0.3 < drawn[split].mean() < 0.55


def test_weights_add_up():
    assert sum(paints.WEIGHTS.values()) == pytest.approx(1)


def test_style_is_obeyed():
    lightness = {s: linear_to_lab(draw("train", 150, 3, s))[:, 0] for s in ("light", "muted", "deep")}
    assert lightness["light"].min() > 70
    assert lightness["deep"].max() < 71
    assert lightness["deep"].mean() < lightness["muted"].mean() < lightness["light"].mean()
    with pytest.raises(InputError, match="expected one of light"):
        paints.sample(np.random.default_rng(0), "train", "pastel")


def test_same_seed_same_paints():
    assert np.array_equal(draw("test", 30, 9), draw("test", 30, 9))
