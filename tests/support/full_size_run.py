"""One repaint with a full-size bundle, in a separate process to measure its peak memory.

    python tests/support/full_size_run.py BUNDLE LORA

Prints one JSON object: parameters by network, peak memory in MiB, seconds, tensor shapes and report values.
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
from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.painters.diffusion.painter import DiffusionPainter

SIDE = 512


def main(bundle: Path, lora: Path) -> None:
    """Repaint a square image in one paint: two steps, bfloat16, with LoRA, IP-Adapter and ControlNet."""
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(60, 200, (SIDE // 32, SIDE // 32, 3), dtype=np.uint8), np.ones((32, 32, 1), np.uint8))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:-16, 16:-16] = 255
    scene = wallpaint.prepare(photo, {"wall": mask})
    shapes: dict[str, list[int]] = {}
    settings = DiffusionSettings(steps=2, dtype="bfloat16", device="cpu", loras=(Lora(lora),))
    painter = DiffusionPainter(
        load_bundle(bundle),
        settings,
        profile=Profile(count_flops=True),
        observe=lambda name, value: shapes.__setitem__(name, list(value.shape)),
    )
    started = perf_counter()
    result = scene.repaint({"wall": "#7d9b84"}, match="swatch", painter=painter)
    networks = painter.networks
    result_data = {
        "seconds": round(perf_counter() - started, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in {
                "unet_with_ip_adapter": networks.unet,
                "controlnet_without_cond": networks.controlnet,
                "controlnet_cond_embedding": networks.controlnet_cond_embedding,
                "vae": networks.vae,
                "image_encoder": networks.image_encoder,
                "image_projector": networks.image_projector,
                "depth": networks.depth_estimator,
            }.items()
        },
        "shapes": shapes,
        "profile": painter.profile.rows(),
        "outside_max_diff": result.report["outside_max_diff"],
        "delta_e_2000": result.report["walls"][0]["delta_e_2000"],
        "spread": float(result.codes[mask > 0].std()),
    }
    print(json.dumps(result_data))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
