/**
 * Parts and holes of a mask. Parts hang together across corners, holes do not: as the digital plane has it, a line of
 * diagonal pixels encloses what is inside.
 */

import { ColumnMask, ColumnMaskBuilder } from "./column-mask.ts";
import { subtract, union } from "./combine.ts";
import type { ImagePoint } from "./geometry.ts";

/** Connected sets of pixels, as stretches with the name of their set. */
interface Components {
  readonly mask: ColumnMask;
  /** (stretches,) */
  readonly columns: readonly number[];
  readonly tops: readonly number[];
  readonly bottoms: readonly number[];
  /** (stretches,) the set of each stretch: the index of one of its stretches. */
  readonly names: Int32Array;
  /** By name. */
  readonly areas: ReadonlyMap<number, number>;
}

/** The mask without parts that have fewer pixels. */
export function dropIslands(mask: ColumnMask, pixels: number): ColumnMask {
  const components = findComponents(mask, true);
  return select(components, (name) => components.areas.get(name)! >= pixels);
}

/** The mask with the background that it encloses, as far as that has at most so many pixels. */
export function fillHoles(mask: ColumnMask, pixels = Infinity): ColumnMask {
  const background = findBackground(mask);
  const outside = namesAtBorder(background);
  return union(
    mask,
    select(background, (name) => !outside.has(name) && background.areas.get(name)! <= pixels),
  );
}

/** The mask with the hole at a place filled; null when no hole is there. */
export function fillHoleAt(mask: ColumnMask, at: ImagePoint): ColumnMask | null {
  const background = findBackground(mask);
  const name = nameAt(background, at);
  if (name === null || namesAtBorder(background).has(name)) return null;
  return union(
    mask,
    select(background, (each) => each === name),
  );
}

/** The mask without the part at a place; null when no part is there. */
export function dropIslandAt(mask: ColumnMask, at: ImagePoint): ColumnMask | null {
  const components = findComponents(mask, true);
  const name = nameAt(components, at);
  return name === null ? null : select(components, (each) => each !== name);
}

/** The parts of a mask, each as a mask of its own, the largest first. */
export function partsOf(mask: ColumnMask): ColumnMask[] {
  const components = findComponents(mask, true);
  return [...components.areas]
    .sort(([, a], [, b]) => b - a)
    .map(([name]) => select(components, (each) => each === name));
}

function findBackground(mask: ColumnMask): Components {
  return findComponents(subtract(ColumnMask.full(mask.imageSize), mask), false);
}

/** @param corners whether pixels that share only a corner hang together */
function findComponents(mask: ColumnMask, corners: boolean): Components {
  const [columns, tops, bottoms]: [number[], number[], number[]] = [[], [], []];
  const parents: number[] = [];
  const root = (index: number): number => {
    let at = index;
    while (parents[at] !== at) at = parents[at] = parents[parents[at]!]!;
    return at;
  };
  const slack = corners ? 1 : 0;
  let column = -1;
  let [left, here] = [0, 0]; // where the stretches of the column to the left and of this one begin
  let next = 0; // first of the left column's stretches that may touch
  mask.eachStretch((x, top, bottom) => {
    const index = columns.length;
    if (x !== column) {
      left = x === column + 1 ? here : index;
      here = index;
      next = left;
      column = x;
    }
    columns.push(x);
    tops.push(top);
    bottoms.push(bottom);
    parents.push(index);
    while (next < here && bottoms[next]! + slack <= top) next++;
    for (let other = next; other < here && tops[other]! < bottom + slack; other++) {
      parents[root(index)] = root(other);
    }
  });
  const names = Int32Array.from(parents, (_, index) => root(index));
  const areas = new Map<number, number>();
  names.forEach((name, index) => {
    areas.set(name, (areas.get(name) ?? 0) + bottoms[index]! - tops[index]!);
  });
  return { mask, columns, tops, bottoms, names, areas };
}

function select(
  { mask, columns, tops, bottoms, names }: Components,
  keeps: (name: number) => boolean,
): ColumnMask {
  const builder = new ColumnMaskBuilder(mask.imageSize);
  const kept = new Map<number, boolean>();
  names.forEach((name, index) => {
    let keep = kept.get(name);
    if (keep === undefined) {
      keep = keeps(name);
      kept.set(name, keep);
    }
    if (keep) builder.add(columns[index]!, tops[index]!, bottoms[index]!);
  });
  return builder.build();
}

function namesAtBorder({ mask, columns, tops, bottoms, names }: Components): Set<number> {
  const [height, width] = mask.size;
  return new Set(
    names.filter(
      (_, index) =>
        columns[index] === 0 ||
        columns[index] === width - 1 ||
        tops[index] === 0 ||
        bottoms[index] === height,
    ),
  );
}

function nameAt({ columns, tops, bottoms, names }: Components, [x, y]: ImagePoint): number | null {
  const index = columns.findIndex(
    (column, at) => column === Math.floor(x) && tops[at]! <= y && y < bottoms[at]!,
  );
  return index < 0 ? null : names[index]!;
}
