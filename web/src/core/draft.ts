/** The object being drawn, as one value: what a page must not lose before it is accepted. */

import type { Ring } from "./polygon.ts";
import { isEmpty, NO_PROMPTS, type Prompts } from "./prompts.ts";
import type { Region } from "./region.ts";
import type { Rle } from "./rle.ts";

export interface Draft {
  readonly prompts: Prompts;
  /** Mask of the object being drawn as it was last edited by hand; prompts given since refine it. */
  readonly edited: Rle | null;
  /** Index of the candidate that was chosen by hand; null as long as `chooseMask` decides. */
  readonly shown: number | null;
  /** The saved annotation whose mask is being changed. */
  readonly reopenedUid: string | null;
  /** When the first prompt of this object was given, in milliseconds of the session's clock; as kept, since 1970. */
  readonly startedAt: number | null;
}

/** A polygon whose corners are still being set. */
export interface Outline {
  /** At least one corner. */
  readonly ring: Ring;
  /** Whether it takes its pixels away. */
  readonly subtracts: boolean;
}

export interface KeptOutline extends Outline {
  /** The saved annotation that it would change, if any. */
  readonly uid: string | null;
}

/** A draft with the category that it would be accepted with, and what the decoder saw of the image. */
export interface KeptDraft extends Draft {
  readonly categoryId: number | null;
  /** Null for the whole image. */
  readonly region: Region | null;
  /** Drafts that older versions kept know of none. */
  readonly outline?: KeptOutline | null;
}

export const NO_DRAFT: Draft = {
  prompts: NO_PROMPTS,
  edited: null,
  shown: null,
  reopenedUid: null,
  startedAt: null,
};

/** Whether an object is being drawn. */
export function isDrawn({ prompts, edited, reopenedUid }: Draft): boolean {
  return !isEmpty(prompts) || edited !== null || reopenedUid !== null;
}
