"""Repainting methods compared on rendered rooms with known ground truth."""
