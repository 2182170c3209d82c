"""`wallpaint models try` on the tiny bundle: equality with the stock pipeline, memory, LoRA, page, errors."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from wallpaint.bundle_trial import job, page
from wallpaint.bundle_trial.peak_memory import measure
from wallpaint.bundle_trial.record import PAINTS, Trial, TrialOptions
from wallpaint.cli.app import main
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError, InputError
from wallpaint.paints.paint import Paint

CPU = DiffusionSettings(steps=3, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trial") / "out"


@pytest.fixture(scope="module")
def trial(tiny_bundle: Path, folder: Path) -> Trial:
    return job.run(str(tiny_bundle), folder, TrialOptions(CPU, repaints=3, lora_steps=6))


def test_networks_equal_the_stock_pipeline(trial: Trial) -> None:
    assert [one.name for one in trial.repaints] == list(PAINTS)[:3]
    for one in trial.repaints:
        assert one.stock is not None
        assert one.max_difference == float(np.abs(one.stock.astype(int) - one.networks).max()) <= page.EQUAL_CODES
        assert one.networks.std() > 5, "an image, not one colour"
        assert one.stock_seconds > 0
    assert not np.array_equal(trial.repaints[0].networks, trial.repaints[1].networks), "the paint reaches the networks"
    assert page.verdict(trial).startswith("The networks' images equal the stock pipeline's up to rounding")


def test_another_image_is_reported(trial: Trial) -> None:
    one = replace(trial.repaints[0], max_difference=9.0)
    different = replace(trial, repaints=[one])
    assert "differ from the stock pipeline's" in page.verdict(different)
    assert "class=warn>The networks&#x27; images differ" in page.render_page(different)
    half = replace(different, facts={**trial.facts, "dtype": "bfloat16"})
    assert "differ from" not in page.render_page(half), "half precision rounds differently"


def test_swatch_results_have_the_swatch_and_only_the_wall_changes(trial: Trial, folder: Path) -> None:
    for number, one in enumerate(trial.repaints, 1):
        assert one.swatch_error["swatch"] < 0.5 < one.swatch_error["room"]
        files = [folder / "repaints" / f"{number:02}_{one.name}_{match}.png" for match in ("room", "swatch")]
        for file, image in zip(files, (one.room, one.swatch), strict=True):
            assert np.array_equal(np.asarray(Image.open(file)), image)
        floor = slice(-4, None)
        assert np.array_equal(one.swatch[floor], trial.photo[floor])


def test_lora_is_trained_and_changes_the_image(trial: Trial, folder: Path) -> None:
    lora = trial.lora
    assert lora is not None
    assert (lora.steps, len(lora.losses)) == (6, 6)
    assert lora.first_loss == np.mean(lora.losses[:2])
    assert lora.last_loss == np.mean(lora.losses[-2:])
    assert lora.file == folder / "run" / "lora" / "pytorch_lora_weights.safetensors"
    assert lora.image is not None
    assert lora.max_difference == np.abs(lora.image.astype(int) - trial.repaints[0].networks).max() > 0


def test_data_set_of_the_lora_is_the_wall_without_dilation(trial: Trial, folder: Path) -> None:
    mask = np.asarray(Image.open(folder / "data/train/masks/photo.png"))
    image = np.asarray(Image.open(folder / "data/train/images/photo.png"))
    assert mask.shape == image.shape[:2] == tuple(trial.facts["crop"])
    assert np.array_equal(image, trial.photo)
    assert mask[4, 4] == 255
    assert mask[-2, 4] == 0


def test_memory_and_seconds_are_measured_by_stage(trial: Trial) -> None:
    assert list(trial.costs) == ["repaints", "stock pipeline", "LoRA training", "repaint with the LoRA"]
    for cost in trial.costs.values():
        assert cost.kind == "process"
        assert cost.peak_bytes > 50e6
        assert cost.seconds > 0


def test_peak_of_a_stage_contains_its_allocations_and_no_earlier_ones() -> None:
    with measure(torch.device("cpu")) as before:
        pass
    with measure(torch.device("cpu")) as large:
        block = np.ones(200_000_000, np.uint8)
    assert large.peak_bytes - before.peak_bytes > 150e6
    del block
    with measure(torch.device("cpu")) as released:
        pass
    assert large.peak_bytes - released.peak_bytes > 150e6


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.images += [values["src"]] if tag == "img" else []
        assert not {"href", "srcset"} & set(values)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_is_self_contained_and_has_every_image(trial: Trial, folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(text)
    assert len(reader.images) == 1 + 3 * 5 + 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in reader.images)
    for expected in (*list(PAINTS)[:3], "LoRA of 6 steps", "random and were never trained", "peak memory", "3 steps"):
        assert expected in reader.text
    assert re.search(r"<polyline points=\"0\.0,[\d.]+ 128\.0,", text), "a loss for each step"


def test_figures_are_in_the_json_file(trial: Trial, folder: Path) -> None:
    figures = json.loads((folder / "trial.json").read_text(encoding="utf-8"))
    assert figures["lora"]["last_loss"] == trial.lora.last_loss
    assert [one["color"] for one in figures["repaints"]] == list(PAINTS.values())[:3]
    assert figures["costs"]["stock pipeline"]["peak_bytes"] == trial.costs["stock pipeline"].peak_bytes
    assert figures["crop"] == [64, 64]


def test_stage_out_of_memory_is_noted_and_the_others_run(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr(job.StockPipeline, "inpaint", fail)
    trial = job.run(str(tiny_bundle), tmp_path / "out", TrialOptions(CPU, repaints=1, lora_steps=1))
    assert trial.errors == {"stock pipeline": "out of memory (CUDA out of memory. Tried to allocate 2.00 GiB.)"}
    assert trial.lora is not None
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Tried to allocate 2.00 GiB" in text
    assert "The stock pipeline has not run" in text


def test_command_with_a_photo_and_without_lora(
    tiny_bundle: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half precision, a bundle without image prompt and depth."""
    reduced = files / "reduced"
    reduced.mkdir()
    lines = [f'{name} = "{tiny_bundle}/{name}"' for name in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")]
    header = 'schema = "wallpaint.bundle/1"\nname = "reduced"\nnative_px = 64\nrandom = true\n[parts]\n'
    (reduced / "bundle.toml").write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    out = files / "out"
    argv = ["models", "try", reduced, "-o", out, "--photo", files / "photo.png", "--mask", files / "mask.png"]
    argv += ["--repaints", "1", "--steps", "2", "--lora-steps", "0", "--dtype", "bfloat16", "--device", "cpu"]
    assert main([str(one) for one in argv]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Networks and stock pipeline in bfloat16: the largest difference over 1 repaint is")
    assert [line.split(":")[0] for line in lines[1:]] == ["repaints", "stock pipeline", "written"]
    assert not (out / "run").exists()
    photo = np.asarray(Image.open(files / "photo.png"))
    assert np.asarray(Image.open(out / "repaints/01_chalk_room.png")).shape == photo.shape
    assert "no image prompt, no depth" in (out / "index.html").read_text(encoding="utf-8")


def test_invalid_options_are_refused_before_anything_runs(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"`repaints`.*11.*; .*`lora_steps`.*-1"):
        TrialOptions(CPU, repaints=11, lora_steps=-1)
    with pytest.raises(ConfigError, match="`photo` and `mask` go together"):
        TrialOptions(CPU, photo=tmp_path / "photo.png")
    (tmp_path / "file.txt").touch()
    with pytest.raises(InputError, match="is not empty: give a new or an empty folder"):
        job.run(str(tiny_bundle), tmp_path, TrialOptions(CPU))
    assert main(["models", "try", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert "there is no such bundle" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_paints_are_real_and_differ() -> None:
    colors = [Paint.parse(color).albedo_linear for color in PAINTS.values()]
    assert len(set(colors)) == len(PAINTS) == 10


@pytest.mark.parametrize("changed", [{"guidance": 3.0}, {"scheduler": "lcm"}])
def test_networks_equal_the_stock_pipeline_at_other_settings(
    changed: dict[str, Any], tiny_bundle: Path, tmp_path: Path
) -> None:
    options = TrialOptions(replace(CPU, **changed), repaints=1, lora_steps=0)
    trial = job.run(str(tiny_bundle), tmp_path / "out", options)
    assert trial.max_difference is not None
    assert trial.max_difference <= page.EQUAL_CODES
