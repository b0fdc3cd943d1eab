import pytest

from py_mono.utils.lazy import load


def test_what_a_name_stands_for_is_loaded() -> None:
    assert load("json:dumps")([1]) == "[1]"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("json", AttributeError),
        (":x", ValueError),
        ("json:", AttributeError),
        ("no_such_module:x", ImportError),
        ("json:no_such", AttributeError),
    ],
)
def test_a_name_that_stands_for_nothing_says_why(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        load(name)
