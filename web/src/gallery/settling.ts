/** What a reviewer chooses of what several people made of an image, and what is sent of that. */

import type { Category, ComparedAnswers, ComparedThing, Settlement } from "../api/types.ts";

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

/** Where one of these things is now, by the masks that it has in common with another: -1 where it has none. */
export function placeAmong(things: readonly ComparedThing[], { masks }: ComparedThing): number {
  const ids = new Set(masks.map(({ id }) => id));
  const common = things.map((each) => each.masks.filter(({ id }) => ids.has(id)).length);
  const most = Math.max(0, ...common);
  return most === 0 ? -1 : common.indexOf(most);
}

/**
 * What was chosen, after people have changed what they made. A choice is kept where it is still possible; what was left as it
 * was proposed is proposed anew.
 */
export function carriedOver(
  before: ComparedAnswers,
  choices: readonly Choice[],
  now: ComparedAnswers,
  categories: readonly Category[],
): Choice[] {
  const proposedBefore = proposed(before);
  const anew = proposed(now);
  const known = new Set<number | null>([null, ...categories.map(({ id }) => id)]);
  return now.things.map((thing, place) => {
    const proposal = anew[place]!;
    const earlier = placeAmong(before.things, thing);
    const [choice, left] = [choices[earlier], proposedBefore[earlier]];
    if (!choice || !left) return proposal;
    const chosen = choice.taken !== left.taken || choice.category !== left.category;
    if (!chosen || !options(thing).includes(shownAs(thing, choice))) return proposal;
    return known.has(choice.category) ? choice : { ...choice, category: proposal.category };
  });
}

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
