"""Parameters in the paths of the routes. The examples stand for ids that the API has returned."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from wallpaint.serve.schemas import WallName

PhotoPath = Annotated[str, Path(description="id of a photo", examples=["PHOTO"])]
WallPath = Annotated[str, Path(description="name of a wall", examples=["wall"])]
NewWallPath = Annotated[WallName, Path(description="name of a wall, new or not", examples=["wall"])]
JobPath = Annotated[str, Path(description="id of a job", examples=["JOB"])]
PalettePath = Annotated[str, Path(description="id of a palette", examples=["PALETTE"])]
