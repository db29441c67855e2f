import { beforeEach, describe, expect, it } from "vitest";
import type { Outline } from "../core/draft.ts";
import { type ImagePoint, imagePoint, type ScreenPoint, screenPoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import type { ToolName } from "../session/types.ts";
import type { Gesture, PointerInput, ToolMasks, ToolSession, ToolStage } from "./tool.ts";
import { Toolbox } from "./toolbox.svelte.ts";

const SCALE = 2; // image pixels per screen pixel, so that a tool that mixes them up is found out

/** Writes down what the tools do; markers and annotations are where the test puts them. */
class Recorder implements ToolSession, ToolStage {
  readOnly = "";
  tool: ToolName = "points";
  readonly log: string[] = [];
  gesture: Gesture = {};
  marker: { at: ScreenPoint; index: number } | null = null;
  annotation: { uid: string } | null = null;
  below: { uid: string }[] = [];
  scale = 1 / SCALE;
  readonly options = { size: 10, subtracts: false };
  unlocked = true;
  readonly masks: ToolMasks & { rings: readonly Ring[]; outline: Outline | null } = {
    options: this.options,
    rings: [],
    begin: () => this.unlocked,
    stroke: (from, to, size, erases) => this.note(erases ? "erase" : "paint", from, to, size),
    finish: () => this.note("finish"),
    cancel: () => undefined,
    outline: null,
    sketch: (ring, subtracts) => {
      this.masks.outline = ring.length > 0 ? { ring, subtracts } : null;
    },
    closeOutline: () => {
      const { ring, subtracts } = this.masks.outline!;
      this.masks.outline = null;
      this.note(subtracts ? "cut" : "add", ring);
    },
    fillAt: (at, drops) => this.note(drops ? "drop part" : "fill", at),
    previewRings: (rings) => this.note("preview", rings),
    setRings: (rings) => this.note("rings", rings),
  };

  suggestion: { uid: string } | null = null;
  readonly suggestions = {
    at: () => this.suggestion,
    light: () => undefined,
    take: (uid: string) => this.note("take", uid),
  };
  readonly draft = { active: false };
  readonly drawing = {
    hover: (at: ImagePoint | null) => this.note("hover", at),
    movePoint: (index: number, at: ImagePoint) => this.note("move", index, at),
    setBox: (from: ImagePoint, to: ImagePoint) => this.note("box", from, to),
    reopen: (uid: string) => this.note("reopen", uid),
    addPoint: (at: ImagePoint, label: number) => {
      this.draft.active = true;
      this.note("point", at, label);
    },
    removePoint: (index: number) => {
      this.draft.active = false;
      this.note("remove", index);
    },
  };
  readonly selection: { uid: string | null; select: (uid: string | null) => void } = {
    uid: null,
    select: (uid) => this.note("select", uid),
  };
  readonly list = {
    at: () => this.annotation,
    allAt: () => (this.annotation ? [this.annotation, ...this.below] : []),
  };
  panBy = (dx: number, dy: number) => this.note("pan", dx, dy);
  isWorking = false;
  working = (underWay: boolean) => {
    this.isWorking = underWay;
  };
  markerAt = ([x, y]: ScreenPoint) =>
    this.marker && Math.hypot(x - this.marker.at[0], y - this.marker.at[1]) < 8 ? this.marker.index : null;
  show = (gesture: Gesture) => {
    this.gesture = gesture;
  };

  /** What happened since the last look. */
  take(): string[] {
    return this.log.splice(0);
  }

  private note(name: string, ...values: unknown[]): void {
    this.log.push([name, ...values.map((value) => JSON.stringify(value))].join(" "));
  }
}

const PLAIN = { straight: false, erasing: false, pressure: 1 };

let hand: Recorder;
let tools: Toolbox;

function input(x: number, y: number, more: Partial<PointerInput> = {}): PointerInput {
  const at = { screen: screenPoint(x, y), image: imagePoint(x * SCALE, y * SCALE) };
  return { ...at, button: "left", background: false, onTop: false, selecting: false, ...PLAIN, ...more };
}

function click(x: number, y: number, more: Partial<PointerInput> = {}): void {
  tools.down(input(x, y, more));
  tools.up(input(x, y, more));
}

function drag(from: [number, number], to: [number, number], more: Partial<PointerInput> = {}): void {
  tools.down(input(...from, more));
  tools.move(input(...to, more));
  tools.up(input(...to, more));
}

beforeEach(() => {
  hand = new Recorder();
  tools = new Toolbox(hand, hand);
});

describe("the points tool", () => {
  it("previews under the pointer, but not over a marker or off the stage", () => {
    hand.marker = { at: screenPoint(50, 50), index: 0 };
    tools.move(input(10, 20));
    tools.move(input(51, 52));
    tools.leave();
    expect(hand.take()).toEqual(["hover [20,40]", "hover null", "hover null"]);
  });

  it("sets foreground and background points", () => {
    click(10, 20);
    click(30, 40, { button: "right", background: true });
    click(50, 60, { background: true });
    expect(hand.take()).toEqual(["point [20,40] 1", "point [60,80] 0", "point [100,120] 0"]);
  });

  it("draws a box by dragging, shown while it grows", () => {
    tools.down(input(10, 20));
    tools.move(input(12, 21));
    expect(hand.gesture).toEqual({});
    tools.move(input(30, 50));
    expect(hand.gesture.band).toEqual([
      [20, 40],
      [60, 100],
    ]);
    tools.up(input(30, 50));
    expect(hand.gesture).toEqual({});
    expect(hand.take()).toEqual(["hover null", "box [20,40] [60,100]"]);
  });

  it("takes an unsteady click for a click, and a background drag too", () => {
    drag([10, 20], [12, 22]);
    drag([10, 20], [80, 90], { button: "right", background: true });
    expect(hand.take().filter((line) => !line.startsWith("hover"))).toEqual([
      "point [20,40] 1",
      "point [20,40] 0",
    ]);
  });

  it("removes a clicked marker and moves a dragged one", () => {
    hand.marker = { at: screenPoint(50, 50), index: 3 };
    click(52, 50);
    tools.down(input(50, 50));
    tools.move(input(70, 80));
    expect(hand.gesture.movedPoint).toEqual({ index: 3, to: [140, 160] });
    tools.up(input(70, 80));
    expect(hand.take()).toEqual(["remove 3", "hover null", "move 3 [140,160]"]);
  });

  it("drops a cancelled gesture without a trace", () => {
    tools.down(input(10, 20));
    tools.move(input(90, 90));
    expect(tools.cancel()).toBe(true);
    expect(hand.gesture).toEqual({});
    hand.take();
    tools.up(input(90, 90));
    expect(hand.take()).toEqual([]);
    expect(tools.cancel()).toBe(false);
  });

  it("selects with Ctrl", () => {
    hand.annotation = { uid: "a" };
    click(10, 20, { selecting: true });
    hand.annotation = null;
    click(10, 20, { selecting: true });
    expect(hand.take()).toEqual(['select "a"', "select null"]);
  });

  it("selects the smallest annotation under a plain click, then the next below, and reopens on a double click", () => {
    hand.annotation = { uid: "small" };
    hand.below = [{ uid: "large" }];
    click(10, 20);
    hand.selection.uid = "small";
    click(10, 20);
    hand.selection.uid = "large";
    click(10, 20);
    tools.doubleClick(input(10, 20));
    expect(hand.take()).toEqual(['select "small"', 'select "large"', 'select "small"', 'reopen "small"']);
  });

  it("leaves annotations alone with previews; Alt draws on top of them, and drawing goes on over them", () => {
    const alt = { background: true, onTop: true };
    hand.annotation = { uid: "a" };
    tools.move(input(10, 20));
    tools.move(input(10, 20, alt));
    click(10, 20, alt);
    click(30, 40);
    click(50, 60, alt);
    tools.doubleClick(input(50, 60));
    expect(hand.take()).toEqual([
      "hover null",
      "hover [20,40]",
      "point [20,40] 1",
      "point [60,80] 1",
      "point [100,120] 0",
    ]);
  });

  it("takes a suggestion under a plain click, and previews nothing there; other clicks mean what they mean elsewhere", () => {
    hand.suggestion = { uid: "s" };
    tools.move(input(10, 20));
    click(10, 20);
    click(10, 20, { selecting: true });
    click(10, 20, { background: true });
    click(10, 20);
    expect(hand.take()).toEqual([
      "hover null",
      'take "s"',
      "select null",
      "point [20,40] 0",
      "point [20,40] 1",
    ]);
  });

  it("means “not this” with every press where a hand has no other button, until the object is finished", () => {
    hand.draft.active = true;
    tools.negating = true;
    click(10, 20);
    hand.draft.active = false;
    click(10, 20);
    expect([hand.take(), tools.negating]).toEqual([["point [20,40] 0", "point [20,40] 1"], false]);
  });
});

describe("the box tool", () => {
  beforeEach(() => {
    hand.tool = "box";
  });

  it("aims with a crosshair and draws by dragging", () => {
    tools.move(input(5, 6));
    expect(hand.gesture).toEqual({ crosshair: [10, 12] });
    drag([10, 20], [30, 50]);
    expect(hand.take()).toEqual(["box [20,40] [60,100]"]);
  });

  it("draws by clicking two corners", () => {
    click(10, 20);
    tools.move(input(40, 40));
    expect(hand.gesture.band).toEqual([
      [20, 40],
      [80, 80],
    ]);
    click(30, 50);
    expect(hand.take()).toEqual(["box [20,40] [60,100]"]);
    click(1, 1);
    expect(tools.cancel()).toBe(true);
    expect(hand.take()).toEqual([]);
  });

  it("keeps the first corner while background points are set", () => {
    click(10, 20);
    click(15, 15, { button: "right", background: true });
    click(30, 50);
    expect(hand.take()).toEqual(["point [30,30] 0", "box [20,40] [60,100]"]);
  });
});

describe("moving the image", () => {
  it("works with the middle button and with Space", () => {
    drag([10, 20], [13, 25], { button: "middle" });
    tools.panning = true;
    expect(tools.cursor).toBe("grab");
    drag([10, 20], [9, 20]);
    tools.doubleClick(input(9, 20));
    expect(hand.take()).toEqual(["pan 3 5", "pan -1 0"]);
  });

  it("goes on with the gesture that began when Space is let go, and ignores a second button", () => {
    tools.panning = true;
    tools.down(input(0, 0));
    expect(tools.cursor).toBe("grabbing");
    tools.panning = false;
    tools.down(input(5, 5, { button: "right", background: true }));
    tools.move(input(10, 0));
    tools.up(input(10, 0, { button: "right", background: true }));
    tools.up(input(10, 0));
    expect(hand.take()).toEqual(["pan 10 0"]);
    expect(tools.cursor).toBe("crosshair");
  });
});

describe("the brush", () => {
  beforeEach(() => {
    hand.tool = "brush";
  });

  it("paints where the pointer goes, in one stroke", () => {
    drag([10, 10], [20, 12]);
    expect(hand.take()).toEqual(["paint [20,20] [20,20] 10", "paint [20,20] [40,24] 10", "finish"]);
  });

  it("takes away with Alt, Ctrl or the right button, from press to release", () => {
    tools.down(input(10, 10, { erasing: true }));
    tools.move(input(20, 10));
    tools.up(input(20, 10));
    expect(hand.take().filter((line) => line.startsWith("erase"))).toHaveLength(2);
  });

  it("draws straight from where the last stroke ended", () => {
    click(10, 10);
    hand.take();
    click(30, 40, { straight: true });
    expect(hand.take()[0]).toBe("paint [20,20] [60,80] 10");
  });

  it("is thinner where a pen presses less, and shows it", () => {
    tools.move(input(10, 10, { pressure: 0.5 }));
    expect(hand.gesture.brush).toEqual({ at: [20, 20], share: 0.5, erases: false });
    click(10, 10, { pressure: 0.5 });
    expect(hand.take()[0]).toBe("paint [20,20] [20,20] 5");
  });

  it("does nothing where nothing may be changed, and forgets a stroke that is cancelled", () => {
    hand.unlocked = false;
    drag([10, 10], [20, 10]);
    expect(hand.take()).toEqual([]);
    hand.unlocked = true;
    tools.down(input(10, 10));
    expect(tools.cancel()).toBe(true);
    tools.up(input(10, 10));
    expect(hand.take()).not.toContain("finish");
  });

  it("as eraser begins with the annotation under it when none is selected", () => {
    hand.tool = "eraser";
    hand.annotation = { uid: "a" };
    click(10, 10);
    expect(hand.take()[0]).toBe('select "a"');
  });
});

describe("a press that is aborted", () => {
  it("leaves no stroke, point or pan behind, and the next one counts", () => {
    for (const tool of ["points", "brush"] as const) {
      hand.tool = tool;
      tools.down(input(10, 10));
      tools.move(input(30, 30));
      hand.take();
      tools.abort();
      tools.up(input(30, 30));
      expect(hand.take()).toEqual([]);
    }
    tools.abort(); // nothing is under way
    hand.tool = "points";
    click(5, 5);
    expect(hand.take()).toEqual(["point [10,10] 1"]);
  });

  it("keeps the corners that were clicked before", () => {
    hand.tool = "polygon";
    click(0, 0);
    click(20, 0);
    tools.down(input(20, 20));
    tools.abort();
    expect(hand.masks.outline?.ring).toHaveLength(2);
    tools.cancel();
    hand.tool = "box";
    click(10, 20);
    tools.down(input(30, 50));
    tools.abort();
    click(30, 50);
    expect(hand.take()).toEqual(["box [20,40] [60,100]"]);
    tools.down(input(10, 20));
    tools.abort();
    expect(tools.cancel()).toBe(false);
  });
});

describe("work on an object", () => {
  it("lasts from its first press to the end of the gesture, over several clicks where it takes them", () => {
    hand.tool = "brush";
    tools.down(input(10, 10));
    expect(hand.isWorking).toBe(true);
    tools.up(input(20, 10));
    expect(hand.isWorking).toBe(false);
    hand.tool = "polygon";
    for (const [x, y] of [
      [0, 0],
      [50, 0],
      [50, 50],
    ] as const)
      click(x, y);
    expect(hand.isWorking).toBe(true);
    tools.finish();
    expect(hand.isWorking).toBe(false);
    click(0, 0);
    tools.cancel();
    expect(hand.isWorking).toBe(false);
    hand.tool = "box";
    click(0, 0);
    expect(hand.isWorking).toBe(true);
    click(50, 50);
    expect(hand.isWorking).toBe(false);
  });
});

describe("the polygon tool", () => {
  beforeEach(() => {
    hand.tool = "polygon";
  });

  it("closes with Enter, a double click or a click on the first corner", () => {
    const triangle = "add [[0,0],[40,0],[40,40]]";
    const corners = () => [click(0, 0), click(20, 0), click(20, 20)];
    corners();
    expect(tools.finish()).toBe(true);
    corners();
    tools.doubleClick(input(20, 20));
    corners();
    click(1, 1);
    expect(hand.take()).toEqual([triangle, triangle, triangle]);
    expect(hand.gesture).toEqual({});
  });

  it("cuts out when told so by the first click or the options", () => {
    for (const corner of [0, 10, 20]) click(corner, corner * corner, { erasing: corner === 0 });
    tools.finish();
    expect(hand.take()[0]).toMatch(/^cut/);
  });

  it("goes on with the corners that the session has, and forgets others with another image or tool", () => {
    hand.masks.outline = { ring: [imagePoint(0, 0), imagePoint(40, 0)], subtracts: true };
    tools.reset();
    expect(hand.isWorking).toBe(false); // as it was: the session knows since when
    tools.move(input(20, 20));
    expect(hand.gesture).toEqual({ corner: [40, 40] });
    click(20, 20);
    tools.finish();
    expect(hand.take()).toEqual(["cut [[0,0],[40,0],[40,40]]"]);
    hand.tool = "box";
    click(10, 10);
    tools.reset();
    expect(tools.cancel()).toBe(false);
  });

  it("takes back corners, and everything on Escape", () => {
    click(0, 0);
    click(20, 0);
    expect(tools.back()).toBe(true);
    expect(hand.masks.outline?.ring).toEqual([[0, 0]]);
    expect(tools.cancel()).toBe(true);
    expect([tools.back(), tools.finish(), tools.cancel()]).toEqual([false, false, false]);
    expect(hand.take()).toEqual([]);
  });
});

describe("the corners tool", () => {
  const square: Ring = [imagePoint(0, 0), imagePoint(80, 0), imagePoint(80, 80), imagePoint(0, 80)];

  beforeEach(() => {
    hand.tool = "vertices";
    hand.masks.rings = [square];
  });

  it("moves a corner", () => {
    drag([40, 1], [50, 10]);
    const moved = JSON.stringify([square.with(1, imagePoint(100, 20))]);
    expect(hand.take()).toEqual([`preview ${moved}`, `rings ${moved}`]);
  });

  it("makes a corner where an edge is pressed", () => {
    click(20, 0);
    expect(hand.take()).toEqual([`rings ${JSON.stringify([square.toSpliced(1, 0, imagePoint(40, 0))])}`]);
  });

  it("removes a corner with Alt, and a ring that has too few left", () => {
    click(40, 0, { erasing: true });
    expect(hand.take()).toEqual([`rings ${JSON.stringify([square.toSpliced(1, 1)])}`]);
    hand.masks.rings = [square.slice(0, 3)];
    click(40, 0, { erasing: true });
    expect(hand.take()).toEqual(["rings []"]);
  });

  it("leaves the mask alone when a corner is only clicked, and selects elsewhere", () => {
    click(0, 0);
    hand.annotation = { uid: "a" };
    click(20, 20);
    expect(hand.take()).toEqual(['select "a"']);
  });
});

it("the fill tool fills holes, and drops parts with Alt", () => {
  hand.tool = "fill";
  click(10, 10);
  click(10, 10, { erasing: true });
  expect(hand.take()).toEqual(["fill [20,20]", "drop part [20,20]"]);
});

describe("who may only look", () => {
  beforeEach(() => {
    hand.readOnly = "You may look only.";
    hand.annotation = { uid: "a" };
  });

  it.each<ToolName>(["points", "box", "brush", "polygon", "fill", "vertices"])(
    "selects with a click and moves the image by dragging, whatever tool was chosen: %s",
    (tool) => {
      hand.tool = tool;
      click(10, 10);
      drag([10, 10], [30, 15]);
      hand.annotation = null;
      click(50, 50, { background: true });
      expect(hand.take()).toEqual(['select "a"', "pan 20 5", "select null"]);
      expect(hand.isWorking).toBe(false);
    },
  );
});
