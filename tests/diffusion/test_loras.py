"""LoRA files: two namings, alpha, several at once, and what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from support.stock_pipelines import Case, make_case, ours, stock, write_lora
from wallpaint import ModelError
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion import loras
from wallpaint.diffusion.settings import Lora, Settings

QUICK = Settings(steps=2, dtype="float32", device="cpu", control_scale=0.0, image_scale=0.0)
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.fixture
def file(bundle: Bundle, tmp_path: Path) -> Path:
    return write_lora(bundle, tmp_path / "lora", rank=4, alpha=8)


def kohya(tensors: Tensors, alpha: float) -> Tensors:
    """The same weights in kohya's naming, as ComfyUI and A1111 read them."""
    named: Tensors = {}
    for name, value in tensors.items():
        part, rest = name.split(".", 1)
        layer, kind = rest.rsplit(".lora", 1)
        is_down = kind.endswith(("_A.weight", "down.weight"))
        if part == "text_encoder" and not layer.startswith("text_model."):
            layer = f"text_model.{layer}"  # as the published text encoder's layers are called
        prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + layer.replace(".", "_")
        named[f"{prefix}.lora_{'down' if is_down else 'up'}.weight"] = value
        named[f"{prefix}.alpha"] = torch.tensor(alpha)
    return named


def picture(bundle: Bundle, case: Case, *chosen: Lora) -> torch.Tensor:
    return ours(bundle, replace(QUICK, loras=chosen), case)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize("alpha", [8.0, 2.0])
def test_both_namings_are_one_lora(bundle: Bundle, case: Case, file: Path, tmp_path: Path, alpha: float) -> None:
    """With the alpha of the diffusers file kohya's gives the same picture; with another, another."""
    other = tmp_path / "kohya.safetensors"
    save_file(kohya(load_file(file), alpha), other)
    away = difference(picture(bundle, case, Lora(file)), picture(bundle, case, Lora(other)))
    assert away < 1e-5 if alpha == 8.0 else away > 0.01
    assert difference(picture(bundle, case, Lora(other)), picture(bundle, case)) > 0.01


def test_merged_weights_are_the_formula(bundle: Bundle, file: Path) -> None:
    """W' = W + scale (alpha / rank) B A."""
    place = next(name for name in load_file(file) if name.endswith(".lora_A.weight") or name.endswith(".down.weight"))
    layer = place.removeprefix("unet.").rsplit(".lora", 1)[0]
    down = load_file(file)[place]
    up = load_file(file)[place.replace("lora_A", "lora_B").replace(".down.", ".up.")]
    unet = bundle.load("unet")
    before = dict(unet.named_parameters())[f"{layer}.weight"].clone()
    names = set(unet.state_dict())
    loras.merge_into_unet(unet, [loras.read(file, 0.5)])
    after = dict(unet.named_parameters())[f"{layer}.weight"]
    assert torch.allclose(after, before + 0.5 * (8 / 4) * up @ down, atol=1e-6)
    assert float((after - before).abs().max()) > 0.01
    assert set(unet.state_dict()) == names
    assert not any(p.requires_grad for p in unet.parameters())


def test_several_add_up(bundle: Bundle, case: Case, file: Path, tmp_path: Path) -> None:
    second = write_lora(bundle, tmp_path / "second", seed=1)
    chosen = (Lora(file, 0.7), Lora(second, 0.4))
    settings = replace(QUICK, loras=chosen)
    found = ours(bundle, settings, case)
    assert difference(found, stock(bundle, settings, case, controlled=False, referenced=False)) <= 1e-4
    assert difference(found, picture(bundle, case, *reversed(chosen))) < 1e-5
    assert difference(found, picture(bundle, case, chosen[0])) > 0.01


def test_text_encoders_too(bundle: Bundle, case: Case, tmp_path: Path) -> None:
    """A LoRA for the text encoder changes even the empty prompt, and is what the stock pipeline makes of it."""
    both = write_lora(bundle, tmp_path / "both", text=True)
    unet_only = tmp_path / "unet.safetensors"
    save_file(kohya({k: v for k, v in load_file(both).items() if k.startswith("unet.")}, 8.0), unet_only)
    settings = replace(QUICK, loras=(Lora(both, 0.6),))
    found = ours(bundle, settings, case)
    assert difference(found, stock(bundle, settings, case, controlled=False, referenced=False)) <= 1e-4
    assert difference(found, picture(bundle, case, Lora(unet_only, 0.6))) > 1e-3
    kohyas = tmp_path / "both.safetensors"
    save_file(kohya(load_file(both), 8.0), kohyas)
    assert difference(found, picture(bundle, case, Lora(kohyas, 0.6))) < 1e-5
    published = tmp_path / "published.safetensors"  # diffusers' naming, of text encoders whose layers had a prefix
    renamed = {k.replace("text_encoder.", "text_encoder.text_model."): v for k, v in load_file(both).items()}
    save_file(renamed, published)
    assert difference(picture(bundle, case, Lora(published, 1.2)), found) < 1e-5  # alpha / rank is 2, and unknown here


