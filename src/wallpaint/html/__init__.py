"""HTML reports: style, scripts and embedded images."""
