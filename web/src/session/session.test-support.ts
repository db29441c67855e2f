/** A session on an image with one saved annotation, and a decoder that answers when it is told to; new for each test. */
import { beforeEach, expect } from "vitest";
import type { KeptDraft } from "../core/draft.ts";
import { imagePoint } from "../core/geometry.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Annotation, Operation } from "./types.ts";

export const IMAGE = { id: 7, height: 48, width: 64 };
export const at = imagePoint;

export const saved: Annotation = {
  uid: "saved",
  category_id: 2,
  segmentation: { size: [48, 64], counts: "P3`0`l2" }, // 96 pixels background, 16 mask: the top of column 2
  iscrowd: 0,
  attributes: {},
  provenance: null,
};

export let decoder: FakeDecoder;
export let operations: Operation[];
export let draft: KeptDraft | null;
export let notices: string[];
export let session: Session;

beforeEach(() => {
  decoder = new FakeDecoder();
  operations = [];
  draft = null;
  notices = [];
  session = createSession({
    decoder,
    record: (imageId, made, drawn) => {
      expect(imageId).toBe(session.image!.id);
      operations.push(...made);
      draft = drawn;
    },
    notify: ({ message }) => notices.push(message),
  });
  session.setCategories([
    { id: 1, name: "cat", color: "#ff0000" },
    { id: 2, name: "dog", color: "#00ff00" },
  ]);
  session.open(IMAGE, [saved]);
});

export async function draw(): Promise<void> {
  session.drawing.addPoint(at(10, 20), 1);
  await decoder.answer();
}
