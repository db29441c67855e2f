/**
 * Between masks and polygons. A polygon here is any number of closed rings, read by the even-odd rule: rings inside others
 * are holes, rings beside them further parts.
 */

import { type ColumnMask, ColumnMaskBuilder } from "./column-mask.ts";
import { type ImagePoint, type ImageSize, imagePoint } from "./geometry.ts";

/** Corners in order; the last one is joined to the first. */
export type Ring = readonly ImagePoint[];

/** The pixels whose centre is inside. A centre on an edge belongs to what is right of or below it. */
export function maskFromRings(rings: readonly Ring[], image: ImageSize): ColumnMask {
  const crossings = new Map<number, number[]>(); // column -> rows where the rings cross its middle
  for (const ring of rings) {
    ring.forEach((from, index) => {
      const to = ring[(index + 1) % ring.length]!;
      const [[x0, y0], [x1, y1]] = from[0] < to[0] ? [from, to] : [to, from];
      const last = Math.min(Math.ceil(x1 - 0.5), image.width);
      for (let column = Math.max(Math.ceil(x0 - 0.5), 0); column < last; column++) {
        const row = y0 + ((y1 - y0) * (column + 0.5 - x0)) / (x1 - x0);
        const known = crossings.get(column);
        if (known) known.push(row);
        else crossings.set(column, [row]);
      }
    });
  }
  const builder = new ColumnMaskBuilder(image);
  for (const [column, rows] of [...crossings].sort(([a], [b]) => a - b)) {
    addCrossed(builder, column, rows, image.height);
  }
  return builder.build();
}

function addCrossed(builder: ColumnMaskBuilder, column: number, rows: number[], height: number): void {
  rows.sort((a, b) => a - b);
  const firstRow = (row: number) => Math.min(Math.max(Math.ceil(row - 0.5), 0), height);
  let [top, bottom] = [0, 0];
  for (let index = 0; index < rows.length; index += 2) {
    const [from, to] = [firstRow(rows[index]!), firstRow(rows[index + 1]!)];
    if (from !== bottom) {
      if (top < bottom) builder.add(column, top, bottom);
      top = from;
    }
    bottom = to;
  }
  if (top < bottom) builder.add(column, top, bottom);
}

/**
 * The borders of a mask along the edges of its pixels; `maskFromRings` gives the same mask again. Parts that touch at a
 * corner only get rings of their own.
 */
export function ringsFromMask(mask: ColumnMask): Ring[] {
  const border = new Border(mask.size[0] + 1);
  let column = -1;
  let [before, here]: [number[], number[]] = [[], []];
  const finishColumn = () => {
    border.addVerticals(column, before, here);
    before = here;
    here = [];
    column++;
  };
  mask.eachStretch((x, top, bottom) => {
    if (column < 0) column = x;
    while (column < x) finishColumn();
    here.push(top, bottom);
    border.add(x, top, x + 1, top);
    border.add(x + 1, bottom, x, bottom);
  });
  if (column >= 0) {
    finishColumn();
    finishColumn();
  }
  return border.rings();
}

/** Directed edges with the mask on their right-hand side; at a corner where two pixels touch, two edges leave. */
class Border {
  private readonly next = new Map<number, number>();
  private readonly second = new Map<number, number>();

  /** @param rows number of possible y coordinates */
  constructor(private readonly rows: number) {}

  add(x0: number, y0: number, x1: number, y1: number): void {
    const from = x0 * this.rows + y0;
    (this.next.has(from) ? this.second : this.next).set(from, x1 * this.rows + y1);
  }

  /** Between two columns: where exactly one of them is mask. */
  addVerticals(x: number, left: readonly number[], right: readonly number[]): void {
    let [i, j] = [0, 0];
    let start = -1;
    while (i < left.length || j < right.length) {
      const row = Math.min(left[i] ?? Infinity, right[j] ?? Infinity);
      // With one column mask above this row and the other not, an edge ends here.
      if (i % 2 === 1 && j % 2 === 0) this.add(x, start, x, row);
      else if (i % 2 === 0 && j % 2 === 1) this.add(x, row, x, start);
      if (left[i] === row) i++;
      if (right[j] === row) j++;
      start = row;
    }
  }

  rings(): Ring[] {
    const rings: Ring[] = [];
    for (const start of this.next.keys()) {
      while (this.next.has(start)) rings.push(this.trace(start));
    }
    return rings;
  }

  private trace(start: number): Ring {
    const ring: ImagePoint[] = [];
    let [at, dx, dy] = [start, 0, 0];
    do {
      const to = this.leave(at, dx, dy);
      const [x, y] = this.place(at);
      const [toX, toY] = this.place(to);
      const [stepX, stepY] = [Math.sign(toX - x), Math.sign(toY - y)];
      if (stepX !== dx || stepY !== dy) ring.push(imagePoint(x, y));
      [at, dx, dy] = [to, stepX, stepY];
    } while (at !== start);
    return withoutStraightStart(ring);
  }

  /** Take the edge that leaves a corner; of two, the one that turns right. */
  private leave(from: number, dx: number, dy: number): number {
    const [one, other] = [this.next.get(from)!, this.second.get(from)];
    if (other === undefined) {
      this.next.delete(from);
      return one;
    }
    const [x, y] = this.place(from);
    const [toX, toY] = this.place(other);
    const turnsRight = Math.sign(toX - x) === -dy && Math.sign(toY - y) === dx;
    this.second.delete(from);
    if (turnsRight) return other;
    this.next.set(from, other);
    return one;
  }

  private place(key: number): readonly [x: number, y: number] {
    return [Math.floor(key / this.rows), key % this.rows];
  }
}

/** A trace may begin in the middle of a straight edge. */
function withoutStraightStart(ring: ImagePoint[]): Ring {
  const [[x0, y0], [x1, y1], [x2, y2]] = [ring.at(-1)!, ring[0]!, ring[1]!];
  return (x1 - x0) * (y2 - y1) === (y1 - y0) * (x2 - x1) ? ring.slice(1) : ring;
}
