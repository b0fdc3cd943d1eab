"""Which programs reach the network, where to, and under what name that is remembered.

Programs that need more than the network are not here: ``docker`` its socket, ``apt`` the system's folders. No answer of a
person could help them, so they are run in the lock, and say themselves what they miss.
"""

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from py_mono.protocol.approvals import NeedKind
from py_mono.security.approvals.simple_command import SimpleCommand, unwrapped

_KEY = re.compile(r"[A-Za-z0-9_@:./+ -]+")
_LOOPBACK = re.compile(r"localhost|(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|::1|\[::1\]|0\.0\.0\.0", re.IGNORECASE)
_GIT = frozenset({"push", "pull", "fetch", "clone", "ls-remote", "submodule", "lfs", "remote", "send-email"})
_GIT_SECOND = {"submodule": {"update", "add"}, "remote": {"update", "show", "prune"}, "lfs": {"pull", "push", "fetch"}}
_GIT_TAKES = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env", "--super-prefix"}
_INSTALLERS: dict[str, frozenset[str]] = {
    "pip": frozenset({"install", "download", "wheel", "index"}),
    "uv": frozenset({"add", "sync", "lock", "remove", "pip install", "pip sync", "pip compile", "tool install", "python install", "tool run"}),
    "poetry": frozenset({"add", "install", "update", "lock"}),
    "pdm": frozenset({"add", "install", "update", "lock", "sync"}),
    "pipenv": frozenset({"install", "update", "sync", "lock"}),
    "conda": frozenset({"install", "create", "update", "env"}),
    "npm": frozenset({"install", "i", "ci", "add", "update", "exec", "create", "init", "audit", "view", "outdated"}),
    "pnpm": frozenset({"install", "i", "add", "update", "dlx", "create"}),
    "yarn": frozenset({"", "install", "add", "up", "upgrade", "dlx", "create"}),
    "bun": frozenset({"install", "i", "add", "update", "x", "create"}),
    "cargo": frozenset({"add", "install", "fetch", "update", "search"}),
    "go": frozenset({"get", "install", "mod download", "mod tidy"}),
    "gem": frozenset({"install", "update", "fetch"}),
    "bundle": frozenset({"", "install", "update", "add"}),
    "composer": frozenset({"install", "require", "update", "create-project"}),
    "pipx": frozenset({"install", "run", "upgrade"}),
}  # fmt: skip
_PUBLISH = {
    "npm": {"publish", "login"}, "pnpm": {"publish"}, "yarn": {"publish", "npm"}, "cargo": {"publish", "login"},
    "uv": {"publish"}, "poetry": {"publish"}, "gem": {"push"}, "twine": {"upload", "register", "check"},
}  # fmt: skip
_RUNNERS = frozenset({"npx", "uvx", "bunx"})
_FETCHERS = frozenset({"curl", "wget", "http", "https", "xh", "aria2c", "lynx", "w3m"})
_FETCH_TAKES = frozenset({
    "-o", "-O", "-H", "-d", "-X", "-A", "-u", "-e", "-b", "-c", "-F", "-T", "-w", "-m", "-x", "-K", "-E", "-t", "-P", "--output",
    "--header", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--request", "--user-agent", "--user", "--form",
    "--max-time", "--connect-timeout", "--retry", "--cookie", "--cookie-jar", "--write-out", "--resolve", "--connect-to",
    "--proxy", "--cacert", "--cert", "--key", "--config", "--upload-file", "--output-document", "--tries", "--timeout", "--json",
})  # fmt: skip
_PLAIN = {
    "curl": re.compile(
        r"-[sSfLIkvgijN#]+|-[sSfL]*[oOXHAm]|--(?:silent|show-error|fail|location|head|insecure|verbose|compressed|"
        r"output|header|request|user-agent|max-time|connect-timeout|retry)"
    ),
    "wget": re.compile(r"-q|-nv|-v|-S|-q?O-?|-T|-t|--(?:quiet|output-document|header|user-agent|timeout|tries)"),
    "ssh": re.compile(r"-[46CNTqvnxa]+|-[pli]"),
    "scp": re.compile(r"-[346BCpqrv]+|-[Pli]"),
    "rsync": re.compile(
        r"-[avzrlptgoDnuxhPiHSWcq]+|--(?:archive|verbose|compress|recursive|delete|progress|stats|dry-run|partial)"
        r"|--(?:exclude|include)=.+"
    ),
}
"""Options that change neither whom a program talks to nor what it starts; a rule speaks for no other ones, and for no other
of the programs that take a host: some start what they read (``!`` in ``sftp``, ``ftp``), or what an option says (``ncat -c``)."""
_PLAIN_URL = re.compile(r"(?:(?:https?|ftp)://)?(?:[\w.:%+~-]*@)?[A-Za-z0-9.-]+(?::\d+)?(?:[/?#].*)?")
"""What every program splits in the same way."""
_REMOTE = frozenset({"ssh", "scp", "sftp", "rsync", "mosh", "telnet", "nc", "ncat", "netcat", "ftp", "socat"})
_SSH_TAKES = frozenset({
    "-p", "-P", "-i", "-l", "-o", "-J", "-F", "-L", "-R", "-D", "-b", "-c", "-E", "-e", "-I", "-m", "-O", "-Q", "-S", "-W", "-w",
})  # fmt: skip
_SERVICES = frozenset({"gh", "glab", "hf"})
"""Of the probes, those whose subcommand says what they do; others may start what their settings say (``kubectl``)."""
_LOOKUPS = frozenset({"ping", "ping6", "traceroute", "dig", "nslookup", "host", "whois"})
_PROBES = frozenset({"ping", "ping6", "traceroute", "dig", "nslookup", "host", "whois", "gh", "glab", "hub", "aws", "gcloud",
                     "az", "kubectl", "terraform", "heroku", "flyctl", "vercel", "netlify", "hf", "huggingface-cli", "ollama"})  # fmt: skip
