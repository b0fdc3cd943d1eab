"""A path that a person chose is what bore it then; a link that is put on the way to it later leads nowhere, however late."""

import os
from pathlib import Path

import pytest

from py_mono.sandbox import kernel


def test_a_place_is_opened_only_where_no_link_leads_to_it(tmp_path: Path) -> None:
    real, link = tmp_path.resolve() / "real", tmp_path.resolve() / "link"
    real.mkdir()
    (real / "file").touch()
    link.symlink_to("real")
    for path in (real, real / "file"):
        handle = kernel.open_place(str(path), {str(path)})
        assert os.readlink(f"/proc/self/fd/{handle}") == str(path)
        os.close(handle)
    before = len(os.listdir("/proc/self/fd"))
    for path in (link, link / "file", real / "missing"):
        with pytest.raises(FileNotFoundError):
            kernel.open_place(str(path), {str(path)})
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(kernel.open_place(str(link / "file"), ()))  # the system's own folders may be links
