"""The figures as one SVG, made of rectangles and text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, BAR, GAP, TITLE = 860, 230, 16, 6, 34
ROOM = WIDTH - LEFT - 120
COLOURS = ("#2f6690", "#81a4cd", "#f2a65a", "#77ac7a", "#b07aa1", "#9c755f", "#bab0ab")
STYLE = (
    "text { font: 12px system-ui, sans-serif; fill: #222 }"
    " .title { font-weight: 600; font-size: 14px } .limit { fill: none; stroke: #888 }"
)


@dataclass(frozen=True)
class Bar:
    """One line of a panel: parts that add up, each with its name; and a limit, or None."""

    label: str
    parts: Sequence[tuple[str, float]]
    limit: float | None = None
    unit: str = ""

    @property
    def value(self) -> float:
        return sum(value for _, value in self.parts)


@dataclass(frozen=True)
class Panel:
    """Bars that are drawn to one scale."""

    title: str
    bars: Sequence[Bar]

    @property
    def names(self) -> list[str]:
        """What the parts are called, each once; nothing where there is one kind alone."""
        names = list(dict.fromkeys(name for bar in self.bars for name, _ in bar.parts))
        return names if len(names) > 1 else []


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The chart. An outlined bar is the limit of the one that it surrounds."""
    shapes = [_text(0, 18, title, "title")]
    y = 2.0 * TITLE
    for panel in panels:
        y = _draw_panel(panel, y, shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -8 {WIDTH + 32} {y + 16}"'
        f' width="{WIDTH + 32}">\n<style>{STYLE}</style>\n'
        f'<rect x="-16" y="-8" width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _draw_panel(panel: Panel, y: float, shapes: list[str]) -> float:
    shapes.append(_text(0, y, panel.title, "title"))
    x = LEFT
    for number, name in enumerate(panel.names):
        shapes.append(_box(x, y + 8, 10, 10, COLOURS[number % len(COLOURS)]))
        shapes.append(_text(x + 14, y + 18, name))
        x += 30 + 7 * len(name)
    y += TITLE - 8 if panel.names else 12
    longest = max((max(bar.value, bar.limit or 0.0) for bar in panel.bars), default=0.0)
    scale = ROOM / longest if longest else 0.0
    for bar in panel.bars:
        _draw_bar(bar, y, scale, panel.names, shapes)
        y += BAR + GAP
    return y + TITLE


def _draw_bar(bar: Bar, y: float, scale: float, names: list[str], shapes: list[str]) -> None:
    shapes.append(_text(0, y + 12, bar.label))
    x = float(LEFT)
    for name, value in bar.parts:
        colour = COLOURS[names.index(name) % len(COLOURS)] if names else COLOURS[0]
        shapes.append(_box(x, y, value * scale, BAR, colour))
        x += value * scale
    said = f"{_number(bar.value)}{bar.unit}"
    if bar.limit is not None:
        shapes.append(
            f'<rect class="limit" x="{LEFT}" y="{y - 2:.1f}" width="{bar.limit * scale:.1f}"'
            f' height="{BAR + 4}"/>'
        )
        said += f" of {_number(bar.limit)}"
        x = max(x, LEFT + bar.limit * scale)
    shapes.append(_text(x + 6, y + 12, said))


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")
