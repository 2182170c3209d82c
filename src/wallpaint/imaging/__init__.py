"""Photos, masks and colours: reading and writing image files, colour arithmetic, ICC profiles."""
