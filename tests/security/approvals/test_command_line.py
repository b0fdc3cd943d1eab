import time

from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.security.approvals.command_line import commands_of
from py_mono.security.approvals.plain_line import plain_commands
from py_mono.security.approvals.simple_command import SimpleCommand, Word, unwrapped


def seen(line: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in commands_of(line)]


def test_every_command_of_pipes_lists_and_compounds_is_found() -> None:
    line = "a 1 | b '2 3' && (c; d) || { e; } ; if f; then g; else h; fi; for x in 1; do i; done; while j; do k; done"
    assert seen(line) == [["a", "1"], ["b", "2 3"], ["c"], ["d"], ["e"], ["f"], ["g"], ["h"], ["i"], ["j"], ["k"]]


def test_commands_in_substitutions_functions_and_heredocs_are_found() -> None:
    line = 'x "$(a `b`)" <(c) ; f() { d; }; cat <<EOF | e\n$(g)\nEOF\n'
    assert {command.program for command in commands_of(line)} == {"x", "a", "b", "c", "d", "cat", "e", "g"}


def test_what_a_shell_is_given_as_text_is_read_too() -> None:
    assert seen("bash -lc 'a 1 | b' ; eval 'c d'") == [
        ["bash", "-lc", "a 1 | b"],
        ["a", "1"],
        ["b"],
        ["eval", "c d"],
        ["c", "d"],
    ]


def test_redirections_are_told_apart_from_arguments() -> None:
    assert commands_of("a < in 2>&1 > 'out 1' b >> more") == (
        SimpleCommand((Word("a"), Word("b")), (Word("in"),), (Word("out 1"), Word("more"))),
    )
    assert commands_of("{ a; } > x") == (SimpleCommand((Word("a"),)), SimpleCommand((), (), (Word("x"),)))


def test_words_say_whether_the_shell_makes_something_else_of_them() -> None:
    (command,) = commands_of("""p a'b'"c" \\$x "$y" $(z) *.py ~/q "a\\"b" $'n' x{1,2} HEAD\\^""")[:1]
    assert command.words == (
        Word("p"),
        Word("abc"),
        Word("$x"),
        Word("$y", literal=False),
        Word("$(z)", literal=False),
        Word("*.py", literal=False),
        Word("~/q", literal=False),
        Word('a"b'),
        Word("$'n'", literal=False),
        Word("x{1,2}", literal=False),
        Word("HEAD^"),
    )


def test_wrappers_are_looked_through() -> None:
    for line in ("env -u X A=1 p q", "sudo -E -u me p q", "timeout -s KILL 5 p q", "nohup nice -n 3 p q",
                 "xargs -n 1 p q", "find . -name x -exec p q {} \\;", "command p q"):  # fmt: skip
        (command,) = commands_of(line)
        assert [word.text for word in unwrapped(command).words] == ["p", "q"], line


def test_what_is_no_bash_and_what_is_huge_costs_little() -> None:
    began = time.process_time()
    for line in ("$(" * 30_000, "((" * 30_000, "a" * 99_999, "a " * 49_999, "'", "<<", "\0", "\ud800 a", "x" * 200_000):
        commands_of(line)
    assert time.process_time() - began < 20  # a fault in this would take minutes


WORD = st.from_regex(r"[a-z][a-z0-9_./-]{0,8}", fullmatch=True).filter(
    lambda word: word not in {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "select", "function", "time", "coproc", "eval", "env", "find", "exec", "sh"}
)  # fmt: skip
QUOTED = st.builds("'{}'".format, st.text('abc $`"\\;|&<>()*~#!', max_size=8))
COMMAND = st.tuples(WORD, st.lists(WORD | QUOTED, max_size=4)).map(lambda parts: [parts[0], *parts[1]])
JOINT = st.sampled_from([" | ", " && ", " || ", "; ", " & ", "\n", " |& "])


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """A line, and the words of its commands."""
    commands = draw(st.lists(COMMAND, min_size=1, max_size=5))
    text = " ".join(commands[0])
    for command in commands[1:]:
        text += draw(JOINT) + " ".join(command)
    said = [[word[1:-1] if word.startswith("'") else word for word in command] for command in commands]
    match draw(st.sampled_from(["plain", "sub", "group", "if"])):
        case "sub":
            return f"echo $({text})", [["echo", f"$({text})"], *said]
        case "group":
            return f"( {text} )", said
        case "if":
            return f"if true; then {text}\nfi", [["true"], *said]
    return text, said


@given(lines())
@settings(max_examples=300, deadline=None)
def test_every_simple_command_of_a_generated_line_is_found(made: tuple[str, list[list[str]]]) -> None:
    line, expected = made
    assert seen(line) == expected


@given(st.text(max_size=200) | st.text("ab$(){}[]<>|&;'\"`\\ \n#!*~=-", max_size=80))
@settings(max_examples=400, deadline=None)
def test_reading_a_line_never_fails_and_both_readers_agree_on_plain_ones(line: str) -> None:
    found = [tuple(words) for words in seen(line) if words]
    plain = plain_commands(line)
    if plain is not None:
        assert list(plain) == found


def test_a_plain_line_holds_words_and_quotes_and_nothing_else() -> None:
    assert plain_commands("git add -A && git commit -m 'x y' 2>&1 | tail -5 >/dev/null; \"a b\"") == (
        ("git", "add", "-A"),
        ("git", "commit", "-m", "x y"),
        ("tail", "-5"),
        ("a b",),
    )
    for line in ("a $x", 'a "$x"', "a `b`", "a $(b)", "a > f", "a < f", "a &", "A=1 b", "a \\b", "a *", "a ~", "a {b,c}",
                 "if a", "a # b", "a !b", "a\rb", "a\u00a0b", "a (b)", "[[ a ]]", "", " \n", "a <<x", "a |& b"):  # fmt: skip
        assert plain_commands(line) is None, line
