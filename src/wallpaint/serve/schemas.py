"""The API's data: requests, which refuse unknown keys, and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wallpaint.serve.settings import MAX_CLICKS, MAX_WALLS

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, examples=[0.5])]
WallName = Annotated[str, StringConstraints(pattern=r"^[\w][\w .-]{0,39}$")]
ColorText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Match = Literal["room", "swatch"]
OldWall = Literal["auto", "plain", "patterned", "relief"]
Format = Literal["jpeg", "png", "webp", "tiff", "heic", "avif", "bmp"]
State = Literal["queued", "running", "done", "failed", "cancelled"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Click(_Request):
    """A correction of the walls: a point on a wall, or on no wall."""

    x: Fraction
    y: Fraction
    wall: bool = Field(True, description="true: the surface at this point is wall; false: it is not")


class DetectRequest(_Request):
    """How to detect walls. The detected ones replace all walls of the photo."""

    clicks: list[Click] = Field([], max_length=MAX_CLICKS)
    separate: bool = Field(False, description="one wall each, split at corners, gaps and changes of paint")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"clicks": [{"x": 0.3, "y": 0.2}], "separate": False}]}
    )


class WallPaint(_Request):
    """A wall and its new paint."""

    name: WallName
    color: ColorText = Field(description="#rrggbb, a CSS colour, or a code or name of the palette")
    old_color: ColorText | None = Field(None, description="the wall's existing paint; makes match room more accurate")


class PaintingRequest(_Request):
    """Paints and options that a render and a repaint job share."""

    walls: list[WallPaint] = Field(min_length=1, max_length=MAX_WALLS)
    match: Match = Field("room", description="room: the paint in this room's light; swatch: exactly the chart's colour")
    old_color: ColorText | None = Field(None, description="existing paint of all walls that state none")
    white: tuple[Fraction, Fraction] | None = Field(None, description="a white object in the photo")
    old_wall: OldWall = "auto"
    bleed: bool = Field(False, description="also change the light that the paint reflects onto the room")
    palette: Id | None = Field(None, description="the palette of colours that are codes or names")


class RenderRequest(PaintingRequest):
    """A repaint at preview size."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"walls": [{"name": "wall", "color": "#7d9b84"}]}]}
    )


class RepaintJobRequest(PaintingRequest):
    """A repaint at full size. A photo without walls has one, "wall", which the job detects."""

    kind: Literal["repaint"]
    photo: Id
    painter: Literal["analytic", "diffusion"] = Field("analytic", description="diffusion only where health lists it")
    reference: Id | None = Field(None, description="a photo of the texture, for the diffusion painter")
    detail: Literal["keep", "new"] = "keep"
    seed: int = Field(0, ge=0, le=2**63 - 1)
    format: Format | None = Field(None, description="of the result; by default the photo's own")
    quality: int | None = Field(None, ge=1, le=100, description="of lossy formats; by default the photo's own")
    keep_location: bool = Field(False, description="keep where the photo was taken in the metadata")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "repaint", "photo": "PHOTO", "walls": [{"name": "wall", "color": "#7d9b84"}]}]
        },
    )


class MaskJobRequest(DetectRequest):
    """Walls at full size, as a PNG, or with `separate` as a ZIP archive of PNGs."""

    kind: Literal["mask"]
    photo: Id

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "mask", "photo": "PHOTO"}]})


JobRequest = Annotated[RepaintJobRequest | MaskJobRequest, Field(discriminator="kind")]


class WallRecord(BaseModel):
    """A wall. confidence: expected overlap with the true walls; null for a wall that a client has drawn."""

    name: str
    share: float = Field(description="of the photo, 0..1")
    confidence: float | None
    alpha_url: str


class PhotoRecord(BaseModel):
    """A photo. Sizes are in pixels of the upright photo."""

    id: str
    filename: str
    format: str
    width: int
    height: int
    preview_width: int
    preview_height: int
    expires_at: datetime = Field(description="when the photo and everything made of it is deleted")
    image_url: str
    warnings: list[str]
    walls: list[WallRecord]


class WallList(BaseModel):
    """The walls of a photo, the largest first. notes: for the user."""

    walls: list[WallRecord]
    notes: list[str]


class NearestPaint(BaseModel):
    """A paint of the palette. delta_e: CIEDE2000 difference from the estimated paint."""

    name: str | None
    code: str | None
    color: str
    delta_e: float


class ColorRecord(BaseModel):
    """A colour of the photo. appearance: as photographed. paint: the estimated paint. nearest: of the palette."""

    appearance: str
    paint: str
    nearest: list[NearestPaint]
    on_wall: bool
    wall: str | None


class JobRecord(BaseModel):
    """A job. position: jobs before it in the queue. error: why it failed."""

    id: str
    kind: Literal["repaint", "mask"]
    photo: str
    state: State
    progress: float
    step: str
    position: int
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    error: str | None
    result_url: str | None
    report: dict[str, Any] | None


class PaintRecord(BaseModel):
    """A paint of a palette."""

    name: str | None
    code: str | None
    color: str
    sheen: str | None
    lrv: float | None


class PaletteSummary(BaseModel):
    """A palette without its paints. expires_at: null for a palette of the server."""

    id: str
    name: str
    count: int
    expires_at: datetime | None


class PaletteList(BaseModel):
    """The palettes that every user may choose from; one that was uploaded is known to those who have its id."""

    palettes: list[PaletteSummary]


class PaletteRecord(PaletteSummary):
    """A palette, or those of its paints that match a search. total: number of matches."""

    warnings: list[str]
    total: int
    paints: list[PaintRecord]


class Health(BaseModel):
    """The state of the server. status: starting until a worker has loaded its models."""

    status: Literal["ok", "starting"]
    version: str
    workers: int
    queued: int
    running: int
    keep_hours: float
    max_bytes: int
    max_pixels: int
    painters: list[str]
    formats: list[Format]


class FieldError(BaseModel):
    """An invalid field of a request."""

    field: str
    message: str


class ProblemRecord(BaseModel):
    """An error (RFC 9457). detail: what is wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
