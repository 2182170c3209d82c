"""English texts of a trace."""

from __future__ import annotations

from wallpaint.tensor_report.text_en import DOCUMENT
from wallpaint.tensor_report.vocabulary import Vocabulary

TRAINING = {
    "image": "Crop round the wall: about the area that the model was trained at, sides multiples of {multiple}, at the "
    "photo's aspect ratio. Values 0..255 are scaled to -1..1, the VAE's input range.",
    "mask": "1 on wall, 0 elsewhere; its mean is the wall's share of the image. Dilated by {dilation_px:g} px, never "
    "eroded: the model would copy a visible ring of existing paint.",
    "masked_image": "image * (1 - mask): the wall becomes 0, which in -1..1 is mid-grey, not black.",
    "latents": "A sample of the VAE posterior times scaling_factor {scaling}: {pixels_per_latent} x "
    "{pixels_per_latent} pixels become one position with 4 channels. The VAE is frozen.",
    "masked_image_latents": "The masked image through the same VAE, sampled and scaled likewise: the UNet's only "
    "information on the room.",
    "latent_mask": "The mask at the latents' size, by nearest-neighbour interpolation, so that it stays 0 or 1.",
    "noise": "Sampled from N(0, 1). With epsilon prediction this is the ground truth, not the image.",
    "timesteps": "One per image, uniform in 0 to {last}: the noise level.",
    "noisy_latents": "sqrt(abar_t) * latents + sqrt(1 - abar_t) * noise, where abar_t is the cumulative product of "
    "1 - beta. At t = {last} {signal_left} of the signal is left, so it is never pure noise.",
    "noisy_latents@0.0": "sqrt(abar_t) * latents + sqrt(1 - abar_t) * noise, where abar_t is the cumulative product of "
    "1 - beta. At t = {last} no signal is left: it is pure noise (zero terminal SNR).",
    "text_embedding": 'Zero-prompt mode: the constant embedding of "", cached in the bundle and repeated for every '
    "image. The text encoder does not run.",
    "unet_input": "Nine channels, in this order: noisy latents 4, mask 1, masked-image latents 4.",
    "noise_pred": "The UNet's prediction, in the latents' shape.",
    "target": "The target of the prediction: the noise (prediction_type epsilon).",
    "target@v_prediction": "The target of the prediction: sqrt(abar_t) * noise - sqrt(1 - abar_t) * latents "
    "(prediction_type v_prediction).",
    "loss": "Mean squared error over all {elements:,} elements, in float32.",
    "lora_gradient": "Norm of all LoRA gradients. B is initialized to 0, so in the first step A has no gradient: "
    "{lora_moved} of {lora_tensors} matrices would change.",
}

UNET = {
    "time_embedding": "The timestep as a vector; every residual block adds it.",
    "conv_in": "The first convolution: from 9 channels to the UNet's width. It is the only difference between an "
    "inpainting UNet and a text-to-image one, which takes 4.",
    "lora_narrow": "The text after A of the LoRA on these keys: {rank} values per token. This bottleneck makes a LoRA "
    "small; B projects back to the full width.",
    "text_keys": "Keys of the first cross-attention, including the LoRA: computed from the 77 text tokens, as values "
    "are. Queries come from the image.",
    "down": "Down block {level} of {levels}; its downsampler halves height and width.",
    "down_last": "Down block {level}, the lowest, has no downsampler.",
    "mid": "The lowest resolution and the most channels: here every position attends to every other.",
    "up": "Up block {level} of {levels}; it concatenates the skip connections of the down blocks, and its upsampler "
    "doubles height and width.",
    "up_last": "Up block {level}, the last, has no upsampler; a final convolution gives noise_pred.",
}

