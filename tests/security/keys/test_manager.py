import os
import stat
import threading
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.manager import KeyManager
from tests.security.keys.safe import FERNET, OTHER_FERNET, PASSPHRASE, Safe, told


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path)


def test_a_key_is_stored_found_listed_replaced_and_removed(safe: Safe) -> None:
    assert not safe.open().exists()
    assert safe.open().stored() == ()
    safe.open().set("groq", "gsk_one")
    safe.open().set("openai", " sk-two\n")
    safe.open().set("groq", "gsk_three")
    assert safe.open().exists()
    assert safe.open().stored() == ("groq", "openai")
    assert safe.open().look("groq", ()).key == "gsk_three"
    assert safe.open().look("openai", ()).key == "sk-two"
    assert safe.open().look("gemini", ()).key == ""
    assert safe.open().remove("groq")
    assert not safe.open().remove("groq")
    assert safe.open().stored() == ("openai",)
    assert safe.open().remove("openai")
    assert safe.open().exists()  # sessions cover it: it stays
    assert safe.open().stored() == ()


def test_nothing_is_touched_before_it_is_needed(safe: Safe) -> None:
    keys = safe.open({})
    assert not keys.may_have("groq", ["GROQ_API_KEY"])
    assert keys.look("groq", ["GROQ_API_KEY"]).key == ""
    assert keys.stored() == ()
    assert not keys.remove("groq")
    assert keys.rotate() == 0
    assert os.listdir(safe.workspace) == []
    assert sorted(os.listdir(safe.base)) in (["secrets", "state", "w"], ["secrets", "w"])


