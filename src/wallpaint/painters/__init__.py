"""What takes a scene and paints to painted walls at working size."""
