// What the page computes of pictures and of the network's answers; nothing here touches the page.

export const VOID = 255;

function normals(seed) {                                         // the same noise each time, so that one slider moves one thing
  let a = seed >>> 0;
  const uniform = () => {                                        // mulberry32
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// A picture (ImageData) and its trainIds, or null, after rotation (degrees), darkness (0 to 1) and noise (deviation in grey levels).
export function disturb({ data, width, height }, trainIds, { noise, dark, turn }) {
  const rgba = new Uint8ClampedArray(data.length), truth = trainIds && new Uint8Array(width * height);
  const angle = turn * Math.PI / 180, cos = Math.cos(angle), sin = Math.sin(angle), normal = normals(1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x, dx = x - (width - 1) / 2, dy = y - (height - 1) / 2;
      const u = cos * dx - sin * dy + (width - 1) / 2, v = sin * dx + cos * dy + (height - 1) / 2;
      const inside = u >= 0 && v >= 0 && u <= width - 1 && v <= height - 1;
      if (truth) truth[i] = inside ? trainIds[Math.round(v) * width + Math.round(u)] : VOID;   // nearest, never between two classes
      for (let c = 0; c < 3; c++) {
        let value = inside ? bilinear(data, width, height, u, v, c) : 0;
        value *= 1 - dark;
        if (noise) value += noise * normal();
        rgba[4 * i + c] = value;
      }
      rgba[4 * i + 3] = 255;
    }
  }
  return { rgba, truth, width, height };
}

function bilinear(data, width, height, u, v, c) {
  const x = Math.floor(u), y = Math.floor(v), x1 = Math.min(x + 1, width - 1), y1 = Math.min(y + 1, height - 1), a = u - x, b = v - y;
  const at = (i, j) => data[4 * (j * width + i) + c];
  return (1 - b) * ((1 - a) * at(x, y) + a * at(x1, y)) + b * ((1 - a) * at(x, y1) + a * at(x1, y1));
}

// The softmax of one pixel's logits; logits are (classes, pixels).
export function probabilities(logits, pixel, pixels) {
  const values = Array.from({ length: logits.length / pixels }, (_, c) => logits[c * pixels + pixel]), top = Math.max(...values);
  const exps = values.map((v) => Math.exp(v - top)), sum = exps.reduce((a, b) => a + b);
  return exps.map((e) => e / sum);
}

export function meanIoU(mask, truth, classes) {                  // over the classes that occur in either; void is not scored
  const both = new Array(classes).fill(0), either = new Array(classes).fill(0);
  for (let i = 0; i < mask.length; i++) {
    if (truth[i] === VOID) continue;
    if (mask[i] === truth[i]) { both[mask[i]]++; either[mask[i]]++; } else { either[mask[i]]++; either[truth[i]]++; }
  }
  const scores = both.map((b, c) => either[c] ? b / either[c] : NaN).filter((s) => !Number.isNaN(s));
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

// The share of pixels on which two masks say the same class.
export function agreement(mask, other) {
  return mask.reduce((same, m, i) => same + (m === other[i]), 0) / mask.length;
}

// How much of a mask each of its classes takes, the largest first: [share, class].
export function shares(mask) {
  const counts = new Map();
  for (const m of mask) counts.set(m, (counts.get(m) ?? 0) + 1);
  return [...counts].map(([c, n]) => [n / mask.length, c]).sort((a, b) => b[0] - a[0]);
}
