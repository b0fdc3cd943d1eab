# ruff: noqa: RUF001 - DeepSeek writes its marks with a bar that is not the ASCII one
"""What models print: one sample or more of each format, with the calls it holds and the text around them."""

import json
from typing import Any, NamedTuple

from py_mono.protocol.tools import ToolCall, ToolSpec


def spec(name: str, required: str, **properties: str) -> ToolSpec:
    shapes = {key: {"type": kind} for key, kind in properties.items()}
    return ToolSpec(name, "", {"type": "object", "properties": shapes, "required": required.split()})


TOOLS = (
    spec("list_files", "", path="string", recursive="boolean"),
    spec("read_file", "path", path="string", offset="integer", limit="integer"),
    spec("write_file", "path content", path="string", content="string"),
    spec("edit_file", "path old_content new_content", path="string", old_content="string", new_content="string"),
    spec("grep", "pattern", pattern="string", path="string", case_insensitive="boolean"),
    spec("shell", "command", command="string", timeout="integer"),
    spec("plan", "steps", steps="array", options="object", weight="number"),
)

CODE = 'def f(x: int) -> str:\n\t"""Ünïcode → ok 🦊."""\n    return "</tool_call>" if x < 3 & 1 else \'}]\'\n'
"""Content that looks like the marks around it."""
PLAIN = "import os\n\nprint(\"a < b && c > d\", 'x')\n# done\n"
"""Content for formats that have no way to write their own marks."""


class Sample(NamedTuple):
    family: str
    printed: str
    text: str
    calls: tuple[ToolCall, ...]
    reasoning: str = ""


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("", name, arguments)


def compact(name: str, key: str = "arguments", **arguments: Any) -> str:
    return json.dumps({"name": name, key: arguments}, ensure_ascii=False)


WRITE = call("write_file", path="src/größe.py", content=CODE)
WRITE_JSON = compact("write_file", path="src/größe.py", content=CODE)
WRITE_PARAMETERS = compact("write_file", "parameters", path="src/größe.py", content=CODE)
WRITE_ARGUMENTS = json.dumps(WRITE.arguments, ensure_ascii=False)
WRITE_PLAIN = call("write_file", path="a.py", content=PLAIN)
READ = call("read_file", path="a.txt", offset=3)
READ_JSON = compact("read_file", path="a.txt", offset=3)
READ_ARGUMENTS = json.dumps(READ.arguments)
PLAN = call("plan", steps=[{"do": "x", "n": [1, 2.5, None, True]}], options={"deep": {"er": "ok"}})
PLAN_JSON = compact("plan", **PLAN.arguments)

PYTHON_WRITE = f"write_file(path='src/größe.py', content={CODE!r})"

HERMES = (
    Sample(
        "hermes",
        f"I'll write it.\n\n<tool_call>\n{WRITE_JSON}\n</tool_call>\n<tool_call>\n{READ_JSON}\n</tool_call>\n\nDone.",
        "I'll write it.\n\nDone.",
        (WRITE, READ),
    ),
    Sample("hermes", f"<tool_call>[{READ_JSON}, {PLAN_JSON}]</tool_call>", "", (READ, PLAN)),
    Sample("hermes", f"<tool_call>\n{WRITE_JSON}", "", (WRITE,)),
    Sample("hermes", f"<tool_call>\n{READ_JSON}\n<tool_call>\n{WRITE_JSON}\n</tool_call>", "", (READ, WRITE)),
    Sample(
        "hermes",
        f'<tool_call>{{"name": "write_file", "arguments": {json.dumps(WRITE_ARGUMENTS)}}}</tool_call>',
        "",
        (WRITE,),
    ),
    Sample("hermes", f"<tools>\n{WRITE_JSON}\n</tools>", "", (WRITE,)),
    Sample("hermes", f"<longcat_tool_call>{WRITE_JSON}</longcat_tool_call>", "", (WRITE,)),
    Sample(
        "hermes",
        f"<think>\nI could <tool_call>{READ_JSON}</tool_call> first.\n</think>\n\n<tool_call>\n{WRITE_JSON}\n</tool_call>",
        "",
        (WRITE,),
        f"I could <tool_call>{READ_JSON}</tool_call> first.",
    ),
)

