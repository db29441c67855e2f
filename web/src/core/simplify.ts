/** Fewer corners for a polygon: Douglas and Peucker 1973, "Algorithms for the reduction of the number of points". */

import type { ImagePoint } from "./geometry.ts";
import type { Ring } from "./polygon.ts";

/**
 * Every corner that was left out lies at most `tolerance` pixels from the new border. Rings that collapse to a line are left
 * out; the largest one always stays.
 */
export function simplify(rings: readonly Ring[], tolerance: number): Ring[] {
  if (tolerance <= 0) return [...rings];
  const simpler = rings.map((ring) => simplifyRing(ring, tolerance)).filter((ring) => ring.length >= 3);
  if (simpler.length > 0 || rings.length === 0) return simpler;
  const size = (ring: Ring) => Math.abs(ringArea(ring));
  const largest = rings.reduce((best, ring) => (size(ring) > size(best) ? ring : best));
  const [from, to] = simplifyRing(largest, tolerance).map((corner) => largest.indexOf(corner)) as [
    number,
    number,
  ];
  const third = farthest(largest, from, to, -1) ?? farthest(largest, to, largest.length, -1);
  return [largest.filter((_, index) => index === from || index === to || index === third)];
}

export function countCorners(rings: readonly Ring[]): number {
  return rings.reduce((sum, ring) => sum + ring.length, 0);
}

/** Positive where the ring runs clockwise on the screen. */
function ringArea(ring: Ring): number {
  return (
    ring.reduce((sum, [x0, y0], index) => {
      const [x1, y1] = ring[(index + 1) % ring.length]!;
      return sum + x0 * y1 - x1 * y0;
    }, 0) / 2
  );
}

function simplifyRing(ring: Ring, tolerance: number): Ring {
  const start = ring[0]!;
  let far = 0; // the ring is cut at two corners that surely stay
  ring.forEach(([x, y], index) => {
    const [farX, farY] = ring[far]!;
    if (Math.hypot(x - start[0], y - start[1]) > Math.hypot(farX - start[0], farY - start[1])) far = index;
  });
  const kept = new Set([0, far]);
  const pending: [from: number, to: number][] = [
    [0, far],
    [far, ring.length],
  ];
  for (let part = pending.pop(); part; part = pending.pop()) {
    const [from, to] = part;
    const worst = farthest(ring, from, to, tolerance);
    if (worst === null) continue;
    kept.add(worst);
    pending.push([from, worst], [worst, to]);
  }
  return ring.filter((_, index) => kept.has(index));
}

/** Index of the corner between two others that is farthest from the line through them; null within the tolerance. */
function farthest(ring: Ring, from: number, to: number, tolerance: number): number | null {
  const [a, b] = [ring[from]!, ring[to % ring.length]!];
  let [worst, most]: [number | null, number] = [null, tolerance];
  for (let index = from + 1; index < to; index++) {
    const distance = distanceToSegment(ring[index]!, a, b);
    if (distance > most) [worst, most] = [index, distance];
  }
  return worst;
}

export function distanceToSegment([x, y]: ImagePoint, [ax, ay]: ImagePoint, [bx, by]: ImagePoint): number {
  const square = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = square > 0 ? ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square : 0;
  const clamped = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - ax - clamped * (bx - ax), y - ay - clamped * (by - ay));
}
