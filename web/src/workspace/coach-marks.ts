/** The three marks that somebody sees on the first image that they open, and how far what they do brings them. */

export type CoachStep = "point" | "click" | "accept";

/** What was done on the image since the marks began. */
export interface CoachProgress {
  /** A mask shows under the pointer. */
  readonly pointed: boolean;
  /** An object is being drawn. */
  readonly drawn: boolean;
  /** An object was kept. */
  readonly kept: boolean;
}

/** @param touch fingers show nothing before they tap: that mark is left out */
export const coachSteps = (touch: boolean): readonly CoachStep[] =>
  touch ? ["click", "accept"] : ["point", "click", "accept"];

/** The place of the first step that is still to be done; as many as there are steps when none is. */
export function stepReached(steps: readonly CoachStep[], { pointed, drawn, kept }: CoachProgress): number {
  if (kept) return steps.length;
  const next: CoachStep = drawn ? "accept" : pointed ? "click" : "point";
  return Math.max(0, steps.indexOf(next));
}
