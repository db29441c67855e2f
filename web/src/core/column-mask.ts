/**
 * Masks that change often: stretches of mask per column, in chunks of neighbouring columns that never change once made.
 *
 * A changed mask shares every untouched chunk with the one before. So a stroke costs the columns it touches, a long undo
 * history costs what its strokes touched, and what differs between two masks is found by comparing references.
 */

import type { ImageSize } from "./geometry.ts";
import type { PixelBox } from "./pixel-box.ts";
import { forEachStretch, type IndexedRle, type Rle, RleBuilder, type StretchVisitor } from "./rle.ts";

export const CHUNK_COLUMNS = 32;
const MAX_SHORT = 0xffff; // rows that fit into 16 bits

/** Immutable. An empty chunk is null. */
export interface Chunk {
  /** ({@link CHUNK_COLUMNS} + 1,) where each column begins in `ends`. */
  readonly starts: Uint32Array;
  /** [top, bottom) pairs, from top to bottom, column after column; the pairs of a column do not touch. */
  readonly ends: Uint16Array | Uint32Array;
  readonly area: number;
}

/** An RLE whose text is written each time that it is read. */
export class ColumnMask implements IndexedRle {
  readonly size: [height: number, width: number];
  declare readonly counts: string;
  readonly #chunks: readonly (Chunk | null)[];
  #box: PixelBox | null = null;

  /** @param chunks one per {@link CHUNK_COLUMNS} columns */
  constructor({ height, width }: ImageSize, chunks: readonly (Chunk | null)[]) {
    this.size = [height, width];
    this.#chunks = chunks;
    // Of the object itself, so that copies of it are plain RLEs.
    Object.defineProperty(this, "counts", { enumerable: true, get: () => this.toText() });
  }

  static empty(size: ImageSize): ColumnMask {
    return new ColumnMask(size, new Array<null>(chunkCount(size)).fill(null));
  }

  static full(size: ImageSize): ColumnMask {
    const builder = new ColumnMaskBuilder(size);
    for (let column = 0; column < size.width; column++) builder.add(column, 0, size.height);
    return builder.build();
  }

  /** @throws RleError */
  static from(rle: Rle): ColumnMask {
    if (rle instanceof ColumnMask) return rle;
    const known = indexed.get(rle);
    if (known) return known;
    const [height, width] = rle.size;
    const builder = new ColumnMaskBuilder({ height, width });
    forEachStretch(rle, (column, top, bottom) => builder.add(column, top, bottom));
    const mask = builder.build();
    indexed.set(rle, mask);
    return mask;
  }

  get chunks(): readonly (Chunk | null)[] {
    return this.#chunks;
  }

  get imageSize(): ImageSize {
    return { height: this.size[0], width: this.size[1] };
  }

  get area(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk?.area ?? 0), 0);
  }

  get isEmpty(): boolean {
    return this.#chunks.every((chunk) => chunk === null);
  }

  get box(): PixelBox {
    this.#box ??= boxOf(this);
    return this.#box;
  }

  contains(x: number, y: number): boolean {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const chunk = this.#chunks[Math.floor(column / CHUNK_COLUMNS)];
    if (!chunk) return false;
    const index = column % CHUNK_COLUMNS;
    for (let at = chunk.starts[index]!; at < chunk.starts[index + 1]!; at += 2) {
      if (row >= chunk.ends[at]! && row < chunk.ends[at + 1]!) return true;
    }
    return false;
  }

  eachStretch(visit: StretchVisitor): void {
    this.#chunks.forEach((chunk, index) => {
      if (!chunk) return;
      const { starts, ends } = chunk;
      for (let column = 0; column < CHUNK_COLUMNS; column++) {
        for (let at = starts[column]!; at < starts[column + 1]!; at += 2) {
          visit(index * CHUNK_COLUMNS + column, ends[at]!, ends[at + 1]!);
        }
      }
    });
  }

  /** As it goes over the wire. */
  toRle(): Rle {
    return { size: this.size, counts: this.counts };
  }

  private toText(): string {
    const builder = new RleBuilder(this.imageSize);
    this.eachStretch((column, top, bottom) => builder.add(column, top, bottom));
    return builder.build().counts;
  }
}

const indexed = new WeakMap<Rle, ColumnMask>();

function chunkCount({ width }: ImageSize): number {
  return Math.ceil(width / CHUNK_COLUMNS);
}

/** Collects the ends of one chunk's columns, from left to right; to be used again and again. */
export class ChunkBuilder {
  private readonly starts = new Uint32Array(CHUNK_COLUMNS + 1);
  private ends = new Uint32Array(256);
  private length = 0;
  private column = 0;

  constructor(private readonly height: number) {}

  /** Of the column that is being filled: tops and bottoms in turn, ascending. */
  push(row: number): void {
    if (this.length === this.ends.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.ends);
      this.ends = larger;
    }
    this.ends[this.length++] = row;
  }

  endColumn(): void {
    this.starts[++this.column] = this.length;
  }

  /** @returns what was collected, or `known` where it is the same; then begins anew. */
  finish(known: Chunk | null = null): Chunk | null {
    while (this.column < CHUNK_COLUMNS) this.endColumn();
    const { length } = this;
    this.length = 0;
    this.column = 0;
    if (length === 0) return null;
    const { starts, ends } = this;
    if (known && known.ends.length === length && isSame(known.starts, starts) && isSame(known.ends, ends))
      return known;
    let area = 0;
    for (let at = 0; at < length; at += 2) area += ends[at + 1]! - ends[at]!;
    const used = ends.subarray(0, length);
    return {
      starts: starts.slice(),
      ends: this.height <= MAX_SHORT ? Uint16Array.from(used) : used.slice(),
      area,
    };
  }
}

/** Collects stretches, column by column from the left and top; those of a column must not touch. */
export class ColumnMaskBuilder {
  private readonly chunks: (Chunk | null)[];
  private readonly chunk: ChunkBuilder;
  private column = 0;

  constructor(private readonly size: ImageSize) {
    this.chunks = new Array<null>(chunkCount(size)).fill(null);
    this.chunk = new ChunkBuilder(size.height);
  }

  /** Rows [top, bottom) of a column. */
  add(column: number, top: number, bottom: number): void {
    this.advance(column);
    this.chunk.push(top);
    this.chunk.push(bottom);
  }

  build(): ColumnMask {
    this.advance(this.chunks.length * CHUNK_COLUMNS);
    return new ColumnMask(this.size, this.chunks);
  }

  private advance(column: number): void {
    while (this.column < column) {
      const index = Math.floor(this.column / CHUNK_COLUMNS);
      const next = (index + 1) * CHUNK_COLUMNS;
      if (column < next) {
        for (; this.column < column; this.column++) this.chunk.endColumn();
      } else {
        this.chunks[index] = this.chunk.finish();
        this.column = next;
      }
    }
  }
}

function boxOf(mask: ColumnMask): PixelBox {
  let [left, right, top, bottom] = [-1, 0, mask.size[0], 0];
  mask.eachStretch((column, from, to) => {
    if (left < 0) left = column;
    right = column + 1;
    if (from < top) top = from;
    if (to > bottom) bottom = to;
  });
  return left < 0
    ? { left: 0, top: 0, width: 0, height: 0 }
    : { left, top, width: right - left, height: bottom - top };
}

/** Whether the longer one begins with the shorter one. */
function isSame(short: ArrayLike<number>, long: ArrayLike<number>): boolean {
  for (let index = 0; index < short.length; index++) if (short[index] !== long[index]) return false;
  return true;
}
