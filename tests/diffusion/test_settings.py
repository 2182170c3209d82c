"""The diffusion painter's choices: all that is wrong is said at once, and the command line says it in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wallpaint import ConfigError, ModelError
from wallpaint.bundles import configurations
from wallpaint.cli.app import main
from wallpaint.diffusion import schedulers
from wallpaint.diffusion.settings import Lora, Settings, about


def test_the_source_documents_values_are_the_defaults() -> None:
    chosen = Settings()
    assert (chosen.steps, chosen.image_scale, chosen.strength, chosen.prompt) == (20, 1.0, 1.0, "")
    assert chosen.guidance == 1.0


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"scheduler": "euler"}, "ddim"),
        ({"steps": 0}, "steps"),
        ({"image_scale": 2.1}, "image_scale"),
        ({"control_scale": -0.1}, "control_scale"),
        ({"guidance": 0.5}, "guidance"),
        ({"strength": 0.0}, "strength"),
        ({"strength": 0.04}, "leaves none"),
        ({"device": "tpu"}, "cuda"),
        ({"dtype": "int8"}, "bfloat16"),
        ({"batch": 0}, "batch"),
        ({"negative_prompt": "red"}, "guidance"),
        ({"scheduler": "lcm", "guidance": 2.0}, "lcm"),
        ({"scheduler": "lcm", "steps": 51}, "at most 50 steps"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Settings(**wrong)  # type: ignore[arg-type]


def test_all_errors_at_once() -> None:
    with pytest.raises(ConfigError, match=r"scheduler.*steps.*guidance"):
        Settings(scheduler="euler", steps=0, guidance=0.1)


def test_every_setting_is_described() -> None:
    for name in vars(Settings()):
        assert about(name)


def test_loras_as_people_write_them() -> None:
    assert Lora.parse("walls/") == Lora(Path("walls/"), 1.0)
    assert Lora.parse("a=b/walls.safetensors=0.5") == Lora(Path("a=b/walls.safetensors"), 0.5)
    assert Lora.parse("x=y/a.safetensors") == Lora(Path("x=y/a.safetensors"), 1.0)
    assert Lora.parse("x=a.safetensors") == Lora(Path("x=a.safetensors"), 1.0)
    for wrong in ("walls=much", "=0.5", "walls="):
        with pytest.raises(ConfigError, match="PATH=SCALE"):
            Lora.parse(wrong)


def test_a_lora_that_is_there_is_a_path_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "walls=2").mkdir()
    assert Lora.parse(f"{tmp_path}/walls=2") == Lora(tmp_path / "walls=2", 1.0)
    assert Lora.parse(f"{tmp_path}/walls=2=0.5") == Lora(tmp_path / "walls=2", 0.5)


@pytest.mark.parametrize("scale", ["nan", "inf", "-inf", "1e30", "-101"])
def test_absurd_scales_of_loras(scale: str) -> None:
    with pytest.raises(ConfigError, match=r"x: a LoRA's scale must lie in -100\.\.100"):
        Lora.parse(f"x={scale}")


CONFIG = {**configurations.SCHEDULER}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ddim", {"beta_schedule": "cubic"}),
        ("ddim", {"timestep_spacing": "random"}),
        ("dpm++", {"final_sigmas_type": "one"}),
        ("ddim", {"num_train_timesteps": 10}),
        ("dpm++", {"num_train_timesteps": 10}),
        ("unipc", {"num_train_timesteps": "x"}),
        ("ddim", {"trained_betas": [0.1, 0.2]}),
        ("ddim", {"beta_end": float("nan")}),
        ("lcm", {"original_inference_steps": 4}),
        ("ddim", {"prediction_type": "sample"}),
    ],
)
def test_a_config_that_makes_no_schedule(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"schedule") as caught:
        schedulers.timesteps(schedulers.make(name, {**CONFIG, **wrong}), 20, 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", schedulers.CLASSES)
def test_as_many_steps_as_may_be(name: str) -> None:
    steps = 50 if name == "lcm" else 1000
    assert len(schedulers.timesteps(schedulers.make(name, CONFIG), steps, 1.0)) == steps


def test_no_sampler_but_lcm_draws_from_the_global_generator() -> None:
    """Also where the bundle's config is of a stochastic one."""
    scheduler = schedulers.make("dpm++", {**CONFIG, "algorithm_type": "sde-dpmsolver++"})
    latents = torch.full((1, 4, 8, 8), 0.5)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        times, x = schedulers.timesteps(scheduler, 4, 1.0), latents
        for time in times:
            x = scheduler.step(0.3 * x, time, x).prev_sample
        found.append(x)
    assert torch.equal(*found)


