"""A photo and its walls, prepared once and painted many times."""
