/**
 * Saved annotations over the image, as vectors. What a view shows is drawn once, with some room around it; while the view moves,
 * that is moved along, and drawn anew when it rests or has moved for some time.
 */

import type { PixelBox } from "../core/pixel-box.ts";
import type { Rle } from "../core/rle.ts";
import type { AnnotationView } from "../session/types.ts";
import { clear } from "./clear.ts";
import { type Label, paintLabels } from "./labels.ts";
import {
  accepted,
  litSuggestion,
  type MaskLook,
  paintMask,
  pointedAt,
  selected,
  suggested,
} from "./mask-strokes.ts";
import { Outlines, stepFor } from "./outlines.ts";
import type { BaseScene, Place } from "./scene.ts";

const ROOM = 0.25; // of the stage, drawn on every side of it
const MAX_PIXELS = 12_000_000; // of what is drawn: without room where that would be more
const FEW_CORNERS = 3000; // are drawn anew in every frame
const REST = 100; // ms without a change of view
const LONGEST = 400; // ms that a moving view shows what was drawn before
const TRACING = 8; // ms of a frame

type Scene = Omit<BaseScene, "picture">;

/** What was drawn, and where. */
interface Drawn {
  readonly place: Place;
  readonly scene: Scene;
  readonly room: readonly [x: number, y: number];
  readonly corners: number;
  readonly at: number;
}

export class AnnotationLayer {
  private readonly outlines = new Outlines();
  private readonly sheet = new OffscreenCanvas(1, 1);
  private drawn: Drawn | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param context of a canvas that nobody else paints on; its unit is the device pixel
   * @param repaint called when something better can be shown
   */
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly repaint: () => void,
  ) {}

  paint(place: Place, scene: Scene): void {
    clearTimeout(this.timer);
    const { drawn } = this;
    const now = performance.now();
    const moves = drawn !== null && drawn.scene === scene && drawn.place !== place;
    const fits = moves && drawn.place.image === place.image && drawn.place.stage === place.stage;
    if (fits && drawn.corners > FEW_CORNERS && now - drawn.at < LONGEST) {
      this.timer = setTimeout(() => this.drawAgain(), REST);
    } else if (drawn?.place !== place || drawn.scene !== scene) this.draw(place, scene, now);
    this.show(place);
  }

  dispose(): void {
    clearTimeout(this.timer);
  }

  private drawAgain(): void {
    this.drawn = null;
    this.repaint();
  }

  /** Onto the stage, as it lies now. */
  private show(place: Place): void {
    const { context, sheet, drawn } = this;
    clear(context, place.stage, place.pixelRatio);
    if (!drawn || (drawn.scene.annotations.length === 0 && drawn.scene.suggestions.length === 0)) return;
    const factor = place.view.scale / drawn.place.view.scale;
    const [roomX, roomY] = drawn.room;
    const ratio = place.pixelRatio;
    const x = (place.view.x - drawn.place.view.x * factor) * ratio - roomX * factor;
    const y = (place.view.y - drawn.place.view.y * factor) * ratio - roomY * factor;
    context.drawImage(sheet, x, y, sheet.width * factor, sheet.height * factor);
  }

  private draw(place: Place, scene: Scene, now: number): void {
    const { stage, pixelRatio, view, image } = place;
    const [width, height] = [Math.round(stage.width * pixelRatio), Math.round(stage.height * pixelRatio)];
    const share = width * height * (1 + 2 * ROOM) ** 2 <= MAX_PIXELS ? ROOM : 0;
    const room = [Math.round(width * share), Math.round(height * share)] as const;
    this.sheet.width = width + 2 * room[0];
    this.sheet.height = height + 2 * room[1];
    const context = this.sheet.getContext("2d")!;
    const scale = view.scale * pixelRatio;
    context.setTransform(scale, 0, 0, scale, room[0] + view.x * pixelRatio, room[1] + view.y * pixelRatio);
    context.save();
    context.beginPath();
    context.rect(0, 0, image.width, image.height);
    context.clip();
    const step = stepFor(scale);
    const seen = this.seenBy(place, room);
    let [corners, isWhole] = [0, true];
    for (const { segmentation: mask, colour, look } of inOrder(scene)) {
      if (!meets(this.outlines.boxOf(mask), seen)) continue;
      const known = this.outlines.find(mask, step);
      const hasTime = performance.now() - now < TRACING;
      const outline = known ?? (hasTime ? this.outlines.trace(mask, step) : null);
      if (!outline) {
        isWhole = false; // the rest comes in the next frames
        continue;
      }
      corners += outline.corners;
      paintMask(context, outline.path, colour, look, view.scale);
    }
    context.restore();
    const toSheet = context.getTransform();
    context.resetTransform();
    paintLabels(context, this.labels(scene, seen, toSheet, view.scale), pixelRatio);
    this.drawn = { place, scene, room, corners, at: now };
    if (!isWhole) this.timer = setTimeout(() => this.drawAgain(), 0);
  }

  /** Of the objects that are seen; none unless labels are asked for. */
  private labels(scene: Scene, seen: PixelBox, toSheet: DOMMatrix, scale: number): Label[] {
    const { labels } = scene;
    if (!labels) return [];
    return saved(scene).flatMap(({ uid, segmentation: mask, colour }) => {
      const [text, box] = [labels.get(uid), this.outlines.boxOf(mask)];
      if (!text || !meets(box, seen)) return [];
      const [left, top] = this.outlines.labelPlaceOf(mask);
      const { x, y } = toSheet.transformPoint({ x: left, y: top });
      const meant = scene.selected.has(uid) || uid === scene.pointedAt;
      return [{ text, colour, x, y, room: box.height * scale, meant }];
    });
  }

  /** The part of the image that the sheet shows. */
  private seenBy({ view, stage, pixelRatio }: Place, [roomX, roomY]: readonly [number, number]): PixelBox {
    const [x, y] = [roomX / pixelRatio, roomY / pixelRatio];
    return {
      left: (-view.x - x) / view.scale,
      top: (-view.y - y) / view.scale,
      width: (stage.width + 2 * x) / view.scale,
      height: (stage.height + 2 * y) / view.scale,
    };
  }
}

