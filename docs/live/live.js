// The page: it draws, asks and answers. The network itself runs in worker.js, so that the page stays awake.

const HEIGHT = 256, WIDTH = 512;          // what a MiniCity scene has; a photo keeps its own shape, near this area
const VOID = 255;
const $ = (id) => document.getElementById(id);
const slider = { opacity: $("opacity"), noise: $("noise"), dark: $("dark"), turn: $("turn") };

const about = await (await fetch("assets/live.json")).json();   // classes, colours, scenes, receptive field
const worker = new Worker("worker.js", { type: "module" });
const state = {
  image: null,        // ImageData of the scene or photo as it was opened
  truth: null,        // Uint8Array of trainIds, or null for a photo
  shown: null,        // {rgba, truth, height, width}: after noise, darkness and rotation
  answers: {},        // by network: {logits, mask, ms}
  cross: null,        // the pixel that was clicked, [x, y] in the shown picture
};
let serial = 0;       // an answer to an older question is dropped

function networks() {
  return [...document.querySelectorAll(".net:checked")].map((box) => box.value);
}

const titleOf = (network) => about.networks.find(({ id }) => id === network).title;

// ---- pictures in ----------------------------------------------------------------------------------------------

async function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function openScene(index) {
  const scene = about.scenes[index];
  const [photo, labels] = await Promise.all([scene.image, scene.labels].map(loadPicture));
  state.image = await pixelsOf(photo, WIDTH, HEIGHT);
  const painted = await pixelsOf(labels, WIDTH, HEIGHT);        // grey values are trainIds
  state.truth = new Uint8Array(WIDTH * HEIGHT).map((_, i) => painted.data[4 * i]);
  for (const button of $("scenes").children) button.setAttribute("aria-pressed", button.dataset.index == index);
  change();
}

async function loadPicture(name) {
  // Colour management would change the numbers of a label image.
  return createImageBitmap(await (await fetch("assets/" + name)).blob(), { colorSpaceConversion: "none" });
}

async function openPhoto(file) {
  let photo;
  try {
    photo = await createImageBitmap(file);                      // turned upright, as its EXIF tag says
  } catch {
    return say(`${file.name} cannot be opened as a picture. Save it as JPEG or PNG, and try that.`);
  }
  say("");
  // About as many pixels as a scene, both sides multiples of 16, the shape kept.
  const scale = Math.sqrt(WIDTH * HEIGHT / (photo.width * photo.height));
  const round = (size) => Math.max(32, 16 * Math.round(size * scale / 16));
  state.image = await pixelsOf(photo, round(photo.width), round(photo.height));
  state.truth = null;
  for (const button of $("scenes").children) button.setAttribute("aria-pressed", "false");
  change();
}

// ---- noise, darkness, rotation ----------------------------------------------------------------------------------

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

function disturb() {
  const { data, width, height } = state.image;
  const rgba = new Uint8ClampedArray(data.length), truth = state.truth && new Uint8Array(width * height);
  const angle = slider.turn.value * Math.PI / 180, cos = Math.cos(angle), sin = Math.sin(angle);
  const light = 1 - slider.dark.value, sigma = Number(slider.noise.value), normal = normals(1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x, dx = x - (width - 1) / 2, dy = y - (height - 1) / 2;
      const u = cos * dx - sin * dy + (width - 1) / 2, v = sin * dx + cos * dy + (height - 1) / 2;
      const inside = u >= 0 && v >= 0 && u <= width - 1 && v <= height - 1;
      if (truth) truth[i] = inside ? state.truth[Math.round(v) * width + Math.round(u)] : VOID;   // nearest, never between two classes
      for (let c = 0; c < 3; c++) {
        let value = inside ? bilinear(data, width, height, u, v, c) : 0;
        value *= light;
        if (sigma) value += sigma * normal();
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

// ---- asking the network -----------------------------------------------------------------------------------------

let waiting = false, again = false;
function change() {                                              // one question at a time; the last one counts
  showValues();
  if (!state.image) return;
  if (waiting) { again = true; return; }
  ask();
}

async function ask() {
  waiting = true;
  state.shown = disturb();
  const { width, height } = state.shown;
  if (!state.cross || state.cross[0] >= width || state.cross[1] >= height) state.cross = [width >> 1, Math.round(height * 0.8)];
  makeViews();
  draw();
  document.querySelectorAll("figure").forEach((f) => f.classList.add("busy"));
  const skips = [1, 1, 1, 1];
  document.querySelectorAll(".skip").forEach((box) => { skips[box.value] = box.checked ? 1 : 0; });
  const number = ++serial;
  try {
    for (const network of networks()) {
      const answer = await question({ network, skips, rgba: state.shown.rgba, width, height });
      if (number === serial) state.answers[network] = answer;
    }
    document.body.dataset.ready = number;                         // tests wait for it
  } catch (error) {
    say(`The network could not answer: ${error.message}`);
  }
  waiting = false;
  if (again) { again = false; change(); return; }
  document.querySelectorAll("figure").forEach((f) => f.classList.remove("busy"));
  draw();
  tell();
}

function question(message) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => data.error ? reject(new Error(data.error)) : resolve(data);
    worker.onerror = (event) => reject(new Error(event.message || "the worker did not start"));
    worker.postMessage(message);
  });
}

