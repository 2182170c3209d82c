"""Bundles: complete sets of models in one layout, with one loader."""
