"""Settings from flags, environment and files, in that order; read by ``main`` alone, before anything heavy is imported."""

import os
from collections.abc import Mapping

from py_mono.llm.ollama.address import written_address
from py_mono.protocol.errors import ConfigError
from py_mono.utils.container import in_container
from py_mono.utils.lazy import load

TYPE_CHECKING = False  # spelled out: typing is not free, and this comes before the worker
if TYPE_CHECKING:
    from py_mono.config_file import Tables
    from py_mono.sandbox.checkpoints.settings import CheckpointSettings
    from py_mono.ui.arguments import Arguments

_SMALLEST_WINDOW = 2048
_MODEL_VARIABLES = {"litellm": "LITELLM_MODEL", "ollama": "OLLAMA_MODEL"}
_WARN_AT = 0.8
_BACKENDS = ("auto", "bubblewrap", "container", "off")


class Folders:
    """Where py-mono keeps what it keeps: ``PY_MONO_HOME`` for everything, else the XDG folders.

    Attributes:
        state: Sessions, input history.
        config: ``.env``, ``config.toml``.
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
        workspace: Absolute, links resolved, an existing folder; empty where the command needs none and ``-C`` names none.
        extra_roots: Further folders for the tools, the same.
        provider: A name of the registry.
        model: What to bind it to; empty leaves it to the provider.
        base_url: Of the local model server, as it was written; the provider reads it.
        script: For the scripted provider.
        backend: ``auto``, ``bubblewrap``, ``container`` or ``off``.
        network: Whether the tools may reach it.
        dry_run: Whether to work on a copy that is thrown away.
        review: Whether the operator sees what a turn changed before it is kept.
        allow: What may be done without being asked.
        tools_mode: ``auto``, ``ask`` (before each change) or ``off``.
        max_steps: Requests a turn may make.
        max_tokens: Tokens a turn may take, or None.
        max_budget_usd: US dollars a turn may cost, or None.
        session_budget_usd: US dollars a session may cost, or None.
        warn_at: The part of a budget from which on the person is told.
        fallback: Who is asked, in this order, where the provider fails: ``NAME`` or ``NAME/MODEL``.
        mcp_config: The file of MCP servers that the command line names; or empty.
        checkpoints: What ``config.toml`` says of them; None where it says nothing.
    """

    __slots__ = (
        "allow", "backend", "base_url", "checkpoints", "dry_run", "environment", "extra_roots", "fallback", "folders",
        "max_budget_usd", "max_steps", "max_tokens", "mcp_config", "model", "network", "provider", "review", "script",
        "session_budget_usd", "tools_mode", "warn_at", "workspace",
    )  # fmt: skip

    environment: dict[str, str]
    folders: Folders
    workspace: str
    extra_roots: tuple[str, ...]
    provider: str
    model: str
    base_url: str
    script: str
    backend: str
    network: bool
    dry_run: bool
    review: bool
    allow: frozenset[str]
    tools_mode: str
    max_steps: int
    max_tokens: int | None
    max_budget_usd: float | None
    session_budget_usd: float | None
    warn_at: float
    fallback: tuple[str, ...]
    mcp_config: str
    checkpoints: "CheckpointSettings | None"


def read(flags: "Arguments", environ: Mapping[str, str]) -> Settings:
    """Put the settings together.

    Raises:
        ConfigError: A folder is missing or no folder, or a value is none of those there are.
    """
    settings = Settings()
    settings.folders = Folders(environ)
    environment = settings.environment = {**_dotenv(settings.folders.config), **environ}
    tables = _tables(settings.folders.config)
    settings.checkpoints = tables.checkpoints if tables else None
    settings.workspace = _workspace(flags, environment, settings.folders)
    if flags.command in {"run", "doctor", "key", "mcp"} and os.path.isfile(os.path.join(settings.workspace, ".env")):
        agreed = load("py_mono.ui.workspace_env:agreed_variables")
        may_ask = flags.command == "run" and not flags.print_
        found = agreed(settings.workspace, settings.folders.state, may_ask=may_ask)
        environment.update({name: value for name, value in found.items() if name not in environ})
    settings.extra_roots = tuple(_folder(path, "--add-dir") for path in flags.add_dir)
    settings.provider = flags.provider or environment.get("LLM_PROVIDER") or "ollama"
    settings.model = flags.model or ""
    if not settings.model:
        settings.model = model_named(settings.provider, environment)
    elif "/" in settings.model and not flags.provider and settings.provider == "ollama":  # -m groq/…: whose, it says
        settings.provider, settings.model = load("py_mono.llm.registry:split")(settings.model, "ollama")
    settings.base_url = _ollama_url(environment)
    settings.script = environment.get("PY_MONO_SCRIPT", "")
    settings.backend = flags.sandbox or "auto"
    if settings.backend not in _BACKENDS:
        raise ConfigError(f"there is no sandbox {settings.backend!r}; there are {', '.join(_BACKENDS)}")
    settings.network = flags.network == "on"
    settings.dry_run, settings.review = flags.dry_run, flags.review
    settings.allow = frozenset(flags.allow)
    settings.mcp_config = os.path.abspath(os.path.expanduser(flags.mcp_config)) if flags.mcp_config else ""
    settings.tools_mode = flags.tools_mode or "auto"
    settings.max_steps = flags.max_steps or 200
    settings.max_tokens = flags.max_tokens
    settings.max_budget_usd = flags.max_budget_usd or (tables.turn_usd if tables else None)
    settings.session_budget_usd = tables.session_usd if tables else None
    settings.warn_at = tables.warn_at if tables else _WARN_AT
    said = environment.get("LLM_FALLBACK")
    settings.fallback = _models(said) if said is not None else tables.fallback if tables else ()
    if settings.review:
        _see_that_somebody_is_there()
    if settings.backend != "off":
        _keep_apart(settings)
    return settings


