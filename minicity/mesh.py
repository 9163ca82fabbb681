"""Meshes of MiniCity's vehicles: bodies lofted from rings, lit by the normals of their faces, placed in the world.

A body is *lofted*: cross-sections ("rings") are set up along its length and neighbouring ones are joined by quads.
Only faces that look towards the camera are kept, each is coloured by the light that its normal catches, and small
flat parts (lamps, plates, wheels, doors) are laid over them. All lengths are in metres. A vehicle has its own
axes, x to its right, y up and z forwards; ``Pose`` turns them into the world.
"""

from dataclasses import dataclass

import numpy as np

from minicity.geometry import Light, Solid

PAINT, DARK = 0, 1
"""What a mesh face is made of."""
EYE = 1.2
"""Height of the camera, in metres, for which the faces of a vehicle are chosen; most cameras hang at about that."""


RUBBER = (0.07, 0.07, 0.075)


_ANGLE = np.linspace(0.0, 2 * np.pi, 20, endpoint=False)


CIRCLE = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], axis=1)


@dataclass(frozen=True)
class Pose:
    """Where a vehicle's middle stands on the ground and where it heads (0 along Z, positive towards +X), radians."""

    x: float
    z: float
    heading: float = 0.0

    def place(self, points: np.ndarray) -> np.ndarray:
        """Vehicle coordinates (..., 3) as (x, y, z) -> world coordinates (..., 3)."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        x = self.x + points[..., 0] * cos + points[..., 2] * sin
        z = self.z - points[..., 0] * sin + points[..., 2] * cos
        placed = np.empty_like(points)
        placed[..., 0], placed[..., 1], placed[..., 2] = x, points[..., 1], z
        return placed


class Mesh:
    """Collects the faces of a vehicle in its own coordinates.

    A colour is either RGB or five numbers: RGB, a share of the coat, and a share of the sky that it mirrors. So one
    mesh serves for cars of every paint in every light.
    """

    def __init__(self) -> None:
        self.quads: list[np.ndarray] = []
        self.materials: list[np.ndarray] = []
        self.colors: list[np.ndarray] = []
        self.details: list[np.ndarray] = []
        self.detail_normals: list[tuple] = []
        self.detail_colors: list[tuple] = []

    def add(self, quads: np.ndarray, materials: np.ndarray, color: tuple) -> None:
        """Append shell quads (n, 4, 3) made of ``materials`` (n,), all of one colour."""
        self.quads.append(quads)
        self.materials.append(materials)
        self.colors.append(np.tile(np.array(_five(color)), (len(quads), 1)))

    def loft(self, rings: np.ndarray, materials: np.ndarray, color: tuple) -> None:
        """Join rings (n, m, 3) by quads; ``materials`` (n-1, m-1) says what each is made of. Both ends are closed."""
        corners = (rings[:-1, :-1], rings[:-1, 1:], rings[1:, 1:], rings[1:, :-1])
        self.add(np.stack(corners, axis=2).reshape(-1, 4, 3), materials.ravel(), color)
        for ring in (rings[0], rings[-1]):
            strips = [ring[[j, j + 1, -2 - j, -1 - j]] for j in range(len(ring) // 2)]
            self.add(np.array(strips), np.full(len(strips), PAINT), color)

    def box(self, x: tuple, y: tuple, z: tuple, color: tuple) -> None:
        """A cuboid between pairs of coordinates."""
        ring = [(x[0], y[0]), (x[0], y[1]), (x[1], y[1]), (x[1], y[0])]
        rings = np.array([[(px, py, at) for px, py in ring] for at in z], float)
        self.loft(rings, np.full((1, 3), PAINT), color)

    def detail(self, points: np.ndarray | list, normal: tuple, color: tuple) -> None:
        """A flat polygon on the shell, painted after it."""
        self.details.append(np.asarray(points, float))
        self.detail_normals.append(normal)
        self.detail_colors.append(color)

    def panel(self, axis: str, at: float, u: tuple, y: tuple, color: tuple) -> None:
        """A flat rectangle on a side (``axis="x"``, u along z) or an end (``axis="z"``, u along x) of the body."""
        sign = 1.0 if at > 0 else -1.0
        corners = ((u[0], y[0]), (u[0], y[1]), (u[1], y[1]), (u[1], y[0]))
        if axis == "x":
            self.detail([(at, py, pu) for pu, py in corners], (sign, 0.0, 0.0), color)
        else:
            self.detail([(pu, py, at) for pu, py in corners], (0.0, 0.0, sign), color)

    def slanted(self, a: tuple, b: tuple, y: tuple, color: tuple) -> None:
        """A lamp or pane around a corner: an upright strip between the plan points a and b = (x, z)."""
        points = [(a[0], y[0], a[1]), (a[0], y[1], a[1]), (b[0], y[1], b[1]), (b[0], y[0], b[1])]
        across, along = abs(b[0] - a[0]), abs(b[1] - a[1])
        x, z = a[0] + b[0], a[1] + b[1]
        normal = np.array([np.sign(x) * along, 0.0, np.sign(z) * across]) / max(np.hypot(across, along), 1e-9)
        self.detail(points, tuple(normal), color)

    def pane(self, corners: list[tuple], normal: tuple, gloss: float = 0.4, seats: tuple[float, ...] = ()) -> None:
        """A window of a car. ``corners``: low, high, high, low.

        It is darkest in the middle, mirrors the sky in its upper part by ``gloss`` and the street in its lower part.
        Behind it stand ``seats`` at those shares of its length, and daylight falls in through the windows opposite.
        """
        low_a, high_a, high_b, low_b = (np.array(c, float) for c in corners)

        def at(along: float, up: float) -> np.ndarray:
            return (1 - along) * (low_a + up * (high_a - low_a)) + along * (low_b + up * (high_b - low_b))

        def patch(color: tuple, *places: tuple[float, float]) -> None:
            self.detail([at(*place) for place in places], normal, color)

        cuts, mirrored = (0.0, 0.16, 0.4, 0.6, 0.78, 0.9, 1.0), (0.12, 0.03, 0.1, 0.25, 0.5, 0.75)
        for start, stop, share in zip(cuts[:-1], cuts[1:], mirrored, strict=True):
            color = (0.05, 0.055, 0.06, 0.0, gloss * share)
            patch(color, (0.0, start), (0.0, stop), (1.0, stop), (1.0, start))
        for seat in seats:
            # The view through to the other side, the back of the seat before it, and its head rest.
            half = 0.36 / (len(seats) + 0.5)
            patch(
                (0.1, 0.1, 0.1, 0.0, 0.22),
                (seat - half, 0.2),
                (seat - half, 0.72),
                (seat + half, 0.72),
                (seat + half, 0.2),
            )
            wide, dark = 0.55 * half, (0.035, 0.035, 0.04)
            patch(
                dark,
                (seat - wide, 0.0),
                (seat - 0.8 * wide, 0.42),
                (seat - 0.6 * wide, 0.47),
                (seat + 0.6 * wide, 0.47),
                (seat + 0.8 * wide, 0.42),
                (seat + wide, 0.0),
            )
            patch(
                dark,
                (seat - 0.45 * wide, 0.5),
                (seat - 0.5 * wide, 0.6),
                (seat - 0.3 * wide, 0.66),
                (seat + 0.3 * wide, 0.66),
                (seat + 0.5 * wide, 0.6),
                (seat + 0.45 * wide, 0.5),
            )

    def occupant(self, corners: list[tuple], normal: tuple, along: float, colors: tuple[tuple, tuple, tuple]) -> None:
        """Somebody behind a window: shoulders, face and hair of those colours, dimmed by the glass."""
        low_a, high_a, high_b, low_b = (np.array(c, float) for c in corners)
        length = float(np.linalg.norm(low_b - low_a))

        def at(right: float, up: float) -> np.ndarray:
            share = along + right / length
            return (1 - share) * (low_a + up * (high_a - low_a)) + share * (low_b + up * (high_b - low_b))

        top, skin, hair = (tuple(0.45 * c + 0.03 for c in color) for color in colors)
        self.detail([at(-0.2, 0.0), at(-0.16, 0.3), at(0.16, 0.3), at(0.2, 0.0)], normal, top)
        for color, up, half in ((hair, 0.56, 0.095), (skin, 0.5, 0.075)):
            self.detail([at(half * x, up + 0.21 * y) for x, y in CIRCLE[::2].tolist()], normal, color)

    def disc(self, x: float, y: float, z: float, radius: float, color: tuple) -> None:
        """A circle that looks sideways: a tyre, a rim."""
        ring = np.stack([np.full(len(CIRCLE), x), y + radius * CIRCLE[:, 1], z + radius * CIRCLE[:, 0]], axis=1)
        self.detail(ring, (1.0 if x > 0 else -1.0, 0.0, 0.0), color)

    def wheel(
        self,
        half_width: float,
        z: float,
        radius: float,
        rim: tuple = (0.42, 0.43, 0.45),
        fine: bool = True,
        spokes: int = 5,
    ) -> None:
        """A pair of wheels: arch, tyre, rim and hub on either side, the treads seen from ahead and behind."""
        for side in (-half_width, half_width):
            self.disc(side, radius * 1.04, z, radius * 1.17, (0.03, 0.03, 0.03))
            self.disc(side * 1.003, radius, z, radius, RUBBER)
            self.disc(side * 1.005, radius, z, radius * 0.68, rim)
            if spokes:
                self.disc(side * 1.006, radius, z, radius * 0.58, (0.1, 0.1, 0.1))
            for turn in np.arange(spokes * fine) * (2 * np.pi / max(spokes, 1)) + 0.3:
                wide = 0.6 / spokes
                spoke = np.array([(0.1, -0.7 * wide), (0.6, -wide), (0.6, wide), (0.1, 0.7 * wide)]) * radius
                turned = spoke @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
                points = [(side * 1.007, radius + py, z + pl) for pl, py in turned.tolist()]
                self.detail(points, (1.0 if side > 0 else -1.0, 0.0, 0.0), rim)
            self.disc(side * 1.008, radius, z, radius * 0.16, rim if spokes else (0.2, 0.2, 0.2))
            low, high = min(side * 0.76, side * 0.99), max(side * 0.76, side * 0.99)
            tread = [
                [(low, 0.06 * radius, at), (low, 0.4, at), (high, 0.4, at), (high, 0.06 * radius, at)]
                for at in (z - 0.35 * radius, z + 0.35 * radius)
            ]
            self.add(np.array(tread), np.full(2, DARK), RUBBER)

    def model(self, label: str, size: tuple[float, float, float]) -> "Model":
        """All that does not depend on where the vehicle stands. ``size``: half width, half length, height."""
        quads = np.concatenate(self.quads)
        normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
        lengths = np.linalg.norm(normals, axis=1)
        kept = lengths > 1e-9
        quads, normals = quads[kept], normals[kept] / lengths[kept, None]
        # Outwards is away from the axis of the body, which runs at half its height.
        outward = quads.mean(axis=1) - np.array([0.0, 0.45 * size[2], 0.0])
        normals *= np.where(np.sum(normals * outward, axis=1) < 0, -1.0, 1.0)[:, None]
        return Model(
            label,
            size,
            quads,
            normals,
            np.concatenate(self.materials)[kept],
            np.concatenate(self.colors)[kept],
            np.concatenate(self.details),
            np.array([len(points) for points in self.details]),
            np.array(self.detail_normals),
            np.array([_five(color) for color in self.detail_colors]),
        )


@dataclass(frozen=True)
class Model:
    """A vehicle ready to be placed: its shell of quads, and the details laid over them. Colours as in `Mesh`."""

    label: str
    size: tuple[float, float, float]
    quads: np.ndarray
    normals: np.ndarray
    materials: np.ndarray
    colors: np.ndarray
    details: np.ndarray
    detail_sizes: np.ndarray
    detail_normals: np.ndarray
    detail_colors: np.ndarray

    def solid(self, pose: Pose, light: Light, coat: np.ndarray) -> Solid:
        """Paint, light and place all faces that look towards a camera at `EYE`, from far to near, details last.

        A camera that hangs higher would see some more faces, which look up; they are left out.
        """
        camera = np.array([0.0, EYE, 0.0])
        mixing = np.concatenate([np.eye(3), np.asarray(coat, float)[None], light.sky_low[None]])
        normals = _turn(self.normals, pose.heading)
        world = pose.place(self.quads)
        toward = camera - world.mean(axis=1)
        distance = np.linalg.norm(toward, axis=1)
        kept = np.flatnonzero(np.einsum("ij,ij->i", normals, toward) > 0.0)
        kept = kept[np.argsort(-distance[kept], kind="stable")]
        toward = toward[kept] / distance[kept, None]
        shades = _lit(self.colors[kept] @ mixing, self.materials[kept], normals[kept], toward, light)
        # Less and less of the sky reaches what is close to the road.
        shades *= np.clip(0.55 + 0.5 * world[kept, :, 1].mean(axis=1) / 0.75, 0.0, 1.0)[:, None]

        placed = pose.place(self.details)
        normals = _turn(self.detail_normals, pose.heading)
        toward = camera - placed[np.cumsum(self.detail_sizes) - 1]
        seen = np.einsum("ij,ij->i", normals, toward) > 0.0
        lit = (self.detail_colors[seen] @ mixing) * (0.35 + 0.65 * light.shade(normals[seen]))[:, None]
        points = np.concatenate([world[kept].reshape(-1, 3), placed[np.repeat(seen, self.detail_sizes)]])
        sizes = np.concatenate([np.full(len(kept), 4), self.detail_sizes[seen]])
        shades = np.clip(np.concatenate([shades, lit]), 0.0, 1.0)
        foot = (pose.x, pose.z, *_footprint(pose, self.size), self.size[2])
        return Solid(self.label, pose.z, points, sizes, shades, foot)


def _five(color: tuple) -> tuple:
    return color if len(color) == 5 else (*color, 0.0, 0.0)


def coated(share: float) -> tuple:
    """The colour of the vehicle's coat, times ``share``."""
    return (0.0, 0.0, 0.0, share, 0.0)


