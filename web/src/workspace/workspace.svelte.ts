/** The annotate page without its pixels: brings picture, embedding and annotations of an image together. */

import { tick } from "svelte";
import { ApiError, explain, NetworkError } from "../api/errors.ts";
import {
  type Category,
  type Exhaustivity,
  type ImageDetails,
  type ImageState,
  isOpenWork,
  type Project,
  type ReturnedTo,
} from "../api/types.ts";
import type { Services } from "../app/services.ts";
import { WorkClock, watchWork } from "../session/pace.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";
import { CloserLook, encodeRegion } from "./closer-look.svelte.ts";
import { Comments } from "./comments.svelte.ts";
import { EmbeddingWaits } from "./embedding-waits.ts";
import { Engine } from "./engine.svelte.ts";
import { reopenedText } from "./exhaustivity.ts";
import { Handouts } from "./handouts.ts";
import { History } from "./history.svelte.ts";
import { ImageCache } from "./image-cache.ts";
import { LastCategory } from "./last-category.ts";
import { Marks } from "./marks.ts";
import { Objects } from "./objects.svelte.ts";
import { OpenImage } from "./open-image.svelte.ts";
import { OwnSteps } from "./own-steps.ts";
import { Propagator } from "./propagator.ts";
import { type Rights, rightsOn } from "./rights.ts";
import { Suggesting } from "./suggesting.svelte.ts";
import { WatchedProject } from "./watched-project.svelte.ts";

export class Workspace {
  picture = $state.raw<ImageBitmap | null>(null);
  problem = $state("");
  private outOfReach = false; // the problem is that the server could not be asked

  readonly engine: Engine;
  readonly session: Session;
  readonly objects: Objects;
  readonly closer: CloserLook;
  readonly marks: Marks;
  readonly handouts: Handouts;
  readonly history: History;
  readonly comments: Comments;
  readonly suggesting: Suggesting;
  readonly propagator: Propagator;
  private readonly opened: OpenImage;
  private readonly ownSteps: OwnSteps;
  private readonly waits = new EmbeddingWaits();
  private readonly cache: ImageCache;
  private readonly lastCategory: LastCategory;
  private readonly watched: WatchedProject;
  private readonly disposers: (() => void)[] = [];
  /** The image that the person asked for last; answers for another one are dropped. */
  private wanted = 0;

  constructor(
    private readonly services: Services,
    projectId: number,
  ) {
    const { client, toasts, saving } = services;
    const listing = () => services.router.listing;
    this.cache = new ImageCache(client, this.waits, () => this.engine.model, listing);
    this.lastCategory = new LastCategory(localStorage, projectId);
    let learnModel!: (sha256: string) => void;
    const model = new Promise<string>((resolve) => {
      learnModel = resolve;
    });
    this.engine = new Engine(client, model, (error) => toasts.error(error));
    const { decoder } = this.engine;
    const clock = new WorkClock();
    this.disposers.push(watchWork(clock, window));
    window.addEventListener("online", this.tryAgain);
    this.disposers.push(() => window.removeEventListener("online", this.tryAgain));
    this.session = createSession({
      decoder,
      record: (...step) => {
        void this.opened.record(...step);
        queueMicrotask(() => this.turnOverWhenFree()); // the step may have ended what was drawn
      },
      notify: ({ level, message }) => {
        const text = services.view.keymap.inText(message);
        if (level === "error") toasts.error(new Error(text));
        else toasts.info(text);
      },
      onOutside: () => void this.closer.leave(),
      onRemoved: (count, undo) => toasts.offer(m.annotate_removed({ count }), undo),
      onCategory: (id) => this.lastCategory.remember(id),
      clock,
      readOnly: () => this.rights.readOnly,
    });
    this.closer = new CloserLook(decoder, this.session, {
      encode: (imageId, region, signal) =>
        this.heeding(encodeRegion(client, this.waits, this.engine.model, imageId, region, signal)),
      whole: () => this.engine.embedding,
      tell: (message) => toasts.info(message),
      fail: (error) => toasts.error(error),
    });
    this.objects = new Objects(this.session);
    this.propagator = new Propagator(decoder, this.session, this.objects, (...said) => this.tell(...said));
    this.marks = new Marks(client, projectId, listing);
    this.handouts = new Handouts(client, projectId, this.marks, listing);
    this.history = new History({
      client,
      session: this.session,
      know: (deleted) => this.opened.know(deleted),
      tell: (message) => this.tell(message),
      fail: (error) => toasts.error(error),
    });
    this.comments = new Comments(
      client,
      sessionStorage,
      () => `${services.account.id}`,
      (error) => toasts.error(error),
    );
    this.suggesting = new Suggesting(
      client,
      this.session,
      (message) => this.tell(message),
      (error) => toasts.error(error),
    );
    this.opened = new OpenImage({
      client,
      listing,
      marks: this.marks,
      synchroniser: () => saving.ready(),
      me: () => services.account.name,
      replace: (annotations, exhaustive) => this.session.replaceAnnotations(annotations, exhaustive),
      reopened: (said) => this.tell(reopenedText(said, this.session.list.categories)),
      based: (...at) => void this.ownSteps.load(...at),
      tell: (message) => this.tell(message),
      fail: (error) => toasts.error(error),
    });
    this.ownSteps = new OwnSteps({
      client,
      me: () => services.account.name,
      precede: (steps, ended) => {
        this.opened.remember(steps);
        this.session.store.precede(steps, ended);
      },
      fail: (error) => toasts.error(error),
    });
    saving.onMarkRefused = (imageId) => this.marks.forget(imageId);
    this.watched = new WatchedProject(client, projectId, {
      categories: (...known) => this.setCategories(...known),
      model: (sha256) => {
        learnModel(sha256);
        void this.follow(sha256);
      },
      fail: (error) => toasts.error(error),
    });
    this.disposers.push(
      () => this.watched.dispose(),
      services.streams.listen(projectId, {
        embedding: ({ image_id }) => this.waits.wake(image_id),
        region: ({ image_id }) => this.waits.wake(image_id),
        categories: () => this.watched.loadSoon(),
        suggestions: (told) => this.suggesting.hear(told),
        model: () => this.watched.loadSoon(),
        annotations: ({ image_id, revision, mark }) => {
          void this.notice(image_id, revision);
          this.opened.hear(image_id, revision, mark);
          this.history.hear(image_id);
        },
        comments: ({ image_id }) => this.comments.hear(image_id),
        work: ({ images }) => this.opened.hearWork(images),
        tags: ({ images }) => this.opened.hearTags(images),
        access: () => void this.heedRights(),
        start: () => this.catchUp(),
        reset: () => this.catchUp(),
      }),
    );
    void this.watched.load(); // a stream that another tab has opened does not start again for this one
  }

