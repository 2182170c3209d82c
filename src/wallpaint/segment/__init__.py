"""Automatic wall detection: from a photo to wall masks."""
