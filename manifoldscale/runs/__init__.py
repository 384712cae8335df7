"""What the commands do, from Python too: one module per kind of run.

A kind is a module of this room with

- a frozen dataclass of what is asked, and a function that does it and gives a result;
- the result, a `RunResult`, which is saved as results.json with its tables and figures;
- `SCHEMA`, the newest schema of that file, and `tell`, which makes of its content the
  parts that a page and the figures are drawn from;
- `load`, which makes the result of that content again.

Modules are light to import, so that a page is made of results.json without torch.
"""
