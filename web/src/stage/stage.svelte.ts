/** The stage's own state: where the image lies, and what a gesture shows. */

import { markerAt } from "../canvas/markers.ts";
import { DRAFT, PREVIEW } from "../canvas/mask-strokes.ts";
import { Picture } from "../canvas/picture.ts";
import type { BaseScene, EditScene, OverlayScene, Place, SuggestedMask } from "../canvas/scene.ts";
import {
  fitted,
  pan,
  resize,
  type StageSize,
  seenPart,
  toImage,
  toScreen,
  type View,
  zoomAt,
} from "../canvas/view.ts";
import {
  type ImageBox,
  type ImagePoint,
  type ImageSize,
  imagePoint,
  type ScreenPoint,
  screenPoint,
} from "../core/geometry.ts";
import type { Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import { boundingBox } from "../core/rle.ts";
import type { Session } from "../session/session.svelte.ts";
import type { Gesture, ToolStage } from "../tools/tool.ts";
import { LeftViews } from "./left-views.ts";
import type { Turn } from "./wheel.ts";

const EDITED_ALPHA = 0.4;
const SELECTED_RIM = "#ffffff";
const ZOOM_STEP = 1.25; // per key press
const ROOM = 1.6; // of the stage, as a multiple of what is zoomed to

export class Stage implements ToolStage {
  private readonly left = new LeftViews();
  private gesture = $state.raw<Gesture>({});
  private picture = $state.raw<Picture | null>(null);
  private size = $state.raw<StageSize>({ width: 0, height: 0 });
  private pixelRatio = $state.raw(1);
  /** Null while the image is simply fitted, whatever the stage's size. */
  private moved = $state.raw<View | null>(null);
  private repaints = $state.raw(0);
  /** Fill of saved masks, 0 to 1. */
  fillAlpha = $state.raw(0);
  /** Whether what lies around the object being drawn is darkened. */
  dims = $state.raw(true);
  /** Whether the names of objects stand on them. */
  labelled = $state.raw(false);
  /** uids of all selected annotations; the session knows the one that keys mean. */
  selected = $state.raw<readonly string[]>([]);
  /** What is looked at closer. */
  frame = $state.raw<Region | null>(null);
  /** An earlier state of an object that is pointed at in its history. */
  once = $state.raw<SuggestedMask | null>(null);
  /** Where a crosshair is, when no gesture shows its own. */
  aim = $state.raw<ImagePoint | null>(null);

  readonly place: Place | null = $derived.by(() => {
    const { image } = this.session;
    if (!image || this.size.width === 0 || this.size.height === 0) return null;
    const view = this.moved ?? fitted(image, this.size);
    return { image, view, stage: this.size, pixelRatio: this.pixelRatio };
  });

  constructor(private readonly session: Session) {}

  readonly base: BaseScene = $derived.by(() => {
    const { list, peeking, selection, suggestions } = this.session;
    const { reopenedUid } = this.session.draft;
    const editedUid = this.session.masks.paintedUid;
    void this.repaints; // a dependency: something inside a layer has become better
    // A reopened annotation is shown as it was saved until the decoder has another mask for it. Without one, nothing is
    // asked, so that a hovering pointer repaints nothing here.
    const redrawn = reopenedUid !== null && this.session.draft.shownPlane ? reopenedUid : null;
    return {
      picture: this.picture,
      annotations: peeking ? [] : list.annotations.filter(({ uid }) => uid !== redrawn && uid !== editedUid),
      selected: new Set(this.selected),
      primary: selection.uid,
      pointedAt: this.session.selection.pointedAt,
      suggestions: peeking ? [] : [...suggestions.shown, ...(this.once ? [this.once] : [])],
      lit: this.once?.uid ?? suggestions.current?.uid ?? null,
      fillAlpha: this.fillAlpha,
      labels: this.labelled ? list.labels : null,
    };
  });

  readonly edited: EditScene | null = $derived.by(() => {
    const { painting } = this.session.masks;
    if (!painting || this.session.peeking) return null;
    const saved = this.session.list.annotations.find(({ uid }) => uid === painting.uid);
    const colour = saved?.colour ?? this.session.draft.colour;
    // A selected object keeps its bright border while a hand changes it.
    return {
      mask: painting.mask,
      style: { colour, alpha: EDITED_ALPHA, rim: saved ? SELECTED_RIM : colour },
    };
  });

  /** The part of the image that is seen. */
  readonly seen: ImageBox | null = $derived(
    this.place && seenPart(this.place.view, this.place.image, this.place.stage),
  );

  get scale(): number {
    return this.place?.view.scale ?? 1;
  }

  get overlay(): OverlayScene {
    const { peeking, model, draft } = this.session;
    const { shownPlane: plane, shownRegion: region, colour } = draft;
    const style = { colour, look: draft.active ? DRAFT : PREVIEW, dims: draft.active && this.dims };
    const { band, crosshair = this.aim, brush, corner, rings } = this.gesture;
    const { options, outline, rings: saved } = this.session.masks;
    const { size, shape } = options;
    return {
      mask: plane && model && !peeking ? { plane, region, style, model } : null,
      frame: peeking ? null : this.frame,
      prompts: this.promptsWithMove(),
      band: band ? ([...band[0], ...band[1]] as unknown as ImageBox) : null,
      crosshair,
      brush: brush ? { at: brush.at, size: size * brush.share, shape, erases: brush.erases } : null,
      path: outline ? [...outline.ring, ...(corner ? [corner] : [])] : [],
      rings: rings ?? saved,
    };
  }

  setSize(size: StageSize, pixelRatio: number): void {
    const { image } = this.session;
    if (this.moved && image) this.moved = resize(this.moved, this.size, size, image);
    this.size = size;
    this.pixelRatio = pixelRatio;
    if (this.moved) this.remember();
  }

  /** @returns disposer */
  showBitmap(bitmap: ImageBitmap | null): () => void {
    const picture = bitmap && new Picture(bitmap, () => this.repaint());
    this.picture = picture;
    return () => picture?.close();
  }

  /** Paint the image and its annotations again. */
  repaint(): void {
    this.repaints++;
  }

  imagePointAt(at: ScreenPoint): ImagePoint | null {
    return this.place && toImage(this.place.view, at);
  }

  markerAt(at: ScreenPoint): number | null {
    return this.place && markerAt(this.session.draft.prompts, at, this.place.view);
  }

  show(gesture: Gesture): void {
    this.gesture = gesture;
  }

  fit(): void {
    this.moved = null;
    this.remember();
  }

  /**
   * Another image is shown, or none until it is there.
   *
   * @param keeps whether an image that is as large as the one before is seen as that one was
   */
  opened(keeps: boolean): void {
    const { image } = this.session;
    if (!image) return; // the next one is still on its way, and may be seen as this one was
    this.moved = this.left.open(image, this.size, keeps, this.moved);
  }

  /** The wheel was turned, or two fingers moved on a trackpad. */
  turn(at: ScreenPoint, turn: Turn): void {
    if (turn.kind === "pan") this.panBy(turn.dx, turn.dy);
    else this.zoomAt(at, turn.factor);
  }

  /** Whether a part of the image lies outside the stage. */
  get zoomedIn(): boolean {
    if (!this.place) return false;
    const { image, view, stage } = this.place;
    return image.width * view.scale > stage.width || image.height * view.scale > stage.height;
  }

  centreAt([x, y]: ImagePoint): void {
    if (!this.place) return;
    const { view, stage } = this.place;
    this.panBy(stage.width / 2 - (view.x + x * view.scale), stage.height / 2 - (view.y + y * view.scale));
  }

  panBy(dx: number, dy: number): void {
    this.move((view, image) => pan(view, dx, dy, image, this.size));
  }

  zoomAt(at: ScreenPoint, factor: number): void {
    this.move((view, image) => zoomAt(view, at, factor, image, this.size));
  }

  /** What was between two fingers stays between them. */
  pinch(from: ScreenPoint, to: ScreenPoint, factor: number): void {
    this.zoomAt(from, factor);
    this.panBy(to[0] - from[0], to[1] - from[1]);
  }

  /** By keys: at where they point, else in the middle. */
  zoomStep(direction: 1 | -1): void {
    if (!this.place) return;
    const { view, stage } = this.place;
    const at = this.aim ? toScreen(view, this.aim) : screenPoint(stage.width / 2, stage.height / 2);
    this.zoomAt(at, ZOOM_STEP ** direction);
  }

  /** All that is selected, or else what is drawn, as large as it fits with some room around it. */
  zoomToSelection(): void {
    const { image, list, selection, draft } = this.session;
    const masks = list.annotations
      .filter(({ uid }) => selection.uids.has(uid))
      .map((each) => each.segmentation);
    if (draft.active && draft.mask) masks.push(draft.mask);
    const boxes = masks.map(boundingBox).filter(({ width }) => width > 0);
    if (!image || boxes.length === 0) return;
    const [left, top] = [
      Math.min(...boxes.map((each) => each.left)),
      Math.min(...boxes.map((each) => each.top)),
    ];
    const width = Math.max(...boxes.map((each) => each.left + each.width)) - left;
    const height = Math.max(...boxes.map((each) => each.top + each.height)) - top;
    const scale = Math.min(this.size.width / width, this.size.height / height) / ROOM;
    this.zoomAt(screenPoint(this.size.width / 2, this.size.height / 2), scale / this.scale);
    this.centreAt(imagePoint(left + width / 2, top + height / 2));
  }

  /** Move the image so far that a point of it is seen. */
  reveal(at: ImagePoint): void {
    if (!this.place) return;
    const { view, stage } = this.place;
    const [x, y] = toScreen(view, at);
    if (x < 0 || y < 0 || x > stage.width || y > stage.height) this.centreAt(at);
  }

  private move(change: (view: View, image: ImageSize) => View): void {
    if (!this.place) return;
    this.moved = change(this.place.view, this.place.image);
    this.remember();
  }

  private remember(): void {
    const { image } = this.session;
    if (image) this.left.remember(image, this.moved, this.size);
  }

  private promptsWithMove(): Prompts {
    const { prompts } = this.session.draft;
    const { movedPoint } = this.gesture;
    const point = movedPoint && prompts.points[movedPoint.index];
    if (!point) return prompts;
    return { ...prompts, points: prompts.points.with(movedPoint.index, { ...point, at: movedPoint.to }) };
  }
}
