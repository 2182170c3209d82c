"""LoRA training runs: encoder calls, reproducibility, exported files, resume."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from support.lora_recipes import recipe
from support.training_runs import curves
from support.training_sets import write_set
from wallpaint import ConfigError
from wallpaint.bundles.bundle import load_bundle
from wallpaint.cli.app import main
from wallpaint.data.latent_cache import LatentCache
from wallpaint.errors import ModelError
from wallpaint.train.engine import checkpoint
from wallpaint.train.engine.config import CONFIG_FILE
from wallpaint.train.lora import export
from wallpaint.train.lora.config import MODES, ObjectiveConfig, read
from wallpaint.train.lora.job import LORA_DIR, LoraReport, run
from wallpaint.train.lora.task import InpaintingTask

from support.paths import ROOT  # isort: skip


ZERO_SNR: dict[str, Any] = {
    "objective": {"prediction": "v_prediction", "timestep_spacing": "trailing", "zero_terminal_snr": True}
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def trained(tiny_bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LoraReport]:
    folder = tmp_path_factory.mktemp("run") / "run"
    return folder, run(recipe(tiny_bundle, data), folder)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.safetensors")
    }


def test_cached_training_calls_no_frozen_network(trained: tuple[Path, LoraReport]) -> None:
    """Two VAE calls (image, masked image) for each version of each sample, all before the first step."""
    folder, report = trained
    assert report.encoded == 5 * 2
    assert report.calls == {"vae": 2 * 5 * 2, "text_encoder": 0, "image_encoder": 0, "depth": 0}
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(0.1 < line["loss"] < 30 for line in lines)


def test_second_run_reads_the_filled_cache(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    shared = recipe(tiny_bundle, data, cache={"folder": str(tmp_path / "latents")}, loop={"steps": 2})
    assert run(shared, tmp_path / "one").calls["vae"] == 20
    assert run(shared, tmp_path / "two").calls["vae"] == 0
    item = next((tmp_path / "latents").rglob("*.safetensors"))
    item.write_bytes(item.read_bytes()[:-1])
    assert run(shared, tmp_path / "three").calls["vae"] == 2  # only the damaged one
    other = replace(shared, samples=replace(shared.samples, erosion_px=1.0))
    assert run(other, tmp_path / "four").calls["vae"] == 20


def test_training_without_cache_reports_encoder_calls(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    uncached = recipe(tiny_bundle, data, cache={"variants": 0})
    assert run(uncached, tmp_path).calls == {"vae": 2 * 6, "text_encoder": 0, "image_encoder": 0, "depth": 0}
    assert not (tmp_path / "latents").exists()


def test_captions_are_encoded_by_the_text_encoder(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    captioned = recipe(tiny_bundle, data, conditioning={"captions": True})
    report = run(captioned, tmp_path)
    assert report.calls["text_encoder"] == report.encoded == 10
    without = load_file(run(recipe(tiny_bundle, data), tmp_path / "without").files["diffusers"])
    assert any(not torch.equal(without[name], value) for name, value in load_file(report.files["diffusers"]).items())


def test_only_the_lora_changes(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """Hashes of the bundle's files, all frozen tensors in memory, and the LoRA's tensors."""
    before = hashes(tiny_bundle)
    config = recipe(tiny_bundle, data)
    bundle = load_bundle(tiny_bundle)
    original = {name: value.clone() for name, value in bundle.load("unet").state_dict().items()}
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.train.engine.loop import fit

    samples = WallInpaintingDataset(data, "train", config.samples, 0)
    task = InpaintingTask(bundle, samples, config)
    start = {name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad}
    fit(task, config.loop, config.optimizer, tmp_path, seed=0, digest="x", device="cpu")
    after = task.network.state_dict()
    frozen = {name.replace(".base_layer", ""): value for name, value in after.items() if "lora_" not in name}
    assert frozen.keys() == original.keys()
    assert all(torch.equal(frozen[name], value) for name, value in original.items())
    assert all(not torch.equal(after[name], value) for name, value in start.items())
    assert set(start) == {name for name in after if "lora_" in name}
    assert hashes(tiny_bundle) == before


def test_repeated_run_is_bit_equal_and_another_seed_is_not(
    trained: tuple[Path, LoraReport], tiny_bundle: Path, data: Path, tmp_path: Path
) -> None:
    again = run(recipe(tiny_bundle, data, loop={"num_workers": 2}), tmp_path / "run")
    assert again.files["diffusers"].read_bytes() == trained[1].files["diffusers"].read_bytes()
    other = run(recipe(tiny_bundle, data, seed=1), tmp_path / "other")
    assert other.files["diffusers"].read_bytes() != again.files["diffusers"].read_bytes()


def test_gradient_checkpointing_gives_bit_equal_lora(
    trained: tuple[Path, LoraReport], tiny_bundle: Path, data: Path, tmp_path: Path
) -> None:
    again = run(recipe(tiny_bundle, data, loop={"gradient_checkpointing": True}), tmp_path)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        for folder in (tmp_path, trained[0])
    ]
    assert losses[0] == losses[1]
    assert again.files["diffusers"].read_bytes() == trained[1].files["diffusers"].read_bytes()


def test_stock_diffusers_pipeline_loads_the_lora_bit_equal(trained: tuple[Path, LoraReport], tiny_bundle: Path) -> None:
    """The UNet's output after loading equals that of the trained network."""
    from diffusers import StableDiffusionInpaintPipeline

    folder, report = trained
    unet = load_bundle(tiny_bundle).load("unet")
    config = recipe(tiny_bundle, Path())
    from wallpaint.train.lora.adapter import add_lora

    add_lora(unet, torch.Generator(), rank=config.lora.rank, alpha=config.lora.alpha)
    weights = load_file(folder / "checkpoints" / "step_00000006" / "tensors.safetensors")
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "lora_" in name:
                parameter.copy_(weights[f"weight/{name}"])
    x, text = torch.randn(1, 9, 16, 16), torch.randn(1, 77, unet.config.cross_attention_dim)
    with torch.inference_mode():
        expected = unet(x, torch.tensor(7), text).sample
        plain = load_bundle(tiny_bundle).load("unet")(x, torch.tensor(7), text).sample
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(tiny_bundle, local_files_only=True)
    pipeline.load_lora_weights(str(report.files["diffusers"].parent), weight_name=export.DIFFUSERS_FILE)
    with torch.inference_mode():
        loaded = pipeline.unet.eval()(x, torch.tensor(7), text).sample
    assert torch.equal(loaded, expected)
    assert float((loaded - plain).abs().max()) > 1e-4
    pipeline.unload_lora_weights()
    pipeline.load_lora_weights(str(report.files["kohya"].parent), weight_name=export.KOHYA_FILE)
    with torch.inference_mode():
        assert torch.equal(pipeline.unet.eval()(x, torch.tensor(7), text).sample, expected)


