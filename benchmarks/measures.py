"""The measures. Each uses a running subject through boto3 and returns figures by line key."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks import stack
from benchmarks.plan import Plan
from benchmarks.processes import MIB, cpu, shared_out
from benchmarks.subjects import Cloud

BATCH = 10
CLIENTS = 4
Figures = dict[str, float]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """A measure of a subject. `keys` are its lines; `needs` is a feature that a subject may lack."""

    name: str
    keys: tuple[str, ...]
    take: Callable[[Cloud, Plan], Figures]
    needs: str = "events"


def entry(detail_type: str, number: str, bus: str = stack.BUS, **more: Any) -> Entry:
    """Return an entry for PutEvents."""
    detail = json.dumps({"id": number, **more})
    return {"Source": "bench", "DetailType": detail_type, "Detail": detail, "EventBusName": bus}


def put(cloud: Cloud, entries: Sequence[Entry]) -> None:
    """Put entries in one call. Raises RuntimeError if an entry fails."""
    answer = cloud.client("events").put_events(Entries=entries)
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"{cloud.subject.name} rejected an entry: {answer['Entries']}")


def put_all(cloud: Cloud, entries: Sequence[Entry]) -> None:
    """Put entries in batches of ten."""
    for first in range(0, len(entries), BATCH):
        put(cloud, entries[first : first + BATCH])


def _ids(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def _one_by_one(
    ids: Sequence[str], start: Callable[[str], Any], last: str, cloud: Cloud, max_wait: float
) -> list[float]:
    """Return the milliseconds from each start until `last` has run, one after the other."""
    taken = []
    for number in ids:
        began = time.monotonic()
        start(number)
        taken.append((cloud.records.wait(last, [number], max_wait)[0] - began) * 1000)
    return taken


def latency(cloud: Cloud, plan: Plan) -> Figures:
    """Latency from before put_events to the first line of a warm handler, one event at a time."""

    def start(number: str) -> None:
        put(cloud, [entry("Sink", number)])

    _one_by_one(_ids("latency-warm", 20), start, "sink", cloud, plan.max_wait)
    taken = _one_by_one(_ids("latency", plan.latencies), start, "sink", cloud, plan.max_wait)
    return {"latency": statistics.median(taken), "latency_p99": statistics.quantiles(taken, n=100)[98]}


def throughput(cloud: Cloud, plan: Plan) -> Figures:
    """Throughput and memory of events from one client in batches of ten, until the last handler ends."""
    _burst(cloud, "burst-warm", plan.warm_events, plan.max_wait)
    cloud.watch.peak, before = 0, cpu(cloud.pid)
    seconds = _burst(cloud, "burst", plan.events, plan.max_wait)
    used, shared = cpu(cloud.pid), shared_out(cloud.pid)
    figures = {"throughput": plan.events / seconds, "memory": max(cloud.watch.peak, cloud.watch.now()) / MIB}
    figures |= {"cpu": (used - before) * 1000 / plan.events} if used and before else {}
    return figures | ({"memory_shared": shared / MIB} if shared else {})


def _burst(cloud: Cloud, name: str, count: int, max_wait: float, bus: str = stack.BUS) -> float:
    ids = _ids(name, count)
    began = time.monotonic()
    put_all(cloud, [entry("Sink", number, bus) for number in ids])
    return max(cloud.records.wait("sink", ids, max_wait)) - began


def chain(cloud: Cloud, plan: Plan) -> Figures:
    """Latency from put_events to the fifth handler of a chain in which each handler publishes the next event."""

    def start(number: str) -> None:
        put(cloud, [entry("Hop1", number, hop=1, hops=stack.HOPS)])

    _one_by_one(_ids("chain-warm", 3), start, f"hop{stack.HOPS}", cloud, plan.max_wait)
    taken = _one_by_one(_ids("chain", plan.chains), start, f"hop{stack.HOPS}", cloud, plan.max_wait)
    return {"chain": statistics.median(taken)}


def crowd(cloud: Cloud, plan: Plan) -> Figures:
    """Handlers per second and memory of many concurrent chains."""
    ids = _ids("crowd", plan.crowd)
    cloud.watch.peak = 0
    began = time.monotonic()
    put_all(cloud, [entry("Hop1", number, hop=1, hops=stack.HOPS) for number in ids])
    ended = max(cloud.records.wait(f"hop{stack.HOPS}", ids, plan.max_wait))
    return {"crowd": len(ids) * stack.HOPS / (ended - began), "crowd_memory": cloud.watch.peak / MIB}


def machine(cloud: Cloud, plan: Plan) -> Figures:
    """Latency from start_execution to the third Lambda task of a state machine."""
    states, arn = cloud.client("stepfunctions"), _machine_arn(cloud)

    def start(number: str) -> None:
        states.start_execution(stateMachineArn=arn, input=json.dumps({"id": number, "task": 1}))

    _one_by_one(_ids("machine-warm", 2), start, f"task{stack.TASKS}", cloud, plan.max_wait)
    taken = _one_by_one(_ids("machine", plan.executions), start, f"task{stack.TASKS}", cloud, plan.max_wait)
    return {"machine": statistics.median(taken)}


def machines(cloud: Cloud, plan: Plan) -> Figures:
    """Milliseconds per execution of many that four clients start at once, until the last task begins."""
    states, arn = cloud.client("stepfunctions"), _machine_arn(cloud)
    ids, last = _ids("machines", plan.concurrent_executions), f"task{stack.TASKS}"

    def start(number: str) -> None:
        states.start_execution(stateMachineArn=arn, input=json.dumps({"id": number, "task": 1}))

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(start, ids))
    ended = max(cloud.records.wait(last, ids, plan.max_wait))
    return {"machines": (ended - began) * 1000 / len(ids)}


def _machine_arn(cloud: Cloud) -> str:
    if cloud.subject.name == "floor":
        return "arn:aws:states:us-east-1:000000000000:stateMachine:floor"
    machines = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    return next(str(found["stateMachineArn"]) for found in machines if found["name"] == stack.MACHINE)


def rules(cloud: Cloud, plan: Plan) -> Figures:
    """Milliseconds per event on a bus with many rules, of which one matches."""
    _burst(cloud, "rules-warm", plan.rule_events // 5, plan.max_wait, stack.MANY)
    seconds = _burst(cloud, "rules", plan.rule_events, plan.max_wait, stack.MANY)
    return {f"rules_{cloud.site.rules}": seconds * 1000 / plan.rule_events}


def backlog(cloud: Cloud, plan: Plan) -> Figures:
    """Throughput of four concurrent clients, and processor time per event with many and with few queued."""
    few = _cost(cloud, plan, [_ids(f"few-{burst}", plan.small_backlog) for burst in range(10)])
    cloud.watch.peak, began = 0, time.monotonic()
    many = _cost(cloud, plan, [_ids("many", plan.backlog)])
    ended = max(cloud.records.wait("sink", _ids("many", plan.backlog), plan.max_wait))
    figures = {"backlog": plan.backlog / (ended - began), "backlog_memory": cloud.watch.peak / MIB}
    return figures | ({"backlog_few": few, "backlog_many": many} if few and many else {})


def _cost(cloud: Cloud, plan: Plan, bursts: Sequence[Sequence[str]]) -> float | None:
    """Return the milliseconds of processor time per event. Each burst ends before the next."""
    before = cpu(cloud.pid)
    for ids in bursts:
        put_from_four(cloud, [entry("Sink", number) for number in ids])
        cloud.records.wait("sink", list(ids), plan.max_wait)
    used = cpu(cloud.pid)
    return (used - before) * 1000 / sum(map(len, bursts)) if used and before else None


def put_from_four(cloud: Cloud, entries: Sequence[Entry]) -> None:
    """Put entries from four concurrent clients, in batches of ten."""
    cloud.client("events")  # created once, before the threads use it
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda first: put_all(cloud, entries[first::CLIENTS]), range(CLIENTS)))


def fairness(cloud: Cloud, plan: Plan) -> Figures:
    """Time of the same load on four functions, with and without the backlog of a slow fifth one."""
    alone = _shared(cloud, "alone", plan)
    slow = [entry("Hop5", number, hop=5, hops=5, pause=0.1) for number in _ids("slow", plan.shared)]
    put_all(cloud, slow)
    return {"fairness": _shared(cloud, "together", plan) / alone}


def _shared(cloud: Cloud, name: str, plan: Plan) -> float:
    """Return the seconds until four functions have processed their events."""
    ids, began = _ids(name, plan.shared), time.monotonic()
    put_all(cloud, [entry(f"Hop{hop}", number, hop=hop, hops=hop) for number in ids for hop in range(1, 5)])
    return max(max(cloud.records.wait(f"hop{hop}", ids, plan.max_wait)) for hop in range(1, 5)) - began


LATENCY = Measure("latency", ("latency", "latency_p99"), latency)
THROUGHPUT = Measure("throughput", ("throughput", "cpu", "memory", "memory_shared"), throughput)
CHAIN = Measure("chain", ("chain",), chain)
CROWD = Measure("crowd", ("crowd", "crowd_memory"), crowd)
BACKLOG = Measure("backlog", ("backlog", "backlog_memory", "backlog_few", "backlog_many"), backlog)
FAIRNESS = Measure("fairness", ("fairness",), fairness, needs="fairness")
MACHINE = Measure("machine", ("machine",), machine, needs="machine")
MACHINES = Measure("machines", ("machines",), machines, needs="machine")


def rules_measure(count: int) -> Measure:
    """Return the measure with a number of rules."""
    return Measure("rules", (f"rules_{count}",), rules, needs="rules")


@dataclass(frozen=True)
class Visit:
    """The measures between one start of a subject and its end, with a number of rules."""

    measures: tuple[Measure, ...]
    rules: int = 1


def visits(plan: Plan, only: str | None) -> Iterator[Visit]:
    """Yield the visits of one run. Heavy measures have their own."""
    groups = [
        Visit((LATENCY, THROUGHPUT)),
        Visit((CHAIN, MACHINE)),
        Visit((MACHINES,)),
        Visit((CROWD,)),
        Visit((BACKLOG, FAIRNESS)),
    ]
    groups += [Visit((rules_measure(count),), count) for count in plan.rules]
    for visit in groups:
        chosen = tuple(measure for measure in visit.measures if only in (None, measure.name))
        if chosen:
            yield Visit(chosen, visit.rules)
    if only == "startup":
        yield Visit(())
