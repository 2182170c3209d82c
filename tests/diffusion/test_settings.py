"""Settings of the diffusion painter: validation, LoRA options, schedulers, and errors of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wallpaint import ConfigError, ModelError, load_bundle
from wallpaint.bundles import configurations
from wallpaint.cli.app import main
from wallpaint.diffusion import networks, schedulers
from wallpaint.diffusion.settings import DiffusionSettings, Lora, setting_help


def test_defaults_are_the_source_documents_values() -> None:
    settings = DiffusionSettings()
    assert (settings.steps, settings.ip_adapter_scale, settings.strength, settings.prompt) == (20, 1.0, 1.0, "")
    assert settings.guidance == 1.0


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ({"scheduler": "euler"}, "ddim"),
        ({"steps": 0}, "steps"),
        ({"ip_adapter_scale": 2.1}, "ip_adapter_scale"),
        ({"controlnet_scale": -0.1}, "controlnet_scale"),
        ({"guidance": 0.5}, "guidance"),
        ({"strength": 0.0}, "strength"),
        ({"strength": 0.04}, "leaves no step"),
        ({"device": "tpu"}, "cuda"),
        ({"dtype": "int8"}, "bfloat16"),
        ({"batch": 0}, "batch"),
        ({"negative_prompt": "red"}, "guidance"),
        ({"scheduler": "lcm", "guidance": 2.0}, "lcm"),
        ({"scheduler": "lcm", "steps": 51}, "at most 50 steps"),
    ],
)
def test_invalid_setting_raises(invalid: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DiffusionSettings(**invalid)  # type: ignore[arg-type]


def test_all_errors_are_reported_together() -> None:
    with pytest.raises(ConfigError, match=r"steps.*scheduler.*guidance"):
        DiffusionSettings(scheduler="euler", steps=0, guidance=0.1)


def test_every_setting_has_help() -> None:
    for name in vars(DiffusionSettings()):
        assert setting_help(name)


def test_lora_option_is_parsed() -> None:
    assert Lora.parse("walls/") == Lora(Path("walls/"), 1.0)
    assert Lora.parse("a=b/walls.safetensors=0.5") == Lora(Path("a=b/walls.safetensors"), 0.5)
    assert Lora.parse("x=y/a.safetensors") == Lora(Path("x=y/a.safetensors"), 1.0)
    assert Lora.parse("x=a.safetensors") == Lora(Path("x=a.safetensors"), 1.0)
    for invalid in ("walls=much", "=0.5", "walls="):
        with pytest.raises(ConfigError, match="PATH=SCALE"):
            Lora.parse(invalid)


def test_existing_path_with_equals_sign_is_a_lora_path(tmp_path: Path) -> None:
    (tmp_path / "walls=2").mkdir()
    assert Lora.parse(f"{tmp_path}/walls=2") == Lora(tmp_path / "walls=2", 1.0)
    assert Lora.parse(f"{tmp_path}/walls=2=0.5") == Lora(tmp_path / "walls=2", 0.5)


@pytest.mark.parametrize("scale", ["nan", "inf", "-inf", "1e30", "-101"])
def test_lora_scale_out_of_range_raises(scale: str) -> None:
    with pytest.raises(ConfigError, match=r"x: `scale` must be .*in -100\.\.100"):
        Lora.parse(f"x={scale}")


CONFIG = {**configurations.SCHEDULER}


@pytest.mark.parametrize(
    ("name", "overrides"),
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
def test_invalid_scheduler_config_raises(name: str, overrides: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"schedule") as caught:
        schedulers.get_timesteps(schedulers.make_scheduler(name, {**CONFIG, **overrides}), 20, 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", schedulers.SCHEDULER_CLASSES)
def test_maximum_number_of_steps(name: str) -> None:
    steps = 50 if name == "lcm" else 1000
    assert len(schedulers.get_timesteps(schedulers.make_scheduler(name, CONFIG), steps, 1.0)) == steps


def test_dpm_scheduler_does_not_use_the_global_generator() -> None:
    """Even if the bundle's config is that of a stochastic sampler."""
    scheduler = schedulers.make_scheduler("dpm++", {**CONFIG, "algorithm_type": "sde-dpmsolver++"})
    latents = torch.full((1, 4, 8, 8), 0.5)
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        times, x = schedulers.get_timesteps(scheduler, 4, 1.0), latents
        for time in times:
            x = scheduler.step(0.3 * x, time, x).prev_sample
        results.append(x)
    assert torch.equal(*results)