  get project(): Project | null {
    return this.watched.project;
  }

  get image(): ImageDetails | null {
    return this.opened.details;
  }

  /** Who said of which category that all of it are annotated, as the server knows it. */
  get exhaustivity(): readonly Exhaustivity[] {
    return this.opened.exhaustivity;
  }

  /** What the person may do with the open image. */
  get rights(): Rights {
    return rightsOn(this.image, this.project);
  }

  async mark(state: ImageState, note: string, to?: ReturnedTo): Promise<boolean> {
    return await this.opened.mark(state, note, to);
  }

  async open(id: number): Promise<void> {
    this.leave();
    this.turnOver();
    this.wanted = id;
    const loading = this.lookAt(id);
    try {
      await Promise.all([
        this.openAnnotations(id, loading.details),
        this.openPicture(id, loading.file),
        this.openEmbedding(id, loading.embedding),
      ]);
      if (this.wanted !== id || !this.engine.ready) return;
      const { draft } = this.opened;
      if (this.session.draft.active && draft?.region) void this.closer.look(draft.region); // as it was drawn
      await this.propagator.find();
    } catch (error) {
      if (this.wanted !== id) return;
      this.problem = explained(error);
      this.outOfReach = error instanceof NetworkError;
    }
  }

  /** Open the same image again, from the server. */
  async reload(): Promise<void> {
    const id = this.wanted;
    this.cache.forget(id);
    await this.open(id);
  }

  async loadProject(): Promise<void> {
    await this.watched.load();
  }

  dispose(): void {
    this.leave();
    this.cache.clear();
    this.history.dispose();
    for (const dispose of this.disposers) dispose();
    this.engine.dispose();
  }

  /**
   * Put the open image away. What is drawn and not yet accepted is kept as an annotation, or as what is drawn when the image
   * is opened again: leaving loses nothing.
   */
  private leave(): void {
    this.wanted = 0;
    this.giveBack();
    if (this.session.draft.active && !this.session.readOnly) {
      const obstacle = this.session.drawing.keep();
      if (!obstacle) this.tell(m.annotate_draft_kept());
      else this.tell(m.annotate_draft_waits(), obstacle.message);
    }
    this.closer.reset();
    this.ownSteps.forget();
    this.session.close();
    this.suggesting.open(0);
    this.comments.show(0);
    this.engine.close();
    this.opened.close();
    const { picture } = this;
    this.picture = null;
    if (picture) void tick().then(() => picture.close()); // what shows it may paint once more before it hears of this
    this.problem = "";
  }

  /** Others may have the open image, if it was this person's and is not settled. Called when the page goes away, too. */
  giveBack(): void {
    const { image } = this;
    if (!image || !isOpenWork(image.mark.state)) return;
    if (image.work.reserved || image.work.held_by !== this.services.account.name) return;
    void this.handouts.leave(image.id).catch(() => undefined); // the lease ends by itself
  }

