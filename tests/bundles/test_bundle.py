"""Opening a bundle and loading its components."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import wallpaint
from wallpaint.bundles import lock, prompts
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import COMPONENTS
from wallpaint.bundles.listing import describe_bundles
from wallpaint.bundles.manifest import MODEL_NAMES, read, write
from wallpaint.errors import InputError, ModelError


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def renamed(file: Path, rename: dict[str, str]) -> None:
    """Rename tensors of a file by substrings."""
    tensors = {}
    for key, value in load_file(file).items():
        for old, new in rename.items():
            key = key.replace(old, new)
        tensors[key] = value.clone()
    save_file(tensors, file, {"format": "pt"})


def test_bundle_properties(tiny_bundle: Path) -> None:
    bundle = wallpaint.load_bundle(tiny_bundle)
    assert (bundle.name, bundle.folder, bundle.random, bundle.native_px) == ("tiny", tiny_bundle, True, 64)
    assert bundle.description == "random weights: for tests"
    assert all(bundle.has(component) for component in (*MODEL_NAMES, "tokenizer", "scheduler", "ip_adapter"))
    assert not bundle.has("anything")


@pytest.mark.parametrize("component", COMPONENTS)
def test_load_returns_a_new_frozen_model_in_eval_mode(component: str, tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    model = bundle.load(component)
    assert type(model).__name__ == COMPONENTS[component].class_name
    assert not model.training
    assert {(p.device.type, p.dtype, p.requires_grad) for p in model.parameters()} == {("cpu", torch.float32, False)}
    first = next(model.parameters())
    before = first.clone()
    with torch.no_grad():
        first.add_(1)
    assert torch.equal(next(bundle.load(component).parameters()), before), "neither cached nor written to the file"
    assert next(bundle.load(component, torch.bfloat16).parameters()).dtype == torch.bfloat16


def test_ip_adapter_weights_load_into_the_unet_and_change_its_output(tiny_bundle: Path) -> None:
    """With the loader of diffusers."""
    bundle = load_bundle(tiny_bundle)
    unet = bundle.load("unet")
    unet._load_ip_adapter_weights(bundle.ip_adapter())
    z, prompt = torch.randn(1, 9, 8, 8), bundle.empty_prompt()
    with torch.no_grad():
        a, b = (
            unet(z, 500, prompt, added_cond_kwargs={"image_embeds": [torch.full((1, 1, 24), value)]}).sample
            for value in (-1.0, 1.0)
        )
    assert (a - b).std() > 0.01


def test_empty_prompt_equals_the_text_encoder_output_and_needs_no_encoder(copy: Path) -> None:
    bundle = load_bundle(copy)
    cached = bundle.empty_prompt()
    ids = torch.tensor([[512] + [513] * 76])
    with torch.no_grad():
        assert torch.equal(cached, bundle.load("text_encoder")(ids)[0])
    assert (cached.shape, cached.dtype) == ((1, 77, 32), torch.float32)
    shutil.rmtree(copy / "text_encoder")
    assert torch.equal(bundle.empty_prompt(), cached), "the text encoder is not needed"


def test_missing_empty_prompt_is_recomputed_and_written(copy: Path) -> None:
    bundle = load_bundle(copy)
    cached = bundle.empty_prompt()
    (copy / prompts.EMPTY_PROMPT_NAME).unlink()
    assert torch.equal(bundle.empty_prompt(), cached)
    assert (copy / prompts.EMPTY_PROMPT_NAME).is_file()
    assert not prompts.is_stale(copy, copy / "text_encoder")


def test_empty_prompt_is_returned_when_the_folder_is_read_only(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise InputError(f"{path}: cannot be written")

    (copy / prompts.EMPTY_PROMPT_NAME).unlink()
    monkeypatch.setattr(prompts, "put", refuse)
    assert load_bundle(copy).empty_prompt().shape == (1, 77, 32)
    assert not (copy / prompts.EMPTY_PROMPT_NAME).exists()


def test_empty_prompt_is_recomputed_when_the_text_encoder_changes(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle(copy)
    cached = bundle.empty_prompt()
    file = copy / "text_encoder/model.safetensors"
    tensors = {key: value.clone() for key, value in load_file(file).items()}
    tensors["text_model.final_layer_norm.bias"] += 1
    save_file(tensors, file, {"format": "pt"})
    recomputed = bundle.empty_prompt()
    assert torch.allclose(recomputed, cached + 1, atol=1e-5)
    assert not prompts.is_stale(copy, copy / "text_encoder")
    os.utime(file, ns=(1, 1))  # as after copying: the same bytes
    assert torch.equal(bundle.empty_prompt(), recomputed)
    monkeypatch.setattr(lock, "sha256", lambda path: pytest.fail("checksum of an unchanged file recomputed"))
    monkeypatch.setattr("wallpaint.bundles.components.load", lambda *_: pytest.fail("the text encoder was loaded"))
    assert torch.equal(bundle.empty_prompt(), recomputed)


def test_empty_prompt_of_a_plain_folder_is_cached_elsewhere(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain folder may be the hub's cache, so nothing is written to it; other weights are recomputed."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    expected = load_bundle(copy).empty_prompt()
    for name in ("bundle.toml", prompts.EMPTY_PROMPT_NAME, lock.STAMP_NAME):
        (copy / name).unlink()
    before = sorted(copy.rglob("*"))
    bundle = load_bundle(copy)
    assert torch.equal(bundle.empty_prompt(), expected)
    assert sorted(copy.rglob("*")) == before
    assert len(list((tmp_path / "home/wallpaint/prompts").iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr("wallpaint.bundles.components.load", lambda *_: pytest.fail("the text encoder was loaded"))
        assert torch.equal(bundle.empty_prompt(), expected)
    file = copy / "text_encoder/model.safetensors"
    tensors = {key: value.clone() for key, value in load_file(file).items()}
    tensors["text_model.final_layer_norm.bias"] += 1
    save_file(tensors, file, {"format": "pt"})
    assert torch.allclose(bundle.empty_prompt(), expected + 1, atol=1e-5)


def test_changed_scheduler_config_fails_the_lock(copy: Path) -> None:
    name = "scheduler/scheduler_config.json"
    path = copy / name
    entry = {"repo": "a/b", "commit": "0", "path": name, "size": path.stat().st_size, "sha256": lock.sha256(path)}
    lock.write(copy, {name: entry})
    assert load_bundle(copy).scheduler_config()["beta_end"] == 0.012
    path.write_text(path.read_text(encoding="utf-8").replace("0.012", "0.013"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"scheduler_config\.json: has sha256"):
        load_bundle(copy).scheduler_config()


def test_plain_diffusers_folder_opens(copy: Path) -> None:
    (copy / "bundle.toml").unlink()
    bundle = load_bundle(copy)
    assert (bundle.name, bundle.native_px, bundle.random) == ("copy", 64, False)
    assert bundle.load("unet").config.in_channels == 9
    assert not bundle.has("controlnet")
    with pytest.raises(ModelError, match=r"bundle \'copy\' at .* has no controlnet"):
        bundle.load("controlnet")


def test_component_path_outside_the_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle.toml").write_text(
        f'schema = "wallpaint.bundle/1"\nname = "parts"\nnative_px = 64\n[parts]\nvae = "{tiny_bundle}/vae"\n',
        encoding="utf-8",
    )
    assert load_bundle(tmp_path).load("vae").config.latent_channels == 4


def test_fp16_variant_is_loaded_where_there_is_no_other(copy: Path, tiny_bundle: Path) -> None:
    for folder, stem in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
        file = copy / folder / f"{stem}.safetensors"
        halves = {key: value.half() for key, value in load_file(file).items()}
        save_file(halves, file.with_name(f"{stem}.fp16.safetensors"), {"format": "pt"})
        file.unlink()
    bundle, original = load_bundle(copy), load_bundle(tiny_bundle)
    for component in ("unet", "text_encoder"):
        one, other = bundle.load(component).state_dict(), original.load(component).state_dict()
        assert all(torch.equal(one[key], other[key].half().float()) for key in one)


def test_key_names_of_older_files_load(copy: Path, tiny_bundle: Path) -> None:
    """Those of the published VAE and text encoder; and the published depth model omits unused keys."""
    old = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    renamed(copy / "vae/diffusion_pytorch_model.safetensors", old)
    for folder, tower, positions in (("text_encoder", "text_model", 77), ("models/image_encoder", "vision_model", 17)):
        tensors = {key: value.clone() for key, value in load_file(copy / folder / "model.safetensors").items()}
        tensors[f"{tower}.embeddings.position_ids"] = torch.arange(positions)[None]
        save_file(tensors, copy / folder / "model.safetensors", {"format": "pt"})
    unused = "neck.fusion_stage.layers.0.residual_layer1."
    tensors = load_file(copy / "depth/model.safetensors")
    used = {key: value.clone() for key, value in tensors.items() if not key.startswith(unused)}
    assert len(used) < len(tensors)
    save_file(used, copy / "depth/model.safetensors", {"format": "pt"})
    bundle, original = load_bundle(copy), load_bundle(tiny_bundle)
    for component in ("vae", "text_encoder", "image_encoder"):
        one, other = bundle.load(component).state_dict(), original.load(component).state_dict()
        assert all(torch.equal(one[key], other[key]) for key in other), component
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        depths = [each.load("depth")(image).predicted_depth for each in (bundle, original)]
    assert torch.equal(*depths)


def test_processor_config_falls_back_to_published_values(copy: Path) -> None:
    bundle = load_bundle(copy)
    assert bundle.processor("depth")["size"] == {"height": 64, "width": 64}
    (copy / "models/image_encoder/preprocessor_config.json").write_text(
        json.dumps({"crop_size": {"height": 42, "width": 40}, "size": {"shortest_edge": 42}, "image_std": [1, 1, 1]}),
        encoding="utf-8",
    )
    processor = bundle.processor("image_encoder")
    assert (processor["size"], processor["image_std"]) == ({"height": 42, "width": 40}, [1, 1, 1])
    assert processor["image_mean"] == [0.48145466, 0.4578275, 0.40821073]
    (copy / "depth/preprocessor_config.json").unlink()
    processor = bundle.processor("depth")
    assert (processor["image_mean"], processor["image_std"]) == ([0.5] * 3, [0.5] * 3)
    assert processor["size"] == {"height": 64, "width": 64}, "from the model's config"


def test_checksum_is_recomputed_only_for_changed_files(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "vae/diffusion_pytorch_model.safetensors"
    path = copy / name
    state = {"size": path.stat().st_size, "sha256": lock.sha256(path)}
    lock.write(copy, {name: {"repo": "a/b", "commit": "0", "path": name, **state}})
    computed: list[Path] = []
    sha256 = lock.sha256
    monkeypatch.setattr(lock, "sha256", lambda path: (computed.append(path), sha256(path))[1])
    bundle = load_bundle(copy)
    bundle.load("vae")
    bundle.load("unet")
    assert computed == []
    os.utime(path, ns=(1, 1))
    bundle.load("vae")
    bundle.load("vae")
    assert computed == [path], "once for the new modification time"
    assert lock.check(copy, recompute=True) == 1
    assert computed == [path, path]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"bytes, bundle.lock.json records"):
        bundle.load("vae")


def test_bundle_toml_round_trip(tmp_path: Path) -> None:
    from dataclasses import replace

    from wallpaint.bundles.manifest import Manifest

    manifest = Manifest(
        folder=tmp_path,
        name='quoted "name" \\ ü \x7f\n',
        native_px=256,
        paths={"unet": tmp_path / "a b"},
        description="line",
        random=True,
        raw_paths={"unet": "a b"},
    )
    write(manifest)
    assert read(tmp_path) == manifest
    write(replace(manifest, raw_paths={"checkpoint": "x.safetensors"}, configuration="mini"))
    assert read(tmp_path).configuration == "mini"


def test_list_shows_built_in_bundles_and_folders(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    text = "\n".join(describe_bundles([tiny_bundle, tmp_path / "none"]))
    assert "sd15: not installed; fetch it with `wallpaint models pull sd15`" in text
    assert "859,535,364" in text
    assert f"tiny: {tiny_bundle} (random weights)" in text
    assert "794,404" in text
    assert f"{tmp_path / 'none'}: cannot be used" in text


def test_built_in_names_resolve_to_the_bundles_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"fetch it with `wallpaint models pull sd15-plus`$"):
        load_bundle("sd15-plus")
    (tmp_path / "sd15-plus").mkdir()
    with pytest.raises(ModelError, match=r", or write \./sd15-plus for the folder of that name here$"):
        load_bundle("sd15-plus")
    (tmp_path / "wallpaint").mkdir()
    (tmp_path / "wallpaint" / "sd15").symlink_to(tiny_bundle)
    assert load_bundle("sd15").name == "tiny"


def test_models_help_imports_no_torch() -> None:
    code = (
        "import sys; from wallpaint.cli.app import main; assert main(['models', '--help']) == 0;"
        "heavy = {'torch', 'diffusers', 'transformers', 'huggingface_hub', 'safetensors'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("list", "pull", "verify", "random"))
