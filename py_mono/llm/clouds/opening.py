"""A model with the key that opens it: looked for late, off the event loop, and anew for each provider that is made."""

import os
from collections.abc import Iterator, Mapping

import msgspec

from py_mono.llm.clouds.models import NO_KEY, OTHER_KEYS, Model, no_key
from py_mono.llm.settings import Keys
from py_mono.protocol.errors import AccessDenied, ConfigError
from py_mono.utils.threads import in_thread

OTHER_SECRETS = (
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_AD_TOKEN",
    "AZURE_AI_API_KEY",
    "AZURE_API_KEY",
    "AZURE_CLIENT_SECRET",
    "AZURE_OPENAI_API_KEY",
    "AZURE_PASSWORD",
    "VERTEXAI_CREDENTIALS",
    "WATSONX_APIKEY",
    "WATSONX_API_KEY",
    "WATSONX_TOKEN",
    "WATSONX_ZENAPIKEY",
    "WX_API_KEY",
)
"""What LiteLLM reads from the environment for those that take more than one key, as its pages on them say."""

KEY_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS")
_LONGEST_KEY_FILE = 1 << 20
_SHORTEST_LINE = 24


async def with_key(model: Model, keys: Keys, environment: Mapping[str, str]) -> Model:
    """``opened``, beside the event loop, for a request that is about to be made.

    Raises:
        AccessDenied: The key cannot be had.
    """
    try:
        return await in_thread(lambda: opened(model, keys, environment), "keys")
    except ConfigError as error:
        raise AccessDenied(str(error), remedy=error.remedy) from error


def opened(model: Model, keys: Keys, environment: Mapping[str, str]) -> Model:
    """The model with its key, and with all that must not be shown. May take a tenth of a second: not for the event loop.

    Raises:
        ConfigError: There is no key though it needs one, it cannot be read, or it is none.
    """
    if model.provider in OTHER_KEYS:
        return msgspec.structs.replace(model, secrets=tuple(_other_secrets(environment)))
    if not model.key_variables:
        return model
    try:
        looked = keys.look(model.provider, model.key_variables)
    except ConfigError:
        if model.needs_key:
            raise
        looked = None  # a server of one's own that asks for no key is not closed by keys that cannot be opened
    if looked is None or not looked.key:
        if model.needs_key:
            raise no_key(model)
        return msgspec.structs.replace(model, key=NO_KEY)
    key = looked.key
    found = msgspec.structs.replace(
        model, key=key, key_source=looked.origin, key_trouble=str(looked.trouble or ""), secrets=(key,)
    )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{found.key_named} holds characters that no key has",
            remedy=f"copy it again, without quotes or line ends: {found.key_remedy}",
        )
    return found


def _other_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The secrets among what LiteLLM reads itself, those in Google's key file too."""
    for name in OTHER_SECRETS:
        if (value := environment.get(name, "").strip()) and not os.path.isabs(value):
            yield value
    for name in KEY_FILES:
        yield from _private_keys(environment.get(name, "").strip())


def _private_keys(written: str) -> Iterator[str]:
    """The private key of a service account, whole and by its lines; ``written`` is the path of its file, or its JSON."""
    try:
        text = written.encode() if written.startswith("{") else _start(written)
        account = msgspec.json.decode(text)
    except (OSError, ValueError, RecursionError):  # there is none, which LiteLLM says better
        return
    found = account if isinstance(account, dict) else {}
    for name in ("private_key", "private_key_id", "client_secret", "refresh_token"):
        secret = found.get(name)
        if isinstance(secret, str) and secret:
            yield secret
            yield from (line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE and "-----" not in line)


def _start(path: str) -> bytes:
    """What a file holds, up to a bound. Raises OSError, ValueError."""
    if not path or not os.path.isfile(path):
        return b""
    with open(path, "rb") as file:
        return file.read(_LONGEST_KEY_FILE)
