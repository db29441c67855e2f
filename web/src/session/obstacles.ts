/** Why what is drawn cannot be saved as it is. A command in braces stands for its key, whichever that is. */

import { m, said } from "../texts/messages.ts";

export interface Obstacle {
  readonly message: string;
  /** What would be right. */
  readonly hint: string;
}

export const UNANSWERED: Obstacle = said({
  message: m.annotate_unanswered,
  hint: m.annotate_unanswered_hint,
});
export const NO_OBJECT: Obstacle = said({
  message: m.annotate_no_object,
  hint: m.annotate_no_object_hint,
});
export const EMPTY_ANSWER: Obstacle = said({
  message: m.annotate_mask_empty,
  hint: m.annotate_mask_empty_hint,
});
export const NOTHING_LEFT: Obstacle = said({
  message: m.annotate_mask_nothing_left,
  hint: m.annotate_mask_nothing_left_hint,
});
export const COVERED: Obstacle = said({
  message: m.annotate_mask_covered,
  hint: m.annotate_mask_covered_hint,
});
export const OPEN_POLYGON: Obstacle = said({
  message: m.annotate_polygon_open,
  hint: m.annotate_polygon_open_hint,
});
