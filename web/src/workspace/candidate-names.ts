/** What candidates are called: by their size, which is what a person chooses by. */

const BY_SIZE = ["Part", "Object", "Whole"] as const;

/**
 * @param candidates their index among the decoder's masks, and how large each is
 * @param ambiguous the masks that answer a lone point; the other is all of them combined
 * @returns names by index
 */
export function candidateNames(
  candidates: readonly { readonly index: number; readonly size: number }[],
  ambiguous: readonly number[],
): ReadonlyMap<number, string> {
  const bySize = candidates
    .filter(({ index }) => ambiguous.includes(index))
    .toSorted((a, b) => a.size - b.size || a.index - b.index);
  const names = bySize.length === BY_SIZE.length ? BY_SIZE : bySize.map((_, place) => `Size ${place + 1}`);
  const nameOf = (index: number) => names[bySize.findIndex((each) => each.index === index)] ?? "Best fit";
  return new Map(candidates.map(({ index }) => [index, nameOf(index)]));
}
