"""Tensor report: record every tensor of one training step and one repaint, and print them as tables."""
