"""Training modes: noised and masked image, references, depth, captions, image losses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import Tensor

from support.lora_recipes import recipe
from support.lora_tasks import make
from support.training_sets import write_set
from wallpaint import ConfigError
from wallpaint.bundles.bundle import load_bundle
from wallpaint.diffusion import encoders
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.train.engine.config import to_mapping
from wallpaint.train.engine.loop import fit
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.lora import image_losses, objective
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.lora.encoding import to_uint8
from wallpaint.train.lora.job import run
from wallpaint.train.lora.task import InpaintingTask

from support.paths import ROOT  # isort: skip

EVERYTHING: dict[str, Any] = {
    "conditioning": {"captions": True, "depth": True},
    "objective": {"color_weight": 1.0, "ssim_weight": 0.5, "image_loss_timesteps": [100, 900]},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


def batch_of(task: InpaintingTask, count: int = 2) -> dict[str, Any]:
    return task.collate([task.sample(SampleIndex(n, 0, n)) for n in range(count)])


def training(task: InpaintingTask, folder: Path, **changed: Any) -> Any:
    config = task.config
    return fit(
        task, replace(config.loop, **changed), config.optimizer, folder, seed=0, digest="x", device="cpu", resume=True
    )


# -- the images of each mode


@pytest.mark.parametrize(
    ("mode", "noised", "context"),
    [
        ("document", "pixel_values", "pixel_values"),
        ("image_prompt", "target_values", "target_values"),
        ("paired", "target_values", "pixel_values"),
    ],
)
def test_noised_and_masked_image_of_each_mode(
    tiny_bundle: Path, data: Path, mode: str, noised: str, context: str
) -> None:
    """All samples are repainted, so photo and target differ; moments are compared with the VAE's."""
    task = make(tiny_bundle, data, mode)
    sample = task.samples.get(0, 0)
    assert float((sample["pixel_values"] - sample["target_values"]).abs().max()) > 0.1
    encoded = task.encoder([sample])
    vae = load_bundle(tiny_bundle).load("vae")
    mean, std = encoders.posterior_moments(vae, sample[noised][None])
    assert torch.equal(encoded["latent_mean"], mean)
    assert torch.equal(encoded["latent_std"], std)
    mean, _ = encoders.posterior_moments(vae, (sample[context] * (1 - sample["mask"]))[None])
    assert torch.equal(encoded["masked_mean"], mean)


def test_encoder_returns_only_the_tensors_that_the_mode_needs(tiny_bundle: Path, data: Path) -> None:
    plain = {"latent_mean", "latent_std", "masked_mean", "masked_std", "mask"}
    digests = {}
    for mode, changed, more in (
        ("document", {}, set()),
        ("document", {"conditioning": {"captions": True}}, {"text"}),
        ("image_prompt", {}, {"image_tokens"}),
        ("paired", EVERYTHING, {"text", "image_tokens", "depth", "target", "color_mask", "color"}),
    ):
        task = make(tiny_bundle, data, mode, **changed)
        encoded = task.encoder([task.samples.get(0, 0)])
        assert set(encoded) == set(task.encoder.names) == plain | more
        digests[mode, bool(changed)] = task.encoder.digest("samples")
    assert len(set(digests.values())) == 4


# -- the same as at inference


