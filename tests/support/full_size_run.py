"""One repaint by a full-size bundle, in a process of its own so that its memory can be told.

    python tests/diffusion/full_size_run.py BUNDLE LORA

prints one JSON object: parameters by network, peak memory in MiB, seconds, and what the report says.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

import wallpaint
from wallpaint.bundles.bundle import load_bundle
from wallpaint.diffusion.profile import Profile
from wallpaint.diffusion.settings import Lora, Settings
from wallpaint.painters.diffusion.painter import DiffusionPainter

SIDE = 512


def main(bundle: Path, lora: Path) -> None:
    """Paint a square picture in one paint, two steps, bfloat16, everything turned on."""
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(60, 200, (SIDE // 32, SIDE // 32, 3), dtype=np.uint8), np.ones((32, 32, 1), np.uint8))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:-16, 16:-16] = 255
    scene = wallpaint.prepare(photo, {"wall": mask})
    seen: dict[str, list[int]] = {}
    settings = Settings(steps=2, dtype="bfloat16", device="cpu", loras=(Lora(lora),))
    painter = DiffusionPainter(
        load_bundle(bundle),
        settings,
        profile=Profile(count_flops=True),
        observe=lambda name, value: seen.__setitem__(name, list(value.shape)),
    )
    started = perf_counter()
    result = scene.repaint({"wall": "#7d9b84"}, painter=painter)
    networks = painter.networks
    told = {
        "seconds": round(perf_counter() - started, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in {
                "unet_with_ip_adapter": networks.unet,
                "controlnet_without_stem": networks.controlnet,
                "control_stem": networks.control_stem,
                "vae": networks.vae,
                "image_encoder": networks.image_encoder,
                "image_projector": networks.image_projector,
                "depth": networks.depth_estimator,
            }.items()
        },
        "shapes": seen,
        "profile": painter.profile.rows(),
        "outside_max_diff": result.report["outside_max_diff"],
        "delta_e_2000": result.report["walls"][0]["delta_e_2000"],
        "spread": float(result.codes[mask > 0].std()),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