def test_kohya_file_converts_back_to_the_diffusers_weights(trained: tuple[Path, LoraReport]) -> None:
    from diffusers import StableDiffusionInpaintPipeline

    _, report = trained
    folder = str(report.files["kohya"].parent)
    back, alphas = StableDiffusionInpaintPipeline.lora_state_dict(folder, weight_name=export.KOHYA_FILE)
    original, _ = StableDiffusionInpaintPipeline.lora_state_dict(folder, weight_name=export.DIFFUSERS_FILE)
    assert set(alphas.values()) == {8.0}
    assert len(back) == len(original) > 0

    def plain(name: str) -> str:
        """Unify the three naming schemes of diffusers."""
        name = name.replace("lora_A", "lora.down").replace("lora_B", "lora.up").replace(".processor.", ".")
        return name.replace("to_out_lora", "to_out.0_lora").replace("_lora.", ".lora.")

    renamed = {plain(name): value for name, value in back.items()}
    assert all(torch.equal(renamed[plain(name)], value) for name, value in original.items())


def test_run_folder_holds_config_and_lora_files(
    trained: tuple[Path, LoraReport], tiny_bundle: Path, data: Path
) -> None:
    folder, _ = trained
    assert read(folder / CONFIG_FILE) == recipe(tiny_bundle, data)
    card = (folder / LORA_DIR / "README.md").read_text(encoding="utf-8")
    assert "rank 4, alpha 8" in card
    assert "The bundle has random weights" in card
    assert sorted(path.name for path in (folder / LORA_DIR).iterdir()) == sorted(
        ["README.md", export.DIFFUSERS_FILE, export.KOHYA_FILE]
    )


