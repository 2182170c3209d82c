"""Many repaints from one manifest: rows, output names and status files."""
