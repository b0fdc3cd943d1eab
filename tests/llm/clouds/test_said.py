"""How long a server wants us to wait, in every form in which servers say it, and in none."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.llm.clouds.said import wait_in, wait_s
from py_mono.llm.clouds.transport import Seen


def seen(body: bytes = b"", **headers: str) -> Seen:
    answer = Seen()
    answer.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer.body = body
    return answer


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (seen(retry_after_ms="1500", retry_after="9"), 1.5),
        (seen(retry_after="7200"), 7200.0),
        (seen(retry_after="-3"), 0.0),
        (seen(retry_after="Thu, 01 Jan 1970 00:00:00 GMT"), 0.0),
        (seen(b"Please try again in 1m2.5s."), 62.5),
        (seen(b"Please try again in 3s.", retry_after="soon, please"), 3.0),
        (seen(retry_after="inf"), None),
        (seen(retry_after_ms="9" * 5000), None),
        (seen(retry_after="Mon, 01 Jan 99999 00:00:00 GMT"), None),
        (seen(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="6m0s"), 360.0),
        (
            seen(
                x_ratelimit_remaining_requests="0",
                x_ratelimit_reset_requests="120ms",
                x_ratelimit_remaining_tokens="0",
                x_ratelimit_reset_tokens="7.66s",
            ),
            7.66,
        ),
        (seen(x_ratelimit_remaining_requests="3", x_ratelimit_reset_requests="6m0s"), None),
        (seen(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="soon"), None),
        (seen(b"try again in 3s", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="1h"), 3.0),
        (seen(b'{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1000000000000"}}}}'), 0.0),
        (seen(b'{"X-RateLimit-Reset":"tomorrow"}'), None),
        (seen(), None),
    ],
)
def test_the_wait_is_the_headers_else_what_the_text_says(answer: Seen, seconds: float | None) -> None:
    assert wait_s(answer) == seconds


def test_a_date_is_that_far_away() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < (wait_s(seen(retry_after=date)) or 0) <= 3600


def test_a_moment_in_milliseconds_is_that_far_away() -> None:
    moment = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    body = f'{{"error":{{"code":429,"metadata":{{"headers":{{"X-RateLimit-Reset":"{moment}"}}}}}}}}'.encode()
    assert 3500 < (wait_s(seen(body)) or 0) <= 3600


def test_a_wait_without_end_is_none() -> None:
    assert wait_in(f"try again in {'9' * 400}s") is None


@given(st.text(st.characters(codec="latin-1"), max_size=40), st.text(max_size=40))
def test_whatever_a_server_says_is_a_wait_or_none(header: str, text: str) -> None:
    for answer in (seen(text.encode(), retry_after=header), seen(retry_after_ms=header)):
        found = wait_s(answer)
        assert found is None or found >= 0
