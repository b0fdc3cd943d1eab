"""The floor: the least a Python program can do to be an agent on Ollama's chat interface, standard library only.

Run as ``python -I floor.py HOST PORT PROMPT``. No lock, no journal, no screen, no limits, no recovery from anything.
"""

import http.client
import json
import subprocess
import sys

PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
SHELL = {"name": "shell", "description": "Run a command.", "parameters": PARAMETERS}

host, port, prompt = sys.argv[1:]
server = http.client.HTTPConnection(host, int(port))
messages: list[dict[str, object]] = [
    {"role": "system", "content": "You are an agent."},
    {"role": "user", "content": prompt},
]
while True:
    request = {"model": "bench", "messages": messages, "tools": [{"type": "function", "function": SHELL}]}
    server.request("POST", "/api/chat", json.dumps(request).encode(), {"Content-Type": "application/json"})
    text, calls = "", []
    for line in server.getresponse():
        message = json.loads(line)["message"]
        text += message.get("content", "")
        calls += message.get("tool_calls", ())
    messages.append({"role": "assistant", "content": text, "tool_calls": calls})
    if not calls:
        print(text)
        break
    for call in calls:
        command = ["/bin/sh", "-c", call["function"]["arguments"]["command"]]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        messages.append({"role": "tool", "tool_name": "shell", "content": done.stdout + done.stderr})
