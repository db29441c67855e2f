/** The saved annotations as they are shown: colours, and what is hidden or locked on this page. */

import type { ImagePoint } from "../core/geometry.ts";
import { colourNeighbours, paletteColour } from "../core/palette.ts";
import type { PixelBox } from "../core/pixel-box.ts";
import { area, boundingBox, contains, type Rle } from "../core/rle.ts";
import type { Annotation, AnnotationView, SessionCategory } from "./types.ts";

export class AnnotationList {
  categories = $state.raw<readonly SessionCategory[]>([]);
  /** Colours tell categories apart, or one object from the next. */
  colouring = $state.raw<"category" | "instance">("category");
  private hidden = $state.raw<ReadonlySet<string>>(new Set());
  private locked = $state.raw<ReadonlySet<string>>(new Set());
  private readonly areas = new WeakMap<Rle, number>();
  private readonly boxes = new WeakMap<Rle, PixelBox>();
  // Through a value of its own: while prompts change and annotations do not, the views stay as they are.
  private readonly saved = $derived.by(() => this.source());
  /** Places in the palette, by uid: neighbours have different ones. */
  private given: ReadonlyMap<string, number> = new Map();
  readonly annotations: readonly AnnotationView[] = $derived.by(() => this.shown());

  /** Number in the list and category of each, by uid. */
  readonly labels: ReadonlyMap<string, string> = $derived.by(() => {
    const names = new Map(this.categories.map(({ id, name }) => [id, name]));
    const label = ({ category_id: id }: Annotation, index: number) =>
      [String(index + 1), id === null ? "" : (names.get(id) ?? "")].join(" ").trim();
    return new Map(this.saved.map((each, index) => [each.uid, label(each, index)]));
  });

  constructor(private readonly source: () => readonly Annotation[]) {}

  /** Nothing is hidden or locked on a new image. */
  reset(): void {
    this.hidden = new Set();
    this.locked = new Set();
  }

  setHidden(uid: string, hidden: boolean): void {
    this.hidden = withMember(this.hidden, uid, hidden);
  }

  setLocked(uid: string, locked: boolean): void {
    this.locked = withMember(this.locked, uid, locked);
  }

  isHidden(uid: string): boolean {
    return this.hidden.has(uid);
  }

  isLocked(uid: string): boolean {
    return this.locked.has(uid);
  }

  /** "#rrggbb", null when there is no such category. */
  categoryColour(id: number | null): string | null {
    return this.categories.find((category) => category.id === id)?.color ?? null;
  }

  hasCategory(id: number | null): boolean {
    return this.categories.some((category) => category.id === id);
  }

  /** The visible annotations at a point of the image, the smallest first; of equal ones the uppermost. */
  allAt([x, y]: ImagePoint): AnnotationView[] {
    return this.annotations
      .filter(({ hidden, segmentation }) => {
        if (hidden) return false;
        const { left, top, width, height } = this.boxOf(segmentation);
        const isNear = x >= left && y >= top && x <= left + width && y <= top + height;
        return isNear && contains(segmentation, x, y);
      })
      .reverse()
      .sort((a, b) => a.area - b.area);
  }

  /** What a click at a point of the image means: the smallest visible annotation there. */
  at(point: ImagePoint): AnnotationView | null {
    return this.allAt(point)[0] ?? null;
  }

  private shown(): AnnotationView[] {
    const placed = this.saved.map(({ uid, segmentation }) => ({ uid, box: this.boxOf(segmentation) }));
    this.given = colourNeighbours(placed, this.given);
    return this.saved.map((each) => this.viewOf(each));
  }

  private viewOf(annotation: Annotation): AnnotationView {
    return {
      ...annotation,
      colour: this.colourFor(annotation),
      area: this.areaOf(annotation.segmentation),
      hidden: this.hidden.has(annotation.uid),
      locked: this.locked.has(annotation.uid),
    };
  }

  private colourFor({ uid, category_id }: Annotation): string {
    const shared = this.colouring === "category" ? this.categoryColour(category_id) : null;
    return shared ?? paletteColour(this.given.get(uid) ?? 0);
  }

  private boxOf(mask: Rle): PixelBox {
    const box = this.boxes.get(mask) ?? boundingBox(mask);
    this.boxes.set(mask, box);
    return box;
  }

  private areaOf(mask: Rle): number {
    const known = this.areas.get(mask);
    if (known !== undefined) return known;
    const pixels = area(mask);
    this.areas.set(mask, pixels);
    return pixels;
  }
}

function withMember(members: ReadonlySet<string>, member: string, present: boolean): ReadonlySet<string> {
  const next = new Set(members);
  if (present) next.add(member);
  else next.delete(member);
  return next;
}
