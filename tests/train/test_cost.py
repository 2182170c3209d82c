"""What a training step costs at full size, counted on the meta device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.parts import skeleton
from wallpaint.train.lora import add_lora

META = torch.device("meta")


@pytest.fixture(scope="module")
def unet() -> Any:
    """The full-size UNet with its LoRA, bfloat16 on the meta device."""
    network = skeleton("unet", configuration("sd15")["unet"], Path("unet")).to(torch.bfloat16)
    with torch.device("meta"):
        trained = add_lora(network, torch.Generator())
    assert sum(p.numel() for p in trained) == 1_594_368
    return network.train()


def step(unet: Any, batch: int) -> torch.Tensor:
    nine = torch.empty(batch, 9, 64, 64, device=META, dtype=torch.bfloat16)
    text = torch.empty(batch, 77, 768, device=META, dtype=torch.bfloat16)
    timesteps = torch.zeros(batch, device=META, dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = unet(nine, timesteps, encoder_hidden_states=text, return_dict=False)[0]
    return (predicted.float() - torch.zeros(batch, 4, 64, 64, device=META)).square().mean()


def flops(run: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def test_cached_it_takes_less_than_half_of_the_documents_operations(unet: Any) -> None:
    """The document's loop encodes two pictures and a prompt at every step; the cached one does nothing but the UNet."""
    cached = flops(lambda: step(unet, 1).backward())
    vae = skeleton("vae", configuration("sd15")["vae"], Path("vae"))
    text = skeleton("text_encoder", configuration("sd15")["text_encoder"], Path("text_encoder"))
    with torch.no_grad():
        encoding = 2 * flops(lambda: vae.encode(torch.empty(1, 3, 512, 512, device=META)))
        words = flops(lambda: text(torch.zeros(1, 77, dtype=torch.int64, device=META)))
    document = cached + encoding + words
    print(f"cached {cached / 1e9:.0f} GFLOP, the document's loop {document / 1e9:.0f}: {document / cached:.3f} times")
    assert cached / 1e9 == pytest.approx(1718, rel=0.01)
    assert document / cached >= 2.25
