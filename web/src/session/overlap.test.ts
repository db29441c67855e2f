import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bitmap } from "../core/bitmap.ts";
import { ColumnMask } from "../core/column-mask.ts";
import { bitmaps, maskOf, pixelsOf } from "../core/masks.test-support.ts";
import { encode } from "../core/rle.ts";
import { settle } from "./overlap.ts";
import type { Annotation } from "./types.ts";

const others = fc.array(fc.tuple(bitmaps(), fc.boolean()), { maxLength: 4 });
const before = fc.option(bitmaps());

function annotationOf(bitmap: Bitmap, index: number): Annotation {
  return {
    uid: `other ${index}`,
    category_id: 1,
    segmentation: encode(bitmap),
    iscrowd: 0,
    attributes: {},
    provenance: null,
  };
}

/** Everything as pixels: what the mask keeps, and what each of the others has afterwards. */
function settledPixels(
  mask: Bitmap,
  old: Bitmap | null,
  known: [Bitmap, boolean][],
  policy: Parameters<typeof settle>[3],
) {
  const annotations = known.map(([bitmap], index) => annotationOf(bitmap, index));
  const isLocked = (uid: string) => known[annotations.findIndex((each) => each.uid === uid)]![1];
  const settled = settle(maskOf(mask), old && maskOf(old), annotations, policy, isLocked);
  return {
    mask: pixelsOf(settled.mask),
    others: annotations.map((other) => {
      const taken = settled.taken.find((each) => each.other === other);
      return pixelsOf(taken?.rest ?? ColumnMask.from(other.segmentation));
    }),
  };
}

describe("pixels that a mask shares with other objects", () => {
  it("go to nobody else when they may overlap", () => {
    fc.assert(
      fc.property(bitmaps(), before, others, (mask, old, known) => {
        expect(settledPixels(mask, old, known, "allow")).toEqual({
          mask: mask.data,
          others: known.map(([{ data }]) => data),
        });
      }),
    );
  });

  it("stay with the others when those are protected; what the mask had before, it keeps", () => {
    fc.assert(
      fc.property(bitmaps(), before, others, (mask, old, known) => {
        const expected = mask.data.map((value, at) =>
          value && (old?.data[at] || known.every(([{ data }]) => !data[at])) ? 1 : 0,
        );
        expect(settledPixels(mask, old, known, "protect")).toEqual({
          mask: expected,
          others: known.map(([{ data }]) => data),
        });
      }),
    );
  });

  it("go to the mask when it overwrites, as far as they are new to it and nothing locked has them", () => {
    fc.assert(
      fc.property(bitmaps(), before, others, (mask, old, known) => {
        const isKept = (at: number) => known.some(([{ data }, locked]) => locked && data[at] === 1);
        const isNew = (at: number) => mask.data[at] === 1 && !old?.data[at];
        expect(settledPixels(mask, old, known, "overwrite")).toEqual({
          mask: mask.data.map((value, at) => (value && !(isNew(at) && isKept(at)) ? 1 : 0)),
          others: known.map(([{ data }, locked]) =>
            data.map((value, at) => (value && (locked || !isNew(at) || isKept(at)) ? 1 : 0)),
          ),
        });
      }),
    );
  });
});
