"""Lamps by category.

A builder is a function (rng, finishes, power) -> Mesh; see `lamp_shades`. Floor and table lamps stand on z = 0.
Pendants, ceiling lamps, spots, tracks and strips extend down from z = 0. Wall lamps have their back in the plane y = 0.
"""

from __future__ import annotations

from wallpaint.rooms.furniture import ceiling_wall_lamps, floor_table_lamps
from wallpaint.rooms.furniture.lamp_shades import LampBuilder, LampCategory

__all__ = ["CATEGORIES", "LampBuilder", "LampCategory"]

CATEGORIES: dict[str, LampCategory] = {
    "floor": LampCategory(
        (
            floor_table_lamps.floor_drum,
            floor_table_lamps.floor_tripod,
            floor_table_lamps.floor_arc,
            floor_table_lamps.floor_reading,
            floor_table_lamps.floor_uplighter,
        ),
        (floor_table_lamps.floor_column, floor_table_lamps.floor_globes),
    ),
    "table": LampCategory(
        (
            floor_table_lamps.table_shaded,
            floor_table_lamps.table_shaded,
            floor_table_lamps.table_globe,
            floor_table_lamps.table_dome,
        ),
        (floor_table_lamps.table_mushroom, floor_table_lamps.table_pleated),
    ),
    "pendant": LampCategory(
        (
            ceiling_wall_lamps.pendant_dome,
            ceiling_wall_lamps.pendant_globe,
            ceiling_wall_lamps.pendant_drum,
            ceiling_wall_lamps.pendant_cluster,
        ),
        (ceiling_wall_lamps.pendant_lantern, ceiling_wall_lamps.pendant_bar, ceiling_wall_lamps.pendant_rings),
    ),
    "ceiling": LampCategory(
        (ceiling_wall_lamps.ceiling_dome, ceiling_wall_lamps.ceiling_drum, ceiling_wall_lamps.ceiling_panel),
        (ceiling_wall_lamps.ceiling_arms, ceiling_wall_lamps.ceiling_ring),
    ),
    "spot": LampCategory((ceiling_wall_lamps.spot_recessed,), (ceiling_wall_lamps.spot_can,)),
    "track": LampCategory((ceiling_wall_lamps.track_heads,), (ceiling_wall_lamps.track_bar,)),
    "wall": LampCategory(
        (ceiling_wall_lamps.wall_updown, ceiling_wall_lamps.wall_shade, ceiling_wall_lamps.wall_globe),
        (ceiling_wall_lamps.wall_halo, ceiling_wall_lamps.wall_wedge),
    ),
    "led_strip": LampCategory((ceiling_wall_lamps.strip_bare,), (ceiling_wall_lamps.strip_cove,)),
}
