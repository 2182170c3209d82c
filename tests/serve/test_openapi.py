"""The published OpenAPI description: that of the code, with examples that work, and requests made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.live_server import LiveServer
from support.paths import ROOT
from support.serve_api import API, SAGE, finished, put_alpha, upload
from wallpaint import extras

if TYPE_CHECKING:
    from starlette.testclient import TestClient

PUBLISHED = ROOT / "docs" / "openapi.json"
BODIES_OF_FILES = {
    "upload_photo": "file",
    "upload_palette": "palette",
    "put_wall_alpha": "alpha",
}  # operations whose bodies are files: JSON cannot hold their examples
FEW, MANY = 8, 100  # requests made for each operation


@pytest.fixture(scope="module")
def ids(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> dict[str, str]:
    """Ids for the placeholders of the examples: a photo with a wall, a finished job, a palette."""
    photo = upload(client, photo_bytes)["id"]
    put_alpha(client, photo, alpha_bytes)
    body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}]}
    job = finished(client, client.post(f"{API}/jobs", json=body).json()["id"])["id"]
    return {"PHOTO": photo, "JOB": job, "PALETTE": "server-1"}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Replace the placeholders in an example."""
    text = json.dumps(value)
    for placeholder, real in ids.items():
        text = text.replace(placeholder, real)
    return json.loads(text)


def description(client: TestClient) -> dict[str, Any]:
    return dict(client.get(f"{API}/openapi.json").json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


def test_the_published_description_is_that_of_the_code(client: TestClient) -> None:
    """After a change of the API: `python -m wallpaint.serve.publish docs/openapi.json`."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == description(client)


def test_the_description_is_written_as_it_is_published(tmp_path: Path) -> None:
    from wallpaint.serve.publish import main

    main([str(tmp_path / "openapi.json")])
    assert (tmp_path / "openapi.json").read_bytes() == PUBLISHED.read_bytes()


def test_every_operation_is_named_described_and_has_problems(client: TestClient) -> None:
    names = []
    for path, _, operation in operations(description(client)):
        names.append(operation["operationId"])
        assert operation["description"], path
        assert operation["tags"], path
        if path != f"{API}/health":
            assert set(operation["responses"]["422"]["content"]) == {"application/problem+json"}
    assert len(set(names)) == len(names)


def example_of_body(document: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    """All examples of a JSON body, those of the members of a union included."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    members = schema.get("oneOf", [schema])
    schemas = [document["components"]["schemas"][member["$ref"].rpartition("/")[2]] for member in members]
    return [example for one in schemas for example in one["examples"]]


def test_the_examples_work(client: TestClient, ids: dict[str, str], photo_bytes: bytes, alpha_bytes: bytes) -> None:
    """Every operation with the examples of its parameters and body answers 2xx; deletions last."""
    document = description(client)
    files = {"file": photo_bytes, "palette": b"code,hex\n1,#ffffff\n", "alpha": alpha_bytes}
    succeeded = 0
    photo_last = sorted(operations(document), key=lambda one: (one[1] == "delete", one[0].endswith("{photo_id}")))
    for path, method, operation in photo_last:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                (example,) = parameter["schema"]["examples"]
                path = path.replace("{" + parameter["name"] + "}", ids.get(example, example))
        query = {
            p["name"]: p["schema"]["examples"][0]
            for p in operation.get("parameters", [])
            if p.get("required") and p["in"] == "query"
        }
        content = files.get(BODIES_OF_FILES.get(operation["operationId"], ""))
        for body in example_of_body(document, operation) if "requestBody" in operation and content is None else [None]:
            options: dict[str, Any] = {"json": filled(body, ids)} if body is not None else {}
            if content is not None:
                options = {"content": content, "headers": {"Content-Type": "image/png"}}
                if "multipart/form-data" in operation["requestBody"]["content"]:
                    options = {"files": {"file": ("file", content)}}
            response = client.request(method, path, params=query, **options)
            assert 200 <= response.status_code < 300, (method, path, response.text)
            succeeded += 1
    assert succeeded >= 18


@pytest.mark.skipif(not extras.is_installed("schemathesis"), reason="schemathesis is not installed")
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_requests_made_from_the_description_are_answered_as_it_states(
    live: LiveServer, photo_bytes: bytes, alpha_bytes: bytes, count: int
) -> None:
    """Valid and invalid requests by schemathesis, half of the ids real; answers are as the description states."""
    import httpx2
    import hypothesis
    import schemathesis
    from hypothesis import strategies as st
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    with httpx2.Client(base_url=live.url, timeout=120) as client:
        schema = schemathesis.openapi.from_dict(description(client))
        photo = upload(client, photo_bytes)["id"]
        put_alpha(client, photo, alpha_bytes)
        body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}]}
        job = finished(client, client.post(f"{API}/jobs", json=body).json()["id"])["id"]
    real = {"photo_id": photo, "job_id": job, "palette_id": "server-1", "name": "wall"}
    counts: dict[int, int] = {}
    described = (checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance)
    rules = [not_a_server_error, *described]
    modes = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    for result in schema.get_all_operations():
        operation = result.ok()
        strategy = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

        @hypothesis.settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=strategy, is_real=st.booleans())
        def check(case: Any, is_real: bool) -> None:
            if is_real and case.method != "DELETE":  # what the other requests need is not deleted
                case.path_parameters = {name: real.get(name, value) for name, value in case.path_parameters.items()}
                if isinstance(case.body, dict) and "photo" in case.body:
                    case.body["photo"] = photo
            response = case.call(base_url=live.url, timeout=120)
            counts[response.status_code] = counts.get(response.status_code, 0) + 1
            case.validate_response(response, checks=rules)

        check()
    assert max(counts) < 500, counts
    assert {200, 404, 422} <= counts.keys(), counts
