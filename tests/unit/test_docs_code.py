"""The documentation names what exists: imports, keywords of calls, commands, options and make targets."""

import ast
import importlib
import inspect
import re
import shlex
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import typer

import millrace.constructs
import millrace.events
import millrace.local.cloud
import millrace.runtime
import millrace.testing.mocks
from millrace.cli.app import command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:millrace|make) [^`]+)`")
PACKAGES = (millrace.events, millrace.runtime, millrace.constructs, millrace.local.cloud, millrace.testing.mocks)
PROJECTS = ("millrace", "aws_cdk", "constructs", "aws_lambda_powertools", "pydantic", "boto3")
TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)
MAKEFILES = (ROOT / "Makefile", *(ROOT / "millrace" / "scaffold").rglob("Makefile*"))

per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@per_page
def test_python_blocks_are_valid_and_their_imports_exist(page):
    trees = [ast.parse(code) for code in blocks(page, "python")]
    imports = [each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(each) for each in imports if not is_importable(each)] == []


@per_page
def test_calls_in_python_blocks_use_parameters_that_exist(page):
    calls = [
        node for code in blocks(page, "python") for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)
    ]
    assert [ast.unparse(call) for call in calls if unknown_keywords(call)] == []


@per_page
def test_commands_in_console_blocks_parse(page):
    lines = [line for code in blocks(page, "console") for line in commands_of(code)]
    assert [problem for line in lines if (problem := problem_of(line))] == []


@per_page
def test_commands_in_the_text_name_what_exists(page):
    text = BLOCK.sub("", page.read_text())
    assert [span for span in SPAN.findall(text) if not names_what_exists(span)] == []


def test_unknown_parameter_command_and_option_are_found():
    call = ast.parse("Processor(self, 'A', bus=bus, function='a', enviroment={})").body[0].value
    assert unknown_keywords(call) == {"enviroment"}
    assert all(map(problem_of, ("millrace traec 1", "millrace check --jsn", "make runn")))
    assert not names_what_exists("millrace dlq purge --force")


def blocks(page, language):
    return [code for found, code in BLOCK.findall(page.read_text()) if found == language]


def is_importable(statement):
    """Whether an import of Millrace or of a package that it needs works. Other modules are the reader's own."""
    if isinstance(statement, ast.Import):
        return all(importlib.import_module(alias.name) for alias in statement.names)
    if statement.module.partition(".")[0] not in PROJECTS:
        return True
    module = importlib.import_module(statement.module)
    return all(hasattr(module, alias.name) or is_module(module, alias.name) for alias in statement.names)


def is_module(package, name):
    return isinstance(importlib.import_module(f"{package.__name__}.{name}"), ModuleType)


def unknown_keywords(call):
    """The keywords of a call that no public class or function of that name takes."""
    known = [signature for package in PACKAGES if (signature := signature_of(package, ast.unparse(call.func)))]
    keywords = {keyword.arg for keyword in call.keywords if keyword.arg}
    return min((keywords - set(signature) for signature in known if "**" not in signature), key=len, default=set())


@cache
def signature_of(package, name):
    found = getattr(package, name, None)
    if not callable(found) or not found.__module__.startswith("millrace.") or is_event(found):
        return None
    parameters = inspect.signature(found).parameters.values()
    return tuple("**" if each.kind is each.VAR_KEYWORD else each.name for each in parameters)


def is_event(found):
    return isinstance(found, type) and issubclass(found, millrace.events.Event)


def commands_of(code):
    """The commands of a console block, without their output. A backslash joins lines."""
    lines = code.replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines if line.startswith("$ ") for part in line[2:].split("&&")]
    return [part for part in parts if part.startswith(("millrace ", "make "))]


def problem_of(line):
    """What is wrong with a command line, or None."""
    program, *arguments = shlex.split(line, comments=True)
    if program == "make":
        return None if is_target(arguments) else f"{line}: no such target"
    try:
        parse(cli(), arguments)
    except typer.exceptions.TyperException as error:
        return f"{line}: {error.format_message()}"
    return None


def parse(found, arguments):
    context = found.make_context(found.name, list(arguments))
    if hasattr(found, "resolve_command"):
        _name, inner, rest = found.resolve_command(context, [*context._protected_args, *context.args])
        parse(inner, rest)


def names_what_exists(span):
    """Whether a command in the text, which may lack arguments, names a command and options that exist."""
    program, *arguments = shlex.split(span, comments=True)
    if program == "make":
        return is_target(arguments)
    found = cli()
    while hasattr(found, "commands") and arguments and not arguments[0].startswith("-"):
        found = found.commands.get(arguments.pop(0))
    return found is not None and options(arguments) <= {*options_of(found), "--help"}


def options(arguments):
    return {each.partition("=")[0] for each in arguments if each.startswith("--")}


def options_of(found):
    return {option for parameter in found.params for option in parameter.opts}


def is_target(arguments):
    wanted = [each for each in arguments if "=" not in each and not each.startswith("…")]
    return set(wanted) <= make_targets()


@cache
def make_targets():
    return {target for path in MAKEFILES for target in TARGET.findall(path.read_text())}


@cache
def cli():
    return command()
