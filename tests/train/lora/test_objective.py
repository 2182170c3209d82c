"""The training objective: hand-computed values, and the source document's code with the same random numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.configurations import SCHEDULER
from wallpaint.errors import ModelError, ShapeError
from wallpaint.train.lora.objective import (
    EncodedBatch,
    add_noise,
    denoising_loss,
    encode,
    noise_schedule,
    predict_x0,
    prediction_target,
    training_loss,
)

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def vae(bundle: Bundle) -> Any:
    return bundle.load("vae")


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_and_masks(height: int, width: int, count: int = 2) -> tuple[Tensor, Tensor]:
    """Images -1..1 and masks with a different rectangle each."""
    image = torch.rand(count, 3, height, width, generator=generator(1)) * 2 - 1
    mask = torch.zeros(count, 1, height, width)
    for index in range(count):
        mask[index, :, 3 + index : height // 2, 5 : width - 9] = 1
    return image, mask


def encoded(count: int = 2, height: int = 4, width: int = 6) -> EncodedBatch:
    """Constant channels: latents 1, mask 2, masked latents 3."""
    shape = (count, 4, height, width)
    return EncodedBatch(torch.ones(shape), torch.full((count, 1, height, width), 2.0), torch.full(shape, 3.0))


class ToyUNet(nn.Module):
    """Predicts a constant, and records its inputs."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.inputs: dict[str, Tensor] = {}

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, return_dict: bool
    ) -> tuple[Tensor]:
        self.inputs = {"sample": sample, "timestep": timestep, "text": encoder_hidden_states}
        return (self.value.expand(sample.shape[0], 4, *sample.shape[2:]),)


# -- hand-computed values


def test_unet_input_channels_are_noisy_latents_mask_masked_latents() -> None:
    unet = ToyUNet()
    denoising_loss(unet, noise_schedule(SCHEDULER), encoded(), torch.zeros(1, 77, 8), generator())
    nine = unet.inputs["sample"]
    assert nine.shape == (2, 9, 4, 6)
    assert nine[0, 4:, 0, 0].tolist() == [2] + [3] * 4
    assert len(nine[0, :4].unique()) == 4 * 4 * 6


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_predict_x0_inverts_add_noise(prediction_type: str) -> None:
    """For a perfect prediction, at every timestep."""
    scheduler = noise_schedule({**SCHEDULER, "prediction_type": prediction_type})
    latents = torch.randn(1000, 4, 2, 2, generator=generator(5))
    noise, timesteps = torch.randn(latents.shape, generator=generator(6)), torch.arange(1000)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    result = predict_x0(scheduler, noisy, prediction_target(scheduler, latents, noise, timesteps), timesteps)
    assert float((result - latents).abs().max()) < 1e-4


def test_add_noise_uses_alpha_bar() -> None:
    """z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps with abar computed from the betas, not alpha_t."""
    scheduler = noise_schedule(SCHEDULER)
    latents = torch.full((64, 4, 2, 2), 2.0)
    noise, timesteps, noisy = add_noise(scheduler, latents, generator())
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    abar = torch.cumprod(1 - betas, 0)[timesteps][:, None, None, None]
    expected = abar.sqrt() * latents + (1 - abar).sqrt() * noise
    assert float((noisy - expected).abs().max()) < 1e-5
    assert timesteps.shape == (64,)
    assert timesteps.dtype == torch.int64
    assert int(timesteps.min()) < 100
    assert int(timesteps.max()) > 900


def test_last_timestep_has_nonzero_signal() -> None:
    assert float(noise_schedule(SCHEDULER).alphas_cumprod[-1].sqrt()) == pytest.approx(0.0683, abs=1e-4)


def test_every_timestep_is_sampled() -> None:
    _, timesteps, _ = add_noise(noise_schedule(SCHEDULER), torch.zeros(20_000, 4, 1, 1), generator())
    counts = torch.bincount(timesteps, minlength=1000)
    assert int(counts.min()) > 0
    assert len(counts) == 1000


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_prediction_target_is_noise_or_v(prediction_type: str) -> None:
    scheduler = noise_schedule({**SCHEDULER, "prediction_type": prediction_type})
    latents, noise, timesteps = torch.full((2, 4, 1, 1), 3.0), torch.full((2, 4, 1, 1), 0.5), torch.tensor([0, 999])
    result = prediction_target(scheduler, latents, noise, timesteps)
    abar = scheduler.alphas_cumprod[timesteps][:, None, None, None]
    expected = noise if prediction_type == "epsilon" else abar.sqrt() * 0.5 - (1 - abar).sqrt() * 3.0
    assert torch.allclose(result, expected.expand_as(result), atol=TOLERANCE)


