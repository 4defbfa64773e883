"""Workers on an event loop, for the tests of Lambda's runtime."""

import asyncio
import json

from millrace.local.workers import Confinement, Workers

BASE = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}


class Bench:
    """Workers on an event loop, driven from a test."""

    def __init__(self, cache, start="fork", **options):
        self.loop = asyncio.new_event_loop()
        self.reports = []
        self.loop.set_exception_handler(lambda _, report: self.reports.append(report["exception"]))
        options.setdefault("confinement", Confinement((str(cache.parent),)))
        self.workers = Workers(self.loop, environment=BASE, start=start, cache=cache, **options)

    def begin(self, spec, event=None, request_id="r-1", **more):
        outcome = self.loop.create_future()
        self.workers.invoke(spec, json.dumps(event).encode(), request_id, outcome.set_result, **more)
        return outcome

    def wait(self, *outcomes):
        return self.loop.run_until_complete(asyncio.wait_for(asyncio.gather(*outcomes), 20))

    def call(self, spec, event=None, **more):
        return self.wait(self.begin(spec, event, **more))[0]

    def answer(self, spec, event=None, **more):
        outcome = self.call(spec, event, **more)
        assert outcome.status == "ok", outcome
        return json.loads(outcome.payload)

    def close(self):
        self.workers.close()
        self.loop.close()
        assert not self.reports
