"""Training of a bundle's base UNet: inpainting from random weights."""
