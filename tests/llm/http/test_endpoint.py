import pytest

from py_mono.llm.http.endpoint import Endpoint, parse_endpoint, proxy_for
from py_mono.protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", Endpoint("http://localhost:11434", tls=False, host="localhost", port=11434)),
        ("0.0.0.0", Endpoint("http://127.0.0.1:11434", tls=False, host="127.0.0.1", port=11434)),
        (":8080", Endpoint("http://localhost:8080", tls=False, host="localhost", port=8080)),
        ("gpu-box:99", Endpoint("http://gpu-box:99", tls=False, host="gpu-box", port=99)),
        (" 'http://a/' ", Endpoint("http://a", tls=False, host="a", port=80)),
        ("https://a.b/ollama/", Endpoint("https://a.b/ollama", tls=True, host="a.b", port=443, path="/ollama")),
        ("http://a:11434/api", Endpoint("http://a:11434", tls=False, host="a", port=11434)),
        ("http://a:11434/v1", Endpoint("http://a:11434", tls=False, host="a", port=11434)),
        ("[::1]:5", Endpoint("http://[::1]:5", tls=False, host="::1", port=5)),
        ("https://me:p%40ss@a", Endpoint("https://a", tls=True, host="a", port=443, user="me:p@ss")),
    ],
)
def test_every_form_of_an_address_is_read(address: str, expected: Endpoint) -> None:
    assert parse_endpoint(address) == expected


@pytest.mark.parametrize(
    "address", ["ftp://a", "http://", "a:port", "a:99999999", "a b", "http://a\r\nX: y", "http://[::1", "http://bücher"]
)
def test_what_is_no_address_is_refused_with_what_would_be_right(address: str) -> None:
    with pytest.raises(ConfigError, match="is not the address of a server") as caught:
        parse_endpoint(address)
    assert "http://localhost:11434" in caught.value.remedy


PROXY = {"HTTP_PROXY": "http://proxy:3128", "https_proxy": "secure:8443"}


@pytest.mark.parametrize(
    ("address", "environment", "proxy"),
    [
        ("http://gpu:1", PROXY, "http://proxy:3128"),
        ("https://gpu:1", PROXY, "http://secure:8443"),
        ("https://gpu:1", {"ALL_PROXY": "http://all:1"}, "http://all:1"),
        ("http://localhost:11434", PROXY, None),
        ("http://127.0.0.9", PROXY, None),
        ("http://[::1]", PROXY, None),
        ("http://host.docker.internal:11434", PROXY, None),
        ("http://gpu:1", {}, None),
        ("http://gpu:1", {**PROXY, "NO_PROXY": "a, gpu"}, None),
        ("http://gpu:1", {**PROXY, "NO_PROXY": "gpu:1"}, None),
        ("http://gpu:1", {**PROXY, "NO_PROXY": "gpu:2,pu"}, "http://proxy:3128"),
        ("http://gpu.lab.example", {**PROXY, "no_proxy": ".example"}, None),
        ("http://gpu.lab.example", {**PROXY, "no_proxy": "*.lab.example"}, None),
        ("http://gpu.lab.example", {**PROXY, "no_proxy": "*"}, None),
        ("http://gpulab", {**PROXY, "no_proxy": "lab,,."}, "http://proxy:3128"),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(
    address: str, environment: dict[str, str], proxy: str | None
) -> None:
    found = proxy_for(parse_endpoint(address), environment)
    assert (found.url if found else None) == proxy


def test_a_kind_of_proxy_that_is_not_supported_is_said() -> None:
    with pytest.raises(ConfigError, match="not the address"):
        proxy_for(parse_endpoint("http://gpu"), {"http_proxy": "socks5://a:1"})
    with pytest.raises(ConfigError, match="to be reached by https"):
        proxy_for(parse_endpoint("http://gpu"), {"http_proxy": "https://a:1"})


@pytest.mark.parametrize("address", ["http://me:hunter22@/x y", "me:hunter22@host:port", "ftp://me:p@hunter22@h/"])
def test_an_address_that_is_none_is_shown_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_endpoint(address)
    assert "hunter22" not in str(refused.value)
    assert "…@" in str(refused.value)
