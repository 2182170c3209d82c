"""Procedural surfaces: textures, wall patterns, paints, images and skies, all sampled from a random generator."""
