"""What the result of any run can do: be shown, drawn, tabulated and saved."""

import functools as ft
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.errors import one_of
from ..core.latex import latex_table
from ..core.result import write_csv
from ..core.serialize import dumps, write_text
from ..core.style import drawing
from .record import FILE, Record, kinds, read_record, save_pages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


LONGEST = 100  # rows of a table for a paper


class RunResult:
    """The result of a run. A concrete one is a frozen dataclass that gives `to_dict`, the
    content of results.json; `tables`; and the lines of `headlines`.
    """

    kind: ClassVar[str]
    figures_in: ClassVar[str] = "figures"  # the folder, within that of the run

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def tables(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The rows of each table by its name, the one that says most in front."""
        raise NotImplementedError

    def headlines(self) -> Sequence[str]:
        """What was found, a line each."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(self.headlines())

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.headlines())
        return f"<ul>{lines}</ul>"

    @ft.cached_property
    def record(self) -> Record:
        """The content of results.json, of which page, figures and file are made: once."""
        return Record.of(self)

    def page(self, path: str | Path) -> Path:
        """Write the self-contained page."""
        save_pages([self.record], path)
        return Path(path)

    @drawing
    def plot(self, ax: "Axes", figure: str | None = None) -> None:
        """One of its figures, by default the first; `figures()` lists them."""
        from ..report.static import draw

        drawn = self.record.section.figures
        if figure is not None:
            one_of("figure", figure, drawn)
        draw(drawn[next(iter(drawn)) if figure is None else figure], ax)

    def figures(self) -> list[str]:
        """The names of its figures."""
        return list(self.record.section.figures)

    def save_figures(self, folder: str | Path) -> list[Path]:
        """Write every figure as PNG and PDF."""
        from ..report.static import save_figures

        return save_figures(self.record.section, folder, self.kind)

    def _rows(self, table: str | None) -> Sequence[Mapping[str, Any]]:
        tables = self.tables()
        if table is not None:
            one_of("table", table, tables)
        return tables[next(iter(tables)) if table is None else table]

    def to_frame(self, table: str | None = None) -> "pd.DataFrame":
        """One of its tables, by default the first; `tables()` has them by name."""
        import pandas as pd

        return pd.DataFrame(self._rows(table))

    def to_latex(
        self, columns: Sequence[str] | None = None, table: str | None = None
    ) -> str:
        """One of its tables for a paper; `columns` chooses some, by name."""
        return latex_table(self._rows(table), columns)

    def to_csv(self, path: str | Path) -> None:
        """The first of its tables, as a file."""
        write_csv(Path(path), next(iter(self.tables().values())))

    def to_json(self, path: str | Path | None = None) -> str:
        """Everything, as in results.json."""
        text = dumps(self.record.content)
        if path is not None:
            write_text(Path(path), text)
        return text

    def save(self, folder: str | Path) -> Path:
        """Write results.json, its tables as CSV and LaTeX, its figures and the page into
        a folder.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.to_json(folder / FILE)
        for name, rows in self.tables().items():
            write_csv(folder / f"{name}.csv", rows)
            if len(rows) <= LONGEST:
                write_text(folder / f"{name}.tex", latex_table(rows) + "\n")
        self.save_figures(folder / self.figures_in)
        self.page(folder / "report.html")
        return folder


def load(path: str | Path) -> RunResult:
    """The result of a run of any kind, from its folder or its results file.

    The fits, curves, dimensions and measurements are the objects that the run gave; what
    can be computed from the others is computed again.

    Raises
    ------
    ManifoldScaleError : there is no such file; it is damaged; or an earlier version wrote
        it, whose results a page can show, but which kept less: run the command again.
    """
    record = read_record(path)
    with record.whole():
        result: RunResult = kinds()[record.kind].load(record.content)
        return result
