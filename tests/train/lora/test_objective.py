"""The training objective: hand-computed values, and the source document's code with the same random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from support.lora_recipes import recipe
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.configurations import SCHEDULER
from wallpaint.errors import ModelError, ShapeError
from wallpaint.train.engine.schedule import SampleIndex, stream_seed
from wallpaint.train.lora.objective import add_noise, noise_schedule, predict_x0, prediction_target
from wallpaint.train.lora.task import _NOISE_STREAM, InpaintingTask

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_and_masks(height: int, width: int, count: int = 2) -> tuple[Tensor, Tensor]:
    """Images -1..1 and masks with a different rectangle each."""
    image = torch.rand(count, 3, height, width, generator=generator(1)) * 2 - 1
    mask = torch.zeros(count, 1, height, width)
    for index in range(count):
        mask[index, :, 3 + index : height // 2, 5 : width - 9] = 1
    return image, mask


@dataclass(frozen=True)
class TensorSamples:
    """Given images and masks as a `latent_cache.SampleSource`."""

    image: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def get(self, index: int, epoch: int) -> Mapping[str, Any]:
        return {"pixel_values": self.image[index], "mask": self.mask[index]}

    def content(self, index: int) -> str:
        return str(index)

    def digest(self) -> str:
        return ""


def make_task(bundle: Bundle, image: Tensor, mask: Tensor, **changed: Any) -> InpaintingTask:
    """The task of mode `document` on given images, without a cache."""
    plain: dict[str, Any] = {"seed": 3, "cache": {"variants": 0}}
    return InpaintingTask(bundle, TensorSamples(image, mask), recipe(bundle.folder, Path(), **{**plain, **changed}))


def batch_of(task: InpaintingTask) -> dict[str, Any]:
    return task.collate([task.sample(SampleIndex(n, 0, n)) for n in range(len(task))])


def encoded_batch(count: int = 2, height: int = 4, width: int = 6) -> dict[str, Any]:
    """A cached batch of constant channels: latents 1, mask 2, masked latents 3, after scaling and without variance."""
    shape, scale = (count, 4, height, width), 0.18215
    values = {"latent_mean": torch.ones(shape) / scale, "masked_mean": torch.full(shape, 3.0) / scale}
    stds = {"latent_std": torch.zeros(shape), "masked_std": torch.zeros(shape)}
    return {**values, **stds, "mask": torch.full((count, 1, height, width), 2.0), "positions": list(range(count))}


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


@pytest.fixture(scope="module")
def task(bundle: Bundle) -> InpaintingTask:
    return make_task(bundle, *images_and_masks(32, 48))


# -- hand-computed values


def test_unet_input_channels_are_noisy_latents_mask_masked_latents(task: InpaintingTask) -> None:
    unet = ToyUNet()
    task.losses(unet, encoded_batch())
    nine = unet.inputs["sample"]
    assert nine.shape == (2, 9, 4, 6)
    assert nine[0, 4:, 0, 0].tolist() == pytest.approx([2] + [3] * 4)
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
def test_loss_is_the_mean_over_all_elements(task: InpaintingTask, value: float) -> None:
    """Of B x 4 x h x w squared errors, for a UNet that predicts a constant."""
    unet, observed = ToyUNet(value), {}
    loss = task.losses(unet, encoded_batch(), observe=observed.__setitem__).total
    errors = [(value - noise) ** 2 for noise in observed["noise"].flatten().tolist()]
    assert len(errors) == 2 * 4 * 4 * 6
    assert loss.item() == pytest.approx(sum(errors) / len(errors), rel=1e-5)
    assert loss.shape == ()
    loss.backward()
    mean = float(observed["noise"].mean())
    assert float(unet.value.grad) == pytest.approx(2 * (value - mean), abs=1e-5)


def test_text_embedding_is_expanded_to_the_batch(task: InpaintingTask, bundle: Bundle) -> None:
    unet, text = ToyUNet(), bundle.empty_prompt()
    task.losses(unet, encoded_batch(3))
    assert unet.inputs["text"].shape == (3, *text.shape[1:])
    assert all(torch.equal(row, text[0]) for row in unet.inputs["text"])
    assert unet.inputs["timestep"].shape == (3,)


# -- VAE encoding


def test_masked_image_is_mid_grey_on_the_wall(task: InpaintingTask) -> None:
    image, mask = images_and_masks(32, 48)
    observed: dict[str, Tensor] = {}
    task.encoder(batch_of(task)["samples"], observe=observed.__setitem__)
    wall = mask.expand_as(image) == 1
    assert bool((observed["masked_image"][wall] == 0).all())
    assert torch.equal(observed["masked_image"][~wall], image[~wall])


@pytest.mark.parametrize(("height", "width"), [(32, 48), (64, 16), (40, 40)])
def test_encoding_handles_images_that_are_not_square(bundle: Bundle, height: int, width: int) -> None:
    task = make_task(bundle, *images_and_masks(height, width))
    result = task.encoder(batch_of(task)["samples"])
    assert result["latent_mean"].shape == result["masked_std"].shape == (2, 4, height // 8, width // 8)
    assert result["mask"].shape == (2, 1, height // 8, width // 8)
    assert set(result["mask"].unique().tolist()) <= {0.0, 1.0}


def test_encoding_raises_shape_error_for_a_mask_of_another_size(bundle: Bundle) -> None:
    image, mask = images_and_masks(32, 48)
    task = make_task(bundle, image, mask[:, :, :16])
    with pytest.raises(ShapeError, match=r"\[2, 3, 32, 48\]"):
        task.losses(task.network, batch_of(task))


def test_latents_are_samples_of_the_posterior(bundle: Bundle) -> None:
    """With its mean and standard deviation, times the scaling factor."""
    image, mask = images_and_masks(16, 16, count=1)
    task, observed = make_task(bundle, image.expand(256, -1, -1, -1), mask.expand(256, -1, -1, -1)), {}
    task.losses(ToyUNet(), batch_of(task), observe=observed.__setitem__)
    latents, vae = observed["latents"], bundle.load("vae")
    with torch.no_grad():
        posterior = vae.encode(image).latent_dist
    scale = vae.config.scaling_factor
    assert task.scaling_factor == scale == 0.18215
    error = (latents.mean(0) - posterior.mean[0] * scale).abs() / (posterior.std[0] * scale / 16)
    assert float(error.max()) < 5  # standard errors of 256 samples
    assert torch.allclose(latents.std(0), posterior.std[0] * scale, rtol=0.25)


def test_latents_of_a_bfloat16_run_are_float32(bundle: Bundle) -> None:
    """And equal to those of a float32 run, since the VAE is float32 in both."""
    observed: dict[str, dict[str, Tensor]] = {"no": {}, "bf16": {}}
    for precision, values in observed.items():
        task = make_task(bundle, *images_and_masks(32, 32), loop={"precision": precision})
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            task.losses(ToyUNet(), batch_of(task), observe=values.__setitem__)
    for name in ("latents", "masked_image_latents", "latent_mask"):
        assert observed["bf16"][name].dtype == torch.float32
        assert torch.equal(observed["bf16"][name], observed["no"][name])


def test_no_gradient_reaches_the_vae(bundle: Bundle) -> None:
    """Even if the UNet's output depends on its input."""

    class Passing(ToyUNet):
        def forward(self, sample: Tensor, *rest: Any, **named: Any) -> tuple[Tensor]:
            return (self.value * sample[:, :4] + sample[:, 5:],)

    image, mask = images_and_masks(32, 32)
    task, unet = make_task(bundle, image.requires_grad_(), mask), Passing(0.5)
    task.encoder.vae.requires_grad_(True)
    task.losses(unet, batch_of(task)).total.backward()
    assert all(p.grad is None for p in task.encoder.vae.parameters())
    assert image.grad is None
    assert unet.value.grad is not None


