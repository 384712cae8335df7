PYTHON ?= .venv/bin/python

.PHONY: check test slow bench docs notebooks
check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
test:
	$(PYTHON) -m pytest
slow: # all of them: an hour or two on two cores
	$(PYTHON) -m pytest -m slow --dist load
bench:
	$(PYTHON) benchmarks/packs.py
	$(PYTHON) benchmarks/extraction.py --quick
	$(PYTHON) benchmarks/families.py
	$(PYTHON) benchmarks/accuracy.py
	$(PYTHON) benchmarks/speed.py --quick
	$(PYTHON) benchmarks/topology.py
docs: # pip install -c constraints.txt ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
notebooks:
	$(PYTHON) docs/site/notebooks.py notebooks
