"""Model configurations by name, as plain dicts: config.json of each component, and its image processor config.

    sd15, sd15-plus    the published sizes
    mini               all components in under 20 million parameters
    tiny, tiny-plus    for tests

`-plus` has the IP-Adapter Plus: a resampler over the image encoder's patches instead of one linear projector.
Sources: the config.json files of the published models in `published.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wallpaint.errors import InputError

Config = dict[str, Any]

# Image mean and standard deviation that each model was trained with: RGB, 0..1.
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
DPT_MEAN, DPT_STD = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

PROMPT_TOKENS = 77  # every prompt is padded or truncated to this length
LATENT_CHANNELS = 4
VAE_SCALE_FACTOR = 8  # image pixels per latent pixel, along one side

SCHEDULER: Config = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
}

ZERO_SNR_SCHEDULER: Config = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "timestep_spacing": "trailing",
    "trained_betas": None,
}
"""v-prediction, zero terminal SNR and trailing timesteps: with a little signal left at the last timestep, as in the
published schedule, pictures keep a mean brightness near that of noise. Source: Lin et al. 2023."""


def _unet(
    widths: tuple[int, ...], context: int, *, heads: int, groups: int, px: int, layers: int, conv_levels: int
) -> Config:
    """conv_levels: number of levels, from the finest, without cross-attention; the coarsest never has it."""
    has_attention = [conv_levels <= level < len(widths) - 1 for level in range(len(widths))]
    return {
        "_class_name": "UNet2DConditionModel",
        "sample_size": px // VAE_SCALE_FACTOR,
        "in_channels": 2 * LATENT_CHANNELS + 1,
        "out_channels": LATENT_CHANNELS,
        "center_input_sample": False,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in has_attention],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(has_attention)],
        "block_out_channels": list(widths),
        "layers_per_block": layers,
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
        "act_fn": "silu",
        "norm_num_groups": groups,
        "norm_eps": 1e-05,
        "cross_attention_dim": context,
        "attention_head_dim": heads,  # in diffusers, the number of heads
    }


def _controlnet(unet: Config, embedding: tuple[int, ...]) -> Config:
    """The encoder half of a UNet without the mask channels; its conditioning image is 8 times the latents' size."""
    unet_only = {"sample_size", "out_channels", "center_input_sample", "up_block_types"}
    return {
        **{key: value for key, value in unet.items() if key not in unet_only},
        "_class_name": "ControlNetModel",
        "in_channels": LATENT_CHANNELS,
        "conditioning_embedding_out_channels": list(embedding),
        "controlnet_conditioning_channel_order": "rgb",
    }


def _vae(
    widths: tuple[int, ...],
    *,
    layers: int,
    groups: int,
    px: int,
    mid_attention: bool = True,
    scaling_factor: float = 0.18215,
) -> Config:
    """scaling_factor: 1 if the latents have unit variance, as those of our own VAEs."""
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": list(widths),
        "layers_per_block": layers,
        "act_fn": "silu",
        "latent_channels": LATENT_CHANNELS,
        "norm_num_groups": groups,
        "sample_size": px,
        "scaling_factor": scaling_factor,
        **({} if mid_attention else {"mid_block_add_attention": False}),
    }


def _text_encoder(width: int, *, layers: int, heads: int, mlp: int, vocab: int) -> Config:
    return {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": vocab,
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": PROMPT_TOKENS,
        "projection_dim": width,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-05,
        "bos_token_id": vocab - 2,
        "eos_token_id": vocab - 1,
        "pad_token_id": vocab - 1,
    }


def _image_encoder(width: int, *, layers: int, heads: int, mlp: int, projection: int, px: int, patch: int) -> Config:
    return {
        "architectures": ["CLIPVisionModelWithProjection"],
        "model_type": "clip_vision_model",
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "projection_dim": projection,
        "image_size": px,
        "patch_size": patch,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-05,
    }


def _depth(width: int, out_layers: list[int], *, heads: int, mlp: int, neck: list[int], fusion: int, px: int) -> Config:
    """out_layers: the transformer layers that the decoder reads; the last of them is the last layer."""
    return {
        "architectures": ["DPTForDepthEstimation"],
        "model_type": "dpt",
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": out_layers[-1] + 1,
        "num_attention_heads": heads,
        "backbone_out_indices": out_layers,
        "neck_hidden_sizes": neck,
        "fusion_hidden_size": fusion,
        "image_size": px,
        "patch_size": 16,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "readout_type": "project",
        "reassemble_factors": [4, 2, 1, 0.5],
    }


def _segmenter(widths: list[int], *, heads: list[int], depths: list[int], decoder: int, labels: int) -> Config:
    """Two labels: 1 is wall. More labels: 0 is wall, as in ADE20K."""
    names = ["other", "wall"] if labels == 2 else ["wall", *(f"class {k}" for k in range(1, labels))]
    return {
        "architectures": ["SegformerForSemanticSegmentation"],
        "model_type": "segformer",
        "hidden_sizes": widths,
        "depths": depths,
        "num_attention_heads": heads,
        "sr_ratios": [8, 4, 2, 1],
        "mlp_ratios": [4, 4, 4, 4],
        "decoder_hidden_size": decoder,
        "id2label": {str(k): name for k, name in enumerate(names)},
        "label2id": {name: k for k, name in enumerate(names)},
    }


def _processor(mean: list[float], std: list[float], px: int) -> Config:
    return {"image_mean": mean, "image_std": std, "size": {"height": px, "width": px}, "rescale_factor": 1 / 255}


