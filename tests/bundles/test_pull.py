"""Fetching a bundle from a hub on the loopback: what is put where, locked, gone on with, refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from support.bundles import random_folder
from support.hub import COMMIT, Hub, published_repos, serving
from wallpaint.bundles import lock
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import KINDS
from wallpaint.bundles.published import published
from wallpaint.bundles.pull import pull
from wallpaint.cli.app import main
from wallpaint.errors import InputError, ModelError

FILES = 19  # unet, vae, text encoder, ControlNet 2 each, tokenizer 4, scheduler 1, image prompt 3, depth 3
SD15 = published("sd15")
MAIN = SD15.sources[0].repo
UNET = f"{MAIN}/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def hub(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, and a home of its own for what is fetched."""
    from huggingface_hub import constants

    home = tmp_path / "home"
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(Hub(published_repos(tiny_bundle))) as hub:
        for name, value in {
            "ENDPOINT": hub.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": True,
            "HF_HUB_DISABLE_TELEMETRY": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        yield hub


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no socket reaches anything."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_what_was_pulled_loads_without_a_network(hub: Hub, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull(SD15, segmenter=True)
    assert folder == Path(os.environ["HF_HOME"]) / "wallpaint" / "sd15"
    cut_off(monkeypatch)
    bundle, original = load_bundle("sd15"), load_bundle(tiny_bundle)
    assert (bundle.name, bundle.native_px, bundle.random) == ("sd15", 512, False)
    for part in KINDS:
        assert same_weights(bundle.load(part), original.load(part)), part
    for group, tensors in original.ip_adapter().items():
        assert all(torch.equal(bundle.ip_adapter()[group][key], value) for key, value in tensors.items())
    assert torch.equal(bundle.empty_prompt(), original.empty_prompt())
    assert bundle.tokenizer()("a").input_ids == original.tokenizer()("a").input_ids
    assert bundle.scheduler_config()["beta_end"] == 0.012
    assert bundle.processor("image_encoder")["image_mean"][0] == 0.48145466  # the file is not published
    assert main(["models", "verify", "sd15"]) == 0


def test_what_was_pulled_repaints_without_a_network(hub: Hub, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with a prompt too, as a person would the day after."""
    from wallpaint.cli.app import main

    pull(SD15)
    cut_off(monkeypatch)
    monkeypatch.chdir(files)
    words = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]
    assert main([*words, "--bundle", "sd15", "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


def test_only_what_is_needed_is_fetched(hub: Hub) -> None:
    pull(SD15)
    assert not [name for name in hub.fetched if re.search(r"\.bin$|\.ckpt$|fp16|README|model_index|segformer", name)]
    assert len(hub.fetched) == len(set(hub.fetched)) == FILES


def test_the_lock_tells_of_each_file(hub: Hub) -> None:
    folder = pull(SD15)
    files = json.loads((folder / "bundle.lock.json").read_text())["files"]
    for place, entry in files.items():
        data = (folder / place).read_bytes()
        assert data == hub.repos[entry["repo"]][entry["path"]]
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert entry["commit"] == COMMIT
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    ours = {"bundle.toml", "bundle.lock.json", ".bundle.stamp.json", "model_index.json", "empty_prompt.safetensors"}
    assert there == set(files) | ours


def test_links_in_the_home_real_files_elsewhere(hub: Hub, tmp_path: Path) -> None:
    linked, real = pull(SD15), pull(SD15, tmp_path / "real")
    name = "unet/diffusion_pytorch_model.safetensors"
    assert (linked / name).is_symlink()
    assert not [path for path in real.rglob("*") if path.is_symlink()]
    assert (linked / name).read_bytes() == (real / name).read_bytes()
    assert len(hub.fetched) == FILES, "the second came out of the cache"


def test_broken_off_it_is_no_bundle_and_goes_on(hub: Hub) -> None:
    hub.broken = {UNET}
    with pytest.raises(ModelError, match=f"{MAIN}: cannot be fetched .* pull again"):
        pull(SD15)
    with pytest.raises(ModelError, match="wallpaint models pull sd15"):
        load_bundle("sd15")
    came, hub.broken = set(hub.fetched) - {UNET}, set()
    hub.fetched.clear()
    pull(SD15)
    assert UNET in hub.fetched
    assert not came & set(hub.fetched), "whole files are not fetched twice"
    assert load_bundle("sd15").load("unet") is not None


def test_a_line_that_breaks_is_taken_up_in_the_middle_of_a_file(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # bytes written at once: 10 MB otherwise
    hub.stumbles = {UNET}
    pull(SD15)
    assert hub.ranges == [UNET]


@pytest.mark.parametrize("when", ["lock", "prompt", "index"])
def test_killed_while_putting_together_it_is_no_bundle(hub: Hub, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a bundle was before."""
    from wallpaint.bundles import pull as module
    from wallpaint.bundles.bundle import Bundle

    folder = pull(SD15)
    with monkeypatch.context() as patch:
        places = {"lock": (lock, "write"), "prompt": (Bundle, "empty_prompt"), "index": (module, "write")}

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(*places[when], stop)
        with pytest.raises(KeyboardInterrupt):
            pull(SD15)
    assert not (folder / "bundle.toml").exists()
    if when != "index":
        with pytest.raises(ModelError, match="is no bundle"):
            load_bundle(folder)
    assert load_bundle(pull(SD15)).name == "sd15"


def test_a_file_that_came_damaged_is_noticed_and_fetched_again(hub: Hub) -> None:
    hub.falsified = {UNET}
    with pytest.raises(ModelError, match=r"unet/diffusion_pytorch_model.safetensors came damaged .* pull again"):
        pull(SD15)
    hub.falsified.clear()
    pull(SD15)
    assert hub.fetched.count(UNET) == 2


def test_a_changed_file_is_noticed_when_it_is_loaded(hub: Hub, tmp_path: Path) -> None:
    folder = pull(SD15, tmp_path / "real")
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.unlink()
    path.write_bytes(data)
    bundle = load_bundle(folder)
    assert bundle.load("unet") is not None
    with pytest.raises(ModelError, match=r"vae/diffusion_pytorch_model\S+: has sha256 .* bundle.lock.json says"):
        bundle.load("vae")


def test_plus(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> None:
    plus = random_folder("tiny-plus", tmp_path_factory)
    hub.repos = published_repos(plus, adapter="models/ip-adapter-plus_sd15.safetensors")
    assert main(["models", "pull", "sd15", "--plus"]) == 0
    assert load_bundle("sd15-plus").ip_adapter()["image_proj"]["latents"].shape == (1, 16, 32)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_shards_and_half_precision_where_there_is_nothing_else(
    variant: str | None, hub: Hub, tiny_bundle: Path, tmp_path: Path
) -> None:
    unet = load_bundle(tiny_bundle).load("unet", torch.float16)
    unet.save_pretrained(tmp_path / "unet", max_shard_size="500KB", variant=variant)
    files = {name: data for name, data in hub.repos[MAIN].items() if not name.startswith("unet/")}
    files |= {f"unet/{path.name}": path.read_bytes() for path in (tmp_path / "unet").iterdir()}
    assert sum(name.endswith(".safetensors") for name in files if name.startswith("unet/")) >= 3
    hub.repos[MAIN] = {**files, "unet/diffusion_pytorch_model.bin": b"pickle"}
    bundle = load_bundle(pull(SD15))
    assert same_weights(bundle.load("unet", torch.float16), unet)
    assert main(["models", "verify", "sd15"]) == 0


@pytest.mark.parametrize(
    ("repo", "lost", "words"),
    [
        (MAIN, "unet/diffusion_pytorch_model", ["unet", "diffusion_pytorch_model.safetensors", "pickles are not"]),
        ("Intel/dpt-large", "config.json", ["Intel/dpt-large: has no config.json"]),
        (
            "h94/IP-Adapter",
            "models/ip-adapter_sd15.safe",
            ["has no models/ip-adapter_sd15.safetensors"],
        ),
        (MAIN, "tokenizer/merges", ["has no tokenizer/merges.txt"]),
        (MAIN, "scheduler/", ["has no scheduler/scheduler_config.json"]),
        ("Intel/dpt-large", "", ["Intel/dpt-large: the hub has no such repository"]),
    ],
)
def test_a_repository_that_lacks_something(
    repo: str, lost: str, words: list[str], hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {name: data for name, data in hub.repos[repo].items() if not name.startswith(lost) or name.endswith(".bin")}
    if lost:
        hub.repos[repo] = kept
    else:
        del hub.repos[repo]
    assert main(["models", "pull", "sd15"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("wallpaint: ")
    assert all(word in line for word in words), line


def test_revisions(hub: Hub) -> None:
    pull(SD15, revisions={MAIN: COMMIT})
    with pytest.raises(ModelError, match=r"Intel/dpt-large at v9: the repository has no such revision"):
        pull(SD15, revisions={"Intel/dpt-large": "v9"})
    with pytest.raises(InputError, match="'a/b' is no source of sd15"):
        pull(SD15, revisions={"a/b": "v9"})


def test_a_folder_with_something_else_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    """Also where it looks like a bundle, but was not pulled."""
    for name in ("photos/room.jpg", "own/unet/mine.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    for name, words in {
        "photos": r"\(room.jpg\)",
        "own": r"\(unet\)",
        "own/unet/mine.safetensors": "is a file",
    }.items():
        with pytest.raises(InputError, match=words):
            pull(SD15, tmp_path / name)
    assert (tmp_path / "own/unet/mine.safetensors").read_bytes() == b"x"
    assert hub.fetched == [], "said before anything is fetched"


def test_offline_the_cache_is_enough(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    first = pull(SD15)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.fetched)
    second = pull(SD15, tmp_path / "again")
    assert len(hub.fetched) == asked
    assert (first / "bundle.lock.json").read_bytes() == (second / "bundle.lock.json").read_bytes()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="is not in the cache, and the hub cannot be reached"):
        pull(SD15, tmp_path / "third")


def test_the_command_with_the_hub_of_the_environment(tiny_bundle: Path, tmp_path: Path) -> None:
    """A process of its own, told by variables alone."""
    with serving(Hub(published_repos(tiny_bundle))) as hub:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "home"),
        }
        command = [sys.executable, "-m", "wallpaint.cli.app", "models", "pull", "sd15"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"sd15: {tmp_path / 'home' / 'wallpaint' / 'sd15'}\n"
        assert (tmp_path / "home" / "hub").is_dir()