QWEN = (
    Sample(
        "qwen",
        "Now the file.\n<tool_call>\n<function=write_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=content>\n"
        f"{PLAIN}\n</parameter>\n</function>\n</tool_call>",
        "Now the file.",
        (WRITE_PLAIN,),
    ),
    Sample(
        "qwen",
        "<function=read_file>\n<parameter=path>\na.txt\n</parameter>\n<parameter=offset>\n3\n</parameter>\n</function>\n"
        "</tool_call>\nand\n<function=grep>\n<parameter=pattern>\n</parameter> &amp; <b>\n</parameter>\n"
        "<parameter=case_insensitive>\nTrue\n</parameter>\n</function>",
        "and",
        (READ, call("grep", pattern="</parameter> &amp; <b>", case_insensitive=True)),
    ),
    Sample(
        "qwen",
        '<tool_call><function=plan><parameter=steps>[{"do": "x", "n": [1, 2.5, null, true]}]</parameter>'
        '<parameter=options>{"deep": {"er": "ok"}}</parameter></function></tool_call>',
        "",
        (PLAN,),
    ),
    Sample("qwen", "<function=list_files>\n</function>", "", (call("list_files"),)),
    Sample(
        "seed",
        "<seed:think>hm</seed:think>Yes.<seed:tool_call>\n<function=write_file>\n<parameter=path>a.py</parameter>\n"
        f"<parameter=content>\n{PLAIN}\n</parameter>\n</function>\n</seed:tool_call>",
        "Yes.",
        (WRITE_PLAIN,),
        "hm",
    ),
)

LLAMA = (
    Sample("llama", WRITE_PARAMETERS, "", (WRITE,)),
    Sample("llama", f"{WRITE_PARAMETERS}; {READ_JSON}", "", (WRITE, READ)),
    Sample("llama", f"<|python_tag|>{WRITE_PARAMETERS}; {READ_JSON}<|eom_id|>", "", (WRITE, READ)),
    Sample("llama", '<|python_tag|>brave_search.call(query="größe?")', "", (call("brave_search", query="größe?"),)),
    Sample("llama", f"Sure.\n<function=write_file>{WRITE_ARGUMENTS}</function><|eom_id|>", "Sure.", (WRITE,)),
    Sample("llama", f"<|python_start|>[{PYTHON_WRITE}]<|python_end|>", "", (WRITE,)),
)

MISTRAL = (
    Sample("mistral", f"[TOOL_CALLS] [{WRITE_JSON}, {READ_JSON}]", "", (WRITE, READ)),
    Sample(
        "mistral",
        f"[THINK]why\n[/THINK]I will.[TOOL_CALLS]write_file[ARGS]{WRITE_ARGUMENTS}[TOOL_CALLS]read_file[CALL_ID]a1B2c3D4e"
        f"[ARGS]{READ_ARGUMENTS}</s>",
        "I will.",
        (WRITE, READ),
        "why",
    ),
    Sample("mistral", f"[TOOL_CALLS]write_file{WRITE_ARGUMENTS}", "", (WRITE,)),
    Sample("mistral", f"[TOOL_CALLS] [{WRITE_JSON}][/TOOL_CALLS]\n\n[1] a.txt", "[1] a.txt", (WRITE,)),
)

DEEPSEEK = (
    Sample(
        "deepseek",
        "Let me see.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>write_file\n```json\n"
        f"{WRITE_ARGUMENTS}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>read_file\n```json\n"
        f"{READ_ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "Let me see.",
        (WRITE, READ),
    ),
    Sample(
        "deepseek",
        f"so it is</think>Yes.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>write_file<｜tool▁sep｜>{WRITE_ARGUMENTS}"
        f"<｜tool▁call▁end｜><｜tool▁call▁begin｜>read_file<｜tool▁sep｜>{READ_ARGUMENTS}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "Yes.",
        (WRITE, READ),
        "so it is",
    ),
    Sample(
        "deepseek",
        f"<｜tool_calls_begin｜>function<｜tool▁sep｜>write_file\n```json\n{WRITE_ARGUMENTS}\n```<｜tool▁call▁end｜>"
        "<｜tool▁calls▁end｜>",
        "",
        (WRITE,),
    ),
    Sample(
        "deepseek", f"<｜tool▁call▁begin｜>write_file<｜tool▁sep｜>{WRITE_ARGUMENTS}<｜tool▁call▁end｜>", "", (WRITE,)
    ),
    Sample(
        "deepseek",
        'Go.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name="write_file">\n<｜DSML｜parameter name="path" string="true">a.py'
        f'</｜DSML｜parameter>\n<｜DSML｜parameter name="content" string="true">{PLAIN}</｜DSML｜parameter>\n'
        '</｜DSML｜invoke>\n<｜DSML｜invoke name="unknown">\n<｜DSML｜parameter name="n" string="false">[1, 2]</｜DSML｜parameter>\n'
        "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        "Go.",
        (WRITE_PLAIN, call("unknown", n=[1, 2])),
    ),
)

