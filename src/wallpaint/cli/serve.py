"""`wallpaint serve`: the web page and the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wallpaint import extras
from wallpaint.cli import help_panels as panels
from wallpaint.cli.help_panels import PanelCommand
from wallpaint.options import help_text
from wallpaint.serve.settings import ServeSettings, default_data_dir

LOOPBACK = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command(cls=PanelCommand)(serve)


def _help(name: str) -> str:
    """The help text of a setting, as a sentence."""
    text = help_text(ServeSettings, name)
    return f"{text[0].upper()}{text[1:]}."


def serve(
    host: Annotated[
        str,
        typer.Option(
            rich_help_panel=panels.NETWORK,
            help="Address to listen on. Any other than loopback needs --api-key or --lan.",
        ),
    ] = LOOPBACK,
    port: Annotated[
        int, typer.Option(min=0, max=65535, rich_help_panel=panels.NETWORK, help="Port; 0 chooses a free one.")
    ] = 8000,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            rich_help_panel=panels.NETWORK,
            help="Listen on the local network; print an address with a one-time token, and its QR code.",
        ),
    ] = False,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            envvar="WALLPAINT_API_KEY", rich_help_panel=panels.NETWORK, help=f"{_help('api_keys')} Repeatable."
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=panels.NETWORK, help="Further name of this server, as behind a proxy. Repeatable."
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", rich_help_panel=panels.NETWORK, help="Open the page in the browser.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(rich_help_panel=panels.DATA, help=f"{_help('data')} By default {default_data_dir()}."),
    ] = None,
    keep_hours: Annotated[
        float, typer.Option(rich_help_panel=panels.DATA, help=_help("keep_hours"))
    ] = ServeSettings.keep_hours,
    palette: Annotated[
        list[Path] | None, typer.Option(rich_help_panel=panels.PAINT, help=f"{_help('palettes')} Repeatable.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(rich_help_panel=panels.DIFFUSION, help=_help("bundle"))] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, rich_help_panel=panels.PERFORMANCE, help=_help("workers"))
    ] = ServeSettings.workers,
    max_bytes: Annotated[
        int, typer.Option(min=1, rich_help_panel=panels.LIMITS, help=_help("max_bytes"))
    ] = ServeSettings.max_bytes,
    max_pixels: Annotated[
        int, typer.Option(min=64, rich_help_panel=panels.LIMITS, help=_help("max_pixels"))
    ] = ServeSettings.max_pixels,
    max_storage_bytes: Annotated[
        int, typer.Option(min=1, rich_help_panel=panels.LIMITS, help=_help("max_storage_bytes"))
    ] = ServeSettings.max_storage_bytes,
    max_queue: Annotated[
        int, typer.Option(min=1, rich_help_panel=panels.LIMITS, help=_help("max_queue"))
    ] = ServeSettings.max_queue,
    rate: Annotated[float, typer.Option(rich_help_panel=panels.LIMITS, help=_help("rate"))] = ServeSettings.rate,
    job_timeout_s: Annotated[
        float, typer.Option("--job-timeout-s", rich_help_panel=panels.LIMITS, help=_help("job_timeout_s"))
    ] = ServeSettings.job_timeout_s,
    worker_memory: Annotated[
        int, typer.Option(rich_help_panel=panels.LIMITS, help=_help("worker_memory"))
    ] = ServeSettings.worker_memory,
) -> None:
    """Serve the web page and the HTTP API, until Ctrl-C."""
    extras.require("`wallpaint serve`", *extras.SERVE)
    from wallpaint.serve.launch import Network, launch

    settings = ServeSettings(
        data=data or default_data_dir(),
        api_keys=tuple(api_key or ()),
        palettes=tuple(palette or ()),
        bundle=bundle,
        workers=workers,
        keep_hours=keep_hours,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
        max_storage_bytes=max_storage_bytes,
        max_queue=max_queue,
        rate=rate,
        job_timeout_s=job_timeout_s,
        worker_memory=worker_memory,
    )
    network = Network(host=host, port=port, lan=lan, allowed_hosts=tuple(allowed_host or ()), open_browser=open_browser)
    launch(settings, network, typer.echo)
