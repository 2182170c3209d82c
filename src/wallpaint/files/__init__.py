"""Image file formats at byte level: what Pillow, OpenCV, tifffile and pi-heif do not read or keep by themselves."""
