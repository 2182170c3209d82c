"""Fetching a bundle from a local hub server: layout, lock, resuming, and refused cases."""

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
from support.pull_hub import use_hub
from wallpaint.bundles import lock
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import COMPONENTS
from wallpaint.bundles.published import published
from wallpaint.bundles.pull import pull
from wallpaint.cli.app import main
from wallpaint.errors import InputError, ModelError

FILE_COUNT = 19  # unet, vae, text encoder, ControlNet 2 each, tokenizer 4, scheduler 1, image prompt 3, depth 3
SD15 = published("sd15")
MAIN = SD15.sources[0].repo
UNET = f"{MAIN}/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def hub(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub server, and an empty HF_HOME."""
    with use_hub(Hub(published_repos(tiny_bundle)), tmp_path / "home", monkeypatch) as hub:
        yield hub


def forbid_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection fail."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_pulled_bundle_loads_offline(hub: Hub, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull(SD15, segmenter=True)
    assert folder == Path(os.environ["HF_HOME"]) / "wallpaint" / "sd15"
    forbid_connections(monkeypatch)
    bundle, original = load_bundle("sd15"), load_bundle(tiny_bundle)
    assert (bundle.name, bundle.native_px, bundle.random) == ("sd15", 512, False)
    for component in COMPONENTS:
        assert same_weights(bundle.load(component), original.load(component)), component
    for group, tensors in original.ip_adapter().items():
        assert all(torch.equal(bundle.ip_adapter()[group][key], value) for key, value in tensors.items())
    assert torch.equal(bundle.empty_prompt(), original.empty_prompt())
    assert bundle.tokenizer()("a").input_ids == original.tokenizer()("a").input_ids
    assert bundle.scheduler_config()["beta_end"] == 0.012
    assert bundle.processor("image_encoder")["image_mean"][0] == 0.48145466  # the file is not published
    assert main(["models", "verify", "sd15"]) == 0


