"""What a surface is made of: a diffuse colour, perhaps a texture, perhaps gloss, perhaps light of its own.

The renderer's material is additive: diffuse (Lambert) + microfacet reflection (GGX, Schlick's Fresnel). Gloss does not
take from the diffuse part, so that a room's light is a polynomial in the albedo of its paint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.errors import ShapeError
from wallpaint.typing import Array

Color = tuple[float, float, float]

TILE = 512  # pixels on a side of every texture
BLACK: Color = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Texture:
    """A square picture that repeats: (TILE, TILE, 3) float32, linear sRGB, 0..1 for surfaces, >= 0 for skies.

    Row 0 is v = 0: textures of upright things have their lowest row first. Two textures are equal when they are the
    same object.
    """

    texels: Array

    def __post_init__(self) -> None:
        if self.texels.shape != (TILE, TILE, 3) or self.texels.dtype != np.float32:
            raise ShapeError(f"texture is {self.texels.dtype} {self.texels.shape}, expected float32 {(TILE, TILE, 3)}")


@dataclass(frozen=True)
class Material:
    """One surface.

    albedo: linear sRGB, 0..1, times the texture where there is one. texture_scale: repeats of the texture per unit of
    (u, v), which are metres on most surfaces. roughness: 0 mirror .. 1; the GGX width is its square. f0: reflectance
    seen head-on of a dielectric's gloss: 0 none, 0.04 paint, plastic, varnish. metal: albedo is the colour of the
    reflection, and there is no diffuse part. bump: slope of fine unevenness, 0 smooth, 0.1 rough plaster.
    emission: radiance, linear sRGB, of the side that its normals point to; a surface that emits does not reflect much,
    give it a dark albedo unless it is a lampshade. sky: emission is multiplied by the room's sky, looked up by
    direction (window panes). wall: None, or the number of the paintable wall that this is: its albedo then is the old
    paint's.
    """

    name: str
    albedo: Color
    texture: Texture | None = None
    texture_scale: tuple[float, float] = (1.0, 1.0)
    roughness: float = 0.8
    f0: float = 0.0
    metal: bool = False
    bump: float = 0.0
    emission: Color = BLACK
    sky: bool = False
    wall: int | None = field(default=None)

    @property
    def emits(self) -> bool:
        return max(self.emission) > 0
