"""The map of a system: producers and consumers of events, as an HTML page, an SVG picture or a Mermaid diagram."""

from millrace.flow.map.chart import Arrow, Box, Chart, chart_of
from millrace.flow.map.mermaid import mermaid
from millrace.flow.map.page import page
from millrace.flow.map.svg import svg

__all__ = ["Arrow", "Box", "Chart", "chart_of", "mermaid", "page", "svg"]
