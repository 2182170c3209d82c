"""Texts of a trace by language, and the pipeline stage of each tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from wallpaint.tensor_report.record import TensorRow

LANGUAGES = ("en", "vi")

STAGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "training": {
        "images": ("image", "mask", "masked_image"),
        "encode": ("latents", "masked_image_latents"),
        "shrink": ("latent_mask",),
        "noise": ("noise", "timesteps", "noisy_latents"),
        "text": ("text_embedding",),
        "unet": ("unet_input", "noise_pred"),
        "loss": ("target", "loss"),
        "backward": ("lora_gradient",),
    },
    "unet": {
        "entry": ("time_embedding", "conv_in"),
        "attention": ("lora_narrow", "text_keys"),
        "down": ("down", "down_last"),
        "mid": ("mid",),
        "up": ("up", "up_last"),
    },
    "inference": {
        "crop": ("image", "mask", "masked_image", "latent_mask"),
        "depth": ("depth_pixels", "inverse_depth", "depth", "control"),
        "noise": ("noise",),
        "encode": ("masked_image_latents",),
        "text": ("text_embedding",),
        "reference": ("reference", "image_embedding", "image_tokens"),
        "loop": (
            *("timestep", "noisy_latents", "control_residual", "unet_input", "image_keys", "noise_pred"),
            "denoised_latents",
        ),
        "decode": ("decoded_image",),
        "composite": ("result",),
    },
}
"""Tensor names that observers get, by flow and stage."""

VARIANTS: Mapping[str, str] = {
    **{"image_embedding": "adapter", "image_tokens": "adapter"},
    **{"target": "prediction", "noise_pred": "prediction", "noisy_latents": "signal_left"},
}
"""Tensor names whose explanation depends on a fact; the key of the variant is `name@value`."""


@dataclass(frozen=True)
class DocumentText:
    """Text of docs/pipeline.md. {placeholders} are facts of the full-size trace."""

    title: str
    introduction: str
    flow_title: str
    flow: str
    reading_title: str
    reading: str
    full_title: str
    small_title: str
    small: str
    corrections_title: str
    corrections_introduction: str
    correction_columns: tuple[str, str]
    corrections: tuple[tuple[str, str], ...]
    regenerate_title: str
    regenerate: str


@dataclass(frozen=True)
class Vocabulary:
    """Texts of one language, with {placeholders} for facts.

    explanations: by flow and tensor name. components: label, use in training, use in inference. masks: label and
    explanation. sentences: by subject.
    """

    flows: Mapping[str, str]
    columns: tuple[str, str, str, str, str, str, str]
    stages: Mapping[str, str]
    explanations: Mapping[str, Mapping[str, str]]
    count_title: str
    count_columns: tuple[str, str, str, str]
    components: Mapping[str, tuple[str, str, str]]
    mask_title: str
    mask_columns: tuple[str, str, str, str]
    masks: Mapping[str, tuple[str, str]]
    sentences: Mapping[str, str]
    document: DocumentText


def load_vocabulary(language: str) -> Vocabulary:
    """Return the texts of a language of `LANGUAGES`."""
    return import_module(f"wallpaint.tensor_report.vocabulary_{language}").VOCABULARY


def stage_of(row: TensorRow) -> str:
    """Return the pipeline stage of a row."""
    return next(stage for stage, names in STAGES[row.flow].items() if row.name in names)


def explain(row: TensorRow, facts: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    """Return the explanation of a row with its facts filled in."""
    key = row.name
    if row.name in VARIANTS and f"{row.name}@{facts[VARIANTS[row.name]]}" in vocabulary.explanations[row.flow]:
        key = f"{row.name}@{facts[VARIANTS[row.name]]}"
    return vocabulary.explanations[row.flow][key].format(
        **{**facts, "level": row.level, "last": facts["train_steps"] - 1}
    )
