"""Rooms that never were, rendered with exact ground truth: the same room in any paint."""
