"""LoRA files of other programs: namings of keys, where alpha is, and adapters that are no plain LoRA."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from support import ldm_names
from support.stock_pipelines import write_lora
from wallpaint import ModelError
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion import lora_names, loras

Tensors = dict[str, torch.Tensor]
RANK, ALPHA = 4, 8


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def layers_per_block(bundle: Bundle) -> int:
    return int(bundle.config("unet")["layers_per_block"])


@pytest.fixture(scope="module")
def plain(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Tensors:
    """Weights by layer name and peft's ending, without prefix."""
    file = write_lora(bundle, tmp_path_factory.mktemp("lora"), rank=RANK, alpha=ALPHA)
    endings = {".lora.down.": ".lora_A.", ".lora.up.": ".lora_B."}
    tensors = {}
    for name, value in load_file(file).items():
        for old, new in endings.items():
            name = name.replace(old, new)
        tensors[name.removeprefix("unet.")] = value
    return tensors


def merged(bundle: Bundle, path: Path, layers_per_block: int) -> Tensors:
    """The UNet's weights after merging, at scale 1."""
    unet = bundle.load("unet")
    loras.merge_into_unet(unet, [loras.read(path, 1.0, layers_per_block)])
    return {name: value.clone() for name, value in unet.state_dict().items()}


def by_formula(bundle: Bundle, plain: Tensors, scale: float) -> Tensors:
    """W' = W + scale B A."""
    weights = {name: value.clone() for name, value in bundle.load("unet").state_dict().items()}
    for name, down in plain.items():
        if name.endswith(".lora_A.weight"):
            change = plain[name.replace("lora_A", "lora_B")] @ down
            weights[name.replace(".lora_A", "")] += scale * change
    return weights


def distance(one: Tensors, other: Tensors) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def prefixed(prefix: str) -> Callable[[Tensors, int], Tensors]:
    return lambda plain, layers: {prefix + name: value for name, value in plain.items()}


def old_diffusers(plain: Tensors, layers: int) -> Tensors:
    """down_blocks...attn1.processor.to_q_lora.down.weight, without prefix."""
    names = {"lora_A": "down", "lora_B": "up"}
    pattern = r"\.(to_q|to_k|to_v|to_out)(?:\.0)?\.(lora_A|lora_B)\."
    return {re.sub(pattern, lambda m: f".processor.{m[1]}_lora.{names[m[2]]}.", name): v for name, v in plain.items()}


def with_adapter_name(plain: Tensors, layers: int) -> Tensors:
    return {f"base_model.model.{name.replace('.weight', '.default.weight')}": v for name, v in plain.items()}


def ldm(prefix: str) -> Callable[[Tensors, int], Tensors]:
    def convert(plain: Tensors, layers: int) -> Tensors:
        named = ldm_names.unet(plain, layers)
        return {prefix + name.removeprefix("model.diffusion_model."): value for name, value in named.items()}

    return convert


def kohya_ldm(plain: Tensors, layers: int) -> Tensors:
    named: Tensors = {}
    for name, value in ldm("")(plain, layers).items():
        layer, _, side = name.removesuffix(".weight").rpartition(".")
        key = f"lora_unet_{layer.replace('.', '_')}"
        named[f"{key}.lora_{'down' if side == 'lora_A' else 'up'}.weight"] = value
    return named


NAMINGS: Mapping[str, Callable[[Tensors, int], Tensors]] = {
    "peft": prefixed("base_model.model."),
    "peft of a pipeline": prefixed("base_model.model.unet."),
    "peft with adapter name": with_adapter_name,
    "no prefix": prefixed(""),
    "twice": prefixed("unet.unet."),
    "old diffusers": old_diffusers,
    "LDM": ldm(""),
    "LDM with prefix": ldm("diffusion_model."),
    "LDM with full prefix": ldm("model.diffusion_model."),
    "LDM of kohya": kohya_ldm,
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_naming_gives_the_weights_of_the_formula_and_a_note_on_alpha(
    bundle: Bundle, plain: Tensors, layers_per_block: int, tmp_path: Path, naming: str
) -> None:
    """No file has alpha: the scale is 1."""
    file = tmp_path / "lora.safetensors"
    save_file(NAMINGS[naming](plain, layers_per_block), file)
    assert distance(merged(bundle, file, layers_per_block), by_formula(bundle, plain, 1.0)) < 1e-5
    assert loras.read(file, 1.0, layers_per_block).notes == (
        "lora.safetensors: alpha is neither in the file nor in adapter_config.json beside it: scale 1",
    )


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_ldm_names_are_those_of_the_converter_for_whole_networks(bundle: Bundle, layers: int) -> None:
    """All layers, resnets and resamplers too, not the attention only."""
    checked = 0
    for name in bundle.load("unet").state_dict():
        indices = [int(number) for number in re.findall(r"_blocks\.\d+\.(?:resnets|attentions)\.(\d+)", name)]
        if "down_blocks" in name and max(indices, default=0) >= layers:  # LDM has no such layer
            continue
        (theirs,) = ldm_names.unet({name: torch.zeros(1)}, layers)
        assert theirs != name
        assert lora_names.canonical(theirs, layers) == f"unet.{name}"
        checked += 1
    assert checked > 100


def write_config(folder: Path, **values: object) -> None:
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "use_rslora": False, "use_dora": False}
    (folder / "adapter_config.json").write_bytes(json.dumps(config | values).encode("utf-8-sig"))