_OFFLINE = frozenset({"--no-index", "--offline", "--help", "-h", "--version", "--dry-run-offline"})

MENTIONED = (
    r"(?<![\w-])(?:git|lfs|curl|wget|https?|xh|aria2c|lynx|w3m|ssh|scp|sftp|rsync|mosh|telnet|nc|ncat|netcat|ftp|socat"
    r"|pip[\d.]*|uv|uvx|poetry|pdm|pipenv|pipx|conda|mamba|npm|npx|pnpm|yarn|bun|bunx|cargo|go|gem|bundle|composer|twine"
    r"|ping6?|traceroute|dig|nslookup|host|whois|gh|glab|hub|aws|gcloud|az|kubectl|terraform|heroku|flyctl|vercel|netlify"
    r"|hf|huggingface-cli|ollama)(?![\w-])|/dev/(?:tcp|udp)/"
)
"""Where this is not found in a line, no program of it is known to reach the network."""


class Reach(Struct, frozen=True):
    """That a command reaches the network.

    Attributes:
        kind: ``network`` or ``install``.
        keys: The names under which it may be remembered (``git push``); none where it is to be asked about each time.
        reason: Why, in words.
    """

    kind: NeedKind
    keys: tuple[str, ...]
    reason: str


def reach_of(command: SimpleCommand) -> Reach | None:
    """Whether a command reaches the network, loopback and folders of this machine aside."""
    for word in (*command.reads, *command.writes):
        if word.text.startswith(("/dev/tcp/", "/dev/udp/")) and not _is_loopback(word.text.split("/")[3]):
            return Reach("network", (), "it connects to another machine")
    inner = unwrapped(command)
    words = [word.text for word in inner.words]
    if not words or ("/" in words[0] and not words[0].startswith(("/usr/", "/bin/", "/opt/"))):
        return None  # a program of the workspace's, whatever its name
    name, rest = re.sub(r"(?<=^pip)[\d.]+$", "", words[0].rpartition("/")[2]), inner.words[1:]
    if re.fullmatch(r"python[\d.]*", name) and words[1:3] == ["-m", "pip"]:
        name, rest = "pip", inner.words[3:]
    texts = [word.text for word in rest]
    found = None if _OFFLINE.intersection(texts) else _READERS.get(name, _package_manager)(name, texts)
    if found is not None and not all(map(_KEY.fullmatch, found.keys)):
        return Reach(found.kind, (), found.reason)  # a name that could be read as more than a name
    certain = len(inner.words) == len(command.words) and all(word.literal for word in inner.words)
    return found if found is None or certain else Reach(found.kind, (), found.reason)


def _package_manager(name: str, texts: Sequence[str]) -> Reach | None:
    plain = [text for text in texts if not text.startswith("-")]
    first, second = plain[0] if plain else "", " ".join(plain[:2])
    if first in _PUBLISH.get(name, ()):
        return Reach("network", (f"{name} {first}",), f"{name} {first} sends to a registry")
    known = _INSTALLERS.get("conda" if name == "mamba" else name, frozenset())
    sub = second if second in known else first
    if sub not in known or (not plain and texts):  # yarn --version and the like
        return None
    return Reach("install", (f"{name} {sub}".strip(),), "it fetches packages, and may run what they bring")


