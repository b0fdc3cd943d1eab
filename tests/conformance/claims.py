"""What of MCP is claimed, scenario by scenario, and why not the rest. ``docs/mcp-conformance.md`` is made from it."""

SUITE = "@modelcontextprotocol/conformance"

CLIENT = (
    "initialize",
    "tools_call",
    "elicitation-sep1034-client-defaults",
    "sse-retry",
    "request-metadata",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "sep-2322-client-request-state",
    "json-schema-ref-no-deref",
    "json-schema-2020-12-preservation",
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/2025-03-26-oauth-metadata-backcompat",
    "auth/2025-03-26-oauth-endpoint-fallback",
    "auth/resource-mismatch",
    "auth/offline-access-scope",
    "auth/offline-access-not-supported",
    "auth/authorization-server-migration",
    "auth/iss-supported",
    "auth/iss-not-advertised",
    "auth/iss-supported-missing",
    "auth/iss-wrong-issuer",
    "auth/iss-unexpected",
    "auth/iss-normalized",
    "auth/metadata-issuer-mismatch",
)
"""Every check of these passes, and at least one is made."""

NOT_CLIENT = {
    "auth/scope-step-up": "a 403 that asks for more scopes is an error; the login is not done again for them (a SHOULD)",
    "auth/scope-retry-limit": "a login that is refused is tried 4 times where 3 are enough (a SHOULD)",
    "auth/basic-cimd": "no client metadata document is offered; clients are registered dynamically",
    "auth/pre-registration": "an entry cannot name a client id yet",
    "auth/client-credentials-jwt": "an extension: for programs without a person",
    "auth/client-credentials-basic": "an extension: for programs without a person",
    "auth/enterprise-managed-authorization": "an extension",
    "auth/dpop": "an extension",
    "auth/dpop-nonce": "an extension",
    "auth/wif-jwt-bearer": "an extension",
    "sep-2640-client-no-prefetch": "an extension (skills); the suite makes no check of a client without it",
    "sep-2640-client-verify-digest": "an extension (skills); the suite makes no check of a client without it",
    "sep-2640-client-verify-size": "an extension (skills); the suite makes no check of a client without it",
    "sep-2640-client-verify-frontmatter": "an extension (skills); the suite makes no check of a client without it",
}

SERVER = (
    "server-initialize",
    "ping",
    "tools-list",
    "dns-rebinding-protection",
    "http-header-validation",
    "caching",
)
"""Of the server ``datetime``: those that apply to a server with one tool."""

NOT_SERVER = {
    "server-stateless": "two of its checks want a tool that needs what the client did not offer",
    "server-session-lifecycle": "the server keeps no sessions, and the suite makes no check then",
    "server-sse-*": "the server keeps no stream that could be resumed",
    "tools-call-*": "they want the suite's own test tools",
    "elicitation-*, json-schema-2020-12": "they want the suite's own test tools",
    "resources-*, prompts-*, logging-set-level, completion-complete": "the server offers none of these; what the suite checks of such a server says little",
    "sep-2164-resource-not-found": "the server offers no resources",
    "http-custom-header-server-validation": "it wants a test tool with headers of its own",
    "input-required-result-*": "they want the suite's own test tools",
    "tasks-*, sep-2640-*": "extensions",
}
