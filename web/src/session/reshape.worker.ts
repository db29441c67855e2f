/** The other side of reshaper.ts. */

import { ColumnMask } from "../core/column-mask.ts";
import { reshape } from "../core/morphology.ts";
import type { ReshapeRequest } from "./reshaper.ts";

self.onmessage = ({ data: { mask, how, radius } }: MessageEvent<ReshapeRequest>) => {
  self.postMessage(reshape(ColumnMask.from(mask), how, radius).toRle());
};
