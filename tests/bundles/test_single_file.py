"""Single-file checkpoints in the key names of the original code: weights are bit-equal."""

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
    """The tiny bundle's three models in one file, with a further key as in real files, and a bundle.toml beside it."""
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
        f'[parts]\ncheckpoint = "all.safetensors"\ntokenizer = "{tiny_bundle}/tokenizer"\n',
        encoding="utf-8",
    )
    return tmp_path


def change_key(folder: Path, key: str, value: torch.Tensor | None) -> None:
    file = folder / "all.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items() if name != key}
    save_file(tensors if value is None else {**tensors, key: value}, file)


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_checkpoint_weights_are_bit_equal(component: str, checkpoint: Path, tiny_bundle: Path) -> None:
    loaded, original = load_bundle(checkpoint).load(component), load_bundle(tiny_bundle).load(component)
    assert type(loaded) is type(original)
    assert not loaded.training
    assert not any(p.requires_grad or p.is_meta for p in loaded.parameters())
    one, other = loaded.state_dict(), original.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_text_encoder_of_a_checkpoint_gives_the_same_embedding(checkpoint: Path, tiny_bundle: Path) -> None:
    """position_ids is a buffer that is filled in."""
    bundle = load_bundle(checkpoint)
    assert torch.equal(bundle.empty_prompt(), load_bundle(tiny_bundle).empty_prompt())
    assert bundle.load("unet", torch.bfloat16).dtype == torch.bfloat16
    assert bundle.has("scheduler")
    assert not bundle.has("controlnet")
    assert bundle.scheduler_config()["beta_start"] == 0.00085


def test_empty_prompt_is_cached_per_checkpoint(
    checkpoint: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not beside the file, where it could belong to another one; and only while the checkpoint is unchanged."""
    bundle = load_bundle(checkpoint)
    (checkpoint / "empty_prompt.safetensors").write_bytes((tiny_bundle / "empty_prompt.safetensors").read_bytes())
    change_key(checkpoint, "cond_stage_model.transformer.text_model.final_layer_norm.bias", torch.ones(32))
    expected = load_bundle(tiny_bundle).empty_prompt() + 1  # the bias was 0
    assert torch.allclose(bundle.empty_prompt(), expected, atol=1e-5)
    with monkeypatch.context() as patch:
        patch.setattr("wallpaint.bundles.single_file.load", lambda *_: pytest.fail("the text encoder was loaded"))
        assert torch.allclose(bundle.empty_prompt(), expected, atol=1e-5)
    change_key(checkpoint, "cond_stage_model.transformer.text_model.final_layer_norm.bias", torch.zeros(32))
    assert torch.allclose(bundle.empty_prompt(), expected - 1, atol=1e-5)


def test_checkpoint_without_bundle_toml_has_the_published_size(checkpoint: Path) -> None:
    """So the tiny models are refused at the first key."""
    bundle = load_bundle(checkpoint / "all.safetensors")
    assert (bundle.name, bundle.native_px) == ("all", 512)
    assert [
        component for component in ("unet", "vae", "text_encoder", "tokenizer", "depth") if bundle.has(component)
    ] == [
        "unet",
        "vae",
        "text_encoder",
    ]
    with pytest.raises(ModelError, match=r"all.safetensors: .*(its unet has other keys|is missing|should be)"):
        bundle.load("unet")
    with pytest.raises(ModelError, match="has no tokenizer"):
        bundle.empty_prompt()


@pytest.mark.parametrize(
    ("key", "value", "component", "message"),
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
def test_checkpoint_with_a_wrong_key_raises(
    key: str, value: torch.Tensor | None, component: str, message: str, checkpoint: Path
) -> None:
    change_key(checkpoint, key, value)
    with pytest.raises(ModelError, match=message):
        load_bundle(checkpoint).load(component)


def test_checkpoint_without_a_component_raises(tmp_path: Path) -> None:
    save_file({"lora.weight": torch.zeros(3)}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelError, match="has no unet"):
        load_bundle(tmp_path / "lora.safetensors").load("unet")


@pytest.mark.parametrize("name", ["model.ckpt", "model.bin"])
def test_pickle_checkpoints_are_refused_by_suffix(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80")
    with pytest.raises(ModelError, match=r"should be a .safetensors file"):
        load_bundle(tmp_path / name)
