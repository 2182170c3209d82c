"""Paints, palettes and reference pictures."""
