"""LoRA: where it sits, what learns, and that it does nothing before it has learnt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.components import skeleton
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


def test_only_the_lora_learns(bundle: Bundle) -> None:
    unet = bundle.load("unet").requires_grad_(True)
    trained = add_lora(unet, generator())
    prediction(unet).square().mean().backward()
    got = {name for name, p in unet.named_parameters() if p.grad is not None}
    assert got == {name for name, _ in unet.named_parameters() if "lora_" in name}
    assert len(got) == len(trained)
    a = [p.grad for name, p in unet.named_parameters() if ".lora_A." in name]
    b = [p.grad for name, p in unet.named_parameters() if ".lora_B." in name]
    assert all(not grad.any() for grad in a), "B is zero, so nothing reaches A yet"
    assert all(grad.any() for grad in b)
    assert float(gradient_norm(trained)) == pytest.approx(float(sum(g.square().sum() for g in b)) ** 0.5, rel=1e-5)


def test_at_first_nothing_changes(bundle: Bundle) -> None:
    unet = bundle.load("unet")
    with torch.no_grad():
        before = prediction(unet)
        add_lora(unet, generator())
        assert torch.equal(before, prediction(unet))


def test_shapes_and_places(bundle: Bundle) -> None:
    """A [rank, in], B [out, rank], on four layers of every attention, self and cross."""
    unet = bundle.load("unet")
    wide = {name: module for name, module in unet.named_modules() if name.endswith(("attn1", "attn2"))}
    add_lora(unet, generator(), rank=5)
    shapes = {name: p.shape for name, p in unet.named_parameters() if "lora_" in name}
    assert len(shapes) == 2 * 4 * len(wide)
    for name, attention in wide.items():
        context = 32 if name.endswith("attn2") else attention.to_q.in_features
        assert shapes[f"{name}.to_k.lora_A.default.weight"] == (5, context)
        assert shapes[f"{name}.to_k.lora_B.default.weight"] == (attention.inner_dim, 5)
        assert f"{name}.to_out.0.lora_A.default.weight" in shapes


@pytest.mark.parametrize("configuration_name", ["tiny", "tiny-plus"])
def test_an_ip_adapter_is_left_alone(configuration_name: str, tmp_path: Path) -> None:
    bundle = load_bundle(write_random(configuration_name, tmp_path / "bundle"))
    plain, adapted = bundle.load("unet"), bundle.load("unet")
    attach_ip_adapter(adapted, bundle.ip_adapter(), 1.0)
    counts = [sum(p.numel() for p in add_lora(unet, generator())) for unet in (plain, adapted)]
    assert counts[0] == counts[1]
    assert not [name for name, p in adapted.named_parameters() if p.requires_grad and "lora_" not in name]


def test_the_published_counts() -> None:
    """1,594,368 in 256 tensors on the UNet of Stable Diffusion 1.5 inpainting, which has 859,535,364."""
    unet = skeleton("unet", configuration("sd15")["unet"], Path("config.json"))
    assert sum(p.numel() for p in unet.parameters()) == 859_535_364
    trained = add_lora(unet, generator())
    assert (len(trained), sum(p.numel() for p in trained)) == (256, 1_594_368)


def test_drawn_from_the_generator_alone(bundle: Bundle) -> None:
    drawn = []
    for seed, noise in ((3, 1), (3, 2), (4, 2)):
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        drawn.append(torch.cat([p.detach().flatten() for p in add_lora(bundle.load("unet"), generator(seed))]))
        assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_a_lora_on_half_precision_is_float32(bundle: Bundle) -> None:
    unet = bundle.load("unet", torch.bfloat16)
    trained = add_lora(unet, generator())
    assert {p.dtype for p in trained} == {torch.float32}
    assert unet.conv_in.weight.dtype == torch.bfloat16
    sample, text = torch.zeros(1, 9, 8, 8, dtype=torch.bfloat16), torch.zeros(1, 77, 32, dtype=torch.bfloat16)
    loss = unet(sample, 3, text, return_dict=False)[0].float().square().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in trained)
