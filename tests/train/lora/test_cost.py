"""FLOPs and memory of a full-size training step, counted on the meta device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from support import live_training as live
from wallpaint.bundles.components import meta_model
from wallpaint.bundles.configurations import configuration
from wallpaint.diffusion.denoise import Conditioning
from wallpaint.train.engine import optimizer
from wallpaint.train.engine.config import OptimizerConfig
from wallpaint.train.lora import objective
from wallpaint.train.lora.adapter import add_lora

MAX_PEAK_GIB = 6.5  # batch of 4, bfloat16, no gradient checkpointing
META = torch.device("meta")


@pytest.fixture(scope="module")
def unet() -> Any:
    """The full-size UNet with its LoRA, bfloat16 on the meta device."""
    network = meta_model("unet", configuration("sd15")["unet"], Path("unet")).to(torch.bfloat16)
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


def test_cached_step_takes_less_than_half_the_flops_of_the_documents_loop(unet: Any) -> None:
    """The document's loop encodes two images and a prompt at every step; the cached one only runs the UNet."""
    cached = flops(lambda: step(unet, 1).backward())
    vae = meta_model("vae", configuration("sd15")["vae"], Path("vae"))
    text = meta_model("text_encoder", configuration("sd15")["text_encoder"], Path("text_encoder"))
    with torch.no_grad():
        encoding = 2 * flops(lambda: vae.encode(torch.empty(1, 3, 512, 512, device=META)))
        words = flops(lambda: text(torch.zeros(1, 77, dtype=torch.int64, device=META)))
    document = cached + encoding + words
    print(f"cached {cached / 1e9:.0f} GFLOP, the document's loop {document / 1e9:.0f}: {document / cached:.3f} times")
    assert cached / 1e9 == pytest.approx(1718, rel=0.01)
    assert document / cached >= 2.25


# -- memory


def trained_step(unet: Any, batch: int, **more: Any) -> dict[str, float]:
    """Memory of a training step in mode `document` with cached latents, with the real objective and optimizer."""
    trained = [p for p in unet.parameters() if p.requires_grad]
    adamw = optimizer.build(OptimizerConfig(), trained)
    scheduler = objective.noise_schedule(configuration("sd15")["scheduler"])
    four = torch.empty(batch, 4, 64, 64, device=META)
    mask, masked = four[:, :1].bfloat16(), four.bfloat16()
    cond = Conditioning(mask, masked, torch.empty(batch, 77, 768, device=META, dtype=torch.bfloat16))

    def loss() -> torch.Tensor:
        generators = [torch.Generator() for _ in range(batch)]
        return objective.predict(unet, scheduler, four, cond, generators).errors.mean()

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        adamw.step()
        adamw.zero_grad()

    return live.step_memory(unet, loss, update, **more)


def test_batch_of_four_fits_into_8_gb(unet: Any) -> None:
    memory = trained_step(unet, 4)
    print({name: round(value, 3) for name, value in memory.items()})
    assert memory["weights"] == pytest.approx(859_535_364 * 2 / 2**30 + 1_594_368 * 4 / 2**30, rel=0.001)
    assert memory["before"] - memory["weights"] == pytest.approx(1_594_368 * 2 * 4 / 2**30, abs=0.02)  # AdamW state
    assert memory["before"] < memory["kept"] < memory["peak"] <= MAX_PEAK_GIB


def test_peak_memory_depends_on_the_flash_attention_kernel(unet: Any) -> None:
    """Attention that saves all 4096 x 4096 pairs needs far more memory, so the limit depends on the kernel."""
    pairs, flash = trained_step(unet, 1, flash=False), trained_step(unet, 1)
    print({name: (round(pairs[name], 3), round(flash[name], 3)) for name in flash})
    assert pairs["peak"] - flash["peak"] > 2


def test_gradient_checkpointing_reduces_peak_memory(unet: Any) -> None:
    plain = trained_step(unet, 4)
    unet.enable_gradient_checkpointing()
    try:
        memory = trained_step(unet, 4)
    finally:
        unet.disable_gradient_checkpointing()
    print({name: round(value, 3) for name, value in memory.items()})
    assert memory["kept"] - memory["before"] < 0.25 * (plain["kept"] - plain["before"])
    assert memory["peak"] < 0.6 * plain["peak"]


# -- casts equal those of CUDA autocast


@pytest.fixture
def fake_cuda() -> Iterator[None]:
    """Fake CUDA tensors with torch's own CUDA autocast, without a GPU."""
    with FakeTensorMode():
        torch.set_autocast_enabled("cuda", True)
        torch.set_autocast_dtype("cuda", torch.bfloat16)
        torch.autocast_increment_nesting()
        try:
            yield
        finally:
            torch.autocast_decrement_nesting()
            torch.clear_autocast_cache()
            torch.set_autocast_enabled("cuda", False)


CALLS: dict[Any, Any] = {
    functional.linear: lambda f, x: f(x, torch.empty(3, 8, device="cuda")),
    functional.conv2d: lambda f, x: f(x, torch.empty(4, 8, 3, 3, device="cuda")),
    functional.group_norm: lambda f, x: f(x, 2),
    functional.layer_norm: lambda f, x: f(x, (8,)),
    functional.interpolate: lambda f, x: f(x, scale_factor=2.0, mode="nearest"),
    torch.cat: lambda f, x: f([x, x]),
    torch.Tensor.add: lambda f, x: f(x, x),
    torch.Tensor.mul: lambda f, x: f(x, x),
    torch.Tensor.div: lambda f, x: f(x, 2.0),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_counted_casts_equal_cuda_autocast(fake_cuda: None, dtype: torch.dtype) -> None:
    x = torch.empty(2, 8, 8, 8, device="cuda", dtype=dtype)
    arithmetic = [
        functional.silu, functional.gelu, torch.cat, torch.sin, torch.cos,
        torch.Tensor.add, torch.Tensor.mul, torch.Tensor.div,
    ]  # fmt: skip
    assert set(arithmetic) < set(live.UNCHANGED)
    for functions, expected in ((live.LOWER, torch.bfloat16), (live.UPPER, torch.float32), (arithmetic, dtype)):
        for function in functions:
            result = CALLS.get(function, lambda f, x: f(x))(function, x)
            assert result.dtype == expected, function
    assert functional.scaled_dot_product_attention(x, x, x).dtype == torch.bfloat16


class FunctionRecorder(TorchFunctionMode):
    """Records the functions that are called with tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: set[Any] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.functions.add(func)
        return func(*args, **(kwargs or {}))


def test_unet_calls_only_the_listed_functions(unet: Any) -> None:
    nine = torch.empty(1, 9, 64, 64, device=META, dtype=torch.bfloat16)
    text = torch.empty(1, 77, 768, device=META, dtype=torch.bfloat16)
    timesteps = torch.zeros(1, device=META, dtype=torch.int64)
    with FunctionRecorder() as called:
        unet(nine, timesteps, encoder_hidden_states=text)
    named = {*live.LOWER, *live.UPPER, *live.UNCHANGED, functional.scaled_dot_product_attention}
    attributes = {function for function in called.functions if getattr(function, "__name__", "") == "__get__"}
    assert {*live.LOWER, *live.UPPER} < called.functions - attributes <= named
