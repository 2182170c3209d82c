"""The light on the walls: illuminant estimate, light model, albedo edit."""
