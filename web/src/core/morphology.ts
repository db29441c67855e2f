/**
 * Growing, shrinking and smoothing masks by a disc. Beyond the image, everything counts as what is at its border: an object
 * that the image cuts off keeps its cut.
 */

import { ColumnMask, ColumnMaskBuilder } from "./column-mask.ts";
import { subtract } from "./combine.ts";

export type Reshaping = "grow" | "shrink" | "smooth";

/** @param radius of the disc, in pixels, a whole number */
export function reshape(mask: ColumnMask, how: Reshaping, radius: number): ColumnMask {
  if (how === "grow") return grow(mask, radius);
  if (how === "shrink") return shrink(mask, radius);
  // Opening removes what is thinner than the disc, closing fills what is narrower.
  const margin = 4 * radius; // as far as four passes reach
  const opened = grow(shrink(extended(mask, margin), radius), radius);
  return cropped(shrink(grow(opened, radius), radius), margin);
}

/** With a margin in which the pixels of the border go on. */
function extended(mask: ColumnMask, margin: number): ColumnMask {
  const { height, width } = mask.imageSize;
  const columns = columnsOf(mask);
  const builder = new ColumnMaskBuilder({ height: height + 2 * margin, width: width + 2 * margin });
  for (let x = 0; x < width + 2 * margin; x++) {
    const ends = columns[Math.min(Math.max(x - margin, 0), width - 1)]!;
    for (let at = 0; at < ends.length; at += 2) {
      const [top, bottom] = [ends[at]!, ends[at + 1]!];
      builder.add(x, top === 0 ? 0 : top + margin, bottom === height ? height + 2 * margin : bottom + margin);
    }
  }
  return builder.build();
}

function cropped(mask: ColumnMask, margin: number): ColumnMask {
  const [height, width] = mask.size.map((side) => side - 2 * margin) as [number, number];
  const builder = new ColumnMaskBuilder({ height, width });
  mask.eachStretch((column, top, bottom) => {
    const [x, from, to] = [column - margin, Math.max(top - margin, 0), Math.min(bottom - margin, height)];
    if (x >= 0 && x < width && from < to) builder.add(x, from, to);
  });
  return builder.build();
}

/** All pixels whose centre is at most `radius` away from the centre of a mask pixel. */
function grow(mask: ColumnMask, radius: number): ColumnMask {
  const { height, width } = mask.imageSize;
  const columns = columnsOf(mask);
  const builder = new ColumnMaskBuilder(mask.imageSize);
  const { left, width: across } = mask.box;
  const heights = Array.from({ length: radius + 1 }, (_, dx) =>
    Math.floor(Math.sqrt(radius * radius - dx * dx)),
  );
  const last = Math.min(width, left + across + radius);
  for (let x = Math.max(0, left - radius); x < last && across > 0; x++) {
    const reached: [top: number, bottom: number][] = [];
    for (let other = Math.max(0, x - radius); other <= Math.min(width - 1, x + radius); other++) {
      const ends = columns[other]!;
      const reach = heights[Math.abs(other - x)]!;
      for (let at = 0; at < ends.length; at += 2) {
        reached.push([Math.max(0, ends[at]! - reach), Math.min(height, ends[at + 1]! + reach)]);
      }
    }
    addUnion(builder, x, reached);
  }
  return builder.build();
}

function shrink(mask: ColumnMask, radius: number): ColumnMask {
  const all = ColumnMask.full(mask.imageSize);
  return subtract(all, grow(subtract(all, mask), radius));
}

function addUnion(
  builder: ColumnMaskBuilder,
  column: number,
  stretches: [top: number, bottom: number][],
): void {
  stretches.sort(([a], [b]) => a - b);
  let [top, bottom] = [-1, -1];
  for (const [from, to] of stretches) {
    if (from <= bottom) {
      bottom = Math.max(bottom, to);
      continue;
    }
    if (bottom > top) builder.add(column, top, bottom);
    [top, bottom] = [from, to];
  }
  if (bottom > top) builder.add(column, top, bottom);
}

/** Ends of each column's stretches. */
function columnsOf(mask: ColumnMask): number[][] {
  const columns = Array.from({ length: mask.size[1] }, (): number[] => []);
  mask.eachStretch((column, top, bottom) => columns[column]!.push(top, bottom));
  return columns;
}
