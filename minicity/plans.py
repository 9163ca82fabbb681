"""Types of MiniCity streets as numbers, and the `Street` on which houses, trees and fences are put up."""

from dataclasses import dataclass, field

import numpy as np

from minicity import trees
from minicity.facades import Facade, Glazing
from minicity.geometry import Light, Solid, Surface
from minicity.materials import Fence, Grass, Masonry, Paving
from minicity.mesh import pick

LANE = 3.3
"""Width of a traffic lane in metres."""


NEAR, FAR = 1.0, 170.0
"""Where the street begins and ends for us, in metres."""


BACKDROP = 900.0
"""Depth in metres of the earth that lies under all else."""


@dataclass(frozen=True)
class Plan:
    """The numbers of one type of street; lengths in metres, densities per 100 m of street, the rest shares 0..1."""

    weight: float
    lanes: int = 1
    parked: float = 0.6
    verge: tuple[float, float] = (0.0, 0.0)
    pavement: tuple[float, float] = (2.2, 3.6)
    garden: tuple[float, float] = (0.0, 0.0)
    floors: tuple[int, int] = (3, 5)
    gap: float = 0.15
    """Share of lots without a house."""
    trees: float = 0.0
    """Trees along the kerb."""
    wall: float = 0.1
    fence: float = 0.1
    hedge: float = 0.1
    shops: float = 0.3
    people: float = 9.0
    cars: float = 3.0
    bicycles: float = 3.0
    trucks: float = 0.1
    """Share of the streets of this type in which a lorry is under way; likewise for the buses."""
    buses: float = 0.07
    track: bool = False
    cobbles: float = 0.03
    green: float = 0.35
    """Share of the streets of this type in which there is bare earth or grass: in the others all ground is paved."""
    kinds: tuple[str, ...] = ("plaster", "plaster", "brick", "stone")


PLANS: dict[str, Plan] = {
    "old town": Plan(0.24, parked=0.55, pavement=(2.1, 3.6), floors=(3, 5), gap=0.04, shops=0.55, people=15,
                     cobbles=0.35, bicycles=5),
    "avenue": Plan(0.24, lanes=2, parked=0.7, verge=(0.8, 2.2), pavement=(3.2, 4.8), floors=(4, 6),
                   trees=12, gap=0.14, green=0.6,
                   cars=4, buses=0.09, trucks=0.12),
    "suburb": Plan(0.22, parked=0.35, verge=(0.0, 1.2), pavement=(2.5, 4.0), garden=(3.0, 7.0), floors=(2, 3),
                     gap=0.22, green=0.85,
                   trees=6, wall=0.22, fence=0.38, hedge=0.55, shops=0.02, people=4, cars=2),
    "shops": Plan(0.12, lanes=2, parked=0.6, pavement=(4.0, 6.2), floors=(3, 6), gap=0.15, trees=4, shops=0.85,
                  people=16, cars=4, buses=0.12, kinds=("plaster", "stone", "panel", "panel")),
    "works": Plan(0.09, parked=0.4, verge=(0.0, 2.0), pavement=(2.4, 4.0), garden=(2.0, 8.0), floors=(2, 3),
                    gap=0.45, green=0.75,
                  trees=4, wall=0.65, fence=0.5, hedge=0.1, shops=0.0, people=2, trucks=0.22,
                  kinds=("brick", "panel", "panel")),
    "open": Plan(0.11, lanes=2, parked=0.25, verge=(0.0, 3.0), pavement=(2.0, 4.0), garden=(0.0, 9.0), floors=(1, 3),
                 gap=0.36, trees=2, wall=0.25, fence=0.3, hedge=0.3, shops=0.25, people=5, cars=4, trucks=0.1,
                 green=0.6, kinds=("plaster", "brick", "panel", "boards", "glass")),
    "tram": Plan(0.12, parked=0.3, pavement=(3.0, 5.0), floors=(4, 6), gap=0.1, trees=4, shops=0.5, people=10,
                 track=True, buses=0.0),
}  # fmt: skip


WALL_COLORS = {
    "plaster": ((0.74, 0.7, 0.62), (0.7, 0.62, 0.48), (0.66, 0.64, 0.6), (0.78, 0.76, 0.72), (0.62, 0.5, 0.42),
                (0.68, 0.58, 0.52), (0.55, 0.57, 0.56), (0.72, 0.66, 0.5), (0.5, 0.45, 0.4), (0.6, 0.62, 0.58)),
    "brick": ((0.45, 0.24, 0.18), (0.5, 0.3, 0.22), (0.38, 0.22, 0.18), (0.55, 0.42, 0.32)),
    "stone": ((0.56, 0.53, 0.47), (0.5, 0.48, 0.44), (0.62, 0.58, 0.5)),
    "boards": ((0.8, 0.8, 0.78), (0.5, 0.22, 0.18), (0.35, 0.3, 0.25), (0.45, 0.52, 0.56)),
    "glass": ((0.2, 0.22, 0.25), (0.5, 0.52, 0.55), (0.3, 0.36, 0.36), (0.62, 0.6, 0.56)),
    "panel": ((0.56, 0.56, 0.55), (0.64, 0.63, 0.6), (0.48, 0.5, 0.51), (0.6, 0.56, 0.5)),
}  # fmt: skip


