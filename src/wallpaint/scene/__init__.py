"""Scenes: a photo and its walls, prepared once and repainted many times."""
