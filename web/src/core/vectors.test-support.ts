/** What several tests share. */

import { readFileSync } from "node:fs";
import { type Bitmap, createBitmap } from "./bitmap.ts";

/** The cases of tests/golden/<name>.json, which pytest reads too. */
export function goldenCases<Case>(name: string): Case[] {
  const url = new URL(`../../../tests/golden/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: Case[] }).cases;
}

/** From rows of `.` (background) and `#` (mask), all of one length. */
export function bitmapFromText(rows: readonly string[]): Bitmap {
  const bitmap = createBitmap({ height: rows.length, width: rows[0]?.length ?? 0 });
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) bitmap.data[y * bitmap.width + x] = row[x] === "#" ? 1 : 0;
  });
  return bitmap;
}

/** Deterministic numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
