"""Compare the painter with the stock pipelines on the same weights: seconds and operations by number of paints.

    PYTHONPATH=tests python tests/support/compare_with_stock.py BUNDLE --paints 1 8 --steps 20 --rounds 3

The stock pipeline takes one reference per call, so each paint is one call. Both run with IP-Adapter and ControlNet,
alternating, by default without guidance; the minimum seconds over all rounds count. Work done once per scene or once in
all (networks, view) is included in the time.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from support.stock_pipelines import Case, depth_of, make_case, make_pipeline, to_unit
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.profile import flop_counter
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.painters.diffusion.painter import DiffusionPainter


@dataclass(frozen=True)
class InpaintingCost:
    """Minimum seconds over the rounds, and floating-point operations of one."""

    seconds: float
    flops: int


def references(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.full((64, 64, 3), rng.integers(30, 240, 3), np.uint8) for _ in range(count)]


def ours(painter: DiffusionPainter, case: Case, count: int) -> None:
    view = painter.encode_view(case.image, case.mask, case.window)
    painter.inpaint(view, references(count), case.seed)


def stock(
    pipeline: Any, bundle: Bundle, settings: DiffusionSettings, case: Case, depth: torch.Tensor, count: int
) -> None:
    side = bundle.config("image_encoder")["image_size"]
    for reference in references(count):
        pipeline(
            prompt="",
            image=to_unit(case.image),
            mask_image=torch.from_numpy(case.mask.astype(np.float32))[None, None],
            height=case.mask.shape[0],
            width=case.mask.shape[1],
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            strength=1.0,
            generator=torch.Generator().manual_seed(case.seed),
            control_image=depth,
            ip_adapter_image=image_tensors.image_prompt_pixels(reference, bundle.processor("image_encoder"), side),
            output_type="pt",
        )


def compare(
    bundle: Bundle, settings: DiffusionSettings, side: int, counts: list[int], rounds: int
) -> dict[tuple[str, int], InpaintingCost]:
    case = make_case(side, side)
    depth = depth_of(bundle, case)
    pipeline = make_pipeline(bundle, settings, with_controlnet=True, with_ip_adapter=True)
    pipeline.to(torch.float32)
    painter = DiffusionPainter(bundle, settings)
    costs: dict[tuple[str, int], InpaintingCost] = {}
    with torch.inference_mode():
        for count in counts:
            runs = {
                "wallpaint": lambda count=count: ours(painter, case, count),
                "stock": lambda count=count: stock(pipeline, bundle, settings, case, depth, count),
            }
            flops, min_seconds = {}, {name: float("inf") for name in runs}
            for name, run in runs.items():
                with flop_counter() as counter:
                    run()
                flops[name] = counter.get_total_flops()
            for _ in range(rounds):
                for name, run in runs.items():
                    started = perf_counter()
                    run()
                    min_seconds[name] = min(min_seconds[name], perf_counter() - started)
            costs |= {(name, count): InpaintingCost(min_seconds[name], flops[name]) for name in runs}
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--paints", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, help="image side in pixels, by default the bundle's native_px")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0])
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    print("guidance paints  pipeline_name          seconds      GFLOP   of stock: seconds  GFLOP", flush=True)
    for guidance in args.guidance:
        settings = replace(DiffusionSettings(dtype="float32", device="cpu"), steps=args.steps, guidance=guidance)
        costs = compare(bundle, settings, args.side or bundle.native_px, args.paints, args.rounds)
        for (pipeline_name, count), cost in costs.items():
            base = costs["stock", count]
            print(
                f"{guidance:8} {count:6}  {pipeline_name:10} {cost.seconds:9.3f} {cost.flops / 1e9:10.2f}"
                f"   {cost.seconds / base.seconds:17.2f} {cost.flops / base.flops:6.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
