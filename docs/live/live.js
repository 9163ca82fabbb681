// The page: it draws, asks and answers. The network itself runs in worker.js, so that the page stays awake.
import { VOID, agreement, disturb, meanIoU, probabilities, shares } from "./compute.js";

const HEIGHT = 256, WIDTH = 512;          // what a MiniCity scene has; a photo keeps its own shape, near this area
const LIKELIEST = 6;                      // classes that are listed until all are asked for
const $ = (id) => document.getElementById(id);
const slider = { opacity: $("opacity"), noise: $("noise"), dark: $("dark"), turn: $("turn") };

const about = await (await fetch("assets/live.json")).json();   // classes, colours, scenes, networks
const worker = new Worker("worker.js", { type: "module" });
const state = {
  image: null,        // ImageData of the scene or photo as it was opened
  truth: null,        // Uint8Array of trainIds, or null for a photo
  shown: null,        // {rgba, truth, height, width}: after noise, darkness and rotation
  answers: {},        // by network: {logits, mask, ms}
  cross: null,        // the pixel that was clicked, [x, y] in the shown picture
};
let serial = 0;       // an answer to an older question is dropped

const isOn = (button) => button.getAttribute("aria-pressed") === "true";

function networks() {                                            // those that are to answer
  if (isOn($("compare"))) return about.twins.map(({ id }) => id);
  return [...document.querySelectorAll(".net:checked")].map((box) => box.value);
}

const titleOf = (network) => [...about.networks, ...about.twins].find(({ id }) => id === network).title;
const nameOf = (c) => about.classes[c].name;
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

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
  const image = await pixelsOf(photo, WIDTH, HEIGHT);
  const painted = await pixelsOf(labels, WIDTH, HEIGHT);        // grey values are trainIds
  show(image, new Uint8Array(WIDTH * HEIGHT).map((_, i) => painted.data[4 * i]), index);
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
  show(await pixelsOf(photo, round(photo.width), round(photo.height)), null, null);
}

function show(image, truth, scene) {                             // a new picture: no answer is about it yet
  Object.assign(state, { image, truth, answers: {} });
  for (const button of $("scenes").children) button.setAttribute("aria-pressed", Number(button.dataset.index) === scene);
  change();
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
  const { noise, dark, turn } = slider;
  state.shown = disturb(state.image, state.truth, { noise: Number(noise.value), dark: Number(dark.value), turn: Number(turn.value) });
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
  tellPicture();
  tellPixel();
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
    canvas.setAttribute("role", "application");                   // a screen reader then leaves the arrow keys to the page
    canvas.setAttribute("aria-roledescription", "picture");
    canvas.setAttribute("aria-label", `Prediction of “${titleOf(network)}”`);
    canvas.setAttribute("aria-describedby", "hint");
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
    Object.assign(caption, { id: `caption-${network}`, textContent: titleOf(network) });
    figure.append(canvas, caption);
    return figure;
  }));
}

