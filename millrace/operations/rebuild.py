"""Rebuild a read model next to the live one, compare the two, swap them, roll back.

The projection's own function does the work, with its own code and permissions. After an interruption, a rebuild
continues where it stopped.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from millrace.flow.assembly import Resource
from millrace.operations import UsageError
from millrace.operations.deployed import DeployedStacks
from millrace.operations.replay import Report, Window, archive_of, replay, rules_of

_POLL_SECONDS = 1.0
_EMPTY_POLLS = 3
"""How often in a row a queue must be empty: SQS's counts are approximate."""
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
Answer = dict[str, Any]


class ReadModel:
    """A deployed projection with its live and its candidate table."""

    def __init__(self, deployed: DeployedStacks, name: str, report: Report) -> None:
        self._deployed = deployed
        self._report = report
        known = deployed.of_kind("projection", "Lambda::Function")
        found = [each for each in known if each.facts["function"] == name]
        if len(found) != 1:
            names = ", ".join(sorted(str(each.facts["function"]) for each in known)) or "none"
            count = len(found) or "No"
            raise UsageError(f"{count} projections are called {name}. There are: {names}.")
        self.name = name
        self._function: Resource = found[0]

    def build(self) -> None:
        """Rebuild the candidate table from event stores and archive."""
        if self._call("status")["candidate"] != "building":
            self._call("begin")
            while not (progress := self._call("clear"))["done"]:
                self._report(f"  cleared  {progress['cleared']} rows and marks")
        live = self._call("status")["live"]
        self._report(f"» {self.name}: building a new table; {live} stays live")
        self._read_stores()
        if names := self._archived_events():
            self._replay(names)
            self._read_stores()
        self._call("finish")

    def compare(self) -> Answer:
        """Compare every row of the live table with the candidate, then find rows that only the candidate has."""
        status, rows, different = self._call("status"), 0, 0
        shown: list[Answer] = []
        for reverse in (False, True):
            for page in self._pages(reverse=reverse):
                rows += 0 if reverse else page["rows"]
                different += page["different"]
                shown += page["shown"]
        return {"projection": self.name, **status, "rows": rows, "different": different, "shown": shown}

    def swap(self) -> Answer:
        """Make the candidate live, once it has read the newest events."""
        self._read_stores()
        return self._status_after("swap")

    def roll_back(self) -> Answer:
        """Make the previous table live again."""
        return self._status_after("swap")

    def drop(self) -> Answer:
        """Delete the table that is not live."""
        return self._status_after("drop")

    def _status_after(self, action: str) -> Answer:
        return {"projection": self.name, **self._call(action)}

    def _call(self, action: str, **more: Any) -> Answer:
        payload = json.dumps({"rebuild": {"do": action, **more}})
        client = self._deployed.cloud.client("lambda")
        response = client.invoke(FunctionName=self._deployed.name(self._function), Payload=payload)
        answer: Answer = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise UsageError(f"{self.name} could not {action}: {answer.get('errorMessage', answer)}")
        return answer

    def _pages(self, *, reverse: bool) -> Iterator[Answer]:
        start = None
        while True:
            page = self._call("compare", start=start, reverse=reverse)
            yield page
            start = page["next"]
            if start is None:
                return

    def _read_stores(self) -> None:
        while not (progress := self._call("read"))["done"]:
            self._report(f"  stores   {progress['at']} of {progress['of']} events")
            if not progress["folded"]:
                time.sleep(_POLL_SECONDS)
        self._report(f"  stores   {progress['at']} of {progress['of']} events")

    def _archived_events(self) -> list[str]:
        """The events that the projection consumes and that no event store holds."""
        relays = self._deployed.of_kind("relay", "Lambda::Function")
        stored = {name for each in relays for name in each.facts["declaration"]["publishes"]}
        return [name for name in self._function.facts["declaration"]["consumes"] if name not in stored]

    def _replay(self, names: list[str]) -> None:
        """Replay the archive to the projection's own rules, and wait until it has handled all events."""
        archive = archive_of(self._deployed, None)
        rules = rules_of(self._deployed, archive["EventSourceArn"].rpartition("/")[2])
        own = [rule for rule in rules if rule.consumer == self.name]
        self._report(f"  archive  for {', '.join(name.partition(':')[2] for name in names)}")
        end = datetime.fromtimestamp(self._deployed.cloud.now(), UTC) + timedelta(seconds=1)
        window = Window(archive, archive["CreationTime"], end, own)
        ended = replay(self._deployed.cloud, window, self._report)
        if ended["State"] != "COMPLETED":
            reason = ended.get("StateReason", "")
            raise UsageError(f"The replay {ended['ReplayName']} ended as {ended['State']}: {reason}")
        empty = 0
        while empty < _EMPTY_POLLS and (count := self._queued()) is not None:
            empty = 0 if count else empty + 1
            time.sleep(_POLL_SECONDS)

    def _queued(self) -> int | None:
        """How many messages the projection's queue holds. None if its channel has no queue."""
        path = f"{self._function.facts['construct']}/Queue"
        for queue in self._deployed.assembly.of("SQS::Queue"):
            if queue.path == path:
                url = self._deployed.name(queue)
                sqs = self._deployed.cloud.client("sqs")
                counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
                return sum(int(counts.get(name, 0)) for name in _COUNTS)
        return None
