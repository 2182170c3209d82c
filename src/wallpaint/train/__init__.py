"""Training: one engine for all models, and the models that it trains: LoRA, light model and wall segmenter."""