def test_unsupported_prediction_type_raises_model_error() -> None:
    with pytest.raises(ModelError, match="'sample'"):
        noise_schedule({**SCHEDULER, "prediction_type": "sample"})


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_denoising_loss_is_the_mean_over_all_elements(value: float) -> None:
    """Of B x 4 x h x w squared errors, for a UNet that predicts a constant."""
    unet, observed = ToyUNet(value), {}
    loss = denoising_loss(
        unet, noise_schedule(SCHEDULER), encoded(), torch.zeros(1, 77, 8), generator(), observe=observed.__setitem__
    )
    errors = [(value - noise) ** 2 for noise in observed["noise"].flatten().tolist()]
    assert len(errors) == 2 * 4 * 4 * 6
    assert loss.item() == pytest.approx(sum(errors) / len(errors), rel=1e-5)
    assert loss.shape == ()
    loss.backward()
    mean = float(observed["noise"].mean())
    assert float(unet.value.grad) == pytest.approx(2 * (value - mean), abs=1e-5)


def test_text_embedding_is_expanded_to_the_batch() -> None:
    unet, text = ToyUNet(), torch.rand(1, 77, 8, generator=generator())
    denoising_loss(unet, noise_schedule(SCHEDULER), encoded(3), text, generator())
    assert unet.inputs["text"].shape == (3, 77, 8)
    assert all(torch.equal(row, text[0]) for row in unet.inputs["text"])
    assert unet.inputs["timestep"].shape == (3,)


# -- VAE encoding


def test_masked_image_is_mid_grey_on_the_wall(vae: Any) -> None:
    image, mask = images_and_masks(32, 48)
    observed: dict[str, Tensor] = {}
    encode(vae, image, mask, generator(), observe=observed.__setitem__)
    wall = mask.expand_as(image) == 1
    assert bool((observed["masked_image"][wall] == 0).all())
    assert torch.equal(observed["masked_image"][~wall], image[~wall])


