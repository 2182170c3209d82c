"""From photo to repainted photo: repaint, composite, color bleeding, report."""
