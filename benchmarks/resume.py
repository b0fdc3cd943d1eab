"""How long it takes to resume a session, in ms: run as ``python -I resume.py STATE-FOLDER ID``.

Printed as JSON: ``product`` reads, checks and locks the journal and folds it into a conversation; ``floor`` hands each
line to the standard library's ``json`` and keeps what comes out. ``messages`` is how many the conversation has.
"""

import json
import sys
import time
from pathlib import Path

from py_mono.protocol.history import History
from py_mono.session.store import Sessions

folder, name = Path(sys.argv[1]), sys.argv[2]

started = time.perf_counter()
session = Sessions(folder, redact=str, notice=print).resume(name)
history = History()
for envelope in session.envelopes:
    history.apply(envelope.event)
product = time.perf_counter() - started
session.close()

started = time.perf_counter()
with (folder / "sessions" / f"{name}.jsonl").open("rb") as file:
    kept = [json.loads(line) for line in file]
floor = time.perf_counter() - started

print(json.dumps({"product": product * 1000, "floor": floor * 1000, "messages": len(history.messages)}))
