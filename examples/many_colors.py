"""Repaint one scene in several colours with both values of match: python examples/many_colors.py"""

from pathlib import Path

import wallpaint

HERE = Path(__file__).parent
OUT = HERE.parent / "out"
PAINTS = {"sage": "#7d9b84", "navy": "#2b3a5c", "terracotta": "#b5654a"}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    scene = wallpaint.prepare(HERE / "room.jpg", {"wall": HERE / "room_mask.png"}, old_color="#d9cfc0")
    for name, color in PAINTS.items():
        for match in ("swatch", "room"):
            result = scene.repaint({"wall": color}, match=match)
            path = OUT / f"{name}_{match}.jpg"
            result.save(path)
            wall = result.report["walls"][0]
            print(f"{path.name}: wall median {wall['median_rgb']}, {wall['delta_e_2000']} CIEDE2000 from the swatch")


if __name__ == "__main__":
    main()
