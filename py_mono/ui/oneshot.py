"""``-p``: one turn; the answer (or JSON) on stdout, progress on stderr."""

import sys

from py_mono.ui.app import App
from py_mono.ui.json_mode import FAILED, EventLines, TurnRecord, exit_status, print_object, result_object
from py_mono.ui.output import Output
from py_mono.ui.render import Renderer
from py_mono.ui.signals import TERMINATED, ending
from py_mono.ui.terminal import Screen


async def run(app: App, prompt: str, output_format: str) -> int:
    """Run one turn and print it as ``text``, ``json`` or ``stream-json``; returns the exit status."""
    output = Output(sys.stdout.buffer)
    record = TurnRecord()
    app.agent.subscribe(record)
    if output_format == "stream-json":
        app.agent.subscribe(EventLines(output, app.redact))
    else:
        app.agent.subscribe(Renderer(Screen(sys.stderr, app.environment), final_text=False))
    with ending(app.agent.interrupt) as received:
        finished = await app.agent.prompt(prompt)
    status = TERMINATED if received.terminated else exit_status(finished)
    if output_format == "json":
        print_object(
            output, {**result_object(record, finished, session=app.session_id, version=app.version), "status": status}
        )
    elif output_format == "text" and record.answer:
        output.answer(record.answer)
    return FAILED if output.lost and not status else status
