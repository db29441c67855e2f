import { beforeEach, describe, expect, it } from "vitest";
import { imagePoint } from "../../core/geometry.ts";
import { encode } from "../../core/rle.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import type { Annotation, Operation } from "../../session/types.ts";
import { Objects } from "../../workspace/objects.svelte.ts";
import { Keymap } from "../keys.ts";
import { Toolbox } from "../toolbox.svelte.ts";
import type { Page } from "./action.ts";
import { KeyPresses } from "./key-presses.ts";
import { ACTIONS } from "./table.ts";

describe("keys", () => {
  const annotation = (uid: string): Annotation => ({
    uid,
    category_id: 1,
    segmentation: { size: [48, 64], counts: "P3`0`l2" },
    iscrowd: 0,
    attributes: {},
    provenance: null,
  });
  let decoder: FakeDecoder;
  let operations: Operation[];
  let session: Session;
  let tools: Toolbox;
  let objects: Objects;
  let seen: string[];
  let readOnly: string;
  let keys: KeyPresses;
  const event = (combination: string, repeat = false) => {
    const parts = combination.split("+");
    const has = (modifier: string) => parts.includes(modifier);
    return {
      key: parts.at(-1)!,
      ctrlKey: has("Ctrl"),
      shiftKey: has("Shift"),
      metaKey: false,
      altKey: false,
      repeat,
    };
  };
  const run = (combination: string, repeat = false) => keys.down(event(combination, repeat), Keymap.of());

  beforeEach(() => {
    seen = [];
    operations = [];
    readOnly = "";
    decoder = new FakeDecoder();
    session = createSession({
      decoder,
      record: (_, made) => operations.push(...made),
      readOnly: () => readOnly,
    });
    session.setCategories([
      { id: 1, name: "cat", color: "#ff0000" },
      { id: 2, name: "dog", color: "#00ff00" },
    ]);
    const note =
      (name: string) =>
      (...more: unknown[]) =>
        void seen.push([name, ...more].join(" "));
    const stage = { markerAt: () => null, scale: 1, panBy: note("pan"), show: () => undefined };
    objects = new Objects(session);
    const viewer = { fit: note("fit"), zoomStep: note("zoom"), zoomToSelection: note("zoom to it") };
    const names = [
      "step",
      "submit",
      "skip",
      "nextWaiting",
      "approve",
      "nextSubmitted",
      "paste",
      "propagate",
      "findEverything",
      "findSimilar",
      "findDetected",
      "lookCloser",
      "toggleTidy",
      "toggleLabels",
      "point",
    ] as const;
    const more = [
      "tellSaving",
      "findCategory",
      "openSheet",
      "openPalette",
      "comment",
      "nextComment",
    ] as const;
    const page = Object.fromEntries([...names, ...more].map((name) => [name, note(name)])) as unknown as Page;
    tools = new Toolbox(session, stage);
    keys = new KeyPresses({ session, objects, tools, viewer, page: { ...page, ready: true } });
    session.open({ id: 7, height: 48, width: 64 }, [annotation("a"), annotation("b")]);
  });

  it("draw, walk through the candidates and accept without the mouse", async () => {
    expect([run("Tab"), run("Enter")]).toEqual([false, false]);
    session.drawing.addPoint(imagePoint(10, 20), 1);
    expect(run("Tab")).toBe(true); // faster than the answer
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    expect([run("Shift+Tab"), session.draft.shownIndex]).toEqual([true, 2]);
    run("2"); // accepts it there
    expect(operations).toMatchObject([{ kind: "create", category_id: 2 }]);
    run("Ctrl+z");
    run("Ctrl+y");
    expect(operations.map(({ kind }) => kind)).toEqual(["create", "delete", "restore"]);
  });

  it("work on the selected annotation", () => {
    expect([run("Delete"), run("l")]).toEqual([false, false]);
    session.selection.select("a");
    run("l");
    expect(session.list.annotations[0]!.locked).toBe(true);
    run("l");
    run("2");
    run("Enter");
    expect(session.draft.reopenedUid).toBe("a");
    run("Escape");
    expect([session.draft.reopenedUid, session.selection.uid]).toEqual([null, "a"]);
    run("Delete");
    expect(session.list.annotations.map(({ uid }) => uid)).toEqual(["b"]);
    run("Backspace");
    expect(run("5")).toBe(false);
  });

  it("hide the selected annotation, or all", () => {
    const hidden = () => session.list.annotations.map((each) => each.hidden);
    session.selection.select("b");
    run("h");
    expect(hidden()).toEqual([false, true]);
    run("Escape");
    run("h");
    expect(hidden()).toEqual([true, true]);
    run("h");
    expect(hidden()).toEqual([false, false]);
  });

  it("choose tools, fit the image and zoom", () => {
    run("w");
    expect(session.tool).toBe("box");
    run("q");
    expect(session.tool).toBe("points");
    run("Home");
    run("PageUp");
    run("PageDown");
    expect(seen).toEqual(["fit", "zoom 1", "zoom -1"]);
  });

  it("clean up what a hand tool would change, and nothing else", () => {
    expect([run("Shift+f"), run("g"), run("x")]).toEqual([false, false, false]);
    session.selection.select("a");
    run("b");
    run("Shift+d"); // both parts are smaller than what is dropped
    expect(operations.map(({ kind }) => kind)).toEqual(["delete"]);
  });

  it("last for as long as they are down, also when they are released elsewhere", () => {
    run(" ");
    run("t");
    expect([tools.panning, session.peeking]).toEqual([true, true]);
    keys.up({ key: " " });
    expect([tools.panning, session.peeking]).toEqual([false, true]);
    keys.releaseAll();
    expect(session.peeking).toBe(false);
  });

  it("that are held down settle one image", () => {
    expect([run("Ctrl+Enter"), run("Ctrl+Enter", true), run("d", true)]).toEqual([true, true, true]);
    expect(seen).toEqual(["submit", "step 1"]);
  });

  it("mean all that is selected", () => {
    session.selection.choose(["a", "b"], "b");
    run("2");
    expect(session.list.annotations.map((each) => each.category_id)).toEqual([2, 2]);
    expect(run("Ctrl+ArrowDown")).toBe(false); // the order of several
    run("Delete");
    expect(session.list.annotations).toEqual([]);
    expect([run("Delete"), run("Ctrl+c"), run("Ctrl+b")]).toEqual([false, false, false]);
  });

  it("walk through suggestions, take and refuse them while nothing is drawn", () => {
    const suggested = (uid: string, score: number, pixel: number) => {
      const mask = { height: 48, width: 64, data: new Uint8Array(48 * 64).fill(1, pixel, pixel + 9) };
      return { uid, score, segmentation: encode(mask), bbox: [0, 0, 1, 1], area: 9, prompt: {} } as never;
    };
    expect([run("x"), run("Shift+Enter"), run("Shift+s")]).toEqual([false, false, false]);
    session.suggestions.load([suggested("high", 0.9, 70), suggested("low", 0.4, 200)]);
    run("Tab");
    expect(session.suggestions.current?.uid).toBe("high");
    run("x");
    expect(session.suggestions.current?.uid).toBe("low");
    run("Enter");
    expect(operations.map(({ kind }) => kind)).toEqual(["verdict", "create"]);
    run("Ctrl+z");
    run("Ctrl+z");
    run("Shift+s");
    expect([session.suggestions.shown.length, run("Shift+Enter")]).toEqual([0, false]);
    run("Shift+s");
    run("Shift+Enter");
    expect(session.list.annotations.length).toBe(4);
    run("Shift+e");
    session.selection.select(null);
    expect(run("Shift+l")).toBe(false);
    session.selection.select("a");
    run("Shift+l");
    run("Shift+o");
    expect(seen).toEqual(["findEverything", "findSimilar", "findDetected"]);
  });

  it("that change something do nothing for who may only look, and the others go on", () => {
    session.selection.select("a");
    readOnly = "You may look only.";
    const changing = ACTIONS.filter(({ changes }) => changes).flatMap((each) => each.keys);
    expect(changing).toEqual(
      expect.arrayContaining(["b", "1", "Enter", "Delete", "Ctrl+z", "Ctrl+v", "Shift+e", "g"]),
    );
    expect(changing.filter((key) => run(key))).toEqual([]);
    expect([operations, session.tool, session.draft.active]).toEqual([[], "points", false]);
    expect([run("d"), run("Home"), run("h"), run("Ctrl+a"), run("Escape")]).toEqual(Array(5).fill(true));
  });
});
