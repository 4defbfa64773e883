"""Lost data: steps that cannot be taken back."""

from collections.abc import Iterator

from millrace.flow.findings import Finding, System, check


@check("step-without-undo", weakness="lost data")
def step_without_undo(system: System) -> Iterator[Finding]:
    """A step of a saga has no undo, and does not say that it leaves nothing to undo.

    When a later step refuses, or this one fails after it has acted, what it did stays done. Name its undo, or say why
    there is nothing: SagaStep("check_address", nothing_to_undo="it only reads").
    """
    for node in system.graph.of("mediator"):
        for step in node.facts.get("steps", ()):
            if not step.get("undo") and not step.get("nothing_to_undo"):
                name = step["name"]
                yield Finding.at(
                    node,
                    f"The step {name} of {node.name} has no undo.",
                    f'Write SagaStep("{name}", undo="…"), or SagaStep("{name}", nothing_to_undo="why").',
                )
