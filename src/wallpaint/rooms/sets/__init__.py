"""Data sets of rendered rooms: files, camera model, photo pairs, labels, exports, and the light statistics fit."""
