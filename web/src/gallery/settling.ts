/** What a reviewer chooses of what several people made of an image, and what is sent of that. */

import type { ComparedAnswers, ComparedThing, Settlement } from "../api/types.ts";

/** What is to be on the image of one thing: nothing, the consensus, or the mask of this person (their number). */
export type Taken = "nothing" | "consensus" | number;

export interface Choice {
  readonly taken: Taken;
  readonly category: number | null;
}

/** How many people say which masks there are; who skipped the image does not. */
export const peopleOf = ({ answers }: ComparedAnswers): number =>
  answers.filter(({ skipped }) => !skipped).length;

/** What most people marked is proposed, as they agree on it. */
export function proposed(compared: ComparedAnswers): Choice[] {
  const people = peopleOf(compared);
  return compared.things.map(({ masks, category_id: category }) => ({
    taken: 2 * masks.length > people ? "consensus" : "nothing",
    category,
  }));
}

/** Everything as one person made it, and nothing else. */
export function takenFrom(compared: ComparedAnswers, person: number): Choice[] {
  return compared.things.map(({ masks, category_id }) => {
    const mask = masks.find(({ user_id }) => user_id === person);
    return mask ? { taken: person, category: mask.category_id } : { taken: "nothing", category: category_id };
  });
}

/** Possible for a thing, in the order of their keys from 0. */
export function options({ masks }: ComparedThing): Taken[] {
  const people = masks.map(({ user_id }) => user_id);
  return masks.length > 1 ? ["nothing", "consensus", ...people] : ["nothing", ...people];
}

/** A single mask is taken as its person made it. */
export const shownAs = (thing: ComparedThing, { taken }: Choice): Taken =>
  taken === "consensus" && thing.masks.length === 1 ? thing.masks[0]!.user_id : taken;

/** The objects lie in the order in which the first person drew them. */
export function settlement(
  compared: ComparedAnswers,
  choices: readonly Choice[],
  state: "approved" | "submitted",
): Settlement {
  const masks = compared.things.flatMap((thing, place) => {
    const { taken, category } = choices[place]!;
    if (taken === "nothing") return [];
    const of = thing.masks.filter(({ user_id }) => taken === "consensus" || user_id === taken);
    return [{ annotations: of.map(({ id }) => id), category_id: category }];
  });
  const first = ({ annotations }: { annotations: number[] }) => Math.min(...annotations);
  return {
    revision: compared.revision,
    seen: compared.answers.map(({ copy_id, revision }) => ({ copy_id, revision })),
    masks: masks.sort((one, other) => first(one) - first(other)),
    state,
  };
}
