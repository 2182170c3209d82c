"""Tensors as they really flow: one training step and one repaint watched, and told in tables."""
