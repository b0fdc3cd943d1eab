"""Settings from flags, environment and files, in that order; read by ``main`` alone, before anything heavy is imported."""

import os
import re
from collections.abc import Mapping

from py_mono.protocol.errors import ConfigError
from py_mono.utils.lazy import load

DEFAULT_MODEL = "lfm2.5-thinking:latest"
_SMALLEST_WINDOW = 2048
_BACKENDS = ("auto", "bubblewrap", "container", "off")


class Folders:
    """Where py-mono keeps what it keeps: ``PY_MONO_HOME`` for everything, else the XDG folders.

    Attributes:
        state: Sessions, input history.
        config: ``.env``.
    """

    __slots__ = ("config", "state")

    def __init__(self, environment: Mapping[str, str]) -> None:
        own = environment.get("PY_MONO_HOME")
        if own:
            base = os.path.abspath(os.path.expanduser(own))
            self.state, self.config = os.path.join(base, "state"), os.path.join(base, "config")
            return
        home = environment.get("HOME") or os.path.expanduser("~")
        state = _absolute(environment.get("XDG_STATE_HOME")) or os.path.join(home, ".local", "state")
        config = _absolute(environment.get("XDG_CONFIG_HOME")) or os.path.join(home, ".config")
        self.state, self.config = os.path.join(state, "py-mono"), os.path.join(config, "py-mono")


class Settings:
    """What the program runs with.

    Attributes:
        environment: The environment, with what ``.env`` of the configuration folder adds to it.
        folders: See ``Folders``.
        workspace: Absolute, links resolved, an existing folder.
        extra_roots: Further folders for the tools, the same.
        provider: A name of the registry.
        model: What to bind it to; empty leaves it to the provider.
        base_url: Of the local model server.
        window_cap: The most tokens of context asked for (``OLLAMA_CONTEXT_LENGTH``), or None for the default.
        keep_alive: How long the server keeps a model loaded (``OLLAMA_KEEP_ALIVE``), or None for the default.
        script: For the scripted provider.
        backend: ``auto``, ``bubblewrap``, ``container`` or ``off``.
        network: Whether the tools may reach it.
        max_steps: Requests a turn may make.
        max_tokens: Tokens a turn may take, or None.
        max_budget_usd: US dollars a turn may cost, or None.
    """

    __slots__ = (
        "backend", "base_url", "environment", "extra_roots", "folders", "keep_alive", "max_budget_usd", "max_steps",
        "max_tokens", "model", "network", "provider", "script", "window_cap", "workspace",
    )  # fmt: skip

    environment: dict[str, str]
    folders: Folders
    workspace: str
    extra_roots: tuple[str, ...]
    provider: str
    model: str
    base_url: str
    window_cap: int | None
    keep_alive: str | None
    script: str
    backend: str
    network: bool
    max_steps: int
    max_tokens: int | None
    max_budget_usd: float | None


class Flags:
    """What the command line may say about settings; None where it says nothing (``ui.arguments`` fits this shape)."""

    cwd: str | None = None
    add_dir: list[str]
    provider: str | None = None
    model: str | None = None
    sandbox: str | None = None
    network: str | None = None
    max_steps: int | None = None
    max_tokens: int | None = None
    max_budget_usd: float | None = None


def read(flags: Flags, environ: Mapping[str, str]) -> Settings:
    """Put the settings together.

    Raises:
        ConfigError: A folder is missing or no folder, or a value is none of those there are.
    """
    settings = Settings()
    settings.folders = Folders(environ)
    environment = settings.environment = {**_dotenv(settings.folders.config), **environ}
    settings.workspace = _workspace(flags.cwd, environment)
    settings.extra_roots = tuple(_folder(path, "--add-dir") for path in flags.add_dir)
    settings.provider = flags.provider or environment.get("LLM_PROVIDER") or "ollama"
    settings.model = flags.model or ""
    if not settings.model and settings.provider == "ollama":
        settings.model = environment.get("OLLAMA_MODEL") or DEFAULT_MODEL
    settings.base_url = _ollama_url(environment)
    settings.window_cap = _tokens(environment.get("OLLAMA_CONTEXT_LENGTH"))
    settings.keep_alive = environment.get("OLLAMA_KEEP_ALIVE") or None
    settings.script = environment.get("PY_MONO_SCRIPT", "")
    settings.backend = flags.sandbox or "auto"
    if settings.backend not in _BACKENDS:
        raise ConfigError(f"there is no sandbox {settings.backend!r}; there are {', '.join(_BACKENDS)}")
    settings.network = flags.network == "on"
    settings.max_steps = flags.max_steps or 200
    settings.max_tokens = flags.max_tokens
    settings.max_budget_usd = flags.max_budget_usd
    return settings