  private setCategories(categories: readonly Category[], first: boolean): void {
    this.session.setCategories(categories);
    const last = this.lastCategory.known(categories);
    if (first && last !== null && this.session.categoryId === null) this.session.categoryId = last;
  }

  /** The project uses this model. The page goes on with the one that it has until nothing is drawn that would change. */
  private async follow(sha256: string): Promise<void> {
    if (await this.engine.follow(sha256)) this.turnOverWhenFree();
  }

  /**
   * What is being drawn keeps the answers that it has; but while there are none, since no embedding of the image fits the model
   * of this page any more, nothing is lost by another one.
   */
  private turnOverWhenFree(): void {
    if (this.session.draft.active && this.engine.ready) return;
    if (!this.turnOver()) return;
    this.closer.reset();
    this.session.lookAt(null);
    const id = this.wanted;
    if (id) void this.openEmbedding(id, this.lookAt(id).embedding);
  }

  /** The person may do something else than before: an image that opens for looking only, or is open for drawing again. */
  private async heedRights(): Promise<void> {
    const before = this.session.readOnly;
    try {
      await Promise.all([this.watched.load(), this.opened.refresh()]);
    } catch (error) {
      this.services.toasts.error(error);
      return;
    }
    const { readOnly } = this.session;
    if (readOnly === before || !this.wanted) return;
    if (readOnly) this.tell(readOnly, m.annotate_draft_in_browser());
    await this.reload();
  }

  private turnOver(): boolean {
    if (!this.engine.turnOver()) return false;
    this.cache.clear();
    this.tell(m.annotate_model_changed({ model: this.project?.model.title ?? "" }));
    return true;
  }

  private lookAt(id: number): ReturnType<ImageCache["look"]> {
    return this.cache.look(id, (pending) => {
      if (this.wanted === id) this.engine.hear(pending);
    });
  }

  /** What the server refuses because the project uses another model has this page follow. */
  private async heeding<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof ApiError && error.code === "model_changed") this.watched.loadSoon();
      throw error;
    }
  }

  private async openAnnotations(id: number, loading: Promise<ImageDetails>): Promise<void> {
    const opened = await this.opened.open(id, loading);
    if (!opened) return;
    const { details, annotations, draft, refused, exhaustive, settled } = opened;
    const image = { id, width: details.width, height: details.height };
    this.session.open(image, annotations, draft, refused, exhaustive);
    if (details.revision > 0 || annotations.length > 0) void this.ownSteps.load(id, settled);
    if (!this.session.readOnly) this.suggesting.open(id);
    this.comments.show(id);
    if (draft && !this.session.readOnly) this.tell(m.annotate_draft_back());
    if (this.engine.ready) this.session.embeddingReady();
    const fresh = await this.opened.refresh();
    if (fresh) void this.prefetchAround(fresh);
  }

  private async prefetchAround(image: ImageDetails): Promise<void> {
    const submits = isOpenWork(image.mark.state);
    const waiting = submits ? (this.handouts.ahead ?? image.next_waiting_id) : null;
    if (this.wanted !== image.id) return;
    await this.cache.prefetchAround(image, waiting);
    const next = waiting ?? image.next_id;
    const coming = next === null ? null : this.cache.embeddingAhead(next);
    if (coming && this.wanted === image.id) await this.engine.prepareAhead(coming);
  }

  private async openPicture(id: number, file: Promise<Blob>): Promise<void> {
    const picture = await createImageBitmap(await file);
    if (this.wanted === id) this.picture = picture;
    else picture.close();
  }

  private async openEmbedding(id: number, loading: Promise<ArrayBuffer>): Promise<void> {
    const opened = await this.engine.open(this.heeding(loading));
    if (opened && this.session.image?.id === id) this.session.embeddingReady();
  }

  private async notice(imageId: number, revision: number): Promise<void> {
    await (await this.services.saving.ready()).notice(imageId, revision);
  }

  /** After a gap in the events: ask for what they would have told, also of the image that is on its way. */
  private catchUp(): void {
    this.waits.wake(this.wanted);
    this.watched.loadSoon();
    this.marks.missed();
    this.history.hear(this.wanted);
    void this.comments.load();
    void this.suggesting.load();
    if (this.tryAgain()) return;
    // Whatever the revision is by now, it counts as newer.
    if (this.wanted) void this.notice(this.wanted, Number.MAX_SAFE_INTEGER);
  }

  /** The image that could not be opened is, if that was for want of the server. @returns whether it is being tried */
  private readonly tryAgain = (): boolean => {
    if (!this.problem || !this.outOfReach) return false;
    void this.reload();
    return true;
  };

  /** Commands in braces are written as the keys that mean them. */
  private tell(message: string, hint = ""): void {
    const { keymap } = this.services.view;
    this.services.toasts.info(keymap.inText(message), keymap.inText(hint));
  }
}

function explained(error: unknown): string {
  const { message, hint } = explain(error);
  return `${message} ${hint}`.trim();
}