def test_a_folder_is_as_good_as_its_file(bundle: Bundle, case: Case, file: Path) -> None:
    assert difference(picture(bundle, case, Lora(file.parent)), picture(bundle, case, Lora(file))) == 0


def test_alpha_may_differ_from_layer_to_layer(bundle: Bundle, file: Path, tmp_path: Path) -> None:
    """And a layer without one has its rank for it."""
    named = kohya(load_file(file), 8.0)
    (first, second, *_) = [name for name in named if name.endswith(".alpha")]
    named[first] = torch.tensor(2.0)
    del named[second]
    save_file(named, tmp_path / "kohya.safetensors")
    lora = loras.read(tmp_path / "kohya.safetensors", 0.5)
    unet = bundle.load("unet")
    before = {name: value.clone() for name, value in unet.named_parameters()}
    loras.merge_into_unet(unet, [lora])
    plain = load_file(file)
    after = dict(unet.named_parameters())
    layers = sorted({name.removeprefix("unet.").rsplit(".lora", 1)[0] for name in plain})
    found = {}
    for layer in layers:
        sides = {name[-9:-7]: value for name, value in plain.items() if name.startswith(f"unet.{layer}.lora")}
        up, down = (next(v for k, v in sides.items() if k in ends) for ends in (("_B", "up"), ("_A", "wn")))
        change = after[f"{layer}.weight"] - before[f"{layer}.weight"]
        found[layer.replace(".", "_")] = float((change * (up @ down)).sum() / (up @ down).square().sum())
    key = "lora_unet_{}.alpha"
    assert {key.format(layer): round(value, 3) for layer, value in found.items()} == {
        key.format(layer.replace(".", "_")): 1.0 for layer in layers
    } | {first: 0.25, second: 0.5}


def _no_file(file: Path) -> Path:
    return file.with_name("nowhere.safetensors")


def _pickle(file: Path) -> Path:
    torch.save(load_file(file), file.with_suffix(".bin"))
    return file.with_suffix(".bin")


def _empty_folder(file: Path) -> Path:
    file.unlink()
    return file.parent


def _two_in_a_folder(file: Path) -> Path:
    for name in ("a.safetensors", "b.safetensors"):
        file.with_name(name).write_bytes(file.read_bytes())
    file.unlink()
    return file.parent


def _cut_off(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[:-1000])
    return file


def _another_architecture(file: Path) -> Path:
    save_file({name: torch.cat([value, value], 1) for name, value in load_file(file).items()}, file)
    return file


def _unknown_layer(file: Path) -> Path:
    save_file({name.replace("down_blocks.0", "down_blocks.9"): v for name, v in load_file(file).items()}, file)
    return file


