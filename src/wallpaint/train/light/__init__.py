"""Training the light model."""
