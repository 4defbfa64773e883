"""`millrace up` in a process: plain boto3, saved files, commands, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

ROOT = Path(__file__).parents[2]
TIMEOUT = 60


class Up:
    """A process of `millrace up --strict` in a project's folder, and the lines of its standard error."""

    def __init__(self, project):
        self.project = project
        carrier = str(ROOT / "examples" / "carrier.py")
        command = [sys.executable, "-m", "millrace", "up", "--strict", "--port", "0", "--companion", carrier]
        self.process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_for(self, text):
        """Wait for a line that contains a text."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.lines_with(text), TIMEOUT), "".join(self.lines)

    def lines_with(self, text):
        """Return the lines that contain a text."""
        return [line for line in self.lines if text in line]

    def environment(self):
        """Wait until the cloud is up, and return the variables that it exports."""
        self.wait_for("Ctrl-C")
        exports = [line.split("export ", 1)[1].strip() for line in self.lines if "export " in line]
        return dict(export.split("=", 1) for export in exports)

    def client(self, service):
        given = self.environment()
        return boto3.client(
            service,
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )

    def millrace(self, *arguments):
        command = [sys.executable, "-m", "millrace", *arguments]
        return subprocess.run(command, cwd=self.project, capture_output=True, text=True, timeout=TIMEOUT, check=False)


@pytest.fixture(scope="module")
def up(assembly, tmp_path_factory):
    """`millrace up` in a copy of the shop and of its assembly, which is synthesised again after the first change."""
    project = tmp_path_factory.mktemp("project")
    for name in ("app.py", "cdk.json", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, project)
    for name in ("functions", "infra"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(assembly, project / ".millrace" / "cdk.out", symlinks=True)
    (project / ".millrace" / "layers").symlink_to(ROOT / ".millrace" / "layers")
    running = Up(project)
    yield running
    running.process.send_signal(signal.SIGINT)
    running.process.wait(TIMEOUT)


def put(up, name, **changed):
    """Publish a recorded event with plain boto3, with some of its data changed. Return its correlation id."""
    envelope = json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text())
    envelope["detail"]["data"] |= changed
    entry = {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": json.dumps(envelope["detail"]),
        "EventBusName": "shop",
    }
    assert up.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    return envelope["detail"]["metadata"]["correlation_id"]


def settle(up):
    """Wait until the local cloud of the other process has settled."""
    assert up.millrace("settle").returncode == 0


def test_plain_boto3_publishes_events_and_reads_results(up):
    put(up, "stock_delivered")
    settle(up)
    put(up, "place_order")
    settle(up)
    machines = up.client("stepfunctions")
    machine = machines.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    (execution,) = machines.list_executions(stateMachineArn=machine)["executions"]
    history = machines.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert execution["status"] == "SUCCEEDED"
    assert history[-1]["type"] == "ExecutionSucceeded"
    tables = up.client("dynamodb")
    points = next(name for name in tables.list_tables()["TableNames"] if "points" in name.lower())
    assert tables.scan(TableName=points)["Count"] >= 1


def test_strict_local_cloud_accepts_only_the_printed_key(up):
    given = up.environment()
    dummy = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("events", endpoint_url=given["AWS_ENDPOINT_URL"], region_name="us-east-1", **dummy)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client.list_event_buses()
    assert up.client("events").list_event_buses()["EventBuses"]
    assert (up.project / ".millrace" / "up.json").stat().st_mode & 0o777 == 0o600
    assert len(up.lines_with(given["AWS_SECRET_ACCESS_KEY"])) == 1


def test_saved_handler_handles_the_next_event(up):
    up.wait_for("Saved changes are deployed")
    handler = up.project / "functions" / "award_points" / "handler.py"
    was = handler.read_text()
    assert "return PointsAwarded(" in was
    handler.write_text(
        was.replace("return PointsAwarded(", 'raise RuntimeError("no more points")\n    return PointsAwarded(', 1)
    )
    up.wait_for("award_points: new code after")
    correlation_id = put(up, "order_completed", order_id="order-1002")  # points are awarded once for each order
    settle(up)
    assert "no more points" in up.millrace("trace", correlation_id).stdout
    up.wait_for("deployed after")


def test_put_validates_the_event_against_its_contract(up):
    refused = up.millrace("put", "OrderCompleted", "--data", '{"order_id": 1}')
    assert refused.returncode == 2
    assert "OrderCompleted.order_id = 1: Input should be a valid string" in refused.stderr


def test_explain_prints_matching_rules_and_failing_clauses(up):
    up.environment()
    explained = up.millrace("explain", str(ROOT / "tests" / "events" / "order_completed.json"))
    assert explained.returncode == 0, explained.stderr
    assert "✓ Shop-LoyaltyAwardPoints" in explained.stdout
    assert "detail-type: wanted" in explained.stdout


def test_trace_prints_what_an_event_of_put_caused(up):
    up.environment()
    done = up.millrace(
        "put", "StockDelivered", "--data", "@" + str(ROOT / "tests" / "events" / "stock_delivered.json"), "--json"
    )
    correlation_id = json.loads(done.stdout)["correlation_id"]
    settle(up)
    assert "shelve_stock" in up.millrace("trace", correlation_id).stdout


def test_ctrl_c_ends_all_processes(up):
    up.environment()
    mine = {int(line.split()[0]) for line in processes_below(up.process.pid)}
    assert mine
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.process.wait(TIMEOUT) == 0
    alive = {
        int(line.split()[0])
        for line in subprocess.check_output(["ps", "-eo", "pid=,stat="], text=True).splitlines()
        if " Z" not in line
    }
    assert not mine & alive


def processes_below(pid):
    """All descendants of a process, as lines of ps."""
    lines = subprocess.check_output(["ps", "-eo", "pid=,ppid="], text=True).splitlines()
    found, parents = [], {pid}
    while parents:
        below = [line for line in lines if int(line.split()[1]) in parents]
        found += below
        parents = {int(line.split()[0]) for line in below}
    return found