function point(x, y) {
  const { width, height } = state.shown;
  state.cross = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
  draw();
  tellPixel();
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

function seenFrom(pixel) {                                       // the pixels of a row that can change one output, as lesson 04 finds them
  let [first, last] = [pixel - 2, pixel + 2];                    // two 3x3 convolutions
  for (let level = 0; level < 4; level++) {                      // an up-convolution, and the level below it
    [first, last] = [Math.floor(first / 2) - 2, Math.floor(last / 2) + 2];
  }
  for (let level = 0; level < 4; level++) {                      // back to the image: a pooling, and the level above it
    [first, last] = [2 * first - 2, 2 * last + 1 + 2];
  }
  return [first, last];
}

function drawField(context) {
  const [x, y] = state.cross, [[left, right], [top, bottom]] = state.cross.map(seenFrom);
  for (const [width, color] of [[3, "#000"], [1.2, "#fff"]]) {    // white on black shows on every colour
    Object.assign(context, { lineWidth: width, strokeStyle: color });
    context.strokeRect(left, top, right - left + 1, bottom - top + 1);
    context.beginPath();
    context.moveTo(x - 7, y + 0.5); context.lineTo(x + 8, y + 0.5);
    context.moveTo(x + 0.5, y - 7); context.lineTo(x + 0.5, y + 8);
    context.stroke();
  }
}

// ---- words ------------------------------------------------------------------------------------------------------

function answered() {                                            // networks that have answered about a picture of this size
  const { width, height } = state.shown;
  return networks().filter((n) => state.answers[n]?.mask.length === width * height);
}

function tellPixel() {
  const { width, height, truth } = state.shown, [x, y] = state.cross, pixel = y * width + x, asked = answered();
  if (!asked.length) return;
  const chances = asked.map((n) => probabilities(state.answers[n].logits, pixel, width * height));
  const words = asked.map((n, i) => {
    const top = Math.max(...chances[i]);
    return `${asked.length > 1 ? `${titleOf(n)}: ` : ""}${nameOf(chances[i].indexOf(top))}, ${percent(top)} sure.`;
  });
  if (truth) words.push(truth[pixel] === VOID ? "Here is void: it is not scored." : `It is ${nameOf(truth[pixel])}.`);
  $("verdict").textContent = words.join(" ");
  tellChances(asked, chances);
}

function tellChances(asked, chances) {                           // a row for each class, a column for each network
  const sure = (c) => Math.max(...chances.map((of) => of[c]));
  const order = about.classes.map((_, c) => c).sort((a, b) => sure(b) - sure(a));
  const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
  $("heads").replaceChildren(cell("td", ""), ...asked.map((n) => Object.assign(cell("th", titleOf(n)), { scope: "col" })));
  $("bars").replaceChildren(...order.slice(0, isOn($("all")) ? order.length : LIKELIEST).map((c) => {
    const row = document.createElement("tr");
    row.append(Object.assign(cell("th", nameOf(c)), { scope: "row" }), ...chances.map((of) => {
      const chance = document.createElement("td"), track = document.createElement("div"), bar = document.createElement("span");
      bar.style.width = `${100 * of[c]}%`;
      track.append(bar, cell("b", percent(of[c], of[c] < 0.1 ? 1 : 0)));
      chance.append(track);
      return chance;
    }));
    return row;
  }));
}

function tellPicture() {
  const { truth } = state.shown, asked = answered(), masks = asked.map((n) => state.answers[n].mask);
  if (!asked.length) return;
  const scores = asked.map((n, i) => `${asked.length > 1 ? `${titleOf(n)} ` : ""}${truth ? percent(meanIoU(masks[i], truth, about.classes.length), 1) : ""}`);
  let text = truth ? `Mean IoU in this picture: ${scores.join(", ")}.` : "No score: nobody has labelled this photo.";
  if (asked.length === 2) text += ` The two agree on ${percent(agreement(...masks), 1)} of the pixels.`;
  $("score").textContent = text;
  const present = [...new Set(masks.flatMap((mask) => [...new Set(mask)]))].sort((a, b) => a - b);
  $("legend").replaceChildren(...present.map((c) => {
    const row = document.createElement("li"), patch = document.createElement("i");
    patch.style.background = `rgb(${about.classes[c].color})`;
    row.append(patch, nameOf(c));
    return row;
  }));
  asked.forEach((network, i) => {
    $(`caption-${network}`).textContent = `${titleOf(network)} (${state.answers[network].ms} ms)`;
    const largest = shares(masks[i]).slice(0, 5).map(([share, c]) => `${nameOf(c)} ${percent(share)}`);
    $(`view-${network}`).setAttribute("aria-label", `Prediction of “${titleOf(network)}”: ${largest.join(", ")}`);
  });
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
function onPress(button, then) {
  button.addEventListener("click", () => { button.setAttribute("aria-pressed", !isOn(button)); then(); });
}
onPress($("compare"), () => {
  $("nets").disabled = isOn($("compare"));
  $("twins").hidden = !isOn($("compare"));
  state.answers = {};                                            // older ones may be about another picture
  change();
});
onPress($("all"), tellPixel);
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
