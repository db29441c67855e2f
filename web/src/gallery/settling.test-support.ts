import type { ComparedAnswers } from "../api/types.ts";

export const [ADA, BO, EVE] = [1, 2, 3] as const;
const NAMES: Readonly<Record<number, string>> = { [ADA]: "Ada", [BO]: "Bo", [EVE]: "Eve" };

/** What people made of image 9, which Eve skipped, in copies that each have another revision unless one is given. */
export function answersOf(
  people: readonly number[],
  things: ComparedAnswers["things"],
  revision?: number,
): ComparedAnswers {
  return {
    image_id: 9,
    file_name: "a.png",
    width: 4,
    height: 4,
    revision: 5,
    overlap: "ready",
    answers: people.map((user_id) => ({
      copy_id: 100 + user_id,
      revision: revision ?? user_id,
      user_id,
      name: NAMES[user_id] ?? "",
      skipped: user_id === EVE,
      note: "",
      masks: 1,
    })),
    things,
  };
}