def test_ddim_clips_only_if_the_config_does() -> None:
    without_clip = {key: value for key, value in CONFIG.items() if key != "clip_sample"}
    assert not schedulers.make_scheduler("ddim", without_clip).config.clip_sample
    assert schedulers.make_scheduler("ddim", {**without_clip, "clip_sample": True}).config.clip_sample
    assert schedulers.make_scheduler("ddim", {**without_clip, "thresholding": True}).config.thresholding


@pytest.mark.parametrize("command", ["repaint", "trace"])
@pytest.mark.parametrize("seed", [str(2**64), "-1"])
def test_seed_out_of_64_bit_range_is_refused(command: str, seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = REPAINT if command == "repaint" else ["trace", "photo.png", "--mask", "mask.png"]
    assert main([*argv, "--seed", seed]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--seed" in error


def _error_line(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("wallpaint.pipeline.job.run", fail)
    assert main(REPAINT) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory_gives_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all(
        word in _error_line(error, monkeypatch, capsys) for word in ("memory", "--batch 1", "--tiling", "--offload")
    )


def test_missing_compiler_gives_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    assert "--compile" in _error_line(InvalidCxxCompiler(), monkeypatch, capsys)


def test_other_runtime_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("wallpaint.pipeline.job.run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main(REPAINT)


REPAINT = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]


@pytest.mark.parametrize(
    ("options", "message"),
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
def test_invalid_options_give_one_line_and_status_2(
    files: Path, tiny_bundle: Path, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main([*REPAINT, *(option.format(bundle=tiny_bundle) for option in options)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert not (files / "out.png").exists()


def test_command_paints_many_colours_in_one_batch(
    files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    argv = ["repaint", "photo.png", "--mask", "mask.png", "--color", "navy", "--color", "#7d9b84", "-o", "results"]
    assert main([*argv, "--bundle", str(tiny_bundle), "--steps", "2", "--profile"]) == 0
    output = capsys.readouterr().out
    assert "weights are random" in output
    stages = {line.split("  ")[0]: line.split() for line in output.splitlines()}
    assert stages["denoise"][2] == "2"
    assert float(stages["denoise"][3]) > 0
    assert stages["vae decode"][3] == "2"
    assert len(list((files / "results").iterdir())) == 3


def test_repaint_opens_no_connection(files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(files)
    assert main([*REPAINT, "--bundle", str(tiny_bundle), "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


@pytest.mark.parametrize(("amx", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_dtype_on_cpu_is_bfloat16_only_with_amx(
    amx: bool, dtype: torch.dtype, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    cpu = torch.device("cpu")
    assert networks.pick_dtype("auto", cpu) == dtype
    assert networks.pick_dtype("float32", cpu) == torch.float32
    assert networks.pick_dtype("bfloat16", cpu) == torch.bfloat16
    loaded = networks.Networks(load_bundle(tiny_bundle), DiffusionSettings(device="cpu"))
    assert {loaded.dtype, loaded.unet.dtype, loaded.vae.dtype} == {dtype}


@pytest.mark.parametrize(("emulated", "dtype"), [(False, torch.bfloat16), (True, torch.float16)])
def test_auto_dtype_on_gpu_is_bfloat16_only_with_hardware_support(
    emulated: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulated bfloat16 is slow."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or not emulated
    )
    assert networks.pick_dtype("auto", torch.device("cuda")) == dtype
    assert networks.pick_dtype("auto", torch.device("mps")) == torch.float16


@pytest.mark.parametrize(
    ("available", "device"), [(("cuda", "mps"), "cuda"), (("cuda",), "cuda"), (("mps",), "mps"), ((), "cpu")]
)
def test_auto_device_is_the_fastest_available_one(
    available: tuple[str, ...], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in available)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in available)
    assert networks.pick_device("auto").type == device
    assert networks.pick_device("cpu").type == "cpu"
    for name in {"cuda", "mps"} - set(available):
        with pytest.raises(ConfigError, match=f"`device` {name} is not available: pass `device=auto`"):
            networks.pick_device(name)


@pytest.mark.parametrize("amx", [True, False])
def test_repaint_runs_in_the_auto_dtype_with_and_without_amx(
    amx: bool, files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.chdir(files)
    assert main([*REPAINT, "--bundle", str(tiny_bundle), "--steps", "2", "--device", "cpu"]) == 0
    assert (files / "out.png").is_file()


def test_command_line_defaults_equal_the_settings() -> None:
    """Otherwise the analytic painter would refuse options that were not given."""
    import inspect

    from wallpaint.cli.app import repaint

    defaults = {name: p.default for name, p in inspect.signature(repaint).parameters.items()}
    defaults["compile"] = defaults.pop("compile_networks")
    defaults["loras"] = defaults.pop("lora") or ()
    assert {name: defaults[name] for name in vars(DiffusionSettings())} == vars(DiffusionSettings())