interface Painted {
  readonly segmentation: Rle;
  readonly colour: string;
  readonly look: MaskLook;
}

/** Suggestions lie under everything, the lit one over the others of them; what is selected comes last, with its halo. */
function inOrder(scene: Scene): Painted[] {
  const { suggestions, lit } = scene;
  const proposed = suggestions.toSorted((a, b) => Number(a.uid === lit) - Number(b.uid === lit));
  return [
    ...proposed.map(({ uid, segmentation }) => {
      return { segmentation, colour: "#ffffff", look: uid === lit ? litSuggestion : suggested };
    }),
    ...saved(scene).map(({ uid, segmentation, colour }) => {
      return { segmentation, colour, look: lookOf(uid, scene) };
    }),
  ];
}

function saved({ annotations, selected, primary }: Scene): AnnotationView[] {
  const visible = annotations.filter(({ hidden }) => !hidden);
  const rank = (uid: string) => (uid === primary ? 2 : selected.has(uid) ? 1 : 0);
  return visible.toSorted((a, b) => rank(a.uid) - rank(b.uid));
}

function lookOf(uid: string, scene: Scene): MaskLook {
  if (scene.selected.has(uid)) return selected(scene.fillAlpha, uid === scene.primary);
  return uid === scene.pointedAt ? pointedAt(scene.fillAlpha) : accepted(scene.fillAlpha);
}

const meets = (a: PixelBox, b: PixelBox) =>
  a.width > 0 &&
  a.left < b.left + b.width &&
  b.left < a.left + a.width &&
  a.top < b.top + b.height &&
  b.top < a.top + a.height;
