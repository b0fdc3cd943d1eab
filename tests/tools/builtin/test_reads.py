from py_mono.tools.builtin.reads import ReadLog


def test_only_a_file_that_was_read_can_be_stale() -> None:
    reads = ReadLog()
    assert not reads.is_stale("/f", b"a")
    reads.record("/f", b"a")
    assert (reads.is_stale("/f", b"a"), reads.is_stale("/f", b"b"), reads.known("/f")) == (False, True, b"a")


def test_large_contents_are_known_by_digest_only_and_old_ones_are_forgotten() -> None:
    reads = ReadLog()
    reads.record("/large", b"x" * 2_000_000)
    assert (reads.known("/large"), reads.is_stale("/large", b"y")) == (None, True)
    for number in range(20):
        reads.record(f"/{number}", b"x" * 1_000_000)
    assert (reads.known("/0"), reads.known("/19")) == (None, b"x" * 1_000_000)
    assert reads.is_stale("/0", b"y")
    for number in range(2_100):
        reads.record(f"/small/{number}", b"")
    assert not reads.is_stale("/0", b"y")
