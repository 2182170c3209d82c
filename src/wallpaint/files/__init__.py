"""Image files byte by byte: what Pillow, OpenCV, tifffile and pillow-heif do not read or keep by themselves."""
