"""Generates docs/checks.md from the checks and their broken apps: `python tests/checks_page.py`."""

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

`millrace check` reads the synthesised templates, the contracts and the syntax of the handlers. It reports weaknesses
in the flow of events before you deploy. Each synth runs the same checks: a finding stops `cdk synth`, `cdk deploy` and
`millrace synth`.

```console
$ millrace check
$ millrace check --explain cycle
```

| option | effect |
|---|---|
| `--json` | prints the findings as JSON |
| `--sarif` | prints SARIF 2.1.0, which code hosts show at the source lines |
| `--explain ID` | describes one check |

The exit status is 0 without findings, 1 with findings and 2 after invalid arguments.

## Acknowledge a finding

If you accept a finding, acknowledge it at its construct or event, with a reason. An acknowledgement without a finding
is itself a finding.

```python
acknowledge(queue, "An operator empties it once a month.", "retries-outlive-retention")  # a construct
OrderShipped.acknowledge("The courier reads it from next year on.", "unconsumed-event")  # an event
Processor(self, "Retry", bus=bus, function="retry", allow_cycle=allow_cycle(reason="…", max_hops=4))
```

## Limits

The checks read templates, contracts and syntax. They do not run handlers and do not see resources outside the app. To
synthesise a part of an app, such as a single construct in a test, disable the checks with the context
`"millrace:check": "no"`.

`python tests/checks_page.py` generates this page. The tests synthesise and check each example.

## All checks
"""


def page() -> str:
    """The whole page."""
    table = [f"| [{known.id}](#{known.id}) | {known.weakness} | {known.title} |" for known in ALL_CHECKS]
    head = ["| check | guards against | |", "|---|---|---|", *table]
    return "\n".join([INTRODUCTION, *head, "", *(line for known in ALL_CHECKS for line in section(known))])


def section(known: Check) -> Iterator[str]:
    """One check: its description, and the difference between its broken and its fixed app."""
    yield from (f"## {known.id}", "", known.about, "")
    for file in sorted({*files_of(known.id, "bad"), *files_of(known.id, "fixed")}):
        changed = difference(*(text_of(known.id, state, file) for state in ("bad", "fixed")))
        if changed:
            yield from (f"To fix it, in `{file}`:", "", "```diff", *changed, "```", "")


def difference(bad: str, fixed: str) -> list[str]:
    """The removed and added lines, with three lines of context."""
    lines = difflib.unified_diff(bad.splitlines(), fixed.splitlines(), n=3, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def text_of(check: str, state: str, file: str) -> str:
    """The text of a file of an app."""
    return files_of(check, state).get(file, BROKEN / "base" / file).read_text()


if __name__ == "__main__":
    PAGE.write_text(page())
