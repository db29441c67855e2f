import { beforeEach, describe, expect, it } from "vitest";
import { screenPoint } from "../core/geometry.ts";
import type { ToolName } from "../session/types.ts";
import { click, drag, hand, input, tools } from "./recorder.test-support.ts";

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
