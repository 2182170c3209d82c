"""Rendered rooms as data: files, cameras, pairs of photos, exports, and what is fitted on them."""
