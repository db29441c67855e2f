import fc from "fast-check";
import { expect, it } from "vitest";
import { sweep } from "../core/brush.ts";
import { ColumnMask } from "../core/column-mask.ts";
import { imagePoint as at, type ImagePoint } from "../core/geometry.ts";
import { pixelsOf } from "../core/masks.test-support.ts";
import { reshape } from "../core/morphology.ts";
import { BACKGROUND, FOREGROUND } from "../core/prompts.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { FakeServer } from "../sync/fake-server.test-support.ts";
import { print } from "../sync/operations.ts";
import { moveTo } from "./objects.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { HandTool, Operation } from "./types.ts";

const IMAGE = { id: 7, height: 48, width: 64 };

const x = fc.integer({ min: 0, max: IMAGE.width });
const y = fc.integer({ min: 0, max: IMAGE.height });
const place = fc.tuple(x, y).map(([x, y]) => at(x, y));
const number = fc.nat({ max: 1000 });

type Act = (hand: Hand) => void | Promise<void>;

/** A session, a decoder that answers at once, and the server that hears of every operation. */
class Hand {
  readonly decoder = new FakeDecoder();
  readonly server = new FakeServer(IMAGE.id);
  readonly session: Session;

  constructor() {
    const record = (_: number, operations: readonly Operation[]) => {
      for (const operation of operations) this.server.store(structuredClone(operation));
    };
    this.session = createSession({
      decoder: this.decoder,
      record,
      reshape: async (...request) => reshape(...request),
    });
    this.session.setCategories([1, 2, 3].map((id) => ({ id, name: `${id}`, color: "#ff0000" })));
    this.session.open(IMAGE, []);
  }

  async answer(): Promise<void> {
    while (this.decoder.requests.length > 0) await this.decoder.answer();
  }

  /** Every byte that can be saved or shown. */
  get document(): string {
    const { annotations, prompts, edited, reopenedUid } = this.session.store.document;
    const mask = prompts.mask?.counts;
    return JSON.stringify([
      annotations.toSorted((a, b) => (a.uid < b.uid ? -1 : 1)),
      { ...prompts, mask },
      edited,
      reopenedUid,
    ]);
  }

  /** From the bottom to the top. */
  get saved(): string[] {
    return this.session.list.annotations.map((each) => `${each.uid} ${print(each)}`);
  }

  get stored(): string[] {
    return this.server.current().annotations.map((each) => `${each.uid} ${print(each)}`);
  }

  pick(index: number): string | null {
    const { annotations } = this.session.list;
    return annotations[index % (annotations.length + 1)]?.uid ?? null;
  }
}

const withTool =
  (tool: HandTool, run: (session: Session) => void | Promise<void>): Act =>
  ({ session }) => {
    session.setTool(tool);
    return run(session);
  };

const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({ from: place, to: place, size: fc.integer({ min: 1, max: 20 }), erases: fc.boolean() })
      .map(({ from, to, size, erases }) =>
        withTool(erases ? "eraser" : "brush", ({ masks }) => {
          if (!masks.begin()) return;
          masks.stroke(from, to, size, erases);
          masks.stroke(to, at(to[0], from[1]), size, erases);
          masks.finish();
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.constantFrom(FOREGROUND, BACKGROUND)).map(
      ([point, label]): Act =>
        ({ session }) =>
          session.drawing.addPoint(point, label),
    ),
  },
  fc.tuple(place, place).map(
    ([from, to]): Act =>
      ({ session }) =>
        session.drawing.setBox(from, to),
  ),
  { weight: 3, arbitrary: fc.constant<Act>(({ session }) => session.drawing.accept()) },
  fc.constant<Act>(({ session }) => session.drawing.drop()),
  fc.constantFrom<Act[]>(
    ({ session }) => session.drawing.cycle(1),
    ({ session }) => session.drawing.removeLastPrompt(),
  ),
  fc.tuple(number, place).map(
    ([index, to]): Act =>
      ({ session }) =>
        session.drawing.movePoint(index % 3, to),
  ),
  fc.tuple(fc.array(place, { minLength: 3, maxLength: 7 }), fc.boolean()).map(([ring, cuts]) =>
    withTool("polygon", ({ masks }) => {
      masks.sketch(ring, cuts);
      masks.closeOutline();
    }),
  ),
  fc
    .tuple(place, fc.boolean())
    .map(([point, drops]) => withTool("fill", ({ masks }) => masks.fillAt(point, drops))),
  fc.constantFrom<Act[]>(
    ({ session }) => session.masks.fillHoles(),
    ({ session }) => session.masks.dropIslands(),
  ),
  fc.constantFrom("grow", "shrink", "smooth").map(
    (how): Act =>
      ({ session }) =>
        session.masks.reshape(how),
  ),
  fc.tuple(number, place).map(([index, to]) =>
    withTool("vertices", ({ masks }) => {
      const [ring, ...others] = masks.rings;
      if (ring) masks.setRings([ring.with(index % ring.length, to), ...others]);
    }),
  ),
  number.map(
    (index): Act =>
      (hand) =>
        hand.session.selection.select(hand.pick(index)),
  ),
  number.map(
    (index): Act =>
      (hand) => {
        const uid = hand.pick(index);
        if (uid) hand.session.drawing.reopen(uid);
      },
  ),
  number.map(
    (index): Act =>
      (hand) => {
        const uid = hand.pick(index);
        if (uid) hand.session.remove(uid);
      },
  ),
  fc.tuple(number, number).map(
    ([index, place]): Act =>
      (hand) => {
        const uid = hand.pick(index);
        if (uid) hand.session.changeObjects([], (document) => moveTo(document, uid, place % 6));
      },
  ),
  fc.constantFrom(1, 2, 3, null).map(
    (id): Act =>
      ({ session }) =>
        session.chooseCategory(id),
  ),
  fc.constantFrom("allow", "protect", "overwrite").map(
    (policy): Act =>
      ({ session }) => {
        session.masks.options.overlap = policy;
      },
  ),
  fc.tuple(number, fc.boolean()).map(
    ([index, locked]): Act =>
      (hand) => {
        const uid = hand.pick(index);
        if (uid) hand.session.list.setLocked(uid, locked);
      },
  ),
  fc.constantFrom<Act[]>(
    ({ session }) => session.store.undo(),
    ({ session }) => session.store.redo(),
  ),
);

