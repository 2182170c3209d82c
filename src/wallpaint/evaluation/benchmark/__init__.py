"""Benchmark of repainting methods on rendered rooms with ground truth."""