def test_the_file_and_what_is_beside_it_are_for_its_owner_alone(safe: Safe) -> None:
    before = os.umask(0)
    try:
        safe.open().set("groq", "gsk_one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(safe.file.stat().st_mode) == 0o600
    folder = Path(safe.places.folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_key_can_be_read_in_any_file(safe: Safe) -> None:
    safe.open().set("groq", "gsk_a_long_enough_one")
    for path in safe.base.rglob("*"):
        if path.is_file():
            assert b"gsk_a" not in path.read_bytes()


def test_it_is_written_in_place(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    inode = safe.file.stat().st_ino
    safe.open().set("openai", "sk-" + "x" * 5000)
    safe.open().rotate()
    safe.open().remove("openai")
    assert safe.file.stat().st_ino == inode
    assert safe.open().stored() == ("groq",)


def test_a_stored_key_comes_before_the_environment_and_that_before_a_secret_file(safe: Safe) -> None:
    variables = ["GROQ_API_KEY", "GROQ_KEY"]
    (safe.secrets / "groq_key").write_text("from-secret\n")
    assert safe.open().look("groq", variables).origin == str(safe.secrets / "groq_key")
    (safe.secrets / "GROQ_API_KEY").write_text("from-secret-upper")
    assert safe.open().look("groq", variables).key == "from-secret-upper"
    (safe.base / "named").write_text("\ufefffrom-named\r\n", encoding="utf-8")
    safe.env["GROQ_KEY_FILE"] = str(safe.base / "named")
    assert safe.open().look("groq", variables).key == "from-named"
    assert safe.open().look("groq", variables).origin == "GROQ_KEY_FILE"
    safe.env["GROQ_KEY"] = " from-environment "
    assert safe.open().look("groq", variables).key == "from-environment"
    safe.env["GROQ_API_KEY"] = "  "
    assert safe.open().look("groq", variables).origin == "GROQ_KEY"
    safe.open().set("groq", "stored-one")
    found = safe.open().look("groq", variables)
    assert (found.key, found.origin, found.trouble) == ("stored-one", "stored", None)
    assert safe.open().look("openai", variables).key == "from-environment"


@pytest.mark.parametrize("place", ["stored", "environment", "named", "upper", "lower"])
def test_it_is_never_wrongly_said_that_there_is_none(safe: Safe, place: str) -> None:
    keys = safe.open()
    assert not keys.may_have("groq", ["GROQ_API_KEY"])
    match place:
        case "stored":
            safe.file.write_bytes(b"?")
        case "environment":
            safe.env["GROQ_API_KEY"] = "x"
        case "named":
            safe.env["GROQ_API_KEY_FILE"] = "/x"
        case "upper":
            (safe.secrets / "GROQ_API_KEY").touch()
        case _:
            (safe.secrets / "groq_api_key").symlink_to("nowhere")
    assert keys.may_have("groq", ["GROQ_API_KEY"])


def test_stored_keys_that_cannot_be_opened_are_no_hindrance_where_another_place_has_one(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    before = safe.content
    found = safe.open({"GROQ_API_KEY": "gsk_other"}).look("groq", ["GROQ_API_KEY"])
    assert (found.key, found.origin) == ("gsk_other", "GROQ_API_KEY")
    assert found.trouble is not None
    assert "there is no master key" in told(found.trouble)
    with pytest.raises(ConfigError, match="there is no master key"):
        safe.open({}).look("groq", ["GROQ_API_KEY"])
    with pytest.raises(ConfigError, match="there is no master key"):
        safe.open({"GROQ_API_KEY_FILE": "/nowhere"}).look("groq", ["GROQ_API_KEY"])
    assert safe.content == before


@pytest.mark.parametrize(
    "act",
    [
        lambda keys: keys.stored(),
        lambda keys: keys.look("groq", ()).key,
        lambda keys: keys.set("openai", "sk-1"),
        lambda keys: keys.remove("groq"),
        lambda keys: keys.rotate(),
    ],
)
@pytest.mark.parametrize(
    ("master", "said"),
    [
        ("", "there is no master key: LLM_MASTER_KEY is not set"),
        ("short", "LLM_MASTER_KEY is too short"),
        ("x" * 5000, "LLM_MASTER_KEY is longer than any passphrase"),
        (OTHER_FERNET, "stored with another master key"),
        (PASSPHRASE, "was sealed with a Fernet key, and LLM_MASTER_KEY is a passphrase"),
    ],
)
def test_without_the_right_master_key_all_is_refused_and_left(safe: Safe, act, master: str, said: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a lambda
    safe.open().set("groq", "gsk_one")
    before = safe.content
    safe.env["LLM_MASTER_KEY"] = master
    with pytest.raises(ConfigError, match=said) as caught:
        act(safe.open())
    assert "gsk_one" not in told(caught.value)
    assert safe.content == before
    assert not Path(safe.places.ahead).exists()


def test_who_has_stored_keys_and_no_master_key_is_not_told_to_make_a_new_one(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    acts = [KeyManager.stored, KeyManager.check, KeyManager.rotate]
    for act in acts:
        with pytest.raises(ConfigError, match=r"so the keys in .*\.keys\.enc cannot be opened") as caught:
            act(safe.open({}))
        assert "openssl" not in told(caught.value)
        assert "the one they were stored with" in told(caught.value)


def test_whether_a_key_could_be_stored_is_known_before_there_is_one(safe: Safe) -> None:
    with pytest.raises(ConfigError, match="LLM_MASTER_KEY is not set"):
        safe.open({}).check()
    safe.open().check()
    assert not safe.open().exists()
    safe.open().set("groq", "gsk_one")
    safe.open().check()
    with pytest.raises(ConfigError, match="another master key"):
        safe.open({"LLM_MASTER_KEY": OTHER_FERNET}).check()


def test_a_first_key_without_a_master_key_makes_no_file(safe: Safe) -> None:
    with pytest.raises(ConfigError, match="LLM_MASTER_KEY is not set") as caught:
        safe.open({}).set("groq", "gsk_one")
    assert "openssl rand -base64 32" in told(caught.value)
    assert os.listdir(safe.workspace) == []


def test_a_passphrase_opens_again_and_not_another(safe: Safe) -> None:
    safe.env["LLM_MASTER_KEY"] = PASSPHRASE
    safe.open().set("groq", "gsk_one")
    assert b" scrypt n=131072 r=8 p=1 salt=" in safe.file.read_bytes()
    keys = safe.open()
    assert keys.look("groq", ()).key == "gsk_one"
    salt = safe.file.read_bytes().partition(b"salt=")[2][:32]
    keys.set("openai", "sk-two")
    assert safe.file.read_bytes().partition(b"salt=")[2][:32] == salt
    assert keys.rotate() == 2
    assert safe.file.read_bytes().partition(b"salt=")[2][:32] != salt
    assert keys.stored() == ("groq", "openai")
    safe.env["LLM_MASTER_KEY"] = FERNET
    with pytest.raises(ConfigError, match="sealed with a passphrase, and LLM_MASTER_KEY is a Fernet key"):
        keys.stored()
    safe.env["LLM_MASTER_KEY"] = PASSPHRASE + "!"
    with pytest.raises(ConfigError, match="another master key"):
        keys.stored()


@pytest.mark.parametrize(
    ("old", "new"), [(FERNET, OTHER_FERNET), (FERNET, PASSPHRASE), (PASSPHRASE, FERNET), (PASSPHRASE, PASSPHRASE + "!")]
)
def test_rotation_goes_from_the_old_master_key_to_the_new(safe: Safe, old: str, new: str) -> None:
    safe.env["LLM_MASTER_KEY"] = old
    safe.open().set("groq", "gsk_one")
    safe.open().set("openai", "sk-two")
    safe.env |= {"LLM_MASTER_KEY": new, "LLM_MASTER_KEY_OLD": old}
    assert safe.open().look("groq", ()).key == "gsk_one"  # also before
    assert safe.open().rotate() == 2
    assert safe.open().rotate() == 2
    del safe.env["LLM_MASTER_KEY_OLD"]
    assert safe.open().stored() == ("groq", "openai")
    safe.env["LLM_MASTER_KEY"] = old
    with pytest.raises(ConfigError):
        safe.open().stored()


def test_what_is_stored_is_always_stored_with_the_new_master_key(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    safe.env |= {"LLM_MASTER_KEY": OTHER_FERNET, "LLM_MASTER_KEY_OLD": FERNET}
    safe.open().set("openai", "sk-two")
    del safe.env["LLM_MASTER_KEY_OLD"]
    assert safe.open().stored() == ("groq", "openai")


def test_the_master_key_may_be_in_a_file(safe: Safe) -> None:
    (safe.secrets / "llm_master_key").write_text(f"{FERNET}\n")
    safe.open({}).set("groq", "gsk_one")
    (safe.base / "m").write_text(OTHER_FERNET)
    (safe.secrets / "llm_master_key_old").write_text(FERNET)
    named = {"LLM_MASTER_KEY_FILE": str(safe.base / "m")}
    assert safe.open(named).rotate() == 1
    with pytest.raises(ConfigError, match=r"llm_master_key and .*llm_master_key_old cannot open"):
        safe.open({}).stored()


def test_every_secret_is_learned_before_anything_is_done_with_it(safe: Safe) -> None:
    safe.env["LLM_MASTER_KEY"] = f"b'{FERNET}'"
    safe.open().set("groq", "gsk_one")
    safe.open().set("openai", "sk-two")
    assert set(safe.learned) == {"gsk_one", "sk-two", f"b'{FERNET}'", FERNET}
    safe.learned.clear()
    keys = safe.open()
    keys.stored()
    keys.stored()
    assert sorted(safe.learned) == sorted([f"b'{FERNET}'", FERNET, "gsk_one", "sk-two"])  # each once
    safe.learned.clear()
    with pytest.raises(ConfigError):
        safe.open().set("groq", "gsk with a blank")
    assert safe.learned == ["gsk with a blank"]
    safe.learned.clear()
    safe.env |= {"LLM_MASTER_KEY": OTHER_FERNET, "GEMINI_API_KEY": "from-environment", "LLM_MASTER_KEY_OLD": PASSPHRASE}
    assert safe.open().look("gemini", ["GEMINI_API_KEY"]).key == "from-environment"
    assert safe.learned == [OTHER_FERNET, PASSPHRASE, "from-environment"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("two words", r"U\+0020"),
        ("tab\tin", r"U\+0009"),
        ("line\nend", r"U\+000A"),
        ("nul\0", r"U\+0000"),
        ("\u200bzero", r"U\+200B"),
        ("smart\u2019", r"U\+2019"),
        ("bad\udcff", r"U\+DCFF"),
        ("k" * 8193, "longer than any"),
        ('"quoted"', "between quotes"),
        ("'quoted'", "between quotes"),
    ],
)
def test_what_cannot_be_a_key_is_not_stored_and_not_repeated(safe: Safe, key: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        safe.open().set("groq", key)
    text = told(caught.value) + "".join(traceback.format_exception(caught.value))
    assert not key.strip() or key not in text
    assert safe.content is None


@pytest.mark.parametrize("name", ["", "Groq", "gr oq", "gro-q", "../x", "gröq", "g" * 33, "groq\n", "\udcff"])
def test_what_cannot_be_a_name_is_refused(safe: Safe, name: str) -> None:
    for act in (lambda: safe.open().set(name, "gsk_one"), lambda: safe.open().remove(name)):
        with pytest.raises(ConfigError, match="cannot be a provider's name") as caught:
            act()
        told(caught.value).encode()
    assert safe.content is None


def test_more_keys_than_fit_are_refused_and_nothing_is_lost(safe: Safe) -> None:
    keys = safe.open()
    for number in range(64):
        keys.set(f"p{number}", "k" * 8192)
    for number in range(64, 128):
        try:
            keys.set(f"p{number}", "k" * 8192)
        except ConfigError as error:
            assert "more keys than can be stored" in told(error)  # noqa: PT017 - the first of many that does not fit
            break
    else:
        pytest.fail("there is no end to it")
    assert safe.open().stored() == tuple(sorted(f"p{stored}" for stored in range(number)))


def test_threads_lose_nothing(safe: Safe) -> None:
    keys = safe.open()
    threads = [threading.Thread(target=keys.set, args=(f"p{number}", f"key-{number}")) for number in range(16)]
    threads += [threading.Thread(target=keys.look, args=("p1", ())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert safe.open().stored() == tuple(sorted(f"p{number}" for number in range(16)))


def test_nothing_that_is_printed_has_a_secret(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    keys = safe.open()
    assert repr(keys) == f"KeyManager({safe.workspace})"
    assert repr(keys.look("groq", ())) == "Found(stored)"
    assert repr(keys.look("x", ())) == "Found(nothing)"


def test_another_wrong_master_key_never_shows_in_a_traceback(safe: Safe) -> None:
    safe.open().set("groq", "gsk_one")
    safe.file.write_bytes(safe.file.read_bytes()[:-9] + b"AAAAAAA=\n")
    with pytest.raises(ConfigError, match="is damaged") as caught:
        safe.open().stored()
    text = "".join(traceback.format_exception(caught.value))
    assert FERNET not in text
    assert "InvalidToken" not in text


names = st.from_regex(r"[a-z0-9_]{1,32}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60).filter(
    lambda key: key[0] not in "'\""
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deeds=st.lists(
        st.one_of(
            st.tuples(st.just("set"), names, values), st.tuples(st.just("remove"), names, st.just("")),
            st.just(("rotate", "", "")), st.just(("swap", "", "")),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_it_holds_what_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, ...]]
) -> None:
    safe = Safe(tmp_path_factory.mktemp("keys"))
    model: dict[str, str] = {}
    for deed, name, value in deeds:
        match deed:
            case "set":
                safe.open().set(name, value)
                model[name] = value
            case "remove":
                assert safe.open().remove(name) == (model.pop(name, None) is not None)
            case "rotate":
                assert safe.open().rotate() == len(model)
            case _:
                current = safe.env["LLM_MASTER_KEY"]
                safe.env |= {
                    "LLM_MASTER_KEY": FERNET if current == OTHER_FERNET else OTHER_FERNET, "LLM_MASTER_KEY_OLD": current,
                }  # fmt: skip
                safe.open().rotate()
        assert {known: safe.open().look(known, ()).key for known in safe.open().stored()} == model
