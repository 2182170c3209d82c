"""Pulling from repositories with the layout of the public listings: float16 only, pull requests, pinned commits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from support.hub import OLDER_CONTROLNET, Hub, commit_of, layout_of_the_hub
from support.pull_hub import use_hub
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import COMPONENTS
from wallpaint.bundles.published import published
from wallpaint.bundles.pull import pull
from wallpaint.bundles.verify import count_parameters, verify
from wallpaint.cli.app import main
from wallpaint.errors import ModelError

SD15 = published("sd15")
MAIN, CONTROLNET, _, DPT = (source.repo for source in SD15.sources)
SEGFORMER = "nvidia/segformer-b0-finetuned-ade-512-512"


@pytest.fixture
def hub(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    with use_hub(layout_of_the_hub(tiny_bundle), tmp_path / "home", monkeypatch) as hub:
        yield hub


def test_pulled_bundle_has_the_weights_of_the_published_files(hub: Hub, tiny_bundle: Path) -> None:
    """Float16 where nothing else is published; `models verify` accepts all of it."""
    bundle, original = load_bundle(pull(SD15, segmenter=True)), load_bundle(tiny_bundle)
    for component in COMPONENTS:
        actual, expected = bundle.load(component).state_dict(), original.load(component).state_dict()
        is_half = component in ("unet", "vae", "text_encoder")
        assert [path.name for path in bundle.path(component).glob("*.safetensors")] == [
            f"{COMPONENTS[component].stem}{'.fp16' if is_half else ''}.safetensors"
        ]
        for key, value in expected.items():
            if not re.match(COMPONENTS[component].optional_keys or "$", key):
                assert torch.equal(actual[key], value.half().float() if is_half else value), (component, key)
    assert main(["models", "verify", "sd15"]) == 0


def test_only_weights_of_the_bundle_are_fetched(hub: Hub) -> None:
    pull(SD15)
    assert not [name for name in hub.fetched if re.search(r"\.bin$|\.ckpt$|safety|feature|sdxl|face|plus", name)]
    weights = sorted(name for name in hub.fetched if name.endswith(".safetensors"))
    assert weights == [
        "Intel/dpt-large/model.safetensors",
        "h94/IP-Adapter/models/image_encoder/model.safetensors",
        "h94/IP-Adapter/models/ip-adapter_sd15.safetensors",
        f"{CONTROLNET}/diffusion_pytorch_model.safetensors",
        f"{MAIN}/text_encoder/model.fp16.safetensors",
        f"{MAIN}/unet/diffusion_pytorch_model.fp16.safetensors",
        f"{MAIN}/vae/diffusion_pytorch_model.fp16.safetensors",
    ]


def test_pulled_float16_bundle_repaints(hub: Hub, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(SD15)
    monkeypatch.chdir(files)
    argv = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]
    assert main([*argv, "--bundle", "sd15", "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


def test_controlnet_of_its_newest_commit_may_be_float16_alone(hub: Hub, tiny_bundle: Path) -> None:
    del hub.repos[CONTROLNET]["diffusion_pytorch_model.safetensors"]
    bundle = load_bundle(pull(SD15))
    assert [path.name for path in bundle.path("controlnet").glob("*.safetensors")] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    weights = bundle.load("controlnet").state_dict()
    original = load_file(tiny_bundle / "controlnet/diffusion_pytorch_model.safetensors")
    assert all(torch.equal(weights[key], value.half().float()) for key, value in original.items())


def test_pinned_commit_before_float16_gives_the_full_weights(hub: Hub) -> None:
    assert main(["models", "pull", "sd15", "--revision", f"{CONTROLNET}={OLDER_CONTROLNET}"]) == 0
    bundle = load_bundle("sd15")
    entry = json.loads((bundle.folder / "bundle.lock.json").read_text(encoding="utf-8"))["files"]
    assert entry["controlnet/diffusion_pytorch_model.safetensors"]["commit"] == commit_of(OLDER_CONTROLNET)
    assert bundle.load("controlnet") is not None


def test_pinned_commit_with_pickles_alone_is_refused(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    older = hub.other_revisions[CONTROLNET][OLDER_CONTROLNET]
    del older["diffusion_pytorch_model.safetensors"]
    assert main(["models", "pull", "sd15", "--revision", f"{CONTROLNET}={OLDER_CONTROLNET}"]) == 2
    assert "pickles are not fetched" in capsys.readouterr().err.splitlines()[-1]
    assert hub.fetched == [], "refused before anything is fetched"


def test_segformer_comes_from_the_pull_request_until_main_has_it(hub: Hub) -> None:
    folder = pull(SD15, segmenter=True)
    lock = json.loads((folder / "bundle.lock.json").read_text(encoding="utf-8"))["files"]
    assert lock["segmenter/model.safetensors"]["commit"] == commit_of("refs/pr/5")
    hub.repos[SEGFORMER] = hub.other_revisions[SEGFORMER]["refs/pr/5"]
    folder = pull(SD15, segmenter=True)
    lock = json.loads((folder / "bundle.lock.json").read_text(encoding="utf-8"))["files"]
    assert lock["segmenter/model.safetensors"]["commit"] == commit_of("main")


def test_segformer_of_the_pull_request_is_pulled_again_offline(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    first = pull(SD15, segmenter=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    requests = len(hub.fetched)
    second = pull(SD15, tmp_path / "again", segmenter=True)
    assert len(hub.fetched) == requests
    assert (first / "bundle.lock.json").read_bytes() == (second / "bundle.lock.json").read_bytes()


def test_given_revision_of_the_segformer_is_not_replaced(hub: Hub) -> None:
    with pytest.raises(ModelError, match=r"segformer\S+: has no model.safetensors .*pickles are not fetched"):
        pull(SD15, segmenter=True, revisions={SEGFORMER: "main"})


def test_sizes_and_licences_are_printed_before_the_first_file(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.broken = {f"{MAIN}/unet/config.json"}
    assert main(["models", "pull", "sd15", "--segmenter"]) == 2
    lines = capsys.readouterr().err.splitlines()
    unet = sum(
        len(hub.repos[MAIN][f"unet/{name}"]) for name in ("config.json", "diffusion_pytorch_model.fp16.safetensors")
    )
    columns = {line.split()[0]: line.split() for line in lines if line.startswith("    ")}
    assert columns["unet"] == ["unet", f"{unet / 1e6:.0f}", "MB", "creativeml-openrail-m", MAIN]
    licences = {name: row[3] for name, row in columns.items() if name != "total"}
    assert licences == {
        **dict.fromkeys(("unet", "vae", "text_encoder", "tokenizer", "scheduler"), "creativeml-openrail-m"),
        "controlnet": "openrail",
        **dict.fromkeys(("image_encoder", "ip_adapter", "depth"), "apache-2.0"),
        "segmenter": "other",
    }
    assert columns["segmenter"][-2:] == ["at", "refs/pr/5"]
    assert lines.index(next(line for line in lines if line.startswith("    total"))) < lines.index(f"{MAIN}: fetching")


def test_total_counts_what_is_in_the_cache(hub: Hub) -> None:
    pull(SD15)
    total = sum(len((hub.repos[repo])[path]) for repo, path in map(split_repo, hub.fetched))
    lines: list[str] = []
    pull(SD15, log=lines.append)
    (line,) = (line for line in lines if line.startswith("    total"))
    assert line.split(maxsplit=1)[1] == f"{total / 1e6:.0f} MB, {total / 1e6:.0f} MB in the cache, 0 kB to fetch"


def split_repo(name: str) -> tuple[str, str]:
    owner, repo, path = name.split("/", 2)
    return f"{owner}/{repo}", path


def test_other_licence_of_the_hub_is_shown(hub: Hub) -> None:
    hub.licenses[DPT] = "mit"
    lines: list[str] = []
    pull(SD15, log=lines.append)
    (line,) = (line for line in lines if line.split()[0] == "depth")
    assert "mit (was apache-2.0)" in line


def test_published_sizes_are_seven_and_a_half_gigabytes(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the published files, by parameters and precision; `models list` states them."""
    assert 7.4e9 < SD15.download_bytes < 7.6e9
    assert main(["models", "list"]) == 0
    assert "DPT-large; 7.52 GB to fetch" in capsys.readouterr().out


def test_list_and_verify_count_alike_however_weights_are_stored(
    hub: Hub, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published depth model omits weights that no output depends on, older files have buffers."""
    pulled, original = load_bundle(pull(SD15, segmenter=True)), load_bundle(tiny_bundle)
    assert count_parameters(pulled) == count_parameters(original)
    assert main(["models", "list", str(pulled.folder)]) == 0
    listed = {row.split()[0]: row.split()[-1] for row in capsys.readouterr().out.splitlines()[-13:]}
    verified = [line for line in verify(pulled) if "parameters" in line]
    assert {line.split(":")[0]: re.findall(r"[\d,]{4,}", line)[-1] for line in verified} == {
        name: count for name, count in listed.items() if name in {line.split(":")[0] for line in verified}
    }
    assert len(verified) == 9
