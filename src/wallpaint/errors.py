"""The exceptions that wallpaint raises.

    WallpaintError
    ├── InputError (also a ValueError)   a photo, mask, colour or option that cannot be used
    │   └── ShapeError                   sizes that do not match
    ├── ConfigError                      a configuration that is invalid or contradictory
    └── ModelError                       weights that are missing, damaged or of another architecture

A message states what was expected, what was received, and what to do. On the command line it is one line on stderr
with exit status 2.
"""


class WallpaintError(Exception):
    """The base class of all exceptions of this package."""


class InputError(WallpaintError, ValueError):
    """A photo, mask, colour or option that cannot be used."""


class ShapeError(InputError):
    """Sizes that do not match."""


class ConfigError(WallpaintError):
    """A configuration that is invalid or contradictory."""


class ModelError(WallpaintError):
    """Weights that are missing, damaged or of another architecture."""
