"""Evaluation of a LoRA during training: a few fixed samples are painted and their walls compared with the paint.

Samples, noise and steps are the same in each evaluation, so results differ by the training in between only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.data.latent_cache import SampleSource
from wallpaint.diffusion import encoders, schedulers
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.denoise import denoise, predict_noise
from wallpaint.errors import ConfigError
from wallpaint.evaluation.comparison import scoring
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.lora.config import SamplingConfig
from wallpaint.train.lora.encoding import to_uint8
from wallpaint.train.lora.task import InpaintingTask
from wallpaint.typing import Array

SCHEDULER = "ddim"


class LoraEvaluator:
    """See `evaluation.Evaluator`. Samples are encoded at the first evaluation and kept."""

    def __init__(self, task: InpaintingTask, samples: SampleSource, config: SamplingConfig, seed: int) -> None:
        """samples: the first `config.count` are used, as in epoch 0. seed: of the noise. Raises ConfigError if there
        are none."""
        if not len(samples):
            raise ConfigError("there are no samples to evaluate: set loop.eval_every to 0")
        self.task, self.config, self.seed = task, config, seed
        self.samples = [samples.get(index, 0) for index in range(min(config.count, len(samples)))]
        self._encoded: list[Mapping[str, Tensor]] = []

    def __call__(self, step: int, network: nn.Module) -> EvalResult:
        """Paint and score the samples.

        Scalars: `val/swatch` and the other metrics of the wall against the paint, `val/room_mean` and the other metrics
        against the target (see docs/metrics.md), each the mean over the samples where it is defined. Images: photo,
        result, and target if it differs from the photo, side by side.
        """
        if not self._encoded:
            self._encoded = [self.task.encoder([sample]) for sample in self.samples]
            self.task.encoder.release()
        images: dict[str, Array] = {}
        scores: list[dict[str, float]] = []
        for number, (sample, encoded) in enumerate(zip(self.samples, self._encoded, strict=True)):
            result, target = self._paint(network, encoded), to_rgb(sample["target_values"])
            scores.append(scoring.score_training(sample, result))
            strip = [to_rgb(sample["pixel_values"]), result]
            images[f"{number}_{sample['key']}"] = np.concatenate(
                strip if np.array_equal(strip[0], target) else [*strip, target], axis=1
            )
        return EvalResult(_mean_scores(scores), images)

    def _paint(self, network: nn.Module, encoded: Mapping[str, Tensor]) -> Array:
        """Paint a sample with the current weights: (H, W, 3) uint8 sRGB."""
        task, device = self.task, self.task.device
        generator = torch.Generator().manual_seed(self.seed)
        scheduler = schedulers.make_scheduler(SCHEDULER, dict(task.scheduler.config))
        timesteps = schedulers.get_timesteps(scheduler, self.config.steps, 1.0)
        mean, std = (encoded[f"masked_{moment}"] for moment in ("mean", "std"))  # [1, 4, h, w]
        noise = torch.randn(mean.shape, generator=generator).to(device) * scheduler.init_noise_sigma
        masked_noise = torch.randn(mean.shape, generator=generator)
        masked = encoders.sample_posterior(mean, std, masked_noise, task.scaling_factor).to(device)
        cond = task.condition(encoded, masked, torch.tensor([False]))
        predict: Any = partial(predict_noise, network, task.controlnet)
        with torch.autocast(device.type, task.dtype, enabled=task.dtype != torch.float32):
            latents = denoise(predict, scheduler, noise, timesteps, cond)
        return np.round(255 * pictures.from_tensor(task.decode(latents))[0]).astype(np.uint8)


def to_rgb(image: Tensor) -> Array:
    """[3, H, W], -1..1 -> (H, W, 3) uint8 sRGB."""
    return to_uint8(image).permute(1, 2, 0).numpy()


def _mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean by metric over the samples where it is defined; metrics defined on no sample are left out."""
    names = dict.fromkeys(name for one in scores for name in one)
    return {f"val/{name}": float(np.mean([one[name] for one in scores if name in one])) for name in names}
