"""Training: what the UNet is asked to learn, and which of its weights may."""
