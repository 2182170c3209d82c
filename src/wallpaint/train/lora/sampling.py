"""Pictures of a few fixed samples while a LoRA trains, and how far their walls are from the paint.

The same samples, noise and steps each time, so that two looks differ by what was learnt in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.data.latent_cache import Samples
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion import schedulers
from wallpaint.diffusion.denoise import denoise, predict_noise
from wallpaint.errors import ConfigError
from wallpaint.evaluation.comparison import scoring as evaluate
from wallpaint.train.engine.config import SamplingConfig
from wallpaint.train.engine.evaluation import Seen
from wallpaint.train.lora.encoding import codes
from wallpaint.train.lora.task import InpaintingTask
from wallpaint.typing import Array

SCHEDULER = "ddim"


class Sampler:
    """See `watching.Watch`. Samples are encoded at the first look and kept."""

    def __init__(self, task: InpaintingTask, samples: Samples, config: SamplingConfig, seed: int) -> None:
        """samples: the first `config.count` are taken, as they are in epoch 0. seed: of their noise."""
        if not len(samples):
            raise ConfigError("there are no samples to look at while training: set loop.eval_every to 0")
        self.task, self.config, self.seed = task, config, seed
        self.samples = [samples.get(index, 0) for index in range(min(config.count, len(samples)))]
        self._encoded: list[Mapping[str, Tensor]] = []

    def __call__(self, step: int, network: nn.Module) -> Seen:
        """`val/swatch` and the other metrics of walls against the paint, `val/room_mean` and those against the target
        (see docs/metrics.md): means over the samples where they are defined. Pictures: photo, result, and the target
        where it is another."""
        if not self._encoded:
            self._encoded = [self.task.encoder([sample]) for sample in self.samples]
            self.task.encoder.release()
        found: dict[str, Array] = {}
        scores: list[dict[str, float]] = []
        for number, (sample, encoded) in enumerate(zip(self.samples, self._encoded, strict=True)):
            result, target = self._paint(network, encoded), rgb_of(sample["target_values"])
            scores.append(evaluate.score_training(sample, result))
            strip = [rgb_of(sample["pixel_values"]), result]
            found[f"{number}_{sample['key']}"] = np.concatenate(
                strip if np.array_equal(strip[0], target) else [*strip, target], axis=1
            )
        return Seen(_means(scores), found)

    def _paint(self, network: nn.Module, encoded: Mapping[str, Tensor]) -> Array:
        """(H, W, 3) uint8 sRGB: the sample painted by the networks as they now are."""
        task, device = self.task, self.task.device
        draws = torch.Generator().manual_seed(self.seed)
        scheduler = schedulers.make(SCHEDULER, dict(task.scheduler.config))
        timesteps = schedulers.timesteps(scheduler, self.config.steps, 1.0)
        mean, std = (encoded[f"masked_{moment}"] for moment in ("mean", "std"))
        noise = torch.randn(mean.shape, generator=draws).to(device) * scheduler.init_noise_sigma
        masked = (mean + std * torch.randn(mean.shape, generator=draws)).to(device) * task.scaling
        cond = task.condition(encoded, masked, torch.tensor([False]))
        predict: Any = partial(predict_noise, network, task.controlnet)
        with torch.autocast(device.type, task.dtype, enabled=task.dtype != torch.float32):
            latents = denoise(predict, scheduler, noise, timesteps, cond)
        return np.round(255 * pictures.from_tensor(task.decode(latents))[0]).astype(np.uint8)


def rgb_of(picture: Tensor) -> Array:
    """[3, H, W], -1..1 -> (H, W, 3) uint8 sRGB."""
    return codes(picture).permute(1, 2, 0).numpy()


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By metric, over the samples where it is defined; left out where it is on none."""
    names = dict.fromkeys(name for one in scores for name in one)
    return {f"val/{name}": float(np.mean([one[name] for one in scores if name in one])) for name in names}
