"""One planted fault each: what is said of it, in one line, with exit status 2."""

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
from wallpaint.bundles.components import KINDS
from wallpaint.cli.app import main
from wallpaint.errors import ModelError

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
ADAPTER = "models/ip-adapter_tiny.safetensors"
Fault = Callable[[Path], None]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny"))


def written(place: str, text: str) -> Fault:
    return lambda folder: (folder / place).write_text(text) and None


def removed(place: str) -> Fault:
    def act(folder: Path) -> None:
        path = folder / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def replaced(place: str, old: str, new: str) -> Fault:
    def act(folder: Path) -> None:
        text = (folder / place).read_text()
        assert old in text
        (folder / place).write_text(text.replace(old, new))

    return act


def configured(place: str, **values: Any) -> Fault:
    """Values of a JSON file, changed."""

    def act(folder: Path) -> None:
        table = json.loads((folder / place).read_text())
        (folder / place).write_text(json.dumps({**table, **values}))

    return act


def reweighed(place: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Fault:
    """Tensors of a file, changed."""

    def act(folder: Path) -> None:
        tensors = {key: value.clone() for key, value in load_file(folder / place).items()}
        change(tensors)
        save_file(tensors, folder / place, {"format": "pt"})

    return act


def reshaped(place: str, key: str, *shape: int) -> Fault:
    return reweighed(place, lambda tensors: tensors.update({key: torch.zeros(shape)}))


def cut(place: str, kept: float) -> Fault:
    def act(folder: Path) -> None:
        data = (folder / place).read_bytes()
        (folder / place).write_bytes(data[: int(len(data) * kept)])

    return act


def pickled(folder: Path) -> None:
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")


def sharded_with_one_missing(folder: Path) -> None:
    names = {"conv_in.weight": "a.safetensors", "conv_in.bias": "b.safetensors"}
    (folder / UNET).rename(folder / "unet" / "a.safetensors")
    index = {"metadata": {}, "weight_map": names}
    (folder / f"{UNET}.index.json").write_text(json.dumps(index))


def four_channels(folder: Path) -> None:
    configured("unet/config.json", in_channels=4)(folder)
    reshaped(UNET, "conv_in.weight", 32, 4, 3, 3)(folder)


def changed_after_the_lock(folder: Path) -> None:
    """One byte of the last number, the size kept."""
    name = "vae/diffusion_pytorch_model.safetensors"
    size = (folder / name).stat().st_size
    entry = {"repo": "a/b", "commit": "0" * 40, "path": name, "size": size, "sha256": lock.sha256(folder / name)}
    lock.write(folder, {name: entry})
    data = bytearray((folder / name).read_bytes())
    data[-2] ^= 1
    (folder / name).write_bytes(data)


def without_a_number(tensors: dict[str, torch.Tensor]) -> None:
    tensors["conv_in.bias"][3] = float("nan")


def without_an_attention(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["ip_adapter.7.to_k_ip.weight"], tensors["ip_adapter.7.to_v_ip.weight"]


def of_face_id(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["image_proj.proj.weight"], tensors["image_proj.proj.bias"]
    tensors["image_proj.proj.0.weight"] = torch.zeros(8, 8)


def one_token_more(folder: Path) -> None:
    """A vocabulary of another size."""
    table = json.loads((folder / "tokenizer/vocab.json").read_text())
    table["ab"] = 514
    (folder / "tokenizer/vocab.json").write_text(json.dumps(table))


FAULTS: dict[str, tuple[Fault, list[str]]] = {
    "no folder": (lambda folder: shutil.rmtree(folder), ["there is no such bundle", "give a folder"]),
    "an empty folder": (
        lambda folder: [removed(name)(folder) for name in ("bundle.toml", "model_index.json")] and None,
        ["is no bundle", "bundle.toml", "model_index.json"],
    ),
    "toml broken": (written("bundle.toml", "schema = ?\n"), ["bundle.toml", "is not TOML", "line 1"]),
    "all faults of a toml": (
        written("bundle.toml", 'schema = "x/9"\nname = 3\nsize = 1\nnative_px = 70\n[parts]\nunets = "a"\nvae = 1\n'),
        [
            "'size' is not known",
            "name should be a string, is 3",
            "'x/9'",
            "native_px is 70",
            "part 'unets' is not known",
            "part 'vae' should be a path, is 1",
        ],
    ),
    "toml of nothing": (written("bundle.toml", ""), ["'schema' is missing", "'name' is missing", "'parts' is missing"]),
    "part folder missing": (removed("vae"), ["vae", "'vae' is missing", "fetch"]),
    "config missing": (removed("unet/config.json"), ["unet/config.json", "is missing"]),
    "config not JSON": (written("unet/config.json", "{"), ["unet/config.json", "is not JSON"]),
    "config a list": (written("unet/config.json", "[]"), ["unet/config.json", "JSON object", "list"]),
    "wrong class": (
        configured("vae/config.json", _class_name="AsymmetricAutoencoderKL"),
        ["vae/config.json", "should be a AutoencoderKL, is AsymmetricAutoencoderKL"],
    ),
    "wrong class of transformers": (
        configured("depth/config.json", architectures=["DPTForSemanticSegmentation"]),
        ["depth/config.json", "should be a DPTForDepthEstimation", "DPTForSemanticSegmentation"],
    ),
    "config that makes no model": (
        configured("unet/config.json", block_out_channels=[32]),
        ["unet/config.json", "makes no UNet2DConditionModel"],
    ),
    "config that would fetch code": (
        configured("text_encoder/config.json", _attn_implementation="someone/kernel"),
        ["text_encoder/config.json", "_attn_implementation asks for code of its own ('someone/kernel')"],
    ),
    "config that would fetch code, deep inside": (
        configured("depth/config.json", backbone_config={"attn_implementation": "flash_attention_2"}),
        ["depth/config.json", "attn_implementation asks for code"],
    ),
    "config of quantised weights": (
        configured("unet/config.json", quantization_config={"quant_method": "gguf"}),
        ["unet/config.json", "quantised weights are not read"],
    ),
    "an adapter beside the weights": (
        written("text_encoder/adapter_config.json", "{}"),
        ["text_encoder/adapter_config.json", "not loaded unasked"],
    ),
    "weights missing": (removed(UNET), ["unet", "has no weights", "diffusion_pytorch_model.safetensors"]),
    "only pickles": (pickled, ["unet", "pickle", "diffusion_pytorch_model.bin", "convert"]),
    "shard missing": (sharded_with_one_missing, ["unet/b.safetensors", "shard is missing"]),
    "weights cut off": (cut(UNET, 0.9), [UNET, "cut off at key", "should have"]),
    "weights cut off in the header": (cut(UNET, 0.001), [UNET, "cut off", "header"]),
    "weights of transformers cut off": (cut(TEXT, 0.9), [TEXT, "cut off at key"]),
    "weights empty": (written(UNET, ""), [UNET, "no safetensors file", "0 bytes"]),
    "weights are a page of the web": (written(UNET, "<!doctype html>" * 99), [UNET, "no safetensors file"]),
    "key missing": (
        reweighed(UNET, lambda tensors: tensors.pop("conv_in.bias")),
        [UNET, "key conv_in.bias [32] is missing", "another architecture"],
    ),
    "key of wrong shape": (
        reshaped(UNET, "mid_block.resnets.0.conv1.weight", 64, 32, 3, 3),
        ["key mid_block.resnets.0.conv1.weight should be [64, 64, 3, 3], is [64, 32, 3, 3]"],
    ),
    "unexpected key": (reshaped(UNET, "extra.weight", 7), [UNET, "key extra.weight [7] is not known"]),
    "key of transformers missing": (
        reweighed(TEXT, lambda tensors: tensors.pop("text_model.final_layer_norm.bias")),
        [TEXT, "final_layer_norm.bias", "is missing"],
    ),
    "key of transformers of wrong shape": (
        reshaped(TEXT, "text_model.final_layer_norm.bias", 31),
        [TEXT, "final_layer_norm.bias should be [32], is [31]"],
    ),
    "unexpected key of transformers": (
        reshaped(TEXT, "text_model.extra.weight", 7),
        [TEXT, "extra.weight is not known"],
    ),
    "UNet of text to image": (four_channels, ["unet/config.json", "9 input channels, has 4", "inpainting"]),
    "UNet of depth to image": (
        configured("unet/config.json", in_channels=5),
        ["unet/config.json", "9 input channels, has 5"],
    ),
    "ControlNet of another family": (
        configured("controlnet/config.json", cross_attention_dim=64),
        ["controlnet/config.json", "cross_attention_dim should be 32", "is 64"],
    ),
    "text encoder of another family": (
        configured("text_encoder/config.json", hidden_size=64),
        ["text_encoder/config.json", "hidden_size should be 32", "is 64"],
    ),
    "IP-Adapter of a UNet with fewer layers": (
        reweighed(ADAPTER, without_an_attention),
        [ADAPTER, "for 3 cross-attentions, the UNet has 4"],
    ),
    "IP-Adapter of a UNet of another width": (
        reshaped(ADAPTER, "ip_adapter.1.to_k_ip.weight", 32, 48),
        [ADAPTER, "key ip_adapter.1.to_k_ip.weight should be [32, 32], is [32, 48]"],
    ),
    "IP-Adapter of another image encoder": (
        reshaped(ADAPTER, "image_proj.proj.weight", 128, 1024),
        [ADAPTER, "key image_proj.proj.weight should be [128, 24], is [128, 1024]"],
    ),
    "IP-Adapter of another kind": (reweighed(ADAPTER, of_face_id), [ADAPTER, "neither an IP-Adapter nor"]),
    "tokenizer of another length": (
        configured("tokenizer/tokenizer_config.json", model_max_length=512),
        ["tokenizer_config.json", "model_max_length should be 77, is 512"],
    ),
    "tokenizer of another vocabulary": (one_token_more, ["tokenizer", "has 515 tokens, the text encoder 514"]),
    "tokenizer without merges": (removed("tokenizer/merges.txt"), ["merges.txt", "is missing"]),
    "vocabulary broken": (written("tokenizer/vocab.json", "{"), ["tokenizer", "no CLIP tokenizer"]),
    "processor of two channels": (
        configured("depth/preprocessor_config.json", image_mean=[0.5, 0.5]),
        ["depth/preprocessor_config.json", "three numbers"],
    ),
    "scheduler missing": (removed("scheduler/scheduler_config.json"), ["scheduler_config.json", "is missing"]),
    "changed after the lock": (changed_after_the_lock, ["vae/", "sha256", "bundle.lock.json says"]),
    "lock without schema": (written("bundle.lock.json", "{}"), ["bundle.lock.json", "wallpaint.bundle-lock/1"]),
    "not a number": (reweighed(UNET, without_a_number), ["unet", "key conv_in.bias holds NaN"]),
    "empty prompt of other weights": (
        reweighed(TEXT, lambda tensors: tensors["text_model.final_layer_norm.bias"].add_(1)),
        ["empty_prompt.safetensors", "other weights"],
    ),
    "empty prompt of another width": (
        reshaped("empty_prompt.safetensors", "empty_prompt", 1, 77, 768),
        ["empty_prompt.safetensors", "should be [1, 77, 32], is [1, 77, 768]"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_line_says_what_is_wrong(fault: str, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant, words = FAULTS[fault]
    plant(bundle)
    assert main(["models", "verify", str(bundle)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("wallpaint: ")
    assert len(line) < 600
    for word in words:
        assert word in line


def test_the_copy_was_sound(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So it is the fault that was found above."""
    assert main(["models", "verify", str(bundle)]) == 0
    assert "tiny: sound, but of random weights" in capsys.readouterr().out


@pytest.mark.parametrize("part", KINDS)
def test_loading_finds_a_damaged_part_too(part: str, bundle: Path) -> None:
    """Without `verify`, and no other part suffers."""
    opened = load_bundle(bundle)
    (path,) = opened.place(part).glob("*.safetensors")
    cut(str(path.relative_to(bundle)), 0.5)(bundle)
    with pytest.raises(ModelError, match="cut off at key"):
        opened.load(part)
    other = "vae" if part != "vae" else "unet"
    assert opened.load(other) is not None
