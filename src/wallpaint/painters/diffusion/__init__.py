"""Painter with Stable Diffusion inpainting."""