def _absolute(path: str | None) -> str | None:
    """An XDG folder counts only where it is absolute (XDG Base Directory Specification 0.8)."""
    return path if path and os.path.isabs(path) else None


def _dotenv(folder: str) -> dict[str, str]:
    """What ``.env`` of the configuration folder says; lines that make no sense are passed over."""
    path = os.path.join(folder, ".env")
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            values = load("dotenv:dotenv_values")(stream=file, interpolate=False)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy=f"chmod 600 {path}") from error
    return {name: value for name, value in values.items() if value is not None}


def _in_docker() -> bool:
    return os.path.exists("/.dockerenv")


def _workspace(flag: str | None, environment: Mapping[str, str]) -> str:
    if flag is not None:
        return _folder(flag, "-C")
    if environment.get("WORKSPACE_ROOT"):
        return _folder(environment["WORKSPACE_ROOT"], "WORKSPACE_ROOT")
    if _in_docker() and os.path.isdir("/workspace"):
        return "/workspace"
    try:
        return os.path.realpath(os.getcwd())
    except FileNotFoundError as error:
        raise ConfigError(
            "the current folder no longer exists", remedy="cd into your project, or name it with -C"
        ) from error


def _folder(path: str, said_by: str) -> str:
    """An existing folder, absolute and with its links resolved."""
    if "\0" in path:
        raise ConfigError(f"{said_by}: a path cannot hold a NUL byte")
    real = os.path.realpath(os.path.expanduser(path))
    if not os.path.isdir(real):
        what = "is not a folder" if os.path.exists(real) else "does not exist"
        raise ConfigError(f"{said_by}: {path} {what}", remedy=f"name an existing folder with {said_by}")
    if real == "/":
        raise ConfigError(
            f"{said_by}: / cannot be a workspace: the lock would hold nothing", remedy="name your project's folder"
        )
    return real


def _tokens(text: str | None) -> int | None:
    """A number of tokens; Ollama's own 0 means that it chooses, which is what an agent's prompt must not be left to."""
    if not text or text == "0":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < _SMALLEST_WINDOW:
        raise ConfigError(
            f"OLLAMA_CONTEXT_LENGTH is {text!r}; it must be a whole number of tokens from {_SMALLEST_WINDOW} up",
            remedy="set it like OLLAMA_CONTEXT_LENGTH=32768, or leave it out",
        )
    return int(text)


def _ollama_url(environment: Mapping[str, str]) -> str:
    """The server's base URL. ``OLLAMA_HOST`` may be host, host:port or a URL, and 0.0.0.0 where the server listens."""
    for name in ("OLLAMA_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_BASE"):
        value = environment.get(name, "").strip()
        if value:
            return _as_url(value, name)
    return "http://host.docker.internal:11434" if _in_docker() else "http://localhost:11434"


def _as_url(value: str, name: str) -> str:
    scheme, found, rest = value.partition("://")
    if not found:
        scheme, rest = "http", value
    match = re.fullmatch(r"(\[[0-9a-fA-F:.%]+\]|[^/:\s@]+)?(?::(\d{1,5}))?(/\S*)?", rest)
    if scheme not in {"http", "https"} or match is None:
        raise ConfigError(f"{name} is no URL: {value!r}", remedy=f"set it like {name}=http://localhost:11434")
    host, port, path = match.groups()
    host = {None: "localhost", "0.0.0.0": "localhost", "[::]": "localhost"}.get(host, host)  # noqa: S104 - an address to replace
    port = port or {"http": "11434" if not found else "80", "https": "443"}[scheme]
    return f"{scheme}://{host}:{port}{(path or '').rstrip('/')}"
