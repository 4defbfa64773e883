"""Handlers' code: undeclared events, effects without a cause, imports that nothing provides."""

from collections.abc import Iterator

from millrace.flow.assembly import SourceLocation
from millrace.flow.causes import unnamed_causes
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node
from millrace.flow.imports import missing_modules
from millrace.flow.syntax import Creation, created_by


@check("undeclared-publish", weakness="fixed flows")
def undeclared_publish(system: System) -> Iterator[Finding]:
    """A handler creates an event that its signature does not declare.

    The signature defines permissions, rules, graph and map. Publishing an undeclared event fails at run time. A call of
    put_events bypasses the signature. Add the event to the return annotation, or return it from a handler that
    declares it.
    """
    for node in system.graph.functions:
        for creation in _undeclared(system, node):
            yield Finding(
                subject=node.id,
                message=f"{node.name} {_action(creation)}, but its signature declares {_names(node)}.",
                fix=f"Add the event to the return annotation at {node.location}, or remove the call.",
                locations=tuple(dict.fromkeys([creation.location, *node.locations])),
                resources=(node.resource.id,) if node.resource else (),
            )


@check("unnamed-cause", weakness="lost data")
def unnamed_cause(system: System) -> Iterator[Finding]:
    """A handler of a list does not name the event that causes an effect.

    A source can deliver a list again in another order and in other batches. Without a cause, an append can happen twice
    or never, and an event can be published under two ids, so such a handler fails at run time. Name one event of the
    list: update(…, cause=event), and caused_by(event) for each event that it returns.
    """
    for node in system.graph.functions:
        for found in unnamed_causes(system.root, str(node.facts.get("function", ""))):
            yield Finding(
                subject=node.id,
                message=f"{node.name} handles a list and {found.what} at {found.location} without a cause.",
                fix=f"Write {found.fix}, with an event of the list.",
                locations=tuple(dict.fromkeys([found.location, *node.locations])),
                resources=(node.resource.id,) if node.resource else (),
            )


@check("missing-dependency", weakness="upkeep")
def missing_dependency(system: System) -> Iterator[Finding]:
    """A function imports a module that Lambda will not find.

    The module is installed here, but neither the function's code nor its layers contain it, so each invocation fails
    with Runtime.ImportModuleError. Add the package to functions/requirements.txt, for all functions; or to
    requirements.txt in the function's folder, for this one. A project without functions/requirements.txt lists the
    packages in the dependencies of pyproject.toml.
    """
    for node in system.graph.functions:
        own = f"functions/{node.facts.get('function', '')}/requirements.txt"
        for found in missing_modules(system, node):
            yield Finding(
                subject=node.id,
                message=f"{node.name} imports {found.name} at {found.location}, and none of its layers contains it.",
                fix=f"Add its package to functions/requirements.txt, for all functions, or to {own}.",
                locations=(found.location,),
                resources=(node.resource.id,) if node.resource else (),
            )


def _undeclared(system: System, node: Node) -> Iterator[Creation]:
    known = {(n.event.__module__, n.event.__name__): n.id for n in system.graph.of("event") if n.event}
    declared = {*node.publishes, *node.appends} - set(node.awaits)  # a step does not create the answers it waits for
    seen: set[SourceLocation] = set()
    for creation in created_by(system.root, str(node.facts.get("function", ""))):
        name = known.get(creation.event) if creation.event else None
        if creation.location not in seen and (creation.event is None or (name and name not in declared)):
            seen.add(creation.location)
            yield creation


def _action(creation: Creation) -> str:
    return f"{f'creates {creation.event[1]}' if creation.event else 'calls put_events'} at {creation.location}"


def _names(node: Node) -> str:
    return ", ".join(name.partition(":")[2] for name in node.publishes) or "no events"
