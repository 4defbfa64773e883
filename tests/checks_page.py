"""Makes docs/checks.md from the checks and their broken twins: `python tests/checks_page.py`."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "checks.md"
sys.path[:0] = [str(TESTS.parent), str(TESTS / "flow")]

from twins import BROKEN, files_of  # noqa: E402 - found by the line above

from millrace.flow.checking import ALL_CHECKS  # noqa: E402
from millrace.flow.findings import Check  # noqa: E402

INTRODUCTION = """# Checks

`millrace check` reads the synthesised templates, the contracts and the handlers' syntax, and says what is wrong with
the flow of events before anything is deployed. Each synth runs the same checks: a finding stops `cdk synth`,
`cdk deploy` and `millrace synth`.

```console
$ millrace check                      # exit status 0: nothing; 1: findings; 2: wrong use
$ millrace check --json               # or --sarif, which code hosts show at the lines
$ millrace check --explain cycle
```

A finding that is to stand is acknowledged where it is, one at a time and with a reason; an acknowledgement that nothing
needs is itself a finding. Part of an app alone, as in a test of one construct, is synthesised without the checks by
the context `"millrace:check": "no"`.

```python
acknowledge(queue, "It is drained by hand, once a month.", "retries-outlive-retention")  # a construct
OrderShipped.acknowledge("The courier asks for it next year.", "unconsumed-event")  # an event
Processor(self, "Retry", bus=bus, function="retry", allow_cycle=allow_cycle(reason="…", max_hops=4))
```

This page is made by `python tests/checks_page.py`; each example is an app that the tests synthesise and check.
"""


def page() -> str:
    """The whole page."""
    table = [f"| [{known.id}](#{known.id}) | {known.weakness} | {known.title} |" for known in ALL_CHECKS]
    head = ["| check | guards against | |", "|---|---|---|", *table]
    return "\n".join([INTRODUCTION, *head, "", *(line for known in ALL_CHECKS for line in section(known))])


def section(known: Check) -> Iterator[str]:
    """One check: what it is about, and how an app that has it is mended."""
    yield from (f"## {known.id}", "", known.about, "")
    for file in sorted({*files_of(known.id, "bad"), *files_of(known.id, "mended")}):
        changed = difference(*(text_of(known.id, state, file) for state in ("bad", "mended")))
        if changed:
            yield from (f"`{file}`, mended:", "", "```diff", *changed, "```", "")


def difference(bad: str, mended: str) -> list[str]:
    """The lines to take out and to put in, with a few around them."""
    lines = difflib.unified_diff(bad.splitlines(), mended.splitlines(), n=3, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def text_of(check: str, state: str, file: str) -> str:
    """A file of a twin, which may be the base's."""
    return files_of(check, state).get(file, BROKEN / "base" / file).read_text()


if __name__ == "__main__":
    PAGE.write_text(page())
