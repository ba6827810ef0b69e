"""Draws the measured and the ideal speed-up against the workers, as SVG."""

import math
from html import escape

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 610, 60, 350  # of the area between the axes
STYLE = "font-family: sans-serif; font-size: 14px"
COLOURS = {"measured": "#0b57d0", "ideal": "#767676"}


def svg(rows, title):
    """The drawing, as text."""
    most = rows[-1]["workers"]
    ideal = [(row["workers"], row["slots"] / rows[0]["slots"]) for row in rows]
    measured = [(row["workers"], row["speedup"]) for row in rows]
    top = math.ceil(max(speedup for _, speedup in ideal + measured))

    def place(point):
        return LEFT + (RIGHT - LEFT) * point[0] / most, BOTTOM - (BOTTOM - TOP) * point[1] / top

    parts = [text(WIDTH / 2, 28, title, "middle")]
    for workers, _ in ideal:
        x, _ = place((workers, 0))
        parts += [line([(x, TOP), (x, BOTTOM)], "#e3e3e3"), text(x, BOTTOM + 22, workers, "middle")]
    for speedup in range(0, top + 1, math.ceil(top / 8)):
        _, y = place((0, speedup))
        parts += [line([(LEFT, y), (RIGHT, y)], "#e3e3e3"), text(LEFT - 10, y + 5, speedup, "end")]
    parts += [line([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], "#333333")]
    parts += [text((LEFT + RIGHT) / 2, HEIGHT - 20, "workers", "middle")]
    parts += [text(-(TOP + BOTTOM) / 2, 28, "speed-up", "middle", 'transform="rotate(-90)"')]
    parts += [line(map(place, ideal), COLOURS["ideal"], 'stroke-width="2" stroke-dasharray="6 4"')]
    parts += [line(map(place, measured), COLOURS["measured"], 'stroke-width="2"')]
    parts += [dot(*place(point)) for point in measured]
    for row, (name, colour) in enumerate(COLOURS.items()):
        parts += [text(LEFT + 16, TOP + 24 + 20 * row, name, "start", f'fill="{colour}"')]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" style="{STYLE}">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>\n"])


def text(x, y, words, anchor, more='fill="#222222"'):
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(str(words))}</text>'


def line(points, colour, more=""):
    """A line through some points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" {more}/>'


def dot(x, y):
    """A measured point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS["measured"]}"/>'
