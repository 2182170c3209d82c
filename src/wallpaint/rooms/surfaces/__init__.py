"""What rooms are made of: textures, patterns, paints, pictures and skies, all thought up by seed."""
