/** The open image as this page knows it: its details and mark, and the way of every change of it to the server. */

import type { Client } from "../api/client.ts";
import { explain } from "../api/errors.ts";
import type { Listing } from "../api/listing.ts";
import {
  type AnnotationContent,
  type Exhaustivity,
  type ImageDetails,
  type ImageMark,
  type ImageName,
  type ImageState,
  type ImageTags,
  type ImageWork,
  isOpenWork,
  type ReturnedTo,
  type UndoSteps,
} from "../api/types.ts";
import type { KeptDraft } from "../core/draft.ts";
import type { Exhaustive } from "../session/document.ts";
import type { Annotation, Operation, OperationStep } from "../session/types.ts";
import type { ImageSync } from "../sync/image.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";
import { m } from "../texts/messages.ts";
import type { Loading } from "./image-cache.ts";
import type { Marks } from "./marks.ts";

export interface OpenImageHost {
  readonly client: Pick<Client, "image">;
  /** Among which images neighbours are. */
  listing(): Listing;
  readonly marks: Pick<Marks, "hear" | "say">;
  synchroniser(): Promise<Pick<Synchroniser, "openImage" | "closeImage" | "notice">>;
  /** The name of who works here. */
  me(): string;
  /** Other annotations, or other things said of categories, than those on the screen. */
  replace(annotations: readonly Annotation[], exhaustive: Exhaustive): void;
  /** Somebody has changed which objects of a category there are, after others had said that all are annotated. */
  reopened(said: Exhaustivity): void;
  /** The annotations on the screen are now what the server has, or will be once `settled` resolves. */
  based(imageId: number, settled: Promise<void>): void;
  tell(message: string): void;
  fail(error: unknown): void;
}

/** What a page shows first. */
export interface Opened {
  readonly details: ImageDetails;
  readonly annotations: readonly Annotation[];
  readonly draft: KeptDraft | null;
  /** uids of suggestions that this browser has refused and the server may not know of yet. */
  readonly refused: readonly string[];
  /** By category: whether all of it are annotated, as far as anybody has said, likewise. */
  readonly exhaustive: Exhaustive;
  /** Resolves once the server has all of it. */
  readonly settled: Promise<void>;
}

export class OpenImage {
  details = $state.raw<ImageDetails | null>(null);
  /** Who said of which category that all of it are annotated, as the server knows it. */
  exhaustivity = $state.raw<readonly Exhaustivity[]>([]);
  private sync: ImageSync | null = null;
  /** Counts images opened and closed: what comes for an earlier one is dropped. */
  private turn = 0;
  /** What the server has told of images since they were asked for: an answer that was on its way meanwhile does not know it. */
  private readonly told = new Map<number, Partial<Pick<ImageDetails, "tags" | "work" | "file_name">>>();

  constructor(private readonly host: OpenImageHost) {}

  /** What is drawn on it and kept; null when there is nothing. */
  get draft(): KeptDraft | null {
    return this.sync?.draft ?? null;
  }

  /** @returns null when another image was opened meanwhile */
  async open(id: number, loading: Pick<Loading, "details" | "annotations">): Promise<Opened | null> {
    this.close();
    const { turn } = this;
    const synchroniser = await this.host.synchroniser();
    const [details, current] = await Promise.all([loading.details, loading.annotations()]);
    const sync = await synchroniser.openImage(current);
    if (this.turn !== turn) {
      synchroniser.closeImage(sync);
      return null;
    }
    this.sync = sync;
    this.details = this.marked({ ...details, ...this.told.get(id) });
    this.exhaustivity = current.exhaustivity;
    sync.onRemote = (annotations) => {
      this.host.replace(annotations, sync.exhaustive);
      this.host.based(id, sync.settled);
    };
    sync.onMark = (mark) => this.take(mark);
    sync.onExhaustivity = (said) => this.takeSaid(said);
    return {
      details: this.details,
      annotations: sync.annotations(),
      draft: sync.draft,
      refused: sync.refused,
      exhaustive: sync.exhaustive,
      settled: sync.settled,
    };
  }

  /** Neighbours change when images are added or deleted; what was prefetched may not know. @returns null as `open` does */
  async refresh(): Promise<ImageDetails | null> {
    const { details: known, sync, turn } = this;
    if (!known || !sync) return null;
    this.told.delete(known.id);
    const answer = await this.host.client.image(known.id, { listing: this.host.listing() });
    if (this.turn !== turn) return null;
    const details = { ...answer, ...this.told.get(known.id) };
    const isOld = details.revision < sync.revision; // of its mark, more is known here
    this.details = isOld ? { ...details, mark: this.details!.mark } : this.marked(details);
    return this.details;
  }

  /** The image goes on being shown until another one is there. */
  close(): void {
    this.turn++;
    const { sync } = this;
    this.sync = null;
    if (sync) void this.host.synchroniser().then((synchroniser) => synchroniser.closeImage(sync));
  }

  /** An annotation that was deleted before the image was opened, which is about to be restored. */
  know(deleted: Annotation): void {
    this.sync?.know(deleted);
  }

