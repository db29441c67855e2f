/** What the turn of a wheel means, and two fingers on a trackpad, which browsers tell as the same event. */

const LINE_HEIGHT = 16; // CSS px that a wheel notch counted in lines means
const WHEEL_ZOOM = 0.0016; // per CSS px of wheel: a notch of 100 px is 17 %
const PINCH_ZOOM = 0.01; // a trackpad pinch comes as Ctrl+wheel with small deltas
const PAD_RATIO = -3; // of wheelDelta to delta, for trackpads: a mouse's wheelDelta counts notches of 120
const SAME_GESTURE = 400; // ms without an event after which another device may be meant

/** The parts of a WheelEvent that matter; `wheelDeltaX` and `wheelDeltaY` are not in the standard, and in every browser. */
export type WheelInput = Pick<
  WheelEvent,
  "deltaX" | "deltaY" | "deltaMode" | "ctrlKey" | "shiftKey" | "timeStamp"
> & {
  readonly wheelDeltaX?: number;
  readonly wheelDeltaY?: number;
};

export type Turn =
  | { readonly kind: "zoom"; readonly factor: number }
  /** In CSS pixels. */
  | { readonly kind: "pan"; readonly dx: number; readonly dy: number };

export class Wheel {
  private isPad = false;
  private last = Number.NEGATIVE_INFINITY;

  /** @param padPans whether two fingers on a trackpad move the image; else they zoom, as a wheel does */
  read(event: WheelInput, padPans: boolean): Turn {
    const isNew = event.timeStamp - this.last > SAME_GESTURE;
    this.last = event.timeStamp;
    this.isPad = padPans && (isNew ? looksLikePad(event) : this.isPad || looksLikePad(event));
    if (this.isPad && !event.ctrlKey) return { kind: "pan", dx: -event.deltaX, dy: -event.deltaY };
    const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : LINE_HEIGHT);
    return { kind: "zoom", factor: Math.exp(-pixels * (event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM)) };
  }
}

/** Pixel by pixel, and in both directions or as trackpads count. */
function looksLikePad({
  deltaX,
  deltaY,
  deltaMode,
  shiftKey,
  wheelDeltaX = 0,
  wheelDeltaY = 0,
}: WheelInput): boolean {
  if (deltaMode !== 0 || shiftKey) return false;
  if (deltaX !== 0 && deltaY !== 0) return true;
  return deltaY !== 0
    ? wheelDeltaY === PAD_RATIO * deltaY
    : deltaX !== 0 && wheelDeltaX === PAD_RATIO * deltaX;
}
