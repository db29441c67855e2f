/** Masks as sets of pixels. */

import { CHUNK_COLUMNS, type Chunk, ChunkBuilder, ColumnMask } from "./column-mask.ts";

/** Which pixels stay, by whether they are in the first mask (1) and in the second (2): bit 0 neither, bit 3 both. */
const UNION = 0b1110;
const SUBTRACT = 0b0010;
const INTERSECT = 0b1000;
const DIFFER = 0b0110;
const SECOND = 0b1100;

export const union = (a: ColumnMask, b: ColumnMask): ColumnMask => combine(a, b, UNION);
export const subtract = (a: ColumnMask, b: ColumnMask): ColumnMask => combine(a, b, SUBTRACT);
export const intersect = (a: ColumnMask, b: ColumnMask): ColumnMask => combine(a, b, INTERSECT);
/** The second mask, sharing with the first one what is the same in both. */
export const replaced = (a: ColumnMask, b: ColumnMask): ColumnMask => combine(a, b, SECOND);
/** The pixels that are in exactly one of them. Cheap for masks that share most of their chunks. */
export const difference = (a: ColumnMask, b: ColumnMask): ColumnMask => combine(a, b, DIFFER);

/** @returns `a` itself where nothing changes. @throws RangeError when the masks are of different sizes */
function combine(a: ColumnMask, b: ColumnMask, kept: number): ColumnMask {
  if (a.size[0] !== b.size[0] || a.size[1] !== b.size[1]) {
    throw new RangeError(
      `A mask of ${a.size.join(" × ")} pixels does not go with one of ${b.size.join(" × ")}.`,
    );
  }
  const builder = new ChunkBuilder(a.size[0]);
  const chunks = a.chunks.map((chunk, index) => combineChunks(chunk, b.chunks[index]!, kept, builder));
  return chunks.every((chunk, index) => chunk === a.chunks[index]) ? a : new ColumnMask(a.imageSize, chunks);
}

function combineChunks(a: Chunk | null, b: Chunk | null, kept: number, builder: ChunkBuilder): Chunk | null {
  const keeps = (where: number) => ((kept >> where) & 1) === 1;
  if (a === b) return keeps(3) ? a : null;
  if (!b) return keeps(1) ? a : null;
  if (!a) return keeps(2) ? b : null;
  for (let column = 0; column < CHUNK_COLUMNS; column++) {
    combineColumns(a, b, column, kept, builder);
    builder.endColumn();
  }
  return builder.finish(a);
}

function combineColumns(a: Chunk, b: Chunk, column: number, kept: number, builder: ChunkBuilder): void {
  let [i, j] = [a.starts[column]!, b.starts[column]!];
  const [endA, endB] = [a.starts[column + 1]!, b.starts[column + 1]!];
  let where = 0;
  let inside = 0;
  while (i < endA || j < endB) {
    const rowA = i < endA ? a.ends[i]! : Infinity;
    const rowB = j < endB ? b.ends[j]! : Infinity;
    const row = rowA < rowB ? rowA : rowB;
    if (rowA === row) {
      where ^= 1;
      i++;
    }
    if (rowB === row) {
      where ^= 2;
      j++;
    }
    const now = (kept >> where) & 1;
    if (now !== inside) {
      builder.push(row);
      inside = now;
    }
  }
}
