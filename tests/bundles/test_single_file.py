"""Checkpoints in one file, under the names of the original code: the same weights, bit by bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from support import ldm_names
from wallpaint.bundles.bundle import load_bundle
from wallpaint.errors import ModelError


@pytest.fixture
def checkpoint(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny bundle's three parts in one file, with what else such files hold; and a bundle.toml beside it."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    opened = load_bundle(tiny_bundle)
    tensors = {
        **ldm_names.unet(opened.load("unet").state_dict(), layers=1),
        **ldm_names.vae(opened.load("vae").state_dict(), levels=4),
        **ldm_names.text_encoder(opened.load("text_encoder").state_dict()),
        "alphas_cumprod": torch.zeros(1000),
    }
    save_file(tensors, tmp_path / "all.safetensors")
    (tmp_path / "bundle.toml").write_text(
        'schema = "wallpaint.bundle/1"\nname = "one"\nnative_px = 64\nconfiguration = "tiny"\n'
        f'[parts]\ncheckpoint = "all.safetensors"\ntokenizer = "{tiny_bundle}/tokenizer"\n'
    )
    return tmp_path


def changed(folder: Path, key: str, value: torch.Tensor | None) -> None:
    file = folder / "all.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items() if name != key}
    save_file(tensors if value is None else {**tensors, key: value}, file)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_weights_come_back_bit_by_bit(part: str, checkpoint: Path, tiny_bundle: Path) -> None:
    found, true = load_bundle(checkpoint).load(part), load_bundle(tiny_bundle).load(part)
    assert type(found) is type(true)
    assert not found.training
    assert not any(p.requires_grad or p.is_meta for p in found.parameters())
    one, other = found.state_dict(), true.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_text_encoder_reads_as_before(checkpoint: Path, tiny_bundle: Path) -> None:
    """Its positions are no weights: they are made anew."""
    bundle = load_bundle(checkpoint)
    assert torch.equal(bundle.empty_prompt(), load_bundle(tiny_bundle).empty_prompt())
    assert bundle.load("unet", torch.bfloat16).dtype == torch.bfloat16
    assert bundle.has("scheduler")
    assert not bundle.has("controlnet")
    assert bundle.scheduler_config()["beta_start"] == 0.00085


def test_the_empty_prompt_is_kept_for_this_checkpoint(
    checkpoint: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not beside it, where it could be another file's; and no longer than the checkpoint is the same."""
    bundle = load_bundle(checkpoint)
    (checkpoint / "empty_prompt.safetensors").write_bytes((tiny_bundle / "empty_prompt.safetensors").read_bytes())
    changed(checkpoint, "cond_stage_model.transformer.text_model.final_layer_norm.bias", torch.ones(32))
    true = load_bundle(tiny_bundle).empty_prompt() + 1  # the bias was 0
    assert torch.allclose(bundle.empty_prompt(), true, atol=1e-5)
    with monkeypatch.context() as patch:
        patch.setattr("wallpaint.bundles.single_file.load", lambda *_: pytest.fail("the text encoder was loaded"))
        assert torch.allclose(bundle.empty_prompt(), true, atol=1e-5)
    changed(checkpoint, "cond_stage_model.transformer.text_model.final_layer_norm.bias", torch.zeros(32))
    assert torch.allclose(bundle.empty_prompt(), true - 1, atol=1e-5)


def test_a_file_alone_is_a_bundle_of_the_published_size(checkpoint: Path) -> None:
    """So this one, whose parts are tiny, is told apart by its first key."""
    bundle = load_bundle(checkpoint / "all.safetensors")
    assert (bundle.name, bundle.native_px) == ("all", 512)
    assert [part for part in ("unet", "vae", "text_encoder", "tokenizer", "depth") if bundle.has(part)] == [
        "unet",
        "vae",
        "text_encoder",
    ]
    with pytest.raises(ModelError, match=r"all.safetensors: .*(its unet has other keys|is missing|should be)"):
        bundle.load("unet")
    with pytest.raises(ModelError, match="has no tokenizer"):
        bundle.empty_prompt()


@pytest.mark.parametrize(
    ("key", "value", "part", "words"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", torch.zeros(32, 4, 3, 3), "unet", "9 input channels, has 4"),
        (
            "model.diffusion_model.time_embed.0.bias",
            torch.zeros(3),
            "unet",
            r"1.bias should be \[128\], is \[3\]",
        ),
        ("model.diffusion_model.out.2.bias", None, "unet", r"conv_out.bias \[4\] is missing"),
        (
            "first_stage_model.encoder.conv_in.weight",
            torch.zeros(8, 4, 3, 3),
            "vae",
            "conv_in.weight should be",
        ),
        (
            "cond_stage_model.transformer.text_model.final_layer_norm.weight",
            None,
            "text_encoder",
            r"final_layer_norm.weight \[32\] is missing",
        ),
    ],
)
def test_a_wrong_file_says_so(key: str, value: torch.Tensor | None, part: str, words: str, checkpoint: Path) -> None:
    changed(checkpoint, key, value)
    with pytest.raises(ModelError, match=words):
        load_bundle(checkpoint).load(part)


def test_a_file_without_a_part(tmp_path: Path) -> None:
    save_file({"lora.weight": torch.zeros(3)}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelError, match="has no unet"):
        load_bundle(tmp_path / "lora.safetensors").load("unet")


@pytest.mark.parametrize("name", ["model.ckpt", "model.bin"])
def test_pickles_are_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80")
    with pytest.raises(ModelError, match=r"should be a .safetensors file"):
        load_bundle(tmp_path / name)
