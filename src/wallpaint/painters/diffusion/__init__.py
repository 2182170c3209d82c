"""The painter with Stable Diffusion inpainting."""
