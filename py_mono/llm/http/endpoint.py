"""Where a model server is: its address, and whether a proxy stands before it."""

import re
from collections.abc import Mapping

from msgspec import Struct

from py_mono.protocol.errors import ConfigError
from py_mono.utils.lazy import load

OLLAMA_PORT = 11434
_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"(https?)://([a-z0-9][a-z0-9.-]*)?(?::(\d{1,4}))?/?")
"""Nearly every address; the others are left to the parser of the standard library, which takes longer to load."""

_LOCAL = ("localhost", "ip6-localhost", "host.docker.internal", "::1")


class Endpoint(Struct, frozen=True):
    """An HTTP server.

    Attributes:
        url: As it is shown: scheme, host, port and path, never the user and password.
        tls: Whether it speaks https.
        host: Its name or address; an IPv6 address without brackets.
        port: Its TCP port.
        path: Before every request's own path, without a slash at its end.
        user: What stood before the ``@``, decoded, or empty.
    """

    url: str
    tls: bool
    host: str
    port: int
    path: str = ""
    user: str = ""

    @property
    def authority(self) -> str:
        """What a ``Host`` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


def parse_endpoint(address: str) -> Endpoint:
    """Read ``address`` in any form that ``OLLAMA_HOST`` takes: ``host``, ``host:port``, ``:port`` or a whole URL.

    Without a scheme the port is Ollama's own. The addresses that a server listens on (``0.0.0.0``) mean this machine.

    Raises:
        ConfigError: It is none of these.
    """
    text = address.strip().strip("\"'") or "localhost"
    bare = "://" not in text
    wrong = ConfigError(
        f"{without_user(address)!r} is not the address of a server",
        remedy="write it like http://localhost:11434 (OLLAMA_BASE_URL)",
    )
    if any(letter <= " " or letter == "\x7f" for letter in text) or not text.isascii():
        raise wrong
    try:
        scheme, named, port, path, user = _split(f"http://{text}" if bare else text)
    except ValueError as error:
        raise wrong from error
    if scheme not in _PORTS or (not bare and not named):
        raise wrong
    host = named or "localhost"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - turned into an address to ask
    if port is None:
        port = OLLAMA_PORT if bare else _PORTS[scheme]
    path = path.rstrip("/").removesuffix("/api").removesuffix("/v1")
    found = Endpoint("", scheme == "https", host, port, path, user)
    return Endpoint(f"{scheme}://{found.authority}{path}", found.tls, host, port, path, user)


def _split(url: str) -> tuple[str, str | None, int | None, str, str]:
    """Scheme, host, port, path, and the decoded user and password of a URL. Raises ValueError."""
    if plain := _PLAIN.fullmatch(url):
        scheme, host, port = plain.groups()
        return scheme, host, int(port) if port else None, "", ""
    parts = load("urllib.parse:urlsplit")(url)
    unquote = load("urllib.parse:unquote")
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    return parts.scheme, parts.hostname, parts.port, parts.path, user


def path_of(url: str, endpoint: Endpoint) -> str:
    """What an endpoint's requests have to begin with to be below the whole of ``url``: its own path has lost a ``/v1``."""
    path: str = load("urllib.parse:urlsplit")(url).path.rstrip("/")
    return path.removeprefix(endpoint.path)


def without_user(address: str) -> str:
    """An address that may be none, as it may be shown: without what stands before an ``@``."""
    scheme, found, rest = address.rpartition("://")
    before, _, server = rest.rpartition("@")
    return f"{scheme}{found}{'…@' if before else ''}{server}"


def proxy_for(target: Endpoint, environment: Mapping[str, str]) -> Endpoint | None:
    """The proxy that ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (either case) set for ``target``.

    This machine is never asked through a proxy.

    Raises:
        ConfigError: The proxy's address is none, or of a kind that is not supported (only ``http://``).
    """
    if target.host in _LOCAL or target.host.startswith("127.") or target.host.endswith(".localhost"):
        return None
    names = ("https_proxy" if target.tls else "http_proxy", "all_proxy")
    value = next((found for name in names if (found := _either(environment, name))), "")
    if not value or _excepted(target, _either(environment, "no_proxy")):
        return None
    proxy = parse_endpoint(value if "://" in value else f"http://{value}")
    if proxy.tls:
        raise ConfigError(
            f"the proxy {proxy.url} is to be reached by https, which is not supported",
            remedy=f"give an http:// proxy, or add {target.host} to NO_PROXY",
        )
    return proxy


def _either(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _excepted(target: Endpoint, rules: str) -> bool:
    """Whether ``NO_PROXY`` names the host: itself, a domain above it, with or without a port, or ``*``."""
    for rule in rules.split(","):
        name = rule.strip().lower()
        if name == "*":
            return True
        host, colon, port = name.rpartition(":")
        if colon and port.isdigit() and not host.endswith(":"):
            if int(port) != target.port:
                continue
            name = host
        name = name.removeprefix("*").lstrip(".").strip("[]")
        if name and (target.host == name or target.host.endswith(f".{name}")):
            return True
    return False
