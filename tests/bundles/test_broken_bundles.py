"""Damaged bundles, one fault each: one error line that names it, and exit status 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from wallpaint.bundles import lock
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import COMPONENTS
from wallpaint.cli.app import main
from wallpaint.errors import ModelError

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
ADAPTER = "models/ip-adapter_tiny.safetensors"
Fault = Callable[[Path], None]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny"))


def with_text(path: str, text: str) -> Fault:
    return lambda folder: (folder / path).write_text(text, encoding="utf-8") and None


def removed(path: str) -> Fault:
    def act(folder: Path) -> None:
        target = folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return act


def with_replaced_text(path: str, old: str, new: str) -> Fault:
    def act(folder: Path) -> None:
        text = (folder / path).read_text(encoding="utf-8")
        assert old in text
        (folder / path).write_text(text.replace(old, new), encoding="utf-8")

    return act


def with_config(path: str, **values: Any) -> Fault:
    """Change values of a JSON file."""

    def act(folder: Path) -> None:
        table = json.loads((folder / path).read_text(encoding="utf-8"))
        (folder / path).write_text(json.dumps({**table, **values}), encoding="utf-8")

    return act


def with_changed_tensors(path: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Fault:
    """Change tensors of a file."""

    def act(folder: Path) -> None:
        tensors = {key: value.clone() for key, value in load_file(folder / path).items()}
        change(tensors)
        save_file(tensors, folder / path, {"format": "pt"})

    return act


def with_shape(path: str, key: str, *shape: int) -> Fault:
    return with_changed_tensors(path, lambda tensors: tensors.update({key: torch.zeros(shape)}))


def truncated(path: str, share: float) -> Fault:
    def act(folder: Path) -> None:
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(data[: int(len(data) * share)])

    return act


def pickled(folder: Path) -> None:
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")


def sharded_with_one_missing(folder: Path) -> None:
    names = {"conv_in.weight": "a.safetensors", "conv_in.bias": "b.safetensors"}
    (folder / UNET).rename(folder / "unet" / "a.safetensors")
    index = {"metadata": {}, "weight_map": names}
    (folder / f"{UNET}.index.json").write_text(json.dumps(index), encoding="utf-8")


def with_four_input_channels(folder: Path) -> None:
    with_config("unet/config.json", in_channels=4)(folder)
    with_shape(UNET, "conv_in.weight", 32, 4, 3, 3)(folder)


def with_a_byte_changed_after_the_lock(folder: Path) -> None:
    """Change one byte of the last weight; the size stays."""
    name = "vae/diffusion_pytorch_model.safetensors"
    size = (folder / name).stat().st_size
    entry = {"repo": "a/b", "commit": "0" * 40, "path": name, "size": size, "sha256": lock.sha256(folder / name)}
    lock.write(folder, {name: entry})
    data = bytearray((folder / name).read_bytes())
    data[-2] ^= 1
    (folder / name).write_bytes(data)


def with_a_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["conv_in.bias"][3] = float("nan")


def without_one_attention(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["ip_adapter.7.to_k_ip.weight"], tensors["ip_adapter.7.to_v_ip.weight"]


def with_face_id_projector(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["image_proj.proj.weight"], tensors["image_proj.proj.bias"]
    tensors["image_proj.proj.0.weight"] = torch.zeros(8, 8)


def with_an_extra_token(folder: Path) -> None:
    """Add a token, so that the vocabulary has another size."""
    table = json.loads((folder / "tokenizer/vocab.json").read_text(encoding="utf-8"))
    table["ab"] = 514
    (folder / "tokenizer/vocab.json").write_text(json.dumps(table), encoding="utf-8")


FAULTS: dict[str, tuple[Fault, list[str]]] = {
    "missing folder": (lambda folder: shutil.rmtree(folder), ["there is no such bundle", "give a folder"]),
    "folder without manifest or index": (
        lambda folder: [removed(name)(folder) for name in ("bundle.toml", "model_index.json")] and None,
        ["is no bundle", "bundle.toml", "model_index.json"],
    ),
    "invalid toml": (with_text("bundle.toml", "schema = ?\n"), ["bundle.toml", "is not TOML", "line 1"]),
    "every error of a toml": (
        with_text("bundle.toml", 'schema = "x/9"\nname = 3\nsize = 1\nnative_px = 70\n[parts]\nunets = "a"\nvae = 1\n'),
        [
            "'size' is not known",
            "name should be a string, is 3",
            "'x/9'",
            "native_px is 70",
            "component 'unets' is not known",
            "component 'vae' should be a path, is 1",
        ],
    ),
    "empty toml": (with_text("bundle.toml", ""), ["'schema' is missing", "'name' is missing", "'parts' is missing"]),
    "part folder missing": (removed("vae"), ["vae", "'vae' is missing", "fetch"]),
    "config missing": (removed("unet/config.json"), ["unet/config.json", "is missing"]),
    "config not JSON": (with_text("unet/config.json", "{"), ["unet/config.json", "is not JSON"]),
    "config a list": (with_text("unet/config.json", "[]"), ["unet/config.json", "JSON object", "list"]),
    "wrong class": (
        with_config("vae/config.json", _class_name="AsymmetricAutoencoderKL"),
        ["vae/config.json", "should be a AutoencoderKL, is AsymmetricAutoencoderKL"],
    ),
    "wrong class of transformers": (
        with_config("depth/config.json", architectures=["DPTForSemanticSegmentation"]),
        ["depth/config.json", "should be a DPTForDepthEstimation", "DPTForSemanticSegmentation"],
    ),
    "config that makes no model": (
        with_config("unet/config.json", block_out_channels=[32]),
        ["unet/config.json", "makes no UNet2DConditionModel"],
    ),
    "config with external code": (
        with_config("text_encoder/config.json", _attn_implementation="someone/kernel"),
        ["text_encoder/config.json", "_attn_implementation asks for external code ('someone/kernel')"],
    ),
    "config with external code in a nested table": (
        with_config("depth/config.json", backbone_config={"attn_implementation": "flash_attention_2"}),
        ["depth/config.json", "attn_implementation asks for external code"],
    ),
    "config of quantised weights": (
        with_config("unet/config.json", quantization_config={"quant_method": "gguf"}),
        ["unet/config.json", "quantised weights are not supported"],
    ),
    "adapter beside the weights": (
        with_text("text_encoder/adapter_config.json", "{}"),
        ["text_encoder/adapter_config.json", "not loaded implicitly"],
    ),
    "weights missing": (removed(UNET), ["unet", "has no weights", "diffusion_pytorch_model.safetensors"]),
    "only pickles": (pickled, ["unet", "pickle", "diffusion_pytorch_model.bin", "convert"]),
    "shard missing": (sharded_with_one_missing, ["unet/b.safetensors", "shard is missing"]),
    "weights truncated": (truncated(UNET, 0.9), [UNET, "truncated at key", "should have"]),
    "weights truncated in the header": (truncated(UNET, 0.001), [UNET, "truncated", "header"]),
    "weights of transformers truncated": (truncated(TEXT, 0.9), [TEXT, "truncated at key"]),
    "weights empty": (with_text(UNET, ""), [UNET, "no safetensors file", "0 bytes"]),
    "weights are a web page": (with_text(UNET, "<!doctype html>" * 99), [UNET, "no safetensors file"]),
    "key missing": (
        with_changed_tensors(UNET, lambda tensors: tensors.pop("conv_in.bias")),
        [UNET, "key conv_in.bias [32] is missing", "another architecture"],
    ),
    "key of wrong shape": (
        with_shape(UNET, "mid_block.resnets.0.conv1.weight", 64, 32, 3, 3),
        ["key mid_block.resnets.0.conv1.weight should be [64, 64, 3, 3], is [64, 32, 3, 3]"],
    ),
    "unexpected key": (with_shape(UNET, "extra.weight", 7), [UNET, "key extra.weight [7] is unexpected"]),
    "key of transformers missing": (
        with_changed_tensors(TEXT, lambda tensors: tensors.pop("text_model.final_layer_norm.bias")),
        [TEXT, "final_layer_norm.bias", "is missing"],
    ),
    "key of transformers of wrong shape": (
        with_shape(TEXT, "text_model.final_layer_norm.bias", 31),
        [TEXT, "final_layer_norm.bias should be [32], is [31]"],
    ),
    "unexpected key of transformers": (
        with_shape(TEXT, "text_model.extra.weight", 7),
        [TEXT, "extra.weight is unexpected"],
    ),
    "UNet of text to image": (with_four_input_channels, ["unet/config.json", "9 input channels, has 4", "inpainting"]),
    "UNet of depth to image": (
        with_config("unet/config.json", in_channels=5),
        ["unet/config.json", "9 input channels, has 5"],
    ),
    "ControlNet of another family": (
        with_config("controlnet/config.json", cross_attention_dim=64),
        ["controlnet/config.json", "cross_attention_dim should be 32", "is 64"],
    ),
    "text encoder of another family": (
        with_config("text_encoder/config.json", hidden_size=64),
        ["text_encoder/config.json", "hidden_size should be 32", "is 64"],
    ),
    "IP-Adapter of a UNet with fewer layers": (
        with_changed_tensors(ADAPTER, without_one_attention),
        [ADAPTER, "for 3 cross-attentions, the UNet has 4"],
    ),
    "IP-Adapter of a UNet of another width": (
        with_shape(ADAPTER, "ip_adapter.1.to_k_ip.weight", 32, 48),
        [ADAPTER, "key ip_adapter.1.to_k_ip.weight should be [32, 32], is [32, 48]"],
    ),
    "IP-Adapter of another image encoder": (
        with_shape(ADAPTER, "image_proj.proj.weight", 128, 1024),
        [ADAPTER, "key image_proj.proj.weight should be [128, 24], is [128, 1024]"],
    ),
    "IP-Adapter FaceID": (
        with_changed_tensors(ADAPTER, with_face_id_projector),
        [ADAPTER, "neither an IP-Adapter nor"],
    ),
    "tokenizer of another length": (
        with_config("tokenizer/tokenizer_config.json", model_max_length=512),
        ["tokenizer_config.json", "model_max_length should be 77, is 512"],
    ),
    "tokenizer of another vocabulary": (with_an_extra_token, ["tokenizer", "has 515 tokens, the text encoder 514"]),
    "tokenizer without merges": (removed("tokenizer/merges.txt"), ["merges.txt", "is missing"]),
    "vocabulary broken": (with_text("tokenizer/vocab.json", "{"), ["tokenizer", "no CLIP tokenizer"]),
    "processor of two channels": (
        with_config("depth/preprocessor_config.json", image_mean=[0.5, 0.5]),
        ["depth/preprocessor_config.json", "three numbers"],
    ),
    "scheduler missing": (removed("scheduler/scheduler_config.json"), ["scheduler_config.json", "is missing"]),
    "file changed after the lock": (with_a_byte_changed_after_the_lock, ["vae/", "sha256", "bundle.lock.json records"]),
    "lock without schema": (with_text("bundle.lock.json", "{}"), ["bundle.lock.json", "wallpaint.bundle-lock/1"]),
    "NaN weight": (with_changed_tensors(UNET, with_a_nan), ["unet", "key conv_in.bias holds NaN"]),
    "empty prompt computed from other weights": (
        with_changed_tensors(TEXT, lambda tensors: tensors["text_model.final_layer_norm.bias"].add_(1)),
        ["empty_prompt.safetensors", "other weights"],
    ),
    "empty prompt of another width": (
        with_shape("empty_prompt.safetensors", "empty_prompt", 1, 77, 768),
        ["empty_prompt.safetensors", "should be [1, 77, 32], is [1, 77, 768]"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_reports_each_fault_in_one_line(fault: str, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply_fault, expected = FAULTS[fault]
    apply_fault(bundle)
    assert main(["models", "verify", str(bundle)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("wallpaint: ")
    assert len(line) < 600
    for text in expected:
        assert text in line


def test_undamaged_copy_passes_verify(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The errors above come from the faults alone."""
    assert main(["models", "verify", str(bundle)]) == 0
    assert "tiny: OK, with random weights" in capsys.readouterr().out


@pytest.mark.parametrize("component", COMPONENTS)
def test_loading_a_truncated_component_raises(component: str, bundle: Path) -> None:
    """Without `verify`; other components still load."""
    opened = load_bundle(bundle)
    (path,) = opened.path(component).glob("*.safetensors")
    truncated(str(path.relative_to(bundle)), 0.5)(bundle)
    with pytest.raises(ModelError, match="truncated at key"):
        opened.load(component)
    other = "vae" if component != "vae" else "unet"
    assert opened.load(other) is not None
