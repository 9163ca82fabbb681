// The network: ONNX Runtime Web in WebAssembly, away from the page's own thread.
import * as ort from "./runtime/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
// Threads need memory that they share, which a browser gives to isolated pages only: `make serve` sends the headers.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;

const sessions = {};                                              // a network is fetched when it is first asked

self.onmessage = async ({ data: { network, skips, rgba, width, height } }) => {
  try {
    sessions[network] ??= ort.InferenceSession.create(`assets/${network}.onnx`);
    const session = await sessions[network];
    const pixels = width * height, image = new Float32Array(3 * pixels);
    for (let c = 0; c < 3; c++) for (let i = 0; i < pixels; i++) image[c * pixels + i] = rgba[4 * i + c];   // (H, W, 4) -> (3, H, W), 0..255
    const start = performance.now();
    const { logits } = await session.run({
      image: new ort.Tensor("float32", image, [1, 3, height, width]),
      skips: new ort.Tensor("float32", Float32Array.from(skips), [4]),
    });
    const ms = Math.round(performance.now() - start);
    self.postMessage({ logits: logits.data, mask: argmax(logits.data, logits.dims[1], pixels), ms });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};

function argmax(logits, classes, pixels) {
  const mask = new Uint8Array(pixels), best = logits.slice(0, pixels);
  for (let c = 1; c < classes; c++) {
    for (let i = 0; i < pixels; i++) {
      const value = logits[c * pixels + i];
      if (value > best[i]) { best[i] = value; mask[i] = c; }
    }
  }
  return mask;
}
