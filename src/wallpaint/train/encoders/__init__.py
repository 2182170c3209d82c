"""Training of a bundle's image encoder and text encoder on colours and textures of walls."""
