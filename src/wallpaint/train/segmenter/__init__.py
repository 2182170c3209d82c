"""Training the wall segmenter."""
