"""The Lambda architecture: an archive of events, batch views of all of it, and speed views of what follows.

Each event belongs to one generation, which it gets when it is first recorded. A batch run closes the current
generation, waits until no writer can still write to it, and computes its views from all closed ones. A day's view names
the generation until which it counts, and a query adds the speed views of later generations. So a hand-over neither
counts an event twice nor misses it.
"""

from millrace.runtime.layers.views import Amounts, ServingView, SpeedView

__all__ = ["Amounts", "ServingView", "SpeedView"]