def test_ddim_clips_only_where_the_config_says_so() -> None:
    bare = {key: value for key, value in CONFIG.items() if key != "clip_sample"}
    assert not schedulers.make("ddim", bare).config.clip_sample
    assert schedulers.make("ddim", {**bare, "clip_sample": True}).config.clip_sample
    assert schedulers.make("ddim", {**bare, "thresholding": True}).config.thresholding


@pytest.mark.parametrize("command", ["repaint", "trace"])
@pytest.mark.parametrize("seed", [str(2**64), "-1"])
def test_a_seed_is_64_bits(command: str, seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = REPAINT if command == "repaint" else ["trace", "photo.png", "--mask", "mask.png"]
    assert main([*words, "--seed", seed]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--seed" in told


def _raised(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("wallpaint.pipeline.job.run", fail)
    assert main(REPAINT) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_full_card_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all(word in _raised(error, monkeypatch, capsys) for word in ("memory", "--batch 1", "--tiling", "--offload"))


def test_a_compiler_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    assert "--compile" in _raised(InvalidCxxCompiler(), monkeypatch, capsys)


def test_other_errors_are_ours_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("wallpaint.pipeline.job.run", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        main(REPAINT)


REPAINT = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--painter", "diffusion"], "--bundle"),
        (["--steps", "5"], "--steps"),
        (["--lora", "x.safetensors", "--guidance", "2"], "--guidance"),
        (["--painter", "analytic", "--bundle", "x"], "analytic"),
        (["--bundle", "nowhere"], "nowhere"),
        (["--bundle", "{bundle}", "--steps", "0"], "steps"),
        (["--bundle", "{bundle}", "--scheduler", "euler"], "scheduler"),
        (["--bundle", "{bundle}", "--lora", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--bundle", "{bundle}", "--lora", "nowhere.safetensors=0"], "nowhere.safetensors"),
        (["--bundle", "{bundle}", "--device", "cuda"], "--device auto"),
    ],
)
def test_one_line_and_status_2(
    files: Path, tiny_bundle: Path, options: list[str], word: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main([*REPAINT, *(option.format(bundle=tiny_bundle) for option in options)]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert word in told.err
    assert not (files / "out.png").exists()


def test_the_command_paints_many_in_one_batch(
    files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    words = ["repaint", "photo.png", "--mask", "mask.png", "--color", "navy", "--color", "#7d9b84", "-o", "looks"]
    assert main([*words, "--bundle", str(tiny_bundle), "--steps", "2", "--profile"]) == 0
    told = capsys.readouterr().out
    assert "weights are random" in told
    stages = {line.split("  ")[0]: line.split() for line in told.splitlines()}
    assert stages["denoise"][2] == "2"
    assert float(stages["denoise"][3]) > 0
    assert stages["vae decode"][3] == "2"
    assert len(list((files / "looks").iterdir())) == 3


def test_sockets_are_not_needed(files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(files)
    assert main([*REPAINT, "--bundle", str(tiny_bundle), "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


def test_the_command_lines_defaults_are_the_settings() -> None:
    """Options that are not given change nothing: else the analytic painter would refuse them."""
    import inspect

    from wallpaint.cli.app import repaint

    given = {name: p.default for name, p in inspect.signature(repaint).parameters.items()}
    given["compile"] = given.pop("compile_networks")
    given["loras"] = given.pop("lora") or ()
    assert {name: given[name] for name in vars(Settings())} == vars(Settings())
