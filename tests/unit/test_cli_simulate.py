"""`millrace simulate`: which options pytest gets, and what is printed."""

import json
from unittest.mock import MagicMock, Mock

import pytest

from millrace.cli import main
from millrace.testing.simulation.runs import Run


@pytest.fixture
def simulate(monkeypatch, capsys):
    """Run the command with a pytest that reports two runs. Returns its exit status, options and output."""

    def ran(*options, status=0):
        given = []

        def run(arguments, plugins):
            given.extend(arguments)
            register = Mock(side_effect=lambda plugin, _name: plugins.append(plugin))
            plugins[0].pytest_configure(MagicMock(**{"pluginmanager.register": register}))
            for seed in range(2):
                plugins[-1].ran("test_bank.py::test_a", Run(seed, "passed", faults=("doubled",)))
            return status

        monkeypatch.setattr(pytest, "main", run)
        return main(["simulate", *options]), given, capsys.readouterr()

    return ran


def test_a_seed_and_numbers_of_faults_are_replayed(simulate):
    assert "--replay=3:1,2" in simulate("--seed", "3:1,2")[1]


def test_a_time_becomes_seconds(simulate):
    assert "--seed-seconds=600" in simulate("--time", "10m")[1]


def test_a_time_without_a_unit_is_refused_with_an_example(simulate):
    status, given, printed = simulate("--time", "10")
    assert (status, given) == (2, [])
    assert "--time 10: write a duration as 90s, 10m or 1h." in printed.err


def test_json_has_the_runs_of_each_test_and_their_faults(simulate):
    status, _, printed = simulate("--json")
    found = json.loads(printed.out)
    assert (status, found["runs"], found["faults"]) == (0, {"test_bank.py::test_a": 2}, 2)
    assert found["seconds"] >= 0


def test_text_has_the_seeds_a_second(simulate):
    assert "2 seeds of 1 simulations passed, 2 faults, " in simulate()[2].out


def test_progress_passes_the_capture_of_pytest_and_json_has_none(simulate, monkeypatch):
    monkeypatch.setattr("millrace.cli.simulate._PROGRESS_SECONDS", 0)
    assert "test_bank.py::test_a: 2 seeds" in simulate()[2].err
    assert simulate("--json")[2].err == ""


def test_a_failing_simulation_exits_with_1_and_does_not_pass(simulate):
    status, _, printed = simulate(status=1)
    assert (status, "passed" in printed.out) == (1, False)


def test_the_error_of_a_test_file_that_cannot_be_imported_is_printed(tmp_path, capsys):
    (tmp_path / "test_broken.py").write_text("def broken(:")
    assert main(["simulate", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert ("SyntaxError: invalid syntax" in printed, "passed" in printed) == (True, False)


def test_no_simulation_is_an_error(simulate):
    status, _, printed = simulate(status=5)
    assert status == 2
    assert "No test here is decorated with @simulate." in printed.err
