import pytest

from py_mono.utils.stdout import lost


def test_what_is_lost_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert lost(OSError(28, "No space left on device")) == 1
    assert lost(ValueError("it is closed")) == 1
    assert capsys.readouterr() == ("", "py-mono: stdout: No space left on device\npy-mono: stdout: it is closed\n")


def test_a_reader_that_had_enough_lost_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert lost(BrokenPipeError(32, "Broken pipe")) == 0
    assert lost(None) == 0
    assert capsys.readouterr() == ("", "")
