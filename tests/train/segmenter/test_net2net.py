"""A larger network initialised from a smaller one computes the same function, and all its weights are trained."""

from __future__ import annotations

import pytest
import torch

from wallpaint.train.segmenter import net2net
from wallpaint.train.segmenter.config import SegmenterNetworkConfig
from wallpaint.train.segmenter.task import WallNetwork

SIZES = {"widths": (16, 24, 32, 48), "heads": (1, 1, 2, 2), "decoder": 32}
SMALL = SegmenterNetworkConfig(depths=(1, 1, 1, 1), refiner=(8, 16, 16), **SIZES)
LARGE = SegmenterNetworkConfig(depths=(1, 2, 1, 3), refiner=(16, 24, 32), **SIZES)


def random_network(config: SegmenterNetworkConfig, seed: int) -> WallNetwork:
    torch.manual_seed(seed)
    network = WallNetwork(config).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05 * torch.randn_like(value))
    return network


def small_and_enlarged() -> tuple[WallNetwork, WallNetwork]:
    small, large = random_network(SMALL, 1), random_network(LARGE, 2)
    net2net.load_deeper(large.segformer, small.segformer.state_dict())
    net2net.load_wider(large.refiner, small.refiner.state_dict())
    return small, large


def test_enlarged_network_computes_the_same_function() -> None:
    small, large = small_and_enlarged()
    photo = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        (coarse, fine), (large_coarse, large_fine) = small(photo), large(photo)
    assert fine.std() > 0.1
    assert (fine - coarse).abs().mean() > 0.05
    torch.testing.assert_close(large_coarse, coarse, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(large_fine, fine, rtol=1e-4, atol=1e-4)


def test_all_new_weights_get_gradients() -> None:
    _, large = small_and_enlarged()
    optimizer = torch.optim.SGD(large.parameters(), 0.5)
    photo, wall = torch.randn(2, 3, 64, 64), (torch.rand(2, 64, 64) > 0.5).float()
    for _ in range(2):  # zero-initialised layers first, then the layers before them
        optimizer.step()
        optimizer.zero_grad()
        torch.stack([(torch.sigmoid(odds) - wall).square().mean() for odds in large(photo)]).sum().backward()
    without_gradient = [name for name, value in large.named_parameters() if value.grad is None or not value.grad.any()]
    assert without_gradient == []


def test_weights_of_a_larger_network_are_rejected() -> None:
    small, large = random_network(SMALL, 1), random_network(LARGE, 2)
    with pytest.raises(ValueError, match="the stages differ in more than their depth"):
        net2net.load_deeper(small.segformer, large.segformer.state_dict())
    with pytest.raises(ValueError, match="the levels have more channels"):
        net2net.load_wider(small.refiner, large.refiner.state_dict())


def test_weights_of_other_sizes_are_rejected() -> None:
    other = random_network(SegmenterNetworkConfig(depths=(1, 1, 1, 1), refiner=(8, 16), **SIZES), 3)
    large = random_network(LARGE, 2)
    with pytest.raises(ValueError, match="the number of levels differs"):
        net2net.load_wider(large.refiner, other.refiner.state_dict())
    with pytest.raises(ValueError, match="the stages differ in more than their depth"):
        net2net.load_deeper(large.segformer, random_network(SegmenterNetworkConfig(), 4).segformer.state_dict())
