import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bitmap, createBitmap } from "./bitmap.ts";
import {
  area,
  boundingBox,
  compress,
  contains,
  decode,
  decompress,
  encode,
  forEachStretch,
  type Rle,
  RleBuilder,
  RleError,
} from "./rle.ts";
import { bitmapFromText, goldenCases } from "./vectors.test-support.ts";

interface Case {
  rows: string[];
  rle: Rle;
  runs: number[];
  area: number;
  bbox: [number, number, number, number];
}

const bitmaps: fc.Arbitrary<Bitmap> = fc
  .tuple(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 150 }))
  .chain(([height, width]) =>
    fc
      .uint8Array({ minLength: height * width, maxLength: height * width, max: 1 })
      .map((data) => ({ height, width, data })),
  );

describe.each(goldenCases<Case>("rle"))("RLE of pycocotools $rle.counts", (golden) => {
  const bitmap = bitmapFromText(golden.rows);

  it("encodes to the same text", () => expect(encode(bitmap)).toEqual(golden.rle));
  it("decodes to the same pixels", () => expect(decode(golden.rle)).toEqual(bitmap));
  it("has the same runs both ways", () => {
    expect([...decompress(golden.rle.counts)]).toEqual(golden.runs);
    expect(compress(golden.runs)).toBe(golden.rle.counts);
  });
  it("has the same area and box", () => {
    const { left, top, width, height } = boundingBox(golden.rle);
    expect([left, top, width, height]).toEqual(golden.bbox);
    expect(area(golden.rle)).toBe(golden.area);
  });
});

describe("RLE of any mask", () => {
  it("comes back bit by bit", () => {
    fc.assert(
      fc.property(bitmaps, (bitmap) => {
        expect(decode(encode(bitmap))).toEqual(bitmap);
      }),
    );
  });

  it("keeps any run lengths that fit", () => {
    const runs = fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(runs, (lengths) => {
        expect([...decompress(compress(lengths))]).toEqual(lengths);
      }),
    );
  });

  it("answers for single pixels", () => {
    fc.assert(
      fc.property(bitmaps, fc.nat(), fc.nat(), (bitmap, a, b) => {
        const [x, y] = [a % bitmap.width, b % bitmap.height];
        expect(contains(encode(bitmap), x, y)).toBe(bitmap.data[y * bitmap.width + x] === 1);
      }),
      { numRuns: 30 },
    );
    expect(contains(encode(createBitmap({ height: 2, width: 2 })), 5, 0)).toBe(false);
  });

  it("is built from stretches", () => {
    fc.assert(
      fc.property(bitmaps, (bitmap) => {
        const rle = encode(bitmap);
        const builder = new RleBuilder(bitmap);
        forEachStretch(rle, (column, top, bottom) => builder.add(column, top, bottom));
        expect(builder.build()).toEqual(rle);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a broken RLE", () => {
  const decodeCounts = (counts: string) => () => decode({ size: [3, 4], counts });

  it.each([
    ["adds up to too little", ";", "add up to 11 pixels; 3 × 4 are 12"],
    ["adds up to too much", "<1", "add up to 13"],
    ["has a character outside the alphabet", "< ", "Character 1"],
    ["ends inside a number", "P", "end inside a number"],
    ["has a negative run", "O", "Run 0 of the RLE is negative"],
    ["has an endless run", "ooooooo0", "longer than any image"],
  ])("that %s is refused", (_, counts, message) => {
    expect(decodeCounts(counts)).toThrow(RleError);
    expect(decodeCounts(counts)).toThrow(message);
  });
});