def _git(_: str, texts: Sequence[str]) -> Reach | None:
    at, changed = 0, False
    while at < len(texts) and texts[at].startswith("-"):
        option = texts[at]
        changed |= option not in {"-C", "--no-pager", "-P"}
        at += 2 if option in _GIT_TAKES else 1
    sub, rest = (texts[at], texts[at + 1 :]) if at < len(texts) else ("", ())
    plain = [text for text in rest if not text.startswith("-")]
    if sub == "archive" and any(text.startswith("--remote") for text in rest):
        return Reach("network", (), "git archive --remote asks another machine")
    if sub not in _GIT or (sub in _GIT_SECOND and not _GIT_SECOND[sub].intersection(plain[:1])):
        return None
    if sub != "submodule" and plain and _is_local(plain[0]):
        return None
    name = " ".join(["git", sub, *(plain[:1] if sub in _GIT_SECOND else ())])
    verb = "sends to" if sub in {"push", "send-email"} else "talks to"
    return Reach("network", () if changed else (name,), f"{name} {verb} another machine")


def _is_local(target: str) -> bool:
    """Whether what git is to talk to lies on this machine: a path or an address of it."""
    if target.startswith(("/", "./", "../", "file://")) or target in {".", ".."}:
        return True
    return "://" in target and _is_loopback(_host(target))


def _probe(name: str, texts: Sequence[str]) -> Reach | None:
    plain = [text for text in texts if not text.startswith("-")]
    if not plain or _is_loopback(plain[0]):
        return None
    certain = texts[0] == plain[0] if name in _SERVICES else name in _LOOKUPS and len(texts) == 1
    return Reach("network", (f"{name} {plain[0]}",) if certain else (), f"{name} talks to another machine")


def _runner(name: str, texts: Sequence[str]) -> Reach | None:
    package = next((text for text in texts if not text.startswith("-")), "")
    certain = package and texts[0] == package  # what stands before it may name another one
    return Reach("install", (f"{name} {package}",) if certain else (), f"{name} fetches a program and runs it")


def _fetcher(name: str, texts: Sequence[str]) -> Reach | None:
    hosts, plain, at = [], name in _PLAIN, 0
    while at < len(texts):
        text = texts[at]
        if text == "--url":
            at += 1
            hosts += [_host(texts[at])] if at < len(texts) else []
            plain = False
        elif text.startswith("-"):
            plain = plain and bool(_PLAIN[name].fullmatch(text))
            flag = text if text.startswith("--") else f"-{text[-1]}"
            at += (flag in _FETCH_TAKES) and not (name == "curl" and flag == "-O")
        else:
            hosts.append(_host(text))
            plain &= bool(_PLAIN_URL.fullmatch(text))
        at += 1
    away = [host for host in hosts if not _is_loopback(host)]
    if not texts or (hosts and not away):
        return None
    keys = tuple(f"{name} {host}" for host in dict.fromkeys(away)) if plain and all(map(_named, away)) else ()
    said = ", ".join(filter(_named, away)) or "another machine"
    return Reach("network", keys, f"{name} talks to {said}")


def _remote(name: str, texts: Sequence[str]) -> Reach | None:
    plain: list[str] = []
    at, certain = 0, name in _PLAIN
    while at < len(texts):
        if texts[at].startswith("-"):
            certain = certain and bool(_PLAIN[name].fullmatch(texts[at]))
            at += texts[at] in _SSH_TAKES and name in {"ssh", "scp", "sftp"}
        else:
            plain.append(texts[at])
        at += 1
    if name in {"scp", "rsync"}:
        plain = [text for text in plain if "://" in text or re.match(r"[^/]*:", text)]
    elif name == "socat":
        plain = [text for text in plain if re.match(r"(?i)(?:tcp|udp|openssl|ssl|proxy|socks)", text)]
    elif name in {"nc", "ncat", "netcat"} and any(re.match(r"-[a-z]*l", text) for text in texts):
        return None  # it listens, on the lock's own loopback
    hosts = [_host(text) for text in (plain if name in {"scp", "rsync"} else plain[:1])]
    away = [host for host in hosts if not _is_loopback(host)]
    if not away:
        return None
    keys = tuple(f"{name} {host}" for host in dict.fromkeys(away)) if certain and all(map(_named, away)) else ()
    return Reach("network", keys, f"{name} connects to {', '.join(filter(_named, away)) or 'another machine'}")


def _host(target: str) -> str:
    """The name of the machine in a URL, ``user@host:path`` or ``host:port``; empty where none can be made out."""
    try:
        if "://" in target:
            return urlsplit(target).hostname or ""
        if target.startswith("["):
            return target[1:].partition("]")[0]
        bare = re.split(r"[/?#]", target, maxsplit=1)[0].rpartition("@")[2]
        return (bare if bare.count(":") > 1 else bare.partition(":")[0]).lower()
    except ValueError:
        return ""


def _named(host: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+", host))


def _is_loopback(host: str) -> bool:
    return bool(_LOOPBACK.fullmatch(host))


_READERS: dict[str, Callable[[str, Sequence[str]], Reach | None]] = {
    "git": _git,
    **dict.fromkeys(_FETCHERS, _fetcher),
    **dict.fromkeys(_REMOTE, _remote),
    **dict.fromkeys(_PROBES, _probe),
    **dict.fromkeys(_RUNNERS, _runner),
}
