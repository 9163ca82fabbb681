"""The order of the house, and the picture of it, drawn from what its modules import."""

import ast
import io

import matplotlib.pyplot as plt
import networkx as nx

from cs_utils.settings import ROOT

FLOORS = (
    "cs_utils.exceptions",
    "cs_utils.labels",
    "minicity",
    "cs_utils.settings",
    "cs_utils.data",
    "cs_utils.losses",
    "cs_utils.metrics",
    "cs_utils.models",
    "cs_utils.evaluation",
    "cs_utils.plots",
    "cs_utils.training",
    "cs_utils.experiments",
    "cs_utils.exercises",
    "cs_utils.commands",
    "course",
    "cs_utils.cli",
)
"""The doors of the house from the ground up: a module, or a folder of them, imports only from those before it."""
COLUMN, ROW, HALF = 1.7, 1.0, 0.19
"""Distances in the picture and half the height of a box, in inches."""


def import_graph() -> nx.DiGraph:
    """An arrow from each door to every other that one of its modules imports from."""
    graph = nx.DiGraph()
    graph.add_nodes_from(FLOORS)
    for door in FLOORS:
        place = ROOT / door.replace(".", "/")
        for path in sorted(place.glob("*.py")) or [place.with_suffix(".py")]:
            found = imported_doors(path.read_text(encoding="utf-8"))
            graph.add_edges_from((door, other) for other in found if other != door)
    return graph


def imported_doors(source: str) -> set[str]:
    """The doors that a module's imports open, wherever in it they stand, from its source."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {door for door in FLOORS for name in names if f"{name}.".startswith(f"{door}.")}


def draw_architecture() -> bytes:
    """An SVG of the doors in layers, each above all that it imports from, without arrows that follow from others."""
    graph = nx.transitive_reduction(import_graph())
    layers = list(nx.topological_generations(graph.reverse()))  # what imports nothing comes first
    places = {
        door: (COLUMN * (column - (len(layer) - 1) / 2), ROW * height)
        for height, layer in enumerate(layers)
        for column, door in enumerate(sorted(layer))
    }
    with plt.rc_context({"svg.hashsalt": "architecture", "svg.fonttype": "none", "font.family": "sans-serif"}):
        width = COLUMN * max(len(layer) for layer in layers)
        figure, ax = plt.subplots(figsize=(width, ROW * len(layers)))
        for door, other in sorted(graph.edges):
            (x, y), (from_x, from_y) = places[other], places[door]
            arrow = {"arrowstyle": "->", "color": "0.5", "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x, y + HALF), (from_x, from_y - HALF), arrowprops=arrow)
        for door, place in places.items():
            name = door.removeprefix("cs_utils.")
            ax.text(
                *place,
                name,
                ha="center",
                va="center",
                size=12,
                bbox={"boxstyle": "round,pad=0.5", "fc": "w", "ec": "0.3"},
            )
        ax.set_xlim(-width / 2, width / 2)
        ax.set_ylim(-ROW / 2, ROW * (len(layers) - 0.5))
        ax.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(figure)
    return stream.getvalue()
