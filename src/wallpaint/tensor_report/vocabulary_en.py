"""The trace in English."""

from __future__ import annotations

from wallpaint.tensor_report.text_en import DOCUMENT
from wallpaint.tensor_report.vocabulary import Words

TRAINING = {
    "image": "The crop round the wall: about the area that the model knows, sides multiples of {multiple}, the photo's "
    "shape kept. Codes 0..255 become -1..1, which is what the VAE was trained on.",
    "mask": "1 on wall, 0 elsewhere; its mean is the share of wall. It is dilated by {dilation_px:g} px, never eroded: "
    "a ring of old paint left in view would be copied.",
    "masked_image": "image * (1 - mask): the wall becomes 0, and in -1..1 that is mid-grey, not black.",
    "latents": "A sample of the VAE's posterior times scaling_factor {scaling}: {pixels_per_latent} x "
    "{pixels_per_latent} pixels become one place of 4 numbers. The VAE is frozen.",
    "masked_image_latents": "The masked image through the same VAE, sampled and scaled alike: what the UNet may know "
    "of the room.",
    "latent_mask": "The mask at the latents' size, by nearest neighbour, so that it stays 0 or 1.",
    "noise": "Drawn from N(0, 1). With epsilon prediction this is the ground truth, not the picture.",
    "timesteps": "One for each picture, 0 to {last}, all equally likely: how far it is noised.",
    "noisy_latents": "sqrt(abar_t) * latents + sqrt(1 - abar_t) * noise, where abar_t is the cumulative product of "
    "1 - beta. Even at t = {last} {signal_left} of the signal is left, so it is never pure noise.",
    "text_embedding": 'Zero-prompt mode: the one constant embedding of "", kept in the bundle and repeated for every '
    "picture. The text encoder does not run.",
    "unet_input": "Nine channels, in this order: noisy latents 4, mask 1, masked-image latents 4.",
    "noise_pred": "What the UNet says, in the latents' shape.",
    "target": "What it should have said: the noise (prediction_type epsilon).",
    "target@v_prediction": "What it should have said: sqrt(abar_t) * noise - sqrt(1 - abar_t) * latents "
    "(prediction_type v_prediction).",
    "loss": "The mean of the squared differences over all {elements:,} elements, in float32.",
    "lora_gradient": "The length of all LoRA gradients as one vector. B starts at 0, so in a first step no gradient "
    "reaches A: {lora_moved} of {lora_tensors} matrices would move.",
}

UNET = {
    "time_embedding": "The timestep as a vector; every residual block adds it in.",
    "conv_in": "The first convolution: from 9 channels to the UNet's own width. It alone tells an inpainting UNet from "
    "a plain one, which takes 4.",
    "lora_narrow": "The text after A of the LoRA on these keys: {rank} numbers a token. The narrow place is what makes "
    "a LoRA small; B takes it back to full width.",
    "text_keys": "Keys of the first cross-attention, LoRA included: made of the 77 text tokens, as values are. Queries "
    "come from the picture.",
    "down": "Level {level} of {levels} on the way down; at its end height and width are halved.",
    "down_last": "Level {level}, the lowest, halves nothing.",
    "mid": "The fewest places and the most channels: here every place sees every other.",
    "up": "Level {level} of {levels} on the way up; it also takes what the way down left for it (skip connections), "
    "and doubles height and width.",
    "up_last": "Level {level}, the last, doubles nothing; one more convolution makes noise_pred of it.",
}

INFERENCE = {
    "image": "The same crop through the same resampling filter as in training.",
    "mask": "As in training: dilated by {dilation_px:g} px.",
    "masked_image": "The wall is mid-grey. Encoded once a scene, shared by all paints and steps.",
    "latent_mask": "By nearest neighbour, as in training.",
    "depth_pixels": "The crop as the depth estimator takes it: {depth_px} px square, with its own mean and deviation.",
    "inverse_depth": "What the depth estimator says: large is near, on no scale of its own.",
    "depth": "Stretched between its 2 % and 98 % quantiles to 0..1, near is white; at the crop's size, three equal "
    "channels.",
    "control": "Depth after the ControlNet's stem, at the latents' size. The stem sees neither noise nor time, so it "
    "runs once a scene, not at every step.",
    "noise": "Where the loop starts. Drawn on the CPU, so that one seed gives one picture on every device.",
    "masked_image_latents": "Sampled and scaled as in training.",
    "text_embedding": 'The constant embedding of "" again.',
    "reference": "The paint as a picture: its colour, with a little gradient and noise. Normalised by the image "
    "encoder's own mean ({mean}) and deviation ({std}), not by 0.5.",
    "image_embedding": "{patch_px} px patches lie in a {grid} x {grid} grid; with the class token that is {seen} "
    "hidden vectors of width {vision_width}. The base IP-Adapter takes none of them, only their pooled projection: one "
    "vector of {projection}.",
    "image_embedding@plus": "{patch_px} px patches lie in a {grid} x {grid} grid; with the class token that is {seen} "
    "vectors of width {vision_width}. IP-Adapter Plus takes them all, from the last layer but one.",
    "image_tokens": "The projector makes {image_tokens} tokens of that vector, as wide as the text's ({text_width}).",
    "image_tokens@plus": "The resampler makes {image_tokens} tokens of these vectors, as wide as the text's "
    "({text_width}).",
    "timestep": "{steps} of {train_steps} timesteps, from noisy to clean, chosen by the sampler.",
    "noisy_latents": "The latents after scale_model_input, which some samplers need; DDIM changes nothing there.",
    "control_residual": "What the ControlNet adds to the UNet's middle; {skips} more go to the skip connections. It "
    "takes the 4 noisy channels, not nine.",
    "unet_input": "Nine channels in the order of training, at every step.",
    "image_keys": "The IP-Adapter's keys of the image tokens: a second cross-attention, whose result is added to that "
    "of the text, times image_scale.",
    "noise_pred": "The noise that the UNet finds; the sampler takes part of it out.",
    "denoised_latents": "After the last step.",
    "decoded_image": "Latents / {scaling} through the VAE's decoder. What is beyond -1..1 is clipped.",
    "result": "The photo at full size, in its own codes: the painted wall is laid on as a smooth field, values are "
    "rounded (`.byte()` would cut them off), and away from the wall every bit is the photo's.",
}

