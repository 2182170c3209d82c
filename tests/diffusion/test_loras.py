"""LoRA files: two namings, alpha, several LoRAs, and files that do not fit."""

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
from wallpaint.diffusion.settings import DiffusionSettings, Lora

SETTINGS = DiffusionSettings(steps=2, dtype="float32", device="cpu", controlnet_scale=0.0, ip_adapter_scale=0.0)
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
    """Rename weights to kohya's naming, which ComfyUI and A1111 read."""
    named: Tensors = {}
    for name, value in tensors.items():
        network, rest = name.split(".", 1)
        layer, side = rest.rsplit(".lora", 1)
        is_down = side.endswith(("_A.weight", "down.weight"))
        if network == "text_encoder" and not layer.startswith("text_model."):
            layer = f"text_model.{layer}"  # as in the published text encoder
        prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[network] + layer.replace(".", "_")
        named[f"{prefix}.lora_{'down' if is_down else 'up'}.weight"] = value
        named[f"{prefix}.alpha"] = torch.tensor(alpha)
    return named


def image(bundle: Bundle, case: Case, *selected: Lora) -> torch.Tensor:
    return ours(bundle, replace(SETTINGS, loras=selected), case)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize("alpha", [8.0, 2.0])
def test_diffusers_and_kohya_namings_give_the_same_image(
    bundle: Bundle, case: Case, file: Path, tmp_path: Path, alpha: float
) -> None:
    """With equal alpha the images are equal; with another alpha they differ."""
    other = tmp_path / "kohya.safetensors"
    save_file(kohya(load_file(file), alpha), other)
    distance = difference(image(bundle, case, Lora(file)), image(bundle, case, Lora(other)))
    assert distance < 1e-5 if alpha == 8.0 else distance > 0.01
    assert difference(image(bundle, case, Lora(other)), image(bundle, case)) > 0.01


def test_merged_weights_equal_the_formula(bundle: Bundle, file: Path) -> None:
    """W' = W + scale (alpha / rank) B A."""
    key = next(name for name in load_file(file) if name.endswith(".lora_A.weight") or name.endswith(".down.weight"))
    layer = key.removeprefix("unet.").rsplit(".lora", 1)[0]
    down = load_file(file)[key]
    up = load_file(file)[key.replace("lora_A", "lora_B").replace(".down.", ".up.")]
    unet = bundle.load("unet")
    before = dict(unet.named_parameters())[f"{layer}.weight"].clone()
    names = set(unet.state_dict())
    loras.merge_into_unet(unet, [loras.read(file, 0.5)])
    after = dict(unet.named_parameters())[f"{layer}.weight"]
    assert torch.allclose(after, before + 0.5 * (8 / 4) * up @ down, atol=1e-6)
    assert float((after - before).abs().max()) > 0.01
    assert set(unet.state_dict()) == names
    assert not any(p.requires_grad for p in unet.parameters())


def test_several_loras_add_up(bundle: Bundle, case: Case, file: Path, tmp_path: Path) -> None:
    second = write_lora(bundle, tmp_path / "second", seed=1)
    selected = (Lora(file, 0.7), Lora(second, 0.4))
    settings = replace(SETTINGS, loras=selected)
    actual = ours(bundle, settings, case)
    assert difference(actual, stock(bundle, settings, case, with_controlnet=False, with_ip_adapter=False)) <= 1e-4
    assert difference(actual, image(bundle, case, *reversed(selected))) < 1e-5
    assert difference(actual, image(bundle, case, selected[0])) > 0.01


def test_lora_for_the_text_encoder_equals_the_stock_pipeline(bundle: Bundle, case: Case, tmp_path: Path) -> None:
    """It changes the empty prompt too."""
    both = write_lora(bundle, tmp_path / "both", text=True)
    unet_only = tmp_path / "unet.safetensors"
    save_file(kohya({k: v for k, v in load_file(both).items() if k.startswith("unet.")}, 8.0), unet_only)
    settings = replace(SETTINGS, loras=(Lora(both, 0.6),))
    actual = ours(bundle, settings, case)
    assert difference(actual, stock(bundle, settings, case, with_controlnet=False, with_ip_adapter=False)) <= 1e-4
    assert difference(actual, image(bundle, case, Lora(unet_only, 0.6))) > 1e-3
    kohyas = tmp_path / "both.safetensors"
    save_file(kohya(load_file(both), 8.0), kohyas)
    assert difference(actual, image(bundle, case, Lora(kohyas, 0.6))) < 1e-5
    published = tmp_path / "published.safetensors"  # diffusers' naming with the older layer prefix
    renamed = {k.replace("text_encoder.", "text_encoder.text_model."): v for k, v in load_file(both).items()}
    save_file(renamed, published)
    assert (
        difference(image(bundle, case, Lora(published, 1.2)), actual) < 1e-5
    )  # alpha / rank is 2, and this file has no alpha


