/** Why what is drawn cannot be saved as it is. A command in braces stands for its key, whichever that is. */

export interface Obstacle {
  readonly message: string;
  /** What would be right. */
  readonly hint: string;
}

export const UNANSWERED: Obstacle = {
  message: "The model has not answered yet.",
  hint: "Wait until the mask is there.",
};
export const EMPTY_ANSWER: Obstacle = {
  message: "This mask is empty.",
  hint: "Press {cycle} for another one, move the points, or press {drop} to discard it.",
};
export const NOTHING_LEFT: Obstacle = {
  message: "Nothing is left of this mask.",
  hint: "Paint something, or press {drop} to discard it.",
};
export const COVERED: Obstacle = {
  message: "Other objects cover all of this mask, and “Stop there” or a lock protects them.",
  hint: "Choose another way at other objects, or press {drop} to discard it.",
};
export const OPEN_POLYGON: Obstacle = {
  message: "A polygon is not closed yet.",
  hint: "Close it with {accept}, or press {drop} to discard it.",
};
