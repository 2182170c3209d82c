"""Resuming with another recipe, starting from a LoRA, and what a run prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from support.data_sets import make_set
from support.lora_recipes import recipe
from support.stock_pipelines import write_lora
from wallpaint import ConfigError
from wallpaint.bundles.bundle import load_bundle
from wallpaint.cli.app import main
from wallpaint.diffusion import loras
from wallpaint.train.engine.config import to_mapping
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.lora.job import run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    make_set(root, count=2)
    return root


def config_of(bundle: Path, data: Path, **loop: Any) -> LoraRecipe:
    quiet = {"size": 64, "random_color_prob": 0.0}
    return recipe(bundle, data, mode="document", samples=quiet, loop={"steps": 2, "save_every": 1, **loop})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "lora/pytorch_lora_weights.safetensors")


def test_more_steps_continue_a_finished_run_bit_equal(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """With a constant learning rate, two and two steps are four."""
    run(config_of(tiny_bundle, data), tmp_path / "run")
    report = run(config_of(tiny_bundle, data, steps=4), tmp_path / "run", resume=True)
    assert (report.step, report.notes) == (4, ("loop.steps is 4, was 2",))
    run(config_of(tiny_bundle, data, steps=4), tmp_path / "whole")
    longer, whole = weights(tmp_path / "run"), weights(tmp_path / "whole")
    assert all(torch.equal(longer[name], whole[name]) for name in whole)


def test_fewer_steps_than_done_are_refused(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    run(config_of(tiny_bundle, data), tmp_path)
    with pytest.raises(ConfigError, match=r"loop.steps is 1, and its latest checkpoint is of step 2: increase"):
        run(config_of(tiny_bundle, data, steps=1), tmp_path, resume=True)


def test_other_recipe_is_refused_with_keys_and_both_values(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    config = config_of(tiny_bundle, data)
    run(config, tmp_path)
    other = replace(
        config,
        optimizer=replace(config.optimizer, learning_rate=3e-4),
        samples=replace(config.samples, crop="wall"),
    )
    before = config.optimizer.learning_rate
    with pytest.raises(ConfigError) as caught:
        run(other, tmp_path, resume=True)
    assert str(caught.value) == (
        f"{tmp_path}: samples.crop is wall, was center; optimizer.learning_rate is 0.0003, was {before}: "
        "change it back, or name a new folder"
    )


def test_mistyped_run_folder_starts_no_run(
    tiny_bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(to_mapping(config_of(tiny_bundle, data))), encoding="utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "rum"), "--resume", "latest"]) == 2
    assert capsys.readouterr().err == (
        f"wallpaint: {tmp_path / 'rum'}: has no run to resume, there is no such folder: check its name, or leave out "
        "--resume\n"
    )
    assert not (tmp_path / "rum").exists()
    (tmp_path / "rum").mkdir()
    assert main(["train", str(path), "-o", str(tmp_path / "rum"), "--resume", "latest"]) == 2
    assert "it has no config.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["diffusers with metadata", "kohya with alpha"])
def test_training_starts_from_the_lora(tiny_bundle: Path, data: Path, tmp_path: Path, form: str) -> None:
    """With a learning rate of 0 the result has its effect: alpha / rank B A of each layer, whatever its alpha."""
    bundle = load_bundle(tiny_bundle)
    file = write_lora(bundle, tmp_path / "first", rank=4, alpha=12)
    if form == "kohya with alpha":
        tensors = loras.read(file, 1.0).tensors
        named = {}
        for name, value in tensors.items():
            layer, _, side = name.removeprefix("unet.").rpartition(".lora_")
            key = f"lora_unet_{layer.replace('.', '_')}"
            named[f"{key}.lora_{'down' if side.startswith('A') else 'up'}.weight"] = value
            named[f"{key}.alpha"] = torch.tensor(12.0)
        save_file(named, tmp_path / "kohya.safetensors")
        file = tmp_path / "kohya.safetensors"
    config = config_of(tiny_bundle, data)
    config = replace(config, optimizer=replace(config.optimizer, learning_rate=0.0))
    run(config, tmp_path / "run", init_lora=file)
    networks = []
    for path in (tmp_path / "first", tmp_path / "run/lora"):
        unet = bundle.load("unet")
        loras.merge_into_unet(unet, [loras.read(path, 1.0)])
        networks.append(unet.state_dict())
    plain = bundle.load("unet").state_dict()
    assert max(float((networks[0][name] - networks[1][name]).abs().max()) for name in plain) < 1e-5
    assert max(float((networks[0][name] - plain[name]).abs().max()) for name in plain) > 0.05


def test_initial_lora_of_another_rank_is_refused(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    file = write_lora(load_bundle(tiny_bundle), tmp_path / "first", rank=2, alpha=2)
    with pytest.raises(ConfigError, match=r"is of rank 2, lora.rank is 4: set it to 2"):
        run(config_of(tiny_bundle, data), tmp_path / "run", init_lora=file)


def test_command_of_the_card_runs_as_copied(
    tiny_bundle: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder that the training command ran in, whose run folder may have a space."""
    monkeypatch.chdir(tmp_path)
    run(config_of(tiny_bundle, data), Path("my run"))
    card = Path("my run/lora/README.md").read_text(encoding="utf-8")
    (line,) = [line.strip() for line in card.splitlines() if line.startswith("    wallpaint repaint")]
    words = shlex.split(line)
    assert words[-4:] == ["--bundle", str(tiny_bundle), "--lora", "my run/lora"]
    (data / "train/images/room_0.png").read_bytes()
    Path("room.jpg").write_bytes((data / "train/images/room_0.png").read_bytes())
    Path("wall.png").write_bytes((data / "train/masks/room_0.png").read_bytes())
    assert main([*words[1:], "--steps", "1"]) == 0
    assert Path("out.jpg").is_file()


