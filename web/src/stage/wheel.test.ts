import { describe, expect, it } from "vitest";
import { Wheel, type WheelInput } from "./wheel.ts";

const event = (fields: Partial<WheelInput>): WheelInput => ({
  deltaX: 0,
  deltaY: 0,
  deltaMode: 0,
  ctrlKey: false,
  shiftKey: false,
  timeStamp: 0,
  ...fields,
});
const notch = event({ deltaY: -100, wheelDeltaY: 120 });
const fingers = event({ deltaY: 5, wheelDeltaY: -15 });

describe("the wheel", () => {
  it("of a mouse zooms, whether it counts pixels or lines", () => {
    expect(new Wheel().read(notch, true)).toEqual({ kind: "zoom", factor: Math.exp(0.16) });
    expect(new Wheel().read(event({ deltaY: 3, deltaMode: 1 }), true)).toEqual({
      kind: "zoom",
      factor: Math.exp(-0.0768),
    });
  });

  it("of two fingers on a trackpad moves the image with them, aslant too", () => {
    expect(new Wheel().read(fingers, true)).toEqual({ kind: "pan", dx: -0, dy: -5 });
    expect(new Wheel().read(event({ deltaX: -2, deltaY: 1 }), true)).toEqual({ kind: "pan", dx: 2, dy: -1 });
    expect(new Wheel().read(fingers, false).kind).toBe("zoom");
  });

  it("of two fingers that pinch zooms", () => {
    expect(new Wheel().read(event({ deltaY: -2, wheelDeltaY: 6, ctrlKey: true }), true)).toEqual({
      kind: "zoom",
      factor: Math.exp(0.02),
    });
  });

  it("means the same device until it rests", () => {
    const wheel = new Wheel();
    wheel.read(fingers, true);
    expect(wheel.read({ ...notch, timeStamp: 100 }, true).kind).toBe("pan");
    expect(wheel.read({ ...notch, timeStamp: 1000 }, true).kind).toBe("zoom");
  });
});
