/** What a pointer tool is, and what it acts on. Tools know no DOM: the stage turns events into inputs. */

import type { Outline } from "../core/draft.ts";
import type { ImagePoint, ScreenPoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import type { PointLabel } from "../core/prompts.ts";

export interface PointerInput {
  readonly screen: ScreenPoint;
  readonly image: ImagePoint;
  readonly button: "left" | "middle" | "right";
  /** Right button, Shift or Alt: the hand means background. */
  readonly background: boolean;
  /** Alt with the left button: with nothing being drawn, a new object whatever lies there. */
  readonly onTop: boolean;
  /** Ctrl or Cmd: the hand means a saved annotation. */
  readonly selecting: boolean;
  /** Shift: a straight line from where the last stroke ended. */
  readonly straight: boolean;
  /** Right button, Alt, Ctrl or Cmd: the hand takes away. */
  readonly erasing: boolean;
  /** Of a pen, 0 to 1; 1 for everything else. */
  readonly pressure: number;
}

/** Pressed, moved and released by the stage, from `down` to `up` or `cancel`; `hover` in between. */
export interface Tool {
  readonly cursor: string;
  /** Whether what began with a click goes on after it; without it, a gesture ends with `up`. */
  readonly underWay?: boolean;
  hover(input: PointerInput): void;
  /** The pointer has left the stage. */
  leave(): void;
  down(input: PointerInput): void;
  drag(input: PointerInput): void;
  up(input: PointerInput): void;
  /** Forget what was begun; the document is as it was before `down`. @returns whether anything was begun */
  cancel(): boolean;
  /** Forget the press under way and keep the clicks before it; without it, {@link cancel} does that. */
  abort?(): void;
  /** Another image or tool: forget what was begun, but for what the session goes on with; without it, {@link cancel} does that. */
  reset?(): void;
  /** Enter, for what is made by several clicks. @returns whether anything was finished */
  finish?(): boolean;
  /** Backspace: take back the last click. @returns whether there was one */
  back?(): boolean;
  doubleClick?(input: PointerInput): void;
}

/** What the tools change; the session is one. */
export interface ToolSession {
  /** Why nothing can be changed; empty where it can. */
  readonly readOnly: string;
  /** The object being drawn, if there is one. */
  readonly draft: { readonly active: boolean };
  readonly drawing: {
    hover(at: ImagePoint | null): void;
    addPoint(at: ImagePoint, label: PointLabel): void;
    movePoint(index: number, at: ImagePoint): void;
    removePoint(index: number): void;
    setBox(from: ImagePoint, to: ImagePoint): void;
    reopen(uid: string): void;
  };
  readonly selection: { readonly uid: string | null; select(uid: string | null): void };
  readonly list: {
    /** The smallest annotation there. */
    at(point: ImagePoint): { readonly uid: string } | null;
    /** The smallest first. */
    allAt(point: ImagePoint): readonly { readonly uid: string }[];
  };
  /** What machines propose. */
  readonly suggestions: {
    at(point: ImagePoint): { readonly uid: string } | null;
    light(uid: string | null): void;
    take(uid: string): void;
  };
  readonly masks: ToolMasks;
  /** A gesture begins (true), or none is under way any more. It may take several clicks. */
  working(underWay: boolean): void;
}

/** What the hand tools change; the session's mask editor is one. */
export interface ToolMasks {
  readonly options: {
    /** Of the brush, across, in image pixels. */
    readonly size: number;
    readonly subtracts: boolean;
  };
  readonly rings: readonly Ring[];
  begin(): boolean;
  stroke(from: ImagePoint, to: ImagePoint, size: number, erases: boolean): void;
  finish(): void;
  cancel(): void;
  /** The polygon whose corners are being set. */
  readonly outline: Outline | null;
  /** These are its corners from now on; without corners, none is under way. */
  sketch(ring: Ring, subtracts: boolean): void;
  /** The polygon becomes pixels. */
  closeOutline(): void;
  fillAt(at: ImagePoint, drops: boolean): void;
  previewRings(rings: readonly Ring[]): void;
  setRings(rings: readonly Ring[]): void;
}

/** What a gesture shows before it is finished. */
export interface Gesture {
  readonly band?: readonly [from: ImagePoint, to: ImagePoint];
  readonly movedPoint?: { readonly index: number; readonly to: ImagePoint };
  readonly crosshair?: ImagePoint;
  /** Where the brush is, and the share of its size that the pen's pressure leaves. */
  readonly brush?: { readonly at: ImagePoint; readonly share: number; readonly erases: boolean };
  /** Where the next corner of the polygon under way would be. */
  readonly corner?: ImagePoint;
  /** Corners in place of those of the session's rings, while one is moved. */
  readonly rings?: readonly Ring[];
}

/** What the tools see of the stage. */
export interface ToolStage {
  markerAt(at: ScreenPoint): number | null;
  /** CSS pixels per image pixel. */
  readonly scale: number;
  panBy(dx: number, dy: number): void;
  show(gesture: Gesture): void;
}

const DRAG_THRESHOLD = 4; // CSS px: less is a click with an unsteady hand

export function isDrag(from: ScreenPoint, to: ScreenPoint): boolean {
  return Math.hypot(to[0] - from[0], to[1] - from[1]) >= DRAG_THRESHOLD;
}
