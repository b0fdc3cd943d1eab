"""The library, imported as the program imports it, before any server of a test imports it otherwise."""

import asyncio

import pytest

from py_mono.mcp_integration.library import Library


@pytest.fixture(scope="session", autouse=True)
def _library() -> None:
    asyncio.run(Library().opener())
