"""Each fault at each moment of a reply of Ollama: the right answer, or the right error; nothing doubled, nothing half."""

from collections.abc import Iterator

import pytest

from tests.faults.catalogue import TRANSPORT, Fault, content, floods
from tests.faults.harness import FAILING, failing_always, failing_once
from tests.faults.ollama_wire import OLLAMA
from tests.faults.wires import Moment


def cells() -> Iterator[tuple[Fault, Moment]]:
    for fault in (*TRANSPORT, *content(OLLAMA), *floods()):
        for moment in OLLAMA.moments(FAILING):
            if fault.where(moment):
                yield fault, moment


def name(value: Fault | Moment) -> str:
    return value.name


@pytest.mark.parametrize(("fault", "moment"), list(cells()), ids=name)
async def test_one_failed_reply_is_asked_again_or_said(fault: Fault, moment: Moment) -> None:
    await failing_once(OLLAMA, fault, moment)


@pytest.mark.parametrize(("fault", "moment"), list(cells()), ids=name)
async def test_replies_that_always_fail_end_in_the_right_error(fault: Fault, moment: Moment) -> None:
    await failing_always(OLLAMA, fault, moment)