it("undoes 500 changes of every kind to the first bytes and redoes them to the last, on the page and on the server", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: 500, maxLength: 500 }), async (all) => {
      const hand = new Hand();
      const first = hand.document;
      for (const act of all) {
        await act(hand);
        await hand.answer();
        expect(hand.stored).toEqual(hand.saved);
      }
      while (hand.session.store.canRedo) hand.session.store.redo(); // the changes may have ended with an undo
      const [last, lastSaved] = [hand.document, hand.saved];
      let steps = 0;
      for (; hand.session.store.canUndo; steps++) hand.session.store.undo();
      expect(steps).toBeGreaterThan(50);
      expect(hand.document).toBe(first);
      expect(hand.stored).toEqual([]);
      while (hand.session.store.canRedo) hand.session.store.redo();
      expect(hand.document).toBe(last);
      expect(hand.saved).toEqual(lastSaved);
      expect(hand.stored).toEqual(lastSaved);
    }),
    { numRuns: 8 },
  );
}, 120_000);

/** What a brush, an eraser, undo and redo do to a mask, as plain pixels. */
class Pixels {
  private readonly states: Uint8Array[];
  private at = 0;

  constructor(first: Uint8Array) {
    this.states = [first];
  }

  get now(): Uint8Array {
    return this.states[this.at]!;
  }

  /** The pixels after a stroke, which is not done yet. */
  after(swept: Uint8Array, erases: boolean): Uint8Array {
    return this.now.map((value, index) => (swept[index] ? Number(!erases) : value));
  }

  done(after: Uint8Array): void {
    if (firstDifference(after, this.now) < 0) return; // a stroke that changes nothing is no step
    this.states.splice(++this.at, Infinity, after);
  }

  /** @returns whether there was something to take back, or to do again */
  step(by: 1 | -1): boolean {
    if (!this.states[this.at + by]) return false;
    this.at += by;
    return true;
  }
}

/** Quick, for many thousands of comparisons. @returns -1 for the same pixels */
const firstDifference = (one: Uint8Array, other: Uint8Array): number =>
  one.length === other.length ? one.findIndex((value, index) => value !== other[index]) : 0;

type Stroke = { from: ImagePoint; to: ImagePoint; size: number; erases: boolean };

const strokes: fc.Arbitrary<Stroke> = fc.record({
  from: place,
  to: place,
  size: fc.integer({ min: 1, max: 30 }),
  erases: fc.boolean(),
});
const moves = fc.oneof(
  { weight: 5, arbitrary: strokes },
  { weight: 3, arbitrary: fc.constant("undo" as const) },
  { weight: 2, arbitrary: fc.constant("redo" as const) },
);

it.each([
  ["an object that is being drawn", false],
  ["an object that is saved", true],
])(
  "leaves of %s exactly the pixels that plain arrays have, in 1,000 random sequences of brush, eraser and undo",
  (_, isSaved) => {
    fc.assert(
      fc.property(fc.array(moves, { minLength: 5, maxLength: 14 }), (all) => {
        const hand = new Hand();
        const { session } = hand;
        const paint = ({ from, to, size, erases }: Stroke): void => {
          session.setTool(erases ? "eraser" : "brush");
          if (isSaved) session.selection.select(hand.pick(0));
          expect(session.masks.begin()).toBe(true);
          session.masks.stroke(from, to, size, erases);
          session.masks.finish();
        };
        if (isSaved) {
          session.setTool("brush");
          session.masks.begin();
          session.masks.stroke(at(0, 0), at(IMAGE.width, IMAGE.height), 9, false);
          session.masks.finish();
          session.drawing.accept();
        }
        const shown = (): Uint8Array => {
          const mask = isSaved ? session.list.annotations[0]!.segmentation : session.draft.mask;
          return mask ? pixelsOf(ColumnMask.from(mask)) : new Uint8Array(IMAGE.width * IMAGE.height);
        };
        const pixels = new Pixels(shown());
        for (const move of all) {
          if (move === "undo") {
            if (pixels.step(-1)) session.store.undo();
          } else if (move === "redo") {
            if (pixels.step(1)) session.store.redo();
          } else {
            const swept = pixelsOf(sweep(move.from, move.to, move.size, session.masks.options.shape, IMAGE));
            const after = pixels.after(swept, move.erases);
            if (isSaved && !after.includes(1)) continue; // that removes it
            paint(move);
            pixels.done(after);
          }
          expect(firstDifference(shown(), pixels.now)).toBe(-1);
        }
        if (!isSaved) session.drawing.accept();
        const stored = hand.server.current().annotations;
        expect(stored).toHaveLength(pixels.now.includes(1) ? 1 : 0);
        for (const { segmentation } of stored)
          expect(firstDifference(pixelsOf(ColumnMask.from(segmentation)), pixels.now)).toBe(-1);
      }),
      { numRuns: 1000, seed: 5 },
    );
  },
);
