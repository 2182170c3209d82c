"""Architectures: published counts of parameters, and the sizes that the small ones promise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from wallpaint.bundles import image_prompt
from wallpaint.bundles.components import KINDS, skeleton
from wallpaint.bundles.configurations import NAMES, configuration
from wallpaint.bundles.manifest import MODULES
from wallpaint.bundles.published import published
from wallpaint.errors import InputError

HERE = Path("configuration")


def count(part: str, config: dict[str, Any]) -> int:
    return sum(value.numel() for value in skeleton(part, config, HERE).parameters())


def adapter_shapes(name: str) -> dict[str, tuple[int, ...]]:
    parts = configuration(name)
    own, vision, context = parts["ip_adapter"], parts["image_encoder"], parts["unet"]["cross_attention_dim"]
    if own["kind"] == "plus":
        shapes = image_prompt.resampler_shapes(
            context, vision["hidden_size"], own["width"], own["inner"], own["tokens"]
        )
    else:
        shapes = image_prompt.projector_shapes(context, vision["projection_dim"])
    return {**shapes, **image_prompt.key_value_shapes(image_prompt.attention_shapes(parts["unet"], HERE))}


def total(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    ("part", "parameters"),
    [
        ("unet", 859_535_364),
        ("vae", 83_653_863),
        ("text_encoder", 123_060_480),
        ("controlnet", 361_279_120),
        ("image_encoder", 632_076_800),
        ("depth", 343_030_465),
        ("segmenter", 3_752_694),
    ],
)
def test_the_published_sizes(part: str, parameters: int) -> None:
    assert count(part, configuration("sd15")[part]) == parameters
    assert published("sd15").parameters.get(part, parameters) == parameters


def test_the_published_image_prompt() -> None:
    shapes = adapter_shapes("sd15")
    assert total({key: shape for key, shape in shapes.items() if key.startswith("image_proj.")}) == 3_150_336
    assert total({key: shape for key, shape in shapes.items() if key.startswith("ip_adapter.")}) == 19_169_280
    assert len([key for key in shapes if key.startswith("ip_adapter.")]) == 2 * 16
    assert published("sd15").parameters["ip_adapter"] == 3_150_336 + 19_169_280


def test_plus_differs_in_the_image_prompt_alone() -> None:
    base, plus = configuration("sd15"), configuration("sd15-plus")
    assert {key for key in base if base[key] != plus[key]} == {"ip_adapter"}
    shapes = adapter_shapes("sd15-plus")
    assert shapes["image_proj.latents"] == (1, 16, 768)
    assert shapes["image_proj.proj_in.weight"] == (768, 1280)
    assert total(shapes) == published("sd15-plus").parameters["ip_adapter"]


@pytest.mark.parametrize(("name", "most"), [("mini", 19_000_000), ("tiny", 1_500_000)])
def test_the_small_ones_are_small(name: str, most: int) -> None:
    parts = configuration(name)
    counts = {part: count(part, parts[part]) for part in MODULES}
    counts["ip_adapter"] = total(adapter_shapes(name))
    assert sum(counts.values()) <= most, counts


def test_mini_has_a_unet_of_ten_million_and_no_attention_at_the_top() -> None:
    config = configuration("mini")["unet"]
    assert 9.5e6 < count("unet", config) < 11e6
    assert config["down_block_types"][0] == "DownBlock2D"
    assert config["up_block_types"][-1] == "UpBlock2D"


@pytest.mark.parametrize("name", NAMES)
def test_parts_go_together(name: str) -> None:
    """Latents of 4 channels and an eighth of the side, one width of the context, whole patches."""
    parts = configuration(name)
    unet, vae = parts["unet"], parts["vae"]
    assert (unet["in_channels"], unet["out_channels"], vae["latent_channels"]) == (9, 4, 4)
    assert 2 ** (len(vae["block_out_channels"]) - 1) == 8
    assert unet["sample_size"] * 8 == vae["sample_size"] == parts["native_px"]
    assert parts["text_encoder"]["hidden_size"] == parts["controlnet"]["cross_attention_dim"]
    assert parts["text_encoder"]["hidden_size"] == unet["cross_attention_dim"]
    assert parts["text_encoder"]["max_position_embeddings"] == 77
    for part in ("image_encoder", "depth"):
        px = parts[part]["image_size"]
        assert px % parts[part]["patch_size"] == 0
        assert parts["processors"][part]["size"] == {"height": px, "width": px}
    assert set(parts) >= {*KINDS, "ip_adapter", "scheduler", "native_px", "description"}


def test_each_call_gives_a_fresh_one() -> None:
    configuration("tiny")["unet"]["in_channels"] = 4
    assert configuration("tiny")["unet"]["in_channels"] == 9
    with pytest.raises(InputError, match="'huge' is not known: choose one of sd15"):
        configuration("huge")