def test_lora_folder_equals_its_file(bundle: Bundle, case: Case, file: Path) -> None:
    assert difference(image(bundle, case, Lora(file.parent)), image(bundle, case, Lora(file))) == 0


def test_alpha_per_layer(bundle: Bundle, file: Path, tmp_path: Path) -> None:
    """For a layer without alpha, alpha is its rank."""
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
    scales = {}
    for layer in layers:
        sides = {name[-9:-7]: value for name, value in plain.items() if name.startswith(f"unet.{layer}.lora")}
        up, down = (next(v for k, v in sides.items() if k in ends) for ends in (("_B", "up"), ("_A", "wn")))
        change = after[f"{layer}.weight"] - before[f"{layer}.weight"]
        scales[layer.replace(".", "_")] = float((change * (up @ down)).sum() / (up @ down).square().sum())
    key = "lora_unet_{}.alpha"
    assert {key.format(layer): round(value, 3) for layer, value in scales.items()} == {
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


def _two_files_in_a_folder(file: Path) -> Path:
    for name in ("a.safetensors", "b.safetensors"):
        file.with_name(name).write_bytes(file.read_bytes())
    file.unlink()
    return file.parent


def _truncated(file: Path) -> Path:
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
    ("damage", "message"),
    [
        (_no_file, "no such LoRA"),
        (_pickle, "can run code"),
        (_empty_folder, "this has 0"),
        (_two_files_in_a_folder, "this has 2"),
        (_truncated, "is truncated at key"),
        (_another_architecture, r"lora.* takes \d+ inputs"),
        (_unknown_layer, r"down_blocks\.9.*another architecture"),
        (_no_lora, "no LoRA weights for a UNet"),
    ],
)
def test_lora_that_does_not_fit_raises(
    bundle: Bundle, file: Path, damage: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        loras.merge_into_unet(bundle.load("unet"), [loras.read(damage(file), 1.0)])
    assert "\n" not in str(caught.value)


def _is_down(name: str) -> bool:
    return name.endswith((".lora_A.weight", ".lora.down.weight"))


def _changed(tensors: Tensors, change: Callable[[torch.Tensor], torch.Tensor], *, down: bool = True) -> Tensors:
    """Change one tensor."""
    first = next(name for name in tensors if _is_down(name) == down)
    return {name: change(value) if name == first else value for name, value in tensors.items()}


def _without_one(tensors: Tensors, *, down: bool) -> Tensors:
    removed = next(name for name in tensors if _is_down(name) == down)
    return {name: value for name, value in tensors.items() if name != removed}


MISFITS: dict[str, Callable[[Tensors], Tensors]] = {
    "a renamed block": lambda t: {name.replace("down_blocks.0", "down_blocks.7"): v for name, v in t.items()},
    "more inputs": lambda t: _changed(t, lambda v: torch.cat([v, v], 1)),
    "more outputs": lambda t: _changed(t, lambda v: torch.cat([v, v]), down=False),
    "another rank": lambda t: _changed(t, lambda v: v[:1]),
    "another number of axes": lambda t: _changed(t, lambda v: v[..., None, None]),
    "an up weight missing": lambda t: _without_one(t, down=False),
    "a down weight missing": lambda t: _without_one(t, down=True),
    "only up weights": lambda t: {name: v for name, v in t.items() if not _is_down(name)},
    "only down weights": lambda t: {name: v for name, v in t.items() if _is_down(name)},
    "integers": lambda t: {name: v.mul(100).to(torch.int32) for name, v in t.items()},
    "NaN": lambda t: _changed(t, lambda v: v * float("nan")),
    "infinite": lambda t: _changed(t, lambda v: v / 0, down=False),
    "an unsupported key": lambda t: {**t, "unet.foo.hada_w1_a": torch.zeros(2)},
    "another network's": lambda t: {**t, "text_encoder_2.foo.lora_A.weight": torch.zeros(2, 2)},
}


@pytest.mark.parametrize("naming", ["diffusers", "kohya"])
@pytest.mark.parametrize("misfit", MISFITS)
def test_every_misfit_tensor_raises(bundle: Bundle, file: Path, misfit: str, naming: str) -> None:
    tensors = MISFITS[misfit](load_file(file))
    if naming == "kohya":
        extra = {"lora_unet_foo.hada_w1_a": torch.zeros(2)} if misfit == "an unsupported key" else {}
        extra |= {"lora_te2_foo.lora_down.weight": torch.zeros(2, 2)} if misfit == "another network's" else {}
        known = {name: v for name, v in tensors.items() if "hada" not in name and "_2." not in name}
        tensors = {**kohya(known, 8.0), **extra}
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    unet = bundle.load("unet")
    with pytest.raises(ModelError, match=re.escape(str(file))) as caught:
        loras.merge_into_unet(unet, [loras.read(file, 1.0)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("alpha", [[float("nan")], [1.0, 2.0, 3.0]])
def test_invalid_alpha_raises(bundle: Bundle, file: Path, alpha: list[float]) -> None:
    named = kohya(load_file(file), 8.0)
    save_file({name: torch.tensor(alpha) if name.endswith(".alpha") else v for name, v in named.items()}, file)
    with pytest.raises(ModelError, match=r"lora.*(alpha|cannot be read)"):
        loras.merge_into_unet(bundle.load("unet"), [loras.read(file, 1.0)])


@pytest.mark.parametrize("change", ["a list", "unknown key", "NaN", "another rank"])
def test_invalid_metadata_raises(bundle: Bundle, file: Path, change: str) -> None:
    with safe_open(str(file), framework="pt") as opened:
        metadata = json.loads(opened.metadata()["lora_adapter_metadata"])
    if change == "a list":
        metadata = []
    else:
        key, value = {
            "unknown key": ("unet.colour", 1),
            "NaN": ("unet.lora_alpha", float("nan")),
            "another rank": ("unet.r", 7),
        }[change]
        assert key in metadata or change == "unknown key"
        metadata[key] = value
    save_file(load_file(file), file, {"format": "pt", "lora_adapter_metadata": json.dumps(metadata)})
    with pytest.raises(ModelError, match=re.escape(str(file))) as caught:
        loras.merge_into_unet(bundle.load("unet"), [loras.read(file, 1.0)])
    assert "\n" not in str(caught.value)


def test_incomplete_text_encoder_layers_raise(bundle: Bundle, tmp_path: Path) -> None:
    both = write_lora(bundle, tmp_path / "both", text=True)
    tensors = load_file(both)
    text = next(name for name in tensors if name.startswith("text_encoder."))
    save_file({name: value for name, value in tensors.items() if name != text}, both)
    with pytest.raises(ModelError, match="without its"):
        loras.read(both, 1.0)
    renamed = {k.replace("layers.0", "layers.9") if "text" in k else k: v for k, v in tensors.items()}
    save_file(renamed, both)
    with pytest.raises(ModelError, match=r"layers were loaded into the text_encoder|does not fit this text encoder"):
        loras.add_to_text_encoder(bundle.load("text_encoder"), [loras.read(both, 1.0)])


def test_the_folder_of_a_run_names_that_of_its_lora(tmp_path: Path) -> None:
    (tmp_path / "run/lora").mkdir(parents=True)
    with pytest.raises(ModelError) as caught:
        loras.check(tmp_path / "run")
    assert str(caught.value) == f"{tmp_path / 'run'}: is the folder of a run: name {tmp_path / 'run/lora'}"


def test_check_returns_the_file_without_reading_weights(file: Path) -> None:
    assert loras.check(file.parent) == file
    with pytest.raises(ModelError, match="no such LoRA"):
        loras.check(file.with_name("nowhere.safetensors"))
