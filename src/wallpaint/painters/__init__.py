"""Painters: a scene and paints in, painted walls at working size out."""
