"""The training loop and everything it needs: configs, optimizer, checkpoints, trackers, evaluation."""