  /** One step of the session, made durable as a whole. What cannot be kept is taken back and told. */
  async record(
    imageId: number,
    operations: readonly Operation[],
    draft: KeptDraft | null,
    step: OperationStep | null = null,
  ): Promise<void> {
    try {
      if (this.sync?.imageId !== imageId) throw new Error(m.annotate_image_closed());
      const made = step ? operations.map((operation) => ({ ...operation, step })) : operations;
      await this.sync.record(made, draft);
    } catch (error) {
      const { message } = explain(error);
      this.host.fail(new Error(m.annotate_change_not_kept({ reason: message })));
      if (operations.length === 0) return; // only the draft: it is still on the screen
      if (this.sync?.imageId === imageId) this.host.replace(this.sync.annotations(), this.sync.exhaustive);
    }
  }

  /** What the person did before: what taking it back or doing it again restores can be restored. */
  remember({ done, undone }: Pick<UndoSteps, "done" | "undone">): void {
    for (const { kind, uid, fields } of [...done, ...undone].flatMap(({ operations }) => operations)) {
      if (fields && kind !== "update") this.sync?.remember(uid, fields as AnnotationContent);
    }
  }

  /**
   * Say how far the work on the image is. It is durable in this browser at once and reaches the server after the edits before
   * it. @returns whether it is kept; if not, the person has been told
   */
  async mark(state: ImageState, note: string, to?: ReturnedTo): Promise<boolean> {
    const { details, sync } = this;
    if (!details || sync?.imageId !== details.id) return false;
    this.details = { ...details, mark: { state, note, by: this.host.me(), at: new Date().toISOString() } };
    try {
      await this.host.marks.say(sync, state, note, to);
      return true;
    } catch (error) {
      this.host.fail(new Error(m.annotate_mark_failed({ reason: explain(error).message })));
      if (this.details?.id === details.id) this.details = { ...this.details, mark: details.mark };
      return false;
    }
  }

  /**
   * The server has told of an edit of an image, and of the mark that it had then. The echo of an edit that was made before a
   * mark can arrive after the answer to that mark: it is older, which its revision says, and tells nothing of the mark.
   */
  hear(imageId: number, revision: number, mark: ImageMark): void {
    const isOpen = this.sync?.imageId === imageId;
    if (isOpen && revision < this.sync!.revision) return;
    this.host.marks.hear(imageId, mark);
    if (isOpen && !this.sync!.waitingMark) this.take(mark);
  }

  /** The server has told who has images, or is to work on them. */
  hearWork(images: readonly ({ image_id: number } & ImageWork)[]): void {
    for (const { image_id: id, ...work } of images) this.told.set(id, { ...this.told.get(id), work });
    const { details } = this;
    const work =
      details && images.some((each) => each.image_id === details.id) && this.told.get(details.id)?.work;
    if (!work) return;
    const me = this.host.me();
    const taken =
      work.held_by !== null && work.held_by !== me && work.held_by !== details.work.held_by && !work.reserved;
    if (taken) this.host.tell(m.annotate_taken_over({ name: work.held_by! }));
    this.details = { ...details, work };
  }

  private takeSaid(said: readonly Exhaustivity[]): void {
    const known = new Map(this.exhaustivity.map((each) => [each.category_id, each.reopened_at]));
    this.exhaustivity = said;
    for (const each of said)
      if (each.reopened_at && each.reopened_at !== known.get(each.category_id)) this.host.reopened(each);
  }

  /** The server has told which tags images have. */
  hearTags(images: readonly ImageTags[]): void {
    for (const { image_id, tags } of images) this.learn(image_id, { tags });
  }

  /** The server has told what images are called, now that they are in other folders. */
  hearMoved(images: readonly ImageName[]): void {
    for (const { image_id, file_name } of images) this.learn(image_id, { file_name });
  }

  private learn(id: number, said: Partial<Pick<ImageDetails, "tags" | "file_name">>): void {
    this.told.set(id, { ...this.told.get(id), ...said });
    if (this.details?.id === id) this.details = { ...this.details, ...said };
  }

  private take(mark: ImageMark): void {
    const { details } = this;
    if (!details) return;
    const sentBack = isOpenWork(mark.state) && mark.at !== details.mark.at && !isOpenWork(details.mark.state);
    if (sentBack) this.host.tell(toldOf(mark));
    this.details = { ...details, mark };
  }

  /** With what this browser has said and the server does not know yet. */
  private marked(details: ImageDetails): ImageDetails {
    const { waitingMark: said } = this.sync ?? {};
    if (!said) return details;
    return { ...details, mark: { ...details.mark, state: said.state, note: said.note } };
  }
}

/** That there is more to do on an image. */
function toldOf({ state, note }: ImageMark): string {
  if (state === "returned")
    return note ? m.annotate_told_returned_note({ note }) : m.annotate_told_returned();
  return note ? m.annotate_told_again_note({ note }) : m.annotate_told_again();
}
