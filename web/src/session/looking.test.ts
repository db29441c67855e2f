import { beforeEach, expect, it } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { Objects } from "../workspace/objects.svelte.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Annotation } from "./types.ts";

const IMAGE = { id: 7, height: 48, width: 64 };
const WHY = "You may look only.";

const saved: Annotation = {
  uid: "saved",
  category_id: 2,
  segmentation: { size: [48, 64], counts: "P3`0`l2" },
  iscrowd: 0,
  attributes: {},
  provenance: null,
};

let decoder: FakeDecoder;
let readOnly: string;
let recorded: number;
let said: string[];
let session: Session;

beforeEach(() => {
  decoder = new FakeDecoder();
  readOnly = WHY;
  recorded = 0;
  said = [];
  session = createSession({
    decoder,
    record: () => void recorded++,
    notify: ({ message }) => said.push(message),
    readOnly: () => readOnly,
  });
  session.setCategories([{ id: 2, name: "dog", color: "#00ff00" }]);
  session.open(IMAGE, [saved]);
});

it.each<[string, () => unknown]>([
  ["a point", () => session.drawing.addPoint(imagePoint(10, 20), 1)],
  ["a box", () => session.drawing.setBox(imagePoint(1, 1), imagePoint(9, 9))],
  ["going on drawing", () => session.drawing.reopen("saved")],
  ["removing", () => session.remove("saved")],
  ["another category", () => session.chooseCategory(null)],
  ["removing all that is selected", () => new Objects(session).remove()],
  ["a crowd", () => new Objects(session).setCrowd(true)],
])("%s changes nothing, and the person is told why", (_what, change) => {
  session.selection.select("saved");
  change();
  expect(session.list.annotations).toMatchObject([saved]);
  expect([session.draft.active, session.store.canUndo, recorded]).toEqual([false, false, 0]);
  expect(said).toEqual([WHY]);
});

it("objects are selected and hidden as ever, and no mask is looked for under the pointer", () => {
  session.selection.select("saved");
  session.list.setHidden("saved", true);
  session.drawing.hover(imagePoint(10, 20));
  expect([session.selection.uid, session.list.isHidden("saved"), decoder.requests.length]).toEqual([
    "saved",
    true,
    0,
  ]);
  expect([recorded, said]).toEqual([0, []]);
});

it("what was being drawn is neither shown nor dropped, and is back once they may draw again", () => {
  const draft = {
    prompts: { points: [{ at: imagePoint(3, 3), label: 1 as const }], box: null, mask: null },
    shown: null,
    edited: null,
    reopenedUid: null,
    startedAt: null,
    categoryId: 2,
    region: null,
    outline: null,
  };
  session.open(IMAGE, [saved], draft);
  expect([session.draft.active, recorded]).toEqual([false, 0]);
  session.close();
  readOnly = "";
  session.open(IMAGE, [saved], draft);
  expect(session.draft.prompts.points).toHaveLength(1);
});
