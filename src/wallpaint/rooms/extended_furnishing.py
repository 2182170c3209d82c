"""Furnishing of extended rooms: bathrooms, classrooms, tall kitchens, drawn curtains, slats, large boards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from wallpaint.rooms import room_types
from wallpaint.rooms.content import Content
from wallpaint.rooms.extended import cladding, near_paint, wall_like_color
from wallpaint.rooms.furnishing import VISIBLE_SIDES, Furnisher
from wallpaint.rooms.furniture import FurnitureCategory, bathroom_fixtures, beds, school, slatted
from wallpaint.rooms.furniture.full_height_dressing import backlit, full_height_blind, full_height_curtain
from wallpaint.rooms.furniture.tall_kitchen import tall_kitchen
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, box
from wallpaint.rooms.shell import Opening, Side
from wallpaint.rooms.surfaces import textures

CATALOGUE: dict[str, FurnitureCategory] = {
    **bathroom_fixtures.CATEGORIES,
    **school.CATEGORIES,
    **slatted.CATEGORIES,
    "crib": beds.CATEGORIES["crib"],
}
CURTAIN_SPACE_M = 0.24  # floor in front of a wall that drawn curtains need
_TILINGS = {"train": ("square", "metro", "large", "large"), "test": ("hexagon", "stacked")}


@dataclass
class ExtendedFurnisher:
    """Furnishes one extended room. covered: windows that full-height curtains or blinds cover."""

    furnisher: Furnisher
    content: Content
    paint: Color
    covered: set[Opening] = field(default_factory=set)

    def furnish(self) -> None:
        """Furnish the room: first what its content asks for, then the usual furniture of its type."""
        f, content = self.furnisher, self.content
        if content.room_type == "bathroom":
            self._tile_walls()
        if content.has("full_height_curtains"):
            self._hang_full_height("curtain")
        if content.has("full_height_blinds"):
            self._hang_full_height("blind")
        is_fitted = content.has("tall_kitchen") and self._fit_kitchen()
        if content.has("glass_and_boards", "classroom"):
            self._hang_boards()
        if content.has("slatted_furniture"):
            self._place_slatted()
        if content.has("wall_coloured_furniture"):
            self._place_wall_coloured()
        if content.room_type == "bathroom":
            self._furnish_bathroom()
        elif content.room_type == "classroom":
            self._furnish_classroom()
        elif is_fitted:
            self._furnish_beside_kitchen()
        else:
            room_types.FURNISHERS[content.room_type](f)
        room_types.add_fixtures(f)

    def _build(self, name: str) -> Mesh:
        return CATALOGUE[name].build(self.furnisher.rng, self.furnisher.finishes, self.furnisher.split)

    def _place_against_wall(
        self, name: str, sides: tuple[str, ...] = VISIBLE_SIDES, max_tries: int = 8
    ) -> tuple[Side, float, Mesh] | None:
        return self.furnisher.layout.try_walls(name, self._build(name), self.furnisher.rng, sides, max_tries)

    def _hang(self, name: str, mesh: Mesh, side_names: tuple[str, ...], heights: tuple[float, float]) -> bool:
        """Hang an object at a random free position of one of the walls; return whether there was one."""
        f = self.furnisher
        half = float(mesh.bounds[1][0] - mesh.bounds[0][0]) / 2
        for _ in range(10):
            side = f.layout.plan.sides[f.choice(*side_names)]
            if side.length > 2 * half + 0.2:
                u = float(f.rng.uniform(half + 0.08, side.length - half - 0.08))
                if f.layout.hang_on_wall(name, mesh, side.name, u, float(f.rng.uniform(*heights))) is not None:
                    return True
        return False

    def _hang_full_height(self, kind: str) -> None:
        """Hang drawn curtains or blinds across a wall or round a window; across a plain wall if there is no window."""
        f, plan = self.furnisher, self.furnisher.layout.plan
        usable = [
            name
            for name in ("back", "left", "right")
            if not plan.openings_on(name, "door", "passage", "dark passage", "niche")
            and not any(slope.side == name for slope in plan.slopes)
            and (not plan.slopes or name not in ("back", "front"))
            and not self.covered.intersection(plan.openings_on(name))
        ]
        if not usable:
            return
        glazed = [name for name in usable if plan.openings_on(name, "window")]
        side = plan.sides[f.choice(*(glazed if glazed and f.chance(0.75) else usable))]
        windows = plan.openings_on(side.name, "window")
        low, high = 0.02, side.length - 0.02
        if not self.content.whole_wall and windows:
            low = max(low, min(o.left for o in windows) - float(f.rng.uniform(0.15, 0.6)))
            high = min(high, max(o.left + o.width for o in windows) + float(f.rng.uniform(0.15, 0.6)))
        center, width, height = (low + high) / 2, high - low, side.height - 0.004
        color = wall_like_color(f.rng, self.paint)
        cloth = textures.recolored(f.finishes.curtain, f"full-height {kind}", color)
        build = full_height_curtain if kind == "curtain" else full_height_blind
        mesh = build(f.rng, f.finishes, cloth, width, height, f.split)
        transmittance = float(f.rng.uniform(0.04, 0.2))
        for window in windows:
            extent = (window.left - center, window.bottom, window.left + window.width - center, window.top)
            r, g, b = (transmittance * c * gain for c, gain in zip(color, f.lighting.sky_gain, strict=True))
            mesh = backlit(mesh, cloth, extent, (r, g, b))
        f.layout.add(f"full-height {kind}", side.mount(mesh, center))
        f.layout.occupied_walls[side.name].append((low, high, 0.0, side.height))
        f.layout.reserve_floor(side.name, low, high, CURTAIN_SPACE_M)
        self.covered |= set(windows)

    def _fit_kitchen(self) -> bool:
        """Fit a kitchen up to the ceiling to a wall without openings; return whether there was one for it."""
        f, plan = self.furnisher, self.furnisher.layout.plan
        for name in ("back", "left", "right"):
            side = plan.sides[name]
            if plan.openings_on(name) or f.layout.occupied_walls[name] or any(s.side == name for s in plan.slopes):
                continue
            color = near_paint(f.rng, self.paint if f.chance(0.5) else (0.79, 0.78, 0.755))
            length = side.length - 0.04 - (0.0 if f.chance(0.4) else float(f.rng.uniform(0.0, 0.8)))
            tiles = self._tiles("splashback")
            mesh = tall_kitchen(f.rng, f.finishes, color, length, plan.height - 0.002, tiles, f.split)
            if mesh is None:
                continue
            half = float(mesh.bounds[1][0])
            u = f.rng.choice([half + 0.02, side.length - half - 0.02, side.length / 2])
            placed = side.mount(mesh, float(u), out=0.002)
            f.layout.add("tall_kitchen", placed)
            f.layout.occupied_walls[name].append((float(u) - half, float(u) + half, 0.0, side.height))
            f.layout.reserve_floor(name, float(u) - half, float(u) + half, 0.7)
            return True
        return False

    def _furnish_beside_kitchen(self) -> None:
        f, plan = self.furnisher, self.furnisher.layout.plan
        x, y = plan.width * float(f.rng.uniform(0.45, 0.55)), plan.depth * float(f.rng.uniform(0.45, 0.6))
        table = f.layout.place_on_floor("dining_table", f.make("dining_table"), x, y) if f.chance(0.55) else None
        if table is not None:
            room_types.add_chairs(f, table, x, y)
            room_types.hang_from_ceiling(f, f.lamp("pendant", 1.2), x, y, 0.0)
        room_types.add_accessories(f)

    def _tiles(self, name: str) -> Material:
        """Sample tiles: mostly white or pale, some near the paint, some dark."""
        f = self.furnisher
        sample = f.rng.random()
        color = near_paint(f.rng, self.paint if sample < 0.35 else (0.74, 0.73, 0.71))
        if sample > 0.85:
            color = near_paint(f.rng, (0.12, 0.16, 0.17))
        grout = float(f.rng.uniform(0.35, 0.7))
        tiling = f.choice(*_TILINGS["test" if f.split == "test" else "train"])
        texture = textures.tiles(
            f.rng, color, (grout, 0.98 * grout, 0.95 * grout), tiling, float(f.rng.uniform(0.01, 0.06))
        )
        return textures.tiled_material(name, texture, textures.TILES_METRES, float(f.rng.uniform(0.1, 0.35)), 0.04)

    def _tile_walls(self) -> None:
        """Tile the walls: all to one height, or one or two of them to the ceiling and the others lower or not."""
        f, plan = self.furnisher, self.furnisher.layout.plan
        tiles = self._tiles("bathroom tiles")
        full = {str(side) for side in f.rng.choice(["back", "left", "right"], 2, replace=False)}
        full = set() if f.chance(0.45) else full if f.chance(0.5) else {min(full)}
        height = 0.0 if full and f.chance(0.35) else float(f.rng.choice([1.1, 1.25, 1.5, 2.05]))
        for name, side in plan.sides.items():
            runs = plan.slope_runs(name)
            top = min(side.height, plan.slope.knee) if plan.slope is not None and max(runs) > 0 else side.height
            up = top if name in full else min(height, top)
            if up <= 0:
                continue
            for mesh in cladding(plan, name, (0.0, side.length), up, tiles):
                f.layout.add("tiles", mesh)
            if up < top - 0.05:
                lip = box((side.length, 0.008, 0.006), f.finishes.trim, (0, -0.004, 0))
                blocked = [o for o in plan.openings_on(name) if o.bottom < up < o.top + 0.1]
                if not blocked:
                    f.layout.add("tile edge", side.mount(lip, side.length / 2, up))

    def _furnish_bathroom(self) -> None:
        f = self.furnisher
        for name, probability in (("tub", 0.7), ("shower", 0.5), ("basin", 0.95), ("toilet", 0.85)):
            if not f.chance(probability):
                continue
            placed = self._place_against_wall(name, ("back", "left", "right"), 16)
            if placed is not None and name == "basin":
                side, u, _ = placed
                mirror = self._build("large_mirror")
                f.layout.hang_on_wall("mirror", mirror, side.name, u, 1.0 - float(mirror.bounds[0][2]))
        for name, probability in (("towel_rail", 0.7), ("towel_rail", 0.3), ("large_mirror", 0.2)):
            if f.chance(probability):
                self._hang(name, self._build(name), VISIBLE_SIDES, (1.2, 1.4))
        if f.chance(0.3):
            f.place_freely(f.choice("stool", "plant_small", "on_floor"))

    def _furnish_classroom(self) -> None:
        """Add rows of desks with chairs that face the back wall, with an aisle on each side, and a shelf."""
        f, plan = self.furnisher, self.furnisher.layout.plan
        desk, chair = self._build("school_desk"), f.make("chair")
        if f.chance(0.6):
            chair = CATALOGUE["open_chair"].build(f.rng, f.finishes, f.split)
        width = float(desk.bounds[1][0] - desk.bounds[0][0])
        columns = int((plan.width - 1.4) / (width + 0.55))
        rows = int((0.62 * plan.depth - 1.5) / 1.3)
        for i in range(columns):
            x = plan.width / 2 + (i - (columns - 1) / 2) * (width + 0.55)
            for j in range(rows):
                y = plan.depth - 2.0 - 1.3 * j
                yaw = float(f.rng.normal(0, 0.03))
                if f.layout.place_on_floor("school_desk", desk, x, y, np.pi + yaw, 0.0) is None:
                    continue
                for at in (-width / 4, width / 4) if width > 1 else (0.0,):
                    turn = yaw + float(f.rng.normal(0, 0.15)) + np.pi
                    back = float(f.rng.uniform(0.28, 0.5))
                    f.layout.add("chair", chair.moved((x + at, y - back, 0.0), turn))
        for name in ("bookcase", "cabinet"):
            if f.chance(0.5):
                f.place_against_wall(name, ("left", "right"))
        for _ in range(int(f.rng.integers(0, 3))):
            f.hang_on_wall(f.choice("frame", "clock", "frame"))

    def _hang_boards(self) -> None:
        f = self.furnisher
        if self.content.has("classroom"):
            self._hang("board", self._build("board"), ("back",), (1.45, 1.6))
        if not self.content.has("glass_and_boards"):
            return
        for _ in range(int(f.rng.integers(1, 4))):
            name = f.choice("glazed_picture", "glazed_picture", "television", "board", "large_mirror")
            mesh = f.make(name) if name == "television" else self._build(name)
            self._hang(name, mesh, VISIBLE_SIDES, (1.3, 1.6))

    def _place_slatted(self) -> None:
        """Place slatted furniture before the walls; its material is named so that labels tell it from the wall."""
        f = self.furnisher
        original = f.finishes
        lacquer = replace(original.lacquer, name="slats, lacquer")
        if f.chance(0.4):
            lacquer = replace(lacquer, albedo=near_paint(f.rng, self.paint))
        named = replace(original, wood=replace(original.wood, name="slats"), lacquer=lacquer)
        self.furnisher = replace(f, finishes=named)
        is_bedroom = self.content.room_type == "bedroom"
        names: tuple[str, ...] = ("open_chair", "open_chair", "balustrade", "crib")
        if self.content.has("tall_kitchen"):
            names = ("open_chair",)
        elif is_bedroom:
            names = ("slatted_bed", "slatted_bed", "crib")
        for _ in range(int(f.rng.integers(1, 4))):
            name = f.choice(*names)
            if name == "balustrade":
                self._place_balustrade()
                continue
            placed = self._place_against_wall(name)
            if placed is not None and name == "open_chair":
                side, u, mesh = placed
                f.place_beside("open_chair", side, u, mesh, f.chance(0.5), self._build("open_chair"))
            if is_bedroom and name == "slatted_bed":
                names = ("crib", "open_chair")
        self.furnisher = f

    def _place_balustrade(self) -> None:
        """Place a guard rail 0.2 to 1 m before a wall and parallel to it."""
        f = self.furnisher
        mesh = self._build("balustrade")
        half = float(mesh.bounds[1][0])
        for _ in range(8):
            side = f.layout.plan.sides[f.choice(*VISIBLE_SIDES)]
            if side.length > 2 * half + 0.1:
                u = half + 0.05 if f.chance(0.5) else side.length - half - 0.05
                x, y, _ = side.point(u, out=float(f.rng.uniform(0.2, 1.0)))
                if f.layout.place_on_floor("balustrade", mesh, x, y, side.yaw) is not None:
                    return

    def _place_wall_coloured(self) -> None:
        """Place large furniture, which is in the colour of the walls (see `extended.adapt_finishes`)."""
        f = self.furnisher
        names = {
            "bedroom": ("wardrobe", "wardrobe", "dresser"),
            "living room": ("bookcase", "sideboard", "cabinet"),
            "hall": ("wardrobe", "shoe_cabinet"),
            "kitchen": ("cabinet",),
        }.get(self.content.room_type, ("bookcase", "cabinet", "wardrobe"))
        for _ in range(int(f.rng.integers(1, 3))):
            f.place_against_wall(f.choice(*names))
