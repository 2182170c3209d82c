"""Coordinated finishes of one room's furniture, floors and rugs.

Test rooms use held-out woods, weaves, textile colours, floor layouts and rug designs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.materials import Color, Material, to_color
from wallpaint.rooms.surfaces import paints, textiles, textures


@dataclass(frozen=True)
class Finishes:
    """Materials shared by the furniture of one room.

    wood, wood_second: furniture woods. lacquer: painted furniture. metal: legs, handles, lamps; metal_dark: black
    ones. fabric: the main upholstery; fabric_second: the next; accent: the colour of cushions and throws. leather.
    linen: bedding and pale textile. curtain: for windows. ceramic: vases, basins. plastic. screen: dark glass of
    televisions. paper: books' pages, mounts of pictures. mirror. leaf, bark, soil: plants. trim: skirting, doors and
    window frames.
    """

    wood: Material
    wood_second: Material
    lacquer: Material
    metal: Material
    metal_dark: Material
    fabric: Material
    fabric_second: Material
    accent: Material
    leather: Material
    linen: Material
    curtain: Material
    ceramic: Material
    plastic: Material
    screen: Material
    paper: Material
    mirror: Material
    leaf: Material
    bark: Material
    soil: Material
    trim: Material


@dataclass(frozen=True)
class InteriorStyle:
    """An interior style.

    woods, textiles, second, accents: groups of WOOD_COLORS and TEXTILE_COLORS to sample from. metals: keys of METALS.
    painted: probability that the lacquer is a colour and not a white.
    """

    woods: tuple[str, ...]
    textiles: tuple[str, ...]
    second: tuple[str, ...]
    accents: tuple[str, ...]
    metals: tuple[str, ...]
    painted: float


INTERIOR_STYLES = {
    "scandinavian": InteriorStyle(
        ("light",), ("pale", "grey"), ("grey", "pale"), ("muted", "dark"), ("black", "steel"), 0.15
    ),
    "modern": InteriorStyle(
        ("light", "dark"), ("grey", "pale", "dark"), ("grey",), ("muted", "vivid"), ("steel", "black"), 0.2
    ),
    "traditional": InteriorStyle(
        ("warm", "dark"), ("pale", "muted"), ("dark", "muted"), ("dark", "muted"), ("brass", "bronze"), 0.2
    ),
    "industrial": InteriorStyle(
        ("warm", "dark"), ("grey", "dark"), ("grey", "muted"), ("muted",), ("black", "bronze"), 0.4
    ),
    "mid-century": InteriorStyle(
        ("warm",), ("muted", "grey"), ("dark", "pale"), ("vivid", "muted"), ("brass", "black"), 0.3
    ),
    "colourful": InteriorStyle(
        ("light", "warm"), ("muted", "vivid", "dark"), ("pale", "vivid"), ("vivid",), ("brass", "white"), 0.7
    ),
    "country": InteriorStyle(
        ("light", "warm"), ("pale", "muted"), ("pale", "muted"), ("muted", "dark"), ("bronze", "brass"), 0.5
    ),
}

# 8-bit sRGB of photographs of samples: pale oak, ash, beech, pine, whitewashed; oak, walnut, ...
WOOD_COLORS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "light": ("c9b08c", "d3c2a6", "cba57b", "cfae80", "d3cabc"),
        "warm": ("b08d60", "8a5f3e", "6d4e3a"),
        "dark": ("4a372c", "38302a", "857b70"),
    },
    "test": {
        "light": ("d8c6a4", "c2b6a2", "c8a98a"),
        "warm": ("96633f", "9b6f43", "a67a52"),
        "dark": ("57402f", "4b2a20", "2c2826"),
    },
}
TEXTILE_COLORS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "pale": ("e2d9c8", "cbbba2", "d4d1cb", "ded3c0"),
        "grey": ("c4c2be", "8c8b89", "6c6f73", "a39f99"),
        "muted": ("b9a585", "5b7189", "d3a79b", "7f8c7a", "97826c"),
        "dark": ("2a3a55", "3a5143", "45464a", "4f3a33"),
        "vivid": ("c1933e", "a85b3e", "2d6a8a", "b4463c"),
    },
    "test": {
        "pale": ("e8e4db", "d3c8b6", "c9c9c4"),
        "grey": ("aaa196", "9a948a", "75726e"),
        "muted": ("8d9a80", "b58382", "7d8fa6", "b39b78"),
        "dark": ("26303f", "5c2730", "4a4c33", "2b4a48"),
        "vivid": ("b2843f", "8f4a2b", "2f7378", "c98a78"),
    },
}
WEAVES = {
    "train": ("plain", "plain", "herringbone", "boucle", "melange"),
    "test": ("twill", "velvet", "twill"),
}
WOOD_FIGURES = {"train": ("cathedral", "straight"), "test": ("wavy", "knotty")}
FLOOR_DESIGNS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "planks": ("staggered", "staggered", "wide", "half bond", "herringbone"),
        "carpet": ("cut", "loop"),
        "tiles": ("large", "checker", "square"),
        "stone": ("concrete", "terrazzo"),
    },
    "test": {
        "planks": ("narrow", "chevron"),
        "carpet": ("flecked", "sisal"),
        "tiles": ("hexagon", "stacked"),
        "stone": ("limestone", "marble"),
    },
}
FLOOR_WEIGHTS = {"planks": 0.66, "carpet": 0.12, "tiles": 0.13, "stone": 0.09}
RUG_DESIGNS = {
    "train": ("border", "geometric", "striped", "persian", "persian"),
    "test": ("berber", "faded", "blocks", "shaggy"),
}
PERSIAN_COLORS = {
    "train": (("7f2a28", "1f2a44", "b98a4a", "d9c9a3"), ("22304a", "7a2420", "8a7a56", "d8c8a4")),
    "test": (("8a4a3a", "35414a", "7a7660", "cbbd9f"), ("a39a88", "5a5f66", "8a6a58", "d6ccb8")),
}

METALS: dict[str, tuple[Color, float, bool]] = {
    "steel": ((0.56, 0.55, 0.53), 0.3, True),
    "brass": ((0.62, 0.44, 0.2), 0.32, True),
    "bronze": ((0.2, 0.14, 0.09), 0.4, True),
    "black": ((0.03, 0.03, 0.03), 0.45, False),
    "white": ((0.78, 0.78, 0.76), 0.4, False),
}
"""Colour, roughness, and whether it is bare metal (else powder-coated)."""


def choose(rng: np.random.Generator, split: str, style: str | None = None) -> Finishes:
    """Sample the finishes of one room, with at most four textures. split: "train", "validation" or "test".

    style: a key of INTERIOR_STYLES, or None to sample one.
    """
    interior = INTERIOR_STYLES[style or str(rng.choice(list(INTERIOR_STYLES)))]
    design_split = "test" if split == "test" else "train"
    fabric = _fabric_material(rng, "fabric", _sample_textile_color(rng, design_split, interior.textiles), design_split)
    second = _fabric_material(
        rng, "fabric_second", _sample_textile_color(rng, design_split, interior.second), design_split
    )
    pale = _sample_textile_color(rng, design_split, ("pale",))
    drapes = _sample_textile_color(rng, design_split, ("pale", "pale", "grey", "muted"))
    lacquer = paints.sample(rng, split, "muted" if rng.random() < 0.6 else "deep")
    if rng.random() > interior.painted:
        lacquer = np.asarray(_jittered(rng, (0.78, 0.77, 0.74), 0.03))
    metal = _metal_material(rng, interior.metals[int(rng.integers(len(interior.metals)))], "metal")
    leather = _sample_hex(
        ("6a4028", "3a2a22", "8a5a38", "201e1d") if design_split == "train" else ("54352a", "9a7350", "2e2b29"), rng
    )

    def plain(name: str, color: Color, roughness: float = 0.8, f0: float = 0.0) -> Material:
        return Material(name, _jittered(rng, color, 0.06), roughness=roughness, f0=f0)

    return Finishes(
        wood=_wood_material(rng, "wood", design_split, interior.woods),
        wood_second=_wood_material(rng, "wood_second", design_split, interior.woods),
        lacquer=plain("lacquer", to_color(lacquer), float(rng.uniform(0.2, 0.5)), 0.04),
        metal=metal,
        metal_dark=_metal_material(rng, "black" if rng.random() < 0.7 else "bronze", "metal_dark"),
        fabric=fabric,
        fabric_second=second,
        accent=textures.recolored(second, "accent", _sample_textile_color(rng, design_split, interior.accents)),
        leather=plain("leather", leather, float(rng.uniform(0.4, 0.55)), 0.04),
        linen=textures.recolored(
            fabric, "linen", _jittered(rng, (0.76, 0.74, 0.71) if rng.random() < 0.6 else pale, 0.04)
        ),
        curtain=textures.recolored(fabric, "curtain", drapes),
        ceramic=plain("ceramic", (0.76, 0.74, 0.71), float(rng.uniform(0.15, 0.35)), 0.04),
        plastic=plain("plastic", (0.72, 0.72, 0.71), 0.35, 0.04),
        screen=Material("screen", (0.01, 0.01, 0.012), roughness=0.12, f0=0.04),
        paper=plain("paper", (0.76, 0.745, 0.71)),
        mirror=Material("mirror", (0.9, 0.9, 0.89), roughness=0.04, metal=True),
        leaf=plain("leaf", (0.06, 0.14, 0.035), 0.45, 0.04),
        bark=plain("bark", (0.13, 0.09, 0.055)),
        soil=plain("soil", (0.04, 0.03, 0.022)),
        trim=plain("trim", (0.78, 0.77, 0.745) if rng.random() < 0.85 else to_color(lacquer), 0.35, 0.04),
    )


def floor(rng: np.random.Generator, split: str, floor_type: str | None = None) -> Material:
    """Sample a floor material; uv in metres, boards along u. floor_type: a key of FLOOR_WEIGHTS, or None for any."""
    design_split = "test" if split == "test" else "train"
    name = floor_type or str(rng.choice(list(FLOOR_WEIGHTS), p=list(FLOOR_WEIGHTS.values())))
    design = str(rng.choice(FLOOR_DESIGNS[design_split][name]))
    if name == "planks":
        color = _sample_wood_color(rng, design_split, ("light", "light", "warm", "dark"))
        figure = str(rng.choice(WOOD_FIGURES[design_split]))
        boards = textures.planks(rng, color, design, figure, float(rng.uniform(0.6, 1.1)))
        return textures.tiled_material(name, boards, textures.PLANKS_METRES, float(rng.uniform(0.3, 0.65)), 0.04)
    if name == "carpet":
        color = _sample_textile_color(rng, design_split, ("pale", "grey", "grey", "muted", "dark"))
        return textures.tiled_material(name, textiles.carpet(rng, color, design), textiles.CARPET_METRES, 0.95, 0.0)
    grey = float(rng.choice([0.08, 0.2, 0.35, 0.5, 0.62]))
    color = _jittered(rng, (grey, 0.97 * grey, 0.9 * grey), 0.08)
    if name == "stone":
        slab = textures.stone(rng, color, design)
        return textures.tiled_material(name, slab, textures.STONE_METRES, float(rng.uniform(0.2, 0.6)), 0.04)
    grout = float(rng.uniform(0.15, 0.5))
    tiles = textures.tiles(rng, color, (grout, 0.98 * grout, 0.94 * grout), design)
    return textures.tiled_material(name, tiles, textures.TILES_METRES, float(rng.uniform(0.2, 0.5)), 0.04)


def rug(rng: np.random.Generator, split: str, width: float, length: float) -> Material:
    """Sample a rug material for a quad with uv 0..1. width, length: metres along u and v."""
    design_split = "test" if split == "test" else "train"
    design = str(rng.choice(RUG_DESIGNS[design_split]))
    if design in ("persian", "faded"):
        codes = PERSIAN_COLORS[design_split][int(rng.integers(2))]
        colors = tuple(_jittered(rng, _hex_to_linear(code), 0.1) for code in codes)
    else:
        groups = ("pale", "grey", "muted"), ("dark", "muted"), ("vivid", "muted", "dark")
        colors = tuple(_sample_textile_color(rng, design_split, group) for group in groups)
    return textures.tiled_material("rug", textiles.rug(rng, colors, design, width, length), 1.0, 0.95, 0.0)


def _fabric_material(rng: np.random.Generator, name: str, color: Color, design_split: str) -> Material:
    weave = str(rng.choice(WEAVES[design_split]))
    return textures.tiled_material(name, textiles.fabric(rng, color, weave=weave), textiles.FABRIC_METRES, 0.9, 0.0)


def _wood_material(rng: np.random.Generator, name: str, design_split: str, groups: tuple[str, ...]) -> Material:
    grain = textures.wood(
        rng,
        _sample_wood_color(rng, design_split, groups),
        str(rng.choice(WOOD_FIGURES[design_split])),
        float(rng.uniform(0.6, 1.1)),
    )
    return textures.tiled_material(name, grain, textures.WOOD_METRES, float(rng.uniform(0.35, 0.6)), 0.04)


def _metal_material(rng: np.random.Generator, metal_name: str, name: str) -> Material:
    color, roughness, bare = METALS[metal_name]
    rough = roughness * float(rng.uniform(0.8, 1.25))
    return Material(name, _jittered(rng, color, 0.04), roughness=rough, f0=0.0 if bare else 0.04, metal=bare)


def _sample_wood_color(rng: np.random.Generator, design_split: str, groups: tuple[str, ...]) -> Color:
    return _jittered(rng, _sample_hex(WOOD_COLORS[design_split][groups[int(rng.integers(len(groups)))]], rng), 0.08)


def _sample_textile_color(rng: np.random.Generator, design_split: str, groups: tuple[str, ...]) -> Color:
    return _jittered(rng, _sample_hex(TEXTILE_COLORS[design_split][groups[int(rng.integers(len(groups)))]], rng), 0.08)


def _sample_hex(codes: tuple[str, ...], rng: np.random.Generator) -> Color:
    return _hex_to_linear(codes[int(rng.integers(len(codes)))])


def _hex_to_linear(code: str) -> Color:
    return to_color(srgb_to_linear(np.frombuffer(bytes.fromhex(code), np.uint8) / 255.0))


def _jittered(rng: np.random.Generator, color: Color, spread: float) -> Color:
    """Jitter a colour: mainly its lightness, slightly its hue. spread: log standard deviation."""
    factor = np.exp(rng.normal(0, spread) + rng.normal(0, 0.15 * spread, 3))
    return to_color(np.clip(np.asarray(color) * factor, 0.005, 0.9))