// ---- pictures out -----------------------------------------------------------------------------------------------

function makeViews() {
  const { width, height } = state.shown, wanted = networks().join();
  if ($("views").dataset.for === `${wanted} ${width}x${height}`) return;
  $("views").dataset.for = `${wanted} ${width}x${height}`;
  $("views").replaceChildren(...networks().map((network) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"), caption = document.createElement("figcaption");
    Object.assign(canvas, { width, height, tabIndex: 0, id: `view-${network}` });
    canvas.setAttribute("role", "img");
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      point(Math.floor((event.clientX - box.left) * width / box.width), Math.floor((event.clientY - box.top) * height / box.height));
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const by = event.shiftKey ? 16 : 4;
      point(state.cross[0] + by * step[0], state.cross[1] + by * step[1]);
    });
    caption.id = `caption-${network}`;
    figure.append(canvas, caption);
    return figure;
  }));
}

function point(x, y) {
  const { width, height } = state.shown;
  state.cross = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
  draw();
  tell();
}

function draw() {
  const { rgba, width, height } = state.shown, opacity = Number(slider.opacity.value);
  for (const network of networks()) {
    const context = $(`view-${network}`).getContext("2d"), answer = state.answers[network];
    const picture = new ImageData(new Uint8ClampedArray(rgba), width, height);
    if (answer?.mask.length === width * height) {
      for (let i = 0; i < answer.mask.length; i++) {
        const color = about.classes[answer.mask[i]].color;
        for (let c = 0; c < 3; c++) picture.data[4 * i + c] = (1 - opacity) * rgba[4 * i + c] + opacity * color[c];
      }
    }
    context.putImageData(picture, 0, 0);
    drawField(context);
  }
}

function drawField(context) {
  const [x, y] = state.cross, half = about.receptive_field / 2;
  for (const [width, color] of [[3, "#000"], [1.2, "#fff"]]) {    // white on black shows on every colour
    Object.assign(context, { lineWidth: width, strokeStyle: color });
    context.strokeRect(x + 0.5 - half, y + 0.5 - half, 2 * half, 2 * half);
    context.beginPath();
    context.moveTo(x - 7, y + 0.5); context.lineTo(x + 8, y + 0.5);
    context.moveTo(x + 0.5, y - 7); context.lineTo(x + 0.5, y + 8);
    context.stroke();
  }
}

// ---- words ------------------------------------------------------------------------------------------------------

function probabilities(logits, pixel, pixels) {
  const values = about.classes.map((_, c) => logits[c * pixels + pixel]), top = Math.max(...values);
  const exps = values.map((v) => Math.exp(v - top)), sum = exps.reduce((a, b) => a + b);
  return exps.map((e) => e / sum);
}