@pytest.mark.parametrize("bundle_name", ["tiny", "tiny-plus"])
def test_image_tokens_equal_the_painters(
    bundle_name: str, tiny_bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from support.bundles import random_folder

    bundle = tiny_bundle if bundle_name == "tiny" else random_folder(bundle_name, tmp_path_factory)
    task = make(bundle, data, "image_prompt")
    sample = task.samples.get(1, 0)
    settings = task.config.samples
    mean, std = (torch.tensor(v)[:, None, None] for v in (settings.image_mean, settings.image_std))
    rgb = ((sample["reference_image"] * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    painter = DiffusionPainter(load_bundle(bundle), DiffusionSettings(device="cpu", dtype="float32"))
    tokens, nothing = painter.image_tokens([rgb])
    assert float((task.encoder([sample])["image_tokens"] - tokens[:, 0]).abs().max()) < 1e-5
    assert float((task.encoder.null_image_tokens - nothing[0, 0]).abs().max()) < 1e-5
    assert float((tokens - nothing).abs().max()) > 0.01


def test_depth_conditioning_equals_the_painters(tiny_bundle: Path, data: Path) -> None:
    """The output of the ControlNet's stem for the same photo; depth is cached in half precision."""
    from wallpaint.scene.mask import Window

    task = make(tiny_bundle, data, "paired", conditioning={"depth": True})
    sample = task.samples.get(1, 0)
    painter = DiffusionPainter(load_bundle(tiny_bundle), DiffusionSettings(device="cpu", dtype="float32"))
    rgb = to_uint8(sample["pixel_values"]).permute(1, 2, 0).numpy()
    view = painter.encode_view(rgb, sample["mask"][0].numpy() > 0.5, Window(0, 0, 64, 64, 64, 64))
    encoded = task.encoder([sample])
    cond = task.condition(encoded, torch.zeros_like(encoded["masked_mean"]), torch.tensor([False]))
    assert view.controlnet_cond is not None
    assert cond.controlnet_cond is not None
    assert float((cond.controlnet_cond - view.controlnet_cond).abs().max()) < 2e-3 * float(
        view.controlnet_cond.abs().max()
    )
    assert float(encoded["depth"].float().std()) > 0.05


def test_depth_and_reference_change_the_prediction(tiny_bundle: Path, data: Path) -> None:
    """With the same noise and weights."""
    totals = {}
    for name, mode, changed in (
        ("document", "document", {"samples": {"random_color_prob": 0.0}}),
        ("reference", "image_prompt", {"samples": {"random_color_prob": 0.0}}),
        ("depth", "document", {"samples": {"random_color_prob": 0.0}, "conditioning": {"depth": True}}),
    ):
        task = make(tiny_bundle, data, mode, **changed)
        with torch.no_grad():
            totals[name] = float(task.losses(task.network, batch_of(task)).total)
    assert len(set(totals.values())) == 3


def test_reference_dropout_drops_a_tenth_of_the_references(tiny_bundle: Path, data: Path) -> None:
    task = make(tiny_bundle, data, "image_prompt")
    dropped = task._reference_dropout(range(4000))
    assert float(dropped.float().mean()) == pytest.approx(0.1, abs=0.02)
    assert torch.equal(task._reference_dropout([7, 3999]), dropped[[7, 3999]])
    encoded = task.encoder([task.samples.get(n, 0) for n in range(2)])
    masked = torch.zeros_like(encoded["masked_mean"])
    tokens = task.condition(encoded, masked, torch.tensor([True, False])).image_tokens
    assert tokens is not None
    assert torch.equal(tokens[0, 0], task.encoder.null_image_tokens)
    assert torch.equal(tokens[1, 0], encoded["image_tokens"][1])


# -- training


@pytest.mark.parametrize("mode", ["image_prompt", "paired"])
def test_only_the_lora_changes(tiny_bundle: Path, data: Path, tmp_path: Path, mode: str) -> None:
    """With image prompt, depth, captions and every loss: IP-Adapter, ControlNet, encoders and VAE are unchanged."""
    task = make(tiny_bundle, data, mode, **EVERYTHING)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    frozen = [*task._control, task._decoder, task.encoder.vae, task.encoder.image_encoder, task.encoder.projector]
    sums = [float(sum(p.double().abs().sum() for p in network.parameters())) for network in frozen]
    training(task, tmp_path, steps=3)
    after = task.network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {name for name in after if "lora_" in name}
    assert changed == {name for name, p in task.network.named_parameters() if p.requires_grad}
    assert any("to_k_ip" in name for name in after)
    assert sums == [float(sum(p.double().abs().sum() for p in network.parameters())) for network in frozen]
    assert all(p.grad is None for network in frozen for p in network.parameters())


@pytest.mark.parametrize("mode", ["document", "image_prompt", "paired"])
def test_cached_and_uncached_training_give_equal_weights(
    tiny_bundle: Path, data: Path, tmp_path: Path, mode: str
) -> None:
    changed = EVERYTHING if mode == "paired" else {}
    runs = {}
    for variants in (3, 0):  # six steps of two out of five samples: no version is used twice
        # a large Adam epsilon, since tiny gradients would magnify rounding
        options = {"cache": {"variants": variants}, "optimizer": {"epsilon": 1e-5}}
        config = make(tiny_bundle, data, mode, **options, **changed).config
        runs[variants] = run(config, tmp_path / f"{variants}")
    calls = runs[3].calls
    assert runs[3].encoded == 15
    assert calls["vae"] == 30
    assert calls["text_encoder"] == calls["depth"] == (15 if mode == "paired" else 0)
    assert calls["image_encoder"] == (0 if mode == "document" else 15)
    assert runs[0].calls["vae"] == 12
    cached, uncached = (load_file(runs[variants].files["diffusers"]) for variants in (3, 0))
    assert all(float((cached[name] - value).abs().max()) < 1e-5 for name, value in uncached.items())
    lines = [(tmp_path / f"{variants}" / "log.jsonl").read_text(encoding="utf-8").splitlines() for variants in (3, 0)]
    assert len(lines[0]) == 6
    names = ("noise_mse", "color", "ssim") if mode == "paired" else ("noise_mse",)
    assert all(f'"{name}"' in lines[0][0] for name in names)


@pytest.mark.parametrize("mode", ["document", "image_prompt", "paired"])
def test_encoding_and_image_losses_are_float32_with_bf16_training(
    tiny_bundle: Path, data: Path, tmp_path: Path, mode: str
) -> None:
    """As in the shipped recipes: encoded tensors are bit-equal to float32, and the image losses equal those of the same
    latents in float32."""
    precise = make(tiny_bundle, data, mode, **EVERYTHING)
    task = make(tiny_bundle, data, mode, **EVERYTHING, loop={"precision": "bf16"})
    batch = batch_of(task, 3)
    calls: list[Any] = []
    plain = task._image_losses
    task._image_losses = lambda prediction, encoded: calls.append((prediction, encoded)) or plain(prediction, encoded)  # type: ignore[method-assign]
    with torch.autocast("cpu", torch.bfloat16):
        losses = task.losses(task.network, batch)
    prediction, encoded = calls[0]
    expected = precise.encoder(batch["samples"])
    assert [name for name, value in expected.items() if not torch.equal(encoded[name], value)] == []
    assert losses.total.dtype == torch.float32
    for name, (_, value) in precise._image_losses(prediction, expected).items():
        assert losses.terms[name].dtype == torch.float32
        assert float(losses.terms[name]) == pytest.approx(value.item(), rel=1e-6)
        assert value.item() > 0
    if mode != "document":
        assert float((task.encoder.null_image_tokens - precise.encoder.null_image_tokens).abs().max()) == 0
    AcceleratorState._reset_state()  # Accelerate allows one precision per process
    try:
        training(task, tmp_path, steps=2, precision="bf16")
    finally:
        AcceleratorState._reset_state()


def test_resumed_paired_run_gives_bit_equal_checkpoint(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    uninterrupted, resumed = tmp_path / "uninterrupted", tmp_path / "resumed"
    training(make(tiny_bundle, data, "paired", **EVERYTHING), uninterrupted, steps=4, save_every=1)
    training(make(tiny_bundle, data, "paired", **EVERYTHING), resumed, steps=2, save_every=1)
    training(make(tiny_bundle, data, "paired", **EVERYTHING), resumed, steps=4, save_every=1)
    names = [f / "checkpoints" / "step_00000004" / "tensors.safetensors" for f in (uninterrupted, resumed)]
    assert names[0].read_bytes() == names[1].read_bytes()


# -- image losses


def test_images_are_decoded_at_image_loss_timesteps_only(
    tiny_bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weighted by alpha_bar: the term is recomputed image by image."""
    task = make(tiny_bundle, data, "paired", objective={"color_weight": 2.0, "image_loss_timesteps": [300, 700]})
    decoded: list[Tensor] = []
    plain = task.decode
    monkeypatch.setattr(task, "decode", lambda latents: decoded.append(latents) or plain(latents))
    encoded = task.encoder([task.samples.get(n, 0) for n in range(4)])
    timesteps = torch.tensor([299, 300, 699, 700])
    prediction = objective.DenoisingPrediction(torch.ones(4), timesteps, torch.randn(4, 4, 8, 8))
    weight, term = task._image_losses(prediction, encoded)["color"]
    assert torch.equal(decoded[0], prediction.x0[1:3])
    with torch.no_grad():
        images = plain(prediction.x0[1:3])
    target = encoded["target"][1:3].float() / 127.5 - 1
    distances = image_losses.color_distance(images, target, encoded["color_mask"][1:3])
    signal = task.scheduler.alphas_cumprod[timesteps[1:3]]
    assert weight == 2.0
    assert float(term) == pytest.approx(float((signal * distances).sum() / 4), rel=1e-4)
    none = task._image_losses(objective.DenoisingPrediction(torch.ones(4), timesteps * 0, prediction.x0), encoded)[
        "color"
    ]
    assert float(none[1]) == 0
    assert len(decoded) == 1


@pytest.mark.parametrize("mode", ["image_prompt", "paired"])
def test_gradient_of_the_colour_loss_leads_to_the_paint(tiny_bundle: Path, data: Path, mode: str) -> None:
    """Gradient descent on latents through the decoder brings the wall closer to the paint."""
    task = make(tiny_bundle, data, mode, objective={"color_weight": 1.0})
    encoded = task.encoder([task.samples.get(0, 0)])
    latents = torch.nn.Parameter(encoded["latent_mean"].clone())
    optimizer = torch.optim.Adam([latents], lr=0.2)
    history = []
    for _ in range(40):
        prediction = objective.DenoisingPrediction(torch.ones(1), torch.tensor([400]), latents)
        term = task._image_losses(prediction, encoded)["color"]
        optimizer.zero_grad()
        term[1].backward()
        optimizer.step()
        history.append(term[1].item())
    assert history[-1] < 0.5 * history[0]
    assert np.isfinite(history).all()


# -- errors


def test_bundle_without_a_needed_component_is_refused(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    import shutil

    bare = shutil.copytree(tiny_bundle, tmp_path / "bare", ignore=shutil.ignore_patterns("controlnet", "depth"))
    toml = (bare / "bundle.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    remaining = [line for line in toml if not line.startswith(("controlnet", "depth"))]
    (bare / "bundle.toml").write_text("".join(remaining), encoding="utf-8")
    with pytest.raises(ConfigError, match="has no depth, controlnet"):
        make(bare, data, "paired", conditioning={"depth": True})


def test_reference_size_other_than_the_image_encoders_is_refused(tiny_bundle: Path, data: Path) -> None:
    with pytest.raises(ConfigError, match=r"samples\.reference_px is 8, the image encoder .* takes"):
        make(tiny_bundle, data, "image_prompt", samples={"reference_px": 8})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mode": "pairs"}, "`mode` must be one of document, image_prompt, paired"),
        ({"mode": "paired", "samples": {"random_color_prob": 0.0}}, "random_color_prob` above 0"),
        ({"conditioning": {"reference_dropout": 1.0}}, "reference_dropout` must be at least 0 and below 1"),
        ({"objective": {"image_loss_timesteps": [700, 200]}}, "a timestep and a later one"),
        ({"objective": {"image_loss_timesteps": [100.5, 200]}}, "a timestep and a later one"),
        ({"objective": {"color_weight": -1.0}}, "color_weight` must be at least 0"),
        ({"objective": {"noise_offset": float("nan")}}, "`objective.noise_offset` must be a finite number"),
        ({"optimizer": {"learning_rate": float("inf")}}, "`optimizer.learning_rate` must be a finite number"),
        ({"optimizer": {"beta2": 1.0}}, "`optimizer.beta2` must be at least 0 and below 1"),
        ({"optimizer": {"epsilon": -1.0}}, "`optimizer.epsilon` must be at least 0"),
        ({"seed": -1}, "`seed` must be at least 0"),
    ],
)
def test_contradictory_recipes_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        recipe(Path("bundle"), Path("data"), **changed)


def test_training_on_rendered_rooms(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of rooms is a data set."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "rooms")
    from support import synthetic_rooms
    from wallpaint.rooms.sets import room_file

    for seed in (0, 1):
        room_file.write(tmp_path / room_file.name_of(seed), synthetic_rooms.render(seed, (64, 64), 64))
    config: LoraRecipe = make(tiny_bundle, tmp_path, "paired", samples={"match": "room"}).config
    report = run(config, tmp_path / "run")
    assert (report.samples, report.step) == (2, 6)


@pytest.mark.slow
def test_train_command_in_two_processes_gives_the_losses_of_one(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """With all conditioning and losses: equal within 1e-5, and one report."""
    task = make(tiny_bundle, data, "paired", **EVERYTHING, loop={"steps": 4, "eval_every": 2, "batch_size": 4})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(to_mapping(task.config)), encoding="utf-8")
    one = run(task.config, tmp_path / "one")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    words = ["-m", "wallpaint.cli.app", "train", str(path), "-o", str(tmp_path / "two")]
    done = subprocess.run(
        [*launcher, *words],
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.count("4 of 4 steps on 5 samples") == 1
    assert f"vae {one.calls['vae']}, " in done.stdout
    logs = [
        [json.loads(line) for line in (tmp_path / folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        for folder in ("one", "two")
    ]
    assert len(logs[0]) == len(logs[1]) == 4
    for ours, theirs in zip(*logs, strict=True):
        assert theirs["loss"] == pytest.approx(ours["loss"], abs=1e-5)
        assert theirs.get("eval", {}).keys() == ours.get("eval", {}).keys()