def _turn(vectors: np.ndarray, heading: float) -> np.ndarray:
    cos, sin = np.cos(heading), np.sin(heading)
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([x * cos + z * sin, y, -x * sin + z * cos], axis=-1)


def _footprint(pose: Pose, size: tuple[float, float, float]) -> tuple[float, float]:
    cos, sin = abs(np.cos(pose.heading)), abs(np.sin(pose.heading))
    return size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos


def _lit(color: np.ndarray, material: np.ndarray, normal: np.ndarray, toward: np.ndarray, light: Light) -> np.ndarray:
    """Colours (n, 3) of faces: dull light, and on paint the mirrored street, houses, or sky."""
    base = color * light.shade(normal)[:, None]
    facing = np.sum(normal * toward, axis=1)
    mirrored = 2.0 * facing[:, None] * normal - toward
    # Below the horizon lies the road, above it stand dark houses and trees, and only above them is sky.
    sky = np.interp(mirrored[:, 1], (-0.3, -0.02, 0.05, 0.25, 0.5), (0.0, 0.1, 0.0, 0.25, 1.0))[:, None]
    scene = sky * light.sky_low + (1.0 - sky) * np.array([0.16, 0.16, 0.155])
    grazing = (1.0 - np.clip(facing, 0.0, 1.0)) ** 3
    strength = np.where(material == PAINT, 0.17 + 0.5 * grazing, 0.0)
    gleam = light.direct * np.maximum(mirrored @ light.sun, 0.0) ** 40 * (material != DARK)
    return base * (1.0 - strength[:, None]) + strength[:, None] * scene + 0.6 * gleam[:, None]


def refine(rings: np.ndarray) -> np.ndarray:
    """Put a ring between every two, and round the course of all points: (n, m, 3) -> (2n - 1, m, 3)."""
    out = np.empty((2 * len(rings) - 1, *rings.shape[1:]))
    out[::2], out[1::2] = rings, 0.5 * (rings[1:] + rings[:-1])
    out[1:-1] = 0.25 * (out[:-2] + out[2:]) + 0.5 * out[1:-1]
    return out


def pick(rng: np.random.Generator, options: tuple) -> tuple:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]
