import type { ImageSize } from "../core/geometry.ts";
import { newUuid } from "../core/ids.ts";
import { placed } from "../core/placed.ts";
import * as change from "../session/objects.ts";
import type { Session } from "../session/session.svelte.ts";
import type { Annotation, AnnotationView } from "../session/types.ts";

/** What Ctrl+C took, for this image and the next ones. */
export type Clipboard = readonly Annotation[];

export type PasteResult = "pasted" | "empty" | "outside";

const APART = 10; // px between a mask and its copy on the same image

/** What is done to all selected annotations at once. */
export class Objects {
  clipboard = $state.raw<Clipboard>([]);
  /** In the order of the list. */
  readonly selected: readonly AnnotationView[] = $derived.by(() => {
    const { list, selection } = this.session;
    return list.annotations.filter(({ uid }) => selection.uids.has(uid));
  });

  constructor(private readonly session: Session) {}

  private get uids(): string[] {
    return this.selected.map(({ uid }) => uid);
  }

  setCategory(id: number | null): void {
    this.share({ category_id: id });
  }

  setCrowd(crowd: boolean): void {
    this.share({ iscrowd: crowd ? 1 : 0 });
  }

  setAttributes(attributes: Annotation["attributes"]): void {
    this.share({ attributes });
  }

  remove(): void {
    const { uids } = this;
    const removed = this.session.changeObjects(uids, (document) => change.removeAll(document, uids));
    if (removed) this.session.tellRemoved(uids.length);
  }

  merge(): void {
    const { uids } = this;
    const { soFar } = this.session.effort;
    const done = this.session.changeObjects(uids, (document) => change.merge(document, uids, soFar));
    if (done) this.session.selection.choose(uids.slice(0, 1), uids[0]!);
  }

  /** @returns false when the selected annotation has one part only */
  split(): boolean {
    const [uid] = this.uids;
    if (uid === undefined) return false;
    const { soFar } = this.session.effort;
    return this.session.changeObjects([uid], (document) => change.split(document, uid, newUuid, soFar));
  }

  /** Put one object at another place of the list, whose end is on top. What is not on this image stays where it is. */
  moveTo(uid: string, place: number): void {
    if (!this.session.list.annotations.some((each) => each.uid === uid)) return;
    this.session.changeObjects([], (document) => change.moveTo(document, uid, place));
  }

  /** Put the selected object by so many places nearer to the end of the list. @returns whether one is selected */
  move(by: number): boolean {
    const [uid, ...more] = this.uids;
    if (uid === undefined || more.length > 0) return false;
    this.moveTo(uid, this.session.list.annotations.findIndex((each) => each.uid === uid) + by);
    return true;
  }

  /** Without a selection, of all: hidden if any is visible, else shown again. */
  toggleHidden(): void {
    const meant = this.selected.length > 0 ? this.selected : this.session.list.annotations;
    const hide = meant.some(({ hidden }) => !hidden);
    for (const { uid } of meant) this.session.list.setHidden(uid, hide);
  }

  toggleLocked(): void {
    const lock = this.selected.some(({ locked }) => !locked);
    for (const { uid } of this.selected) this.session.list.setLocked(uid, lock);
  }

  copy(): void {
    if (this.selected.length > 0) this.clipboard = this.selected;
  }

  /** On the image that they came from a little apart, on another one at the same place. */
  paste(): PasteResult {
    const { image, list } = this.session;
    if (!image || this.clipboard.length === 0) return "empty";
    const here = new Set(list.annotations.map(({ uid }) => uid));
    const apart = this.clipboard.some(({ uid }) => here.has(uid)) ? APART : 0;
    const copies = this.clipboard.flatMap((source) => copyOf(source, image, apart));
    if (!this.add(copies)) return "outside";
    return "pasted";
  }

  /** Add annotations and select them. */
  add(added: readonly Annotation[]): boolean {
    const done = this.session.changeObjects([], (document) => change.addAll(document, added));
    const uids = added.map(({ uid }) => uid);
    if (done) this.session.selection.choose(uids, uids.at(-1) ?? null);
    return done;
  }

  private share(shared: change.Shared): void {
    const { uids } = this;
    this.session.changeObjects(uids, (document) => change.changeAll(document, uids, shared));
  }
}

function copyOf(source: Annotation, image: ImageSize, apart: number): Annotation[] {
  const segmentation = placed(source.segmentation, image, apart, apart);
  if (!segmentation) return [];
  const { category_id, iscrowd, attributes } = source;
  return [{ uid: newUuid(), category_id, iscrowd, attributes, segmentation, provenance: null }];
}
