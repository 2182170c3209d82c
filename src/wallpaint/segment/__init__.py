"""Where the walls are, found on the photo itself."""
