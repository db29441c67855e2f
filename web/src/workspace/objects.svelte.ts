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

/** The saved annotations as a list: which are selected, and what is done to all of them at once. */
export class Objects {
  clipboard = $state.raw<Clipboard>([]);
  /** With {@link Session.selectedUid} among them, else out of date: something was selected elsewhere. */
  private group = $state.raw<ReadonlySet<string>>(new Set());
  /** Where a range begins that Shift extends. */
  private anchor: string | null = null;

  /** In the order of the list. */
  readonly selected: readonly AnnotationView[] = $derived.by(() => {
    const { annotations, selectedUid } = this.session;
    const group = selectedUid !== null && this.group.has(selectedUid) ? this.group : new Set([selectedUid]);
    return annotations.filter(({ uid }) => group.has(uid));
  });

  constructor(private readonly session: Session) {}

  private get uids(): string[] {
    return this.selected.map(({ uid }) => uid);
  }

  has(uid: string): boolean {
    return this.selected.some((each) => each.uid === uid);
  }

  /**
   * As lists everywhere: alone, `adding` puts it to the others or takes it away, `extending` takes all from the last one.
   * @param shown uids in the order in which they are shown
   */
  pick(uid: string, { adding = false, extending = false }, shown: readonly string[]): void {
    const from = this.anchor === null ? -1 : shown.indexOf(this.anchor);
    if (extending && from >= 0) {
      const to = shown.indexOf(uid);
      this.choose(shown.slice(Math.min(from, to), Math.max(from, to) + 1), uid);
      return;
    }
    this.anchor = uid;
    if (!adding) this.choose([uid], uid);
    else if (!this.has(uid)) this.choose([...this.uids, uid], uid);
    else {
      const rest = this.uids.filter((each) => each !== uid);
      this.choose(rest, rest.at(-1) ?? null);
    }
  }

  /** @param primary the one that single-object commands mean */
  choose(uids: readonly string[], primary: string | null): void {
    this.group = new Set(uids);
    this.session.select(primary);
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
    this.session.changeObjects(uids, (document) => change.removeAll(document, uids));
  }

  merge(): void {
    const { uids } = this;
    const { effortSoFar } = this.session;
    const done = this.session.changeObjects(uids, (document) => change.merge(document, uids, effortSoFar));
    if (done) this.choose(uids.slice(0, 1), uids[0]!);
  }

  /** @returns false when the selected annotation has one part only */
  split(): boolean {
    const [uid] = this.uids;
    if (uid === undefined) return false;
    const { effortSoFar } = this.session;
    return this.session.changeObjects([uid], (document) => change.split(document, uid, newUuid, effortSoFar));
  }

  /** Put one object at another place of the list, whose end is on top. What is not on this image stays where it is. */
  moveTo(uid: string, place: number): void {
    if (!this.session.annotations.some((each) => each.uid === uid)) return;
    this.session.changeObjects([], (document) => change.moveTo(document, uid, place));
  }

  /** Put the selected object by so many places nearer to the end of the list. @returns whether one is selected */
  move(by: number): boolean {
    const [uid, ...more] = this.uids;
    if (uid === undefined || more.length > 0) return false;
    this.moveTo(uid, this.session.annotations.findIndex((each) => each.uid === uid) + by);
    return true;
  }

  toggleHidden(): void {
    const hide = this.selected.some(({ hidden }) => !hidden);
    for (const { uid } of this.selected) this.session.setHidden(uid, hide);
  }

  toggleLocked(): void {
    const lock = this.selected.some(({ locked }) => !locked);
    for (const { uid } of this.selected) this.session.setLocked(uid, lock);
  }

  copy(): void {
    if (this.selected.length > 0) this.clipboard = this.selected;
  }

  /** On the image that they came from a little apart, on another one at the same place. */
  paste(): PasteResult {
    const { image, annotations } = this.session;
    if (!image || this.clipboard.length === 0) return "empty";
    const here = new Set(annotations.map(({ uid }) => uid));
    const apart = this.clipboard.some(({ uid }) => here.has(uid)) ? APART : 0;
    const copies = this.clipboard.flatMap((source) => copyOf(source, image, apart));
    if (!this.add(copies)) return "outside";
    return "pasted";
  }

  /** Add annotations and select them. */
  add(added: readonly Annotation[]): boolean {
    const done = this.session.changeObjects([], (document) => change.addAll(document, added));
    const uids = added.map(({ uid }) => uid);
    if (done) this.choose(uids, uids.at(-1) ?? null);
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
