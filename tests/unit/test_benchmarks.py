"""The benchmark's own reckoning; what it measures is not tested here."""

import subprocess
import sys

import pytest

from benchmarks import streams
from benchmarks.bars import evaluate
from benchmarks.comparison import Results
from benchmarks.plan import QUICK
from benchmarks.processes import end, tree
from benchmarks.records import Records, UnfinishedError
from benchmarks.report import as_json, as_text, surroundings
from benchmarks.subjects import subjects

PARENT = """
import subprocess
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def results(**figures):
    """One line's figures by subject."""
    found = Results()
    for key, by_subject in figures.items():
        for name, values in by_subject.items():
            found.figures[key][name.replace("_", "-")] += values
    return found


def evaluated(key, **by_subject):
    return {each.line.key: each for each in evaluate(results(**{key: by_subject}))}[key]


def test_latency_is_held_to_half_of_the_better_peer():
    assert evaluated("latency", Millrace=[2.0, 9.0, 1.0], MiniStack=[8.0], serverless_offline=[4.0]).holds
    assert not evaluated("latency", Millrace=[2.1], MiniStack=[8.0], serverless_offline=[4.0]).holds


def test_throughput_is_better_when_it_is_higher():
    line = evaluated("throughput", Millrace=[1500], MiniStack=[200], serverless_offline=[1000], floor=[3000])
    assert (line.holds, line.to_peer, line.to_floor) == (True, 1.5, 0.5)


def test_a_bar_without_a_peer_is_left_open():
    assert evaluated("chain", Millrace=[10.0], serverless_offline=[20.0]).holds is None


def test_growth_is_each_subjects_own():
    found = results(rules_1={"Millrace": [1.0], "MiniStack": [4.0]}, rules_1000={"Millrace": [2.5], "MiniStack": [4.4]})
    growth = {each.line.key: each for each in evaluate(found)}["rules_growth"]
    assert (growth.medians["Millrace"], growth.holds) == (2.5, False)


def test_the_table_says_what_is_missing():
    found = results(machine={"Millrace": [10.0]})
    found.reasons["machine"]["serverless-offline"] = "runs no state machines"
    found.left_out["MiniStack"] = "there is no network"
    text = as_text(evaluate(found), found, surroundings(QUICK), [subject.name for subject in subjects()])
    assert "serverless-offline, state machine of three tasks: runs no state machines" in text
    assert "MiniStack: left out, there is no network" in text


def test_the_json_holds_every_run():
    found = results(latency={"Millrace": [1.0, 3.0]})
    line = as_json(evaluate(found), found, surroundings(QUICK))["lines"]["latency"]
    assert (line["medians"], line["runs"]) == ({"Millrace": 2.0}, {"Millrace": [1.0, 3.0]})


def test_records_are_read_as_they_grow(tmp_path):
    records = Records(tmp_path / "record")
    with records.path.open("a") as file:
        file.write("sink a 1000000000\nsink b 20")
    with pytest.raises(UnfinishedError, match="1 of 2"):
        records.wait("sink", ["a", "b"], 0)
    with records.path.open("a") as file:
        file.write("00000000\n")
    assert records.wait("sink", ["b", "a"], 0) == [2.0, 1.0]


def test_a_process_ends_with_what_it_has_started():
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    child = int(process.stdout.readline())
    assert {each.pid for each in tree(process.pid)} == {process.pid, child}
    end(process)
    process.stdout.close()
    assert not tree(child)


def test_stream_benchmark_computes_the_windows_of_duckdb(capsys):
    streams.main(["--readings", "3000"])
    assert "20 windows equal those of DuckDB: yes" in capsys.readouterr().out
