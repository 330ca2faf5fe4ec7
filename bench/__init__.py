"""One script per claim: `python -m bench.NAME --json` measures it and prints one JSON object as its last line."""
