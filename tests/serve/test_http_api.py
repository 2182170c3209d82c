"""The API, route by route, on one running server."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from support.serve_api import API, SAGE, finished, put_alpha, upload

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from support.drawn_rooms import Room

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def photo(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> str:
    """A photo with one drawn wall."""
    photo_id = str(upload(client, photo_bytes)["id"])
    put_alpha(client, photo_id, alpha_bytes)
    return photo_id


def repaint_body(photo: str, **options: Any) -> dict[str, Any]:
    return {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}], **options}


def problem(response: Any, status: int) -> str:
    """Check that a response is a problem, and return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == PROBLEM
    body = response.json()
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["title"]
    assert "\n" not in body["detail"]
    return str(body["detail"])


def image_of(response: Any) -> np.ndarray[Any, Any]:
    assert response.status_code == 200, response.text
    return np.array(Image.open(io.BytesIO(response.content)))


# -- photos


def test_a_photo_is_uploaded_described_and_deleted(client: TestClient, photo_bytes: bytes, room: Room) -> None:
    record = upload(client, photo_bytes, "../../etc/my room.jpg")
    height, width = room.photo.shape[:2]
    assert (record["width"], record["height"], record["format"]) == (width, height, "JPEG")
    assert record["filename"] == "my room.jpg"
    url = f"{API}/photos/{record['id']}"
    assert client.get(url).json() == record
    assert image_of(client.get(record["image_url"])).shape == (record["preview_height"], record["preview_width"], 3)
    assert client.delete(url).status_code == 204
    for path in (url, record["image_url"], f"{url}/walls/wall"):
        assert "has been deleted" in problem(client.get(path), 404)
    problem(client.delete(url), 404)


