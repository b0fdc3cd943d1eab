"""The numbers of py-mono beside a floor: ``python -m benchmarks``. Never a test; see ``docs/performance.md``."""
