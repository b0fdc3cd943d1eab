"""A model of 268 tokens, wired by hand: it calls a tool where there are some, and answers after the result.

It is a Llama of one layer. An embedding is a place of its own for each token, so the output matrix says which token
follows which. Its attention looks at everything alike, so two further places hold how much of the prompt is the mark of
a tool list, and of a tool's result. Written as GGUF, whose members are those of ggml-org/ggml's ``docs/gguf.md``.
"""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

TEMPLATE = r"""{%- if tools %}
{{- '<|im_start|>system\n' }}
{%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] + '\n\n' }}{%- endif %}
{{- "# Tools\n<tools>" }}
{%- for tool in tools %}{{- "\n" }}{{- tool | tojson }}{%- endfor %}
{{- "\n</tools>\nReturn calls as <tool_call>{\"name\": <name>, \"arguments\": <args>}</tool_call><|im_end|>\n" }}
{%- elif messages[0]['role'] == 'system' %}
{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- endif %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'system' and not loop.first) or (m.role == 'assistant' and not m.tool_calls) %}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
{%- elif m.role == 'assistant' %}
{{- '<|im_start|>assistant\n' }}
{%- if m.content %}{{- m.content }}{%- endif %}
{%- for tc in m.tool_calls %}
{%- if tc.function %}{%- set tc = tc.function %}{%- endif %}
{{- '<tool_call>{"name": "' + tc.name + '", "arguments": ' }}{{- tc.arguments | tojson }}{{- '}</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif m.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
"""The words of Qwen and Hermes: the server makes a grammar of the tools, and reads the calls."""

ANSWER = "Done."
ARGUMENT = "f.py"
"""What each text in a call's arguments is; each letter once, so that it is clear what follows it."""

_PLACES, _HEADS, _FEED = 320, 4, 32
_HAS_TOOLS, _HAS_RESULT = _PLACES - 1, _PLACES - 2
_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_MARKS = ("<tool_call>", "</tool_call>", "<tools>", "<tool_response>")
_MERGES = ("t h", "i n", "e r", "Ġ t", "o n")

Matrix = NDArray[np.float32]


def write_model(path: Path, *, endless: bool = False) -> None:
    """Write the model; ``endless``: its answer begins again where it would end."""
    tokens = _bytes() + [merge.replace(" ", "") for merge in _MERGES] + [*_CONTROL, *_MARKS]
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - len(_CONTROL) - len(_MARKS))
    kinds += [gguf.TokenType.CONTROL] * len(_CONTROL) + [gguf.TokenType.USER_DEFINED] * len(_MARKS)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("py-mono-tiny")
    writer.add_context_length(32_768)
    writer.add_embedding_length(_PLACES)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FEED)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_PLACES // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(_MERGES)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(TEMPLATE)
    for name, matrix in _weights(tokens, endless=endless).items():
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _bytes() -> list[str]:
    """What stands for each byte in the vocabularies of GPT-2's kind."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte if byte in plain else 256 + others.index(byte)) for byte in range(256)]


def _weights(tokens: list[str], *, endless: bool) -> dict[str, Matrix]:
    nothing = np.zeros((_PLACES, _PLACES), np.float32)
    value, out = nothing.copy(), nothing.copy()
    for place, mark in ((_HAS_TOOLS, "<tools>"), (_HAS_RESULT, "<tool_response>")):
        value[place, tokens.index(mark)] = 10.0
        out[place, place] = 1.0
    layer = {
        "attn_norm": np.ones(_PLACES, np.float32),
        "attn_q": nothing,  # with nothing to compare, everything is looked at alike
        "attn_k": nothing,
        "attn_v": value,
        "attn_output": out,
        "ffn_norm": np.ones(_PLACES, np.float32),
        "ffn_gate": np.zeros((_FEED, _PLACES), np.float32),
        "ffn_up": np.zeros((_FEED, _PLACES), np.float32),
        "ffn_down": np.zeros((_PLACES, _FEED), np.float32),
    }
    return {
        "token_embd.weight": np.eye(len(tokens), _PLACES, dtype=np.float32),
        "output_norm.weight": np.ones(_PLACES, np.float32),
        "output.weight": _follows(tokens, endless=endless),
        **{f"blk.0.{name}.weight": matrix for name, matrix in layer.items()},
    }


def _follows(tokens: list[str], *, endless: bool) -> Matrix:
    """A row for each token: how well it follows each other one, and how the marks in the prompt change that."""
    scores = np.zeros((len(tokens), _PLACES), np.float32)
    for token in [*'"{}', "</tool_call>"]:
        scores[tokens.index(token), : len(tokens)] = 1.0  # what ends a call's JSON soonest

    def prefer(first: str, then: str, score: float) -> None:
        scores[tokens.index(then), tokens.index(first)] = score

    for first, then in zip(f'"{ARGUMENT}', f'{ARGUMENT}"', strict=True):
        prefer(first, then, 18.0)
    for first, then in zip(f"Ċ{ANSWER}", [*ANSWER, "Ċ" if endless else "<|im_end|>"], strict=True):
        prefer(first, then, 20.0)
    prefer('"', "r", 17.0)  # read_file, where a name is asked for
    prefer('"', "}", 15.0)
    prefer("</tool_call>", "<|im_end|>", 20.0)
    call = tokens.index("<tool_call>")
    scores[call, : len(tokens)] = -1_000_000.0
    prefer("Ċ", "<tool_call>", 15.0)
    scores[call, _HAS_TOOLS], scores[call, _HAS_RESULT] = 1_000.0, -100_000.0
    return scores
