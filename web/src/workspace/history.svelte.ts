/** What was done to the open image, or to one object of it: read while somebody looks at it, and brought back from. */

import type { Client } from "../api/client.ts";
import type { Change, ImageHistory } from "../api/types.ts";
import { bringBack, isAs } from "../session/restoring.ts";
import type { Session } from "../session/session.svelte.ts";
import type { Annotation } from "../session/types.ts";
import { moment } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

export interface HistoryHost {
  readonly client: Pick<Client, "history">;
  readonly session: Session;
  /** This page hears of an annotation that was deleted before the image was opened. */
  know(deleted: Annotation): void;
  tell(message: string): void;
  fail(error: unknown): void;
}

const PAUSE = 400; // ms; a brush saves more often than anybody reads

export class History {
  /** Newest first; null until they are there. */
  changes = $state.raw<readonly Change[] | null>(null);
  /** Whose; null for everything on the image. */
  uid = $state.raw<string | null>(null);
  /** The change that somebody points at. */
  pointed = $state.raw<Change | null>(null);
  private next = $state.raw<number | null>(null);
  private imageId = 0;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly host: HistoryHost) {}

  get hasMore(): boolean {
    return this.next !== null;
  }

  /** Look at what was done to an object, or (null) to all of an image; 0: nobody looks any more. */
  show(imageId: number, uid: string | null): void {
    if (imageId === this.imageId && uid === this.uid) return;
    this.imageId = imageId;
    this.uid = uid;
    this.changes = null;
    this.next = null;
    this.pointed = null;
    void this.load();
  }

  /** The server has told of an edit of an image. */
  hear(imageId: number): void {
    if (imageId !== this.imageId || this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.load();
    }, PAUSE);
  }

  async load(): Promise<void> {
    const page = await this.read(null);
    if (page === null) return;
    const known = this.changes ?? [];
    const last = page.changes.at(-1)?.revision ?? 0;
    const older = page.next === null ? [] : known.filter(({ revision }) => revision < last);
    this.changes = [...page.changes, ...older];
    this.next = older.length > 0 ? this.next : page.next;
  }

  async loadMore(): Promise<void> {
    if (this.next === null) return;
    const page = await this.read(this.next);
    if (page === null) return;
    this.changes = [...(this.changes ?? []), ...page.changes];
    this.next = page.next;
  }

  /** Whether an object is what it was after a change. */
  isNow({ annotation, kind }: Change): boolean {
    const current = this.host.session.list.annotations.find(({ uid }) => uid === annotation?.uid);
    if (!annotation) return true;
    return kind !== "delete" && current !== undefined && isAs(current, annotation);
  }

  /** Make an object what it was after a change; of one that was deleted, what it was before. One step, to be undone. */
  restore({ annotation, kind, at }: Change): void {
    const { session } = this.host;
    if (!annotation) return;
    if (session.draft.reopenedUid === annotation.uid) {
      session.complain(m.annotate_restore_drawn());
      return;
    }
    const { category_id } = annotation;
    const isGone = category_id !== null && !session.list.hasCategory(category_id);
    const once: Annotation = isGone ? { ...annotation, category_id: null } : annotation;
    const deleted = !session.list.annotations.some(({ uid }) => uid === once.uid);
    if (deleted) this.host.know(annotation);
    const asDeleted = kind === "delete" && !isGone && this.isLatest(annotation.uid, kind);
    const { soFar } = session.effort;
    const done = session.changeObjects([once.uid], (document) => bringBack(document, once, soFar, asDeleted));
    if (!done) return;
    session.selection.select(once.uid);
    const told = isGone ? m.annotate_restored_no_category : m.annotate_restored;
    this.host.tell(told({ when: moment(at) }));
  }

  dispose(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.show(0, null);
  }

  /** Whether the newest change of an object, as far as is known here, is of this kind. */
  private isLatest(uid: string, kind: Change["kind"]): boolean {
    return this.changes?.find((each) => each.uid === uid)?.kind === kind;
  }

  private async read(before: number | null): Promise<ImageHistory | null> {
    const { imageId, uid } = this;
    const turn = ++this.turn;
    if (!imageId) return null;
    try {
      const page = await this.host.client.history(imageId, { uid, before });
      return turn === this.turn ? page : null;
    } catch (error) {
      if (turn === this.turn) this.host.fail(error);
      return null;
    }
  }
}
