"""Which secrets are known."""

import msgspec

from py_mono.protocol.events import Envelope, Event
from py_mono.security.known import _vocabulary, secrets_in


def test_variables_are_secret_by_their_names() -> None:
    environment = {
        "OPENAI_API_KEY": "a",
        "LLM_MASTER_KEY": "b",
        "GH_TOKEN": "c",
        "TOKEN": "d",
        "APP_SECRET": "e",
        "PGPASSWORD": "f",
        "aws_secret_access_key": "g",
        "DATABASE_URL": "postgres://app:h@i:j@db:5432/app",
        "HTTPS_PROXY": "http://proxy:3128",
        "ALL_PROXY": "http://me:p%40ss@proxy:3128",
        "LLM_MASTER_KEY_OLD": "k",
        "AWS_BEARER_TOKEN_BEDROCK": "l",
        "PWD": "/home/me",
        "TOKENIZERS_PARALLELISM": "false",
        "KEYBOARD": "us",
        "HOME": "/home/me",
    }
    assert list(secrets_in(environment)) == ["a", "b", "c", "d", "e", "f", "g", "h@i:j", "p%40ss", "p@ss", "k", "l"]


def test_the_vocabulary_is_every_word_the_protocol_is_written_in() -> None:
    schema = msgspec.json.encode(msgspec.json.schema(Envelope)).decode()
    tags = {kind.__struct_config__.tag for kind in Event.__args__}
    words = _vocabulary()
    assert tags <= words
    assert {"seq", "event", "request_digest", "assistant", "cancelled", "external", "first_token"} <= words
    assert all(f'"{word}"' in schema for word in words - {"None"})
