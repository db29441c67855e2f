/** What candidates are called: by their size, which is what a person chooses by. */

import { m } from "../texts/messages.ts";

export interface CandidateName {
  readonly name: string;
  /** For those who do not see it, with the overlap that the model expects, in percent. */
  readonly label: (percent: number) => string;
}

const named = (name: () => string, label: (inputs: { percent: number }) => string): CandidateName => ({
  get name() {
    return name();
  },
  label: (percent) => label({ percent }),
});

const BY_SIZE = [
  named(m.annotate_candidate_part, m.annotate_candidate_part_label),
  named(m.annotate_candidate_object, m.annotate_candidate_object_label),
  named(m.annotate_candidate_whole, m.annotate_candidate_whole_label),
];
const BEST_FIT = named(m.annotate_candidate_best, m.annotate_candidate_best_label);
const sized = (number: number) =>
  named(
    () => m.annotate_candidate_size({ number }),
    ({ percent }) => m.annotate_candidate_size_label({ number, percent }),
  );

/**
 * @param candidates their index among the decoder's masks, and how large each is
 * @param ambiguous the masks that answer a lone point; the other is all of them combined
 * @returns names by index
 */
export function candidateNames(
  candidates: readonly { readonly index: number; readonly size: number }[],
  ambiguous: readonly number[],
): ReadonlyMap<number, CandidateName> {
  const bySize = candidates
    .filter(({ index }) => ambiguous.includes(index))
    .toSorted((a, b) => a.size - b.size || a.index - b.index);
  const names = bySize.length === BY_SIZE.length ? BY_SIZE : bySize.map((_, place) => sized(place + 1));
  const nameOf = (index: number) => names[bySize.findIndex((each) => each.index === index)] ?? BEST_FIT;
  return new Map(candidates.map(({ index }) => [index, nameOf(index)]));
}
