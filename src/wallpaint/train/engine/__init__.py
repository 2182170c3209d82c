"""The training engine: configs, training loop, optimizer, checkpoints, evaluation and trackers."""