def test_painter_gives_the_same_result_with_both_lora_formats(
    trained: tuple[Path, LoraReport], tiny_bundle: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And another one than without LoRA."""
    command = ["repaint", str(files / "photo.png"), "--mask", str(files / "mask.png"), "--color", "#7d9b84"]
    _, report = trained
    folder = str(report.files["diffusers"].parent)  # it has two LoRA files, one with the standard name
    results = {}
    for name, lora in (("none", []), ("kohya", ["--lora", str(report.files["kohya"])]), ("folder", ["--lora", folder])):
        options = ["--bundle", str(tiny_bundle), "--steps", "1", "--match", "room", "-o", str(files / f"{name}.png")]
        assert main([*command, *options, *lora]) == 0
        results[name] = np.asarray(Image.open(files / f"{name}.png")).astype(int)
    capsys.readouterr()
    assert np.array_equal(results["kohya"], results["folder"])
    assert np.abs(results["folder"] - results["none"]).max() > 0


def test_train_command_runs_resumes_and_refuses(
    tiny_bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    from wallpaint.train.engine.config import to_mapping

    path.write_text(yaml.safe_dump(to_mapping(recipe(tiny_bundle, data, loop={"steps": 2}))), encoding="utf-8")
    command = ["train", str(path), "-o", str(tmp_path / "run")]
    assert main(command) == 0
    assert "2 of 2 steps on 5 samples" in capsys.readouterr().out
    assert main(command) == 2
    assert "--resume latest" in capsys.readouterr().err
    assert main([*command, "--resume", "latest"]) == 0
    assert main([*command, "--resume", "newest"]) == 2
    path.write_text(path.read_text(encoding="utf-8").replace("size: 64", "size: 72"), encoding="utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "other")]) == 2
    assert "samples.size must be a multiple of" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("lora_*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_use_the_source_documents_values(path: Path) -> None:
    """Every mode has one, which is named after it."""
    config = read(path)
    assert config.mode == path.stem.removeprefix("lora_")
    assert (config.lora.rank, config.loop.batch_size, config.samples.size) == (8, 4, 512)
    assert config.optimizer.max_grad_norm == 1
    assert {p.stem.removeprefix("lora_") for p in path.parent.glob("lora_*.yaml")} == set(MODES)


def test_zero_terminal_snr_changes_the_noise_schedule(tiny_bundle: Path) -> None:
    from wallpaint.train.lora.objective import noise_schedule
    from wallpaint.train.lora.task import scheduler_config

    config, changes = load_bundle(tiny_bundle).scheduler_config(), ZERO_SNR["objective"]
    rescaled = noise_schedule(scheduler_config(config, ObjectiveConfig(**changes)))
    assert float(rescaled.alphas_cumprod[-1]) < 1e-6
    assert rescaled.config.timestep_spacing == "trailing"
    plain = noise_schedule(scheduler_config(config, ObjectiveConfig()))
    assert float(plain.alphas_cumprod[-1]) == pytest.approx(0.0047, rel=0.05)  # sqrt(alpha_bar) is 0.068
    with pytest.raises(ConfigError, match="zero terminal SNR"):
        scheduler_config({**config, "rescale_betas_zero_snr": True}, ObjectiveConfig())
    for lacking, words in (("prediction", "v_prediction"), ("timestep_spacing", "trailing")):
        with pytest.raises(ConfigError, match=words):
            recipe(tiny_bundle, Path(), objective={k: v for k, v in changes.items() if k != lacking})


def test_lora_files_store_the_noise_schedule(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """In both files and the model card, and painting uses it; LoRAs with different schedules are refused."""
    from wallpaint.diffusion.networks import Networks
    from wallpaint.diffusion.settings import DiffusionSettings, Lora

    report = run(recipe(tiny_bundle, data, **ZERO_SNR, loop={"steps": 1}), tmp_path / "v")
    plain = run(recipe(tiny_bundle, data, loop={"steps": 1}), tmp_path / "plain")
    bundle = load_bundle(tiny_bundle)
    changes = {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    assert "prediction_type v_prediction" in (tmp_path / "v" / LORA_DIR / "README.md").read_text(encoding="utf-8")
    for file_format in ("diffusers", "kohya"):
        networks = Networks(bundle, DiffusionSettings(device="cpu", loras=(Lora(report.files[file_format]),)))
        assert networks.scheduler_config() == {**bundle.scheduler_config(), **changes}
        unchanged = Networks(bundle, DiffusionSettings(device="cpu", loras=(Lora(plain.files[file_format]),)))
        assert unchanged.scheduler_config() == bundle.scheduler_config()
    both = DiffusionSettings(device="cpu", loras=(Lora(report.files["kohya"]), Lora(plain.files["kohya"])))
    with pytest.raises(ModelError, match="different noise schedules"):
        Networks(bundle, both).scheduler_config()


@pytest.mark.parametrize(("component", "name"), [("vae", "config.json"), ("depth", "preprocessor_config.json")])
def test_component_hash_depends_on_its_config_files(
    tiny_bundle: Path, tmp_path: Path, component: str, name: str
) -> None:
    from wallpaint.train.lora.encoding import component_sha256

    copy = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    bundle = load_bundle(copy)
    before = component_sha256(bundle, component)
    assert before == component_sha256(load_bundle(tiny_bundle), component)
    path = bundle.path(component) / name
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**config, "changed": 1}), encoding="utf-8")
    assert component_sha256(bundle, component) != before


def test_resume_with_another_data_set_is_refused(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(data, tmp_path / "set")
    run(recipe(tiny_bundle, copied, loop={"steps": 2}), tmp_path / "run")
    longer = recipe(tiny_bundle, copied, loop={"steps": 2, "log_every": 3})
    assert run(longer, tmp_path / "run", resume=True).step == 2
    lines = (copied / "train" / "metadata.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (copied / "train" / "metadata.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    config_before = (tmp_path / "run" / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match="run: the data set has changed: change it back, or name a new folder"):
        run(replace(longer, loop=replace(longer.loop, log_every=5)), tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == config_before


def test_cache_key_depends_on_content_digest_and_version(tmp_path: Path) -> None:
    cache = LatentCache(tmp_path, "a", 3)
    assert cache.key("x", 1) == cache.key("x", 4)
    assert (
        len({cache.key("x", 0), cache.key("x", 1), cache.key("y", 0), LatentCache(tmp_path, "b", 3).key("x", 0)}) == 4
    )
    assert cache.read(cache.key("x", 0)) is None


@pytest.mark.slow
def test_lora_run_resumed_after_twenty_sigkills_is_bit_equal(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """The whole command with encoding, evaluation and TensorBoard; some kills must hit a save."""
    from wallpaint.train.engine.config import to_mapping

    path = tmp_path / "recipe.yaml"
    logging = {"tracking": {"tensorboard": True}, "sampling": {"count": 1, "steps": 2}}
    loop = {"steps": 150, "save_every": 1, "eval_every": 15, "best_metric": "val/swatch"}
    plain = to_mapping(recipe(tiny_bundle, data, loop=loop, **logging))
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")

    def start(folder: Path) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "wallpaint", "train", str(path), "-o", str(folder)]
        if (folder / CONFIG_FILE).is_file():
            words += ["--resume", "latest"]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, env=dict(os.environ))

    assert start(tmp_path / "uninterrupted").wait() == 0
    rng, inside, folder = random.Random(3), 0, tmp_path / "killed"
    for kill in range(20):
        running = start(folder)
        if kill > 2:  # the first kills hit startup and encoding, the others steps and saves
            before = set((folder / "checkpoints").glob("step_*"))
            while running.poll() is None and set((folder / "checkpoints").glob("step_*")) == before:
                time.sleep(0.005)
        time.sleep(rng.uniform(0, 8.0 if kill <= 2 else 0.3))
        while kill >= 15 and running.poll() is None and not any((folder / "checkpoints").glob(".part-*")):
            time.sleep(0.0005)  # the last five wait for a save, which is too short to hit by chance
        assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
        inside += any((folder / "checkpoints").glob(".part-*"))
    assert start(folder).wait() == 0
    assert inside > 0
    for name in (export.DIFFUSERS_FILE, export.KOHYA_FILE):
        assert (folder / LORA_DIR / name).read_bytes() == (tmp_path / "uninterrupted" / LORA_DIR / name).read_bytes()
    assert curves(folder) == curves(tmp_path / "uninterrupted")
    bests = [checkpoint.latest(path / "best")[0] for path in (folder, tmp_path / "uninterrupted")]
    assert bests[0] is not None
    assert bests[1] is not None
    assert bests[0].state == bests[1].state  # step, value and sha256
