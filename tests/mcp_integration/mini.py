"""A server on stdio, of the standard library alone: it starts in no time, and does what no good server does.

    python -I mini.py FOLDER

``FOLDER/tools.json`` holds its tools, read again for each list, ``prompts.json`` its prompts if it has any; ``FOLDER/heard`` gets each message that came in.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

FOLDER = sys.argv[1]
ASKED: dict[str, Any] = {}


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(call: Any, words: str) -> None:
    send(id=call, result={"content": [{"type": "text", "text": words}]})


def ask(call: Any, method: str, params: dict[str, Any]) -> None:
    ASKED[f"ask-{call}"] = call
    send(id=f"ask-{call}", method=method, params=params)


def count() -> int:
    with open(os.path.join(FOLDER, "count"), "a+", encoding="utf-8") as file:
        file.write("x")
        return file.tell()


def called(call: Any, name: str, arguments: dict[str, Any]) -> None:  # noqa: C901, PLR0912 - a case for each tool
    match name:
        case "echo":
            text(call, json.dumps(arguments))
        case "die":
            print("fatal: bad \x1b[31mluck", file=sys.stderr, flush=True)
            os._exit(3)
        case "die_once" | "look_once":
            if count() == 1:
                os._exit(4)
            text(call, "alive")
        case "env":
            text(call, json.dumps(dict(os.environ)))
        case "ask":
            ask(call, "elicitation/create", arguments)
        case "roots":
            ask(call, "roots/list", {})
        case "sample":
            ask(call, "sampling/createMessage", {"messages": [], "maxTokens": 1})
        case "result":
            send(id=call, result=arguments)
        case "relist":
            send(method="notifications/tools/list_changed")
            text(call, "told")
        case "flood":
            for number in range(2000):
                level = "warning" if number % 2 else "info"
                send(method="notifications/message", params={"level": level, "data": f"line {number} \x1b[2J"})
            text(call, "flooded")
        case "orphan":
            subprocess.Popen(["sleep", "300"])
            text(call, "left one behind")
        case "stubborn":
            text(call, str(subprocess.Popen(["sh", "-c", "trap '' TERM; exec sleep 300"]).pid))
            time.sleep(300)  # until SIGTERM
        case "mutter":
            print("x" * 80 * 1024 * 1024, end="", file=sys.stderr, flush=True)
            text(call, "said")
        case "unread":
            os.close(0)
            text(call, "reads nothing any more")
            time.sleep(300)
        case "deaf":  # reads nothing any more, and ignores that its stdin ends
            time.sleep(300)
        case "long":
            sys.stdout.write("x" * 17 * 1024 * 1024)
            sys.stdout.flush()
        case "hang":
            pass


def main() -> None:
    for line in sys.stdin:
        with open(os.path.join(FOLDER, "heard"), "a", encoding="utf-8") as heard:
            heard.write(line)
        message = json.loads(line)
        call, method = message.get("id"), message.get("method")
        if method == "initialize":
            has: dict[str, Any] = {"tools": {"listChanged": True}}
            if os.path.exists(os.path.join(FOLDER, "prompts.json")):
                has["prompts"] = {}
            about = {"capabilities": has, "serverInfo": {"name": "mini", "version": "1"}}
            send(id=call, result={"protocolVersion": "2025-06-18", **about})
        elif method in {"tools/list", "prompts/list"}:
            kind = method.removesuffix("/list")
            with open(os.path.join(FOLDER, f"{kind}.json"), encoding="utf-8") as file:
                send(id=call, result={kind: json.load(file)})
        elif method == "tools/call":
            called(call, message["params"]["name"], message["params"].get("arguments", {}))
        elif call in ASKED:
            text(ASKED.pop(call), json.dumps(message.get("result", message.get("error"))))
        elif method and call is not None:
            send(id=call, error={"code": -32601, "message": "no such method"})


main()
