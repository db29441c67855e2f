/**
 * Fingers and pens on the stage, told apart before the tools hear of them: one finger does what the mouse does, two pinch
 * and move the image, a finger that rests is the right button, and a palm beside a pen is nothing at all.
 */

import { type ScreenPoint, screenPoint } from "../core/geometry.ts";
import { isDrag } from "../tools/tool.ts";

const RESTING_MILLISECONDS = 500; // until a finger that does not move means the background
const TOGETHER_MILLISECONDS = 250; // within which a second finger makes a pinch of what the first has begun
const STEADY = 3; // how many times the way that makes a drag of a mouse's press a finger may tremble

/** What a finger asks for. `T` is the event that it goes back to. */
export interface Hand<T> {
  down(at: T, button: "left" | "right"): void;
  move(at: T): void;
  up(at: T, button: "left" | "right"): void;
  /** Forget the gesture under way, not what came before it. */
  abort(): void;
  /** Whether the gesture goes on while the finger is down, as a stroke does. */
  readonly lasting: boolean;
  /** The image follows two fingers. */
  pinch(from: ScreenPoint, to: ScreenPoint, factor: number): void;
}

export interface Finger {
  readonly id: number;
  readonly type: string;
  readonly screen: ScreenPoint;
  /** Milliseconds. */
  readonly time: number;
}

type State<T> =
  | { readonly is: "idle" }
  /** One finger is down, and nobody knows yet what it wants. */
  | { readonly is: "waiting"; readonly finger: Finger; readonly event: T }
  | { readonly is: "acting"; readonly finger: Finger; readonly button: "left" | "right" }
  | { readonly is: "pinching" }
  /** Until all fingers are up. */
  | { readonly is: "done" };

export class Fingers<T> {
  private state: State<T> = { is: "idle" };
  private readonly places = new Map<number, ScreenPoint>();
  private pen: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly hand: Hand<T>) {}

  /** Each of these returns false for a pointer that is none of its business: mouse and pen act at once. */
  down(finger: Finger, event: T): boolean {
    if (finger.type === "pen") {
      this.pen = finger.id;
      this.end(); // a palm came first
      if (this.places.size > 0) this.state = { is: "done" };
    }
    if (finger.type !== "touch") return false;
    if (this.pen !== null) return true;
    this.places.set(finger.id, finger.screen);
    if (this.places.size === 1) this.wait(finger, event);
    else if (this.places.size === 2) this.join(finger);
    return true;
  }

  move({ id, type, screen }: Finger, event: T): boolean {
    if (type !== "touch") return false;
    const before = this.places.get(id);
    if (!before) return true;
    const middle = this.middle();
    const width = this.width();
    this.places.set(id, screen);
    const { state } = this;
    if (state.is === "pinching") this.hand.pinch(middle, this.middle(), this.width() / width);
    else if (state.is === "acting" && state.finger.id === id) this.hand.move(event);
    else if (state.is === "waiting" && isFar(state.finger.screen, screen)) {
      this.act(state, "left");
      this.hand.move(event);
    }
    return true;
  }

  up({ id, type }: Finger, event: T): boolean {
    if (type === "pen" && id === this.pen) this.pen = null;
    if (type !== "touch") return false;
    if (!this.places.delete(id)) return true;
    const { state } = this;
    if (state.is === "waiting") this.act(state, "left");
    if (this.state.is === "acting" && this.state.finger.id === id) {
      this.hand.up(event, this.state.button);
      this.state = { is: "done" };
    }
    if (state.is === "pinching") this.state = { is: "done" };
    clearTimeout(this.timer);
    if (this.places.size === 0) this.state = { is: "idle" };
    return true;
  }

  /** The system takes the pointer away. */
  cancel({ id, type }: Finger): void {
    if (id === this.pen) this.pen = null;
    if (type === "touch") {
      this.places.delete(id);
      this.end();
      this.state = { is: this.places.size > 0 ? "done" : "idle" };
    }
  }

  private wait(finger: Finger, event: T): void {
    const state = { is: "waiting", finger, event } as const;
    this.state = state;
    this.timer = setTimeout(() => this.rest(state), RESTING_MILLISECONDS);
  }

  private rest(waiting: Extract<State<T>, { is: "waiting" }>): void {
    if (this.state !== waiting) return;
    this.act(waiting, "right");
    if (this.hand.lasting) return;
    this.hand.up(waiting.event, "right"); // seen at once, not only when the finger leaves
    this.state = { is: "done" };
  }

  private act({ finger, event }: Extract<State<T>, { is: "waiting" }>, button: "left" | "right"): void {
    clearTimeout(this.timer);
    this.state = { is: "acting", finger, button };
    this.hand.down(event, button);
  }

  /** A second finger. A gesture that has been going on for a while is not taken for a pinch. */
  private join({ time }: Finger): void {
    const { state } = this;
    const fresh = state.is === "acting" && time - state.finger.time < TOGETHER_MILLISECONDS;
    if (state.is !== "waiting" && !fresh) return;
    this.end();
    this.state = { is: "pinching" };
  }

  private end(): void {
    clearTimeout(this.timer);
    if (this.state.is === "acting") this.hand.abort();
    this.state = { is: "idle" };
  }

  private middle(): ScreenPoint {
    const [[x0, y0], [x1, y1]] = this.two();
    return screenPoint((x0 + x1) / 2, (y0 + y1) / 2);
  }

  /** At least one pixel apart, so that a factor can be made of it. */
  private width(): number {
    const [[x0, y0], [x1, y1]] = this.two();
    return Math.max(1, Math.hypot(x1 - x0, y1 - y0));
  }

  private two(): [ScreenPoint, ScreenPoint] {
    const [first = screenPoint(0, 0), second = first] = this.places.values();
    return [first, second];
  }
}

const isFar = (from: ScreenPoint, [x, y]: ScreenPoint) =>
  isDrag(from, screenPoint(from[0] + (x - from[0]) / STEADY, from[1] + (y - from[1]) / STEADY));
