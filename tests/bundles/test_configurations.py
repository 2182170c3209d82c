"""Model configurations: published parameter counts, size limits of the small ones, compatible components."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from wallpaint.bundles import image_prompt
from wallpaint.bundles.components import COMPONENTS, meta_model
from wallpaint.bundles.configurations import CONFIGURATION_NAMES, configuration
from wallpaint.bundles.manifest import MODEL_NAMES
from wallpaint.bundles.published import published
from wallpaint.errors import InputError

PATH = Path("configuration")


def count(component: str, config: dict[str, Any]) -> int:
    return sum(value.numel() for value in meta_model(component, config, PATH).parameters())


def ip_adapter_shapes(name: str) -> dict[str, tuple[int, ...]]:
    config = configuration(name)
    adapter, vision, context = config["ip_adapter"], config["image_encoder"], config["unet"]["cross_attention_dim"]
    if adapter["variant"] == "plus":
        shapes = image_prompt.resampler_shapes(
            context, vision["hidden_size"], adapter["width"], adapter["inner_dim"], adapter["tokens"]
        )
    else:
        shapes = image_prompt.projector_shapes(context, vision["projection_dim"])
    return {**shapes, **image_prompt.key_value_shapes(image_prompt.attention_shapes(config["unet"], PATH))}


def total(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    ("component", "parameters"),
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
def test_published_configuration_has_the_published_parameter_count(component: str, parameters: int) -> None:
    assert count(component, configuration("sd15")[component]) == parameters
    unused = 2 * (256 * 256 * 3 * 3 + 256) if component == "depth" else 0  # two convolutions of the first fusion layer
    listed = published("sd15").parameters.get(component)
    assert listed in (None, parameters - unused)


def test_published_ip_adapter_has_the_published_parameter_count() -> None:
    shapes = ip_adapter_shapes("sd15")
    assert total({key: shape for key, shape in shapes.items() if key.startswith("image_proj.")}) == 3_150_336
    assert total({key: shape for key, shape in shapes.items() if key.startswith("ip_adapter.")}) == 19_169_280
    assert len([key for key in shapes if key.startswith("ip_adapter.")]) == 2 * 16
    assert published("sd15").parameters["ip_adapter"] == 3_150_336 + 19_169_280


def test_plus_configuration_differs_only_in_the_ip_adapter() -> None:
    base, plus = configuration("sd15"), configuration("sd15-plus")
    assert {key for key in base if base[key] != plus[key]} == {"ip_adapter"}
    shapes = ip_adapter_shapes("sd15-plus")
    assert shapes["image_proj.latents"] == (1, 16, 768)
    assert shapes["image_proj.proj_in.weight"] == (768, 1280)
    assert total(shapes) == published("sd15-plus").parameters["ip_adapter"]


@pytest.mark.parametrize(("name", "max_parameters"), [("mini", 19_000_000), ("tiny", 1_500_000)])
def test_small_configurations_stay_below_their_parameter_limit(name: str, max_parameters: int) -> None:
    config = configuration(name)
    counts = {component: count(component, config[component]) for component in MODEL_NAMES}
    counts["ip_adapter"] = total(ip_adapter_shapes(name))
    assert sum(counts.values()) <= max_parameters, counts


def test_mini_unet_has_eight_million_parameters_and_no_attention_at_full_resolution() -> None:
    unet = configuration("mini")["unet"]
    assert 8.4e6 < count("unet", unet) < 8.6e6
    assert unet["down_block_types"][0] == "DownBlock2D"
    assert unet["up_block_types"][-1] == "UpBlock2D"


@pytest.mark.parametrize("name", CONFIGURATION_NAMES)
def test_components_are_compatible(name: str) -> None:
    """4 latent channels, a VAE scale factor of 8, one context width, and image sizes divisible by the patch size."""
    config = configuration(name)
    unet, vae = config["unet"], config["vae"]
    assert (unet["in_channels"], unet["out_channels"], vae["latent_channels"]) == (9, 4, 4)
    assert 2 ** (len(vae["block_out_channels"]) - 1) == 8
    assert unet["sample_size"] * 8 == vae["sample_size"] == config["native_px"]
    assert config["text_encoder"]["hidden_size"] == config["controlnet"]["cross_attention_dim"]
    assert config["text_encoder"]["hidden_size"] == unet["cross_attention_dim"]
    assert config["text_encoder"]["max_position_embeddings"] == 77
    for component in ("image_encoder", "depth"):
        px = config[component]["image_size"]
        assert px % config[component]["patch_size"] == 0
        assert config["processors"][component]["size"] == {"height": px, "width": px}
    assert set(config) >= {*COMPONENTS, "ip_adapter", "scheduler", "native_px", "description"}


def test_configuration_returns_a_new_dict() -> None:
    configuration("tiny")["unet"]["in_channels"] = 4
    assert configuration("tiny")["unet"]["in_channels"] == 9
    with pytest.raises(InputError, match="'huge' is not known: choose one of sd15"):
        configuration("huge")
