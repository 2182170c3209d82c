"""Path tracing: the renderer, its buckets by wall bounces, and the same room as an ordinary Mitsuba scene."""
