import { beforeEach, expect, it } from "vitest";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Annotation } from "../session/types.ts";
import type { ActionContext } from "../tools/actions/action.ts";
import { perform as performAction } from "../tools/actions/table.ts";
import { Objects } from "./objects.svelte.ts";

const annotation = (uid: string): Annotation => ({
  uid,
  category_id: null,
  segmentation: { size: [48, 64], counts: "P3`0`l2" },
  iscrowd: 0,
  attributes: {},
  provenance: null,
});

let session: Session;
let objects: Objects;
const order = () => session.list.annotations.map(({ uid }) => uid).join("");

beforeEach(() => {
  session = createSession({ decoder: new FakeDecoder(), record: () => undefined });
  session.open({ id: 7, height: 48, width: 64 }, ["a", "b", "c"].map(annotation));
  objects = new Objects(session);
});

const perform = (command: "raise" | "lower") =>
  performAction(command, { session, objects } as unknown as ActionContext);

it("moves the selected object in the order by commands, as far as the list goes", () => {
  expect(perform("raise")).toBe(false);
  session.selection.choose(["a"], "a");
  expect([perform("raise"), order()]).toEqual([true, "bac"]);
  perform("raise");
  perform("raise");
  expect(order()).toBe("bca");
  perform("lower");
  expect(order()).toBe("bac");
  session.store.undo();
  expect([order(), session.selection.uid]).toEqual(["bca", "a"]);
});

it("leaves the order alone while several are selected", () => {
  session.selection.choose(["a", "b"], "b");
  expect([perform("raise"), order()]).toEqual([false, "abc"]);
});

it("leaves an object that was dragged here from elsewhere where it is", () => {
  objects.moveTo("of another tab", 1);
  expect([order(), session.store.canUndo]).toEqual(["abc", false]);
});
