"""Training of the wall segmenter."""
