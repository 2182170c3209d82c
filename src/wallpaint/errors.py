"""Everything that wallpaint raises on purpose.

    WallpaintError
    ├── InputError (also a ValueError)   a photo, mask, colour or option that cannot be used
    │   └── ShapeError                   sizes that do not fit together
    ├── ConfigError                      a configuration that contradicts itself
    └── ModelError                       weights that are missing, damaged or of another architecture

A message says what was expected, what came, and what to do. On the command line it is one line on stderr and
exit status 2.
"""


class WallpaintError(Exception):
    """The root of the tree: catch this to catch all."""


class InputError(WallpaintError, ValueError):
    """A photo, mask, colour or option that cannot be used."""


class ShapeError(InputError):
    """Sizes that do not fit together."""


class ConfigError(WallpaintError):
    """A configuration that contradicts itself."""


class ModelError(WallpaintError):
    """Weights that are missing, damaged or of another architecture."""
