"""`millrace rebuild`: a read model built anew beside the live one, compared with it, swapped, rolled back.

The projection's own function does it, with its own code and permissions: this drives it, and goes on where it was
interrupted.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.deployed import Deployed
from millrace.cli.project import ASSEMBLY, Project, WrongUse
from millrace.cli.replay import Window, archive_of, rules_of, run
from millrace.cli.target import Target, add_options
from millrace.flow.assembly import Resource

_LOOK_EVERY = 1.0
_EMPTY_LOOKS = 3
"""So often in a row a queue must look empty: what SQS tells of it is approximate."""
_WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
Answer = dict[str, Any]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `millrace`."""
    text = "build a read model anew beside the live one, from event stores and archive, and tell what differs"
    parser = commands.add_parser("rebuild", help=text, description=text)
    parser.add_argument("name", metavar="NAME", help="the folder of the projection's function")
    then = parser.add_mutually_exclusive_group()
    then.add_argument("--compare", action="store_true", help="build nothing: tell what differs between what is there")
    then.add_argument("--swap", action="store_true", help="let the side that was built be the live one")
    then.add_argument("--roll-back", action="store_true", help="let the side that was live before be so again")
    then.add_argument("--drop", action="store_true", help="keep the side that is not live no longer")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    add_options(parser, changes=True)
    parser.set_defaults(command=lambda chosen: rebuild(Project(Path.cwd(), ASSEMBLY), chosen))


def rebuild(project: Project, chosen: argparse.Namespace) -> int:
    """Do what is asked for. 1 if the two sides differ, 2 if there is nothing to compare or to swap."""
    target = Target.of(chosen)
    cloud = target.cloud(project, changes=not chosen.compare)
    projection = _Projection(Deployed(project, cloud), chosen.name)
    if not chosen.compare:
        target.confirm(project, cloud, f"{_action(chosen)} the read model {projection.name}")
    if chosen.swap or chosen.roll_back or chosen.drop:
        return _pointed(projection, chosen)
    if not chosen.compare:
        _build(projection)
    outcome = _compare(projection)
    if chosen.json:
        console.data(outcome)
    else:
        console.out(*_told(outcome))
    return 1 if outcome["different"] else 0


def _action(chosen: argparse.Namespace) -> str:
    if chosen.swap or chosen.roll_back:
        return "Swap in" if chosen.swap else "Roll back"
    return "Drop the side that is not live of" if chosen.drop else "Rebuild"


class _Projection:
    """A deployed projection, and its function."""

    def __init__(self, deployed: Deployed, name: str) -> None:
        self.deployed = deployed
        known = [each for each in deployed.assembly.of("Lambda::Function") if each.facts.get("kind") == "projection"]
        found = [each for each in known if each.facts["function"] == name]
        if len(found) != 1:
            names = ", ".join(sorted(str(each.facts["function"]) for each in known)) or "none"
            raise WrongUse(f"{len(found)} projections are called {name}. There are: {names}.")
        self.name = name
        self.function: Resource = found[0]

    def do(self, what: str, **more: Any) -> Answer:
        """Have the function do a part."""
        payload = json.dumps({"rebuild": {"do": what, **more}})
        client = self.deployed.cloud.client("lambda")
        answer = client.invoke(FunctionName=self.deployed.name(self.function), Payload=payload)
        told: Answer = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise WrongUse(f"{self.name} could not {what}: {told.get('errorMessage', told)}")
        return told

    def from_archive(self) -> list[str]:
        """The events that it takes and that no event store has."""
        stored = {
            name
            for each in self.deployed.assembly.of("Lambda::Function")
            if each.facts.get("kind") == "relay"
            for name in each.facts["declaration"]["publishes"]
        }
        return [name for name in self.function.facts["declaration"]["consumes"] if name not in stored]

    def waiting(self) -> int | None:
        """How many messages wait in its queue. None where its channel has none."""
        path = f"{self.function.facts['construct']}/Queue"
        for queue in self.deployed.assembly.of("SQS::Queue"):
            if queue.path == path:
                url = self.deployed.name(queue)
                told = self.deployed.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
                return sum(int(told["Attributes"].get(name, 0)) for name in _WAITING)
        return None


def _build(projection: _Projection) -> None:
    if projection.do("status")["other"] != "building":
        projection.do("begin")
        while not (told := projection.do("clear"))["done"]:
            console.say(f"  cleared  {told['cleared']} rows and marks")
    status = projection.do("status")
    console.say(f"» {projection.name}: building anew beside {status['live']}, which stays live")
    _read(projection)
    if names := projection.from_archive():
        _replay(projection, names)
        _read(projection)
    projection.do("finish")


def _read(projection: _Projection) -> None:
    while not (told := projection.do("read"))["done"]:
        console.say(f"  stores   {told['at']} of {told['of']} events")
        if not told["folded"]:
            time.sleep(_LOOK_EVERY)
    console.say(f"  stores   {told['at']} of {told['of']} events")


def _replay(projection: _Projection, names: list[str]) -> None:
    """Put the archive to the projection's own rules, and wait until it has handled everything."""
    deployed = projection.deployed
    archive = archive_of(deployed, None)
    rules = [r for r in rules_of(deployed, archive["EventSourceArn"].rpartition("/")[2]) if r.of == projection.name]
    console.say(f"  archive  for {', '.join(name.partition(':')[2] for name in names)}")
    end = datetime.fromtimestamp(deployed.cloud.now(), UTC) + timedelta(seconds=1)
    ended = run(
        deployed.cloud.client("events"), Window(archive, archive["CreationTime"], end, rules), deployed.cloud.now
    )
    if ended["State"] != "COMPLETED":
        raise WrongUse(f"the replay {ended['ReplayName']} ended as {ended['State']}: {ended.get('StateReason', '')}")
    empty = 0
    while empty < _EMPTY_LOOKS and (waiting := projection.waiting()) is not None:
        empty = 0 if waiting else empty + 1
        time.sleep(_LOOK_EVERY)


def _compare(projection: _Projection) -> Answer:
    """Every row of the live side against the other one, then those that only the other one has."""
    status, rows, different = projection.do("status"), 0, 0
    shown: list[Answer] = []
    for reverse in (False, True):
        for page in _pages(projection, reverse=reverse):
            rows += 0 if reverse else page["rows"]
            different += page["different"]
            shown += page["shown"]
    return {"projection": projection.name, **status, "rows": rows, "different": different, "shown": shown}


def _pages(projection: _Projection, *, reverse: bool) -> Iterator[Answer]:
    start = None
    while True:
        page = projection.do("compare", start=start, reverse=reverse)
        yield page
        start = page["next"]
        if start is None:
            return


def _pointed(projection: _Projection, chosen: argparse.Namespace) -> int:
    if chosen.swap:
        _read(projection)
    told = projection.do("drop" if chosen.drop else "swap")
    kept = "is kept beside it" if told["other"] == "built" else "is kept no longer"
    outcome = {"projection": projection.name, **told}
    if chosen.json:
        console.data(outcome)
    else:
        console.out(f"{projection.name}: {told['live']} is live, the other side {kept}")
    return 0


def _told(outcome: Answer) -> Iterator[str]:
    for row in outcome["shown"]:
        for name, (live, other) in row["fields"].items():
            yield f"{row['key']}  {name}: {live} → {other}"
    if outcome["different"] > len(outcome["shown"]):
        yield f"… and {outcome['different'] - len(outcome['shown'])} more"
    verdict = f"{outcome['different']} differ" if outcome["different"] else "none differs"
    yield f"{outcome['projection']}: {outcome['rows']} live rows, {verdict}. {outcome['live']} is live."
