import { beforeEach, expect, it } from "vitest";
import { decodedMasks, FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Annotation, Operation } from "../session/types.ts";
import { Objects } from "./objects.svelte.ts";
import { isSure } from "./propagate.ts";
import { Propagator } from "./propagator.ts";

const drawn = (uid: string, predicted_iou: number): Annotation => ({
  uid,
  category_id: 2,
  segmentation: { size: [48, 64], counts: "P3`0`l2" },
  iscrowd: 0,
  attributes: {},
  provenance: {
    model_sha256: null,
    mask_index: 2,
    predicted_iou,
    prompts: { points: [[2, 1, 1]], box: null, mask: false },
    seconds: 1,
  },
});

let decoder: FakeDecoder;
let session: Session;
let propagator: Propagator;
let operations: Operation[];
let said: string[];

beforeEach(() => {
  decoder = new FakeDecoder();
  operations = [];
  said = [];
  session = createSession({ decoder, record: (_, made) => operations.push(...made) });
  session.setCategories([
    { id: 1, name: "cat", color: "#ff0000" },
    { id: 2, name: "dog", color: "#00ff00" },
  ]);
  const objects = new Objects(session);
  propagator = new Propagator(decoder, session, objects, (...texts) => void said.push(texts.join(" ")));
  session.open({ id: 7, height: 48, width: 64 }, [drawn("a", 0.9), drawn("b", 0.9), drawn("c", 0.9)]);
  session.selection.choose(["a", "b", "c"], "c");
});

/** On to the next image, where the model rates mask 2 so for each object. */
async function find(...ratings: number[]): Promise<void> {
  propagator.take();
  session.open({ id: 8, height: 48, width: 64 }, []);
  const done = propagator.find();
  for (const rating of ratings) {
    await Promise.resolve();
    await decoder.answer(decodedMasks([0.1, 0.1, rating, 0.1]));
  }
  await done;
}

it("saves what the model is sure of, and says how to take it back", async () => {
  await find(0.9, 0.8, 0.75);
  expect(operations.map(({ kind }) => kind)).toEqual(["create", "create", "create"]);
  expect(session.draft.active).toBe(false);
  expect(said).toEqual(["3 of 3 objects found here. {undo} takes them back."]);
});

it("suggests what it rates much lower than before, and saves it only when somebody accepts", async () => {
  await find(0.9, 0.3, 0.2);
  expect(operations.map(({ kind }) => kind)).toEqual(["create"]);
  expect(session.draft.prompts.points).toHaveLength(1);
  expect(said[0]).toContain("2 are uncertain and not saved: the first is only suggested.");
  await decoder.answer();
  session.drawing.accept();
  expect(operations.at(-1)).toMatchObject({ kind: "create", category_id: 2 });
});

it("compares with the mask an object came from; where nobody rated that, with a half", () => {
  const rated = { provenance: drawn("a", 0.3).provenance };
  expect([isSure(0.25, rated), isSure(0.23, rated)]).toEqual([true, false]);
  expect([isSure(0.5, { provenance: null }), isSure(0.49, { provenance: null })]).toEqual([true, false]);
});

it("tidies what it finds where the mask that an object came from was", async () => {
  const tidy = drawn("a", 0.9);
  session.open({ id: 7, height: 48, width: 64 }, [
    { ...tidy, provenance: { ...tidy.provenance!, tidied: true } },
    drawn("b", 0.9),
  ]);
  session.selection.choose(["a", "b"], "b");
  await find(0.9, 0.9);
  const created = operations.map((each) => (each.kind === "create" ? each.provenance : null));
  expect(created.map((each) => each?.tidied ?? null)).toEqual([true, null]);
});