@pytest.mark.parametrize(("height", "width"), [(32, 48), (64, 16), (40, 40)])
def test_encode_handles_images_that_are_not_square(vae: Any, height: int, width: int) -> None:
    result = encode(vae, *images_and_masks(height, width), generator())
    assert result.latents.shape == result.masked_latents.shape == (2, 4, height // 8, width // 8)
    assert result.mask.shape == (2, 1, height // 8, width // 8)
    assert set(result.mask.unique().tolist()) <= {0.0, 1.0}


def test_encode_raises_shape_error_for_a_mask_of_another_size(vae: Any) -> None:
    image, mask = images_and_masks(32, 48)
    with pytest.raises(ShapeError, match=r"\[2, 3, 32, 48\]"):
        encode(vae, image, mask[:, :, :16], generator())


def test_latents_are_samples_of_the_posterior(vae: Any) -> None:
    """With its mean and standard deviation, times the scaling factor."""
    image, mask = images_and_masks(16, 16, count=1)
    many = encode(vae, image.expand(256, -1, -1, -1), mask.expand(256, -1, -1, -1), generator())
    with torch.no_grad():
        posterior = vae.encode(image).latent_dist
    scale = vae.config.scaling_factor
    assert scale == 0.18215
    error = (many.latents.mean(0) - posterior.mean[0] * scale).abs() / (posterior.std[0] * scale / 16)
    assert float(error.max()) < 5  # standard errors of 256 samples
    assert torch.allclose(many.latents.std(0), posterior.std[0] * scale, rtol=0.25)


def test_latents_of_a_bfloat16_vae_are_float32(bundle: Bundle, vae: Any) -> None:
    image, mask = images_and_masks(32, 32)
    full, half = (encode(each, image, mask, generator()) for each in (vae, bundle.load("vae", torch.bfloat16)))
    assert half.latents.dtype == half.masked_latents.dtype == half.mask.dtype == torch.float32
    assert float((full.latents - half.latents).abs().max()) < 0.05


def test_no_gradient_reaches_the_vae(bundle: Bundle) -> None:
    """Even if the UNet's output depends on its input."""

    class Passing(ToyUNet):
        def forward(self, sample: Tensor, *rest: Any, **named: Any) -> tuple[Tensor]:
            return (self.value * sample[:, :4] + sample[:, 5:],)

    vae = bundle.load("vae").requires_grad_(True)
    image, mask = images_and_masks(32, 32)
    unet = Passing(0.5)
    loss = training_loss(
        vae, unet, noise_schedule(SCHEDULER), image.requires_grad_(), mask, torch.zeros(1, 77, 8), generator()
    )
    loss.backward()
    assert all(p.grad is None for p in vae.parameters())
    assert image.grad is None
    assert unet.value.grad is not None


# -- the source document's code


def documents_loss(
    bundle: Bundle, image: Tensor, mask: Tensor, random: dict[str, Tensor], prediction_type: str
) -> Tensor:
    """Sections 2.3 to 2.8 of the source document, with given random numbers."""
    vae, unet, scheduler = (
        bundle.load("vae"),
        bundle.load("unet"),
        noise_schedule({**SCHEDULER, "prediction_type": prediction_type}),
    )

    def sample(image: Tensor, noise: Tensor) -> Tensor:
        posterior = vae.encode(image).latent_dist
        return posterior.mean + posterior.std * noise

    latents = sample(image, random["latents"]) * 0.18215
    masked_image = image * (1 - mask)
    masked_image_latents = sample(masked_image, random["masked"]) * 0.18215
    mask = functional.interpolate(mask, size=latents.shape[-2:], mode="nearest")
    noisy_latents = scheduler.add_noise(latents, random["noise"], random["timesteps"])
    latent_model_input = torch.cat([noisy_latents, mask, masked_image_latents], dim=1)
    hidden = bundle.empty_prompt().expand(image.shape[0], -1, -1)
    predicted = unet(latent_model_input, random["timesteps"], hidden).sample
    wanted = random["noise"]
    if prediction_type == "v_prediction":
        wanted = scheduler.get_velocity(latents, random["noise"], random["timesteps"])
    return functional.mse_loss(predicted, wanted, reduction="mean")


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_training_loss_equals_the_source_documents_code(bundle: Bundle, vae: Any, prediction_type: str) -> None:
    image, mask = images_and_masks(32, 64)
    ours = training_loss(
        vae,
        bundle.load("unet"),
        noise_schedule({**SCHEDULER, "prediction_type": prediction_type}),
        image,
        mask,
        bundle.empty_prompt(),
        generator(),
    )
    source, shape = generator(), (2, 4, 4, 8)
    random = {name: torch.randn(shape, generator=source) for name in ("latents", "masked", "noise")}
    random["timesteps"] = torch.randint(0, 1000, (2,), generator=source)
    with torch.no_grad():
        theirs = documents_loss(bundle, image, mask, random, prediction_type)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert ours.item() > 0.1


def test_loss_depends_on_the_generator_seed_only(vae: Any) -> None:
    image, mask = images_and_masks(32, 32)
    unet, text = ToyUNet(0.2), torch.zeros(1, 77, 8)
    arguments = (vae, unet, noise_schedule(SCHEDULER), image, mask, text)
    first, again, other = (training_loss(*arguments, generator(seed)).item() for seed in (3, 3, 4))
    assert first == again != other


def test_loss_of_a_bfloat16_unet_is_float32() -> None:
    class Half(ToyUNet):
        def forward(self, sample: Tensor, *rest: Any, **named: Any) -> tuple[Tensor]:
            assert sample.dtype == torch.bfloat16
            return (super().forward(sample, *rest, **named)[0].bfloat16(),)

    text = torch.zeros(1, 77, 8, dtype=torch.bfloat16)
    assert denoising_loss(Half(), noise_schedule(SCHEDULER), encoded(), text, generator()).dtype == torch.float32


def test_observe_is_called_once_for_every_tensor(vae: Any) -> None:
    names: list[str] = []
    image, mask = images_and_masks(32, 32)
    training_loss(
        vae,
        ToyUNet(),
        noise_schedule(SCHEDULER),
        image,
        mask,
        torch.zeros(1, 77, 8),
        generator(),
        observe=lambda name, _: names.append(name),
    )
    assert len(names) == len(set(names)) == 14


def test_noise_schedule_disables_clip_sample() -> None:
    """With it, the scheduler's x0 would be clipped."""
    assert noise_schedule({**SCHEDULER, "clip_sample": True}).config.clip_sample is False
    assert SimpleNamespace(**noise_schedule(SCHEDULER).config).num_train_timesteps == 1000
