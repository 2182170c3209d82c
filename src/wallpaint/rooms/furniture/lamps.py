"""Lamps that light a room, by kind.

A maker is a function (rng, finishes, power) -> Mesh; see `shades`. Floor and table lamps stand on z = 0. Pendants,
ceiling lamps, spots, tracks and strips hang from z = 0 down. Wall lamps have their back in y = 0.
"""

from __future__ import annotations

from wallpaint.rooms.furniture import hung_lamps, standing_lamps
from wallpaint.rooms.furniture.shades import LampKind, LampMaker

__all__ = ["MAKERS", "LampKind", "LampMaker"]

MAKERS: dict[str, LampKind] = {
    "floor": LampKind(
        (
            standing_lamps.floor_drum,
            standing_lamps.floor_tripod,
            standing_lamps.floor_arc,
            standing_lamps.floor_reading,
            standing_lamps.floor_uplighter,
        ),
        (standing_lamps.floor_column, standing_lamps.floor_globes),
    ),
    "table": LampKind(
        (
            standing_lamps.table_shaded,
            standing_lamps.table_shaded,
            standing_lamps.table_globe,
            standing_lamps.table_dome,
        ),
        (standing_lamps.table_mushroom, standing_lamps.table_pleated),
    ),
    "pendant": LampKind(
        (hung_lamps.pendant_dome, hung_lamps.pendant_globe, hung_lamps.pendant_drum, hung_lamps.pendant_cluster),
        (hung_lamps.pendant_lantern, hung_lamps.pendant_bar, hung_lamps.pendant_rings),
    ),
    "ceiling": LampKind(
        (hung_lamps.ceiling_dome, hung_lamps.ceiling_drum, hung_lamps.ceiling_panel),
        (hung_lamps.ceiling_arms, hung_lamps.ceiling_ring),
    ),
    "spot": LampKind((hung_lamps.spot_recessed,), (hung_lamps.spot_can,)),
    "track": LampKind((hung_lamps.track_heads,), (hung_lamps.track_bar,)),
    "wall": LampKind(
        (hung_lamps.wall_updown, hung_lamps.wall_shade, hung_lamps.wall_globe),
        (hung_lamps.wall_halo, hung_lamps.wall_wedge),
    ),
    "led_strip": LampKind((hung_lamps.strip_bare,), (hung_lamps.strip_cove,)),
}
