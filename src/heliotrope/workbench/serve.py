"""Start the workbench: take the folder, listen on the loopback, show the address."""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heliotrope.errors import ExitCode, Found, UserError

LOOPBACK = "127.0.0.1"
INSTALL = "install it with: python -m pip install 'heliotrope[workbench]'"
SECONDS_TO_STOP = 2


@dataclass(frozen=True)
class ServeOptions:
    """How to serve. port: 0 takes any free one. root: where a page may open studies from."""

    workspace: Path
    root: Path
    port: int = 0
    open_browser: bool = False
    language: str | None = None


def serve(path: Path | None, options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve the workbench until it is interrupted.

    ``path``: a study or run to open. ``say`` is given the address, which holds the token: whoever
    knows it is let in, so it is shown to nobody but the person who started this.
    Errors: the extra is not installed, the port is taken, the workspace cannot be written or is in
    use: UserError.
    """
    try:
        import jinja2
        import python_multipart
        import starlette
        import uvicorn
    except ImportError as error:
        raise UserError(
            "the packages of the workbench",
            Found(f"{error.name} is missing"),
            INSTALL,
            ExitCode.ENVIRONMENT,
        ) from None
    del jinja2, python_multipart, starlette
    from heliotrope.workbench.addresses import preload
    from heliotrope.workbench.application import make_application
    from heliotrope.workbench.keys import Keys
    from heliotrope.workbench.lock import take_lock
    from heliotrope.workbench.workspace import Workspace

    workspace = Workspace(options.workspace.resolve(), options.root.resolve())
    make_folder(workspace.folder)
    with take_lock(workspace.folder), listen(options.port) as listening:
        keys = Keys(listening.getsockname()[1])
        app = make_application(workspace, keys, options.language)
        # What a browser sends is held in unnamed files: here, not in a folder shared with others.
        tempfile.tempdir = str(workspace.incoming)
        place = None if path is None else workspace.open_path(path, is_trusted=True)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=SECONDS_TO_STOP,
        )
        say(keys.address)
        if place is not None:
            say(f"Opened: {'run' if place.kind == 'run' else 'study'} {place.name}")
        threading.Thread(target=preload, daemon=True).start()
        if options.open_browser:
            webbrowser.open(keys.address)
        uvicorn.Server(config).run(sockets=[listening])


def make_folder(folder: Path) -> None:
    """Make the folder of the workbench, for its owner alone.

    Errors: it cannot be made: UserError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            "a folder that can be written",
            Found(error.strerror or type(error).__name__, folder.name),
            "name another one with --workspace",
            ExitCode.ENVIRONMENT,
        ) from None


def listen(port: int) -> socket.socket:
    """Listen on the loopback, and on nothing else.

    Errors: the port is taken or not allowed: UserError.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()  # whoever comes before the server is ready waits
    except (OSError, OverflowError) as error:
        listening.close()
        raise UserError(
            "a free port",
            Found(f"port {port}: {getattr(error, 'strerror', None) or error}"),
            "leave --port out, or name another one",
            ExitCode.ENVIRONMENT,
        ) from None
    return listening
