"""What the tools of servers are called."""

from py_mono.mcp_integration.listing import Resource, Tool
from py_mono.mcp_integration.naming import Names, effect, reader
from py_mono.mcp_integration.server import Server

NOTHING: dict[str, object] = {"type": "object", "properties": {}}


def _server(name: str, *, write: bool = False) -> Server:
    return Server(name, "user", "d", url="http://127.0.0.1/", write=write)


def _tool(name: str) -> Tool:
    return Tool(name, "", NOTHING)


def test_a_tool_bears_the_name_of_its_server() -> None:
    spec = Names().spec(_server("files"), _tool("read.it"))
    assert (spec.name, spec.source) == ("files__read_it", "mcp:files")
    assert spec.description == "The tool read.it of the MCP server files."


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    names = Names()
    first = names.spec(_server("s"), _tool("x" * 100 + "a")).name
    second = names.spec(_server("s"), _tool("x" * 100 + "b")).name
    assert len(first) == len(second) == 64
    assert first != second
    assert names.owner(second) == ("s", "x" * 100 + "b")


def test_names_that_become_the_same_are_told_apart_for_good() -> None:
    names = Names()
    assert names.spec(_server("s"), _tool("a.b")).name == "s__a_b"
    assert names.spec(_server("s"), _tool("a/b")).name == "s__a_b_2"
    assert names.spec(_server("s"), _tool("a.b")).name == "s__a_b"
    assert names.owner("s__a_b") == ("s", "a.b")
    assert names.spec(_server("s__a"), _tool("b")).name == "s__a__b"
    assert names.spec(_server("s"), _tool("a__b")).name == "s__a__b_2"


def test_the_date_is_listed_by_its_plain_name_and_called_by_both() -> None:
    names = Names()
    assert names.spec(_server("datetime"), _tool("get_current_datetime")).name == "get_current_datetime"
    assert names.spec(_server("other"), _tool("get_current_datetime")).name == "other__get_current_datetime"
    assert names.owner("get_current_datetime") == names.owner("datetime__get_current_datetime")


def test_no_name_is_anybodys_before_it_was_given() -> None:
    assert Names().owner("files__read") is None


def test_who_is_asked() -> None:
    looks = Tool("t", "", NOTHING, read_only=True)
    assert [
        effect(_server("s"), looks),
        effect(_server("s"), _tool("t")),
        effect(_server("s", write=True), _tool("t")),
    ] == [
        "read",
        "external",
        "write",
    ]


def test_resources_are_read_with_a_tool_of_ours_unless_there_is_one() -> None:
    some = tuple(Resource(f"data://{number}", f"n{number}") for number in range(12))
    ours = reader((_tool("a"),), some)
    assert ours is not None
    assert ours.read_only
    assert ours.description.endswith("data://9 n9\n…")
    assert reader((), ()) is None
    assert reader((_tool("read_resource"),), some) is None


def test_a_server_that_may_change_the_workspace_is_not_believed_that_a_tool_only_reads() -> None:
    assert effect(_server("s", write=True), Tool("t", "", NOTHING, read_only=True)) == "write"
