"""What a trace is told in: a language's words, and which step of the pipeline each tensor belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from wallpaint.tensor_report.record import Row

LANGUAGES = ("en", "vi")

STAGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "training": {
        "pictures": ("image", "mask", "masked_image"),
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
"""The names that observers are told, by flow and stage."""

VARIANTS: Mapping[str, str] = {"image_embedding": "adapter", "image_tokens": "adapter", "target": "prediction"}
"""Names whose explanation depends on a fact; the other wording has `name@value` for its key."""


@dataclass(frozen=True)
class Document:
    """The prose of docs/pipeline.md. Sentences in {braces} are facts of the full-size trace."""

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
    again_title: str
    again: str


@dataclass(frozen=True)
class Words:
    """One language. why: by flow and name. parts: label, what it does in training, what in inference. masks: label and
    explanation. sentences: with {facts} in them, by what they are for."""

    flows: Mapping[str, str]
    columns: tuple[str, str, str, str, str, str, str]
    stages: Mapping[str, str]
    why: Mapping[str, Mapping[str, str]]
    count_title: str
    count_columns: tuple[str, str, str, str]
    parts: Mapping[str, tuple[str, str, str]]
    mask_title: str
    mask_columns: tuple[str, str, str, str]
    masks: Mapping[str, tuple[str, str]]
    sentences: Mapping[str, str]
    document: Document


def words(language: str) -> Words:
    """The words of a language of `LANGUAGES`."""
    return import_module(f"wallpaint.tensor_report.words_{language}").WORDS


def stage_of(row: Row) -> str:
    """Which stage a row belongs to."""
    return next(stage for stage, names in STAGES[row.flow].items() if row.name in names)


def why(row: Row, facts: Mapping[str, Any], said: Words) -> str:
    """The explanation of a row, its facts filled in."""
    key = row.name
    if row.name in VARIANTS and f"{row.name}@{facts[VARIANTS[row.name]]}" in said.why[row.flow]:
        key = f"{row.name}@{facts[VARIANTS[row.name]]}"
    return said.why[row.flow][key].format(**{**facts, "level": row.level, "last": facts["train_steps"] - 1})
