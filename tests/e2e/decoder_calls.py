"""What the page's worker is asked without the page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from tests.e2e.tiny_models import TinyModel

# The page keeps its worker to itself; here it is put where a test can ask it too.
SHOW_WORKER = """
const Plain = Worker;
globalThis.Worker = class extends Plain {
  constructor(script, options) {
    super(script, options);
    if (options?.name === "decoder") globalThis.decoderWorker = this;
  }
};
"""
# One call of web/src/decoder/worker.ts, in the words of comlink, which the page uses to talk to it.
CALL = """
const call = (method, value) => new Promise((resolve, reject) => {
  const id = crypto.randomUUID();
  decoderWorker.addEventListener("message", function heard({ data }) {
    if (data.id !== id) return;
    decoderWorker.removeEventListener("message", heard);
    if (data.type === "RAW") resolve(data.value);
    else reject(new Error(data.value.value.message));
  });
  decoderWorker.postMessage({ id, type: "APPLY", path: [method], argumentList: [{ type: "RAW", value }] });
});
"""
OPEN = f"async (bytes) => {{ {CALL} await call('open', Uint8Array.from(bytes).buffer); }}"
DECODE = f"""async ([coords, labels, mask]) => {{
  {CALL}
  const {{ lowRes, iou }} = await call('decode', {{
    pointCoords: Float32Array.from(coords),
    pointLabels: Float32Array.from(labels),
    mask: mask && Float32Array.from(mask),
  }});
  return [[...lowRes], [...iou]];
}}"""

Answer = tuple[NDArray[np.float64], NDArray[np.float64]]  # low_res_masks (4, side, side), iou_predictions (4,)


def ask(page: Page, tiny: TinyModel, prompt: tuple[Any, tuple[int, ...], bool]) -> Answer:
    points, labels, has_mask = prompt
    coords = [value * tiny.manifest.input.image_size for point in points for value in point]
    side = tiny.manifest.masks.low_res_size
    mask = mask_prompt(side).tolist() if has_mask else None
    low_res, iou = page.evaluate(DECODE, [coords, labels, mask])
    return np.reshape(low_res, (4, side, side)), np.array(iou)


def mask_prompt(side: int) -> NDArray[np.float64]:
    """Logits (side · side,) of the mask that :func:`ask` asks with."""
    return 4 * np.sin(np.arange(side**2) / 37)


def relative(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
