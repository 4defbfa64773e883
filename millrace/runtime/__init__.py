"""What runs in Lambda. Importing it touches neither AWS nor the environment."""

from millrace.runtime.declaration import Declaration, UnclearSignature
from millrace.runtime.processor import Processor, UndeclaredEvent, processor
from millrace.runtime.publisher import Publisher, PublishFailed
from millrace.runtime.step import Step, step
from millrace.runtime.stores import Table, write_if

__all__ = [
    "Declaration",
    "Processor",
    "PublishFailed",
    "Publisher",
    "Step",
    "Table",
    "UnclearSignature",
    "UndeclaredEvent",
    "processor",
    "step",
    "write_if",
]