def test_pulled_bundle_repaints_offline(hub: Hub, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, and with a prompt."""
    from wallpaint.cli.app import main

    pull(SD15)
    forbid_connections(monkeypatch)
    monkeypatch.chdir(files)
    argv = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]
    assert main([*argv, "--bundle", "sd15", "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


def test_pull_fetches_only_required_files(hub: Hub) -> None:
    pull(SD15)
    assert not [name for name in hub.fetched if re.search(r"\.bin$|\.ckpt$|fp16|README|model_index|segformer", name)]
    assert len(hub.fetched) == len(set(hub.fetched)) == FILE_COUNT


def test_lock_records_every_file(hub: Hub) -> None:
    folder = pull(SD15)
    files = json.loads((folder / "bundle.lock.json").read_text(encoding="utf-8"))["files"]
    for path, entry in files.items():
        data = (folder / path).read_bytes()
        assert data == hub.repos[entry["repo"]][entry["path"]]
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert entry["commit"] == COMMIT
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    written = {"bundle.toml", "bundle.lock.json", ".bundle.stamp.json", "model_index.json", "empty_prompt.safetensors"}
    assert names == set(files) | written


def test_pull_links_into_the_cache_by_default_and_copies_to_a_folder(hub: Hub, tmp_path: Path) -> None:
    linked, real = pull(SD15), pull(SD15, tmp_path / "real")
    name = "unet/diffusion_pytorch_model.safetensors"
    assert (linked / name).is_symlink()
    assert not [path for path in real.rglob("*") if path.is_symlink()]
    assert (linked / name).read_bytes() == (real / name).read_bytes()
    assert len(hub.fetched) == FILE_COUNT, "the second pull used the cache"


def test_interrupted_pull_is_no_bundle_and_resumes(hub: Hub) -> None:
    hub.broken = {UNET}
    with pytest.raises(ModelError, match=f"{MAIN}: cannot be fetched .* pull again"):
        pull(SD15)
    with pytest.raises(ModelError, match="wallpaint models pull sd15"):
        load_bundle("sd15")
    completed, hub.broken = set(hub.fetched) - {UNET}, set()
    hub.fetched.clear()
    pull(SD15)
    assert UNET in hub.fetched
    assert not completed & set(hub.fetched), "complete files are not fetched again"
    assert load_bundle("sd15").load("unet") is not None


def test_broken_connection_resumes_in_the_middle_of_a_file(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # bytes written at once: 10 MB otherwise
    hub.interrupted = {UNET}
    pull(SD15)
    assert hub.ranges == [UNET]


@pytest.mark.parametrize("when", ["lock", "prompt", "index"])
def test_pull_killed_while_assembling_leaves_no_bundle(hub: Hub, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over an existing bundle."""
    from wallpaint.bundles import pull as module
    from wallpaint.bundles.bundle import Bundle

    folder = pull(SD15)
    with monkeypatch.context() as patch:
        targets = {"lock": (lock, "write"), "prompt": (Bundle, "empty_prompt"), "index": (module, "write")}

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(*targets[when], stop)
        with pytest.raises(KeyboardInterrupt):
            pull(SD15)
    assert not (folder / "bundle.toml").exists()
    if when != "index":
        with pytest.raises(ModelError, match="is no bundle"):
            load_bundle(folder)
    assert load_bundle(pull(SD15)).name == "sd15"


def test_damaged_download_raises_and_is_fetched_again(hub: Hub) -> None:
    hub.corrupted = {UNET}
    with pytest.raises(ModelError, match=r"unet/diffusion_pytorch_model.safetensors is damaged .* pull again"):
        pull(SD15)
    hub.corrupted.clear()
    pull(SD15)
    assert hub.fetched.count(UNET) == 2


def test_changed_file_fails_the_lock_when_loaded(hub: Hub, tmp_path: Path) -> None:
    folder = pull(SD15, tmp_path / "real")
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.unlink()
    path.write_bytes(data)
    bundle = load_bundle(folder)
    assert bundle.load("unet") is not None
    with pytest.raises(ModelError, match=r"vae/diffusion_pytorch_model\S+: has sha256 .* bundle.lock.json records"):
        bundle.load("vae")


def test_pull_plus_gives_the_ip_adapter_plus(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> None:
    plus = random_folder("tiny-plus", tmp_path_factory)
    hub.repos = published_repos(plus, adapter="models/ip-adapter-plus_sd15.safetensors")
    assert main(["models", "pull", "sd15", "--plus"]) == 0
    assert load_bundle("sd15-plus").ip_adapter()["image_proj"]["latents"].shape == (1, 16, 32)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_pull_takes_shards_and_fp16_where_there_is_nothing_else(
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
    ("repo", "removed", "expected"),
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
def test_repository_without_a_required_file_is_reported(
    repo: str, removed: str, expected: list[str], hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    remaining = {
        name: data for name, data in hub.repos[repo].items() if not name.startswith(removed) or name.endswith(".bin")
    }
    if removed:
        hub.repos[repo] = remaining
    else:
        del hub.repos[repo]
    assert main(["models", "pull", "sd15"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("wallpaint: ")
    assert all(text in line for text in expected), line


def test_revision_is_used_and_an_unknown_one_raises(hub: Hub) -> None:
    pull(SD15, revisions={MAIN: COMMIT})
    with pytest.raises(ModelError, match=r"Intel/dpt-large at v9: the repository has no such revision"):
        pull(SD15, revisions={"Intel/dpt-large": "v9"})
    with pytest.raises(InputError, match="'a/b' is no source of sd15"):
        pull(SD15, revisions={"a/b": "v9"})


def test_pull_refuses_a_folder_with_other_files(hub: Hub, tmp_path: Path) -> None:
    """Also where the folder has the layout of a bundle but was not pulled."""
    for name in ("photos/room.jpg", "own/unet/mine.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    for name, message in {
        "photos": r"\(room.jpg\)",
        "own": r"\(unet\)",
        "own/unet/mine.safetensors": "is a file",
    }.items():
        with pytest.raises(InputError, match=message):
            pull(SD15, tmp_path / name)
    assert (tmp_path / "own/unet/mine.safetensors").read_bytes() == b"x"
    assert hub.fetched == [], "refused before anything is fetched"


def test_offline_pull_uses_the_cache(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    first = pull(SD15)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    requests = len(hub.fetched)
    second = pull(SD15, tmp_path / "again")
    assert len(hub.fetched) == requests
    assert (first / "bundle.lock.json").read_bytes() == (second / "bundle.lock.json").read_bytes()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="is not in the cache, and the hub cannot be reached"):
        pull(SD15, tmp_path / "third")


def test_command_uses_the_hub_of_the_environment(tiny_bundle: Path, tmp_path: Path) -> None:
    """In a separate process, configured by environment variables."""
    with serving(Hub(published_repos(tiny_bundle))) as hub:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "home"),
        }
        command = [sys.executable, "-m", "wallpaint.cli.app", "models", "pull", "sd15"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"sd15: {tmp_path / 'home' / 'wallpaint' / 'sd15'}\n"
        assert (tmp_path / "home" / "hub").is_dir()
