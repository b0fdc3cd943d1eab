"""What a caller is told where a call cannot be done: one line that says what was wrong and what would be right."""

import logging

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams
from pydantic import ValidationError as ArgumentError


def refused(text: str) -> ToolError:
    """An error for the caller; the log is for what this server did wrong itself."""
    return ToolError(text, log_level=logging.INFO)


class PlainRefusals(Middleware):
    """Arguments of the wrong type are refused in plain words, without the library's address and types."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Pass the call on; say again what the arguments' check said."""
        try:
            return await call_next(context)
        except ValidationError as error:
            if not isinstance(error.__cause__, ArgumentError):
                raise
            found = error.__cause__.errors(include_url=False, include_context=False, include_input=False)
            wrong = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:3])
            raise refused(f"Wrong arguments: {wrong}. Call again with what the schema asks for.") from error