def test_a_preview_has_no_metadata_and_at_most_2048_pixels(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "a camera"
    data = io.BytesIO()
    Image.new("RGB", (3000, 1000), (200, 180, 160)).save(data, "JPEG", exif=exif)
    record = upload(client, data.getvalue())
    assert (record["width"], record["height"]) == (1000, 3000)
    assert (record["preview_width"], record["preview_height"]) == (683, 2048)
    preview = Image.open(io.BytesIO(client.get(record["image_url"]).content))
    assert preview.size == (683, 2048)
    assert not preview.getexif()
    assert "icc_profile" not in preview.info


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0" + b"0" * 100, b"GIF89a", b"%PDF-1.4"])
def test_what_is_no_photo_is_refused_in_the_librarys_words(client: TestClient, data: bytes) -> None:
    from wallpaint.errors import InputError
    from wallpaint.imaging.photo import read_photo

    with pytest.raises(InputError) as error:
        read_photo(data)
    response = client.post(f"{API}/photos", files={"file": ("room.jpg", data)})
    assert problem(response, 422) == " ".join(str(error.value).split())


def test_no_trace_of_a_refused_photo_is_left(client: TestClient) -> None:
    state = client.app.state  # type: ignore[attr-defined]
    before = set(state.store.photos.iterdir())
    client.post(f"{API}/photos", files={"file": ("room.jpg", b"no picture")})
    assert set(state.store.photos.iterdir()) == before


# -- walls


def test_walls_are_detected_corrected_and_drawn(client: TestClient, examples: Path) -> None:
    photo = upload(client, (examples / "room.jpg").read_bytes())
    url = f"{API}/photos/{photo['id']}/walls"
    detected = client.post(url, json={}).json()
    (wall,) = detected["walls"]
    assert wall["name"] == "wall"
    alpha = image_of(client.get(wall["alpha_url"]))
    assert (alpha.shape, alpha.dtype) == ((photo["preview_height"], photo["preview_width"]), np.uint8)
    assert alpha.mean() / 255 == pytest.approx(wall["share"], abs=1e-3)
    true = np.array(Image.open(examples / "room_mask.png").convert("L")) > 127
    overlap = np.logical_and(alpha > 127, true).sum() / np.logical_or(alpha > 127, true).sum()
    assert overlap > 0.8

    separate = client.post(url, json={"separate": True}).json()["walls"]
    assert [one["name"] for one in separate] == [f"wall-{number}" for number in range(1, len(separate) + 1)]
    drawn = np.zeros_like(alpha)
    drawn[:200, :300] = 255
    for channels in (drawn, np.dstack([drawn, drawn, drawn, np.full_like(drawn, 255)])):
        data = io.BytesIO()
        Image.fromarray(channels).save(data, "PNG")
        record = put_alpha(client, photo["id"], data.getvalue(), "my wall")
        assert record["confidence"] is None
        assert (image_of(client.get(record["alpha_url"])) == drawn).all()
    names = [one["name"] for one in client.get(f"{API}/photos/{photo['id']}").json()["walls"]]
    assert names == [*(one["name"] for one in separate), "my wall"]
    assert client.delete(f"{url}/my%20wall").status_code == 204
    assert "no such wall" in problem(client.get(f"{url}/my%20wall"), 404)


def test_clicks_are_those_of_the_library(client: TestClient, examples: Path) -> None:
    import wallpaint

    photo = upload(client, (examples / "room.jpg").read_bytes())
    url = f"{API}/photos/{photo['id']}/walls"
    clicks = [{"x": 0.3, "y": 0.2, "wall": True}, {"x": 0.75, "y": 0.75, "wall": False}]
    (wall,) = client.post(url, json={"clicks": clicks}).json()["walls"]
    image = client.get(photo["image_url"]).content
    on, off = [(int(one["x"] * photo["width"]), int(one["y"] * photo["height"])) for one in clicks]
    expected = wallpaint.detect_walls(image, clicks=[on], not_clicks=[off])
    assert (image_of(client.get(wall["alpha_url"])) == np.round(255 * expected.masks["wall"])).all()
    assert wall["confidence"] == round(expected.confidence, 3)


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 422), (b"no picture", 422), ("size", 422), ("jpeg", 422)],
)
def test_alphas_that_cannot_be_used_are_refused(client: TestClient, photo: str, data: Any, status: int) -> None:
    if isinstance(data, str):
        out = io.BytesIO()
        Image.new("L", (20, 20), 255).save(out, "PNG" if data == "size" else "JPEG")
        data = out.getvalue()
    url = f"{API}/photos/{photo}/walls/wall"
    before = client.get(url).content
    problem(client.put(url, content=data, headers={"Content-Type": "image/png"}), status)
    assert client.get(url).content == before


def test_an_alpha_must_be_declared_as_png(client: TestClient, photo: str, alpha_bytes: bytes) -> None:
    problem(client.put(f"{API}/photos/{photo}/walls/wall", content=alpha_bytes), 415)


@pytest.mark.parametrize("name", ["..", ".hidden", "-x", "a" * 41, "a;b"])
def test_names_of_walls_are_checked(client: TestClient, photo: str, alpha_bytes: bytes, name: str) -> None:
    url = f"{API}/photos/{photo}/walls/{name.replace(';', '%3B')}"
    response = client.put(url, content=alpha_bytes, headers={"Content-Type": "image/png"})
    assert response.status_code in (404, 405, 422)