def test_notes_come_before_the_first_step(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    folder = make_set(root, count=2)
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "metadata.jsonl").write_text(lines[0].replace("a room with pale walls", ""), encoding="utf-8")
    config = replace(config_of(tiny_bundle, root), samples=replace(config_of(tiny_bundle, root).samples, flip_prob=0))
    config = replace(config, conditioning=replace(config.conditioning, captions=True))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(to_mapping(config)), encoding="utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "run")]) == 0
    captured = capsys.readouterr()
    notes = [line for line in captured.err.splitlines() if line.startswith("note: ")]
    reason = "no line of metadata.jsonl uses them"
    assert notes == [
        f"note: {folder / 'images'}: room_1.png is not read: {reason}",
        f"note: {folder / 'masks'}: room_1.png is not read: {reason}",
        "note: 1 of 1 samples have no caption (room_0): key caption of metadata.jsonl, or a text file beside the photo",
    ]
    assert "There are modules in" not in captured.err + captured.out


PROGRAM = """
import sys
from wallpaint import progress
progress.LINE_INTERVAL_S = 0.0
from wallpaint.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def test_training_without_a_terminal_prints_lines_and_nothing_of_the_libraries(
    tiny_bundle: Path, data: Path, tmp_path: Path
) -> None:
    """In half precision with image prompt, where diffusers advises on loading when the UNet is cast."""
    config = recipe(
        *(tiny_bundle, data),
        mode="image_prompt",
        samples={"size": 64, "random_color_prob": 0.0, "reference_px": 56},
        loop={"steps": 3, "precision": "bf16"},
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(to_mapping(config)), encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, "train", str(path), "-o", str(tmp_path / "run")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert lines[-1].startswith("training: 3 of 3, loss ")
    assert [line for line in lines if not re.match(r"(encoding|training): \d+ of \d+", line)] == []
    assert len([line for line in lines if line.startswith("training: ")]) == 3
