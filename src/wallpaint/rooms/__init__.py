"""Procedural rooms, path-traced with exact ground truth: the same room in any wall paint."""
