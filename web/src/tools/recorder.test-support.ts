/** Tools in the hands of a test, and a recorder of what they do; new for each test. */
import { beforeEach } from "vitest";
import type { Outline } from "../core/draft.ts";
import { type ImagePoint, imagePoint, type ScreenPoint, screenPoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import type { ToolName } from "../session/types.ts";
import type { Gesture, PointerInput, ToolMasks, ToolSession, ToolStage } from "./tool.ts";
import { Toolbox } from "./toolbox.svelte.ts";

export const SCALE = 2; // image pixels per screen pixel, so that a tool that mixes them up is found out

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

export const PLAIN = { straight: false, erasing: false, pressure: 1 };

export let hand: Recorder;
export let tools: Toolbox;

export function input(x: number, y: number, more: Partial<PointerInput> = {}): PointerInput {
  const at = { screen: screenPoint(x, y), image: imagePoint(x * SCALE, y * SCALE) };
  return { ...at, button: "left", background: false, onTop: false, selecting: false, ...PLAIN, ...more };
}

export function click(x: number, y: number, more: Partial<PointerInput> = {}): void {
  tools.down(input(x, y, more));
  tools.up(input(x, y, more));
}

export function drag(from: [number, number], to: [number, number], more: Partial<PointerInput> = {}): void {
  tools.down(input(...from, more));
  tools.move(input(...to, more));
  tools.up(input(...to, more));
}

beforeEach(() => {
  hand = new Recorder();
  tools = new Toolbox(hand, hand);
});
