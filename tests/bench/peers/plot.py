"""The ratios as a picture: how many times better than the best rival, on a logarithmic scale.

Writes SVG by hand; there is nothing in it that would need a library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tests.bench.peers.ratios import Ratio, Row

_LOWEST, _HIGHEST = 0.125, 8.0
_LABELS, _SCALE, _LINE, _TOP, _BELOW = 330, 460, 26, 56, 30
_OURS, _NATIVE, _PROMISE = "#1f6feb", "#d9822b", "#57606a"
_TEXT_WIDTH = 24


def times_better(row: Row, ratio: float) -> float:
    """Over 1 whatever the direction, if we are better than the best rival."""
    return ratio if row.more_is_better else 1 / max(ratio, 1e-9)


def draw(rows: Sequence[Row]) -> str:
    """The picture: a dot for each protocol, a tick for what was promised, a line where all are
    equal."""
    height = _TOP + _LINE * len(rows) + _BELOW
    width = _LABELS + _SCALE + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="12" y="20" font-weight="bold">Times better than the best peer in memory</text>',
        *_legend(),
    ]
    bottom = _TOP + _LINE * len(rows)
    for power in range(int(math.log2(_LOWEST)), int(math.log2(_HIGHEST)) + 1):
        x = _x(2.0**power)
        color = "#24292f" if power == 0 else "#d0d7de"
        parts.append(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" stroke="{color}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{2.0**power:g}x</text>')
    for number, row in enumerate(rows):
        parts += _row(row, _TOP + _LINE * number + _LINE // 2)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    return [
        f'<circle cx="18" cy="38" r="5" fill="{_OURS}"/><text x="28" y="42">collab, Yjs</text>',
        f'<circle cx="128" cy="38" r="5" fill="{_NATIVE}"/><text x="138" y="42">native</text>',
        f'<line x1="208" x2="208" y1="30" y2="46" stroke="{_PROMISE}" stroke-width="3"/>'
        '<text x="216" y="42">promised</text>',
    ]


def _row(row: Row, y: int) -> list[str]:
    parts = [f'<text x="12" y="{y + 4}">{escape(row.name)}</text>']
    if row.limit is not None:
        x = _x(times_better(row, row.limit))
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{y - 9}" y2="{y + 9}" stroke="{_PROMISE}" '
            'stroke-width="3"/>'
        )
    for ratio, color in ((row.native, _NATIVE), (row.collab, _OURS)):
        if ratio is not None:
            x = _x(times_better(row, ratio.ratio))
            parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{color}"/>')
    return parts


def _x(times: float) -> float:
    within = min(max(times, _LOWEST), _HIGHEST)
    share = math.log2(within / _LOWEST) / math.log2(_HIGHEST / _LOWEST)
    return round(_LABELS + share * _SCALE, 1)


def bar(row: Row, ratio: Ratio | None) -> str:
    """The same for a terminal: `|` where all are equal, `#` where we are."""
    if ratio is None:
        return ""
    places = [" "] * (_TEXT_WIDTH + 1)
    places[_TEXT_WIDTH // 2] = "|"
    share = (_x(times_better(row, ratio.ratio)) - _LABELS) / _SCALE
    places[round(share * _TEXT_WIDTH)] = "#"
    return "".join(places)
