"""From a room to its light: the path tracer, its buckets, and plain Mitsuba beside it."""