def test_a_photo_has_at_most_sixteen_walls(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    photo_id = str(upload(client, photo_bytes)["id"])
    for number in range(16):
        put_alpha(client, photo_id, alpha_bytes, f"wall-{number}")
    url = f"{API}/photos/{photo_id}/walls/one-more"
    response = client.put(url, content=alpha_bytes, headers={"Content-Type": "image/png"})
    assert "at most 16 walls" in problem(response, 422)


# -- previews and colours


def test_the_preview_payload_is_that_of_the_library(client: TestClient, photo: str, alpha_bytes: bytes) -> None:
    import wallpaint
    from wallpaint.pipeline.preview import build_preview

    url = f"{API}/photos/{photo}/walls/wall/preview"
    response = client.get(url)
    image = client.get(f"{API}/photos/{photo}/image").content
    scene = wallpaint.prepare(image, {"wall": alpha_bytes})
    assert response.content == build_preview(scene, "wall", scene.photo.size)
    assert response.headers["Content-Type"] == "application/octet-stream"
    tag = response.headers["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    hinted = client.get(url, params={"old_color": "white", "white": "0.5,0.1"}, headers={"If-None-Match": tag})
    assert hinted.status_code == 200
    assert hinted.headers["ETag"] != tag
    assert hinted.content != response.content
    assert "`white` takes X,Y" in problem(client.get(url, params={"white": "5,1"}), 422)
    assert "is not a colour" in problem(client.get(url, params={"old_color": "nothing"}), 422)
    problem(client.get(f"{API}/photos/{photo}/walls/other/preview"), 404)


def test_a_changed_alpha_changes_the_preview(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    photo_id = upload(client, photo_bytes)["id"]
    tags = []
    for _ in range(2):
        put_alpha(client, photo_id, alpha_bytes)
        tags.append(client.get(f"{API}/photos/{photo_id}/walls/wall/preview").headers["ETag"])
    assert tags[0] != tags[1]


def test_a_render_is_the_librarys_repaint_of_the_preview(client: TestClient, photo: str, alpha_bytes: bytes) -> None:
    import wallpaint

    body = {"walls": [{"name": "wall", "color": SAGE}], "match": "swatch"}
    rendered = image_of(client.post(f"{API}/photos/{photo}/render", json=body))
    image = client.get(f"{API}/photos/{photo}/image").content
    expected = wallpaint.prepare(image, {"wall": alpha_bytes}).repaint({"wall": SAGE}, match="swatch").image
    assert np.abs(rendered.astype(int) - np.asarray(expected)).mean() < 2  # JPEG


def test_the_eyedropper_identifies_the_paint(client: TestClient, photo: str, alpha_bytes: bytes) -> None:
    """The same figures as the library's function; off the wall it says so."""
    import wallpaint
    from wallpaint.pipeline.identify import identify

    alpha = np.array(Image.open(io.BytesIO(alpha_bytes)))
    palette = client.get(f"{API}/palettes").json()["palettes"][0]["id"]
    image = client.get(f"{API}/photos/{photo}/image").content
    scene = wallpaint.prepare(image, {"wall": alpha_bytes})
    paints = wallpaint.read_palette(Path(__file__).parents[2] / "examples" / "paints.csv")
    for level in (255, 0):
        y, x = np.argwhere(cv2.erode((alpha == level).astype(np.uint8), np.ones((9, 9))) > 0)[0]
        point = {"x": (x + 0.5) / alpha.shape[1], "y": (y + 0.5) / alpha.shape[0]}
        answer = client.get(f"{API}/photos/{photo}/color", params={**point, "palette": palette}).json()
        assert answer == identify(scene, paints, (int(x), int(y))).to_dict()
        assert answer["on_wall"] == (level == 255)
        assert len(answer["nearest"]) == 3
    assert "less than or equal to 1" in problem(client.get(f"{API}/photos/{photo}/color", params={"x": 2, "y": 0}), 422)


# -- jobs


def test_a_photo_is_repainted(client: TestClient, photo: str, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    """From upload to result; pixels away from the wall are those of the photo, and the swatch is met."""
    created = client.post(f"{API}/jobs", json=repaint_body(photo, match="swatch", format="png"))
    assert created.status_code == 202
    assert created.headers["Location"] == f"{API}/jobs/{created.json()['id']}"
    assert int(created.headers["Retry-After"]) > 0
    job = finished(client, created.json()["id"])
    assert (job["state"], job["progress"], job["attempts"]) == ("done", 1, 1)
    assert job["report"]["walls"][0]["delta_e_2000"] <= 0.5
    result = client.get(job["result_url"])
    assert result.headers["Content-Disposition"] == 'attachment; filename="room_7d9b84.png"'
    before = np.array(Image.open(io.BytesIO(photo_bytes)))
    after = image_of(result)
    wall = np.array(Image.open(io.BytesIO(alpha_bytes))) > 0
    far = ~cv2.dilate(wall.view(np.uint8), np.ones((9, 9), np.uint8)).view(bool)
    changed = (after != before).any(-1)
    assert changed[wall].mean() > 0.9
    assert not changed[far].any()


def test_a_result_keeps_profile_and_metadata_but_not_the_location(client: TestClient, room: Room) -> None:
    from wallpaint.imaging import icc

    profile = icc.rgb_profile(icc.DISPLAY_P3_PRIMARIES_XY, icc.D65_XY, None)
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (21.0, 1.0, 42.0)
    data, mask = io.BytesIO(), io.BytesIO()
    Image.fromarray(room.photo).save(data, "JPEG", quality=95, exif=exif, icc_profile=profile)
    Image.fromarray(room.soft_mask).save(mask, "PNG")
    photo_id = upload(client, data.getvalue())["id"]
    put_alpha(client, photo_id, mask.getvalue())
    for keep in (False, True):
        created = client.post(f"{API}/jobs", json=repaint_body(photo_id, keep_location=keep))
        job = finished(client, created.json()["id"])
        result = Image.open(io.BytesIO(client.get(job["result_url"]).content))
        assert result.format == "JPEG"
        assert result.info["icc_profile"] == profile
        assert result.getexif()[0x010F] == "a camera"
        assert bool(result.getexif().get_ifd(0x8825)) == keep


def test_a_queued_job_keeps_the_walls_it_was_created_with(
    client: TestClient, photo_bytes: bytes, alpha_bytes: bytes
) -> None:
    photo_id = upload(client, photo_bytes)["id"]
    put_alpha(client, photo_id, alpha_bytes)
    job = client.post(f"{API}/jobs", json=repaint_body(photo_id)).json()["id"]
    assert client.delete(f"{API}/photos/{photo_id}/walls/wall").status_code == 204
    assert finished(client, job)["state"] == "done"


def test_a_photo_without_walls_is_repainted_on_detected_ones(client: TestClient, examples: Path) -> None:
    photo_id = upload(client, (examples / "room.jpg").read_bytes())["id"]
    body = repaint_body(photo_id, palette="server-1")
    body["walls"][0]["color"] = "Garden sage"
    job = finished(client, client.post(f"{API}/jobs", json=body).json()["id"])
    assert job["state"] == "done"
    assert job["report"]["walls"][0]["paint"]["code"] == "G1"
    assert client.get(job["result_url"]).headers["Content-Disposition"].endswith('"room_garden-sage.jpg"')


@pytest.mark.parametrize("separate", [False, True])
def test_masks_at_full_size(client: TestClient, examples: Path, separate: bool) -> None:
    photo = upload(client, (examples / "room.jpg").read_bytes())
    body = {"kind": "mask", "photo": photo["id"], "separate": separate}
    job = finished(client, client.post(f"{API}/jobs", json=body).json()["id"])
    result = client.get(job["result_url"])
    if separate:
        names = zipfile.ZipFile(io.BytesIO(result.content)).namelist()
        assert names == ["walls.png", *(f"wall-{number}.png" for number in range(1, len(names)))]
    else:
        assert image_of(result).shape == (photo["height"], photo["width"])


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"walls": [{"name": "other", "color": SAGE}]}, "no wall 'other': its walls are wall"),
        ({"walls": [{"name": "wall", "color": SAGE}] * 2}, "given twice"),
        ({"walls": [{"name": "wall", "color": "sagee"}]}, "is not a colour"),
        ({"walls": []}, "at least 1 item"),
        ({"match": "lit"}, "'room' or 'swatch'"),
        ({"unknown": 1}, "extra inputs are not permitted"),
        ({"painter": "diffusion"}, "needs models"),
        ({"reference": "x"}, "only the diffusion painter"),
        ({"white": [0.5, 2]}, "less than or equal to 1"),
        ({"old_color": "nothing"}, "is not a colour"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_mistakes_in_a_job_are_reported_at_once(client: TestClient, photo: str, change: Any, detail: str) -> None:
    assert detail in problem(client.post(f"{API}/jobs", json=repaint_body(photo, **change)), 422)


def test_an_error_of_the_library_fails_the_job_with_its_words(
    client: TestClient, room: Room, alpha_bytes: bytes
) -> None:
    """A black corner is no white object."""
    pixels = np.array(room.photo)
    pixels[-20:, :20] = 0
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    photo_id = upload(client, data.getvalue(), "room.png")["id"]
    put_alpha(client, photo_id, alpha_bytes)
    created = client.post(f"{API}/jobs", json=repaint_body(photo_id, white=[0.01, 0.99]))
    job = finished(client, created.json()["id"])
    assert job["state"] == "failed"
    assert job["error"].startswith("the white point at 3,")
    assert job["error"] in problem(client.get(f"{API}/jobs/{job['id']}/result"), 409)


def test_transparent_parts_are_no_wall(client: TestClient, examples: Path) -> None:
    with Image.open(examples / "room.jpg") as opened:
        image = opened.convert("RGBA").resize((768, 512))
    image.putalpha(Image.fromarray(np.repeat(np.uint8([[0] * 384 + [255] * 384]), 512, 0)))
    data = io.BytesIO()
    image.save(data, "PNG")
    photo_id = upload(client, data.getvalue())["id"]
    (wall,) = client.post(f"{API}/photos/{photo_id}/walls", json={}).json()["walls"]
    alpha = image_of(client.get(wall["alpha_url"]))
    assert alpha[:, :383].max() == 0
    assert (alpha[:, 385:] > 127).mean() > 0.1


def test_a_repeated_idempotency_key_creates_one_job(client: TestClient, photo: str) -> None:
    key = {"Idempotency-Key": "order-1"}
    first, again = (client.post(f"{API}/jobs", json=repaint_body(photo), headers=key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert again.status_code == 202
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post(f"{API}/jobs", json=repaint_body(photo, match="swatch"), headers=key)
    assert "was used for another request" in problem(other, 422)
    assert client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"] != first.json()["id"]


def test_events_resume_after_the_last_one(client: TestClient, photo: str) -> None:
    job = client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"]
    url = f"{API}/jobs/{job}/events"
    first = client.get(url)
    assert first.headers["Content-Type"].startswith("text/event-stream")
    blocks = first.text.strip().split("\n\n")
    ids = [int(block.split("id: ")[1]) for block in blocks]
    assert ids == list(range(1, len(ids) + 1))
    resumed = client.get(url, headers={"Last-Event-ID": str(ids[-3])}).text.strip().split("\n\n")
    assert resumed == blocks[-2:]
    assert client.get(url, headers={"Last-Event-ID": str(ids[-1])}).status_code == 204
    assert client.get(url, headers={"Last-Event-ID": "nonsense"}).text == first.text


def test_a_finished_job_is_deleted_with_its_result(client: TestClient, photo: str) -> None:
    job = finished(client, client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"])
    assert client.delete(f"{API}/jobs/{job['id']}").status_code == 204
    for path in (f"{API}/jobs/{job['id']}", job["result_url"]):
        problem(client.get(path), 404)


# -- palettes


def test_palettes_are_uploaded_and_searched(client: TestClient) -> None:
    csv = "code,name,hex\nA1,Trắng sữa,#f4f1ea\nA2,Xanh rêu,#7d9b84\nB1,Đỏ gạch,#b5654a\n".encode()
    created = client.post(f"{API}/palettes", files={"file": ("sơn.csv", csv)})
    assert created.status_code == 201
    record = created.json()
    assert (record["name"], record["count"], len(record["paints"])) == ("sơn.csv", 3, 3)
    url = created.headers["Location"]
    for search, codes in (("trang", ["A1"]), ("a", ["A1", "A2", "B1"]), ("do gach", ["B1"]), ("a2", ["A2"]), ("z", [])):
        assert [paint["code"] for paint in client.get(url, params={"search": search}).json()["paints"]] == codes
    page = client.get(url, params={"offset": 1, "limit": 1}).json()
    assert ([paint["code"] for paint in page["paints"]], page["total"]) == (["A2"], 3)


def test_the_servers_palettes_are_listed_and_uploads_are_not(client: TestClient) -> None:
    client.post(f"{API}/palettes", files={"file": ("mine.csv", b"code,hex\n1,#ffffff\n")})
    palettes = client.get(f"{API}/palettes").json()["palettes"]
    assert [(palette["id"], palette["name"], palette["expires_at"]) for palette in palettes] == [
        ("server-1", "paints.csv", None)
    ]


def test_an_uploaded_palette_is_compared_with(client: TestClient, photo: str) -> None:
    """Also a large one, and after it is no longer among those in memory."""
    rows = [f"{number},#{number:06x}" for number in range(0x101010, 0x101010 + 5000)]
    csv = "\n".join(["code,hex", "best,#ded3c3", *rows]).encode()
    ids = [client.post(f"{API}/palettes", files={"file": ("a.csv", csv)}).json()["id"] for _ in range(2)]
    client.app.state.store._recent.clear()  # type: ignore[attr-defined]
    for palette in ids:
        answer = client.get(f"{API}/photos/{photo}/color", params={"x": 0.1, "y": 0.1, "palette": palette}).json()
        assert answer["nearest"][0]["code"] == "best"
    too_many = "\n".join(["hex", *["#ffffff"] * 20_001]).encode()
    assert "at most 20,000" in problem(client.post(f"{API}/palettes", files={"file": ("a.csv", too_many)}), 422)


def test_a_bad_palette_is_refused_in_the_librarys_words(client: TestClient) -> None:
    response = client.post(f"{API}/palettes", files={"file": ("mine.csv", b"code,hex\n1,nothing\n")})
    detail = problem(response, 422)
    assert detail.startswith("mine.csv: line 2")
    assert "/" not in detail


# -- the rest


def test_health_states_the_limits(client: TestClient) -> None:
    health = client.get(f"{API}/health").json()
    assert (health["status"], health["painters"], health["keep_hours"]) == ("ok", ["analytic"], 24)


def test_metrics_count_requests_and_jobs(client: TestClient, photo: str) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    def values() -> dict[tuple[str, ...], float]:
        response = client.get(f"{API}/metrics")
        assert response.headers["Content-Type"].startswith("text/plain")
        samples = [one for family in text_string_to_metric_families(response.text) for one in family.samples]
        return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}

    client.get(f"{API}/photos/{photo}")
    finished(client, client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"])
    before = values()
    client.get(f"{API}/photos/{photo}")
    client.get(f"{API}/photos/unknown")
    client.get("/unknown.js")
    finished(client, client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"])
    after = values()
    route = "/photos/{photo_id}"
    for labels in (("200", route, "GET"), ("404", route, "GET"), ("404", "other", "GET")):
        key = ("wallpaint_requests_total", *sorted(labels))
        assert after[key] - before.get(key, 0) == 1, key
    done = ("wallpaint_job_seconds_count", "done", "repaint")
    assert after[done] - before[done] == 1
    assert after["wallpaint_jobs", "running"] == 0
    assert after[("wallpaint_workers_ready",)] >= 1


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/nothing.js", "/api/v1/photos/..%2f..%2fetc%2fpasswd", "/%00"])
def test_unknown_addresses_are_problems(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)


def test_methods_that_a_route_lacks_are_problems(client: TestClient) -> None:
    problem(client.patch(f"{API}/health"), 405)


def test_messages_hold_no_path_of_the_server(client: TestClient, photo: str) -> None:
    data = str(client.app.state.store.root)  # type: ignore[attr-defined]
    for response in (
        client.post(f"{API}/photos", files={"file": ("x.jpg", b"\xff\xd8\xff\xe0" + b"0" * 100)}),
        client.post(f"{API}/palettes", files={"file": ("x.csv", b"nothing")}),
        client.post(f"{API}/jobs", json=repaint_body(photo)),
        client.get(f"{API}/photos/{photo}"),
    ):
        assert data not in response.text
    job = finished(client, client.post(f"{API}/jobs", json=repaint_body(photo)).json()["id"])
    assert data not in str(job)