def _sd15() -> Config:
    unet = _unet((320, 640, 1280, 1280), 768, heads=8, groups=32, px=512, layers=2, conv_levels=0)
    return {
        "native_px": 512,
        "description": "Stable Diffusion 1.5 inpainting with depth ControlNet, IP-Adapter and DPT-large",
        "unet": unet,
        "vae": _vae((128, 256, 512, 512), layers=2, groups=32, px=512),
        "text_encoder": _text_encoder(768, layers=12, heads=12, mlp=3072, vocab=49408),
        "controlnet": _controlnet(unet, (16, 32, 96, 256)),
        "image_encoder": _image_encoder(1280, layers=32, heads=16, mlp=5120, projection=1024, px=224, patch=14),
        "ip_adapter": {"variant": "base", "tokens": 4},
        "depth": _depth(1024, [5, 11, 17, 23], heads=16, mlp=4096, neck=[256, 512, 1024, 1024], fusion=256, px=384),
        "segmenter": _segmenter([32, 64, 160, 256], heads=[1, 2, 5, 8], depths=[2, 2, 2, 2], decoder=256, labels=150),
        "scheduler": SCHEDULER,
        "processors": {
            "image_encoder": _processor(CLIP_MEAN, CLIP_STD, 224),
            "depth": _processor(DPT_MEAN, DPT_STD, 384),
            "segmenter": _processor(IMAGENET_MEAN, IMAGENET_STD, 512),
        },
    }


def _mini() -> Config:
    unet = _unet((64, 128, 192), 128, heads=4, groups=16, px=256, layers=1, conv_levels=1)
    return {
        "native_px": 256,
        "description": "all parts of the pipeline in under 20 million parameters",
        "unet": unet,
        "vae": _vae((16, 32, 64, 128), layers=1, groups=1, px=256, mid_attention=False, scaling_factor=1.0),
        "text_encoder": _text_encoder(128, layers=2, heads=4, mlp=256, vocab=514),
        "controlnet": _controlnet(unet, (16, 16, 32, 48)),
        "image_encoder": _image_encoder(128, layers=3, heads=4, mlp=512, projection=128, px=224, patch=14),
        "ip_adapter": {"variant": "base", "tokens": 4},
        "depth": _depth(96, [0, 1, 2, 3], heads=4, mlp=384, neck=[24, 32, 48, 64], fusion=32, px=256),
        "segmenter": _segmenter([16, 32, 64, 96], heads=[1, 2, 4, 6], depths=[1, 1, 1, 1], decoder=64, labels=2),
        "scheduler": ZERO_SNR_SCHEDULER,
        "processors": {
            "image_encoder": _processor(CLIP_MEAN, CLIP_STD, 224),
            "depth": _processor(DPT_MEAN, DPT_STD, 256),
            "segmenter": _processor(IMAGENET_MEAN, IMAGENET_STD, 256),
        },
    }


def _tiny() -> Config:
    unet = _unet((32, 64), 32, heads=2, groups=8, px=64, layers=1, conv_levels=0)
    return {
        "native_px": 64,
        "description": "for tests",
        "unet": unet,
        "vae": _vae((8, 16, 16, 16), layers=1, groups=4, px=64),
        "text_encoder": _text_encoder(32, layers=1, heads=2, mlp=64, vocab=514),
        "controlnet": _controlnet(unet, (8, 8, 16, 16)),
        "image_encoder": _image_encoder(32, layers=2, heads=2, mlp=64, projection=24, px=56, patch=14),
        "ip_adapter": {"variant": "base", "tokens": 4},
        "depth": _depth(32, [0, 1, 2, 3], heads=2, mlp=64, neck=[8, 8, 16, 16], fusion=8, px=64),
        "segmenter": _segmenter([8, 8, 16, 16], heads=[1, 1, 2, 2], depths=[1, 1, 1, 1], decoder=16, labels=2),
        "scheduler": SCHEDULER,
        "processors": {
            "image_encoder": _processor(CLIP_MEAN, CLIP_STD, 56),
            "depth": _processor(DPT_MEAN, DPT_STD, 64),
            "segmenter": _processor(IMAGENET_MEAN, IMAGENET_STD, 64),
        },
    }


def _plus(configuration: Config) -> Config:
    """Replace the IP-Adapter by IP-Adapter Plus. diffusers fixes the number of layers and the head dimension."""
    width = configuration["unet"]["cross_attention_dim"]
    plus = {"variant": "plus", "tokens": 16, "width": width, "layers": 4, "inner_dim": max(64, width // 64 * 64)}
    return {**configuration, "ip_adapter": plus}


_BUILDERS: dict[str, Callable[[], Config]] = {
    "sd15": _sd15,
    "sd15-plus": lambda: _plus(_sd15()),
    "mini": _mini,
    "tiny": _tiny,
    "tiny-plus": lambda: _plus(_tiny()),
}

CONFIGURATION_NAMES = tuple(_BUILDERS)


def configuration(name: str) -> Config:
    """Return a model configuration: a new dict with one entry per component.

    Entries are config.json contents of diffusers and transformers, except `ip_adapter`, which has none: its variant
    (base, plus), tokens, and for plus width, layers and inner_dim of its resampler. Further keys: native_px,
    description, processors by component. Raises InputError for an unknown name.
    """
    if name not in _BUILDERS:
        raise InputError(f"configuration {name!r} is not known: choose one of {', '.join(_BUILDERS)}")
    return _BUILDERS[name]()
