"""The commands, as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from manifoldscale import __version__
from manifoldscale.cli.main import main
from manifoldscale.core.interval import number


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("cli_net.py").write_text(
        "from torch import nn\n"
        "def net(): return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))\n"
    )
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((600, 2)) @ rng.standard_normal((2, 5)))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_help_lists_every_command() -> None:
    found = call("--help")
    assert found.exit_code == 0
    for name in ("study", "probe", "sites", "datasets"):
        assert name in found.output
        assert call(name, "--help").exit_code == 0
    assert __version__ in call("--version").output


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "manifoldscale", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"manifoldscale, version {__version__}\n"


def test_datasets() -> None:
    found = call("datasets")
    assert found.exit_code == 0 and "mnist5k" in found.output
    assert "source of the dimension" in found.output
    cards = json.loads(call("datasets", "--json").stdout)
    assert cards["digits"]["points"] == 1797
    assert "published: eta 0.1212, E 1.508" in found.output
    path = cards["hoiem-cifar100"]["path"]
    assert path in found.output
    assert "test_errors as loss" in call("fit", path).output


def test_sites(here: Path) -> None:
    found = call("sites", "py:cli_net:net", "x.npy")
    assert found.exit_code == 0 and "Linear" in found.output
    rows = json.loads(call("sites", "py:cli_net:net", "x.npy", "--json").stdout)
    assert [row["site"] for row in rows] == ["@input", "0", "1", "2"]
    assert json.loads(call("sites", "py:cli_net:net", "--json").stdout) == rows


def test_probe(here: Path) -> None:
    arguments = ["probe", "py:cli_net:net", "x.npy", "--csv", "out.csv"]
    found = call(*arguments, "--sites", "@input")
    assert found.exit_code == 0 and "curvature x R" in found.stdout
    assert max(len(line) for line in found.stdout.splitlines()) <= 80
    assert Path("out.csv").read_text().startswith("site,features,dimension")
    rows = json.loads(call(*arguments, "--json", "--sites", "@input").stdout)
    row = rows["@input"]
    assert row["low"] < 2 < row["high"] and row["n_points"] == 600
    # A normal cloud in a plane: what bends is below what the noise of the fit hides.
    assert row["kappa_extent_low"] == 0 and row["kappa_rms"] < 1e-3
    flat = ["--no-curvature", "--json", "--points", "300"]
    fewer = json.loads(call(*arguments, *flat).stdout)
    assert "kappa_rms" not in fewer["0"]
    assert fewer["0"]["n_points"] == 300


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_probe_without_any_estimate_fails(here: Path, more: tuple[str, ...]) -> None:
    x = np.load("x.npy")
    x[3] = np.nan
    np.save("holes.npy", x)
    found = call("probe", "py:cli_net:net", "holes.npy", *more)
    assert found.exit_code == 1 and "no site has an estimate" in found.stderr


def test_probe_keeps_a_run_and_resumes_it(here: Path) -> None:
    arguments = ["probe", "py:cli_net:net", "x.npy", "--sites", "@penultimate"]
    Path("cli_net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def net():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))\n"
    )
    sys.modules.pop("cli_net", None)
    part = call(*arguments, "--out", "run", "--shard", "0/2")
    assert part.exit_code == 0 and "part 0 of 2" in part.stderr
    done = call(*arguments, "--out", "run", "--json")
    plain = call(*arguments, "--json")
    assert json.loads(done.stdout) == json.loads(plain.stdout)
    assert json.loads(Path("run/results.json").read_text())["networks"]["network"]
    assert Path("run/report.html").stat().st_size > 1e6
    assert Path("run/figures/dimension.png").is_file()
    other = call(*arguments, "--out", "run", "--seed", "1", "--points", "300")
    assert other.exit_code == 1 and "was begun differently" in other.stderr


def test_probe_along_training_and_at_initialisation(here: Path) -> None:
    import torch
    from torch import nn

    for step in (1, 2):
        torch.manual_seed(step)
        net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
        torch.save(net.state_dict(), f"step{step}.pt")
    found = call(
        *["probe", "py:cli_net:net", "x.npy", "--sites", "1", "--at-init", "--json"],
        *["--along-training", "step1.pt", "--along-training", "step2.pt"],
        *["--csv", "all.csv", "--no-curvature"],
    )
    assert found.exit_code == 0, found.output
    names = ["initialisation", "step 1", "step 2"]
    assert list(json.loads(found.stdout)) == names
    assert Path("all.csv").read_text().startswith("network,site,features")


def test_study_quick_and_again(here: Path) -> None:
    found = call("study", "digits", "--quick", "--out", "results")
    assert found.exit_code == 0, found.output
    for text in (
        "alpha_D =",
        "95 % interval",
        "hidden3",
        "r = alpha_D d / 4",
        "report.html",
    ):
        assert text in found.stdout
    assert max(len(line) for line in found.stdout.splitlines()) <= 80
    assert Path("results/report.html").stat().st_size > 1e6
    again = json.loads(
        call("study", "digits", "--quick", "--out", "results", "--json").stdout
    )
    assert again["provenance"]["task"] == "digits"
    law = again["alpha_D"]
    low, high = law["floor_interval"]["low"], law["floor_interval"]["high"]
    ends = f"[{number(low)}, {number(high)}]"
    assert low <= law["floor"] <= high and low < high
    assert f"floor {number(law['floor'])} {ends}, fitted" in found.stdout
    probed = call(
        "probe", "results/probe.safetensors", "digits", "--json", "--no-curvature"
    )
    for site, row in json.loads(probed.stdout).items():
        known = next(s for s in again["sites"] if s["site"] == site)["readings"][0]["value"]
        assert row["dimension"] == pytest.approx(known, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["study", "cifar"], 1, "no data set 'cifar'; did you mean"),
        (["study", "--teacher", "0"], 2, "--teacher"),
        (["probe", "nothing.pt", "digits"], 1, "neither a file nor"),
        (["probe", "py:cli_net:net", "nothing"], 1, "no data set 'nothing'"),
        (["probe", "py:cli_net:net", "x.npy", "--sites", "9"], 1, "No site matches '9'"),
        (["probe", "py:cli_net:net"], 2, "Missing argument 'DATA'"),
        (["sites", "py:cli_net:nett", "x.npy"], 1, "did you mean 'net'"),
        (["probe", "py:cli_net:net", "x.npy", "--csv", "no/x.csv"], 2, "folder"),
        (["probe", "py:cli_net:net", "x.npy", "--shuffled-labels"], 1, "--against FILE"),
        (["probe", "py:cli_net:net", "digits"], 1, "does not accept inputs of shape"),
        (["probe", "py:cli_net:net", "x.npy", "--shard", "0/2"], 2, "needs --out"),
        (["probe", "py:cli_net:net", "x.npy", "--shard", "2"], 2, "of the form i/n"),
        (["probe", "py:cli_net:net", "x.npy", "--policy", "cls"], 1, "needs tokens"),
        (["unknown"], 2, "No such command"),
    ],
)
def test_exit_codes(here: Path, arguments: list[str], code: int, message: str) -> None:
    found = call(*arguments)
    assert found.exit_code == code
    assert message in found.stderr and "Traceback" not in found.output
