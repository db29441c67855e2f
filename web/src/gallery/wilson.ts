/** Wilson's interval of a share that was counted in a sample: `limner/vocabulary/intervals.py` says where it is from. */

const Z_95 = 1.959963984540054;

/** The 95 % interval of the share of which `hits` of `total` were counted; of none it may be anything. */
export function wilson(hits: number, total: number): readonly [low: number, high: number] {
  if (total === 0) return [0, 1];
  const share = hits / total;
  const weight = Z_95 ** 2 / total;
  const middle = share + weight / 2;
  const half = Z_95 * Math.sqrt((share * (1 - share)) / total + weight / (4 * total));
  const [low, high] = [(middle - half) / (1 + weight), (middle + half) / (1 + weight)];
  return [hits === 0 ? 0 : low, hits === total ? 1 : high];
}
