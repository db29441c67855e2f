/** What a mask has cost is stored with it: work only, over all that was done to it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { KeptDraft } from "../core/draft.ts";
import { imagePoint } from "../core/geometry.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { merge, split } from "./objects.ts";
import { WorkClock } from "./pace.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Operation, Provenance } from "./types.ts";

const IMAGE = { id: 7, height: 48, width: 64 };

/** A tab of its own on the image. */
class Tab {
  readonly clock = new WorkClock(() => now);
  readonly decoder = new FakeDecoder();
  draft: KeptDraft | null = null;
  operations: Operation[] = [];
  readonly session: Session = createSession({
    decoder: this.decoder,
    clock: this.clock,
    record: (_image, operations, draft) => {
      this.operations.push(...operations);
      this.draft = draft;
    },
  });

  async click(x: number): Promise<void> {
    this.clock.sign("press");
    this.session.drawing.addPoint(imagePoint(x, 20), 1);
    await this.decoder.answer();
  }

  /** Accept, with a key. */
  accept(): Provenance {
    this.clock.sign("key");
    this.session.drawing.accept();
    const last = this.operations.at(-1)!;
    const provenance =
      last.kind === "update" ? last.changes.provenance : "provenance" in last && last.provenance;
    if (!provenance) throw new Error("nothing was saved");
    return provenance;
  }
}

let now: number;
let tab: Tab;

beforeEach(() => {
  now = 5_000_000;
  tab = new Tab();
  tab.session.open(IMAGE, []);
});

it("counts from the first prompt, that click included, and not while nobody worked", async () => {
  tab.clock.sign("press"); // on a tool, before
  now += 7000;
  await tab.click(10);
  now += 4000;
  await tab.click(12);
  now += 3_600_000; // lunch: ten seconds of it are taken for work
  expect(tab.accept()).toMatchObject({ seconds: 14, clicks: 2 });
});

it("begins anew with the next object", async () => {
  await tab.click(10);
  tab.accept();
  now += 9000;
  await tab.click(20);
  now += 1000;
  expect(tab.accept()).toMatchObject({ seconds: 1, clicks: 1 });
});

it("adds up when a mask is drawn on later", async () => {
  await tab.click(10);
  now += 2000;
  tab.accept();
  const { uid } = tab.operations[0]!;
  now += 60_000;
  tab.clock.sign("press");
  tab.session.drawing.reopen(uid);
  await tab.decoder.answer();
  now += 3000;
  await tab.click(14);
  expect(tab.accept()).toMatchObject({ seconds: 5, clicks: 3 });
});

it("goes on in another tab, where clicks are not known any more", async () => {
  now += 100_000; // of which 90 s nobody worked
  await tab.click(10);
  now += 4000;
  tab.clock.sign("key");
  tab.session.chooseCategory(null);
  now += 1000;
  const resumed = { ...tab.draft!, startedAt: tab.draft!.startedAt! + 1000 }; // as Drafts.claim does
  const other = new Tab();
  other.session.open(IMAGE, [], resumed);
  await other.decoder.answer();
  now += 2000;
  const provenance = other.accept();
  expect(provenance.seconds).toBe(6);
  expect(provenance).not.toHaveProperty("clicks");
});

describe("by hand", () => {
  /** Press, three seconds of painting, release. */
  function paint(from: number, to: number): void {
    const { clock, session } = tab;
    clock.sign("press");
    session.working(true);
    session.masks.begin();
    now += 3000;
    clock.sign("move");
    session.masks.stroke(imagePoint(from, 20), imagePoint(to, 20), 6, false);
    session.masks.finish();
    session.working(false);
  }

  const last = () => {
    const operation = tab.operations.at(-1)!;
    return operation.kind === "update" ? operation.changes.provenance : null;
  };

  async function saved(): Promise<void> {
    await tab.click(10);
    now += 2000;
    tab.accept();
    const { uid } = tab.operations[0]!;
    now += 20_000; // looks around: this is no object's time
    tab.clock.sign("press");
    tab.session.selection.select(uid);
    tab.session.setTool("brush");
  }

  it("counts a first stroke from its press", () => {
    tab.session.setTool("brush");
    paint(10, 20);
    now += 1000;
    expect(tab.accept()).toMatchObject({ seconds: 4, clicks: 1 });
  });

  it("counts what is done to a saved mask from when somebody turned to it", async () => {
    await saved();
    now += 1000;
    paint(40, 44);
    expect(last()).toMatchObject({ seconds: 6, clicks: 3 }); // a click; the press that selects it; a stroke
    now += 1000;
    paint(48, 52);
    expect(last()).toMatchObject({ seconds: 10, clicks: 4 });
  });

  it("gives no time back for a stroke that is undone", async () => {
    await saved();
    paint(40, 44);
    tab.session.store.undo();
    now += 1000;
    paint(48, 52);
    expect(last()).toMatchObject({ seconds: 9, clicks: 4 });
  });

  it("is shared by the parts of a mask that is split, and counts once when one is painted on", async () => {
    await saved();
    paint(40, 44); // a part of its own: 5 s and 3 clicks so far
    const { session } = tab;
    const { uid } = session.list.annotations[0]!;
    session.changeObjects([uid], (document) => split(document, uid, () => "part", session.effort.soFar));
    const [first, second] = session.list.annotations.map(({ provenance }) => provenance!);
    expect([first!.seconds! + second!.seconds!, first!.clicks! + second!.clicks!]).toEqual([5, 3]);
    paint(54, 58);
    const efforts = session.list.annotations.map(({ provenance }) => provenance!);
    expect(efforts.reduce((sum, { seconds }) => sum + seconds!, 0)).toBe(8);
    session.changeObjects([uid, "part"], (document) => merge(document, [uid, "part"], session.effort.soFar));
    expect(session.list.annotations[0]!.provenance).toMatchObject({ seconds: 8, clicks: 4 });
  });

  it("does not count for a saved mask what was spent on another object", async () => {
    await saved();
    tab.session.selection.select(null);
    tab.session.setTool("points");
    await tab.click(30);
    now += 5000;
    tab.accept();
    tab.clock.sign("press");
    tab.session.selection.select(tab.operations[0]!.uid);
    tab.session.setTool("brush");
    paint(40, 44);
    expect(last()).toMatchObject({ seconds: 5, clicks: 3 });
  });
});
