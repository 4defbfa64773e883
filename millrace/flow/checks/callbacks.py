"""Lost data: answers that cannot come."""

from collections.abc import Iterator

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node


@check("unanswerable-callback", weakness="lost data")
def unanswerable_callback(system: System) -> Iterator[Finding]:
    """A step waits for an answer from outside that nobody can give.

    No Api of its bus has a door for it, or what it waits for is no event of a system outside: each flow stands still
    until its time is over, and fails then. Make an Api of the bus, after the mediator, and declare the answers with
    external=True.
    """
    for node in system.graph.of("step"):
        if node.awaits and not system.graph.into(node.id, "answers"):
            yield Finding.at(
                node,
                f"{node.name} waits for {_or(node.awaits)}, and no Api has a door for that.",
                "Make an Api of its bus, after the mediator: it has one, POST /callbacks/{id}.",
            )
        for name in node.awaits:
            yield from _inside(node, system.graph[name])


def _inside(step: Node, answer: Node) -> Iterator[Finding]:
    if answer.event and not answer.event.contract.external:
        yield Finding.at(
            step,
            f"{step.name} waits for {answer.name}, which is no event of a system outside.",
            f"Write external=True in the class of {answer.name}, with a source of its own.",
        )


def _or(names: list[str]) -> str:
    return " or ".join(name.partition(":")[2] for name in names)
