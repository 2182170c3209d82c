"""Training of a bundle's VAE."""