WORDS = Words(
    flows={
        "training": "Training: one step",
        "unet": "Inside the UNet during that step",
        "inference": "Inference: one repaint",
    },
    columns=("stage", "tensor", "shape", "type", "min … max", "mean ± std", "why"),
    stages={
        "pictures": "pictures",
        "encode": "VAE encode",
        "shrink": "latent mask",
        "noise": "noise",
        "text": "text",
        "unet": "UNet",
        "loss": "loss",
        "backward": "backward",
        "entry": "entry",
        "attention": "cross-attention",
        "down": "down",
        "mid": "middle",
        "up": "up",
        "crop": "crop",
        "depth": "depth",
        "reference": "image prompt",
        "loop": "denoising",
        "decode": "VAE decode",
        "composite": "composite",
    },
    why={"training": TRAINING, "unet": UNET, "inference": INFERENCE},
    count_title="Parameters",
    count_columns=("part", "parameters", "in training", "in inference"),
    parts={
        "unet": ("UNet", "frozen", "at every step"),
        "lora": (
            "LoRA, rank {rank}, on {lora_layers} layers",
            "learns: {share:.4%} of the UNet",
            "merged into the UNet",
        ),
        "vae": ("VAE", "frozen; encodes", "encodes once a scene, decodes every picture"),
        "text_encoder": ("text encoder", "does not run", "runs only for a prompt"),
        "controlnet": ("ControlNet (depth)", "not used", "at every step"),
        "image_encoder": ("image encoder", "not used", "once a paint"),
        "image_projector": ("IP-Adapter: projector", "not used", "once a paint"),
        "image_keys_values": ("IP-Adapter: keys and values", "not used", "at every step, inside the UNet"),
        "depth": ("depth estimator", "not used", "once a scene"),
    },
    mask_title="Where the mask is eroded, and where dilated",
    mask_columns=("mask", "radius", "covers", "why"),
    masks={
        "given": ("the mask as drawn", "At the photo's size; its soft edge is measured anew on the photo."),
        "wall_core": (
            "wall through and through",
            "Eroded: the wall's median colour is taken here, where no furniture is mixed in.",
        ),
        "untouched": ("what paint may touch", "Dilated: every pixel beyond is the photo's, bit for bit."),
        "seen": ("the mask at the model's size", "Averaged down to the crop, then cut at one half."),
        "model": (
            "the model's mask, in training and inference",
            "Dilated: the masked image must not show a ring of the old paint, or the model learns to copy it.",
        ),
        "document": (
            "the source document's erosion",
            "A 5 x 5 kernel takes 2 px off each side, not 5. Not done here: the wall between this and the drawn mask "
            "would stay in view.",
        ),
        "painted": (
            "what is kept of the painted wall",
            "Eroded at the model's size: near an edge it decodes wall and furniture as one. Filled in from the inside.",
        ),
        "measured": ("where validation measures", "Eroded: an edge pixel is no wall colour."),
    },
    sentences={
        "bundle": "Bundle {bundle}: {description}. On {device}, networks in {dtype}, seed {seed}, batch {batch}.",
        "random": "The weights are random and were never trained: shapes, types and counts are those of trained ones, "
        "the ranges of what comes out of a network are not.",
        "gradients": "After the backward pass {lora_moved} of the LoRA's {lora_tensors} matrices have a gradient other "
        "than 0 (B; A follows once B is no longer 0), and {frozen_moved} of the {frozen_tensors} other tensors of UNet "
        "and VAE.",
        "seconds": "Training step {training} s, repaint {inference} s, at most {gigabytes:.1f} GB of memory.",
    },
    document=DOCUMENT,
)
