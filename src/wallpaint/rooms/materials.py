"""Surface materials: diffuse albedo, texture, specular reflection, emission.

The material model is additive: Lambert diffuse + GGX microfacet reflection with Schlick's Fresnel. The specular part
does not reduce the diffuse part, so the radiance of a room is a polynomial in the albedo of its wall paint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.errors import ShapeError
from wallpaint.typing import Array

Color = tuple[float, float, float]

TEXTURE_PX = 512  # side of every texture
BLACK: Color = (0.0, 0.0, 0.0)


def to_color(values: Array) -> Color:
    """Return three values, (3,), as a colour."""
    return float(values[0]), float(values[1]), float(values[2])


@dataclass(frozen=True, eq=False)
class Texture:
    """A tileable square texture: (TEXTURE_PX, TEXTURE_PX, 3) float32, linear sRGB, 0..1 for surfaces, >= 0 for skies.

    Row 0 is v = 0, the bottom row of an upright surface. Textures compare by identity.
    """

    texels: Array

    def __post_init__(self) -> None:
        if self.texels.shape != (TEXTURE_PX, TEXTURE_PX, 3) or self.texels.dtype != np.float32:
            raise ShapeError(
                f"texture is {self.texels.dtype} {self.texels.shape}, expected float32 {(TEXTURE_PX, TEXTURE_PX, 3)}"
            )


@dataclass(frozen=True, eq=False)
class Relief:
    """A tileable height map as a normal map and its ambient occlusion, both (TEXTURE_PX, TEXTURE_PX, ...) float32.

    slopes: (..., 2), d height / du and / dv, metres per metre. occlusion: 0..1, share of diffuse light that is not
    blocked by the relief itself. metres: side of one tile; u is to the right and v up on a wall. Reliefs compare by
    identity.
    """

    slopes: Array
    occlusion: Array
    metres: float

    def __post_init__(self) -> None:
        shapes = (self.slopes.shape, self.occlusion.shape)
        if shapes != ((TEXTURE_PX, TEXTURE_PX, 2), (TEXTURE_PX, TEXTURE_PX)):
            raise ShapeError(f"relief of shapes {shapes}, expected {TEXTURE_PX} texels a side")


@dataclass(frozen=True)
class Material:
    """Material of one surface.

    albedo: linear sRGB, 0..1, multiplied by the texture if there is one. texture_scale: texture repeats per unit of (u,
    v), which is a metre on most surfaces. roughness: 0 (mirror) .. 1; the GGX alpha is its square. f0: specular
    reflectance of a dielectric at normal incidence: 0 for none, 0.04 for paint, plastic, varnish. metal: albedo is the
    specular colour, and there is no diffuse part. bump: slope of the plaster bump map, 0 smooth, 0.1 rough plaster.
    emission: radiance, linear sRGB, on the side of the normals; give an emitter a dark albedo unless it is a lampshade.
    sky: emission is multiplied by the room's sky in the viewing direction (window panes). wall: number of the paintable
    wall, whose albedo then is the existing paint; None for other surfaces. relief: of an upright wall, in any albedo.
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
    relief: Relief | None = None

    @property
    def emits(self) -> bool:
        return max(self.emission) > 0