function tell() {
  const { width, height, truth } = state.shown, [x, y] = state.cross, pixel = y * width + x;
  const asked = networks().filter((n) => state.answers[n]?.mask.length === width * height);
  if (!asked.length) return;
  const chances = probabilities(state.answers[asked[0]].logits, pixel, width * height);
  const order = chances.map((p, c) => [p, c]).sort((a, b) => b[0] - a[0]);
  const name = (c) => about.classes[c].name;
  let text = `${name(order[0][1])}, ${Math.round(100 * order[0][0])} % sure.`;
  if (truth) text += truth[pixel] === VOID ? " Here is void: it is not scored." : ` It is ${name(truth[pixel])}.`;
  for (const other of asked.slice(1)) text += ` “${titleOf(other)}” says ${name(state.answers[other].mask[pixel])}.`;
  $("verdict").textContent = text;
  $("bars").replaceChildren(...order.slice(0, 6).map(([p, c]) => {
    const row = document.createElement("li"), label = document.createElement("em"), bar = document.createElement("span"), number = document.createElement("b");
    label.textContent = name(c);
    bar.style.width = `${100 * p}%`;
    number.textContent = `${(100 * p).toFixed(p < 0.1 ? 1 : 0)} %`;
    row.append(label, bar, number);
    return row;
  }));
  $("score").textContent = asked.map((n) => `${titleOf(n)}: ` + (truth ? `mean IoU ${(100 * meanIoU(state.answers[n].mask, truth)).toFixed(1)} % in this picture, ` : "") + `${state.answers[n].ms} ms`).join("; ");
  const present = [...new Set(state.answers[asked[0]].mask)].sort((a, b) => a - b);
  $("legend").replaceChildren(...present.map((c) => {
    const row = document.createElement("li"), patch = document.createElement("i");
    patch.style.background = `rgb(${about.classes[c].color})`;
    row.append(patch, name(c));
    return row;
  }));
  for (const network of asked) {
    $(`caption-${network}`).textContent = titleOf(network);
    const shares = present.map((c) => [state.answers[network].mask.reduce((n, m) => n + (m === c), 0) / (width * height), c]).sort((a, b) => b[0] - a[0]);
    $(`view-${network}`).setAttribute("aria-label", "Prediction: " + shares.slice(0, 5).map(([s, c]) => `${name(c)} ${Math.round(100 * s)} %`).join(", "));
  }
}

function meanIoU(mask, truth) {                                   // over the classes that occur in either; void is not scored
  const n = about.classes.length, both = new Array(n).fill(0), either = new Array(n).fill(0);
  for (let i = 0; i < mask.length; i++) {
    if (truth[i] === VOID) continue;
    if (mask[i] === truth[i]) { both[mask[i]]++; either[mask[i]]++; } else { either[mask[i]]++; either[truth[i]]++; }
  }
  const scores = both.map((b, c) => either[c] ? b / either[c] : NaN).filter((s) => !Number.isNaN(s));
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

function say(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text;
}

function showValues() {
  $("opacity-value").textContent = `${Math.round(100 * slider.opacity.value)} %`;
  $("noise-value").textContent = `${slider.noise.value} grey levels`;
  $("dark-value").textContent = `${Math.round(100 * slider.dark.value)} %`;
  $("turn-value").textContent = `${slider.turn.value}°`;
}

// ---- start ------------------------------------------------------------------------------------------------------

$("nets").hidden = about.networks.length < 2;
about.networks.forEach(({ id, title }, index) => {
  const label = document.createElement("label"), box = document.createElement("input");
  Object.assign(box, { type: "checkbox", className: "net", value: id, checked: index === 0 });
  label.append(box, ` ${title}`);
  box.addEventListener("change", () => {
    if (!networks().length) box.checked = true;                   // one has to answer
    change();
  });
  $("nets").append(label);
});
about.scenes.forEach((scene, index) => {
  const button = document.createElement("button"), image = document.createElement("img");
  button.type = "button";
  button.dataset.index = index;
  Object.assign(image, { src: "assets/" + scene.image, alt: `MiniCity scene ${index + 1}`, width: 120, height: 60 });
  button.append(image);
  button.addEventListener("click", () => openScene(index));
  $("scenes").append(button);
});
slider.opacity.addEventListener("input", () => { showValues(); if (state.shown) draw(); });
for (const name of ["noise", "dark", "turn"]) slider[name].addEventListener("input", change);
document.querySelectorAll(".skip").forEach((box) => box.addEventListener("change", change));
$("file").addEventListener("change", (event) => event.target.files[0] && openPhoto(event.target.files[0]));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) openPhoto(event.dataTransfer.files[0]); });
$("reset").addEventListener("click", () => {
  Object.assign(slider.noise, { value: 0 }); slider.dark.value = 0; slider.turn.value = 0;
  document.querySelectorAll(".skip").forEach((box) => { box.checked = true; });
  change();
});
$("live").hidden = false;
globalThis.live = state;                                          // for tests, and for a look in the console
await openScene(0);
