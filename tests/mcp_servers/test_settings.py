import pytest

from mcp_servers.common.backend import address, gap
from mcp_servers.common.settings import SettingsError, settings


def test_without_any_it_listens_for_this_machine_alone() -> None:
    found = settings("datetime", 50051, {})
    assert (found.host, found.port, found.log_level) == ("127.0.0.1", 50051, "error")
    assert found.allowed_hosts == ("datetime-mcp",)


def test_an_empty_one_is_as_good_as_none() -> None:
    assert settings("x", 1, {"HOST": "", "PORT": "", "ALLOWED_HOSTS": "", "LOG_LEVEL": ""}) == settings("x", 1, {})


def test_hosts_are_added_to_its_own_name() -> None:
    found = settings("datetime", 1, {"ALLOWED_HOSTS": " a.example ,, *.b.example", "HOST": "::", "PORT": "0"})
    assert found.allowed_hosts == ("datetime-mcp", "a.example", "*.b.example")
    assert (found.host, found.port) == ("::", 0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "65536", "PORT is '65536'; it must be a number from 0 to 65535"),
        ("PORT", "-1", "PORT is '-1'"),
        ("PORT", "٣", "PORT is '٣'"),
        ("PORT", "1" * 5000, "it must be a number from 0 to 65535"),
        ("ALLOWED_HOSTS", "a,*", "ALLOWED_HOSTS has '*', which would switch the guard off"),
        ("ALLOWED_HOSTS", "?*.*", "ALLOWED_HOSTS has '?*.*', which would switch the guard off"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud'; it must be one of debug, info, warning, error"),
    ],
)
def test_one_that_cannot_be_is_refused_with_what_would_be_right(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings("datetime", 50051, {name: value})
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://searx.example.org/search/", "https://searx.example.org/search"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("", "http://default.example"),
    ],
)
def test_a_backend_has_an_address(given: str, found: str) -> None:
    assert address({"BACKEND_URL": given}, "BACKEND_URL", "http://default.example") == found


@pytest.mark.parametrize(
    "given",
    [
        "localhost:8080",
        "ftp://a.example",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@a.example",
        "http://a.example/?q=",
        "http://a.example/#x",
        "http://a.example:99999999",
        "http://[::1",
        "http://a\nb",
    ],
)
def test_what_is_no_address_of_a_backend_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        address({"BACKEND_URL": given}, "BACKEND_URL")
    assert str(refusal.value).startswith("BACKEND_URL must be http://HOST or https://HOST")
    assert "secret" not in str(refusal.value)


def test_a_backend_without_a_default_has_to_be_named() -> None:
    with pytest.raises(SettingsError, match="SEARXNG_URL is not set; it must be the address"):
        address({}, "SEARXNG_URL")


def test_the_gap_between_requests_is_a_number_of_seconds() -> None:
    assert gap({}, "GAP_S", 1.1) == 1.1
    assert gap({"GAP_S": "0"}, "GAP_S", 1.1) == 0
    for wrong in ("-1", "61", "nan", "inf", "one"):
        with pytest.raises(SettingsError, match="it must be a number of seconds from 0 to 60"):
            gap({"GAP_S": wrong}, "GAP_S", 1.1)
