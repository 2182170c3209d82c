"""Exported networks: outputs equal to torch's at any size, file size, and weights read back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from support.paths import ROOT
from wallpaint import onnx_session
from wallpaint.errors import ModelError
from wallpaint.light import model as light_model
from wallpaint.segment import network as inference
from wallpaint.train.engine import onnx_export
from wallpaint.train.light import job as light_job
from wallpaint.train.light import network as light_network
from wallpaint.train.light import task as light
from wallpaint.train.segmenter import config as segmenter_config
from wallpaint.train.segmenter import task as segmenter

KIND = "test/1"
LIGHT_MODEL = ROOT / "src" / "wallpaint" / "light" / light_model.FILE
RATIOS = (1 / 3, 3 / 4, 1.0, 4 / 3, 3.0)  # height to width
MAX_DIFFERENCE = 1e-3


class SmallNetwork(nn.Module):
    """Convolution, group normalisation and linear layer, and a second output that is not exported."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, 1, 1), nn.GroupNorm(2, 16)
        self.out, self.spare = nn.Linear(16, 5), nn.Linear(16, 2)
        self.register_buffer("mean", torch.randn(3))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm(self.conv(image - self.mean[:, None, None])).movedim(1, -1)
        return self.out(x), self.spare(x)


@pytest.fixture(scope="module")
def small() -> SmallNetwork:
    torch.manual_seed(0)
    network = SmallNetwork()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return network.eval()


def precision(name: str, weight: np.ndarray) -> onnx_export.Precision:
    return "float32" if name == "mean" else "int8" if weight.size >= 64 else "float16"


def exported(network: SmallNetwork) -> bytes:
    axes = {0: Dim("batch", min=1, max=8), 2: Dim("height", min=2, max=64), 3: Dim("width", min=2, max=64)}
    inputs = {"image": torch.zeros(2, 3, 8, 10)}
    return onnx_export.export(network, inputs, {"image": axes}, "out", precision, {"kind": KIND, "number": 1.5})


@pytest.fixture(scope="module")
def data(small: SmallNetwork) -> bytes:
    return exported(small)


def test_weights_read_back_are_those_of_the_session(small: SmallNetwork, data: bytes) -> None:
    weights, metadata = onnx_export.read(data, KIND)
    assert metadata == {"kind": KIND, "number": 1.5}
    state = {name: value for name, value in small.state_dict().items() if not name.startswith("spare")}
    assert weights.keys() == state.keys()
    assert torch.equal(weights["mean"], state["mean"])
    assert torch.equal(weights["conv.bias"], state["conv.bias"].half().float())
    for name in ("conv.weight", "out.weight"):
        step = state[name].flatten(1).abs().amax(1) / 127
        error = (weights[name] - state[name]).flatten(1).abs().amax(1)
        assert (error > 0).all()
        assert (error <= 0.501 * step).all()
    twin = SmallNetwork().eval()
    twin.load_state_dict({**twin.state_dict(), **weights})
    session = onnx_session.load(data, KIND)
    for size in ((2, 3, 8, 10), (1, 3, 31, 2), (5, 3, 17, 40)):
        image = torch.randn(size)
        with torch.no_grad():
            truth = twin(image)[0].numpy()
        np.testing.assert_allclose(session.run(image=image.numpy()), truth, atol=1e-5)


def test_weights_survive_a_second_export(data: bytes) -> None:
    """As with `--init`: file, weights, network, file."""
    twin = SmallNetwork().eval()
    weights, _ = onnx_export.read(data, KIND)
    twin.load_state_dict({**twin.state_dict(), **weights})
    again, _ = onnx_export.read(exported(twin), KIND)
    for name, value in weights.items():
        torch.testing.assert_close(again[name], value, rtol=2e-7, atol=0)


def test_equal_networks_give_equal_files(small: SmallNetwork, data: bytes) -> None:
    assert exported(small) == data


def test_export_does_not_change_the_network(small: SmallNetwork) -> None:
    network = SmallNetwork().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    exported(network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_are_stored_in_reduced_precision(data: bytes) -> None:
    model = onnx.load_model_from_string(data)
    types = Counter(onnx.TensorProto.DataType.Name(one.data_type) for one in model.graph.initializer)
    names = {one.name for one in model.graph.initializer}
    assert types["INT8"] == 2
    assert {"conv.weight", "conv.weight.scale", "out.weight", "mean"} <= names
    assert not any(name.startswith("spare") for name in names)
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node), "references to source code"


