"""The map of a system: who says what, and who hears it. One page, a picture, or a Mermaid diagram."""

from millrace.flow.map.chart import Arrow, Box, Chart, chart_of
from millrace.flow.map.mermaid import mermaid
from millrace.flow.map.page import page
from millrace.flow.map.svg import svg

__all__ = ["Arrow", "Box", "Chart", "chart_of", "mermaid", "page", "svg"]
