PYTHON ?= .venv/bin/python

.PHONY: check test slow bench
check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
test:
	$(PYTHON) -m pytest
slow:
	$(PYTHON) -m pytest -m slow
bench:
	$(PYTHON) benchmarks/packs.py
	$(PYTHON) benchmarks/extraction.py --quick
	$(PYTHON) benchmarks/accuracy.py
	$(PYTHON) benchmarks/speed.py --quick
	$(PYTHON) benchmarks/topology.py
