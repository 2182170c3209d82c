"""Start the server: its addresses, tokens and QR code, and the browser."""

from __future__ import annotations

import contextlib
import errno
import io
import ipaddress
import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType

import segno
import uvicorn

from wallpaint.errors import InputError
from wallpaint.serve.app import Application, create_app
from wallpaint.serve.security import TOKEN_PARAMETER, Sessions
from wallpaint.serve.settings import ServeSettings

ALL_ADDRESSES = "0.0.0.0"
SHUTDOWN_S = 5  # for open connections
MAX_CONNECTIONS = 512


@dataclass(frozen=True)
class Network:
    """Where the server listens. lan: on all addresses, with one-time tokens. allowed_hosts: beside those that follow
    from the address."""

    host: str = "127.0.0.1"
    port: int = 8000
    lan: bool = False
    allowed_hosts: tuple[str, ...] = ()
    open_browser: bool = False


def launch(settings: ServeSettings, network: Network, echo: Callable[[str], None]) -> None:
    """Serve until the process is interrupted. echo: prints a line. Raises InputError for an unusable address."""
    check_exposure(settings, network)
    host = ALL_ADDRESSES if network.lan else network.host
    settings = replace(
        settings,
        allowed_hosts=allowed_hosts(settings, network),
        tokens_required=network.lan,
    )
    with open_socket(host, network.port) as listener:
        port = listener.getsockname()[1]
        local = f"http://{_bracketed('localhost' if is_loopback(host) or network.lan else host)}:{port}/"
        sessions = Sessions()
        app = create_app(settings, sessions)
        if network.lan:
            encoding = sys.stdout.encoding or "utf-8"
            address = f"http://{_bracketed(lan_address())}:{port}/"
            sessions.on_use = lambda: echo(invitation(address, sessions.new_token(), encoding))
            sessions.on_use()
        else:
            echo(f"wallpaint serves {local}")
        echo(f"uploads and results are deleted after {settings.keep_hours:g} h ({settings.data}); stop with Ctrl-C")
        if network.open_browser:
            query = f"?{TOKEN_PARAMETER}={sessions.new_token()}" if network.lan else ""
            threading.Timer(1.0, webbrowser.open, (local + query,)).start()
        run_server(app, listener)


class Server(uvicorn.Server):
    """A server that ends its event streams when it is interrupted; otherwise it would wait for them."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGINT and SIGTERM."""
        self.app.state.queue.is_closing = True
        super().handle_exit(sig, frame)


def run_server(app: Application, listener: socket.socket) -> None:
    """Run the application on a listening socket."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each worker that it has not reaped itself
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_S,
        lifespan="on",
        ws="none",
    )
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, app).run(sockets=[listener])


def check_exposure(settings: ServeSettings, network: Network) -> None:
    """Raise InputError if the address can be reached from elsewhere without a key or a token."""
    if network.lan and not is_loopback(network.host):
        raise InputError("`lan` listens on all addresses: leave `host` out")
    if not (network.lan or settings.api_keys or is_loopback(network.host)):
        raise InputError(
            f"{network.host} can be reached from other machines: set an `api_key`, or use `lan` in a network you trust"
        )


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine only."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(settings: ServeSettings, network: Network) -> tuple[str, ...]:
    """Return the names in the Host header that are answered."""
    names = [*ServeSettings.allowed_hosts, *network.allowed_hosts]
    if network.lan or network.host in (ALL_ADDRESSES, "::"):
        names += [lan_address(), socket.gethostname(), f"{socket.gethostname()}.local"]
    else:
        names.append(network.host)
    return tuple(dict.fromkeys(names))


def lan_address() -> str:
    """Return this machine's address in its network; the loopback address without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737; connecting a datagram socket sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises InputError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use: choose another `port`, or 0 for a free one") from error
        reason = error.strerror or str(error)
        raise InputError(f"{host} port {port} cannot be used ({reason}): choose another `host` or `port`") from error
    except OverflowError as error:
        raise InputError(f"port {port} does not exist: choose one in 0..65535") from error


def invitation(address: str, token: str, encoding: str = "utf-8") -> str:
    """Return the lines that invite one more device: an address with a token, and its QR code.

    encoding: of the terminal; one that has no block characters gets no code.
    """
    url = f"{address}?{TOKEN_PARAMETER}={token}"
    code = io.StringIO()
    segno.make(url, error="l").terminal(out=code, compact=True)
    try:
        code.getvalue().encode(encoding)
    except (UnicodeEncodeError, LookupError):
        code = io.StringIO()
    return f"{code.getvalue()}open {url} on one device; a new address is printed for the next one"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
