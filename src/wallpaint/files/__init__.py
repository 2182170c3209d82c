"""Image file formats at byte level: what Pillow, OpenCV, tifffile and pillow-heif do not read or keep by themselves."""
