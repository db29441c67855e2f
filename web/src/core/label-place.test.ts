import fc from "fast-check";
import { expect, it } from "vitest";
import { labelPlace } from "./label-place.ts";
import { boundingBox, contains, encode } from "./rle.ts";

const place = (rows: readonly string[]) => {
  const [height, width] = [rows.length, rows[0]!.length];
  const mask = encode({
    height,
    width,
    data: Uint8Array.from(rows.join(""), (each) => Number(each === "#")),
  });
  return labelPlace(mask, boundingBox(mask));
};

it("is the middle of what has no holes", () => {
  expect(place(["......", ".####.", ".####.", ".####."])).toEqual([2.5, 2.5]);
});

it("lies on a ring, not in its hole", () => {
  const [x, y] = place(["#####", "#...#", "#...#", "#...#", "#####"]);
  expect([x, y]).toEqual([0.5, 2.5]);
});

it("lies on the mask, whatever that is like", () => {
  const bitmaps = fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
    .chain(([height, width]) =>
      fc
        .uint8Array({ minLength: height * width, maxLength: height * width, max: 1 })
        .filter((data) => data.includes(1))
        .map((data) => ({ height, width, data })),
    );
  fc.assert(
    fc.property(bitmaps, (bitmap) => {
      const mask = encode(bitmap);
      const [x, y] = labelPlace(mask, boundingBox(mask));
      expect(contains(mask, x, y)).toBe(true);
    }),
  );
});