def _see_that_somebody_is_there() -> None:
    """Refuse a review that nobody can make, before anything is done."""
    if not load("py_mono.ui.review:someone_there")():
        raise ConfigError(
            "--review asks a person what is kept, and there is no terminal to ask at",
            remedy="run it at a terminal, or use --dry-run, which ends with the diff",
        )


def _keep_apart(settings: Settings) -> None:
    """Refuse to let tools at our own folders: they could read keys there, change settings, and rewrite sessions.

    No layer of the lock can take a folder out of one that may be written, so that its parents cannot be renamed.
    """
    own = [os.path.realpath(path) for path in (settings.folders.config, settings.folders.state)]
    for root in filter(None, (settings.workspace, *settings.extra_roots)):
        inside = [path for path in own if path == root or path.startswith(root.rstrip("/") + "/")]
        if inside:
            raise ConfigError(
                f"{root} holds py-mono's own folder {inside[0]}, which tools must not reach",
                remedy="start in your project's folder, or set PY_MONO_HOME to a folder elsewhere",
            )


def _absolute(path: str | None) -> str | None:
    """An XDG folder counts only where it is absolute (XDG Base Directory Specification 0.8)."""
    return path if path and os.path.isabs(path) else None


def _dotenv(folder: str) -> dict[str, str]:
    """What ``.env`` of the configuration folder says."""
    path = os.path.join(folder, ".env")
    if not os.path.isfile(path):
        return {}
    found: dict[str, str] = load("py_mono.config_file:read_dotenv")(path)
    return found


def _tables(folder: str) -> "Tables | None":
    """What ``config.toml`` of the configuration folder says; None where there is none."""
    path = os.path.join(folder, "config.toml")
    if not os.path.isfile(path):
        return None
    tables: Tables = load("py_mono.config_file:read_tables")(path)
    return tables


def model_named(provider: str, environment: Mapping[str, str]) -> str:
    """The model that the environment names for a provider; empty where it names none."""
    return environment.get(_MODEL_VARIABLES.get(provider, ""), "")


def _models(text: str) -> tuple[str, ...]:
    """``NAME`` or ``NAME/MODEL``, with commas between them."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _workspace(flags: "Arguments", environment: Mapping[str, str], folders: Folders) -> str:
    """Where the tools work: what ``-C`` or ``WORKSPACE_ROOT`` names, else the session's own, else the current folder."""
    if flags.cwd == "":
        return _folder(flags.cwd, "-C")
    named, said_by = (
        (flags.cwd, "-C") if flags.cwd is not None else (environment.get("WORKSPACE_ROOT"), "WORKSPACE_ROOT")
    )
    if flags.command not in {"run", "tool", "doctor", "key", "mcp"}:
        return _folder(flags.cwd, "-C") if flags.cwd is not None else ""
    if name := flags.resume or flags.fork:
        recorded = load("py_mono.session.where:workspace_of")(folders.state, name)
        return _recorded(recorded, _folder(named, said_by) if named else "", said_by)
    return _folder(named, said_by) if named else _here()


def _recorded(recorded: str, named: str, said_by: str) -> str:
    """The workspace of a recorded session: the model was told of it, so no other one will do."""
    if named and printable(named) != recorded:
        raise ConfigError(
            f"the session works in {recorded}, but {said_by} names {named}",
            remedy=f"leave {said_by} out to go on there, or start a new session here",
        )
    if named or not os.path.isdir(recorded):
        here = named or _here()
        if printable(here) == recorded:  # a name that is not UTF-8 is not the same in a journal
            return here
        raise ConfigError(
            f"the session works in {recorded}, and that folder does not exist",
            remedy="bring it back, or start a new session elsewhere",
        )
    return _folder(recorded, "the session")


def printable(path: str) -> str:
    """A path as text: names that are not UTF-8 have no place in a journal."""
    return os.fsencode(path).decode("utf-8", "replace")


def _here() -> str:
    if in_container() and os.path.isdir("/workspace"):
        return "/workspace"
    try:
        return os.path.realpath(os.getcwd())
    except FileNotFoundError as error:
        raise ConfigError(
            "the current folder no longer exists", remedy="cd into your project, or name it with -C"
        ) from error


def _folder(path: str, said_by: str) -> str:
    """An existing folder, absolute and with its links resolved."""
    if not path:
        raise ConfigError(
            f"{said_by}: the name of the folder is empty", remedy=f"name an existing folder with {said_by}"
        )
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


def window_cap(environment: Mapping[str, str]) -> int | None:
    """The most tokens of context to ask Ollama for (``OLLAMA_CONTEXT_LENGTH``), or None for the default.

    Ollama's own 0 means that it chooses, which is what an agent's prompt must not be left to.

    Raises:
        ConfigError: It is no such number.
    """
    text = environment.get("OLLAMA_CONTEXT_LENGTH")
    if not text or text == "0":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < _SMALLEST_WINDOW:
        raise ConfigError(
            f"OLLAMA_CONTEXT_LENGTH is {text!r}; it must be a whole number of tokens from {_SMALLEST_WINDOW} up",
            remedy="set it like OLLAMA_CONTEXT_LENGTH=32768, or leave it out",
        )
    return int(text)


def _ollama_url(environment: Mapping[str, str]) -> str:
    """The server's address in whatever form it was written; empty is the provider's default."""
    return written_address(environment) or ("http://host.docker.internal:11434" if in_container() else "")
