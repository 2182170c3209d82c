"""LoRA training for the inpainting UNet."""
