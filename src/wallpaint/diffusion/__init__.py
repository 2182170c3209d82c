"""Parts of the diffusion painter: settings, networks, conditioning, schedulers and the denoising loop."""
