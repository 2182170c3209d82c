"""Judging repaints: metrics, other ways of repainting, and the benchmark that compares them with the truth."""
