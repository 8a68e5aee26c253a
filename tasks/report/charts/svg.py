"""SVG elements as text; all values and texts are escaped here."""

from __future__ import annotations

from html import escape

Attribute = str | float | int | None
CHARACTER = 0.56
"""Mean width of a character of the page's font, as a share of the font size; precise enough to separate labels."""


def tag(name: str, *children: str, **attributes: Attribute) -> str:
    """One element with `children`, which are SVG text already and not escaped again.

    In names of attributes a trailing underscore is removed and other underscores become hyphens: `class_` is `class`,
    `text_anchor` is `text-anchor`. Attributes that are None are left out.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_written(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{''.join(children)}</{name}>" if children else f"<{name}{shown}/>"


def text(x: float, y: float, content: str, **attributes: Attribute) -> str:
    """A line of text whose baseline begins at (x, y) pixels."""
    return tag("text", escape(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line from (x1, y1) to (x2, y2), in pixels."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: list[tuple[float, float]], class_: str) -> str:
    """A polyline through points in pixels; empty for fewer than two."""
    if len(points) < 2:
        return ""
    return tag("path", d="M" + "L".join(f"{_written(x)},{_written(y)}" for x, y in points), class_=class_)


def title(content: str) -> str:
    """The title of the enclosing element: its tooltip, which screen readers read, too."""
    return tag("title", escape(content))


def picture(width: float, height: float, name: str, *children: str, class_: str = "chart") -> str:
    """A complete SVG picture, which shrinks with its column; `name` is its title, `width` and `height` are pixels."""
    box = f"0 0 {_written(width)} {_written(height)}"
    size: dict[str, Attribute] = {"viewBox": box, "width": width, "height": height}
    return tag("svg", title(name), *children, role="img", aria_label=name, class_=class_, **size)


def width_of(content: str, size: float = 12) -> float:
    """Estimated width of a text in pixels; `size` is the font size in pixels."""
    return len(content) * size * CHARACTER


def shortened(content: str, room: float, size: float = 12) -> str:
    """The text, cut with an ellipsis if it is wider than `room` pixels; `size` is the font size in pixels."""
    most = max(int(room / (size * CHARACTER)), 2)
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def _written(value: str | float | int) -> str:
    """An attribute's value: texts are escaped, numbers rounded to one decimal."""
    if isinstance(value, str):
        return escape(value)
    return f"{value:.1f}".removesuffix(".0")
