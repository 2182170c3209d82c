"""What the diffusion painter is made of: settings, networks, conditioning, schedulers and the denoising loop."""