def _no_lora(file: Path) -> Path:
    save_file({"weight": torch.zeros(2)}, file)
    return file


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_no_file, "no such LoRA"),
        (_pickle, "can run code"),
        (_empty_folder, "this has none"),
        (_two_in_a_folder, "this has 2 of them"),
        (_cut_off, "is cut off at key"),
        (_another_architecture, r"lora.* takes \d+ inputs"),
        (_unknown_layer, r"down_blocks\.9.*another architecture"),
        (_no_lora, "no LoRA weights for a UNet"),
    ],
)
def test_what_does_not_fit_is_named(bundle: Bundle, file: Path, plant: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        loras.merge_into_unet(bundle.load("unet"), [loras.read(plant(file), 1.0)])
    assert "\n" not in str(caught.value)


def _down(name: str) -> bool:
    return name.endswith((".lora_A.weight", ".lora.down.weight"))


def _changed(tensors: Tensors, change: Callable[[torch.Tensor], torch.Tensor], *, down: bool = True) -> Tensors:
    """With one tensor changed."""
    first = next(name for name in tensors if _down(name) == down)
    return {name: change(value) if name == first else value for name, value in tensors.items()}


def _one_lost(tensors: Tensors, *, down: bool) -> Tensors:
    lost = next(name for name in tensors if _down(name) == down)
    return {name: value for name, value in tensors.items() if name != lost}


MISFITS: dict[str, Callable[[Tensors], Tensors]] = {
    "a block renamed": lambda t: {name.replace("down_blocks.0", "down_blocks.7"): v for name, v in t.items()},
    "wider": lambda t: _changed(t, lambda v: torch.cat([v, v], 1)),
    "more outputs": lambda t: _changed(t, lambda v: torch.cat([v, v]), down=False),
    "another rank": lambda t: _changed(t, lambda v: v[:1]),
    "another number of axes": lambda t: _changed(t, lambda v: v[..., None, None]),
    "an up lost": lambda t: _one_lost(t, down=False),
    "a down lost": lambda t: _one_lost(t, down=True),
    "only ups": lambda t: {name: v for name, v in t.items() if not _down(name)},
    "only downs": lambda t: {name: v for name, v in t.items() if _down(name)},
    "integers": lambda t: {name: v.mul(100).to(torch.int32) for name, v in t.items()},
    "not a number": lambda t: _changed(t, lambda v: v * float("nan")),
    "infinite": lambda t: _changed(t, lambda v: v / 0, down=False),
    "a stranger": lambda t: {**t, "unet.foo.hada_w1_a": torch.zeros(2)},
    "another network's": lambda t: {**t, "text_encoder_2.foo.lora_A.weight": torch.zeros(2, 2)},
}


@pytest.mark.parametrize("naming", ["diffusers", "kohya"])
@pytest.mark.parametrize("misfit", MISFITS)
def test_nothing_is_left_out_in_silence(bundle: Bundle, file: Path, misfit: str, naming: str) -> None:
    tensors = MISFITS[misfit](load_file(file))
    if naming == "kohya":
        strange = {"lora_unet_foo.hada_w1_a": torch.zeros(2)} if misfit == "a stranger" else {}
        strange |= {"lora_te2_foo.lora_down.weight": torch.zeros(2, 2)} if misfit == "another network's" else {}
        known = {name: v for name, v in tensors.items() if "hada" not in name and "_2." not in name}
        tensors = {**kohya(known, 8.0), **strange}
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    unet = bundle.load("unet")
    with pytest.raises(ModelError, match=re.escape(str(file))) as caught:
        loras.merge_into_unet(unet, [loras.read(file, 1.0)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("alpha", [[float("nan")], [1.0, 2.0, 3.0]])
def test_a_wrong_alpha(bundle: Bundle, file: Path, alpha: list[float]) -> None:
    named = kohya(load_file(file), 8.0)
    save_file({name: torch.tensor(alpha) if name.endswith(".alpha") else v for name, v in named.items()}, file)
    with pytest.raises(ModelError, match=r"lora.*(alpha|not a LoRA)"):
        loras.merge_into_unet(bundle.load("unet"), [loras.read(file, 1.0)])


@pytest.mark.parametrize("change", ["a list", "unknown key", "NaN", "another rank"])
def test_metadata_that_misfits(bundle: Bundle, file: Path, change: str) -> None:
    with safe_open(str(file), framework="pt") as opened:
        told = json.loads(opened.metadata()["lora_adapter_metadata"])
    if change == "a list":
        told = []
    else:
        key, value = {
            "unknown key": ("unet.colour", 1),
            "NaN": ("unet.lora_alpha", float("nan")),
            "another rank": ("unet.r", 7),
        }[change]
        assert key in told or change == "unknown key"
        told[key] = value
    save_file(load_file(file), file, {"format": "pt", "lora_adapter_metadata": json.dumps(told)})
    with pytest.raises(ModelError, match=re.escape(str(file))) as caught:
        loras.merge_into_unet(bundle.load("unet"), [loras.read(file, 1.0)])
    assert "\n" not in str(caught.value)


def test_text_layers_are_not_left_out_either(bundle: Bundle, tmp_path: Path) -> None:
    both = write_lora(bundle, tmp_path / "both", text=True)
    tensors = load_file(both)
    text = next(name for name in tensors if name.startswith("text_encoder."))
    save_file({name: value for name, value in tensors.items() if name != text}, both)
    with pytest.raises(ModelError, match="without its"):
        loras.read(both, 1.0)
    renamed = {k.replace("layers.0", "layers.9") if "text" in k else k: v for k, v in tensors.items()}
    save_file(renamed, both)
    with pytest.raises(ModelError, match=r"layers of the text_encoder took it|does not fit this text encoder"):
        loras.add_to_text_encoder(bundle.load("text_encoder"), [loras.read(both, 1.0)])


def test_a_look_without_reading_the_weights(file: Path) -> None:
    assert loras.check(file.parent) == file
    with pytest.raises(ModelError, match="no such LoRA"):
        loras.check(file.with_name("nowhere.safetensors"))
