"""Write the OpenAPI description: `python -m wallpaint.serve.publish docs/openapi.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wallpaint.serve.app import create_app
from wallpaint.serve.settings import ServeSettings


def main(arguments: Sequence[str]) -> None:
    """Write the description to the file of the first argument."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(ServeSettings(data=Path(folder)))
        text = json.dumps(app.api.openapi(), indent=1, ensure_ascii=False)
        app.state.store.database.close()
    Path(arguments[0]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
