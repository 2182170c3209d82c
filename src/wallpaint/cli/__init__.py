"""The command line."""

from wallpaint.cli.app import main

__all__ = ["main"]
