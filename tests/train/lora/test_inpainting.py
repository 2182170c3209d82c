"""Training a LoRA: what is computed how often, what changes, and what other programs read."""

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
from wallpaint.train.engine.config import MODES, ObjectiveConfig, read
from wallpaint.train.lora import export
from wallpaint.train.lora.job import CONFIG, LORA, Report, run
from wallpaint.train.lora.task import InpaintingTask

from support.paths import ROOT  # isort: skip


ZERO_SNR: dict[str, Any] = {
    "objective": {"prediction": "v_prediction", "timestep_spacing": "trailing", "zero_terminal_snr": True}
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def trained(tiny_bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("run") / "run"
    return folder, run(recipe(tiny_bundle, data), folder)


def sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.safetensors")
    }


def test_cached_training_calls_no_frozen_network(trained: tuple[Path, Report]) -> None:
    """Two encodings (image, masked image) of each version of each sample, before the first step; none after."""
    folder, report = trained
    assert report.encoded == 5 * 2
    assert report.calls == {"vae": 2 * 5 * 2, "text_encoder": 0, "image_encoder": 0, "depth": 0}
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(0.1 < line["loss"] < 30 for line in lines)


def test_a_filled_cache_is_read_by_the_next_run(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    shared = recipe(tiny_bundle, data, cache={"folder": str(tmp_path / "latents")}, loop={"steps": 2})
    assert run(shared, tmp_path / "one").calls["vae"] == 20
    assert run(shared, tmp_path / "two").calls["vae"] == 0
    item = next((tmp_path / "latents").rglob("*.safetensors"))
    item.write_bytes(item.read_bytes()[:-1])
    assert run(shared, tmp_path / "three").calls["vae"] == 2  # the damaged one again
    other = replace(shared, samples=replace(shared.samples, erosion_px=1.0))
    assert run(other, tmp_path / "four").calls["vae"] == 20


def test_endless_mode_says_its_calls(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    endless = recipe(tiny_bundle, data, cache={"variants": 0})
    assert run(endless, tmp_path).calls == {"vae": 2 * 6, "text_encoder": 0, "image_encoder": 0, "depth": 0}
    assert not (tmp_path / "latents").exists()


def test_captions_need_the_text_encoder(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    spoken = recipe(tiny_bundle, data, conditioning={"captions": True})
    report = run(spoken, tmp_path)
    assert report.calls["text_encoder"] == report.encoded == 10
    silent = load_file(run(recipe(tiny_bundle, data), tmp_path / "silent").files["diffusers"])
    assert any(not torch.equal(silent[name], value) for name, value in load_file(report.files["diffusers"]).items())


def test_only_the_lora_changes(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """By sums over the bundle's files, over every frozen tensor in memory, and over the LoRA's."""
    before = sums(tiny_bundle)
    config = recipe(tiny_bundle, data)
    bundle = load_bundle(tiny_bundle)
    original = {name: value.clone() for name, value in bundle.load("unet").state_dict().items()}
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.train.engine.loop import fit

    samples = WallInpaintingDataset(data, "train", config.samples, 0)
    task = InpaintingTask(bundle, samples, config)
    start = {name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad}
    fit(task, config.loop, config.optimizer, tmp_path, seed=0, digest="x", device="cpu")
    now = task.network.state_dict()
    frozen = {name.replace(".base_layer", ""): value for name, value in now.items() if "lora_" not in name}
    assert frozen.keys() == original.keys()
    assert all(torch.equal(frozen[name], value) for name, value in original.items())
    assert all(not torch.equal(now[name], value) for name, value in start.items())
    assert set(start) == {name for name in now if "lora_" in name}
    assert sums(tiny_bundle) == before


def test_two_runs_are_the_same_run(trained: tuple[Path, Report], tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    again = run(recipe(tiny_bundle, data, loop={"workers": 2}), tmp_path / "run")
    assert again.files["diffusers"].read_bytes() == trained[1].files["diffusers"].read_bytes()
    other = run(recipe(tiny_bundle, data, seed=1), tmp_path / "other")
    assert other.files["diffusers"].read_bytes() != again.files["diffusers"].read_bytes()


def test_activations_computed_again_change_nothing(
    trained: tuple[Path, Report], tiny_bundle: Path, data: Path, tmp_path: Path
) -> None:
    again = run(recipe(tiny_bundle, data, loop={"gradient_checkpointing": True}), tmp_path)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (tmp_path, trained[0])
    ]
    assert losses[0] == losses[1]
    assert again.files["diffusers"].read_bytes() == trained[1].files["diffusers"].read_bytes()


def test_stock_diffusers_reads_it(trained: tuple[Path, Report], tiny_bundle: Path) -> None:
    """Reloaded by diffusers' own pipeline, the UNet says what it said when it was trained: difference 0."""
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
    pipeline.load_lora_weights(str(report.files["diffusers"].parent), weight_name=export.DIFFUSERS)
    with torch.inference_mode():
        found = pipeline.unet.eval()(x, torch.tensor(7), text).sample
    assert torch.equal(found, expected)
    assert float((found - plain).abs().max()) > 1e-4
    pipeline.unload_lora_weights()
    pipeline.load_lora_weights(str(report.files["kohya"].parent), weight_name=export.KOHYA)
    with torch.inference_mode():
        assert torch.equal(pipeline.unet.eval()(x, torch.tensor(7), text).sample, expected)


def test_kohyas_copy_converts_back(trained: tuple[Path, Report]) -> None:
    from diffusers import StableDiffusionInpaintPipeline

    _, report = trained
    folder = str(report.files["kohya"].parent)
    back, alphas = StableDiffusionInpaintPipeline.lora_state_dict(folder, weight_name=export.KOHYA)
    original, _ = StableDiffusionInpaintPipeline.lora_state_dict(folder, weight_name=export.DIFFUSERS)
    assert set(alphas.values()) == {8.0}
    assert len(back) == len(original) > 0

    def plain(name: str) -> str:
        """The three namings that diffusers uses itself, made one."""
        name = name.replace("lora_A", "lora.down").replace("lora_B", "lora.up").replace(".processor.", ".")
        return name.replace("to_out_lora", "to_out.0_lora").replace("_lora.", ".lora.")

    renamed = {plain(name): value for name, value in back.items()}
    assert all(torch.equal(renamed[plain(name)], value) for name, value in original.items())


def test_what_a_run_leaves(trained: tuple[Path, Report], tiny_bundle: Path, data: Path) -> None:
    folder, _ = trained
    assert read(folder / CONFIG) == recipe(tiny_bundle, data)
    card = (folder / LORA / "README.md").read_text()
    assert "rank 4, alpha 8" in card
    assert "weights are random" in card
    assert sorted(path.name for path in (folder / LORA).iterdir()) == sorted(
        ["README.md", export.DIFFUSERS, export.KOHYA]
    )


def test_the_painter_takes_it(
    trained: tuple[Path, Report], tiny_bundle: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both formats give one picture, and it is another than without."""
    words = ["repaint", str(files / "photo.png"), "--mask", str(files / "mask.png"), "--color", "#7d9b84"]
    _, report = trained
    folder = str(report.files["diffusers"].parent)  # two files in it, one of them of the usual name
    found = {}
    for name, lora in (("none", []), ("kohya", ["--lora", str(report.files["kohya"])]), ("folder", ["--lora", folder])):
        options = ["--bundle", str(tiny_bundle), "--steps", "1", "--match", "room", "-o", str(files / f"{name}.png")]
        assert main([*words, *options, *lora]) == 0
        found[name] = np.asarray(Image.open(files / f"{name}.png")).astype(int)
    capsys.readouterr()
    assert np.array_equal(found["kohya"], found["folder"])
    assert np.abs(found["folder"] - found["none"]).max() > 0


def test_the_command(tiny_bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    from wallpaint.train.engine.config import to_mapping

    path.write_text(yaml.safe_dump(to_mapping(recipe(tiny_bundle, data, loop={"steps": 2}))))
    words = ["train", str(path), "-o", str(tmp_path / "run")]
    assert main(words) == 0
    assert "2 of 2 steps on 5 samples" in capsys.readouterr().out
    assert main(words) == 2
    assert "--resume latest" in capsys.readouterr().err
    assert main([*words, "--resume", "latest"]) == 0
    assert main([*words, "--resume", "newest"]) == 2
    path.write_text(path.read_text().replace("size: 64", "size: 72"))
    assert main(["train", str(path), "-o", str(tmp_path / "other")]) == 2
    assert "samples.size must be a multiple of" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("lora_*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_say_what_they_are(path: Path) -> None:
    """By their names, and with the source document's values; every mode has one."""
    config = read(path)
    assert config.mode == path.stem.removeprefix("lora_")
    assert (config.lora.rank, config.loop.batch_size, config.samples.size, config.optimizer.clip_norm) == (8, 4, 512, 1)
    assert {p.stem.removeprefix("lora_") for p in path.parent.glob("lora_*.yaml")} == set(MODES)


def test_zero_terminal_snr_is_what_it_says(tiny_bundle: Path) -> None:
    from wallpaint.train.lora.objective import noise_schedule
    from wallpaint.train.lora.task import schedule_of

    config, told = load_bundle(tiny_bundle).scheduler_config(), ZERO_SNR["objective"]
    ends = noise_schedule(schedule_of(config, ObjectiveConfig(**told)))
    assert float(ends.alphas_cumprod[-1]) < 1e-6
    assert ends.config.timestep_spacing == "trailing"
    plain = noise_schedule(schedule_of(config, ObjectiveConfig()))
    assert float(plain.alphas_cumprod[-1]) == pytest.approx(0.0047, rel=0.05)  # its root is the 0.068 that is left
    with pytest.raises(ConfigError, match="ends in pure noise"):
        schedule_of({**config, "rescale_betas_zero_snr": True}, ObjectiveConfig())
    for lacking, words in (("prediction", "v_prediction"), ("timestep_spacing", "trailing")):
        with pytest.raises(ConfigError, match=words):
            recipe(tiny_bundle, Path(), objective={k: v for k, v in told.items() if k != lacking})


def test_a_lora_brings_the_schedule_it_was_trained_with(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """In both files, in the card, and where it is painted with; two that do not agree are refused."""
    from wallpaint.diffusion.networks import Networks
    from wallpaint.diffusion.settings import Lora, Settings

    report = run(recipe(tiny_bundle, data, **ZERO_SNR, loop={"steps": 1}), tmp_path / "v")
    plain = run(recipe(tiny_bundle, data, loop={"steps": 1}), tmp_path / "plain")
    bundle = load_bundle(tiny_bundle)
    wanted = {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    assert "prediction_type v_prediction" in (tmp_path / "v" / LORA / "README.md").read_text()
    for kind in ("diffusers", "kohya"):
        networks = Networks(bundle, Settings(device="cpu", loras=(Lora(report.files[kind]),)))
        assert networks.scheduler_config() == {**bundle.scheduler_config(), **wanted}
        own = Networks(bundle, Settings(device="cpu", loras=(Lora(plain.files[kind]),)))
        assert own.scheduler_config() == bundle.scheduler_config()
    both = Settings(device="cpu", loras=(Lora(report.files["kohya"]), Lora(plain.files["kohya"])))
    with pytest.raises(ModelError, match="different noise schedules"):
        Networks(bundle, both).scheduler_config()


@pytest.mark.parametrize(("part", "name"), [("vae", "config.json"), ("depth", "preprocessor_config.json")])
def test_what_is_said_of_a_network_is_part_of_the_cache_key(
    tiny_bundle: Path, tmp_path: Path, part: str, name: str
) -> None:
    from wallpaint.train.lora.encoding import part_sum

    copy = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    bundle = load_bundle(copy)
    before = part_sum(bundle, part)
    assert before == part_sum(load_bundle(tiny_bundle), part)
    path = bundle.place(part) / name
    told = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**told, "changed": 1}))
    assert part_sum(bundle, part) != before


def test_another_set_or_schedule_is_not_gone_on_with(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    own = shutil.copytree(data, tmp_path / "set")
    run(recipe(tiny_bundle, own, loop={"steps": 2}), tmp_path / "run")
    longer = recipe(tiny_bundle, own, loop={"steps": 2, "log_every": 3})
    assert run(longer, tmp_path / "run", resume=True).step == 2
    lines = (own / "train" / "metadata.jsonl").read_text().splitlines(keepends=True)
    (own / "train" / "metadata.jsonl").write_text("".join(lines[:-1]))
    kept = (tmp_path / "run" / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match="another recipe, bundle or data set"):
        run(replace(longer, loop=replace(longer.loop, log_every=5)), tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == kept


def test_a_cache_key_is_its_content_settings_and_version(tmp_path: Path) -> None:
    cache = LatentCache(tmp_path, "a", 3)
    assert cache.key("x", 1) == cache.key("x", 4)
    assert (
        len({cache.key("x", 0), cache.key("x", 1), cache.key("y", 0), LatentCache(tmp_path, "b", 3).key("x", 0)}) == 4
    )
    assert cache.read(cache.key("x", 0)) is None


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """The whole command, encoding, looks and TensorBoard included, killed with SIGKILL; some kills must fall into a
    save."""
    from wallpaint.train.engine.config import to_mapping

    path = tmp_path / "recipe.yaml"
    told = {"tracking": {"tensorboard": True}, "sampling": {"count": 1, "steps": 2}}
    often = {"steps": 150, "save_every": 1, "eval_every": 15, "best": "val/swatch"}
    plain = to_mapping(recipe(tiny_bundle, data, loop=often, **told))
    path.write_text(yaml.safe_dump(plain))

    def start(folder: Path) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "wallpaint.cli.app", "train", str(path), "-o", str(folder), "--resume", "latest"]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))

    assert start(tmp_path / "whole").wait() == 0
    rng, inside, folder = random.Random(3), 0, tmp_path / "killed"
    for kill in range(20):
        running = start(folder)
        if kill > 2:  # the first ones fall into start and encoding, the others into steps and saves
            before = set((folder / "checkpoints").glob("step_*"))
            while running.poll() is None and set((folder / "checkpoints").glob("step_*")) == before:
                time.sleep(0.005)
        time.sleep(rng.uniform(0, 8.0 if kill <= 2 else 0.3))
        while kill >= 15 and running.poll() is None and not any((folder / "checkpoints").glob(".part-*")):
            time.sleep(0.0005)  # the last five wait for a save, which takes too little time to be met by chance
        assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
        inside += any((folder / "checkpoints").glob(".part-*"))
    assert start(folder).wait() == 0
    assert inside > 0
    for name in (export.DIFFUSERS, export.KOHYA):
        assert (folder / LORA / name).read_bytes() == (tmp_path / "whole" / LORA / name).read_bytes()
    assert curves(folder) == curves(tmp_path / "whole")
    bests = [checkpoint.latest(path / "best")[0] for path in (folder, tmp_path / "whole")]
    assert bests[0] is not None
    assert bests[1] is not None
    assert bests[0].state == bests[1].state  # step, value, and the sum of its weights
