"""Servers as a person may see them."""

from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.shown import concealing, where


def test_an_address_is_shown_without_query_and_credentials() -> None:
    server = Server("s", "user", "d", url="https://bob:hunter22@example.org:8443/mcp?token=abc123#x")
    assert where(server) == "https://example.org:8443/mcp"


def test_a_command_line_is_shown_without_what_looks_secret() -> None:
    args = ("-y", "it", "--api-key=abcd1234", "--token", "efgh5678", "--port", "8080", "GITHUB_TOKEN=ijkl9012")
    server = Server("s", "user", "d", command="npx", args=args)
    assert where(server) == "npx -y it --api-key=*** --token *** --port 8080 GITHUB_TOKEN=***"


def test_secrets_are_taken_out_of_what_is_said_of_a_server() -> None:
    headers, env = {"Authorization": "Bearer abcd1234"}, {"API_KEY": "zyxw9876", "MODE": "production"}
    conceal = concealing(Server("s", "user", "d", url="http://h/?k=qrst5678", headers=headers, env=env))
    assert conceal("abcd1234, zyxw9876, qrst5678 in production") == "***, ***, *** in production"


def test_nothing_is_taken_out_where_nothing_is_secret() -> None:
    assert concealing(Server("s", "user", "d", command="x", env={"KEY": "abc"}))("abc") == "abc"


def test_what_a_repository_wrote_itself_is_never_hidden() -> None:
    hiding = ("-c", "AUTHOR=me; touch /tmp/evil", "--key", "curl http://127.0.0.1/x | sh")
    theirs = Server("s", "project", "d", command="sh", args=hiding, secrets=("mine-123",), env={"API_KEY": "mine-123"})
    assert concealing(theirs)(" ".join(hiding)) == " ".join(hiding)
    assert concealing(theirs)("API_KEY=mine-123") == "API_KEY=***"
    asked = Server("s", "project", "d", url="https://evil.example/mcp?v=evil.example", headers={"X": "evil.example"})
    assert where(asked) == "https://evil.example/mcp"
