import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ScreenPoint, screenPoint } from "../core/geometry.ts";
import { Fingers } from "./fingers.ts";

let seen: string[];
let lasting: boolean;
let fingers: Fingers<string>;

const finger = (id: number, x: number, y: number, type = "touch") => ({
  id,
  type,
  screen: screenPoint(x, y),
  time: Date.now(),
});
const down = (id: number, x: number, y: number, type?: string) =>
  fingers.down(finger(id, x, y, type), `${x},${y}`);
const move = (id: number, x: number, y: number, type?: string) =>
  fingers.move(finger(id, x, y, type), `${x},${y}`);
const up = (id: number, x: number, y: number, type?: string) =>
  fingers.up(finger(id, x, y, type), `${x},${y}`);
const text = ([x, y]: ScreenPoint) => `${x},${y}`;

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  lasting = false;
  fingers = new Fingers<string>({
    down: (at, button) => seen.push(`${button} down ${at}`),
    move: (at) => seen.push(`move ${at}`),
    up: (at, button) => seen.push(`${button} up ${at}`),
    abort: () => seen.push("abort"),
    get lasting() {
      return lasting;
    },
    pinch: (from, to, factor) => seen.push(`pinch ${text(from)} ${text(to)} ${factor}`),
  });
});
afterEach(() => vi.useRealTimers());

describe("one finger", () => {
  it("taps where it came down, however it trembles", () => {
    down(1, 10, 10);
    move(1, 13, 12);
    expect(seen).toEqual([]);
    up(1, 13, 12);
    expect(seen).toEqual(["left down 10,10", "left up 13,12"]);
  });

  it("drags from where it came down", () => {
    down(1, 10, 10);
    move(1, 40, 10);
    move(1, 60, 20);
    up(1, 60, 20);
    expect(seen).toEqual(["left down 10,10", "move 40,10", "move 60,20", "left up 60,20"]);
  });

  it("is the right button once it has rested, at once and only once", () => {
    down(1, 10, 10);
    vi.advanceTimersByTime(600);
    expect(seen).toEqual(["right down 10,10", "right up 10,10"]);
    move(1, 90, 90);
    up(1, 90, 90);
    expect(seen).toHaveLength(2);
    down(2, 5, 5);
    up(2, 5, 5);
    expect(seen.slice(2)).toEqual(["left down 5,5", "left up 5,5"]);
  });

  it("goes on with a stroke after resting", () => {
    lasting = true;
    down(1, 10, 10);
    vi.advanceTimersByTime(600);
    move(1, 40, 10);
    up(1, 40, 10);
    expect(seen).toEqual(["right down 10,10", "move 40,10", "right up 40,10"]);
  });
});

describe("two fingers", () => {
  it("pinch and move, and nothing is drawn", () => {
    down(1, 100, 100);
    down(2, 200, 100);
    move(2, 300, 100);
    move(1, 100, 200);
    up(2, 300, 100);
    move(1, 0, 0);
    up(1, 0, 0);
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual(["pinch 150,100 200,100 2", `pinch 200,100 200,150 ${Math.hypot(200, 100) / 200}`]);
  });

  it("take back what the first has begun just before", () => {
    down(1, 100, 100);
    move(1, 150, 100);
    vi.advanceTimersByTime(100);
    down(2, 200, 100);
    move(2, 200, 150);
    expect(seen.slice(0, 3)).toEqual(["left down 100,100", "move 150,100", "abort"]);
    expect(seen[3]).toMatch(/^pinch/);
  });

  it("do not disturb a stroke that has been going on", () => {
    down(1, 100, 100);
    move(1, 150, 100);
    vi.advanceTimersByTime(400);
    down(2, 200, 100);
    move(2, 250, 100);
    move(1, 160, 100);
    up(1, 160, 100);
    expect(seen).toEqual(["left down 100,100", "move 150,100", "move 160,100", "left up 160,100"]);
  });
});

describe("a pen", () => {
  it("acts at once, as the mouse does", () => {
    expect([down(1, 1, 1, "pen"), move(1, 2, 2, "pen"), up(1, 2, 2, "pen")]).toEqual([false, false, false]);
    expect([down(2, 1, 1, "mouse"), move(2, 2, 2, "mouse"), up(2, 2, 2, "mouse")]).toEqual([
      false,
      false,
      false,
    ]);
    expect(seen).toEqual([]);
  });

  it("makes palms of all touches, those before it too", () => {
    down(1, 100, 100);
    down(9, 10, 10, "pen");
    vi.advanceTimersByTime(1000);
    down(2, 120, 100);
    move(2, 200, 100);
    move(1, 200, 100);
    up(2, 200, 100);
    up(9, 10, 10, "pen");
    up(1, 200, 100);
    expect(seen).toEqual([]);
    down(3, 5, 5);
    up(3, 5, 5);
    expect(seen).toEqual(["left down 5,5", "left up 5,5"]);
  });

  it("takes back the stroke of a palm that came first", () => {
    down(1, 100, 100);
    move(1, 150, 100);
    down(9, 10, 10, "pen");
    move(1, 190, 100);
    expect(seen).toEqual(["left down 100,100", "move 150,100", "abort"]);
  });
});

it("a finger that the system takes away has done nothing", () => {
  down(1, 100, 100);
  move(1, 150, 100);
  fingers.cancel(finger(1, 150, 100));
  expect(seen.at(-1)).toBe("abort");
  down(2, 5, 5);
  up(2, 5, 5);
  expect(seen.slice(-2)).toEqual(["left down 5,5", "left up 5,5"]);
});