INFERENCE = {
    "image": "The same crop with the same resampling filter as in training.",
    "mask": "As in training: dilated by {dilation_px:g} px.",
    "masked_image": "The wall is mid-grey. Encoded once per scene, shared by all paints and steps.",
    "latent_mask": "Nearest-neighbour interpolation, as in training.",
    "depth_pixels": "Input of the depth estimator: the crop at {depth_px} px square, normalized with the estimator's "
    "own mean and std.",
    "inverse_depth": "Output of the depth estimator: large is near, in arbitrary units.",
    "depth": "Scaled from its 2 % and 98 % quantiles to 0..1, near is white; at the crop's size, three equal channels.",
    "control": "Depth after the ControlNet's conditioning embedding, at the latents' size. It does not depend on the "
    "noise or the timestep, so it is computed once per scene, not at every step.",
    "noise": "Start of the denoising loop. Sampled on the CPU, so that a seed gives the same image on every device.",
    "masked_image_latents": "Sampled and scaled as in training.",
    "text_embedding": 'The constant embedding of "" again.',
    "reference": "The paint as an image: its colour, with a slight gradient and noise. Normalized with the image "
    "encoder's own mean ({mean}) and std ({std}), not 0.5.",
    "image_embedding": "{patch_px} px patches in a {grid} x {grid} grid and the class token give {vision_tokens} "
    "hidden states of width {vision_width}. The base IP-Adapter uses only their pooled projection: one vector of "
    "{projection}.",
    "image_embedding@plus": "{patch_px} px patches in a {grid} x {grid} grid and the class token give {vision_tokens} "
    "hidden states of width {vision_width}. IP-Adapter Plus uses all of them, from the penultimate layer.",
    "image_tokens": "The projector outputs {image_tokens} tokens from that vector, as wide as the text tokens "
    "({text_width}).",
    "image_tokens@plus": "The resampler outputs {image_tokens} tokens from these hidden states, as wide as the text "
    "tokens ({text_width}).",
    "timestep": "{steps} of {train_steps} timesteps, from noisy to clean, selected by the scheduler.",
    "noisy_latents": "The latents after scale_model_input, which some schedulers need; DDIM leaves them unchanged.",
    "control_residual": "The ControlNet's residual for the UNet's mid block; {skips} more are added to the skip "
    "connections. The ControlNet takes the 4 noisy channels, not nine.",
    "unet_input": "Nine channels in the order of training, at every step.",
    "image_keys": "The IP-Adapter's keys of the image tokens: a second cross-attention, whose output times "
    "ip_adapter_scale is added to that of the text.",
    "noise_pred": "The predicted noise; the scheduler removes a share of it.",
    "noise_pred@v_prediction": "The predicted sqrt(abar_t) * noise - sqrt(1 - abar_t) * latents; the scheduler "
    "computes noise and latents from it.",
    "denoised_latents": "After the last step.",
    "decoded_image": "Latents / {scaling} through the VAE decoder. Values beyond -1..1 are clipped.",
    "result": "The photo at full size, in its own encoding: the painted wall is applied as a smooth field, values are "
    "rounded (`.byte()` would truncate), and pixels away from the wall are bit-equal to the photo.",
}

VOCABULARY = Vocabulary(
    flows={
        "training": "Training: one step",
        "unet": "Inside the UNet during that step",
        "inference": "Inference: one repaint",
    },
    columns=("stage", "tensor", "shape", "type", "min … max", "mean ± std", "explanation"),
    stages={
        "images": "images",
        "encode": "VAE encode",
        "shrink": "latent mask",
        "noise": "noise",
        "text": "text",
        "unet": "UNet",
        "loss": "loss",
        "backward": "backward",
        "entry": "input",
        "attention": "cross-attention",
        "down": "down",
        "mid": "mid",
        "up": "up",
        "crop": "crop",
        "depth": "depth",
        "reference": "image prompt",
        "loop": "denoising",
        "decode": "VAE decode",
        "composite": "composite",
    },
    explanations={"training": TRAINING, "unet": UNET, "inference": INFERENCE},
    count_title="Parameters",
    count_columns=("component", "parameters", "in training", "in inference"),
    components={
        "unet": ("UNet", "frozen", "at every step"),
        "lora": (
            "LoRA, rank {rank}, on {lora_layers} layers",
            "trained: {share:.4%} of the UNet",
            "merged into the UNet",
        ),
        "vae": ("VAE", "frozen; encodes", "encodes once per scene, decodes every image"),
        "text_encoder": ("text encoder", "does not run", "runs only for a prompt"),
        "controlnet": ("ControlNet (depth)", "not used", "at every step"),
        "image_encoder": ("image encoder", "not used", "once per paint"),
        "image_projector": ("IP-Adapter: projector", "not used", "once per paint"),
        "image_keys_values": ("IP-Adapter: keys and values", "not used", "at every step, inside the UNet"),
        "depth": ("depth estimator", "not used", "once per scene"),
    },
    mask_title="Erosion and dilation of the mask",
    mask_columns=("mask", "radius", "covers", "why"),
    masks={
        "given": ("the user's mask", "At the photo's size; its soft edge is estimated again from the photo."),
        "wall_core": (
            "core of the wall",
            "Eroded: the wall's median colour is measured here, without furniture.",
        ),
        "untouched": ("region that paint may change", "Dilated: every pixel outside is bit-equal to the photo."),
        "resized": ("the mask at the model's size", "Area-averaged to the crop, then thresholded at 0.5."),
        "model": (
            "the model's mask, in training and inference",
            "Dilated: the masked image must not show a ring of existing paint, which the model would learn to copy.",
        ),
        "document": (
            "the source document's erosion",
            "A 5 x 5 kernel removes 2 px a side, not 5. Not used: the wall between this mask and the user's would stay "
            "visible.",
        ),
        "painted": (
            "used region of the painted wall",
            "Eroded at the model's size: near an edge the decoder mixes wall and furniture. Filled in from the "
            "interior.",
        ),
        "measured": ("region of the validation metrics", "Eroded: edge pixels do not have the wall's colour."),
    },
    sentences={
        "bundle": "Bundle {bundle}: {description}. Device {device}, dtype {dtype}, seed {seed}, batch {batch}.",
        "random": "The weights are random and were never trained: shapes, types and parameter counts are those of "
        "trained weights, the ranges of network outputs are not.",
        "gradients": "After the backward pass {lora_moved} of the LoRA's {lora_tensors} matrices have a nonzero "
        "gradient (B; A follows once B is no longer 0), and {frozen_moved} of the {frozen_tensors} other tensors of "
        "UNet and VAE.",
        "seconds": "Training step {training} s, repaint {inference} s, peak memory {gigabytes:.1f} GB.",
    },
    document=DOCUMENT,
)
