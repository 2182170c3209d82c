"""Training tasks of the encoders; see `loop.TrainingTask`. Samples are functions of their index alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.prompts import tokenize
from wallpaint.diffusion import image_tensors
from wallpaint.imaging import color
from wallpaint.train import component_files
from wallpaint.train.encoders import objective, samples
from wallpaint.train.encoders.config import ImageEncoderConfig, TextEncoderConfig
from wallpaint.train.encoders.samples import Covering
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.typing import Array

SAMPLES_PER_EPOCH = 10_000
EVALUATION_BATCH = 32
_IMAGE_STREAM, _TEXT_STREAM, _PROBE_STREAM = 52, 53, 54  # of random numbers


class EncoderWithHead(nn.Module):
    """An encoder and a linear layer that reads a colour from its embedding; only the encoder is stored."""

    def __init__(self, encoder: Any, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(features, 3)


def collate(batch: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Stack the tensors of samples."""
    return {name: torch.stack([sample[name] for sample in batch]) for name in batch[0]}


# -- image encoder


class ImageEncoderTask:
    """Two views of a paint or a wall covering: their colour is read, and they are distinguished from other samples."""

    component = "image_encoder"

    def __init__(self, config: ImageEncoderConfig, coverings: Sequence[Covering]) -> None:
        self.config, self.coverings = config, coverings
        self.processor = configuration(config.configuration)["processors"][self.component]
        self.side = int(self.processor["size"]["height"])
        encoder = component_files.make(self.component, config.configuration, config.seed)
        self.network: nn.Module = EncoderWithHead(encoder, int(encoder.config.projection_dim))

    def __len__(self) -> int:
        return SAMPLES_PER_EPOCH

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        rng = np.random.default_rng([self.config.seed, _IMAGE_STREAM, sample_index.position])
        if rng.random() < self.config.texture_share:
            covering = self.coverings[int(rng.integers(len(self.coverings)))]
            lab, views = covering.lab, [samples.crop(covering, self.side, rng) for _ in range(2)]
        else:
            albedo = samples.sample_albedo(rng, "train")
            lab, views = color.linear_to_lab(albedo), [samples.reference(albedo, self.side, rng) for _ in range(2)]
        return {
            "pixels": torch.cat([self.pixels(view) for view in views]),
            "lab": torch.from_numpy(np.asarray(lab, np.float32)),
        }

    def collate(self, batch: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return collate(batch)

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        embeddings = network.encoder(batch["pixels"].flatten(0, 1)).image_embeds.float()  # type: ignore[operator]
        with torch.autocast(embeddings.device.type, enabled=False):
            first, second = embeddings.unflatten(0, (-1, 2)).unbind(1)
            predicted = network.head(embeddings)  # type: ignore[operator]
            terms = {
                "color": objective.color_loss(predicted, batch["lab"].repeat_interleave(2, 0)),
                "contrastive": objective.contrastive_loss(first, second, self.config.temperature),
            }
            total = terms["color"] + self.config.contrastive_weight * terms["contrastive"]
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def pixels(self, image: Array) -> Tensor:
        """Preprocess an image as the pipeline does: [1, 3, side, side]."""
        return image_tensors.image_prompt_pixels(image, self.processor, self.side)

    def measure(self, encoder: Any) -> dict[str, float]:
        """Return the probe's CIEDE2000 on paints of the test split, and the retrieval of held-out wall coverings."""
        config = self.config
        features, lab = self._swatches(encoder, "train", config.probe_swatches)
        test_features, test_lab = self._swatches(encoder, "test", config.test_swatches)
        held_out = samples.sample_coverings(config.test_textures, "test", config.seed)
        rng = np.random.default_rng([config.seed, _PROBE_STREAM, 2])
        queries, candidates = (
            self._embed(encoder, [samples.crop(one, self.side, rng) for one in held_out]) for _ in range(2)
        )
        return {
            "probe": objective.probe_error(features, lab, test_features, test_lab),
            "retrieval": objective.retrieval_accuracy(queries, candidates),
        }

    def _swatches(self, encoder: Any, split: str, count: int) -> tuple[Array, Array]:
        rng = np.random.default_rng([self.config.seed, _PROBE_STREAM, split == "test"])
        albedos = np.stack([samples.sample_albedo(rng, split) for _ in range(count)])
        images = [samples.reference(albedo, self.side, rng) for albedo in albedos]
        return self._embed(encoder, images), color.linear_to_lab(albedos)

    def _embed(self, encoder: Any, images: Sequence[Array]) -> Array:
        embeddings = []
        with torch.no_grad():
            for first in range(0, len(images), EVALUATION_BATCH):
                pixels = torch.cat([self.pixels(image) for image in images[first : first + EVALUATION_BATCH]])
                embeddings.append(encoder(pixels).image_embeds.float().numpy())
        return np.concatenate(embeddings).astype(np.float64)


# -- text encoder


class TextEncoderTask:
    """Captions with colour words, whose colour is read from the embedding of the end token."""

    component = "text_encoder"

    def __init__(self, config: TextEncoderConfig, tokenizer: Any) -> None:
        self.config, self.tokenizer = config, tokenizer
        encoder = component_files.make(self.component, config.configuration, config.seed)
        self.network: nn.Module = EncoderWithHead(encoder, int(encoder.config.hidden_size))

    def __len__(self) -> int:
        return SAMPLES_PER_EPOCH

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        rng = np.random.default_rng([self.config.seed, _TEXT_STREAM, sample_index.position])
        albedo = samples.sample_albedo(rng, "train")
        lab = torch.from_numpy(np.asarray(color.linear_to_lab(albedo), np.float32))
        return {"tokens": tokenize(self.tokenizer, [samples.caption(albedo, rng)])[0], "lab": lab}

    def collate(self, batch: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return collate(batch)

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        embeddings = network.encoder(batch["tokens"]).pooler_output.float()  # type: ignore[operator]
        with torch.autocast(embeddings.device.type, enabled=False):
            total = objective.color_loss(network.head(embeddings), batch["lab"])  # type: ignore[operator]
        return Losses(total, {"color": total.detach()})

    def measure(self, encoder: Any) -> dict[str, float]:
        """Return the probe's CIEDE2000 on captions of other paints."""
        features, lab = self._captions(encoder, "train", self.config.probe_swatches)
        test_features, test_lab = self._captions(encoder, "test", self.config.test_swatches)
        return {"probe": objective.probe_error(features, lab, test_features, test_lab)}

    def _captions(self, encoder: Any, split: str, count: int) -> tuple[Array, Array]:
        rng = np.random.default_rng([self.config.seed, _PROBE_STREAM, split == "test"])
        albedos = np.stack([samples.sample_albedo(rng, split) for _ in range(count)])
        texts = [samples.caption(albedo, rng) for albedo in albedos]
        embeddings = []
        with torch.no_grad():
            for first in range(0, count, EVALUATION_BATCH):
                tokens = tokenize(self.tokenizer, texts[first : first + EVALUATION_BATCH])
                embeddings.append(encoder(tokens).pooler_output.float().numpy())
        return np.concatenate(embeddings).astype(np.float64), color.linear_to_lab(albedos)


def evaluator(task: ImageEncoderTask | TextEncoderTask) -> Any:
    """Return the evaluation of a task during training; see `evaluation.Evaluator`."""

    def evaluate(step: int, network: nn.Module) -> EvalResult:
        return EvalResult({f"val/{name}": value for name, value in task.measure(network.encoder).items()}, {})

    return evaluate
