"""CIELAB values measured under many lights, adapted to D65 / 2 degrees, the white of sRGB."""

from collections.abc import Mapping, Sequence

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.color import WHITE_XYZ, Array, lab_to_xyz, xyz_to_linear

# X and Z of the white, Y = 100. Source: ASTM E308, CIE 15.
WHITES: Mapping[tuple[str, int], tuple[float, float]] = {
    ("A", 2): (109.850, 35.585),
    ("A", 10): (111.144, 35.200),
    ("C", 2): (98.074, 118.232),
    ("C", 10): (97.285, 116.145),
    ("D50", 2): (96.422, 82.521),
    ("D50", 10): (96.720, 81.427),
    ("D55", 2): (95.682, 92.149),
    ("D55", 10): (95.799, 90.926),
    ("D65", 2): (95.047, 108.883),
    ("D65", 10): (94.811, 107.304),
    ("D75", 2): (94.972, 122.638),
    ("D75", 10): (94.416, 120.641),
    ("F2", 2): (99.186, 67.393),
    ("F2", 10): (103.279, 69.027),
    ("F7", 2): (95.041, 108.747),
    ("F7", 10): (95.792, 107.686),
    ("F11", 2): (100.962, 64.350),
    ("F11", 10): (103.863, 65.607),
}
# Source: Lam 1985, as used by ICC v4.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def adapt_lab(lab: Sequence[float], illuminant: str = "D65", observer: int = 2) -> Array:
    """Linear sRGB (3,) of a CIELAB colour measured under another white, by Bradford adaptation to D65 / 2.

    The 10 degree observer is treated as a change of white alone: right for greys, and close for paints.
    Raises InputError for a light that is not in `WHITES`.
    """
    white = WHITES.get((illuminant, observer))
    if white is None:
        known = ", ".join(sorted({light for light, _ in WHITES}))
        raise InputError(f"illuminant {illuminant!r} with observer {observer!r} is unknown: use {known} with 2 or 10")
    white_xyz = np.array([white[0], 100.0, white[1]]) / 100.0
    gains = (_BRADFORD @ WHITE_XYZ) / (_BRADFORD @ white_xyz)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
    return xyz_to_linear(adaptation @ lab_to_xyz(np.array(lab, dtype=np.float64), white_xyz))
