/** Growing, shrinking and smoothing: at once where that is quick, else in a worker, so that the page stays awake. */

import { ColumnMask } from "../core/column-mask.ts";
import { type Reshaping, reshape } from "../core/morphology.ts";
import type { Rle } from "../core/rle.ts";
import { m } from "../texts/messages.ts";

export type Reshaper = (mask: ColumnMask, how: Reshaping, radius: number) => Promise<ColumnMask>;

export interface ReshapeRequest {
  readonly mask: Rle;
  readonly how: Reshaping;
  readonly radius: number;
}

const QUICK = 200_000; // columns times the disc's width: some 50 ms

export const reshapeInBackground: Reshaper = async (mask, how, radius) => {
  if (mask.size[1] * (2 * radius + 1) <= QUICK) return reshape(mask, how, radius);
  const worker = new Worker(new URL("./reshape.worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Rle>) => resolve(ColumnMask.from(data));
      worker.onerror = ({ message }) => reject(new Error(m.annotate_reshape_failed({ reason: message })));
      const request: ReshapeRequest = { mask: mask.toRle(), how, radius };
      worker.postMessage(request);
    });
  } finally {
    worker.terminate();
  }
};
