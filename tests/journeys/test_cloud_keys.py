"""Which key a cloud is sent: the stored one, else the environment's, else a secret file's; and what is said without one."""

import hashlib
import json
from pathlib import Path

import pytest

from py_mono.security.approvals.consents import Consents
from tests.journeys.program import Played, Program
from tests.servers.fake_openai import FakeOpenAI, listed, refuse, say

STORED = "gsk_stored0123456789abcdefgh"
OWN = "gsk_environment0123456789abc"
MASTER = "correct horse battery staple"


@pytest.fixture
def keyed(program: Program) -> Program:
    """A place with a stored key for Groq, under a passphrase."""
    program.more = {"LLM_PROVIDER": "groq", "LLM_MASTER_KEY": MASTER}
    assert program.run("key", "set", "groq", stdin=STORED.encode()).status == 0
    return program


def ask(program: Program, server: FakeOpenAI, **environment: str) -> Played:
    return program.run("-p", "go", "--json", stdin=b"", GROQ_BASE_URL=server.url, **environment)


def sent(server: FakeOpenAI) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.chats]


def test_a_stored_key_comes_before_that_of_the_environment(keyed: Program) -> None:
    with FakeOpenAI([say("hello")], repeat=True) as server:
        played = ask(keyed, server, GROQ_API_KEY=OWN)
        assert sent(server) == [STORED]
    journal = "".join(path.read_text(encoding="utf-8") for path in (keyed.home / "state").rglob("*.jsonl"))
    assert (played.status, played.stderr) == (0, "")
    assert "hello" in played.stdout
    assert STORED not in played.stdout + journal
    assert OWN not in played.stdout + journal


def test_where_it_cannot_be_opened_the_environment_helps_out(keyed: Program) -> None:
    with FakeOpenAI([say("hello")], repeat=True) as server:
        assert ask(keyed, server, LLM_MASTER_KEY="some other passphrase", GROQ_API_KEY=OWN).status == 0
        assert sent(server) == [OWN]


def test_where_nothing_helps_out_the_request_fails_and_nothing_is_sent(keyed: Program) -> None:
    with FakeOpenAI([say("hello")], repeat=True) as server:
        played = ask(keyed, server, LLM_MASTER_KEY="some other passphrase")
        assert server.requests == server.asides == []
    assert played.status == 1
    error = played.events[-1]["error"]
    assert error["kind"] == "access_denied"
    assert error["message"].startswith("LLM_MASTER_KEY cannot open ")
    assert error["remedy"].startswith("set LLM_MASTER_KEY to the one they were stored with")


def test_a_secret_file_is_the_last_place(program: Program, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{OWN}\n", encoding="utf-8")
    program.more = {"LLM_PROVIDER": "groq"}
    with FakeOpenAI([say("hello")], repeat=True) as server:
        assert ask(program, server, GROQ_API_KEY_FILE=str(tmp_path / "key")).status == 0
        assert sent(server) == [OWN]


def test_without_a_key_it_does_not_begin(program: Program) -> None:
    program.more = {"LLM_PROVIDER": "groq"}
    with FakeOpenAI() as server:
        played = ask(program, server)
        assert server.requests == server.asides == []
    assert played.status == 2
    assert "GROQ_API_KEY is not set" in played.stderr
    assert "py-mono key set groq" in played.stderr
    assert "/key groq" in played.stderr


def test_a_stored_key_that_is_refused_is_called_so(keyed: Program) -> None:
    refused = refuse(401, f"Invalid API Key: {STORED}", code="invalid_api_key")
    with FakeOpenAI([refused], repeat=True) as server:
        played = ask(keyed, server)
    assert played.status == 1
    assert "does not accept the stored key for groq" in played.stdout
    assert STORED not in played.stdout + played.stderr


def test_the_doctor_knows_the_stored_key_and_the_chain_and_sends_nothing(keyed: Program) -> None:
    with FakeOpenAI(tells={"/v1/models": listed("m")}) as server:
        played = keyed.run("doctor", "--json", GROQ_BASE_URL=server.url, LLM_FALLBACK="openai/m, ollama")
        assert server.requests == server.asides == []
    found = {one["name"]: one for one in json.loads(played.stdout)["checks"]}
    assert found["model"]["detail"] == "groq/openai/gpt-oss-120b: its key is stored"
    assert found["stored keys"]["detail"] == "1 in .keys.enc: groq; mode 600"
    assert found["fallback"]["detail"].startswith("openai/m: no key: ")
    assert found["fallback"]["remedy"] == "py-mono doctor --provider openai -m m"
    assert STORED not in played.stdout
    closed = keyed.run("doctor", "--json", LLM_MASTER_KEY="")
    stored = {one["name"]: one for one in json.loads(closed.stdout)["checks"]}["stored keys"]
    assert (stored["verdict"], stored["remedy"]) == ("fault", "export LLM_MASTER_KEY='the one they were stored with'")


def test_the_doctor_follows_an_env_of_the_workspace_that_was_agreed_to(program: Program) -> None:
    text = f"GROQ_API_KEY={OWN}\n"
    program.write({".env": text})
    program.more = {"LLM_PROVIDER": "groq"}

    def rows() -> tuple[str, str]:
        played = program.run("doctor", "--json")
        found = {one["name"]: one["detail"] for one in json.loads(played.stdout)["checks"]}
        assert OWN not in played.stdout
        return found["model"].partition(": ")[2], found["keys"]

    before = rows()
    consents = Consents(str(program.home / "state"), str(program.workspace))
    consents.agree("env", ".env", hashlib.blake2b(text.encode(), digest_size=32).hexdigest())
    assert before[1] == "none in the environment (a local model needs none)"
    assert rows() == ("GROQ_API_KEY is set", "GROQ_API_KEY (.env)")
