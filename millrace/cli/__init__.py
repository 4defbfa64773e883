"""The `millrace` command."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import millrace
from millrace.cli import apis, checks, console, contracts, costs, dlq, drawing, flows, rebuild, replay, rules, tail, up
from millrace.cli.project import ASSEMBLY, Project, WrongUse
from millrace.cli.target import Target, add_options, explained
from millrace.flow.compat import Direction
from millrace.flow.cost import Assumptions

PORT = 4566


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: of the process, unless `arguments` are given.

    Returns its exit status: 0, 1 for what went wrong, 2 for wrong use, 130 after Ctrl-C.
    """
    if arguments is None:
        console.guard_process()
    chosen = _parser().parse_args(arguments)
    sys.path.insert(0, str(Path.cwd()))  # the project's own `functions` are imported from where it is run
    try:
        return int(chosen.command(chosen))
    except WrongUse as error:
        console.fail(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        line = explained(error)
        if line is None:
            raise
        console.fail(line)
        return 1


def _parser() -> argparse.ArgumentParser:
    text = "Event-driven systems on AWS, tried out locally."
    parser: argparse.ArgumentParser = console.Parser(prog="millrace", description=text)
    parser.add_argument("--version", action="version", version=millrace.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_up(commands)
    _add_run(commands)
    _add_put(commands)
    _add_trace(commands)
    _add_explain(commands)
    dlq.add(commands)
    replay.add(commands)
    rebuild.add(commands)
    tail.add(commands)
    _add_settle(commands)
    _add_down(commands)
    _add_synth(commands)
    _add_compat(commands)
    _add_schema(commands)
    _add_asyncapi(commands)
    _add_openapi(commands)
    _add_map(commands)
    _add_check(commands)
    _add_cost(commands)
    return parser


def _add_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "start the local cloud, deploy the stack, and redeploy on every saved change"
    parser = commands.add_parser("up", help=text, description=text)
    parser.add_argument("--port", type=int, default=PORT, help=f"the loopback port of the endpoint (default {PORT})")
    _add_beside(parser)
    allow = "let web pages of this origin call the local cloud, as http://localhost:5173; may be repeated"
    parser.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help=allow)
    parser.set_defaults(
        command=lambda chosen: up.up(
            Project(Path.cwd(), ASSEMBLY),
            port=chosen.port,
            beside=chosen.beside,
            allowed_origins=chosen.allow_origin,
        )
    )


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "put recorded events onto a fresh local cloud, one after the other, and print what each of them caused"
    parser = commands.add_parser("run", help=text, description=text)
    parser.add_argument("files", nargs="+", type=Path, metavar="EVENT.json", help="a recorded EventBridge envelope")
    parser.add_argument("--json", action="store_true", help="print the causation trees as JSON")
    _add_beside(parser)
    parser.set_defaults(
        command=lambda chosen: up.run(
            Project(Path.cwd(), ASSEMBLY), chosen.files, machine=chosen.json, beside=chosen.beside
        )
    )


def _add_beside(parser: argparse.ArgumentParser) -> None:
    text = "a Python program that plays a system outside; it is ready with its first line of output"
    parser.add_argument("--beside", type=Path, metavar="FILE.py", help=text)


def _add_put(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "check an event against its contract and put it onto the bus, of the local cloud or with --aws on AWS"
    parser = commands.add_parser("put", help=text, description=text)
    parser.add_argument("event", metavar="EVENT", help="its class name, as PlaceOrder")
    parser.add_argument("--data", required=True, help="its data as JSON, or @FILE; a recorded envelope will do")
    parser.add_argument("--bus", help="the name of the bus (default: the stack's own)")
    parser.add_argument("--json", action="store_true", help="print the event's metadata as JSON")
    add_options(parser, changes=True)
    parser.set_defaults(
        command=lambda chosen: flows.put(
            Project(Path.cwd(), ASSEMBLY),
            chosen.event,
            chosen.data,
            bus=chosen.bus,
            machine=chosen.json,
            target=Target.of(chosen),
        )
    )


def _add_trace(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "print the causation tree of a flow, from the local cloud or with --aws from CloudWatch Logs"
    parser = commands.add_parser("trace", help=text, description=text)
    parser.add_argument("correlation_id", metavar="CORRELATION_ID")
    parser.add_argument("--json", action="store_true", help="print the tree as JSON")
    add_options(parser)
    parser.set_defaults(
        command=lambda chosen: flows.trace(
            Project(Path.cwd(), ASSEMBLY), chosen.correlation_id, machine=chosen.json, target=Target.of(chosen)
        )
    )


def _add_explain(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "explain for each rule of the bus whether an event matches it, and if not, which clause fails"
    parser = commands.add_parser("explain", help=text, description=text)
    parser.add_argument("file", type=Path, metavar="EVENT.json", help="an EventBridge envelope")
    parser.add_argument("--bus", help="the name of the bus (default: the stack's own)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_options(parser)
    parser.set_defaults(
        command=lambda chosen: rules.explain(
            Project(Path.cwd(), ASSEMBLY),
            chosen.file,
            bus=chosen.bus,
            machine=chosen.json,
            target=Target.of(chosen),
        )
    )


def _add_settle(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "wait until nothing is under way in the local cloud; time in which everything only waits is leapt over"
    parser = commands.add_parser("settle", help=text, description=text)
    parser.add_argument("--patience", type=float, default=60, help="seconds after which to give up (default 60)")
    parser.set_defaults(command=lambda chosen: up.settle(Project(Path.cwd(), ASSEMBLY), chosen.patience))


def _add_down(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "end the local cloud that `millrace up` has started here"
    parser = commands.add_parser("down", help=text, description=text)
    parser.set_defaults(command=lambda _chosen: up.down(Project(Path.cwd(), ASSEMBLY)))


def _add_synth(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "write the cloud assembly, unless it is up to date"
    parser = commands.add_parser("synth", help=text, description=text)
    parser.add_argument("--out", type=Path, default=Path("cdk.out"), help="where to (default cdk.out)")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE", help="as cdk synth's own")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(command=_synth)


def _synth(chosen: argparse.Namespace) -> int:
    made = Project(Path.cwd(), chosen.out).synthesise(dict(_pair(given) for given in chosen.context))
    if chosen.json:
        console.data({"out": str(chosen.out), "made": made})
    else:
        console.out(f"{chosen.out} is up to date")
    return 0


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise WrongUse(f"--context {given}: write KEY=VALUE.")
    return name, value


def _add_compat(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "compare today's contracts with the deployed ones: which events, fields and consumers break (1: some do)"
    parser = commands.add_parser("compat", help=text, description=text)
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="with contracts that --save kept, not deployed ones"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep today's contracts, compare nothing")
    parser.add_argument(
        "--mode",
        choices=["full", "backward", "forward"],
        default="full",
        help="backward: new code and old events; forward: old consumers and new events; full: both (the default)",
    )
    parser.add_argument("--strict", action="store_true", help="a change that breaks no consumer counts, too")
    parser.add_argument("--json", action="store_true", help="print the changes as JSON")
    add_options(parser)
    parser.set_defaults(command=_compat)


def _compat(chosen: argparse.Namespace) -> int:
    project = Project(Path.cwd(), ASSEMBLY)
    if chosen.save:
        return contracts.save(project, chosen.save)
    directions: list[Direction] = ["backward", "forward"] if chosen.mode == "full" else [chosen.mode]
    return contracts.compat(
        project, chosen.against, directions, strict=chosen.strict, machine=chosen.json, target=Target.of(chosen)
    )


def _add_schema(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "print the schema of an event: JSON Schema 2020-12, or a form of EventBridge's registry"
    parser = commands.add_parser("schema", help=text, description=text)
    parser.add_argument("event", metavar="EVENT", help="its class name, as PlaceOrder")
    parser.add_argument("--form", choices=contracts.FORMS, default=contracts.FORMS[0])
    parser.set_defaults(
        command=lambda chosen: contracts.schema(Project(Path.cwd(), ASSEMBLY), chosen.event, chosen.form)
    )


def _add_asyncapi(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "write the AsyncAPI 3.0 document of the project: its events, and who says and takes them"
    parser = commands.add_parser("asyncapi", help=text, description=text)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (default: print it)")
    parser.add_argument("--release", default="1.0.0", metavar="VERSION", help="the version that it names (1.0.0)")
    parser.set_defaults(
        command=lambda chosen: contracts.asyncapi(Project(Path.cwd(), ASSEMBLY), chosen.release, chosen.out)
    )


def _add_openapi(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "write the OpenAPI 3.1 document of an API: its commands, its queries, and the events that it lets in"
    parser = commands.add_parser("openapi", help=text, description=text)
    parser.add_argument("--api", metavar="NAME", help="the end of its construct's path, where there are several")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (default: print it)")
    parser.set_defaults(command=lambda chosen: apis.openapi(Project(Path.cwd(), ASSEMBLY), chosen.api, chosen.out))


def _add_map(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = (
        "draw who says and who takes each event: one page that needs no network, an SVG picture, or a Mermaid diagram"
    )
    parser = commands.add_parser("map", help=text, description=text)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (default .millrace/map.html; - prints it)")
    parser.add_argument(
        "--format", choices=list(drawing.ENDINGS), default="html", help="html (the default), svg or mermaid"
    )
    parser.set_defaults(command=lambda chosen: drawing.draw(Project(Path.cwd(), ASSEMBLY), chosen.format, chosen.out))


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "look for what is wrong with the flow of events: loops, losses, leaks (1: something is)"
    parser = commands.add_parser("check", help=text, description=text)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", dest="form", action="store_const", const="json", help="print the findings as JSON")
    forms.add_argument("--sarif", dest="form", action="store_const", const="sarif", help="print them as SARIF 2.1.0")
    forms.add_argument("--explain", metavar="ID", help="say what a check is about, and look for nothing")
    parser.set_defaults(form="text", command=_check)


def _check(chosen: argparse.Namespace) -> int:
    if chosen.explain:
        return checks.explain_check(chosen.explain)
    return checks.check(Project(Path.cwd(), ASSEMBLY), chosen.form)


def _add_cost(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "say what one event causes at most, and what a million of them cost by AWS's public prices"
    parser = commands.add_parser("cost", help=text, description=text)
    parser.add_argument("event", nargs="?", metavar="EVENT", help="its class name (default: each that begins a flow)")
    parser.add_argument("--bytes", type=int, default=1024, metavar="N", help="the size of an event (default 1024)")
    parser.add_argument("--milliseconds", type=int, default=100, metavar="N", help="of an invocation (default 100)")
    parser.add_argument("--json", action="store_true", help="print amounts and dollars as JSON")
    parser.set_defaults(command=_cost)


def _cost(chosen: argparse.Namespace) -> int:
    assumed = Assumptions(event_bytes=chosen.bytes, milliseconds=chosen.milliseconds)
    return costs.cost(Project(Path.cwd(), ASSEMBLY), chosen.event, assumed, machine=chosen.json)
