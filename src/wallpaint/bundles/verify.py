"""Everything that can be told of a bundle on disk: sums, shapes, numbers, and whether the parts go together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import image_prompt, lock, prompts
from wallpaint.bundles.components import KINDS, check_diffusers, check_family
from wallpaint.bundles.manifest import MODULES
from wallpaint.bundles.weights import Shape, find, read_header, shapes
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

    from wallpaint.bundles.bundle import Bundle

_NO_PARAMETERS = ("position_ids", "running_mean", "running_var", "num_batches_tracked")
_SEEING = ("image_encoder", "depth", "segmenter")


def parameters(bundle: Bundle) -> dict[str, int]:
    """How many parameters each part's files hold, by their headers."""
    counts = {}
    for part in (*MODULES, "ip_adapter"):
        if part in bundle.manifest.places:
            place = bundle.place(part)
            paths = (place,) if part == "ip_adapter" else find(place, KINDS[part].stem).paths
            counts[part] = _count(shapes(paths))
    if "checkpoint" in bundle.manifest.places:
        counts["checkpoint"] = _count(shapes((bundle.place("checkpoint"),)))
    return counts


def _count(found: Mapping[str, Shape]) -> int:
    """Without what is stored but not learned."""
    return sum(math.prod(shape) for key, shape in found.items() if not key.endswith(_NO_PARAMETERS))


def check_headers(bundle: Bundle) -> None:
    """What can be told without reading weights. Raises ModelError for the first part that does not fit."""
    unet = bundle.config("unet") if bundle.has("unet") else None
    for part in MODULES:
        if part not in bundle.manifest.places:
            continue
        config, place = bundle.config(part), bundle.place(part)
        if unet is not None:
            check_family(part, config, unet, place / "config.json")
        files = find(place, KINDS[part].stem)
        found = shapes(files.paths)
        if KINDS[part].library == "diffusers":
            check_diffusers(part, config, found, files.index or files.paths[0])
    if unet is not None and bundle.has("ip_adapter"):
        vision = bundle.config("image_encoder") if bundle.has("image_encoder") else None
        image_prompt.check(bundle.place("ip_adapter"), unet, vision)


def verify(bundle: Bundle) -> Iterator[str]:
    """Go through a bundle, part by part, and yield a line for each that is sound.

    Every sum is computed anew, every part loaded, every number looked at. Raises ModelError for the first fault.
    """
    count = lock.check(bundle.folder, anew=True)
    yield f"{count} files as locked" if count else f"no {lock.FILE_NAME}, so no sums to compare"
    check_headers(bundle)
    for part in MODULES:
        if bundle.has(part):
            yield f"{part}: {_check_part(bundle, part)}"
    if bundle.has("ip_adapter"):
        groups = bundle.ip_adapter()
        tensors = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
        _check_finite(tensors, bundle.place("ip_adapter"))
        kind = "Plus" if "latents" in groups["image_proj"] else "base"
        yield f"ip_adapter: {kind}, {sum(value.numel() for value in tensors.values()):,} parameters"
    if bundle.has("tokenizer"):
        yield f"tokenizer: {bundle.tokenizer().model_max_length} tokens"
    if bundle.has("scheduler"):
        yield f"scheduler: {bundle.scheduler_config().get('_class_name', 'without a class')}"
    for part in _SEEING:
        if bundle.has(part):
            bundle.processor(part)
    if prompts.in_folder(bundle) and (bundle.folder / prompts.EMPTY_NAME).is_file():
        yield f"empty prompt: {_check_prompt(bundle)}"


def _check_part(bundle: Bundle, part: str) -> str:
    model = bundle.load(part, _stored_type(bundle, part))
    tensors = dict(model.state_dict())
    _check_finite(tensors, bundle.place(part))
    count = sum(value.numel() for value in model.parameters())
    return f"{type(model).__name__}, {count:,} parameters"


def _check_finite(tensors: dict[str, Any], place: object) -> None:
    for key, value in tensors.items():
        if not bool(value.isfinite().all()):
            raise ModelError(f"{place}: key {key} holds NaN or infinity: fetch the part again")


def _check_prompt(bundle: Bundle) -> str:
    width = bundle.config("unet").get("cross_attention_dim") if bundle.has("unet") else None
    embedding = prompts.read_empty(bundle.folder / prompts.EMPTY_NAME, width)
    _check_finite({"empty_prompt": embedding}, bundle.folder / prompts.EMPTY_NAME)
    if "text_encoder" in bundle.manifest.places and prompts.is_stale(bundle.folder, bundle.place("text_encoder")):
        raise ModelError(
            f"{bundle.folder / prompts.EMPTY_NAME}: was made with other weights than the text encoder's: "
            "delete the file, it is made anew"
        )
    return str(list(embedding.shape))


def _stored_type(bundle: Bundle, part: str) -> torch.dtype:
    """The type that a part's weights are stored in, so that looking at them takes no more memory than the file."""
    import torch

    place = bundle.place(part)
    path = place if place.is_file() else find(place, KINDS[part].stem).paths[0]
    kinds = {kind for kind, _ in read_header(path).values()}
    types = {"F16": torch.float16, "BF16": torch.bfloat16}
    return next((types[kind] for kind in types if kind in kinds), torch.float32)