RARE_KINDS = ("glass", "glass", "boards", "panel", "stone", "brick")


FRAMES = (
    (0.85, 0.85, 0.83),
    (0.78, 0.78, 0.75),
    (0.3, 0.22, 0.16),
    (0.12, 0.12, 0.13),
    (0.5, 0.5, 0.5),
    (0.2, 0.3, 0.25),
)


TRIMS = ((0.8, 0.79, 0.75), (0.7, 0.68, 0.62), (0.55, 0.5, 0.44), (0.42, 0.38, 0.34), (0.84, 0.84, 0.82))


ROOFS = ((0.42, 0.22, 0.16), (0.36, 0.2, 0.16), (0.22, 0.22, 0.23), (0.3, 0.28, 0.27), (0.46, 0.3, 0.24))


SIGNS = (
    (0.12, 0.2, 0.42),
    (0.55, 0.1, 0.1),
    (0.12, 0.32, 0.2),
    (0.14, 0.14, 0.15),
    (0.6, 0.45, 0.1),
    (0.45, 0.42, 0.38),
)


@dataclass
class Street:
    """A street while it is being built: the ground from below to above, and all that stands on it."""

    rng: np.random.Generator
    light: Light
    bend: float
    season: float
    """0 in summer, 1 in autumn."""
    bare: float
    """Share of the trees without leaves."""
    green: bool = True
    taste: tuple[float, float] = (1.0, 1.0)
    """How much more walls and fences are liked here than in the plan: where one has a wall, many have."""
    shift: float = 0.0
    """How far the lane of the camera lies to the right of the camera, in metres."""
    ground: list[Surface] = field(default_factory=list)
    things: list[Surface | Solid] = field(default_factory=list)

    def course(self, z: np.ndarray | float) -> np.ndarray | float:
        """Sideways place of the camera's lane, z metres ahead, on the bent street."""
        return self.shift + 0.5 * self.bend * z * z

    def x(self, x: float, z: float) -> float:
        """Sideways place of what lies ``x`` beside the camera's lane, z metres ahead."""
        return x + self.course(z)

    def strip(self, label: str, left: float, right: float, material: object, z0: float = NEAR, z1: float = FAR) -> None:
        """Lay a strip of ground along the street between two lateral places."""
        z = np.geomspace(z0, z1, 14)
        shift = self.course(z)
        forth = np.stack([left + shift, np.zeros_like(z), z], axis=1)
        back = np.stack([right + shift, np.zeros_like(z), z], axis=1)[::-1]
        self.ground.append(Surface(label, z1, np.concatenate([forth, back]), material))

    def soil(self, left: float, right: float, color: tuple, z0: float = NEAR, z1: float = FAR) -> None:
        """Unbuilt ground between two lateral places: grass or earth of about a colour or, in a paved street, slabs."""
        rng = self.rng
        bright, cast, earth, seed = rng.uniform(0.6, 1.4), rng.normal(0.0, 0.06, 3), rng.uniform(0.0, 0.7), rng.random()
        stone = rng.uniform(0.3, 0.6)
        if self.green:
            tone = np.clip(np.array(color) * bright * (1.0 + cast), 0.02, 1.0)
            self.strip("terrain", left, right, Grass(tuple(tone), float(earth), float(seed)), z0, z1)
        else:
            tone = stone * (1.0 + 0.5 * cast)
            self.strip("sidewalk", left, right, Paving(tuple(tone), (0.2, 0.2), None, 0.0, float(seed)), z0, z1)

    def upright(self, label: str, a: tuple, b: tuple, low: float, high: float, material: object) -> None:
        """Put up a rectangle of wall above the ground line from a = (x, z) to b."""
        outline = [(a[0], low, a[1]), (a[0], high, a[1]), (b[0], high, b[1]), (b[0], low, b[1])]
        self.things.append(Surface(label, max(a[1], b[1]), np.array(outline, float), material, (a, b)))

    def wall_color(self, kind: str) -> tuple[float, float, float]:
        """A colour for a wall: mostly one that such walls have, now and then any that paint can have."""
        rng = self.rng
        if kind in ("plaster", "boards", "panel") and rng.random() < 0.3:
            value, depth, hue = rng.uniform(0.25, 0.92), 0.6 * rng.random() ** 2, rng.uniform(0.0, 2 * np.pi)
            color = value * (1.0 - depth * (0.5 + 0.5 * np.cos(hue + np.array([0.0, 2.1, 4.2]))))
        else:
            color = np.array(pick(rng, WALL_COLORS[kind])) * np.exp(rng.normal(0.0, 0.22))
        return tuple(np.clip(color * (1.0 + rng.normal(0.0, 0.03, 3)), 0.03, 0.95))

    def house(self, plan: Plan, a: tuple, b: tuple, out: float, deep: float = 11.0) -> None:
        """A house with its front from a = (x, z) to b, ``deep`` metres deep to ``out`` (-1 left, 1 right, 0 back)."""
        rng = self.rng
        kind = pick(rng, plan.kinds) if rng.random() < 0.88 else pick(rng, RARE_KINDS)
        color = self.wall_color(kind)
        floor, floors = rng.uniform(2.8, 3.5), int(rng.integers(plan.floors[0], plan.floors[1] + 1))
        shop = rng.random() < plan.shops
        height = (3.7 if shop else 3.1) + floor * (floors - 1) + 0.9
        window = (
            (rng.uniform(0.9, 1.5), rng.uniform(1.3, 1.8))
            if kind != "panel"
            else (rng.uniform(1.4, 2.3), rng.uniform(1.2, 1.6))
        )
        pitch = window[0] + rng.uniform(0.8, 1.7)
        trim, sign, seed = pick(rng, TRIMS), pick(rng, SIGNS), float(rng.random())
        glazing = Glazing(
            gloss=float(rng.uniform(0.15, 1.0)),
            bars=int(rng.integers(0, 3)),
            transom=bool(rng.random() < 0.4),
            lit=float((0.03 if rng.random() < 0.3 else 0.0) + 0.45 * self.light.dusk * rng.random()),
            frame=pick(rng, FRAMES),
            curtains=float(rng.uniform(0.0, 0.6)),
        )
        length = float(np.hypot(b[0] - a[0], b[1] - a[1]))

        shutters = kind == "plaster" and bool(rng.random() < 0.3)
        balconies = not shutters and floors > 2 and bool(rng.random() < 0.25)

        def wall(size: float, blank: bool, with_shop: bool) -> Facade:
            extras = (shutters, balconies and with_shop == shop)
            return Facade(
                kind, color, trim, size, height, floor, pitch, window, with_shop, sign, blank, *extras, seed, glazing
            )

        pitched, rise = rng.random() < 0.75, rng.uniform(2.0, 4.5)
        roof = Masonry("tiles", pick(rng, ROOFS), 1.0, seed)
        blank = rng.random() < 0.55
        if out:
            # The end wall looks towards the camera; with a pitched roof it carries a gable.
            near = a if a[1] < b[1] else b
            far_corner = (near[0] + out * deep, near[1])
            gable = [((near[0] + far_corner[0]) / 2, height + rise, near[1])] if pitched else []
            outline = [
                (near[0], 0, near[1]),
                (near[0], height, near[1]),
                *gable,
                (far_corner[0], height, near[1]),
                (far_corner[0], 0, near[1]),
            ]
            ends = (near, far_corner) if out > 0 else (far_corner, near)
            self.things.append(
                Surface("building", max(a[1], b[1]), np.array(outline, float), wall(deep, blank, False), ends)
            )
        if pitched:
            back = (out * deep / 2, 0.0) if out else (0.0, deep / 2)
            outline = [(a[0], height, a[1]), (a[0] + back[0], height + rise, a[1] + back[1]),
                       (b[0] + back[0], height + rise, b[1] + back[1]), (b[0], height, b[1])]  # fmt: skip
            self.things.append(Surface("building", max(a[1], b[1]), np.array(outline, float), roof, (a, b)))
            if rng.random() < 0.6:
                self._chimney(a, b, back, height + rise)
        self.upright("building", a, b, 0.0, height + 0.1, wall(length, False, shop))

    def _chimney(self, a: tuple, b: tuple, back: tuple, top: float) -> None:
        share = self.rng.uniform(0.2, 0.8)
        x, z = a[0] + share * (b[0] - a[0]) + 0.8 * back[0], a[1] + share * (b[1] - a[1]) + 0.8 * back[1]
        stack = Masonry("brick", (0.4, 0.25, 0.2), top + 1.0, 0.3)
        outline = [(x - 0.4, top - 1.5, z), (x - 0.4, top + 0.9, z), (x + 0.4, top + 0.9, z), (x + 0.4, top - 1.5, z)]
        self.things.insert(
            len(self.things) - 1, Surface("building", max(a[1], b[1]), np.array(outline), stack, ((x, z), (x + 1, z)))
        )

    def tree(self, x: float, z: float, height: float, tall: bool) -> None:
        """A tree with its crown, or a bare one in winter; a ``tall`` one leaves room for people below its branches."""
        rng = self.rng
        x = self.x(x, z)
        kind = str(rng.choice(trees.KINDS[:4], p=(0.48, 0.3, 0.1, 0.12) if not tall else (0.6, 0.34, 0.06, 0.0)))
        if kind != "conifer" and rng.random() < self.bare:
            kind = "bare"
        grown = trees.growth(kind, tall, int(rng.integers(trees.GROWTHS)))
        width = height * float(rng.uniform(0.75, 1.15))
        flip = float(rng.choice((-1.0, 1.0)))
        side = float(np.sign(self.light.sun[0]) * min(self.light.direct, 0.8))
        leaf = trees.leaf_color(rng, 0.0 if kind == "conifer" else self.season)
        material = trees.Tree(grown, width, height, leaf, trees.bark_color(rng), side, float(rng.random()), flip)
        outline = grown.outline * (flip * width, height)
        world = np.stack([x + outline[:, 0], np.maximum(outline[:, 1], 0.0), np.full(len(outline), z)], axis=1)
        self.things.append(Surface("vegetation", z, world, material, ((x, z), (x + 1.0, z))))

    def leaves(self, x: float, z: float, width: float, low: float, high: float, grain: float) -> None:
        """A crown, bush or wood edge around (x, z)."""
        rng = self.rng
        outline = trees.crown_outline(rng, width, low, high)
        outline[:, 1] = np.maximum(outline[:, 1], 0.0)
        color = np.array(trees.leaf_color(rng, 0.7 * self.season + 0.5 * self.bare))
        side = float(np.sign(self.light.sun[0]) * min(self.light.direct, 0.8))
        material = trees.Foliage(
            tuple(np.clip(color, 0.02, 1)), low, high, grain, float(rng.random()), side, 0.5 * width, 0.9
        )
        world = np.stack([x + outline[:, 0], outline[:, 1], np.full(len(outline), z)], axis=1)
        self.things.append(Surface("vegetation", z - 0.1, world, material, ((x, z), (x + 1.0, z))))

    def hedge(self, a: tuple, b: tuple, height: float) -> None:
        """A hedge along the ground line from a to b with an uneven upper edge."""
        rng = self.rng
        share = np.linspace(0.0, 1.0, 40)
        top = height * (1.0 + rng.uniform(-0.05, 0.05, 40))
        x, z = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        outline = np.concatenate([np.stack([x, top, z], axis=1), np.array([(b[0], 0.0, b[1]), (a[0], 0.0, a[1])])])
        color = np.array(trees.leaf_color(rng, 0.4 * self.bare)) * rng.uniform(0.75, 1.1)
        material = trees.Foliage(tuple(color), -0.5 * height, height, 1.4, float(rng.random()), 0.0)
        self.things.append(Surface("vegetation", max(a[1], b[1]), outline, material, (a, b)))

    def barrier(self, plan: Plan, a: tuple, b: tuple) -> None:
        """What bounds a garden or yard along the ground line from a to b: a wall, a fence, a hedge, or nothing."""
        rng = self.rng
        weights = np.array([plan.wall, plan.fence, plan.hedge, 0.15]) * (*self.taste, 1.0, 1.0)
        kind = int(rng.choice(4, p=weights / weights.sum()))
        if kind == 0:
            material = pick(rng, ("brick", "stone", "plaster", "panel"))
            height = rng.uniform(0.9, 2.6)
            color = tuple(0.88 * x for x in self.wall_color(material))
            self.upright("wall", a, b, 0.0, height, Masonry(material, color, height, float(rng.random())))
        elif kind == 1:
            height = rng.uniform(0.8, 2.2)
            coat = np.exp(rng.normal(0.0, 0.3)) * (1.0 + rng.normal(0.0, 0.08, 3))
            color, pitch, bar, wire = pick(
                rng,
                (((0.3, 0.22, 0.15), 0.14, 0.11, False), ((0.55, 0.53, 0.48), 0.12, 0.08, False),
                 ((0.12, 0.13, 0.13), 0.13, 0.03, False), ((0.8, 0.8, 0.78), 0.13, 0.08, False),
                 ((0.2, 0.3, 0.22), 0.09, 0.022, True), ((0.45, 0.46, 0.46), 0.1, 0.022, True))
            )  # fmt: skip
            color = tuple(np.clip(np.array(color) * coat, 0.02, 0.95))
            self.upright("fence", a, b, 0.0, height, Fence(color, height, pitch, bar, wire, float(rng.random())))
        elif kind == 2:
            self.hedge(a, b, rng.uniform(0.9, 2.2))


def free(z0: float, z1: float, junction: float | None) -> bool:
    """Whether the stretch from z0 to z1 keeps clear of the crossing street."""
    return junction is None or z1 < junction - 1.0 or z0 > junction + 10.0
