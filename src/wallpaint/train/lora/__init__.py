"""Training a LoRA for the inpainting UNet."""
