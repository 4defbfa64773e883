"""Fixed flows: what the code says besides what its signature does."""

from collections.abc import Iterator

from millrace.flow.assembly import Place
from millrace.flow.causes import unnamed_causes
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node
from millrace.flow.syntax import Said, said_by


@check("undeclared-publish", weakness="fixed flows")
def undeclared_publish(system: System) -> Iterator[Finding]:
    """A handler makes an event that its signature does not declare.

    The signature is the wiring: what it leaves out has no permission, stands in no graph and on no map, and fails at
    run time. A call of put_events goes round all of it. Add the event to the return annotation, or return it from a
    handler that declares it.
    """
    for node in system.graph.functions:
        for said in _undeclared(system, node):
            yield Finding(
                subject=node.id,
                message=f"{node.name} {_told(said)}, and its signature declares {_names(node)}.",
                mend=f"Add it to the return annotation of {node.place}, or take it out.",
                places=tuple(dict.fromkeys([said.place, *node.places])),
                resources=(node.resource.id,) if node.resource else (),
            )


@check("unnamed-cause", weakness="lost data")
def unnamed_cause(system: System) -> Iterator[Finding]:
    """A handler of a list does not name the event that causes an effect.

    A source delivers a list again in another order and in other batches. Without its cause an append could happen
    twice or never, and an event could be published under two ids: such a handler fails at run time. Name one event of
    the list: update(…, cause=event), and caused_by(event) for each event that it returns.
    """
    for node in system.graph.functions:
        for found in unnamed_causes(system.root, str(node.facts.get("function", ""))):
            yield Finding(
                subject=node.id,
                message=f"{node.name} handles a list and {found.what} at {found.place} without a cause.",
                mend=f"Write {found.fix}, with an event of the list.",
                places=tuple(dict.fromkeys([found.place, *node.places])),
                resources=(node.resource.id,) if node.resource else (),
            )


def _undeclared(system: System, node: Node) -> Iterator[Said]:
    known = {(n.event.__module__, n.event.__name__): n.id for n in system.graph.of("event") if n.event}
    seen: set[Place] = set()
    for said in said_by(system.root, str(node.facts.get("function", ""))):
        name = known.get(said.event) if said.event else None
        if said.place not in seen and (said.event is None or (name and name not in _declared(node))):
            seen.add(said.place)
            yield said


def _declared(node: Node) -> set[str]:
    """What a function itself may say: not the answers that it waits for."""
    return {*node.publishes, *node.appends} - set(node.awaits)


def _told(said: Said) -> str:
    return f"makes {said.event[1]} at {said.place}" if said.event else f"calls put_events at {said.place}"


def _names(node: Node) -> str:
    return ", ".join(name.partition(":")[2] for name in node.publishes) or "nothing"