def test_alpha_of_the_config_beside_the_file(
    bundle: Bundle, plain: Tensors, layers_per_block: int, tmp_path: Path
) -> None:
    save_file(prefixed("base_model.model.")(plain, 1), tmp_path / "adapter_model.safetensors")
    write_config(tmp_path)
    assert distance(merged(bundle, tmp_path, layers_per_block), by_formula(bundle, plain, ALPHA / RANK)) < 1e-5
    assert loras.read(tmp_path, 1.0).notes == ()
    (tmp_path / "._adapter_model.safetensors").write_bytes(b"\0\5\26\7")
    write_config(tmp_path, alpha_pattern={"to_q": 2})
    expected = by_formula(bundle, {k: v for k, v in plain.items() if ".to_q." not in k}, ALPHA / RANK)
    queries = by_formula(bundle, {k: v for k, v in plain.items() if ".to_q." in k}, 2 / RANK)
    expected |= {name: value for name, value in queries.items() if ".to_q." in name}
    assert distance(merged(bundle, tmp_path, layers_per_block), expected) < 1e-5


def test_alpha_of_metadata_without_prefix(
    bundle: Bundle, plain: Tensors, layers_per_block: int, tmp_path: Path
) -> None:
    """As unet.save_lora_adapter writes it."""
    unet = bundle.load("unet")
    from peft import LoraConfig

    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    for name, parameter in unet.named_parameters():
        if "lora_" in name:
            parameter.data = plain[name.replace(".default.", ".")]
    unet.save_lora_adapter(str(tmp_path), adapter_name="default")
    assert distance(merged(bundle, tmp_path, layers_per_block), by_formula(bundle, plain, ALPHA / RANK)) < 1e-5
    assert loras.read(tmp_path, 1.0).notes == ()


def test_alpha_of_dotted_tensors_and_of_kohyas_metadata(
    bundle: Bundle, plain: Tensors, layers_per_block: int, tmp_path: Path
) -> None:
    layers = {name.partition(".lora_")[0] for name in plain}
    dotted = {f"unet.{name}": value for name, value in plain.items()}
    dotted |= {f"unet.{layer}.alpha": torch.tensor(2.0) for layer in layers}
    save_file(dotted, tmp_path / "dotted.safetensors")
    expected = by_formula(bundle, plain, 2 / RANK)
    assert distance(merged(bundle, tmp_path / "dotted.safetensors", layers_per_block), expected) < 1e-5
    file = tmp_path / "kohya.safetensors"
    save_file(kohya_ldm(plain, layers_per_block), file, {"ss_network_alpha": "2.0"})
    assert distance(merged(bundle, file, layers_per_block), expected) < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_rslora": True}, "is rsLoRA"),
        ({"use_dora": True}, "is DoRA"),
        ({"peft_type": "LOKR"}, "is LOKR"),
        ({"r": 7}, "is of rank 4, adapter_config.json beside it of 7"),
        ({"lora_alpha": "eight"}, "lora_alpha is 'eight'"),
    ],
)
def test_config_of_another_adapter_is_refused(
    plain: Tensors, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    save_file(prefixed("base_model.model.")(plain, 1), tmp_path / "adapter_model.safetensors")
    write_config(tmp_path, **change)
    with pytest.raises(ModelError, match=re.escape(message)):
        loras.read(tmp_path, 1.0)


def test_rslora_of_metadata_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    file = write_lora(bundle, tmp_path)
    with safe_open(str(file), framework="pt") as opened:
        metadata = json.loads(opened.metadata()["lora_adapter_metadata"])
    save_file(load_file(file), file, {"lora_adapter_metadata": json.dumps(metadata | {"unet.use_rslora": True})})
    with pytest.raises(ModelError, match="is rsLoRA"):
        loras.check(file)
    arguments = {"ss_network_args": json.dumps({"algo": "lora", "rs_lora": "True"})}
    save_file(load_file(file), file, arguments)
    with pytest.raises(ModelError, match="is rsLoRA"):
        loras.check(file)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("lora_unet_x.dora_scale", "is of DoRA,"),
        ("unet.x.lora_magnitude_vector", "is of DoRA,"),
        ("lora_unet_x.hada_w1_a", "is of LoHa,"),
        ("lora_unet_x.lokr_w1", "is of LoKr,"),
        ("lora_unet_x.oft_blocks", "is of OFT,"),
        ("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "is of Stable Diffusion XL, another arch"),
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "is of Flux, another architecture"),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "diffusion transformer, another arch"),
        ("my_lora.block_3.query.lora_A.weight", "is of an unknown naming: "),
        ("weight", "holds no LoRA weights for a UNet (first key weight)"),
    ],
)
def test_other_files_are_refused_by_what_they_are(tmp_path: Path, key: str, message: str) -> None:
    save_file({key: torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=re.escape(message)):
        loras.check(tmp_path / "x.safetensors")


def test_one_layer_in_two_namings_is_refused(plain: Tensors, tmp_path: Path) -> None:
    name, value = next(iter(plain.items()))
    save_file({f"unet.{name}": value, f"base_model.model.{name}": value.clone()}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="is a duplicate in another naming"):
        loras.read(tmp_path / "x.safetensors", 1.0)
