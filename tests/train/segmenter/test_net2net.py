"""A larger network that begins with a smaller one's weights answers as that does, and learns with all it has."""

from __future__ import annotations

import pytest
import torch

from wallpaint.train.segmenter import net2net as growth
from wallpaint.train.segmenter.config import NetworkConfig
from wallpaint.train.segmenter.task import WallNetwork

SIZES = {"widths": (16, 24, 32, 48), "heads": (1, 1, 2, 2), "decoder": 32}
SMALL = NetworkConfig(depths=(1, 1, 1, 1), refiner=(8, 16, 16), **SIZES)
LARGE = NetworkConfig(depths=(1, 2, 1, 3), refiner=(16, 24, 32), **SIZES)


def network(config: NetworkConfig, seed: int) -> WallNetwork:
    torch.manual_seed(seed)
    made = WallNetwork(config).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.05 * torch.randn_like(value))
    return made


def grown() -> tuple[WallNetwork, WallNetwork]:
    small, large = network(SMALL, 1), network(LARGE, 2)
    growth.deeper(large.segformer, small.segformer.state_dict())
    growth.wider(large.refiner, small.refiner.state_dict())
    return small, large


def test_a_grown_network_answers_as_the_small_one_does() -> None:
    small, large = grown()
    photo = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        (coarse, fine), (as_coarse, as_fine) = small(photo), large(photo)
    assert fine.std() > 0.1
    assert (fine - coarse).abs().mean() > 0.05
    torch.testing.assert_close(as_coarse, coarse, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(as_fine, fine, rtol=1e-4, atol=1e-4)


def test_all_that_is_new_learns() -> None:
    _, large = grown()
    rates = torch.optim.SGD(large.parameters(), 0.5)
    photo, wall = torch.randn(2, 3, 64, 64), (torch.rand(2, 64, 64) > 0.5).float()
    for _ in range(2):  # what ends in nothing is learnt first, then what comes before it
        rates.step()
        rates.zero_grad()
        torch.stack([(torch.sigmoid(odds) - wall).square().mean() for odds in large(photo)]).sum().backward()
    still = [name for name, value in large.named_parameters() if value.grad is None or not value.grad.any()]
    assert still == []


def test_weights_of_a_larger_network_are_refused() -> None:
    small, large = network(SMALL, 1), network(LARGE, 2)
    with pytest.raises(ValueError, match="the stages are not alike"):
        growth.deeper(small.segformer, large.segformer.state_dict())
    with pytest.raises(ValueError, match="the levels are wider"):
        growth.wider(small.refiner, large.refiner.state_dict())


def test_weights_of_another_kind_are_refused() -> None:
    other = network(NetworkConfig(depths=(1, 1, 1, 1), refiner=(8, 16), **SIZES), 3)
    large = network(LARGE, 2)
    with pytest.raises(ValueError, match="the levels are not as many"):
        growth.wider(large.refiner, other.refiner.state_dict())
    with pytest.raises(ValueError, match="the stages are not alike"):
        growth.deeper(large.segformer, network(NetworkConfig(), 4).segformer.state_dict())
