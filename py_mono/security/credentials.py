"""The secrets in files that the environment names: those with which LiteLLM opens clouds that take more than one key."""

import os
import re
from collections.abc import Iterator, Mapping

import msgspec

_JSON = ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS")
"""The path of a JSON file, or its content."""

_TOKENS = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
_PROFILES = ("AWS_SHARED_CREDENTIALS_FILE",)
_FIELDS = ("private_key", "private_key_id", "client_secret", "refresh_token")
_PROFILE = re.compile(r"^\s*aws_(?:secret_access_key|session_token)\s*=\s*(\S+)", re.MULTILINE)
_LARGEST = 1 << 16


def secrets_in_files(environment: Mapping[str, str]) -> Iterator[str]:
    """The secrets in them; none where a file cannot be read, which is for the one to say who needs it."""
    for name in _JSON:
        value = environment.get(name, "").strip()
        yield from _fields(value if value.startswith("{") else _read(value))
    for name in _TOKENS:
        yield _read(environment.get(name, "")).strip()
    for name in _PROFILES:
        yield from _PROFILE.findall(_read(environment.get(name, "")))


def _fields(text: str) -> Iterator[str]:
    try:
        account = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return
    if isinstance(account, dict):
        yield from (value for name in _FIELDS if isinstance(value := account.get(name), str))


def _read(path: str) -> str:
    if not path or not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except (OSError, ValueError):
        return ""
