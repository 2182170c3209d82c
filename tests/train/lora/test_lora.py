"""LoRA on the UNet: target layers, trainable parameters, initialization."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.components import meta_model
from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.networks import attach_ip_adapter
from wallpaint.train.lora.adapter import add_lora, gradient_norm


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prediction(unet: torch.nn.Module) -> torch.Tensor:
    sample = torch.randn(2, 9, 8, 8, generator=generator(1))
    text = torch.randn(2, 77, 32, generator=generator(2))
    return unet(sample, torch.tensor([7, 500]), text, return_dict=False)[0]


def test_only_lora_parameters_have_gradients(bundle: Bundle) -> None:
    unet = bundle.load("unet").requires_grad_(True)
    trained = add_lora(unet, generator())
    prediction(unet).square().mean().backward()
    with_gradient = {name for name, p in unet.named_parameters() if p.grad is not None}
    assert with_gradient == {name for name, _ in unet.named_parameters() if "lora_" in name}
    assert len(with_gradient) == len(trained)
    a = [p.grad for name, p in unet.named_parameters() if ".lora_A." in name]
    b = [p.grad for name, p in unet.named_parameters() if ".lora_B." in name]
    assert all(not grad.any() for grad in a), "B is zero, so A has no gradient yet"
    assert all(grad.any() for grad in b)
    assert float(gradient_norm(trained)) == pytest.approx(float(sum(g.square().sum() for g in b)) ** 0.5, rel=1e-5)


def test_new_lora_leaves_the_prediction_bit_equal(bundle: Bundle) -> None:
    unet = bundle.load("unet")
    with torch.no_grad():
        before = prediction(unet)
        add_lora(unet, generator())
        assert torch.equal(before, prediction(unet))


def test_lora_shapes_and_target_layers(bundle: Bundle) -> None:
    """A [rank, in], B [out, rank], on four layers of every self- and cross-attention."""
    unet = bundle.load("unet")
    attentions = {name: module for name, module in unet.named_modules() if name.endswith(("attn1", "attn2"))}
    add_lora(unet, generator(), rank=5)
    shapes = {name: p.shape for name, p in unet.named_parameters() if "lora_" in name}
    assert len(shapes) == 2 * 4 * len(attentions)
    for name, attention in attentions.items():
        context = 32 if name.endswith("attn2") else attention.to_q.in_features
        assert shapes[f"{name}.to_k.lora_A.default.weight"] == (5, context)
        assert shapes[f"{name}.to_k.lora_B.default.weight"] == (attention.inner_dim, 5)
        assert f"{name}.to_out.0.lora_A.default.weight" in shapes


@pytest.mark.parametrize("configuration_name", ["tiny", "tiny-plus"])
def test_lora_is_not_added_to_the_ip_adapter(configuration_name: str, tmp_path: Path) -> None:
    bundle = load_bundle(write_random(configuration_name, tmp_path / "bundle"))
    plain, adapted = bundle.load("unet"), bundle.load("unet")
    attach_ip_adapter(adapted, bundle.ip_adapter(), 1.0)
    counts = [sum(p.numel() for p in add_lora(unet, generator())) for unet in (plain, adapted)]
    assert counts[0] == counts[1]
    assert not [name for name, p in adapted.named_parameters() if p.requires_grad and "lora_" not in name]


def test_lora_parameter_count_of_the_published_unet() -> None:
    """1,594,368 in 256 tensors on the UNet of Stable Diffusion 1.5 inpainting, which has 859,535,364."""
    unet = meta_model("unet", configuration("sd15")["unet"], Path("config.json"))
    assert sum(p.numel() for p in unet.parameters()) == 859_535_364
    trained = add_lora(unet, generator())
    assert (len(trained), sum(p.numel() for p in trained)) == (256, 1_594_368)


def test_lora_initialization_depends_on_its_generator_only(bundle: Bundle) -> None:
    parameters = []
    for seed, noise in ((3, 1), (3, 2), (4, 2)):
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        parameters.append(torch.cat([p.detach().flatten() for p in add_lora(bundle.load("unet"), generator(seed))]))
        assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(parameters[0], parameters[1])
    assert not torch.equal(parameters[1], parameters[2])


def test_lora_parameters_are_float32_on_a_bfloat16_unet(bundle: Bundle) -> None:
    unet = bundle.load("unet", torch.bfloat16)
    trained = add_lora(unet, generator())
    assert {p.dtype for p in trained} == {torch.float32}
    assert unet.conv_in.weight.dtype == torch.bfloat16
    sample, text = torch.zeros(1, 9, 8, 8, dtype=torch.bfloat16), torch.zeros(1, 77, 32, dtype=torch.bfloat16)
    loss = unet(sample, 3, text, return_dict=False)[0].float().square().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in trained)
