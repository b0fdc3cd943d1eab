"""Keys as the doctor sees them: in the environment, stored, and of those who are asked where the provider fails."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.manager import KeyManager
from py_mono.ui.doctor.cloud import cloud
from py_mono.ui.doctor.findings import Finding, command_in, said
from py_mono.ui.doctor.keys import fallback, keys, stored
from py_mono.ui.doctor.machine import settings
from py_mono.ui.doctor.ollama import ollama
from tests.servers.certificates import make_certificate
from tests.servers.fake_ollama import FakeOllama, as_json
from tests.servers.fake_openai import FakeOpenAI
from tests.servers.tls import tls_url
from tests.ui.doctor.cases import case

MASTER = "correct horse battery staple"
KEY = "gsk_0123456789abcdefghij"


def manager(tmp_path: Path, master: str = MASTER, **more: str) -> KeyManager:
    workspace, state = tmp_path / "workspace", tmp_path / "state"
    workspace.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    environment = {"LLM_MASTER_KEY": master, **more}
    secrets = str(tmp_path / "secrets")
    return KeyManager(str(workspace), str(state), environment, learned=lambda _: None, secrets_folder=secrets)


def test_keys_are_named_and_never_shown() -> None:
    environment = {"GROQ_API_KEY": "gsk_secret", "OPENAI_API_KEY": "sk-secret", "PATH": "x"}
    found = keys(case(environment, environ={"GROQ_API_KEY": "gsk_secret"}))
    assert found == Finding("keys", "ok", "GROQ_API_KEY (environment), OPENAI_API_KEY (.env)")


def test_a_key_that_is_empty_is_a_warning() -> None:
    found = keys(case({"XAI_API_KEY": " "}))
    detail = "none in the environment (a local model needs none); empty: XAI_API_KEY"
    assert found == Finding("keys", "warning", detail, "unset XAI_API_KEY")


def test_stored_keys_are_opened_and_counted(tmp_path: Path) -> None:
    there = manager(tmp_path)
    asked = case(workspace=str(tmp_path / "workspace"), keys=there)
    assert stored(asked) == Finding("stored keys", "ok", f"none in {tmp_path}/workspace")
    there.set("groq", KEY)
    there.set("openai", KEY + "x")
    assert stored(asked) == Finding("stored keys", "ok", "2 in .keys.enc: groq, openai; mode 600")
    (tmp_path / "workspace" / ".keys.enc").chmod(0o644)
    assert stored(asked).detail == "2 in .keys.enc: groq, openai; mode 600 from now on, it was 644"
    assert stored(case()).verdict == "not_checked"


def test_stored_keys_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    manager(tmp_path).set("groq", KEY)
    path = tmp_path / "workspace" / ".keys.enc"
    whole = path.read_bytes()
    for master in ("another passphrase entirely", ""):
        found = stored(case(workspace=str(path.parent), keys=manager(tmp_path, master)))
        assert (found.verdict, found.remedy) == ("fault", "export LLM_MASTER_KEY='the one they were stored with'")
        assert KEY not in found.detail
    path.write_bytes(whole[: len(whole) // 2])
    damaged = stored(case(workspace=str(path.parent), keys=manager(tmp_path)))
    assert (damaged.verdict, damaged.remedy) == ("fault", f"mv {path} {path}.old")
    path.unlink()
    path.mkdir()
    assert stored(case(workspace=str(path.parent), keys=manager(tmp_path))).remedy == f"mv {path} {path}.old"


async def test_the_key_of_the_chosen_provider_is_named_by_where_it_stands(tmp_path: Path) -> None:
    there = manager(tmp_path, GROQ_API_KEY=KEY)

    async def model(provider: str, name: str, **environment: str) -> Finding:
        asked = ProviderSettings(provider=provider, model=name, keys=there)
        rows = await cloud(case({"HTTPS_PROXY": "http://127.0.0.1:9", **environment}, provider=asked))
        return next(one for one in rows if one.name == "model")

    assert await model("groq", "m") == Finding("model", "ok", "groq/m: GROQ_API_KEY is set")
    assert await model("litellm", "groq/m") == Finding("model", "ok", "groq/m: GROQ_API_KEY is set")
    missing = await model("openai", "m")
    assert (missing.verdict, missing.remedy) == ("fault", "py-mono key set openai")
    there.set("openai", KEY)
    assert await model("openai", "m") == Finding("model", "ok", "openai/m: its key is stored")
    no_url = await model("openai", "m", OPENAI_BASE_URL="nonsense")
    assert (no_url.verdict, no_url.remedy) == ("fault", "unset OPENAI_BASE_URL")
    assert (await model("litellm", "")).remedy == "export LITELLM_MODEL=groq/qwen/qwen3-32b"


async def test_those_who_are_asked_where_the_provider_fails(tmp_path: Path) -> None:
    nobody = await fallback(case())
    assert nobody == Finding("fallback", "ok", "none is set: where the provider fails, the turn does")
    there = manager(tmp_path)
    there.set("groq", KEY)
    with FakeOllama(tags=as_json({"models": [{"name": "m"}]})) as server, FakeOpenAI() as untouched:
        chain = (
            ProviderSettings(provider="groq", model="x", keys=there, environment={"GROQ_BASE_URL": untouched.url}),
            ProviderSettings(model="m", base_url=server.url),
        )
        good = await fallback(case(fallback=chain))
        bad = await fallback(case(fallback=(*chain, ProviderSettings(provider="openai", model="o", keys=there))))
        assert untouched.asides == untouched.requests == []
    detail = f"groq/x: stored key; ollama/m: 1 model at {server.url}, m among them"
    assert good == Finding("fallback", "ok", detail)
    assert (bad.verdict, bad.remedy) == ("warning", "py-mono doctor --provider openai -m o")
    assert "openai/o: no key: " in bad.detail


def test_a_remedy_in_words_stands_with_what_was_wrong() -> None:
    words = ConfigError("it is closed", remedy="open it, or knock")
    command = ConfigError("it is closed", remedy="chmod 600 x")
    assert (said(words), command_in(words.remedy)) == ("it is closed: open it, or knock", "")
    assert (said(command), command_in(command.remedy)) == ("it is closed", "chmod 600 x")
    found = settings(case(problems=(("config.toml is no TOML", "write it anew"),), config="/c"))
    detail = "config.toml is no TOML: write it anew"
    assert found == Finding("settings", "fault", detail, "${EDITOR:-vi} /c/config.toml")


async def test_a_certificate_that_is_not_trusted_is_what_is_mended(tmp_path: Path) -> None:
    async with tls_url(make_certificate(tmp_path / "both.pem")) as url:
        rows = {one.name: one for one in await ollama(case(provider=ProviderSettings(base_url=url)))}
    assert rows["server"].verdict == "fault"
    assert "certificate is not trusted" in rows["server"].detail
    assert rows["server"].remedy.startswith("export SSL_CERT_FILE=")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash to read commands with")
def test_every_remedy_in_the_source_can_be_pasted_into_a_shell() -> None:
    """Literal remedies that carry words in brackets would be errors there."""
    folder = Path(keys.__code__.co_filename).parent
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]
    starts = ("export ", "docker run ", "uname ", "sudo ", "curl ", "py-mono ", "OLLAMA_HOST=0.0.0.0 ")
    found = [
        part
        for text in texts
        for part in text.split('"')[1::2]
        if part.startswith(starts) and "\n" not in part and "\\n" not in part
    ]
    assert len(found) > 10
    for command in found:
        plain = re.sub(r"\{[^}]*\}?", "x", command)
        done = subprocess.run(["bash", "-n", "-c", plain], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
