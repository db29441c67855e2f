import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ColumnMask } from "./column-mask.ts";
import { difference, intersect, subtract, union } from "./combine.ts";
import { bitmaps, maskFromText, maskOf, pixelsOf } from "./masks.test-support.ts";
import { area, boundingBox, contains, decode, encode, type Rle } from "./rle.ts";

describe("a mask in columns", () => {
  it("is the same RLE, bit by bit, with the same area, box and pixels", () => {
    fc.assert(
      fc.property(bitmaps(), (bitmap) => {
        const plain = encode(bitmap);
        const mask = ColumnMask.from(plain);
        expect(mask.counts).toBe(plain.counts);
        expect(decode(mask).data).toEqual(bitmap.data);
        expect(area(mask)).toBe(area(plain));
        expect(boundingBox(mask)).toEqual(boundingBox(plain));
        for (let x = 0; x < bitmap.width; x++)
          expect(contains(mask, x + 0.5, 9)).toBe(contains(plain, x + 0.5, 9));
      }),
    );
  });

  it("reads pixels outside the image as background", () => {
    const mask = ColumnMask.full({ height: 3, width: 40 });
    expect([mask.contains(-1, 1), mask.contains(40, 1), mask.contains(3, -1), mask.contains(3, 3)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it("copies into plain data that can be kept and sent", () => {
    const mask = maskFromText("##.", ".#.");
    const plain: Rle = { size: [2, 3], counts: mask.counts };
    expect(JSON.parse(JSON.stringify(mask))).toEqual(plain);
    expect({ ...mask }).toEqual(plain);
    expect(structuredClone(mask)).toEqual(plain);
  });

  it("is made once per RLE", () => {
    const rle = maskFromText("##.").toRle();
    expect(ColumnMask.from(rle)).toBe(ColumnMask.from(rle));
  });
});

describe("combining masks", () => {
  it.each([
    ["union", union, (a: number, b: number) => a | b],
    ["subtract", subtract, (a: number, b: number) => a & ~b],
    ["intersect", intersect, (a: number, b: number) => a & b],
    ["difference", difference, (a: number, b: number) => a ^ b],
  ])("%s does to every pixel what it says", (_, combine, expected) => {
    fc.assert(
      fc.property(bitmaps(), bitmaps(), (a, b) => {
        const result = combine(maskOf(a), maskOf(b));
        expect(pixelsOf(result)).toEqual(a.data.map((value, index) => expected(value, b.data[index]!)));
        expect(encode(decode(result)).counts).toBe(result.counts);
      }),
    );
  });

  it("shares what did not change", () => {
    const mask = ColumnMask.full({ height: 8, width: 320 });
    const speck = maskOf({ height: 8, width: 320, data: new Uint8Array(8 * 320).fill(1, 40, 41) });
    const changed = subtract(mask, speck);
    expect(changed.chunks.filter((chunk, index) => chunk !== mask.chunks[index])).toHaveLength(1);
    expect(union(mask, speck)).toBe(mask);
    expect(subtract(changed, speck)).toBe(changed);
  });

  it("refuses masks of different sizes", () => {
    expect(() => union(maskFromText("#"), maskFromText("##"))).toThrow(RangeError);
  });
});
