"""Writes docs/fidelity.md from the tests: `python tests/fidelity.py`.

A test of a behaviour that copies AWS has the AWS page as the first line of its docstring. A second line starts with
`Differs:` or `Refused:`, and describes the difference. The test proves its row.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "fidelity.md"
HEAD = """# Fidelity

What the local cloud does as AWS does it, what differs, and what it refuses by name; each row is a test. Made from the
tests by `python tests/fidelity.py`.

"""
_AREA = re.compile(r"test_([a-z]+)")
_AREAS = {
    "apigateway": "API Gateway",
    "apigatewayv2": "API Gateway",
    "dynamodb": "DynamoDB",
    "eventbridge": "EventBridge",
    "s3": "S3",
    "sns": "SNS",
    "sqs": "SQS",
    "stepfunctions": "Step Functions",
    "access": "IAM",
    "functions": "Lambda",
    "sources": "Event source mappings",
    "queues": "SQS",
    "machines": "Step Functions",
    "cloudformation": "CloudFormation",
    "http": "API Gateway",
    "scheduler": "EventBridge Scheduler",
    "schemas": "Schema registry",
    "secrets": "Secrets Manager",
    "workers": "Lambda's runtime",
    "patterns": "Event patterns",
    "tables": "DynamoDB",
}


@dataclass(frozen=True)
class Row:
    """One behaviour."""

    area: str
    behaviour: str
    page: str
    likeness: str
    test: str


def rows() -> Iterator[Row]:
    """Every behaviour that a test of the local cloud holds."""
    for file in sorted(path for room in ("local", "patterns") for path in (ROOT / "tests" / room).rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                lines = [line.strip() for line in (ast.get_docstring(node) or "").splitlines() if line.strip()]
                if lines and lines[0].startswith("https://"):
                    yield _row(file, node.name, lines)


def _row(file: Path, name: str, lines: list[str]) -> Row:
    folder = file.parent.name
    found = _AREA.match(file.stem)
    by_file = folder in ("core", "lambda_", "local", "patterns")  # several subjects, named by their files
    subject = folder if not by_file else found[1] if found else file.stem
    area = _AREAS.get(subject, subject.capitalize())
    note = " ".join(lines[1:])
    likeness = note if note.startswith(("Differs:", "Refused:")) else "same"
    page = lines[0].removesuffix(".")
    behaviour = name.removeprefix("test_").replace("_", " ")
    return Row(area, behaviour, page, likeness.replace("|", "\\|"), f"{file.name}::{name}")


def text() -> str:
    """The whole page."""
    found = list(rows())
    parts = [HEAD]
    for area in sorted({row.area for row in found}):
        parts.append(f"## {area}\n\n| behaviour | AWS | like AWS | test |\n|---|---|---|---|\n")
        parts += [
            f"| {row.behaviour} | [page]({row.page}) | {row.likeness} | `{row.test}` |\n"
            for row in found
            if row.area == area
        ]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(text())
