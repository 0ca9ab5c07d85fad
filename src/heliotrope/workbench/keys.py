"""The secrets of one session of the workbench, made anew at every start and stored nowhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


def _make_secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Keys:
    """What lets a browser in.

    token: in the address that the terminal shows. session: in the cookie it is exchanged for.
    csrf: in every form. port: where the workbench listens; a browser that calls it by any other
    name than the loopback's is refused.
    """

    port: int
    token: str = field(default_factory=_make_secret)
    session: str = field(default_factory=_make_secret)
    csrf: str = field(default_factory=_make_secret)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names a browser may call the workbench by."""
        return (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that its own pages have."""
        return tuple(f"http://{host}" for host in self.hosts)

    @property
    def cookie(self) -> str:
        """The name of the cookie: cookies do not tell ports apart, so the name does."""
        return f"heliotrope-{self.port}"

    @property
    def address(self) -> str:
        """The address to open, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def is_equal(self, given: str, name: str) -> bool:
        """Compare a secret in constant time."""
        return secrets.compare_digest(given.encode(), getattr(self, name).encode())