# -- the source document's code

RANDOM = ("latents", "masked", "noise")  # in sampling order


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
def test_loss_equals_the_source_documents_code(bundle: Bundle, prediction_type: str) -> None:
    image, mask = images_and_masks(32, 64)
    task = make_task(bundle, image, mask, objective={"prediction": prediction_type})
    ours = task.losses(task.network, batch_of(task)).total
    sources = [generator(stream_seed(3, position, _NOISE_STREAM)) for position in range(2)]
    random = {name: torch.stack([torch.randn(4, 4, 8, generator=source) for source in sources]) for name in RANDOM}
    random["timesteps"] = torch.cat([torch.randint(0, 1000, (1,), generator=source) for source in sources])
    with torch.no_grad():
        theirs = documents_loss(bundle, image, mask, random, prediction_type)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert ours.item() > 0.1


def test_loss_depends_on_the_seed_only(bundle: Bundle) -> None:
    losses = []
    for seed in (3, 3, 4):
        task = make_task(bundle, *images_and_masks(32, 32), seed=seed)
        losses.append(task.losses(ToyUNet(0.2), batch_of(task)).total.item())
    assert losses[0] == losses[1] != losses[2]


def test_loss_of_a_bfloat16_unet_is_float32(bundle: Bundle) -> None:
    class Half(ToyUNet):
        def forward(self, sample: Tensor, *rest: Any, **named: Any) -> tuple[Tensor]:
            assert sample.dtype == torch.bfloat16
            return (super().forward(sample, *rest, **named)[0].bfloat16(),)

    task = make_task(bundle, *images_and_masks(32, 32), loop={"precision": "bf16"})
    assert task.losses(Half(), encoded_batch()).total.dtype == torch.float32


def test_observe_is_called_once_for_every_tensor(task: InpaintingTask) -> None:
    names: list[str] = []
    task.losses(ToyUNet(), batch_of(task), observe=lambda name, _: names.append(name))
    assert len(names) == len(set(names)) == 14


def test_observers_do_not_change_the_loss(task: InpaintingTask) -> None:
    observed = task.losses(ToyUNet(0.2), batch_of(task), observe=lambda name, value: None)
    assert torch.equal(observed.total, task.losses(ToyUNet(0.2), batch_of(task)).total)


def test_noise_schedule_disables_clip_sample() -> None:
    """With it, the scheduler's x0 would be clipped."""
    assert noise_schedule({**SCHEDULER, "clip_sample": True}).config.clip_sample is False
    assert SimpleNamespace(**noise_schedule(SCHEDULER).config).num_train_timesteps == 1000