OTHERS = (
    Sample("granite", f"<|tool_call|>[{WRITE_JSON}, {READ_JSON}]", "", (WRITE, READ)),
    Sample("granite", f"<tool_call>[{WRITE_JSON}]", "", (WRITE,)),
    Sample("granite", f"<function_call> {WRITE_JSON}", "", (WRITE,)),
    Sample(
        "glm",
        "Look.\n<tool_call>write_file\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>content</arg_key>\n"
        f"<arg_value>{PLAIN}</arg_value>\n</tool_call>\n<tool_call>read_file\n<arg_key>path</arg_key>\n"
        "<arg_value>a.txt</arg_value>\n<arg_key>offset</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        "Look.",
        (WRITE_PLAIN, READ),
    ),
    Sample("glm", "<tool_call>list_files</tool_call>", "", (call("list_files"),)),
    Sample(
        "kimi",
        "Well.<|tool_calls_section_begin|><|tool_call_begin|>functions.write_file:0<|tool_call_argument_begin|>"
        f"{WRITE_ARGUMENTS}<|tool_call_end|><|tool_call_begin|>functions.read_file:1<|tool_call_argument_begin|>"
        f"{READ_ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>",
        "Well.",
        (WRITE, READ),
    ),
    Sample("minimax", f"<tool_calls>\n{WRITE_JSON}\n{READ_JSON}\n</tool_calls>", "", (WRITE, READ)),
    Sample(
        "minimax",
        'Writing.\n<minimax:tool_call>\n<invoke name="write_file">\n<parameter name="path">a.py</parameter>\n'
        f'<parameter name="content">{PLAIN}</parameter>\n</invoke>\n<invoke name="read_file">\n'
        '<parameter name="path">a.txt</parameter>\n<parameter name="offset">3</parameter>\n</invoke>\n'
        "</minimax:tool_call>\n",
        "Writing.",
        (WRITE_PLAIN, READ),
    ),
    Sample(
        "invoke",
        '<function_calls>\n<invoke name="write_file">\n<parameter name="path">a.py</parameter>\n'
        f'<parameter name="content">{PLAIN}</parameter>\n</invoke>\n</function_calls>',
        "",
        (WRITE_PLAIN,),
    ),
    Sample("invoke", f'<invoke name="write_file">\n{WRITE_ARGUMENTS}\n</invoke>', "", (WRITE,)),
    Sample(
        "pythonic",
        f"<function_calls>\n{PYTHON_WRITE}\nread_file(path='a.txt', offset=3)\n</function_calls>",
        "",
        (WRITE, READ),
    ),
    Sample("pythonic", f"[{PYTHON_WRITE}, read_file(path='a.txt', offset=3)]", "", (WRITE, READ)),
    Sample(
        "lfm2",
        f"<think>fine</think>Checking.<|tool_call_start|>[{PYTHON_WRITE}, plan(steps=[{{'do': 'x', 'n': [1, 2.5, None, "
        'True]}], options={"deep": {"er": \'ok\'}})]<|tool_call_end|>It is being written.<|im_end|>',
        "Checking.It is being written.<|im_end|>",
        (WRITE, PLAN),
        "fine",
    ),
    Sample(
        "lfm2",
        f"<|tool_call_start|>[write_file(path='a.py', content='''{PLAIN}''')]<|tool_call_end|>",
        "",
        (WRITE_PLAIN,),
    ),
    Sample("lfm2", f"<|tool_call_start|>{WRITE_JSON}<|tool_call_end|>", "", (WRITE,)),
    Sample("phi", f"functools[{WRITE_JSON}]", "", (WRITE,)),
    Sample("phi", f"<|tool_call|>[{WRITE_JSON}]<|/tool_call|>", "", (WRITE,)),
    Sample("nemotron", f"<TOOLCALL>[{WRITE_JSON}, {READ_JSON}]</TOOLCALL>", "", (WRITE, READ)),
    Sample(
        "cohere",
        "<|START_THINKING|>I will.<|END_THINKING|><|START_ACTION|>[\n    "
        + json.dumps(
            {"tool_call_id": "0", "tool_name": "write_file", "parameters": WRITE.arguments}, ensure_ascii=False
        )
        + "\n]<|END_ACTION|>",
        "",
        (WRITE,),
        "I will.",
    ),
    Sample("internlm", f"I'll.<|action_start|><|plugin|>\n{WRITE_PARAMETERS}<|action_end|>\n", "I'll.", (WRITE,)),
    Sample(
        "apertus",
        f'<|tools_prefix|>[{{"write_file": {WRITE_ARGUMENTS}}}]<|tools_suffix|>',
        "",
        (WRITE,),
    ),
    Sample("gemma", f"Ok.\n```tool_code\nprint({PYTHON_WRITE})\n```\n", "Ok.", (WRITE,)),
    Sample(
        "gemma",
        f"<start_function_call>call:write_file{{path:<escape>a.py<escape>,content:<escape>{PLAIN}<escape>}}"
        "<end_function_call><start_function_call>call:read_file{path:<escape>a.txt<escape>,offset:3}<end_function_call>",
        "",
        (WRITE_PLAIN, READ),
    ),
    Sample(
        "gemma",
        f'<|tool_call>call:write_file{{path:<|"|>a.py<|"|>,content:<|"|>{PLAIN}<|"|>}}<tool_call|><|tool_call>call:plan'
        '{steps:[{do:<|"|>x<|"|>,n:[1,2.5,null,true]}],options:{deep:{er:<|"|>ok<|"|>}}}<tool_call|>',
        "",
        (WRITE_PLAIN, PLAN),
    ),
    Sample(
        "harmony",
        "<|channel|>analysis<|message|>Need a file.<|end|><|start|>assistant<|channel|>commentary<|message|>On it.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.write_file <|constrain|>json<|message|>"
        f"{WRITE_ARGUMENTS}<|call|>",
        "On it.",
        (WRITE,),
        "Need a file.",
    ),
    Sample(
        "harmony",
        f"<|start|>assistant to=functions.write_file<|channel|>commentary json<|message|>{WRITE_ARGUMENTS}<|call|>",
        "",
        (WRITE,),
    ),
    Sample("harmony", "<|channel|>final<|message|>All done.<|return|>", "All done.", ()),
    Sample(
        "tool_use",
        f"<tool_use>\n  <name>write_file</name>\n  <arguments>{WRITE_ARGUMENTS}</arguments>\n</tool_use>",
        "",
        (WRITE,),
    ),
    Sample(
        "react",
        f"Thought: I must write.\nAction: write_file\nAction Input: {WRITE_ARGUMENTS}\nObservation: ok",
        "Thought: I must write.\n\nObservation: ok",
        (WRITE,),
    ),
    Sample("json", f"First:\n\n```json\n{WRITE_JSON}\n```\n\nThen this.", "First:\n\nThen this.", (WRITE,)),
    Sample("json", f"```json\n[{WRITE_JSON},\n {READ_JSON}]\n```", "", (WRITE, READ)),
    Sample("json", f"```tool_call\n{WRITE_JSON}\n{READ_JSON}\n```", "", (WRITE, READ)),
    Sample("json", f"```\n{WRITE_JSON}", "", (WRITE,)),
    Sample("json", f"I call it:\n{WRITE_JSON}\nand wait.", "I call it:\n\nand wait.", (WRITE,)),
    Sample(
        "json",
        json.dumps(
            {"id": "call_1", "type": "function", "function": {"name": "write_file", "arguments": WRITE_ARGUMENTS}}
        ),
        "",
        (WRITE,),
    ),
    Sample(
        "json",
        json.dumps(
            {"tool_calls": [{"type": "function", "function": {"name": "write_file", "arguments": WRITE.arguments}}]}
        ),
        "",
        (WRITE,),
    ),
    Sample("json", json.dumps({"tool": "write_file", "tool_input": WRITE.arguments}, indent=2), "", (WRITE,)),
    Sample("json", json.dumps({"function": "write_file", "args": WRITE.arguments}), "", (WRITE,)),
    Sample("json", json.dumps({"action": "write_file", "action_input": WRITE.arguments}), "", (WRITE,)),
    Sample("json", json.dumps({"write_file": WRITE.arguments}), "", (WRITE,)),
)

SAMPLES = HERMES + QWEN + LLAMA + MISTRAL + DEEPSEEK + OTHERS