def test_metadata_of_an_exported_file_can_be_changed(data: bytes) -> None:
    changed = onnx_export.with_metadata(data, number=2, more=[1])
    assert onnx_session.load(changed, KIND).metadata == {"kind": KIND, "number": 2, "more": [1]}
    assert onnx_export.read(changed, KIND)[0].keys() == onnx_export.read(data, KIND)[0].keys()


def test_scales_are_per_channel() -> None:
    weight = np.float32([[1.27, -0.5], [0, 0], [-12.7, 3.01]])
    values, scales = onnx_export.quantize(weight)
    assert values.dtype == np.int8
    np.testing.assert_array_equal(values, [[127, -50], [0, 0], [-127, 30]])
    np.testing.assert_allclose(scales, [0.01, onnx_export.MIN_SCALE, 0.1], rtol=1e-6)


def test_invalid_files_are_rejected(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(ModelError, match=r"a\.onnx: cannot be read"):
        onnx_export.read(path, KIND)
    for wrong in (b"text", data[:200], b""):
        path.write_bytes(wrong)
        with pytest.raises(ModelError, match=r"a\.onnx: is no model that a run has written"):
            onnx_export.read(path, KIND)
    with pytest.raises(ModelError, match="should be of kind 'other/1'"):
        onnx_export.read(data, "other/1")


# -- the packaged networks


def packaged_segmenter() -> segmenter.WallNetwork:
    network = segmenter.WallNetwork(segmenter_config.read(ROOT / "configs" / "segmenter.yaml").network)
    files = {"segformer": (inference.SEGFORMER, inference.SEGFORMER_KIND)}
    files["refiner"] = (inference.REFINER, inference.REFINER_KIND)
    for part, (name, kind) in files.items():
        module = network.get_submodule(part)
        weights, _ = onnx_export.read(inference.BUILT_IN / name, kind)
        module.load_state_dict({**module.state_dict(), **weights})
    return network.eval()


def test_packaged_light_model_matches_torch() -> None:
    path = LIGHT_MODEL
    weights, _ = onnx_export.read(path, light_model.KIND)
    config = light_job.read(ROOT / "configs" / "light_model.yaml")
    network = light.make_network(config.network, weights["mean"], weights["scale"]).eval()
    light_network.load_weights(network, weights)
    session, rng = onnx_session.load(path, light_model.KIND), np.random.default_rng(0)
    for ratio in RATIOS:
        size = light_model.input_size(round(600 * ratio), 600, config.side)
        planes = rng.standard_normal((2, light_model.INPUT_CHANNELS, *size)).astype(np.float32)
        planes[:, 6] = rng.random((2, *size))
        features = rng.standard_normal((2, len(weights["mean"]))).astype(np.float32)
        with torch.no_grad():
            truth = network(torch.from_numpy(planes), torch.from_numpy(features))[0].numpy()
        assert np.abs(session.run(planes=planes, features=features) - truth).max() < MAX_DIFFERENCE


def test_packaged_wall_segmenter_matches_torch() -> None:
    network, rng = packaged_segmenter(), np.random.default_rng(0)
    segformer = onnx_session.load(inference.BUILT_IN / inference.SEGFORMER, inference.SEGFORMER_KIND)
    refiner = onnx_session.load(inference.BUILT_IN / inference.REFINER, inference.REFINER_KIND)
    for ratio in RATIOS:
        size = inference.input_size((round(600 * ratio), 600), 160)
        photo = rng.standard_normal((2, 3, *size)).astype(np.float32)
        odds = (4 * rng.standard_normal((2, *size))).astype(np.float32)
        with torch.no_grad():
            logits = network.segformer(pixel_values=torch.from_numpy(photo)).logits.numpy()
            refined = network.refiner(torch.from_numpy(photo), torch.from_numpy(odds)).numpy()
        assert np.abs(segformer.run(pixel_values=photo) - logits).max() < MAX_DIFFERENCE
        assert np.abs(refiner.run(photo=photo, odds=odds) - refined).max() < MAX_DIFFERENCE


@pytest.mark.parametrize(
    ("files", "max_bytes"),
    [
        ((LIGHT_MODEL,), 7_000_000),
        ((inference.BUILT_IN / inference.SEGFORMER, inference.BUILT_IN / inference.REFINER), 9_000_000),
    ],
)
def test_packaged_files_are_small(files: tuple[Path, ...], max_bytes: int) -> None:
    assert sum(path.stat().st_size for path in files) <= max_bytes
