"""Random bundles: reproducible bytes, activation scale, and compatibility with stock pipelines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from support.bundles import random_folder
from wallpaint.bundles import lock
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.random_bundle import random_tensor, write_random
from wallpaint.bundles.verify import count_parameters, verify
from wallpaint.cli.app import main
from wallpaint.errors import InputError


def checksums(folder: Path) -> dict[str, str]:
    files = (
        path for path in folder.rglob("*") if path.is_file() and path.name != lock.STAMP_NAME
    )  # holds modification times
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_gives_the_same_bytes(tiny_bundle: Path, tmp_path: Path) -> None:
    assert checksums(write_random("tiny", tmp_path / "again")) == checksums(tiny_bundle)
    assert main(["models", "random", "tiny", str(tmp_path / "other"), "--seed", "1", "--dtype", "bfloat16"]) == 0
    one, other = load_bundle(tiny_bundle).load("vae"), load_bundle(tmp_path / "other").load("vae")
    assert not torch.equal(one.encoder.conv_in.weight, other.encoder.conv_in.weight)
    small, large = (folder / "unet/diffusion_pytorch_model.safetensors" for folder in (tmp_path / "other", tiny_bundle))
    assert small.stat().st_size < 0.52 * large.stat().st_size


def test_write_random_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty"):
        write_random("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_random_weights_are_scaled_by_fan_in() -> None:
    weights = random_tensor("conv.weight", (64, 32, 3, 3), "seed")
    assert weights.std().item() == pytest.approx((32 * 9) ** -0.5, rel=0.02)
    assert random_tensor("norm.weight", (5,), "seed").eq(1).all()
    assert random_tensor("norm.bias", (5,), "seed").eq(0).all()
    assert random_tensor("position_embedding.weight", (77, 64), "seed").std().item() == pytest.approx(1 / 8, rel=0.05)
    zero = random_tensor("controlnet_down_blocks.0.weight", (64, 64, 1, 1), "seed")
    assert 0 < zero.std().item() < 0.02


@torch.no_grad()
@pytest.mark.parametrize("configuration", ["tiny", pytest.param("mini", marks=pytest.mark.slow)])
def test_activations_keep_their_scale(configuration: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = load_bundle(random_folder(configuration, tmp_path_factory))
    noise = torch.Generator().manual_seed(1)
    px, side = bundle.native_px, bundle.native_px // 8
    prompt = bundle.empty_prompt()
    z = torch.randn(1, 9, side, side, generator=noise)
    image = torch.rand(1, 3, px, px, generator=noise) * 2 - 1
    input_px = bundle.processor("image_encoder")["size"]["height"]
    embedding = bundle.load("image_encoder")(torch.randn(1, 3, input_px, input_px, generator=noise)).image_embeds
    unet, vae = bundle.load("unet"), bundle.load("vae")
    unet._load_ip_adapter_weights(bundle.ip_adapter())
    embeds = {"image_embeds": [embedding[:, None]]}
    blocks, middle = bundle.load("controlnet")(z[:, :4], 500, prompt, (image + 1) / 2, return_dict=False)
    plain = unet(z, 500, prompt, added_cond_kwargs=embeds).sample
    controlled = unet(
        z,
        500,
        prompt,
        added_cond_kwargs=embeds,
        down_block_additional_residuals=blocks,
        mid_block_additional_residual=middle,
    ).sample
    latents = vae.encode(image).latent_dist.mean
    depth = bundle.load("depth")(image).predicted_depth
    for name, value in {
        "prompt": prompt,
        "image embedding": embedding,
        "noise": plain,
        "latents": latents,
        "decoded": vae.decode(latents).sample,
        "depth": depth,
    }.items():
        assert 0.1 < value.std().item() < 3, name
    assert (controlled - plain).std() > 0.01, "the ControlNet has no effect"
    assert (depth > 0).float().mean() > 0.9
    assert bundle.load("segmenter")(image).logits.shape == (1, 2, px // 4, px // 4)


def test_stock_controlnet_pipeline_with_ip_adapter_opens_the_folder(tiny_bundle: Path) -> None:
    """Inpainting with ControlNet and IP-Adapter by diffusers alone."""
    from diffusers import ControlNetModel, StableDiffusionControlNetInpaintPipeline

    controlnet = ControlNetModel.from_pretrained(tiny_bundle / "controlnet")
    pipeline = StableDiffusionControlNetInpaintPipeline.from_pretrained(tiny_bundle, controlnet=controlnet)
    name = "ip-adapter_tiny.safetensors"
    pipeline.load_ip_adapter(str(tiny_bundle), subfolder="models", weight_name=name)
    pipeline.set_progress_bar_config(disable=True)
    image = torch.rand(1, 3, 64, 64)
    out = pipeline(
        prompt="",
        image=image,
        mask_image=torch.ones(1, 1, 64, 64),
        control_image=image,
        ip_adapter_image_embeds=[torch.randn(1, 1, 24)],
        guidance_scale=1.0,
        num_inference_steps=2,
        output_type="pt",
    ).images
    assert out.shape == (1, 3, 64, 64)
    assert out.isfinite().all()
    assert out.std() > 0.01


def test_stock_inpainting_pipeline_opens_the_folder_and_loads_a_lora(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import StableDiffusionInpaintPipeline

    from support.stock_pipelines import write_lora

    pipeline = StableDiffusionInpaintPipeline.from_pretrained(tiny_bundle, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    options = {
        "prompt": "",
        "image": torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
        "mask_image": torch.ones(1, 1, 64, 64),
        "guidance_scale": 1.0,
        "num_inference_steps": 2,
        "output_type": "pt",
    }
    plain = pipeline(**options, generator=torch.Generator().manual_seed(1)).images
    pipeline.load_lora_weights(str(write_lora(load_bundle(tiny_bundle), tmp_path).parent))
    changed = pipeline(**options, generator=torch.Generator().manual_seed(1)).images
    assert (changed - plain).abs().max() > 0.01
    assert "_diffusers_version" in json.loads((tiny_bundle / "model_index.json").read_text(encoding="utf-8"))


def test_ip_adapter_plus_gives_sixteen_tokens(tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = load_bundle(random_folder("tiny-plus", tmp_path_factory))
    lines = list(verify(bundle))
    assert lines[-5].startswith("ip_adapter: Plus")
    assert lines[-1] == f"parameters: {sum(count_parameters(bundle).values()):,}"
    unet = bundle.load("unet")
    unet._load_ip_adapter_weights(bundle.ip_adapter())
    with torch.no_grad():
        hidden = bundle.load("image_encoder")(torch.randn(1, 3, 56, 56), output_hidden_states=True).hidden_states[-2]
        (tokens,) = unet.encoder_hid_proj([hidden[:, None]])
    assert (hidden.shape, tokens.shape) == ((1, 17, 32), (1, 1, 16, 32))


def test_tokenizer_encodes_bytes(tiny_bundle: Path) -> None:
    tokenizer = load_bundle(tiny_bundle).tokenizer()
    ids = tokenizer(["", "ab", "ô" * 200], padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert ids.shape == (3, 77)
    assert ids[0].tolist() == [512] + [513] * 76
    assert tokenizer.decode(ids[1], skip_special_tokens=True) == "ab"
    assert ids[2, -1] == 513


@pytest.mark.slow
def test_full_size_random_bundle_passes_verify(tmp_path: Path) -> None:
    """4.9 GB in bfloat16; one component at a time in memory."""
    folder = write_random("sd15", tmp_path / "sd15", dtype=torch.bfloat16)
    lines = list(verify(load_bundle(folder)))
    assert "unet: UNet2DConditionModel, 859,535,364 parameters" in lines
    assert "empty prompt: [1, 77, 768]" in lines
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) == pytest.approx(4.86e9, rel=0.01)
