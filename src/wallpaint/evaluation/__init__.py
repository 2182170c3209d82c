"""Evaluation: metrics, baseline repainting methods, the benchmark and the validation."""
